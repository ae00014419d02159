//! A file that is replaced while daemons write to it.
//!
//! Who has the old file open writes to it after the new one has taken its name; carbon and go-carbon
//! open a file for each update, so that this lasts for microseconds. What came to the old file between
//! reading it and its last writer's end is stored in the new one. A daemon that keeps the file open is
//! refused instead ([`writers`]).

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use plumbago_storage_format::whisper::{Dialect, Header, Slot};

use super::replace::{Replacement, Room, sync_folder_of};
use super::whisper_file::{Edit, LockFlag, WhisperFile};
use super::{ToolError, times, writers};

/// What `st_blocks` counts.
const BLOCK_BYTES: u64 = 512;

/// How a file is replaced.
#[derive(Clone, Copy, Debug)]
pub(super) struct Swap {
    pub(super) lock: LockFlag,
    /// The dialect of the file as it is.
    pub(super) former: Dialect,
    /// The dialect of the file to come.
    pub(super) wanted: Dialect,
    /// `None` to stay written or sparse.
    pub(super) room: Option<Room>,
    pub(super) keeps_backup: bool,
}

impl Swap {
    /// Replaces a file by what `make` makes of its bytes; the length before and after.
    ///
    /// # Errors
    /// When somebody keeps the file open, what `make` refuses, and what the system refuses. The file
    /// is then as it was, but for the very end: once the new one has taken the name, the old one
    /// stays as the backup.
    pub(super) fn run(
        &self,
        path: &Path,
        make: impl FnOnce(&[u8]) -> Result<Vec<u8>, ToolError>,
    ) -> Result<(u64, u64), ToolError> {
        let path = &fs::canonicalize(path).map_err(ToolError::io(path, "cannot be read"))?;
        let file = File::open(path).map_err(ToolError::io(path, "cannot be opened"))?;
        // Before the lock, for which others may wait with the file open.
        writers::wait_for_none(&file, path)?;
        if self.lock.lock {
            file.lock()
                .map_err(ToolError::io(path, "cannot be locked"))?;
        }
        let metadata = file.metadata();
        let metadata = metadata.map_err(ToolError::io(path, "cannot be read"))?;
        let former = read_all(path, &file)?;
        let image = make(&former)?;
        let is_sparse = metadata.blocks() * BLOCK_BYTES < metadata.len();
        let own_room = if is_sparse {
            Room::Sparse
        } else {
            Room::Written
        };
        let new = Replacement::begin(path)?;
        new.write(&image, self.room.unwrap_or(own_room))?;
        new.resemble(&metadata)?;
        // Always made: the old file is there to be looked at, should a step below fail.
        let backup = with_suffix(path, ".bak");
        new.replace(Some(&backup))?;
        self.bring_over(path, &file, &former)?;
        if !self.keeps_backup {
            fs::remove_file(&backup).map_err(ToolError::io(&backup, "cannot be removed"))?;
            sync_folder_of(path)?;
        }
        Ok((former.len() as u64, image.len() as u64))
    }

    /// Stores in the new file what somebody wrote to the old one since it was read. Who waits for
    /// the lock has opened the old file: it is let in first.
    fn bring_over(&self, path: &Path, old: &File, former: &[u8]) -> Result<(), ToolError> {
        if self.lock.lock {
            old.unlock()
                .map_err(ToolError::io(path, "cannot be unlocked"))?;
        }
        writers::wait_for_none(old, path)?;
        let header = Header::parse(former, self.former).map_err(ToolError::damaged(path))?;
        let now = times::now();
        let points = new_points(&header, former, &read_all(path, old)?, now);
        if points.is_empty() {
            return Ok(());
        }
        let mut edit = Edit::open(path, self.wanted, self.lock)?;
        let WhisperFile { header, bytes } = &mut edit.after;
        let stored = header.update_many(bytes, &points, now);
        stored.map_err(ToolError::damaged(path))?;
        edit.commit().map(drop)
    }
}

/// The points of the slots that differ, of each time those of the finest archive that holds it.
fn new_points(header: &Header, former: &[u8], present: &[u8], now: i64) -> Vec<(i64, f64)> {
    let mut points = Vec::new();
    for (number, _) in header.archives().iter().enumerate() {
        let slots = |bytes| header.slots(bytes, number);
        let (Ok(former), Ok(present)) = (slots(former), slots(present)) else {
            return points;
        };
        let finer = &header.archives()[..number];
        let differs = |pair: &(Slot, Slot)| pair.0 != pair.1;
        for (_, slot) in former.zip(present).filter(differs) {
            let time = i64::from(slot.timestamp_s);
            if !finer.iter().any(|archive| archive.holds(time, now)) {
                points.push((time, slot.value));
            }
        }
    }
    points
}

fn read_all(path: &Path, mut file: &File) -> Result<Vec<u8>, ToolError> {
    let mut bytes = Vec::new();
    let read = file.seek(SeekFrom::Start(0));
    let read = read.and_then(|_| file.read_to_end(&mut bytes));
    read.map_err(ToolError::io(path, "cannot be read"))?;
    Ok(bytes)
}

/// A path with something after its last character.
fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut text = OsString::from(path);
    text.push(suffix);
    PathBuf::from(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use plumbago_storage_format::whisper::{ArchiveSpec, Method};

    #[test]
    fn points_that_came_meanwhile_are_seen_and_what_follows_from_them_is_not() {
        let spec = |step_s, points| ArchiveSpec { step_s, points };
        let archives = [spec(10, 6), spec(60, 10)];
        let header = Header::new(&archives, Method::Sum, 0.0, Dialect::Reference).unwrap();
        let (mut former, now) = (header.image(), 1_215);
        header.update(&mut former, 1_200, 1.0, now).unwrap();
        let mut present = former.clone();
        assert!(new_points(&header, &former, &present, now).is_empty());
        header.update(&mut present, 1_210, 2.0, now).unwrap();
        header.update(&mut present, 1_080, 3.0, now).unwrap();
        let points = new_points(&header, &former, &present, now);
        assert_eq!(points, [(1_210, 2.0), (1_080, 3.0)]);
    }
}

//! `resize`: a file's points in other archives.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use clap::Args;
use plumbago_storage_format::whisper::{ArchiveSpec, Dialect, Header, Method, Resize as How, Slot};

use super::archives::{self, RollupFlags};
use super::dialect::DialectFlag;
use super::output::Output;
use super::replace::{Replacement, Room, sync_folder_of};
use super::times;
use super::whisper_file::{Edit, LockFlag, WhisperFile};
use super::{Outcome, ToolError};

/// What `st_blocks` counts.
const BLOCK_BYTES: u64 = 512;

/// The flags of `resize`.
#[derive(Debug, Args)]
#[command(
    after_help = "The file is replaced in one step and keeps owner and mode; the former one stays as \
    PATH.bak. Points that somebody writes to it meanwhile are brought over. A daemon that keeps its \
    files open (this one, engine whisper) must not run meanwhile; carbon and go-carbon may.\n\n\
    Examples:\n  \
    plumbago resize load.wsp 10s:1d 1m:30d 10m:5y\n  \
    plumbago resize --nobackup --lock --aggregate --aggregationMethod max load.wsp 1m:30d,1h:5y\n  \
    plumbago resize --newfile coarse.wsp load.wsp 1h:5y"
)]
pub struct Resize {
    /// A Whisper file.
    path: PathBuf,
    /// The new archives.
    #[arg(required = true, value_name = "STEP:RETENTION")]
    archives: Vec<String>,
    #[command(flatten)]
    rollup: RollupFlags,
    /// Make each new slot of the old values in it, instead of writing each old value as a point.
    #[arg(long)]
    aggregate: bool,
    /// Write to this file and leave PATH alone.
    #[arg(long, value_name = "FILE")]
    newfile: Option<PathBuf>,
    /// Replace a file that has the name of --newfile.
    #[arg(long)]
    force: bool,
    /// Keep no PATH.bak.
    #[arg(long)]
    nobackup: bool,
    #[command(flatten)]
    lock: LockFlag,
    #[command(flatten)]
    dialect: DialectFlag,
}

/// What a file is to become, and how.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan<'a> {
    pub(super) archives: &'a [ArchiveSpec],
    /// `None` for the file's own.
    pub(super) method: Option<Method>,
    /// `None` for the file's own.
    pub(super) x_files_factor: Option<f32>,
    pub(super) how: How,
    pub(super) keeps_backup: bool,
    pub(super) lock: LockFlag,
    pub(super) dialect: Dialect,
    pub(super) now: i64,
}

impl Resize {
    /// Resizes the file.
    ///
    /// # Errors
    /// Archives that no file can have, a path that is no Whisper file, a full disk; the file is then
    /// as it was.
    pub(super) fn run(&self) -> Result<Outcome, ToolError> {
        let archives = archives::parse(&self.archives)?;
        let plan = Plan {
            archives: &archives,
            method: self.rollup.aggregation_method,
            x_files_factor: self.rollup.x_files_factor,
            how: match self.aggregate {
                true => How::Aggregate,
                false => How::Points,
            },
            keeps_backup: !self.nobackup,
            lock: self.lock,
            dialect: self.dialect.get(),
            now: times::now(),
        };
        let (former, resized) = match &self.newfile {
            Some(newfile) => plan.resize_into(&self.path, newfile, self.force)?,
            None => plan.resize(&self.path)?,
        };
        let mut output = Output::stdout();
        output.line(format_args!(
            "Resized: {} ({former} -> {resized} bytes)",
            self.newfile.as_ref().unwrap_or(&self.path).display()
        ))?;
        output.finish()?;
        Ok(Outcome::Done)
    }
}

impl Plan<'_> {
    /// Resizes a file in its place; its length before and after.
    ///
    /// # Errors
    /// As [`Resize::run`].
    pub(super) fn resize(&self, path: &Path) -> Result<(u64, u64), ToolError> {
        let path = &fs::canonicalize(path).map_err(ToolError::io(path, "cannot be read"))?;
        let file = self.open(path)?;
        let metadata = file.metadata();
        let metadata = metadata.map_err(ToolError::io(path, "cannot be read"))?;
        let former = read_all(path, &file)?;
        let image = self.image(path, &former)?;
        let is_sparse = metadata.blocks() * BLOCK_BYTES < metadata.len();
        let room = if is_sparse {
            Room::Sparse
        } else {
            Room::Written
        };
        let new = Replacement::begin(path)?;
        new.write(&image, room)?;
        new.resemble(&metadata)?;
        // Always made: it is what a reader of the old file finds, should a step below fail.
        let backup = with_suffix(path, ".bak");
        new.replace(Some(&backup))?;
        self.bring_over(path, &file, &former)?;
        if !self.keeps_backup {
            fs::remove_file(&backup).map_err(ToolError::io(&backup, "cannot be removed"))?;
            sync_folder_of(path)?;
        }
        Ok((former.len() as u64, image.len() as u64))
    }

    fn resize_into(
        &self,
        path: &Path,
        newfile: &Path,
        force: bool,
    ) -> Result<(u64, u64), ToolError> {
        if !force && newfile.exists() {
            let reason = "is there already (--force replaces it)";
            return Err(ToolError::BadInput(format!(
                "{}: {reason}",
                newfile.display()
            )));
        }
        let file = self.open(path)?;
        let former = read_all(path, &file)?;
        let image = self.image(path, &former)?;
        let new = Replacement::begin(newfile)?;
        new.write(&image, Room::Written)?;
        match force {
            true => new.replace(None)?,
            false => new.name()?,
        }
        Ok((former.len() as u64, image.len() as u64))
    }

    fn open(&self, path: &Path) -> Result<File, ToolError> {
        let file = OpenOptions::new().read(true).open(path);
        let file = file.map_err(ToolError::io(path, "cannot be opened"))?;
        if self.lock.lock {
            file.lock()
                .map_err(ToolError::io(path, "cannot be locked"))?;
        }
        Ok(file)
    }

    fn image(&self, path: &Path, former: &[u8]) -> Result<Vec<u8>, ToolError> {
        let own = Header::parse(former, self.dialect).map_err(ToolError::damaged(path))?;
        let method = self.method.unwrap_or(own.method());
        let factor = self.x_files_factor.unwrap_or(own.x_files_factor());
        let wanted = Header::new(self.archives, method, factor, self.dialect);
        let wanted = wanted.map_err(ToolError::damaged(path))?;
        let image = own.resize(former, &wanted, self.how, self.now);
        image.map_err(ToolError::damaged(path))
    }

    /// Stores in the new file what somebody wrote to the old one since it was read. Who waited for
    /// the lock has opened the old file: it is let in first.
    fn bring_over(&self, path: &Path, old: &File, former: &[u8]) -> Result<(), ToolError> {
        if self.lock.lock {
            let again = old.unlock().and_then(|()| old.lock());
            again.map_err(ToolError::io(path, "cannot be locked"))?;
        }
        let header = Header::parse(former, self.dialect).map_err(ToolError::damaged(path))?;
        let now = times::now();
        let points = new_points(&header, former, &read_all(path, old)?, now);
        if points.is_empty() {
            return Ok(());
        }
        let mut edit = Edit::open(path, self.dialect, self.lock)?;
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
pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut text = OsString::from(path);
    text.push(suffix);
    PathBuf::from(text)
}

#[cfg(test)]
mod tests {
    use super::*;

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

//! New files and replaced ones, whole at every moment.
//!
//! The bytes go to a hidden file beside the target, are synced, and take the target's name in one
//! step; then the folder is synced. A full disk or Ctrl-C before that step leaves the target as it was.
//! A replaced file keeps owner, group and mode; who may not give them away is refused. Extended
//! attributes are not kept.
//!
//! The hidden file's name is made from the target's and locked while it is written: a second
//! process that replaces the same file is refused, and what a killed one left is used again.

use std::fs::{self, File, Metadata, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use rustix::fs::FallocateFlags;

use super::ToolError;

/// What a hidden file's name ends with.
pub(super) const TEMPORARY: &str = ".plumbago-tmp";

/// Bytes that are left out of a sparse file together, if all are zero.
const PAGE_BYTES: usize = 4096;

/// Mode bits that `chmod` sets.
const MODE_BITS: u32 = 0o7777;

/// How a file takes its room on the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Room {
    /// Every byte is written.
    #[default]
    Written,
    /// Reserved in one call, where the file system can.
    Fallocated,
    /// Pages of zeros are left out, and take room when points come.
    Sparse,
}

/// A file that has no name yet.
pub(super) struct Replacement {
    target: PathBuf,
    temporary: PathBuf,
    file: File,
    is_named: bool,
}

impl Replacement {
    /// Begins a file that will have the name `target`; a symbolic link is followed.
    ///
    /// # Errors
    /// When the folder cannot be written, or another process replaces the same file.
    pub(super) fn begin(target: &Path) -> Result<Self, ToolError> {
        let target = fs::canonicalize(target).unwrap_or_else(|_| target.to_owned());
        let mut name = std::ffi::OsString::from(".");
        name.push(target.file_name().unwrap_or_default());
        name.push(TEMPORARY);
        let temporary = target.with_file_name(name);
        let file = lock_new(&temporary)?;
        Ok(Self {
            target,
            temporary,
            file,
            is_named: false,
        })
    }

    /// Writes all of the file and syncs it.
    ///
    /// # Errors
    /// When the disk is full or fails.
    pub(super) fn write(&self, bytes: &[u8], room: Room) -> Result<(), ToolError> {
        let written = self.write_as(bytes, room);
        let written = written.and_then(|()| self.file.sync_all());
        written.map_err(ToolError::io(
            &self.target,
            "its new file cannot be written",
        ))
    }

    fn write_as(&self, bytes: &[u8], room: Room) -> io::Result<()> {
        let length = bytes.len() as u64;
        match room {
            Room::Written => return self.file.write_all_at(bytes, 0),
            Room::Sparse => self.file.set_len(length)?,
            Room::Fallocated => {
                rustix::fs::fallocate(&self.file, FallocateFlags::empty(), 0, length)?;
            }
        }
        for (number, page) in bytes.chunks(PAGE_BYTES).enumerate() {
            if page.iter().any(|&byte| byte != 0) {
                self.file.write_all_at(page, (number * PAGE_BYTES) as u64)?;
            }
        }
        Ok(())
    }

    /// Gives the file the owner, group and mode of another one.
    ///
    /// # Errors
    /// When the system does not let this user give them away.
    pub(super) fn resemble(&self, other: &Metadata) -> Result<(), ToolError> {
        let own = self.file.metadata();
        let own = own.map_err(ToolError::io(&self.temporary, "cannot be read"))?;
        if (own.uid(), own.gid()) != (other.uid(), other.gid()) {
            let owned = fchown(&self.file, Some(other.uid()), Some(other.gid()));
            owned.map_err(ToolError::io(&self.target, "its owner cannot be kept"))?;
        }
        let mode = Permissions::from_mode(other.mode() & MODE_BITS);
        let set = self.file.set_permissions(mode);
        set.map_err(ToolError::io(&self.target, "its mode cannot be kept"))
    }

    /// Takes the target's name from the file that has it, which keeps the name `backup` if one is
    /// given; a file that has that name is gone.
    ///
    /// # Errors
    /// What the system refuses; the target is then as it was.
    pub(super) fn replace(mut self, backup: Option<&Path>) -> Result<(), ToolError> {
        if let Some(backup) = backup {
            match fs::remove_file(backup) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(ToolError::io(backup, "cannot be replaced")(error));
                }
                _ => {}
            }
            let linked = fs::hard_link(&self.target, backup);
            linked.map_err(ToolError::io(backup, "cannot be made"))?;
        }
        let renamed = fs::rename(&self.temporary, &self.target);
        renamed.map_err(ToolError::io(&self.target, "cannot be replaced"))?;
        self.is_named = true;
        self.sync_folder()
    }

    /// Takes the target's name if no file has it.
    ///
    /// # Errors
    /// When there is one.
    pub(super) fn name(mut self) -> Result<(), ToolError> {
        let linked = fs::hard_link(&self.temporary, &self.target);
        linked.map_err(ToolError::io(&self.target, "cannot be made"))?;
        self.is_named = true;
        let removed = fs::remove_file(&self.temporary);
        removed.map_err(ToolError::io(&self.temporary, "cannot be removed"))?;
        self.sync_folder()
    }

    fn sync_folder(&self) -> Result<(), ToolError> {
        sync_folder_of(&self.target)
    }
}

impl Drop for Replacement {
    fn drop(&mut self) {
        if !self.is_named {
            // What is left is used again by the next run.
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

/// Makes a new name in a file's folder, or its absence, survive a power loss.
///
/// # Errors
/// What the system refuses.
pub(super) fn sync_folder_of(path: &Path) -> Result<(), ToolError> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(ToolError::io(folder, "cannot be synced"))
}

/// Opens an empty file that this process alone writes.
fn lock_new(path: &Path) -> Result<File, ToolError> {
    let busy = || {
        let reason = "is being written by another process";
        ToolError::BadInput(format!("{}: {reason}", path.display()))
    };
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    let file = options.open(path);
    let file = file.map_err(ToolError::io(path, "cannot be made"))?;
    file.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => busy(),
        TryLockError::Error(source) => ToolError::io(path, "cannot be locked")(source),
    })?;
    // Between opening and locking another process may have given the file its name.
    let is_same = match (fs::metadata(path), file.metadata()) {
        (Ok(named), Ok(opened)) => named.ino() == opened.ino() && named.dev() == opened.dev(),
        _ => false,
    };
    if !is_same {
        return Err(busy());
    }
    let emptied = file.set_len(0);
    emptied.map_err(ToolError::io(path, "cannot be written"))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap().flatten();
        let names = entries.map(|entry| entry.file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    #[test]
    fn a_replaced_file_keeps_mode_and_backup() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a.wsp");
        fs::write(&target, "old").unwrap();
        fs::set_permissions(&target, Permissions::from_mode(0o640)).unwrap();
        fs::write(folder.path().join("a.wsp.bak"), "older").unwrap();
        let replacement = Replacement::begin(&target).unwrap();
        replacement.write(b"new", Room::Written).unwrap();
        replacement
            .resemble(&fs::metadata(&target).unwrap())
            .unwrap();
        let backup = folder.path().join("a.wsp.bak");
        replacement.replace(Some(&backup)).unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"new");
        assert_eq!(fs::read(&backup).unwrap(), b"old");
        assert_eq!(fs::metadata(&target).unwrap().mode() & MODE_BITS, 0o640);
        assert_eq!(names(folder.path()), ["a.wsp", "a.wsp.bak"]);
    }

    #[test]
    fn what_is_not_finished_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a.wsp");
        let replacement = Replacement::begin(&target).unwrap();
        replacement.write(b"half", Room::Written).unwrap();
        drop(replacement);
        assert!(names(folder.path()).is_empty());
    }

    #[test]
    fn a_name_that_is_taken_is_not_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a.wsp");
        fs::write(&target, "old").unwrap();
        let replacement = Replacement::begin(&target).unwrap();
        replacement.write(b"new", Room::Written).unwrap();
        assert!(replacement.name().is_err());
        assert_eq!(fs::read(&target).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["a.wsp"]);
    }

    #[test]
    fn two_processes_do_not_write_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a.wsp");
        let first = Replacement::begin(&target).unwrap();
        let second = Replacement::begin(&target);
        assert!(second.is_err_and(|error| error.to_string().contains("another process")));
        first.write(b"whole", Room::Sparse).unwrap();
        first.name().unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"whole");
        // What a killed process left is no obstacle.
        fs::write(folder.path().join(".a.wsp.plumbago-tmp"), "left over").unwrap();
        let third = Replacement::begin(&target).unwrap();
        third.write(b"new", Room::Written).unwrap();
        third.replace(None).unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"new");
    }

    #[test]
    fn room_is_taken_as_asked() {
        let folder = tempfile::tempdir().unwrap();
        let mut bytes = vec![0; 1 << 20];
        bytes[5] = 1;
        bytes[700_000] = 2;
        for room in [Room::Written, Room::Fallocated, Room::Sparse] {
            let target = folder.path().join(format!("{room:?}.wsp"));
            let replacement = Replacement::begin(&target).unwrap();
            replacement.write(&bytes, room).unwrap();
            replacement.name().unwrap();
            assert_eq!(fs::read(&target).unwrap(), bytes);
            let taken = fs::metadata(&target).unwrap().blocks() * 512;
            assert_eq!(taken >= 1 << 20, room != Room::Sparse, "{room:?}: {taken}");
        }
    }
}

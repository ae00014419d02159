//! The data folder: made when missing, and locked so that one process alone writes in it.
//!
//! The catalog and every engine keep their files in it and rely on the lock: whoever opens them
//! for writing holds a [`DataFolder`] for as long as they are open. The lock belongs to the open
//! file, so the kernel releases it however the process ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

/// The file that is locked; it holds the number of the process that locked it last.
const LOCK_FILE: &str = "lock";

/// The socket by which the command line reaches the daemon of a folder.
const CONTROL_SOCKET: &str = "control.sock";

/// The longest path that a socket's address holds on every system.
const ADDRESS_BYTES_MAX: usize = 100;

/// Where the control socket of a data folder is.
#[derive(Debug)]
pub struct ControlSocket {
    address: PathBuf,
    /// Keeps a short way to a folder whose path is too long for an address.
    _folder: Option<File>,
}

impl ControlSocket {
    /// The socket of a folder, which need not be there.
    ///
    /// # Errors
    /// When the folder cannot be opened.
    pub fn in_folder(folder: &Path) -> io::Result<Self> {
        let path = folder.join(CONTROL_SOCKET);
        if path.as_os_str().len() <= ADDRESS_BYTES_MAX {
            return Ok(Self {
                address: path,
                _folder: None,
            });
        }
        let folder = File::open(folder)?;
        let short = format!("/proc/self/fd/{}/{CONTROL_SOCKET}", folder.as_raw_fd());
        Ok(Self {
            address: short.into(),
            _folder: Some(folder),
        })
    }

    /// The path to bind or connect to, valid while this lives.
    pub fn address(&self) -> &Path {
        &self.address
    }
}

/// A locked data folder. Dropping it releases the lock.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    _lock: File,
}

/// Why a data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// Another process has it.
    #[error("data folder {}: in use by another process{}", path.display(), holder(*process))]
    Locked {
        /// The folder.
        path: PathBuf,
        /// Who holds it, as far as the lock file tells.
        process: Option<u32>,
    },
    /// It cannot be made or written.
    #[error("data folder {}: {action}: {source}", path.display())]
    Io {
        /// The folder.
        path: PathBuf,
        /// What was being done.
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

fn holder(process: Option<u32>) -> String {
    process.map_or_else(String::new, |process| format!(" (process {process})"))
}

impl DataFolder {
    /// Makes the folder when it is missing and locks it.
    ///
    /// # Errors
    /// When another process holds the lock, or the folder cannot be made or written.
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        let io_error = |action| {
            move |source| FolderError::Io {
                path: path.to_owned(),
                action,
                source,
            }
        };
        std::fs::create_dir_all(path).map_err(io_error("cannot be made"))?;
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path.join(LOCK_FILE))
            .map_err(io_error("cannot be written"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(FolderError::Locked {
                    path: path.to_owned(),
                    process: read_process(&mut lock),
                });
            }
            Err(TryLockError::Error(source)) => return Err(io_error("cannot be locked")(source)),
        }
        write_process(&mut lock).map_err(io_error("cannot be written"))?;
        Ok(Self {
            path: path.to_owned(),
            _lock: lock,
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// The process that has a folder's lock, found without trying to lock it: `Some(None)` when it is
/// nobody, `None` where the system does not tell.
pub fn holder_of(path: &Path) -> Option<Option<u32>> {
    use std::os::unix::fs::MetadataExt;
    let locks = std::fs::read_to_string("/proc/locks").ok()?;
    let Ok(file) = std::fs::metadata(path.join(LOCK_FILE)) else {
        return Some(None);
    };
    // 1: FLOCK  ADVISORY  WRITE 4711 08:01:131 0 EOF
    let holder = locks.lines().find_map(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let is_ours = fields.next()? == "FLOCK";
        let process = fields.nth(2)?.parse().ok()?;
        let number = fields.next()?.rsplit(':').next()?.parse::<u64>().ok()?;
        (is_ours && number == file.ino()).then_some(process)
    });
    Some(holder)
}

fn read_process(lock: &mut File) -> Option<u32> {
    let mut text = String::new();
    lock.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn write_process(lock: &mut File) -> io::Result<()> {
    lock.set_len(0)?;
    lock.rewind()?;
    writeln!(lock, "{}", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn second_opening_names_the_holder() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("deep/data");
        let folder = DataFolder::open(&path).unwrap();
        let message = DataFolder::open(&path).unwrap_err().to_string();
        let process = std::process::id();
        assert!(
            message.ends_with(&format!("in use by another process (process {process})")),
            "{message}"
        );
        if cfg!(target_os = "linux") {
            assert_eq!(holder_of(&path), Some(Some(process)));
        }
        drop(folder);
        if cfg!(target_os = "linux") {
            assert_eq!(holder_of(&path), Some(None));
        }
        assert_eq!(DataFolder::open(&path).unwrap().path(), path);
    }

    #[test]
    fn folder_that_cannot_be_made_says_so() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let message = DataFolder::open(&file.path().join("data"))
            .unwrap_err()
            .to_string();
        assert!(message.contains("cannot be made"), "{message}");
    }
}

//! What the engine asks of a disk, and the real one.
//!
//! Every byte that the engine keeps goes through [`Disk`]: the crash tests run the same code on a
//! simulated one that tells written from durable bytes. Small files are replaced whole; panels and
//! late segments are [`WordFile`]s, mapped; blocks are [`Bytes`], mapped read-only.
//!
//! Threads: all of it may be called from any thread; who may write what is the callers' affair.

use std::fmt::Debug;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::Relaxed;

use rustix::fs::{FallocateFlags, SeekFrom};

use crate::storage::StoreError;
use crate::storage::map::{Bytes, Words, start_writing_out};

/// The operations that the engine needs, each with the durability of its POSIX namesake.
pub(super) trait Disk: Send + Sync + Debug {
    /// Makes a folder and its parents.
    fn create_dir(&self, path: &Path) -> io::Result<()>;
    /// The names in a folder; empty when there is no such folder.
    fn list(&self, path: &Path) -> io::Result<Vec<String>>;
    /// A whole small file.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
    /// Writes a new file, replacing what has the name, and makes its bytes (not its name) durable.
    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()>;
    /// Renames; durable after [`Disk::sync_dir`].
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes; durable after [`Disk::sync_dir`].
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes a folder's names durable.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
    /// Makes a sparse file of `bytes` bytes that begins with `head`, its bytes durable, and maps it.
    fn create_words(&self, path: &Path, head: &[u8], bytes: u64) -> io::Result<WordFile>;
    /// Maps a file of words, whole.
    fn open_words(&self, path: &Path) -> io::Result<WordFile>;
    /// Maps an immutable file.
    fn map(&self, path: &Path) -> io::Result<Bytes>;
    /// Bytes that an unprivileged writer may still use on the file system of `path`.
    fn free_bytes(&self, path: &Path) -> io::Result<u64>;
    /// True when writes are let pass and change nothing, for a look at a store that another process
    /// may be writing to.
    fn is_read_only(&self) -> bool {
        false
    }

    /// Replaces a small file so that a crash leaves the old or the new one, and returns once the new
    /// one is durable.
    fn replace(&self, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
        let folder = path.parent().unwrap_or(path);
        let temporary = path.with_extension("tmp");
        let written = self
            .write(&temporary, bytes)
            .map_err(failed(&temporary, "write"))
            .and_then(|()| {
                self.rename(&temporary, path)
                    .map_err(failed(path, "rename to"))
            });
        if let Err(error) = written {
            // Best effort: what stays behind is swept when the store is opened.
            let _ = self.remove(&temporary);
            return Err(error);
        }
        self.sync_dir(folder).map_err(failed(folder, "sync folder"))
    }
}

/// A mapped file of words and what can be asked of its file.
#[derive(Debug)]
pub(super) struct WordFile {
    /// The words.
    pub(super) words: Words,
    /// The file behind them.
    pub(super) backing: Box<dyn WordBacking>,
}

/// The file behind a map of words. Ranges are in words.
pub(super) trait WordBacking: Send + Sync + Debug {
    /// Makes sure that stores to `range` cannot run out of disk.
    fn reserve(&self, range: Range<usize>) -> io::Result<()>;
    /// Zeroes `range`, keeping the reservation, with as few bytes to the device as the file system
    /// allows. Nobody stores to `range` meanwhile. Durable after [`WordBacking::sync`].
    fn clear(&self, words: &Words, range: Range<usize>) -> io::Result<()>;
    /// False when `range` is a hole of the file, which reads as zeros. A hole is not to be read through
    /// the map: tmpfs gives it a page even then, and kills the process when there is none.
    fn has_data(&self, _range: Range<usize>) -> io::Result<bool> {
        Ok(true)
    }
    /// Bytes that the file takes on the disk, reserved ones too, where there is one.
    fn disk_bytes(&self) -> u64 {
        0
    }
    /// Starts to write out what is dirty, without waiting.
    fn start_sync(&self) -> io::Result<()>;
    /// Makes everything stored before the call durable.
    fn sync(&self, words: &Words) -> io::Result<()>;
}

/// Wraps a failure with what was being done where.
pub(super) fn failed(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> StoreError {
    let path = PathBuf::from(path);
    move |source| StoreError::Io {
        path,
        action,
        source,
    }
}

/// True for the failures that more room on the disk would heal.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded
    )
}

/// True when a [`StoreError`] is a full disk.
pub(super) fn is_full_disk(error: &StoreError) -> bool {
    matches!(error, StoreError::Io { source, .. } if is_full(source))
}

/// The operating system's file systems.
#[derive(Clone, Copy, Debug)]
pub(super) struct RealDisk;

impl Disk for RealDisk {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut names = Vec::new();
        for entry in entries {
            // A name that is not text is none of ours.
            names.extend(entry?.file_name().into_string());
        }
        names.sort();
        Ok(names)
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        fs::read(path)
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = File::create(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn create_words(&self, path: &Path, head: &[u8], bytes: u64) -> io::Result<WordFile> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(path)?;
        file.write_all(head)?;
        file.set_len(bytes)?;
        file.sync_all()?;
        word_file(file)
    }

    fn open_words(&self, path: &Path) -> io::Result<WordFile> {
        word_file(OpenOptions::new().read(true).write(true).open(path)?)
    }

    fn map(&self, path: &Path) -> io::Result<Bytes> {
        Bytes::map(&File::open(path)?)
    }

    fn free_bytes(&self, path: &Path) -> io::Result<u64> {
        let state = rustix::fs::statvfs(path)?;
        Ok(state.f_bavail.saturating_mul(state.f_frsize))
    }
}

fn word_file(file: File) -> io::Result<WordFile> {
    let bytes = file.metadata()?.len();
    let words = Words::map(&file, usize::try_from(bytes / 8).unwrap_or(usize::MAX))?;
    Ok(WordFile {
        words,
        backing: Box::new(RealBacking { file }),
    })
}

#[derive(Debug)]
struct RealBacking {
    file: File,
}

impl WordBacking for RealBacking {
    fn reserve(&self, range: Range<usize>) -> io::Result<()> {
        let (offset, length) = in_bytes(&range);
        let flags = FallocateFlags::KEEP_SIZE;
        match rustix::fs::fallocate(&self.file, flags, offset, length) {
            Ok(()) => Ok(()),
            Err(error) if is_unsupported(error) => self.fill(offset, length),
            Err(error) => Err(error.into()),
        }
    }

    fn clear(&self, words: &Words, range: Range<usize>) -> io::Result<()> {
        let (offset, length) = in_bytes(&range);
        let keep = FallocateFlags::KEEP_SIZE;
        let zero = FallocateFlags::ZERO_RANGE | keep;
        let error = match rustix::fs::fallocate(&self.file, zero, offset, length) {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        if !is_unsupported(error) {
            return Err(error.into());
        }
        // A hole would give the room away that a full disk needs to keep; where the file system
        // cannot zero a range in place, plain zeros cost writes but no risk.
        for word in words.run(range.start, range.len()) {
            word.store(0, Relaxed);
        }
        Ok(())
    }

    fn has_data(&self, range: Range<usize>) -> io::Result<bool> {
        let (offset, length) = in_bytes(&range);
        match rustix::fs::seek(&self.file, SeekFrom::Data(offset)) {
            Ok(found) => Ok(found < offset + length),
            Err(rustix::io::Errno::NXIO) => Ok(false),
            Err(error) if is_unsupported(error) => Ok(true),
            Err(error) => Err(error.into()),
        }
    }

    fn disk_bytes(&self) -> u64 {
        self.file.metadata().map_or(0, |file| file.blocks() * 512)
    }

    fn start_sync(&self) -> io::Result<()> {
        // Only a head start: a file system that cannot do it syncs as well without.
        start_writing_out(&self.file);
        Ok(())
    }

    fn sync(&self, _words: &Words) -> io::Result<()> {
        self.file.sync_data()
    }
}

impl RealBacking {
    /// Reserves where fallocate is unknown: writes zeros over holes only, by asking for the data map.
    fn fill(&self, offset: u64, length: u64) -> io::Result<()> {
        use std::os::unix::fs::FileExt;
        let mut page = [0; 4096];
        let mut at = offset;
        while at < offset + length {
            let wanted = usize::try_from((offset + length - at).min(4096)).unwrap_or(4096);
            // Writing back what is there allocates the page and changes nothing: the rows of a
            // group are reserved before anybody stores to them.
            self.file.read_exact_at(&mut page[..wanted], at)?;
            self.file.write_all_at(&page[..wanted], at)?;
            at += wanted as u64;
        }
        Ok(())
    }
}

fn in_bytes(range: &Range<usize>) -> (u64, u64) {
    (range.start as u64 * 8, range.len() as u64 * 8)
}

fn is_unsupported(error: rustix::io::Errno) -> bool {
    matches!(
        error,
        rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS | rustix::io::Errno::INVAL
    )
}

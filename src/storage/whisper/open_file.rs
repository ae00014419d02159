//! One file of the tree, open: checked, read under a shared lock, written under an exclusive one.
//!
//! A file may be replaced or changed by other tools at any time (`whisper-resize` renames a new one
//! over it, `whisper-set-aggregation-method` changes its header in place), so before each use the
//! path is asked whether it still leads here, and the header whether it is still what it was.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use parking_lot::RwLock;
use plumbago_storage_format::whisper::{Dialect, HEADER_BYTES_MAX, Header, METADATA_BYTES, Slot};
use rustix::fs::{AtFlags, CWD, FallocateFlags, FlockOperation, RenameFlags};

use super::pages::{Direct, Pages};
use crate::storage::StoreError;

/// Enough for the header of a file of forty archives; longer ones are read once more.
const HEAD_BYTES: usize = 512;

/// What files being made are called until they are whole; no other tool looks at such a name.
pub(super) const TEMPORARY: &str = ".plumbago-new-";

/// An open file of the tree.
#[derive(Debug)]
pub(super) struct OpenFile {
    path: PathBuf,
    file: File,
    /// Device and inode: what the path led to.
    identity: (u64, u64),
    is_writable: bool,
    header: Header,
    head: Vec<u8>,
    /// Shared by readers of slots, so that none sees half a slot of this process.
    slots: RwLock<()>,
}

/// How new files are made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Creation {
    /// Leave the blocks to the first write of each, instead of allocating all now.
    pub(super) is_sparse: bool,
    /// Tells the temporary files of this process' threads apart.
    pub(super) shard: usize,
}

/// Why a file cannot be used.
#[derive(Debug)]
pub(super) enum FileError {
    /// There is none.
    Missing,
    /// It, or the disk, is in the way.
    Failed(StoreError),
}

impl FileError {
    /// True when more room on the disk would heal it.
    pub(super) fn is_full(&self) -> bool {
        let Self::Failed(StoreError::Io { source, .. }) = self else {
            return false;
        };
        matches!(
            source.kind(),
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded
        )
    }
}

impl From<FileError> for StoreError {
    fn from(error: FileError) -> Self {
        match error {
            FileError::Failed(error) => error,
            FileError::Missing => Self::Io {
                path: PathBuf::new(),
                action: "open",
                source: ErrorKind::NotFound.into(),
            },
        }
    }
}

pub(super) fn failed(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> FileError {
    let path = path.to_owned();
    move |source| match source.kind() {
        // A file or folder on the way that is none has no file below it.
        ErrorKind::NotFound => FileError::Missing,
        _ => FileError::Failed(StoreError::Io {
            path,
            action,
            source,
        }),
    }
}

fn damaged(path: &Path, reason: impl ToString) -> FileError {
    FileError::Failed(StoreError::Damaged {
        path: path.to_owned(),
        reason: reason.to_string(),
    })
}

impl OpenFile {
    /// Opens a file and checks its header and length. One that may not be written is opened for
    /// reading alone.
    ///
    /// # Errors
    /// When there is none, it cannot be read, or is no Whisper file.
    pub(super) fn open(path: &Path, dialect: Dialect) -> Result<Self, FileError> {
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        let (file, is_writable) = match options.open(path) {
            Ok(file) => (file, true),
            Err(error) if is_forbidden(&error) => {
                (File::open(path).map_err(failed(path, "open"))?, false)
            }
            Err(error) => return Err(failed(path, "open")(error)),
        };
        Self::of(path, file, is_writable, dialect)
    }

    /// Opens a file for reading alone.
    ///
    /// # Errors
    /// As [`OpenFile::open`].
    pub(super) fn open_to_read(path: &Path, dialect: Dialect) -> Result<Self, FileError> {
        let file = File::open(path).map_err(failed(path, "open"))?;
        Self::of(path, file, false, dialect)
    }

    fn of(path: &Path, file: File, is_writable: bool, dialect: Dialect) -> Result<Self, FileError> {
        let metadata = file.metadata().map_err(failed(path, "stat"))?;
        if !metadata.is_file() {
            return Err(damaged(path, "it is no regular file"));
        }
        let head = read_head(&file, &metadata).map_err(failed(path, "read the header of"))?;
        let header = Header::parse_head(&head, metadata.len(), dialect)
            .map_err(|error| damaged(path, error))?;
        Ok(Self {
            path: path.to_owned(),
            identity: identity(&metadata),
            head: head[..header.header_bytes()].to_vec(),
            file,
            is_writable,
            header,
            slots: RwLock::new(()),
        })
    }

    /// Makes a new file: under another name first, with header and blocks, so that no empty or short
    /// file ever has the metric's name. `None` when another process made it meanwhile.
    ///
    /// # Errors
    /// When the disk is full or refuses; nothing is left behind then.
    pub(super) fn create(
        path: &Path,
        header: Header,
        creation: Creation,
    ) -> Result<Option<Self>, FileError> {
        let folder = path.parent().unwrap_or(path);
        let temporary = folder.join(format!("{TEMPORARY}{}", creation.shard));
        let file = new_file_in(folder, &temporary)?;
        let head = header.encode();
        let made = allocate(&file, header.file_bytes(), creation.is_sparse)
            .and_then(|()| file.write_all_at(&head, 0))
            .map_err(failed(&temporary, "allocate"))
            .and_then(|()| put_in_place(&temporary, path));
        if !matches!(made, Ok(true)) {
            // Best effort: what stays behind is swept by the next scan.
            let _ = std::fs::remove_file(&temporary);
        }
        if !made? {
            return Ok(None);
        }
        let metadata = file.metadata().map_err(failed(path, "stat"))?;
        Ok(Some(Self {
            path: path.to_owned(),
            identity: identity(&metadata),
            file,
            is_writable: true,
            header,
            head,
            slots: RwLock::new(()),
        }))
    }

    /// Writes the header of a file whose creation a power loss cut short: it has its whole length, and
    /// nothing but zeros where the header belongs. True when it was such a file.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub(super) fn finish_creation(path: &Path, header: &Header) -> Result<bool, FileError> {
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).open(path);
        let file = file.map_err(failed(path, "open"))?;
        let length = file.metadata().map_err(failed(path, "stat"))?.len();
        let mut metadata = [0; METADATA_BYTES];
        let is_unborn = length == header.file_bytes()
            && file.read_exact_at(&mut metadata, 0).is_ok()
            && metadata == [0; METADATA_BYTES];
        if is_unborn {
            let written = file.write_all_at(&header.encode(), 0);
            written.map_err(failed(path, "write the header of"))?;
        }
        Ok(is_unborn)
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What it says of itself.
    pub(super) fn header(&self) -> &Header {
        &self.header
    }

    /// True while the path leads here and the header is what it was.
    pub(super) fn is_current(&self) -> bool {
        let Ok(found) = rustix::fs::statat(CWD, &self.path, AtFlags::empty()) else {
            return false;
        };
        let mut head = vec![0; self.head.len()];
        (found.st_dev, found.st_ino) == self.identity
            && found.st_size as u64 >= self.header.file_bytes()
            && self.file.read_exact_at(&mut head, 0).is_ok()
            && head == self.head
    }

    /// `count` values of one archive from `start` on.
    ///
    /// # Errors
    /// When they cannot be read.
    pub(super) fn read(&self, archive: usize, range: (i64, usize)) -> Result<Vec<f64>, FileError> {
        let _shared = self.slots.read();
        let values = self
            .header
            .read_slots(&mut Direct(&self.file), archive, range);
        values.map_err(failed(&self.path, "read"))
    }

    /// The slot of an interval as it stands in the file.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn slot_at(&self, archive: usize, interval: i64) -> Result<Option<Slot>, FileError> {
        let _shared = self.slots.read();
        let slot = self
            .header
            .slot_at(&mut Direct(&self.file), archive, interval);
        slot.map_err(failed(&self.path, "read"))
    }

    /// The same as it would be after `points` were written at `now`.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn read_with(
        &self,
        points: &[(i64, f64)],
        now: i64,
        archive: usize,
        range: (i64, usize),
    ) -> Result<Vec<f64>, FileError> {
        let _shared = self.slots.read();
        let mut pages = Pages::of(Some(&self.file), self.header.file_bytes());
        let written = self.header.update_slots(&mut pages, points, now);
        written
            .and_then(|_| self.header.read_slots(&mut pages, archive, range))
            .map_err(failed(&self.path, "read"))
    }

    /// Writes points as the reference's `update_many` does.
    ///
    /// # Errors
    /// When it may not or cannot be written.
    pub(super) fn write(
        &self,
        points: &[(i64, f64)],
        now: i64,
        takes_lock: bool,
    ) -> Result<(), FileError> {
        if !self.is_writable {
            return Err(failed(&self.path, "write")(
                ErrorKind::PermissionDenied.into(),
            ));
        }
        let _exclusive = self.slots.write();
        let _lock = takes_lock.then(|| Flock::take(&self.file)).transpose();
        let _lock = _lock.map_err(failed(&self.path, "lock"))?;
        let mut pages = Pages::of(Some(&self.file), self.header.file_bytes());
        self.header
            .update_slots(&mut pages, points, now)
            .and_then(|_| pages.write_back())
            .map_err(failed(&self.path, "write"))
    }
}

/// The lock that carbon takes with `WHISPER_LOCK_WRITES`.
struct Flock<'a>(&'a File);

impl<'a> Flock<'a> {
    fn take(file: &'a File) -> io::Result<Self> {
        rustix::fs::flock(file, FlockOperation::LockExclusive)?;
        Ok(Self(file))
    }
}

impl Drop for Flock<'_> {
    fn drop(&mut self) {
        // The system releases it at the latest when the file is closed.
        let _ = rustix::fs::flock(self.0, FlockOperation::Unlock);
    }
}

fn is_forbidden(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem
    )
}

fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

fn read_head(file: &File, metadata: &Metadata) -> io::Result<Vec<u8>> {
    let held = usize::try_from(metadata.len()).unwrap_or(usize::MAX);
    let mut head = vec![0; held.min(HEAD_BYTES)];
    file.read_exact_at(&mut head, 0)?;
    let is_long = head
        .get(12..16)
        .is_some_and(|count| count[..3] == [0; 3] && count[3] > 41);
    if is_long && held > HEAD_BYTES {
        head.resize(held.min(HEADER_BYTES_MAX), 0);
        file.read_exact_at(&mut head, 0)?;
    }
    Ok(head)
}

fn new_file(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(path)
}

/// A new file in a folder that is made when it is missing, and made again when the removal of
/// another series takes it away in between.
fn new_file_in(folder: &Path, path: &Path) -> Result<File, FileError> {
    let mut tries = 3;
    loop {
        match new_file(path) {
            Err(error) if error.kind() == ErrorKind::NotFound && tries > 0 => {
                std::fs::create_dir_all(folder).map_err(failed(folder, "create folder"))?;
                tries -= 1;
            }
            other => return other.map_err(failed(path, "create")),
        }
    }
}

/// Gives a file its length, and its blocks unless it is to be sparse.
fn allocate(file: &File, bytes: u64, is_sparse: bool) -> io::Result<()> {
    if is_sparse {
        return file.set_len(bytes);
    }
    match rustix::fs::fallocate(file, FallocateFlags::empty(), 0, bytes) {
        Ok(()) => Ok(()),
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => fill(file, bytes),
        Err(error) => Err(error.into()),
    }
}

/// Zeros, as carbon writes them without fallocate.
fn fill(file: &File, bytes: u64) -> io::Result<()> {
    let zeros = vec![0; 64 * 1024];
    let mut at = 0;
    while at < bytes {
        let piece = (bytes - at).min(zeros.len() as u64);
        file.write_all_at(&zeros[..piece as usize], at)?;
        at += piece;
    }
    Ok(())
}

/// Gives a file its name unless another has it; false when one does.
fn put_in_place(temporary: &Path, path: &Path) -> Result<bool, FileError> {
    let renamed = rustix::fs::renameat_with(CWD, temporary, CWD, path, RenameFlags::NOREPLACE);
    match renamed.map_err(io::Error::from) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        // File systems that know no such flag: a link refuses a name that is taken as well.
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::InvalidInput | ErrorKind::Unsupported
            ) =>
        {
            match std::fs::hard_link(temporary, path) {
                Ok(()) => {
                    // It has the other name by now, and a scan sweeps this one.
                    let _ = std::fs::remove_file(temporary);
                    Ok(true)
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
                Err(error) => Err(failed(path, "link")(error)),
            }
        }
        Err(error) => Err(failed(path, "rename to")(error)),
    }
}

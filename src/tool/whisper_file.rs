//! One Whisper file on disk: read whole, or changed in place.
//!
//! A change is computed on a copy of the bytes, and only the slots that differ are written, one write
//! a run of them: a daemon that writes other slots of the file meanwhile loses nothing, and of one slot
//! the later writer wins, as ever with Whisper. `--lock` takes the lock that the reference takes
//! (`flock`, exclusive) for as long as the file is open, which carbon honours with
//! `WHISPER_LOCK_WRITES = True`; a lock that somebody else has is waited for.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use clap::Args;
use plumbago_storage_format::whisper::{
    Dialect, HEADER_BYTES_MAX, Header, METADATA_BYTES, Method, SLOT_BYTES,
};

use super::ToolError;

/// `--lock`, for every subcommand that writes.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct LockFlag {
    /// Hold the file's lock while it is changed, as carbon does with WHISPER_LOCK_WRITES; a lock of
    /// others is waited for.
    #[arg(long)]
    pub(super) lock: bool,
}

impl LockFlag {
    /// Holds a file's lock until the answer is dropped, if asked.
    ///
    /// # Errors
    /// When it cannot be opened or locked.
    pub(super) fn hold(self, path: &Path) -> Result<Option<File>, ToolError> {
        if !self.lock {
            return Ok(None);
        }
        let file = File::open(path).map_err(ToolError::io(path, "cannot be opened"))?;
        file.lock()
            .map_err(ToolError::io(path, "cannot be locked"))?;
        Ok(Some(file))
    }
}

/// A file's bytes and what they say.
pub(super) struct WhisperFile {
    pub(super) header: Header,
    pub(super) bytes: Vec<u8>,
}

impl WhisperFile {
    /// Reads a whole file.
    ///
    /// # Errors
    /// When it cannot be read or is no Whisper file.
    pub(super) fn read(path: &Path, dialect: Dialect) -> Result<Self, ToolError> {
        let bytes = std::fs::read(path).map_err(ToolError::io(path, "cannot be read"))?;
        Self::parse(path, bytes, dialect)
    }

    fn parse(path: &Path, bytes: Vec<u8>, dialect: Dialect) -> Result<Self, ToolError> {
        let header = Header::parse(&bytes, dialect).map_err(ToolError::damaged(path))?;
        Ok(Self { header, bytes })
    }
}

/// A file of which only the header was read.
pub(super) struct Beginning {
    pub(super) path: PathBuf,
    pub(super) file: File,
    pub(super) header: Header,
}

impl Beginning {
    /// Opens a file to read of it.
    ///
    /// # Errors
    /// As [`WhisperFile::read`].
    pub(super) fn read(path: &Path, dialect: Dialect) -> Result<Self, ToolError> {
        let file = File::open(path).map_err(ToolError::io(path, "cannot be opened"))?;
        Self::of(path, file, dialect)
    }

    /// Opens a file to change its header.
    ///
    /// # Errors
    /// As [`WhisperFile::read`], and when it cannot be written or locked.
    pub(super) fn edit(path: &Path, dialect: Dialect, lock: LockFlag) -> Result<Self, ToolError> {
        Self::of(path, open_to_write(path, lock)?, dialect)
    }

    fn of(path: &Path, file: File, dialect: Dialect) -> Result<Self, ToolError> {
        let metadata = file.metadata();
        let length = metadata.map_err(ToolError::io(path, "cannot be read"))?;
        let mut bytes = Vec::new();
        let mut beginning = (&file).take(HEADER_BYTES_MAX as u64);
        let read = beginning.read_to_end(&mut bytes);
        read.map_err(ToolError::io(path, "cannot be read"))?;
        let header = Header::parse_head(&bytes, length.len(), dialect);
        Ok(Self {
            path: path.to_owned(),
            header: header.map_err(ToolError::damaged(path))?,
            file,
        })
    }

    /// The bytes of one archive's slots.
    ///
    /// # Errors
    /// When they cannot be read.
    pub(super) fn slots(&self, archive: usize) -> Result<Vec<u8>, ToolError> {
        let archive = self.header.archives()[archive];
        let mut bytes = vec![0; archive.points() as usize * SLOT_BYTES];
        let offset = u64::from(archive.offset_bytes());
        let read = self.file.read_exact_at(&mut bytes, offset);
        read.map_err(ToolError::io(&self.path, "cannot be read"))?;
        Ok(bytes)
    }

    /// Changes how the file rolls up.
    ///
    /// # Errors
    /// A method or a factor that the file cannot have, and what the system refuses.
    pub(super) fn set_rollup(&self, method: Method, x_files_factor: f32) -> Result<(), ToolError> {
        let changed = self.header.with_rollup(method, x_files_factor);
        let changed = changed.map_err(ToolError::damaged(&self.path))?;
        let written = self
            .file
            .write_all_at(&changed.encode()[..METADATA_BYTES], 0);
        written.map_err(ToolError::io(&self.path, "cannot be written"))
    }
}

/// A file that is being changed in place.
pub(super) struct Edit {
    path: PathBuf,
    file: File,
    former: Vec<u8>,
    /// What the file is to become; its header's bytes are not written.
    pub(super) after: WhisperFile,
}

impl Edit {
    /// Opens, locks if asked, and reads a file.
    ///
    /// # Errors
    /// When it cannot be opened for writing, locked or read, or is no Whisper file.
    pub(super) fn open(path: &Path, dialect: Dialect, lock: LockFlag) -> Result<Self, ToolError> {
        let mut file = open_to_write(path, lock)?;
        let mut former = Vec::new();
        let read = file.read_to_end(&mut former);
        read.map_err(ToolError::io(path, "cannot be read"))?;
        Ok(Self {
            path: path.to_owned(),
            file,
            after: WhisperFile::parse(path, former.clone(), dialect)?,
            former,
        })
    }

    /// Writes the slots that differ, and tells how many there are.
    ///
    /// # Errors
    /// When a write fails; the slots before it have been written.
    pub(super) fn commit(self) -> Result<usize, ToolError> {
        let start = self.after.header.header_bytes();
        let (former, _) = self.former[start..].as_chunks::<SLOT_BYTES>();
        let (after, _) = self.after.bytes[start..].as_chunks::<SLOT_BYTES>();
        let slots: Vec<usize> = (0..after.len())
            .filter(|&slot| former[slot] != after[slot])
            .collect();
        for run in slots.chunk_by(|a, b| a + 1 == *b) {
            let range = start + run[0] * SLOT_BYTES..start + (run[0] + run.len()) * SLOT_BYTES;
            let offset = range.start as u64;
            let written = self.file.write_all_at(&self.after.bytes[range], offset);
            written.map_err(ToolError::io(&self.path, "cannot be written"))?;
        }
        Ok(slots.len())
    }
}

fn open_to_write(path: &Path, lock: LockFlag) -> Result<File, ToolError> {
    let file = OpenOptions::new().read(true).write(true).open(path);
    let file = file.map_err(ToolError::io(path, "cannot be opened for writing"))?;
    if lock.lock {
        file.lock()
            .map_err(ToolError::io(path, "cannot be locked"))?;
    }
    Ok(file)
}

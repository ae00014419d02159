//! The file of events: one line each, `CHECKSUM SP JSON LF`, appended and synced.
//!
//! The checksum is the CRC-32 of the JSON in eight hexadecimal digits; the JSON is an [`Event`]. The
//! text form is for people with an editor: a line whose checksum does not fit is passed over and not
//! lost. A crash can leave only the last line cut off, and that line's post was never answered; it
//! is removed at the next start, before anything is appended behind it.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::{Event, EventError};

const CHECKSUM_DIGITS: usize = 8;

/// An open log, positioned at its end.
pub(super) struct EventFile {
    path: PathBuf,
    file: File,
    /// Where the next line begins.
    length: u64,
    /// Set when a failed append could not be cut off again.
    poisoned: Option<String>,
}

impl EventFile {
    /// Opens or makes it; gives the events and the number of damaged lines.
    pub(super) fn open(path: PathBuf) -> Result<(Self, Vec<Event>, usize), EventError> {
        let is_new = !path.exists();
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(&path).map_err(io_error(&path, "open"))?;
        let mut text = Vec::new();
        file.read_to_end(&mut text)
            .map_err(io_error(&path, "read"))?;
        let whole = memchr::memrchr(b'\n', &text).map_or(0, |end| end + 1);
        if whole < text.len() {
            file.set_len(whole as u64)
                .and_then(|()| file.sync_all())
                .map_err(io_error(&path, "cut off the unfinished last line"))?;
        }
        if is_new {
            sync_folder(&path)?;
        }
        file.seek(SeekFrom::Start(whole as u64))
            .map_err(io_error(&path, "seek"))?;
        let (events, damaged) = read_lines(&text[..whole]);
        let opened = Self {
            path,
            file,
            length: whole as u64,
            poisoned: None,
        };
        Ok((opened, events, damaged))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes and syncs a line; on failure the file is as it was before, or takes no more.
    pub(super) fn append(&mut self, event: &Event) -> Result<(), EventError> {
        if let Some(reason) = &self.poisoned {
            return Err(EventError::Poisoned(reason.clone()));
        }
        let line = line_of(event);
        let written = self
            .file
            .write_all(&line)
            .and_then(|()| self.file.sync_data());
        match written {
            Ok(()) => {
                self.length += line.len() as u64;
                Ok(())
            }
            Err(source) => {
                self.take_back(&source);
                Err(io_error(&self.path, "append an event")(source))
            }
        }
    }

    fn take_back(&mut self, cause: &std::io::Error) {
        let restored = self
            .file
            .set_len(self.length)
            .and_then(|()| self.file.seek(SeekFrom::Start(self.length)))
            .and_then(|_| self.file.sync_data());
        if restored.is_err() {
            self.poisoned = Some(cause.to_string());
        }
    }
}

fn io_error(path: &Path, action: &'static str) -> impl FnOnce(std::io::Error) -> EventError {
    let path = path.to_path_buf();
    move |source| EventError::Io {
        path,
        action,
        source,
    }
}

/// A new name survives a power loss only once its folder is synced.
fn sync_folder(path: &Path) -> Result<(), EventError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(io_error(path, "sync the folder"))
}

fn line_of(event: &Event) -> Vec<u8> {
    let json = serde_json::to_vec(event).expect("an event of texts and numbers has a JSON form");
    let mut line = format!("{:08x} ", crc32fast::hash(&json)).into_bytes();
    line.extend_from_slice(&json);
    line.push(b'\n');
    line
}

fn read_lines(text: &[u8]) -> (Vec<Event>, usize) {
    let mut events = Vec::new();
    let mut damaged = 0;
    for line in text.split(|byte| *byte == b'\n') {
        if line.is_empty() {
            continue;
        }
        match read_line(line) {
            Some(event) => events.push(event),
            None => damaged += 1,
        }
    }
    (events, damaged)
}

/// What a check of the file found. Offsets are those of lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventCheck {
    /// The file's length.
    pub bytes: u64,
    /// Lines that fail their checksum or are no event.
    pub damaged: Vec<u64>,
    /// A last line that is cut off.
    pub torn: Option<u64>,
}

/// Reads the whole file and changes nothing; `None` when there is none.
///
/// # Errors
/// When it cannot be read.
pub(super) fn check(path: &Path) -> Result<Option<EventCheck>, EventError> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io_error(path, "read")(error)),
    };
    let mut found = EventCheck {
        bytes: text.len() as u64,
        ..EventCheck::default()
    };
    let mut offset = 0;
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        match line.strip_suffix(b"\n") {
            None => found.torn = Some(offset),
            Some([]) => {}
            Some(whole) if read_line(whole).is_none() => found.damaged.push(offset),
            Some(_) => {}
        }
        offset += line.len() as u64;
    }
    Ok(Some(found))
}

fn read_line(line: &[u8]) -> Option<Event> {
    let (checksum, rest) = line.split_at_checked(CHECKSUM_DIGITS)?;
    let json = rest.strip_prefix(b" ")?;
    let checksum = u32::from_str_radix(std::str::from_utf8(checksum).ok()?, 16).ok()?;
    if checksum != crc32fast::hash(json) {
        return None;
    }
    serde_json::from_slice(json).ok()
}

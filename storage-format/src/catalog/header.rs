//! The fixed start of a catalog file: what it is and its number.

use crate::cursor::Cursor;
use crate::error::FormatError;
use crate::version;

/// How errors name this part of a file.
const PART: &str = "catalog header";

/// The length of the header of version 1.
pub const BYTES: usize = CHECKSUM_AT + 4;

const CHECKSUM_AT: usize = 8 + 2 + 2 + 8;

/// Which of the two kinds of file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A segment of the log.
    Log,
    /// A snapshot.
    Snapshot,
}

impl Kind {
    fn magic(self) -> [u8; 8] {
        match self {
            Kind::Log => *b"PLMBclog",
            Kind::Snapshot => *b"PLMBcsnp",
        }
    }
}

/// Appends a header.
pub fn put(out: &mut Vec<u8>, kind: Kind, number: u64) {
    let start = out.len();
    out.extend_from_slice(&kind.magic());
    out.extend_from_slice(&version::CATALOG.to_le_bytes());
    out.extend_from_slice(&[0; 2]);
    out.extend_from_slice(&number.to_le_bytes());
    let checksum = crc32fast::hash(&out[start..]);
    out.extend_from_slice(&checksum.to_le_bytes());
}

/// Reads the header at the start of a file and answers the file's number.
///
/// # Errors
/// [`FormatError`] when the file is of another kind, version, or damaged.
pub fn read(file: &[u8], kind: Kind) -> Result<u64, FormatError> {
    let mut cursor = Cursor::new(PART, file, 0);
    let found = cursor.array::<8>()?;
    if found != kind.magic() {
        return Err(FormatError::Magic { part: PART, found });
    }
    let file_version = u16::from_le_bytes(cursor.array()?);
    version::check(PART, file_version, version::CATALOG)?;
    cursor.take(2)?;
    let number = u64::from_le_bytes(cursor.array()?);
    let expected = u32::from_le_bytes(cursor.array()?);
    let found = crc32fast::hash(&file[..CHECKSUM_AT]);
    if found != expected {
        return Err(FormatError::Checksum {
            part: PART,
            offset: 0,
            expected,
            found,
        });
    }
    Ok(number)
}

//! Frames: a length, a checksum of length and payload, and the payload.

use crate::cursor::Cursor;
use crate::error::FormatError;

/// How errors name this part of a file.
const PART: &str = "catalog frame";

/// Bytes before the payload.
pub const HEAD_BYTES: usize = 4 + 4;

/// The longest payload: more is no frame.
pub const PAYLOAD_BYTES_MAX: usize = 1 << 20;

/// A whole frame as it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What it carries; never empty.
    pub payload: &'a [u8],
    /// The offset in the file of the payload.
    pub payload_offset: u64,
    /// The offset in the file of what follows.
    pub end: u64,
}

/// Appends a frame around the payload that `write` appends.
///
/// # Panics
/// When the payload is empty or longer than [`PAYLOAD_BYTES_MAX`]: the caller keeps names and
/// blocks far below that.
pub fn put(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; HEAD_BYTES]);
    write(out);
    let length = out.len() - start - HEAD_BYTES;
    assert!(
        (1..=PAYLOAD_BYTES_MAX).contains(&length),
        "a frame of {length} bytes"
    );
    let length = (length as u32).to_le_bytes();
    let checksum = checksum(length, &out[start + HEAD_BYTES..]);
    out[start..start + 4].copy_from_slice(&length);
    out[start + 4..start + HEAD_BYTES].copy_from_slice(&checksum.to_le_bytes());
}

/// Reads the frame at `offset` of `file`; `None` when the file ends exactly there.
///
/// # Errors
/// [`FormatError`] when there is no whole and undamaged frame.
pub fn read(file: &[u8], offset: u64) -> Result<Option<Frame<'_>>, FormatError> {
    let start = usize::try_from(offset)
        .unwrap_or(usize::MAX)
        .min(file.len());
    let mut cursor = Cursor::new(PART, &file[start..], offset);
    if cursor.remaining() == 0 {
        return Ok(None);
    }
    let length_bytes = cursor.array::<4>()?;
    let expected = u32::from_le_bytes(cursor.array()?);
    let length = u32::from_le_bytes(length_bytes) as usize;
    if !(1..=PAYLOAD_BYTES_MAX).contains(&length) {
        return Err(FormatError::Invalid {
            part: PART,
            offset,
            expected: "a payload of 1 byte to 1 MiB",
            found: length as u64,
        });
    }
    let payload_offset = cursor.offset();
    let payload = cursor.take(length)?;
    let found = checksum(length_bytes, payload);
    if found != expected {
        return Err(FormatError::Checksum {
            part: PART,
            offset,
            expected,
            found,
        });
    }
    Ok(Some(Frame {
        payload,
        payload_offset,
        end: cursor.offset(),
    }))
}

/// The offset of the first whole frame at or behind `offset`: where reading can go on behind
/// damage.
pub fn find(file: &[u8], offset: u64) -> Option<u64> {
    (offset..file.len() as u64).find(|&at| matches!(read(file, at), Ok(Some(_))))
}

fn checksum(length: [u8; 4], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&length);
    hasher.update(payload);
    hasher.finalize()
}

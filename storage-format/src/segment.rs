//! What the mapped segments share: a head of magic, version, checksum, and zeros to the end of the page;
//! and records of three words, each with its own checksum.

use crate::error::FormatError;
use crate::ring;
use crate::version;

/// Words before the first record.
pub(crate) const HEADER_WORDS: usize = ring::PAGE_WORDS;
/// Words of one record.
pub(crate) const RECORD_WORDS: usize = 3;

/// The words of a record: checksum and series, then where in the series, then the value's cell.
pub(crate) fn encode_record(series: u32, place: u64, value: f64) -> [u64; RECORD_WORDS] {
    let cell = ring::cell_of(value);
    let head = u64::from(checksum(series, place, cell)) << 32 | u64::from(series);
    [head, place, cell]
}

/// Reads series, place and value back; `None` for a free place and for one that a power loss tore.
pub(crate) fn decode_record(words: [u64; RECORD_WORDS]) -> Option<(u32, u64, f64)> {
    let [head, place, cell] = words;
    let series = head as u32;
    let is_whole = cell != 0 && (head >> 32) as u32 == checksum(series, place, cell);
    is_whole.then(|| (series, place, ring::value_of(cell)))
}

fn checksum(series: u32, place: u64, cell: u64) -> u32 {
    let mut bytes = [0; 20];
    bytes[0..4].copy_from_slice(&series.to_le_bytes());
    bytes[4..12].copy_from_slice(&place.to_le_bytes());
    bytes[12..20].copy_from_slice(&cell.to_le_bytes());
    crc32fast::hash(&bytes)
}

/// What a kind of segment begins with.
pub(crate) struct SegmentKind {
    /// Its magic bytes.
    pub(crate) magic: [u8; 8],
    /// The part that errors name.
    pub(crate) part: &'static str,
    /// The newest version.
    pub(crate) version: u16,
}

impl SegmentKind {
    /// The head's bytes.
    pub(crate) fn encode(&self) -> [u8; ring::PAGE_BYTES] {
        let mut page = [0; ring::PAGE_BYTES];
        page[0..8].copy_from_slice(&self.magic);
        page[8..12].copy_from_slice(&u32::from(self.version).to_le_bytes());
        let checksum = crc32fast::hash(&page[..12]);
        page[12..16].copy_from_slice(&checksum.to_le_bytes());
        page
    }

    /// Checks a head.
    pub(crate) fn check(&self, bytes: &[u8]) -> Result<(), FormatError> {
        let part = self.part;
        let Some(fields) = bytes.first_chunk::<16>() else {
            return Err(FormatError::Truncated {
                part,
                offset: 0,
                needed: 16,
                available: bytes.len() as u64,
            });
        };
        if fields[0..8] != self.magic {
            let mut found = [0; 8];
            found.copy_from_slice(&fields[0..8]);
            return Err(FormatError::Magic { part, found });
        }
        let expected = u32::from_le_bytes([fields[12], fields[13], fields[14], fields[15]]);
        let found = crc32fast::hash(&fields[..12]);
        if expected != found {
            return Err(FormatError::Checksum {
                part,
                offset: 0,
                expected,
                found,
            });
        }
        let found = u16::from_le_bytes([fields[8], fields[9]]);
        version::check(part, found, self.version)
    }
}

//! The head of a mapped segment: magic, version, checksum, and zeros to the end of the page.

use crate::error::FormatError;
use crate::ring;
use crate::version;

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

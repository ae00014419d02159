//! The whisper engine's journal: points that are not in their files yet. See `journal.md`.
//!
//! A segment is mapped and appended to as the late log's is: three words a record, each with its own
//! checksum.

use crate::error::FormatError;
use crate::ring;
use crate::segment::{self, SegmentKind};
use crate::version;

/// Words before the first record.
pub const HEADER_WORDS: usize = segment::HEADER_WORDS;
/// Words of one record.
pub const RECORD_WORDS: usize = segment::RECORD_WORDS;

const KIND: SegmentKind = SegmentKind {
    magic: *b"PLMBjrnl",
    part: "journal segment header",
    version: version::JOURNAL,
};

/// One point that a store has accepted, or word that a series' points were written, see
/// [`JournalRecord::written`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct JournalRecord {
    /// The catalog's number of the series.
    pub series: u32,
    /// Seconds since the epoch.
    pub timestamp: i64,
    /// The value; NaN only in a [`JournalRecord::written`].
    pub value: f64,
}

impl JournalRecord {
    /// Says that the points of a series before it are in their file, as long as the machine runs that
    /// `boot` is the number of: a power loss may take back what a file was given.
    pub fn written(series: u32, boot: u64) -> Self {
        Self {
            series,
            timestamp: boot as i64,
            value: f64::NAN,
        }
    }

    /// The `boot` of a [`JournalRecord::written`]; `None` for a point.
    pub fn written_boot(&self) -> Option<u64> {
        self.value.is_nan().then_some(self.timestamp as u64)
    }

    /// The record's words.
    pub fn encode(&self) -> [u64; RECORD_WORDS] {
        segment::encode_record(self.series, self.timestamp as u64, self.value)
    }

    /// Reads a record back; `None` for a free place and for one that a power loss tore.
    pub fn decode(words: [u64; RECORD_WORDS]) -> Option<Self> {
        let (series, timestamp, value) = segment::decode_record(words)?;
        Some(Self {
            series,
            timestamp: timestamp as i64,
            value,
        })
    }
}

/// The header's bytes: magic, version, checksum; the rest of the page is zero.
pub fn encode_header() -> [u8; ring::PAGE_BYTES] {
    KIND.encode()
}

/// Checks a header.
///
/// # Errors
/// A wrong magic, checksum or version.
pub fn check_header(bytes: &[u8]) -> Result<(), FormatError> {
    KIND.check(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: JournalRecord = JournalRecord {
        series: 7,
        timestamp: 1_750_000_000,
        value: -1.25,
    };

    #[test]
    fn record_survives_a_round_trip() {
        assert_eq!(JournalRecord::decode(RECORD.encode()), Some(RECORD));
        let extreme = JournalRecord {
            series: u32::MAX,
            timestamp: i64::MIN,
            value: -0.0,
        };
        assert_eq!(JournalRecord::decode(extreme.encode()), Some(extreme));
    }

    #[test]
    fn word_of_a_write_is_no_point() {
        let written = JournalRecord::written(7, u64::MAX - 1);
        let read = JournalRecord::decode(written.encode()).unwrap();
        assert_eq!((read.series, read.written_boot()), (7, Some(u64::MAX - 1)));
        assert_eq!(RECORD.written_boot(), None);
    }

    #[test]
    fn every_flipped_bit_of_a_record_is_noticed() {
        for bit in 0..RECORD_WORDS * 64 {
            let mut words = RECORD.encode();
            words[bit / 64] ^= 1 << (bit % 64);
            assert_eq!(JournalRecord::decode(words), None, "bit {bit}");
        }
    }

    #[test]
    fn free_and_torn_places_hold_no_record() {
        assert_eq!(JournalRecord::decode([0; 3]), None);
        let words = RECORD.encode();
        assert_eq!(JournalRecord::decode([words[0], words[1], 0]), None);
        assert_eq!(JournalRecord::decode([0, words[1], words[2]]), None);
    }

    #[test]
    fn header_is_checked_and_a_late_log_is_none() {
        let page = encode_header();
        assert_eq!(check_header(&page), Ok(()));
        for bit in 0..16 * 8 {
            let mut damaged = page;
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(check_header(&damaged).is_err(), "bit {bit}");
        }
        assert!(check_header(&page[..8]).is_err());
        assert!(check_header(&crate::late::encode_header()).is_err());
    }
}

//! The late log: points older than their ring's window, in the order they came. See `late.md`.
//!
//! A segment is a file of 8-byte little-endian words: one page of header, then records of three
//! words. The daemon maps it and appends by storing words, so a killed process loses nothing and
//! a segment needs no system call a point; a record carries its own checksum, so a power loss that
//! tears pages costs only records that no sync had confirmed.

use crate::error::FormatError;
use crate::ring;
use crate::segment::{self, SegmentKind};
use crate::version;

/// Words before the first record.
pub const HEADER_WORDS: usize = segment::HEADER_WORDS;
/// Words of one record.
pub const RECORD_WORDS: usize = segment::RECORD_WORDS;

const KIND: SegmentKind = SegmentKind {
    magic: *b"PLMBlate",
    part: "late segment header",
    version: version::LATE,
};
const SLOT_BITS: u32 = 56;

/// One late point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LateRecord {
    /// The catalog's number of the series.
    pub series: u32,
    /// The archive, 0 = finest.
    pub archive: u8,
    /// The slot: timestamp divided by the archive's step.
    pub slot: i64,
    /// The value; NaN says that a coarse slot has none though finer ones are known.
    pub value: f64,
}

impl LateRecord {
    /// The record's words. The slot must lie in `0 .. 2^56`.
    pub fn encode(&self) -> [u64; RECORD_WORDS] {
        let slot_mask = (1 << SLOT_BITS) - 1;
        let place = u64::from(self.archive) << SLOT_BITS | (self.slot as u64 & slot_mask);
        segment::encode_record(self.series, place, self.value)
    }

    /// Reads a record back; `None` for a free place and for one that a power loss tore.
    pub fn decode(words: [u64; RECORD_WORDS]) -> Option<Self> {
        let (series, place, value) = segment::decode_record(words)?;
        Some(Self {
            series,
            archive: (place >> SLOT_BITS) as u8,
            slot: (place & ((1 << SLOT_BITS) - 1)) as i64,
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

    const RECORD: LateRecord = LateRecord {
        series: 7,
        archive: 2,
        slot: 175_000_000,
        value: -1.25,
    };

    #[test]
    fn record_survives_a_round_trip() {
        assert_eq!(LateRecord::decode(RECORD.encode()), Some(RECORD));
        let smallest = LateRecord {
            series: 0,
            archive: 0,
            slot: 0,
            value: -0.0,
        };
        assert_eq!(LateRecord::decode(smallest.encode()), Some(smallest));
    }

    #[test]
    fn every_flipped_bit_of_a_record_is_noticed() {
        for bit in 0..RECORD_WORDS * 64 {
            let mut words = RECORD.encode();
            words[bit / 64] ^= 1 << (bit % 64);
            assert_eq!(LateRecord::decode(words), None, "bit {bit}");
        }
    }

    #[test]
    fn free_and_torn_places_hold_no_record() {
        assert_eq!(LateRecord::decode([0; 3]), None);
        let words = RECORD.encode();
        assert_eq!(LateRecord::decode([words[0], words[1], 0]), None);
        assert_eq!(LateRecord::decode([0, words[1], words[2]]), None);
    }

    #[test]
    fn header_is_checked() {
        let page = encode_header();
        assert_eq!(check_header(&page), Ok(()));
        for bit in 0..16 * 8 {
            let mut damaged = page;
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(check_header(&damaged).is_err(), "bit {bit}");
        }
        assert!(check_header(&page[..8]).is_err());
    }
}

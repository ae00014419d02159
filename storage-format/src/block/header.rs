//! The fixed start of a block: what it holds and where.

use crate::codec::SLOTS_MAX;
use crate::cursor::Cursor;
use crate::error::FormatError;
use crate::version;

/// How errors name this part of a file.
const PART: &str = "block header";

/// The first bytes of every block.
const MAGIC: [u8; 8] = *b"PLMBblck";

/// The length of the header of version 1.
pub const HEADER_BYTES: usize = CHECKSUM_AT + 4;

/// The checksum is the last field and covers all before it.
const CHECKSUM_AT: usize = MAGIC.len() + 2 + 2 + 3 * 4 + 8 + 8 + 4 * 4 + 3 * 8;

/// Where a block belongs, so that a file that lies in the wrong folder is noticed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Place {
    /// The shard that wrote it.
    pub shard: u32,
    /// The family of series that share its retention.
    pub family: u32,
    /// The archive within the family, 0 the finest.
    pub archive: u32,
}

/// What a writer is told about its block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Where the block belongs.
    pub place: Place,
    /// The order among parts of one place and time: of two parts that hold a slot the higher wins.
    pub sequence: u64,
    /// The time of the first slot, in seconds since the Unix epoch.
    pub first_slot_s: i64,
    /// Seconds a slot, at least 1.
    pub step_s: u32,
    /// How many slots each series has, 1 to 65,535.
    pub slots: u32,
}

impl Span {
    /// The time just after the last slot, in seconds since the Unix epoch.
    pub fn end_s(&self) -> i64 {
        let length_s = i64::from(self.step_s) * i64::from(self.slots);
        self.first_slot_s.saturating_add(length_s)
    }
}

/// A block's header: what the writer was told, and what it counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// What the writer was told.
    pub span: Span,
    /// How many series have at least one value.
    pub series: u32,
    /// How many values there are.
    pub points: u64,
    /// The length of the payload, which follows the header.
    pub payload_bytes: u64,
    /// The length of the index, which follows the payload and ends the file.
    pub index_bytes: u64,
    /// The CRC-32 of the index.
    pub(super) index_checksum: u32,
}

impl Header {
    /// The length of the whole file.
    pub fn file_bytes(&self) -> u64 {
        (HEADER_BYTES as u64)
            .saturating_add(self.payload_bytes)
            .saturating_add(self.index_bytes)
    }

    pub(super) fn to_bytes(self) -> [u8; HEADER_BYTES] {
        let Span {
            place,
            sequence,
            first_slot_s,
            step_s,
            slots,
        } = self.span;
        let mut bytes = Vec::with_capacity(HEADER_BYTES);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&version::BLOCK.to_le_bytes());
        bytes.extend_from_slice(&[0; 2]);
        bytes.extend_from_slice(&place.shard.to_le_bytes());
        bytes.extend_from_slice(&place.family.to_le_bytes());
        bytes.extend_from_slice(&place.archive.to_le_bytes());
        bytes.extend_from_slice(&sequence.to_le_bytes());
        bytes.extend_from_slice(&first_slot_s.to_le_bytes());
        bytes.extend_from_slice(&step_s.to_le_bytes());
        bytes.extend_from_slice(&slots.to_le_bytes());
        bytes.extend_from_slice(&self.series.to_le_bytes());
        bytes.extend_from_slice(&self.index_checksum.to_le_bytes());
        bytes.extend_from_slice(&self.points.to_le_bytes());
        bytes.extend_from_slice(&self.payload_bytes.to_le_bytes());
        bytes.extend_from_slice(&self.index_bytes.to_le_bytes());
        let checksum = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&checksum.to_le_bytes());
        let mut header = [0; HEADER_BYTES];
        header.copy_from_slice(&bytes);
        header
    }

    /// Reads and checks the header at the start of `bytes`.
    ///
    /// # Errors
    /// [`FormatError`]: no block, an unknown version, a damaged header or a field out of range.
    pub fn parse(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut cursor = Cursor::new(PART, bytes, 0);
        let magic = cursor.array()?;
        if magic != MAGIC {
            return Err(FormatError::Magic {
                part: PART,
                found: magic,
            });
        }
        version::check(PART, u16::from_le_bytes(cursor.array()?), version::BLOCK)?;
        check_sum(bytes)?;
        let flags = u16::from_le_bytes(cursor.array()?);
        if flags != 0 {
            return Err(cursor.invalid("no flags", u64::from(flags)));
        }
        let mut word = || cursor.array().map(u32::from_le_bytes);
        let place = Place {
            shard: word()?,
            family: word()?,
            archive: word()?,
        };
        let span = Span {
            place,
            sequence: u64::from_le_bytes(cursor.array()?),
            first_slot_s: i64::from_le_bytes(cursor.array()?),
            step_s: u32::from_le_bytes(cursor.array()?),
            slots: u32::from_le_bytes(cursor.array()?),
        };
        if span.step_s == 0 {
            return Err(cursor.invalid("a step of at least a second", 0));
        }
        if span.slots == 0 || span.slots as usize > SLOTS_MAX {
            return Err(cursor.invalid("1 to 65535 slots", u64::from(span.slots)));
        }
        Ok(Self {
            span,
            series: u32::from_le_bytes(cursor.array()?),
            index_checksum: u32::from_le_bytes(cursor.array()?),
            points: u64::from_le_bytes(cursor.array()?),
            payload_bytes: u64::from_le_bytes(cursor.array()?),
            index_bytes: u64::from_le_bytes(cursor.array()?),
        })
    }
}

fn check_sum(bytes: &[u8]) -> Result<(), FormatError> {
    let mut cursor = Cursor::new(PART, bytes, 0);
    let found = crc32fast::hash(cursor.take(CHECKSUM_AT)?);
    let expected = u32::from_le_bytes(cursor.array()?);
    if found != expected {
        return Err(FormatError::Checksum {
            part: PART,
            offset: 0,
            expected,
            found,
        });
    }
    Ok(())
}

//! The frames of a snapshot: definitions, series in the order of their ids, names, and the end.

use super::frame::{self, Frame};
use super::header::{self, Kind};
use super::record::{Definition, number};
use crate::cursor::{Cursor, put_varint};
use crate::error::FormatError;

/// How errors name this part of a file.
const PART: &str = "catalog snapshot";

const DEFINITION: u8 = 1;
const SERIES: u8 = 2;
const NAME: u8 = 3;
const END: u8 = 4;

/// A block is closed when its payload has grown to this.
const BLOCK_BYTES: usize = 1 << 16;

/// One series of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeriesEntry<'a> {
    /// Its id.
    pub id: u32,
    /// The number of its definition.
    pub definition: u16,
    /// True when it was taken out of the tag index by hand.
    pub is_unregistered: bool,
    /// Its canonical name.
    pub name: &'a str,
}

/// The last frame: what the others must add up to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotEnd {
    /// All ids below have been given or reserved.
    pub next_id: u32,
    /// How many series there are.
    pub series: u32,
    /// How many names without a series there are.
    pub names: u32,
}

/// What a frame of a snapshot holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SnapshotPart<'a> {
    /// A definition and its number.
    Definition(u16, Definition),
    /// A run of series, for [`SeriesBlock::for_each`].
    Series(SeriesBlock<'a>),
    /// A name that was registered by hand and is no series.
    Name(&'a str),
    /// The end; nothing follows.
    End(SnapshotEnd),
}

/// A run of series, still packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeriesBlock<'a> {
    packed: &'a [u8],
    offset: u64,
}

/// Builds a snapshot piece by piece; the caller writes the pieces out one after another.
#[derive(Debug)]
pub struct SnapshotBuilder {
    pending: Vec<u8>,
    block: Vec<u8>,
    last_name: Vec<u8>,
    next_in_block: u32,
    series: u32,
    names: u32,
}

impl SnapshotBuilder {
    /// Starts the snapshot with this number.
    pub fn new(snapshot_number: u64) -> Self {
        let mut pending = Vec::new();
        header::put(&mut pending, Kind::Snapshot, snapshot_number);
        Self {
            pending,
            block: Vec::new(),
            last_name: Vec::new(),
            next_in_block: 0,
            series: 0,
            names: 0,
        }
    }

    /// Adds a definition; that of a series stands before it.
    pub fn definition(&mut self, number: u16, definition: &Definition) {
        frame::put(&mut self.pending, |out| {
            out.push(DEFINITION);
            definition.put(number, out);
        });
    }

    /// Adds a series; ids ascend.
    pub fn series(&mut self, entry: SeriesEntry<'_>) {
        let name = entry.name.as_bytes();
        let pairs = self.last_name.iter().zip(name);
        let shared = pairs.take_while(|(last, new)| last == new).count();
        let flags = u64::from(entry.definition) << 1 | u64::from(entry.is_unregistered);
        put_varint(&mut self.block, u64::from(entry.id - self.next_in_block));
        put_varint(&mut self.block, flags);
        put_varint(&mut self.block, shared as u64);
        put_varint(&mut self.block, (name.len() - shared) as u64);
        self.block.extend_from_slice(&name[shared..]);
        self.last_name.truncate(shared);
        self.last_name.extend_from_slice(&name[shared..]);
        self.next_in_block = entry.id + 1;
        self.series += 1;
        if self.block.len() >= BLOCK_BYTES {
            self.close_block();
        }
    }

    fn close_block(&mut self) {
        if self.block.is_empty() {
            return;
        }
        let block = std::mem::take(&mut self.block);
        frame::put(&mut self.pending, |out| {
            out.push(SERIES);
            out.extend_from_slice(&block);
        });
        self.last_name.clear();
        self.next_in_block = 0;
    }

    /// Adds a name that is registered and no series.
    pub fn name(&mut self, name: &str) {
        frame::put(&mut self.pending, |out| {
            out.push(NAME);
            out.extend_from_slice(name.as_bytes());
        });
        self.names += 1;
    }

    /// Ends it.
    pub fn end(&mut self, next_id: u32) {
        self.close_block();
        let (series, names) = (self.series, self.names);
        frame::put(&mut self.pending, |out| {
            out.push(END);
            for number in [next_id, series, names] {
                put_varint(out, u64::from(number));
            }
        });
    }

    /// Bytes that wait for [`SnapshotBuilder::take`].
    pub fn pending_bytes(&self) -> usize {
        self.pending.len()
    }

    /// The bytes since the last take.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.pending)
    }
}

/// Reads a frame of a snapshot.
///
/// # Errors
/// [`FormatError`] when the payload is none.
pub fn read_part(frame: Frame<'_>) -> Result<SnapshotPart<'_>, FormatError> {
    let mut cursor = Cursor::new(PART, frame.payload, frame.payload_offset);
    let kind = cursor.byte()?;
    let part = match kind {
        DEFINITION => {
            let (number, definition) = Definition::read(&mut cursor)?;
            SnapshotPart::Definition(number, definition)
        }
        SERIES => {
            let offset = cursor.offset();
            let packed = cursor.take(cursor.remaining())?;
            SnapshotPart::Series(SeriesBlock { packed, offset })
        }
        NAME => {
            let bytes = cursor.take(cursor.remaining())?;
            SnapshotPart::Name(utf8(bytes, &cursor)?)
        }
        END => SnapshotPart::End(SnapshotEnd {
            next_id: number(&mut cursor)?,
            series: number(&mut cursor)?,
            names: number(&mut cursor)?,
        }),
        other => return Err(cursor.invalid("a kind from 1 to 4", u64::from(other))),
    };
    match cursor.remaining() {
        0 => Ok(part),
        left => Err(cursor.invalid("the end of the frame", left as u64)),
    }
}

impl SeriesBlock<'_> {
    /// Unpacks the series one after another.
    ///
    /// # Errors
    /// [`FormatError`] at the first that is damaged; those before it have been handed out.
    pub fn for_each(&self, mut take: impl FnMut(SeriesEntry<'_>)) -> Result<(), FormatError> {
        let mut cursor = Cursor::new(PART, self.packed, self.offset);
        let mut name = Vec::new();
        let mut next_id = 0u32;
        while cursor.remaining() > 0 {
            let gap = number(&mut cursor)?;
            let id = next_id.checked_add(gap).filter(|&id| id < u32::MAX);
            let id = id.ok_or_else(|| cursor.invalid("an id of 32 bits", u64::from(gap)))?;
            let flags = cursor.varint()?;
            let definition = u16::try_from(flags >> 1)
                .map_err(|_| cursor.invalid("a number of 16 bits", flags >> 1))?;
            let shared = cursor.varint()?;
            if shared > name.len() as u64 {
                return Err(cursor.invalid("no more than the last name has", shared));
            }
            name.truncate(shared as usize);
            let length = cursor.varint()?;
            if length > cursor.remaining() as u64 {
                return Err(cursor.invalid("no more than the block has", length));
            }
            name.extend_from_slice(cursor.take(length as usize)?);
            take(SeriesEntry {
                id,
                definition,
                is_unregistered: flags & 1 == 1,
                name: utf8(&name, &cursor)?,
            });
            next_id = id + 1;
        }
        Ok(())
    }
}

fn utf8<'a>(bytes: &'a [u8], cursor: &Cursor<'_>) -> Result<&'a str, FormatError> {
    std::str::from_utf8(bytes)
        .map_err(|error| cursor.invalid("a name in UTF-8", error.valid_up_to() as u64))
}

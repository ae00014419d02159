//! One change of the catalog.

use super::frame::{self, Frame};
use crate::cursor::{Cursor, put_varint};
use crate::error::FormatError;

/// How errors name this part of a file.
const PART: &str = "catalog record";

const DEFINITION: u8 = 1;
const CREATE: u8 = 2;
const REMOVE: u8 = 3;
const REDEFINE: u8 = 4;
const REGISTER: u8 = 5;
const UNREGISTER: u8 = 6;
const RESERVE: u8 = 7;

/// The most archives that a definition may have: far above any sensible one.
const ARCHIVES_MAX: u64 = 1_024;

/// The retention and rollup that series share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// Steps in seconds and points of the archives, finest first.
    pub archives: Vec<(u32, u32)>,
    /// The code of the aggregation method, see `catalog.md`.
    pub method: u16,
    /// The bits of the xFilesFactor.
    pub x_files_factor_bits: u32,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record<'a> {
    /// A definition gets a number; stands before its first use.
    Definition {
        /// The number.
        number: u16,
        /// The definition.
        definition: Definition,
    },
    /// A series is created.
    Create {
        /// Its id.
        id: u32,
        /// The number of its definition.
        definition: u16,
        /// Its canonical name.
        name: &'a str,
    },
    /// A series is removed.
    Remove {
        /// Its id.
        id: u32,
    },
    /// A series gets another definition.
    Redefine {
        /// Its id.
        id: u32,
        /// The number of the definition.
        definition: u16,
    },
    /// A name is put into the tag index, whether or not it is a series.
    Register {
        /// The canonical name.
        name: &'a str,
    },
    /// A name is taken out of the tag index.
    Unregister {
        /// The canonical name.
        name: &'a str,
    },
    /// Ids below `next` may have been given, even where no record says to whom.
    Reserve {
        /// The first id that has not been.
        next: u32,
    },
}

impl<'a> Record<'a> {
    /// Appends it as a frame.
    pub fn put(&self, out: &mut Vec<u8>) {
        frame::put(out, |out| self.put_payload(out));
    }

    fn put_payload(&self, out: &mut Vec<u8>) {
        match self {
            Record::Definition { number, definition } => {
                out.push(DEFINITION);
                definition.put(*number, out);
            }
            Record::Create {
                id,
                definition,
                name,
            } => {
                out.push(CREATE);
                put_varint(out, u64::from(*id));
                put_varint(out, u64::from(*definition));
                out.extend_from_slice(name.as_bytes());
            }
            Record::Remove { id } => {
                out.push(REMOVE);
                put_varint(out, u64::from(*id));
            }
            Record::Redefine { id, definition } => {
                out.push(REDEFINE);
                put_varint(out, u64::from(*id));
                put_varint(out, u64::from(*definition));
            }
            Record::Register { name } => {
                out.push(REGISTER);
                out.extend_from_slice(name.as_bytes());
            }
            Record::Unregister { name } => {
                out.push(UNREGISTER);
                out.extend_from_slice(name.as_bytes());
            }
            Record::Reserve { next } => {
                out.push(RESERVE);
                put_varint(out, u64::from(*next));
            }
        }
    }

    /// Reads the record in a frame.
    ///
    /// # Errors
    /// [`FormatError`] when the payload is none.
    pub fn parse(frame: Frame<'a>) -> Result<Self, FormatError> {
        let mut cursor = Cursor::new(PART, frame.payload, frame.payload_offset);
        let kind = cursor.byte()?;
        let record = match kind {
            DEFINITION => {
                let (number, definition) = Definition::read(&mut cursor)?;
                Record::Definition { number, definition }
            }
            CREATE => Record::Create {
                id: number(&mut cursor)?,
                definition: definition_number(&mut cursor)?,
                name: text(&mut cursor)?,
            },
            REMOVE => Record::Remove {
                id: number(&mut cursor)?,
            },
            REDEFINE => Record::Redefine {
                id: number(&mut cursor)?,
                definition: definition_number(&mut cursor)?,
            },
            REGISTER => Record::Register {
                name: text(&mut cursor)?,
            },
            UNREGISTER => Record::Unregister {
                name: text(&mut cursor)?,
            },
            RESERVE => Record::Reserve {
                next: number(&mut cursor)?,
            },
            other => return Err(cursor.invalid("a kind from 1 to 7", u64::from(other))),
        };
        match cursor.remaining() {
            0 => Ok(record),
            left => Err(cursor.invalid("the end of the record", left as u64)),
        }
    }
}

impl Definition {
    /// Appends the number and the definition.
    pub(super) fn put(&self, number: u16, out: &mut Vec<u8>) {
        put_varint(out, u64::from(number));
        out.extend_from_slice(&self.method.to_le_bytes());
        out.extend_from_slice(&self.x_files_factor_bits.to_le_bytes());
        put_varint(out, self.archives.len() as u64);
        for &(step, points) in &self.archives {
            put_varint(out, u64::from(step));
            put_varint(out, u64::from(points));
        }
    }

    /// Reads what [`Definition::put`] appends.
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<(u16, Self), FormatError> {
        let definition_number = definition_number(cursor)?;
        let method = u16::from_le_bytes(cursor.array()?);
        let x_files_factor_bits = u32::from_le_bytes(cursor.array()?);
        let count = cursor.varint()?;
        if count > ARCHIVES_MAX {
            return Err(cursor.invalid("at most 1,024 archives", count));
        }
        let mut archives = Vec::new();
        for _ in 0..count {
            archives.push((number(cursor)?, number(cursor)?));
        }
        let definition = Self {
            archives,
            method,
            x_files_factor_bits,
        };
        Ok((definition_number, definition))
    }
}

/// A varint that fits 32 bits.
pub(super) fn number(cursor: &mut Cursor<'_>) -> Result<u32, FormatError> {
    let value = cursor.varint()?;
    u32::try_from(value).map_err(|_| cursor.invalid("a number of 32 bits", value))
}

/// A varint that fits 16 bits.
pub(super) fn definition_number(cursor: &mut Cursor<'_>) -> Result<u16, FormatError> {
    let value = cursor.varint()?;
    u16::try_from(value).map_err(|_| cursor.invalid("a number of 16 bits", value))
}

/// The rest of the payload as a name.
fn text<'a>(cursor: &mut Cursor<'a>) -> Result<&'a str, FormatError> {
    let bytes = cursor.take(cursor.remaining())?;
    std::str::from_utf8(bytes)
        .map_err(|error| cursor.invalid("a name in UTF-8", error.valid_up_to() as u64))
}

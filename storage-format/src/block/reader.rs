//! From the bytes of a block back to its series.
//!
//! A reader borrows the bytes, usually a memory map, and keeps nothing of its own, so it is cheap to
//! make and free to share between threads.

use std::ops::Range;

use super::header::{HEADER_BYTES, Header};
use super::index::{Group, Index};
use crate::codec::Encoded;
use crate::error::FormatError;

/// How errors name the part of the file where the series' bytes are.
const PAYLOAD: &str = "block payload";

/// A block whose header has been checked.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    header: Header,
    payload: &'a [u8],
    index: Index<'a>,
}

/// One series of a block.
#[derive(Clone, Debug)]
pub struct Series<'a> {
    /// Its id.
    pub id: u32,
    /// Its slots.
    pub encoded: Encoded<'a>,
}

/// Damage, found by [`Reader::verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// What is wrong.
    pub error: FormatError,
    /// The ids of the series that it costs, as far as the index tells.
    pub ids: Vec<u32>,
}

impl<'a> Reader<'a> {
    /// Opens a block: checks the header, the length and the checksum of the index.
    ///
    /// # Errors
    /// [`FormatError`] if any of these is not as written.
    pub fn open(bytes: &'a [u8]) -> Result<Self, FormatError> {
        let reader = Self::open_again(bytes)?;
        let index_at = HEADER_BYTES + reader.payload.len();
        let found = crc32fast::hash(&bytes[index_at..]);
        let expected = reader.header.index_checksum;
        if found != expected {
            return Err(FormatError::Checksum {
                part: "block index",
                offset: index_at as u64,
                expected,
                found,
            });
        }
        Ok(reader)
    }

    /// Opens a block that [`Reader::open`] accepted before: the index is not read through again.
    ///
    /// Bytes that changed since do no harm beyond a wrong or refused answer.
    ///
    /// # Errors
    /// [`FormatError`] if the header or the length is not as written.
    pub fn open_again(bytes: &'a [u8]) -> Result<Self, FormatError> {
        let header = Header::parse(bytes)?;
        if header.file_bytes() != bytes.len() as u64 {
            return Err(FormatError::Invalid {
                part: "block",
                offset: 0,
                expected: "the length that the header tells",
                found: bytes.len() as u64,
            });
        }
        let index_at = HEADER_BYTES + header.payload_bytes as usize;
        Ok(Self {
            header,
            payload: &bytes[HEADER_BYTES..index_at],
            index: Index::new(&bytes[index_at..], index_at as u64, header.series)?,
        })
    }

    /// What the block holds.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The series `id`, or nothing if the block has no value of it.
    ///
    /// The checksum of its bytes is not compared: see [`Reader::series_checked`].
    ///
    /// # Errors
    /// [`FormatError`] if the index or the series is malformed.
    pub fn series(&self, id: u32) -> Result<Option<Encoded<'a>>, FormatError> {
        self.lookup(id, false)
    }

    /// As [`Reader::series`], but first compares the checksum that it shares with a few neighbours.
    ///
    /// # Errors
    /// [`FormatError`] if the index or the series' surroundings are not as written.
    pub fn series_checked(&self, id: u32) -> Result<Option<Encoded<'a>>, FormatError> {
        self.lookup(id, true)
    }

    fn lookup(&self, id: u32, is_checked: bool) -> Result<Option<Encoded<'a>>, FormatError> {
        let Some(group) = self.index.find(id) else {
            return Ok(None);
        };
        let entry = self.index.entry(group)?;
        let Some(located) = self.index.locate(group, entry, id)? else {
            return Ok(None);
        };
        let start = entry.payload_at.saturating_add(located.bundle_at);
        let bundle = self.payload(start, located.bundle_bytes)?;
        if is_checked {
            bundle.check(located.checksum)?;
        }
        bundle.series(located.bytes).map(Some)
    }

    /// The ids of all series, ascending.
    ///
    /// An item is an error where the index is malformed; the next item is of the next group.
    pub fn ids(&self) -> impl Iterator<Item = Result<u32, FormatError>> + use<'a> {
        self.walk(|opened, member| Ok(opened.group.ids()[member] as u32))
    }

    /// The ids of all series, ascending, with the bytes that each takes; only the index is read.
    ///
    /// An item is an error where the index is malformed; the next item is of the next group.
    pub fn sizes(&self) -> impl Iterator<Item = Result<(u32, u64), FormatError>> + use<'a> {
        self.walk(|opened, member| {
            let bytes = opened.group.bytes(member);
            Ok((opened.group.ids()[member] as u32, bytes.end - bytes.start))
        })
    }

    /// All series, ascending by id, without comparing checksums.
    ///
    /// An item is an error where the index or a series is malformed.
    pub fn iter(&self) -> impl Iterator<Item = Result<Series<'a>, FormatError>> + use<'a> {
        self.walk(|opened, member| opened.member(member))
    }

    /// Compares every checksum and parses every series; answers what is damaged.
    pub fn verify(&self) -> Vec<Damage> {
        let mut damage = Vec::new();
        for group in 0..self.index.groups() {
            match self.open_group(group) {
                Ok(opened) => opened.verify(&mut damage),
                Err(error) => damage.push(Damage {
                    error,
                    ids: Vec::new(),
                }),
            }
        }
        damage
    }

    /// Walks all members of all groups; a group that cannot be opened gives one error.
    fn walk<T, F>(self, item: F) -> impl Iterator<Item = Result<T, FormatError>> + use<'a, T, F>
    where
        F: Fn(&Opened<'a>, usize) -> Result<T, FormatError>,
    {
        let mut group = 0;
        let mut member = 0;
        let mut current: Option<Opened<'a>> = None;
        std::iter::from_fn(move || {
            loop {
                if let Some(opened) = &current
                    && member < opened.group.count
                {
                    member += 1;
                    return Some(item(opened, member - 1));
                }
                if group == self.index.groups() {
                    return None;
                }
                group += 1;
                member = 0;
                match self.open_group(group - 1) {
                    Ok(opened) => current = Some(opened),
                    Err(error) => {
                        current = None;
                        return Some(Err(error));
                    }
                }
            }
        })
    }

    fn open_group(&self, number: usize) -> Result<Opened<'a>, FormatError> {
        let entry = self.index.entry(number)?;
        let group = self.index.group(number, entry)?;
        let payload = self.payload(entry.payload_at, group.payload_bytes())?;
        Ok(Opened { group, payload })
    }

    /// A piece of the payload.
    fn payload(&self, at: u64, length: u64) -> Result<Payload<'a>, FormatError> {
        let offset = (HEADER_BYTES as u64).saturating_add(at);
        let start = usize::try_from(at).ok();
        let bytes = start
            .and_then(|start| self.payload.get(start..))
            .and_then(|rest| rest.get(..length as usize))
            .ok_or(FormatError::Truncated {
                part: PAYLOAD,
                offset,
                needed: length,
                available: (self.payload.len() as u64).saturating_sub(at),
            })?;
        Ok(Payload {
            bytes,
            offset,
            slots: self.header.span.slots as usize,
        })
    }
}

/// A piece of the payload: a bundle of series or a group of them.
struct Payload<'a> {
    bytes: &'a [u8],
    /// Where it stands in the file.
    offset: u64,
    slots: usize,
}

impl<'a> Payload<'a> {
    fn check(&self, expected: u32) -> Result<(), FormatError> {
        let found = crc32fast::hash(self.bytes);
        if found != expected {
            return Err(FormatError::Checksum {
                part: PAYLOAD,
                offset: self.offset,
                expected,
                found,
            });
        }
        Ok(())
    }

    /// The piece in `range`, which the index gave for this very payload.
    fn piece(&self, range: Range<u64>) -> Self {
        Self {
            bytes: &self.bytes[range.start as usize..range.end as usize],
            offset: self.offset + range.start,
            slots: self.slots,
        }
    }

    /// The series in `range`, which the index gave for this very payload.
    fn series(&self, range: Range<u64>) -> Result<Encoded<'a>, FormatError> {
        let piece = self.piece(range);
        Encoded::parse(piece.bytes, piece.slots, piece.offset)
    }
}

/// A group with its payload.
struct Opened<'a> {
    group: Group<'a>,
    payload: Payload<'a>,
}

impl<'a> Opened<'a> {
    fn member(&self, member: usize) -> Result<Series<'a>, FormatError> {
        let range = self.group.bytes(member);
        Ok(Series {
            id: self.group.ids()[member] as u32,
            encoded: self.payload.series(range)?,
        })
    }

    /// Adds what is damaged: bundles by their checksum, series of the others by parsing.
    fn verify(&self, damage: &mut Vec<Damage>) {
        let ids = |members: Range<usize>| {
            let ids = &self.group.ids()[members];
            ids.iter().map(|&id| id as u32).collect()
        };
        for (members, checksum) in self.group.bundles() {
            let start = self.group.bytes(members.start).start;
            let end = self.group.bytes(members.end - 1).end;
            if let Err(error) = self.payload.piece(start..end).check(checksum) {
                let ids = ids(members);
                damage.push(Damage { error, ids });
                continue;
            }
            for member in members {
                if let Err(error) = self.member(member) {
                    let ids = ids(member..member + 1);
                    damage.push(Damage { error, ids });
                }
            }
        }
    }
}

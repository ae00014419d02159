//! From the bytes of a block back to its series.
//!
//! A reader borrows the bytes, usually a memory map, and keeps nothing of its own, so it is cheap to
//! make and free to share between threads.

use std::ops::Range;

use super::header::{HEADER_BYTES, Header};
use super::index::{Entry, Group, Index};
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

/// A damaged group of series, found by [`Reader::verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The number of the group, for [`Reader::check_group`].
    pub group: usize,
    /// What is wrong.
    pub error: FormatError,
    /// The ids of the series in it, as far as the index tells.
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

    /// As [`Reader::series`], but first compares the checksum of the group that it stands in.
    ///
    /// # Errors
    /// [`FormatError`] if the index, the group or the series is not as written.
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
        let payload = self.payload_of(entry, located.payload_bytes)?;
        if is_checked {
            payload.check()?;
        }
        payload.series(located.bytes).map(Some)
    }

    /// The ids of all series, ascending.
    ///
    /// An item is an error where the index is malformed; the next item is of the next group.
    pub fn ids(&self) -> impl Iterator<Item = Result<u32, FormatError>> + use<'a> {
        self.walk(|opened, member| Ok(opened.group.ids()[member] as u32))
    }

    /// All series, ascending by id, without comparing checksums.
    ///
    /// An item is an error where the index or a series is malformed.
    pub fn iter(&self) -> impl Iterator<Item = Result<Series<'a>, FormatError>> + use<'a> {
        self.walk(|opened, member| opened.member(member))
    }

    /// How many groups of series there are, each with its own checksum.
    pub fn groups(&self) -> usize {
        self.index.groups()
    }

    /// The number of the group where the series `id` stands if the block has it.
    pub fn group_of(&self, id: u32) -> Option<usize> {
        self.index.find(id)
    }

    /// Compares the checksum of one group's bytes.
    ///
    /// # Errors
    /// [`FormatError`] if they are not those that were written, or the index is malformed.
    ///
    /// # Panics
    /// If `group` is not below [`Reader::groups`].
    pub fn check_group(&self, group: usize) -> Result<(), FormatError> {
        assert!(group < self.groups(), "a group of the block");
        self.open_group(group)?.payload.check()
    }

    /// Compares every checksum and parses every series; answers the groups that are damaged.
    pub fn verify(&self) -> Vec<Damage> {
        (0..self.groups())
            .filter_map(|group| self.verify_group(group).err())
            .collect()
    }

    fn verify_group(&self, group: usize) -> Result<(), Damage> {
        let damage = |error, ids| Damage { group, error, ids };
        let opened = self
            .open_group(group)
            .map_err(|error| damage(error, Vec::new()))?;
        let ids = || opened.group.ids().iter().map(|&id| id as u32).collect();
        opened
            .payload
            .check()
            .map_err(|error| damage(error, ids()))?;
        for member in 0..opened.group.count {
            opened
                .member(member)
                .map_err(|error| damage(error, ids()))?;
        }
        Ok(())
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
                if group == self.groups() {
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
        let payload = self.payload_of(entry, group.payload_bytes())?;
        Ok(Opened { group, payload })
    }

    fn payload_of(&self, entry: Entry, length: u64) -> Result<Payload<'a>, FormatError> {
        let offset = (HEADER_BYTES as u64).saturating_add(entry.payload_at);
        let start = usize::try_from(entry.payload_at).ok();
        let bytes = start
            .and_then(|start| self.payload.get(start..))
            .and_then(|rest| rest.get(..length as usize))
            .ok_or(FormatError::Truncated {
                part: PAYLOAD,
                offset,
                needed: length,
                available: (self.payload.len() as u64).saturating_sub(entry.payload_at),
            })?;
        Ok(Payload {
            bytes,
            offset,
            checksum: entry.checksum,
            slots: self.header.span.slots as usize,
        })
    }
}

/// The payload of one group.
struct Payload<'a> {
    bytes: &'a [u8],
    /// Where it stands in the file.
    offset: u64,
    checksum: u32,
    slots: usize,
}

impl<'a> Payload<'a> {
    fn check(&self) -> Result<(), FormatError> {
        let found = crc32fast::hash(self.bytes);
        if found != self.checksum {
            return Err(FormatError::Checksum {
                part: PAYLOAD,
                offset: self.offset,
                expected: self.checksum,
                found,
            });
        }
        Ok(())
    }

    /// The series in `range`, which the index gave for this very payload.
    fn series(&self, range: Range<u64>) -> Result<Encoded<'a>, FormatError> {
        let bytes = &self.bytes[range.start as usize..range.end as usize];
        Encoded::parse(bytes, self.slots, self.offset + range.start)
    }
}

/// A group with its payload.
struct Opened<'a> {
    group: Group,
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
}

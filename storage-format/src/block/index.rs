//! The index of a block: which series it holds and where each one's bytes are.
//!
//! Series stand in ascending order of id and in groups of [`GROUP`]. A directory has one entry of a
//! fixed length a group and is searched by halving; the rest of a group's ids and the lengths are
//! packed in its *detail*, a few bits a series. The payload of each [`BUNDLE`] series has a checksum, so
//! that reading one series carefully does not mean reading all of its group.

use std::ops::Range;

use crate::codec::bitpack::{self, LANES, Lanes, packed_bytes};
use crate::cursor::{Cursor, bits, put_varint};
use crate::error::FormatError;

/// How errors name this part of a file.
const PART: &str = "block index";

/// How many series a group has; the last one may have fewer.
pub(super) const GROUP: usize = LANES;

/// How many series share a checksum; the last ones of a group may be fewer.
pub(super) const BUNDLE: usize = 8;

/// The length of a directory entry.
const ENTRY_BYTES: usize = 4 + 4 + 8;

const CHECKSUM_BYTES: usize = 4;

/// One entry of the directory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    /// The id of the group's first series.
    pub(super) first_id: u32,
    /// Where the group's detail begins, counted from the end of the directory.
    pub(super) detail_at: u32,
    /// Where the group's payload begins, counted from the start of the payload.
    pub(super) payload_at: u64,
}

impl Entry {
    pub(super) fn put(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.first_id.to_le_bytes());
        out.extend_from_slice(&self.detail_at.to_le_bytes());
        out.extend_from_slice(&self.payload_at.to_le_bytes());
    }

    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, FormatError> {
        Ok(Self {
            first_id: u32::from_le_bytes(cursor.array()?),
            detail_at: u32::from_le_bytes(cursor.array()?),
            payload_at: u64::from_le_bytes(cursor.array()?),
        })
    }
}

/// Appends the detail of a group: widths, least length, gaps between ids less one, lengths, and the
/// CRC-32 of each bundle's part of `payload`.
pub(super) fn put_detail(ids: &[u32], lengths: &[u32], payload: &[u8], out: &mut Vec<u8>) {
    let gaps = || ids.windows(2).map(|pair| u64::from(pair[1] - pair[0] - 1));
    let least = u64::from(lengths.iter().copied().min().unwrap_or(0));
    let excess = || lengths.iter().map(|&length| u64::from(length) - least);
    let gap_width = bits(gaps().fold(0, |all, gap| all | gap));
    let length_width = bits(excess().fold(0, |all, excess| all | excess));
    out.push(gap_width as u8);
    out.push(length_width as u8);
    put_varint(out, least);
    bitpack::pack(gaps(), gap_width, out);
    bitpack::pack(excess(), length_width, out);
    let mut rest = payload;
    for bundle in lengths.chunks(BUNDLE) {
        let length: u32 = bundle.iter().sum();
        let (bytes, after) = rest.split_at(length as usize);
        out.extend_from_slice(&crc32fast::hash(bytes).to_le_bytes());
        rest = after;
    }
}

/// The index as it lies in the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Index<'a> {
    directory: &'a [u8],
    details: &'a [u8],
    /// Where the index begins in the file.
    offset: u64,
    series: usize,
}

/// One group, unpacked.
pub(super) struct Group<'a> {
    /// How many series it has.
    pub(super) count: usize,
    /// Their ids, ascending.
    ids: Lanes,
    /// Where each one's bytes begin in the group's payload.
    starts: Lanes,
    /// Where the last one's bytes end.
    end: u64,
    checksums: &'a [u8],
}

impl<'a> Index<'a> {
    /// The index in `bytes`, at `offset` in the file, of that many series.
    pub(super) fn new(bytes: &'a [u8], offset: u64, series: u32) -> Result<Self, FormatError> {
        let series = series as usize;
        let mut cursor = Cursor::new(PART, bytes, offset);
        let directory = cursor.take(series.div_ceil(GROUP) * ENTRY_BYTES)?;
        let details = cursor.take(cursor.remaining())?;
        Ok(Self {
            directory,
            details,
            offset,
            series,
        })
    }

    /// How many groups there are.
    pub(super) fn groups(&self) -> usize {
        self.directory.len() / ENTRY_BYTES
    }

    /// The directory entry of `group`.
    pub(super) fn entry(&self, group: usize) -> Result<Entry, FormatError> {
        let at = group * ENTRY_BYTES;
        let bytes = self.directory.get(at..).unwrap_or(&[]);
        Entry::parse(&mut Cursor::new(PART, bytes, self.offset + at as u64))
    }

    /// The group that `id` belongs to, if there is one that may hold it.
    pub(super) fn find(&self, id: u32) -> Option<usize> {
        let (entries, _) = self.directory.as_chunks::<ENTRY_BYTES>();
        let first_id = |entry: &[u8; ENTRY_BYTES]| {
            let [a, b, c, d, ..] = *entry;
            u32::from_le_bytes([a, b, c, d])
        };
        entries
            .partition_point(|entry| first_id(entry) <= id)
            .checked_sub(1)
    }

    /// Where the series `id` lies in the payload of `group`, whose entry is given.
    pub(super) fn locate(
        &self,
        group: usize,
        entry: Entry,
        id: u32,
    ) -> Result<Option<Located>, FormatError> {
        let detail = self.detail(group, entry)?;
        let Some(member) = detail.member(entry.first_id, id) else {
            return Ok(None);
        };
        let mut lanes: Lanes = [0; LANES];
        let width = detail.length_width;
        bitpack::unpack(detail.lengths, width, detail.count, &mut lanes);
        let length = |excess: &[u64]| {
            let excess_bytes: u64 = excess.iter().sum();
            detail.least * excess.len() as u64 + excess_bytes
        };
        let first = member / BUNDLE * BUNDLE;
        let end = detail.count.min(first + BUNDLE);
        let start = length(&lanes[first..member]);
        Ok(Some(Located {
            bundle_at: length(&lanes[..first]),
            bundle_bytes: length(&lanes[first..end]),
            bytes: start..start + length(&lanes[member..=member]),
            checksum: checksum(detail.checksums, member / BUNDLE),
        }))
    }

    /// Unpacks `group`, whose entry is given.
    pub(super) fn group(&self, group: usize, entry: Entry) -> Result<Group<'a>, FormatError> {
        let detail = self.detail(group, entry)?;
        let count = detail.count;
        let mut lanes: Lanes = [0; LANES];
        let mut ids: Lanes = [0; LANES];
        detail.ids(entry.first_id, &mut ids);
        if ids[count - 1] > u64::from(u32::MAX) {
            return Err(FormatError::Invalid {
                part: PART,
                offset: self.offset,
                expected: "ids of 32 bits",
                found: ids[count - 1],
            });
        }
        bitpack::unpack(detail.lengths, detail.length_width, count, &mut lanes);
        let mut starts: Lanes = [0; LANES];
        let mut end = 0;
        for (start, excess) in starts[..count].iter_mut().zip(&lanes) {
            *start = end;
            end += detail.least + excess;
        }
        Ok(Group {
            count,
            ids,
            starts,
            end,
            checksums: detail.checksums,
        })
    }

    fn detail(&self, group: usize, entry: Entry) -> Result<Detail<'a>, FormatError> {
        let count = (self.series - group * GROUP).min(GROUP);
        let at = (entry.detail_at as usize).min(self.details.len());
        let offset = self.offset + (self.directory.len() + at) as u64;
        let mut cursor = Cursor::new(PART, &self.details[at..], offset);
        let gap_width = parse_width(&mut cursor)?;
        let length_width = parse_width(&mut cursor)?;
        let least = cursor.varint()?;
        if least > u64::from(u32::MAX) {
            return Err(cursor.invalid("a length of 32 bits", least));
        }
        Ok(Detail {
            count,
            gap_width,
            length_width,
            least,
            gaps: cursor.take(packed_bytes(count - 1, gap_width))?,
            lengths: cursor.take(packed_bytes(count, length_width))?,
            checksums: cursor.take(count.div_ceil(BUNDLE) * CHECKSUM_BYTES)?,
        })
    }
}

/// The detail of a group, still packed.
struct Detail<'a> {
    count: usize,
    gap_width: u32,
    length_width: u32,
    least: u64,
    gaps: &'a [u8],
    lengths: &'a [u8],
    checksums: &'a [u8],
}

/// The checksum number `bundle` of a group, which has one a bundle.
fn checksum(checksums: &[u8], bundle: usize) -> u32 {
    let (checksums, _) = checksums.as_chunks::<CHECKSUM_BYTES>();
    u32::from_le_bytes(checksums[bundle])
}

impl Detail<'_> {
    /// Writes the ids to `ids`, whose first `count` are theirs.
    fn ids(&self, first: u32, ids: &mut Lanes) {
        let mut lanes: Lanes = [0; LANES];
        bitpack::unpack(self.gaps, self.gap_width, self.count - 1, &mut lanes);
        ids[0] = u64::from(first);
        for index in 1..self.count {
            ids[index] = ids[index - 1] + lanes[index - 1] + 1;
        }
    }

    /// The place of `id` in the group, whose first id is given and is not above it.
    fn member(&self, first: u32, id: u32) -> Option<usize> {
        if self.gap_width == 0 {
            let distance = (id - first) as usize;
            return (distance < self.count).then_some(distance);
        }
        let mut ids: Lanes = [0; LANES];
        self.ids(first, &mut ids);
        ids[..self.count].binary_search(&u64::from(id)).ok()
    }
}

/// Where a series lies.
pub(super) struct Located {
    /// Where its bundle begins in the group's payload, and how long that is.
    pub(super) bundle_at: u64,
    pub(super) bundle_bytes: u64,
    /// The CRC-32 of the bundle.
    pub(super) checksum: u32,
    /// Its bytes in the bundle.
    pub(super) bytes: Range<u64>,
}

/// A width of up to 32 bits: ids and lengths are no larger.
fn parse_width(cursor: &mut Cursor<'_>) -> Result<u32, FormatError> {
    match cursor.byte()? {
        width @ 0..=32 => Ok(u32::from(width)),
        other => Err(cursor.invalid("a width up to 32 bits", u64::from(other))),
    }
}

impl Group<'_> {
    /// The ids, ascending.
    pub(super) fn ids(&self) -> &[u64] {
        &self.ids[..self.count]
    }

    /// Where the bytes of the series number `member` lie in the group's payload.
    pub(super) fn bytes(&self, member: usize) -> Range<u64> {
        let end = self.starts[..self.count].get(member + 1);
        self.starts[member]..end.copied().unwrap_or(self.end)
    }

    /// The members of each bundle with its checksum.
    pub(super) fn bundles(&self) -> impl Iterator<Item = (Range<usize>, u32)> {
        (0..self.count).step_by(BUNDLE).map(|first| {
            let members = first..self.count.min(first + BUNDLE);
            (members, checksum(self.checksums, first / BUNDLE))
        })
    }

    /// The length of the group's payload.
    pub(super) fn payload_bytes(&self) -> u64 {
        self.end
    }
}

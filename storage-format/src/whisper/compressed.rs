//! go-whisper's compressed files, read on import. See `whisper-compressed.md`.
//!
//! [`Compressed`] is parsed from all bytes of a file and answers each archive's values as
//! go-whisper's own reading would: blocks, then what still waits in buffers, rolled up where that
//! has not been done yet. Nothing here writes the format.
//!
//! Invariants: as of [`super`]: no panic and no reading out of bounds whatever the bytes hold, and
//! never more memory than the archives' slots and the file's length call for.

mod bits;
mod block;

use std::collections::BTreeMap;

use super::{ArchiveSpec, Dialect, Method, SLOT_BYTES};
use crate::cursor::Cursor;
use crate::error::FormatError;

/// How a compressed file begins.
pub const COMPRESSED_MAGIC: &[u8; 18] = b"whisper_compressed";

const PART: &str = "compressed whisper header";
const BLOCK_PART: &str = "compressed whisper block";

/// Bytes that no version uses yet, after the file's fields and after each archive's.
const SPARE_BYTES: usize = 16;
const ARCHIVE_SPARE_BYTES: usize = 36;
/// The state of the open block, of which a reader needs nothing.
const OPEN_BLOCK_BYTES: usize = 60;
/// Two counters after it.
const COUNTER_BYTES: usize = 8;
/// The bytes that name an archive's method in a file of mixed ones.
const MIX_BYTES: usize = 5;
/// A buffer holds two windows of the coarser archive.
const BUFFER_WINDOWS: u64 = 2;
const ARCHIVES_MAX: u32 = 255;

/// How an archive of a file of mixed methods was rolled up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mixed {
    /// The method; [`Method::Percentile`] among them.
    pub method: Method,
    /// Which percentile, 0 to 100, where the method is one.
    pub percentile: f32,
}

/// One archive.
#[derive(Clone, Debug)]
pub struct CompressedArchive {
    spec: ArchiveSpec,
    mixed: Option<Mixed>,
    offset: u64,
    block_bytes: usize,
    blocks: Vec<BlockRange>,
    buffer: Vec<(i64, f64)>,
}

#[derive(Clone, Copy, Debug)]
struct BlockRange {
    start: u32,
    end: u32,
}

/// A checked file.
#[derive(Clone, Debug)]
pub struct Compressed<'a> {
    bytes: &'a [u8],
    method: Method,
    x_files_factor: f32,
    archives: Vec<CompressedArchive>,
}

impl CompressedArchive {
    /// Step and points.
    pub fn spec(&self) -> ArchiveSpec {
        self.spec
    }

    /// How it was rolled up, in a file whose method is [`Method::Mix`]; not for the finest.
    pub fn mixed(&self) -> Option<Mixed> {
        self.mixed
    }
}

impl<'a> Compressed<'a> {
    /// Reads the header, of a file of which `bytes` are all.
    ///
    /// # Errors
    /// The first field that no writer would have written, or the part that is missing.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, FormatError> {
        let mut cursor = Cursor::new(PART, bytes, 0);
        let magic: [u8; 18] = cursor.array()?;
        if &magic != COMPRESSED_MAGIC {
            let mut found = [0; 8];
            found.copy_from_slice(&magic[..8]);
            return Err(FormatError::Magic { part: PART, found });
        }
        let version = cursor.byte()?;
        if !(1..=2).contains(&version) {
            return Err(FormatError::Version {
                part: PART,
                found: u16::from(version),
                newest: 2,
            });
        }
        let method = parse_method(&mut cursor)?;
        cursor.take(4)?;
        let at_factor = cursor.clone();
        let x_files_factor = f32::from_be_bytes(cursor.array()?);
        if !(0.0..=1.0).contains(&x_files_factor) {
            let found = u64::from(x_files_factor.to_bits());
            return Err(at_factor.invalid("the bits of an xFilesFactor from 0 to 1", found));
        }
        cursor.take(4)?;
        let at_count = cursor.clone();
        let count = u32::from_be_bytes(cursor.array()?);
        if !(1..=ARCHIVES_MAX).contains(&count) {
            return Err(at_count.invalid("from 1 to 255 archives", u64::from(count)));
        }
        cursor.take(4 + 4 + SPARE_BYTES)?;
        let mut archives = Vec::new();
        let mut block_counts = Vec::new();
        for number in 0..count {
            let is_mixed = method == Method::Mix && number > 0;
            let (archive, blocks) = parse_archive(&mut cursor, is_mixed, archives.last())?;
            archives.push(archive);
            block_counts.push(blocks);
        }
        let has_buffers = version == 1 && method != Method::Mix;
        for number in 0..archives.len() {
            let coarser = archives.get(number + 1).map(CompressedArchive::spec);
            let archive = &mut archives[number];
            archive.blocks = parse_ranges(&mut cursor, block_counts[number])?;
            if let Some(coarser) = coarser.filter(|_| has_buffers) {
                archive.buffer = parse_buffer(&mut cursor, archive.spec, coarser)?;
            }
        }
        Ok(Self {
            bytes,
            method,
            x_files_factor,
            archives,
        })
    }

    /// The method of the file.
    pub fn method(&self) -> Method {
        self.method
    }

    /// The share of fine slots that must be known for a coarse one, 0 to 1.
    pub fn x_files_factor(&self) -> f32 {
        self.x_files_factor
    }

    /// The archives, finest first. In a file of mixed methods several have one step.
    pub fn archives(&self) -> &[CompressedArchive] {
        &self.archives
    }

    /// The points of some archives at `now`, oldest first: `chosen` are numbers of archives, finest
    /// first, each coarser one made of the one before it. Of a file of mixed methods these are the
    /// finest and one of each step.
    ///
    /// # Errors
    /// A block that is not as written.
    ///
    /// # Panics
    /// If there is no archive of a number.
    pub fn points(&self, chosen: &[usize], now: i64) -> Result<Vec<Vec<(i64, f64)>>, FormatError> {
        let mut all: Vec<Vec<(i64, f64)>> = Vec::new();
        // Times in the archive before of what was not rolled up in the file.
        let mut waiting: Vec<i64> = Vec::new();
        for (position, &number) in chosen.iter().enumerate() {
            let archive = &self.archives[number];
            let mut points = self.stored(archive)?;
            if position > 0 {
                // Mixed archives are made of the finest, whatever lies between.
                let source = if self.is_mixed() { 0 } else { position - 1 };
                if self.is_mixed() {
                    waiting = newer_than(&all[0], points.keys().next_back());
                }
                let step_s = self.archives[chosen[source]].spec.step_s;
                waiting =
                    self.roll_up_waiting(archive, &all[source], step_s, &waiting, &mut points);
            }
            waiting.extend(archive.buffer.iter().map(|(time, _)| *time));
            waiting.sort_unstable();
            let oldest = now - archive.spec.retention_s() as i64;
            points.retain(|time, _| *time > oldest && *time <= now);
            all.push(points.into_iter().collect());
        }
        Ok(all)
    }

    fn is_mixed(&self) -> bool {
        self.method == Method::Mix
    }

    /// Rolls up the windows that waiting points lie in; answers the windows.
    fn roll_up_waiting(
        &self,
        archive: &CompressedArchive,
        fine: &[(i64, f64)],
        fine_step_s: u32,
        waiting: &[i64],
        points: &mut BTreeMap<i64, f64>,
    ) -> Vec<i64> {
        let step = i64::from(archive.spec.step_s);
        let mut windows: Vec<i64> = waiting
            .iter()
            .map(|time| time - time.rem_euclid(step))
            .collect();
        windows.dedup();
        windows.retain(|&window| {
            let known = window_of(fine, window, step);
            let value = self.roll_up(archive, known, archive.spec.step_s / fine_step_s);
            value.is_some_and(|value| {
                points.insert(window, value);
                true
            })
        });
        windows
    }

    /// Blocks in the order of their times, then the buffer, which covers them.
    fn stored(&self, archive: &CompressedArchive) -> Result<BTreeMap<i64, f64>, FormatError> {
        let mut points = BTreeMap::new();
        let mut blocks: Vec<(usize, BlockRange)> =
            archive.blocks.iter().copied().enumerate().collect();
        blocks.retain(|(_, range)| range.start != 0);
        blocks.sort_by_key(|(_, range)| range.start);
        for (index, range) in blocks {
            let at = archive.offset + index as u64 * archive.block_bytes as u64;
            let mut cursor = Cursor::new(BLOCK_PART, self.bytes, 0);
            cursor.take(usize::try_from(at).unwrap_or(usize::MAX))?;
            let bytes = cursor.take(archive.block_bytes)?;
            let decoded = block::decode(bytes, at, archive.spec.step_s, range.start, range.end)?;
            points.extend(decoded);
        }
        points.extend(archive.buffer.iter().copied());
        Ok(points)
    }

    /// The coarse value of the known values of a window of `slots`.
    fn roll_up(
        &self,
        archive: &CompressedArchive,
        known: &[(i64, f64)],
        slots: u32,
    ) -> Option<f64> {
        let is_enough = known.len() as f32 / slots as f32 >= self.x_files_factor;
        if known.is_empty() || !is_enough {
            return None;
        }
        let method = archive.mixed.map_or(self.method, |mixed| mixed.method);
        let values = known.iter().map(|(_, value)| *value);
        match (method, archive.mixed) {
            (Method::Percentile, Some(mixed)) => percentile(values.collect(), mixed.percentile),
            _ => method.roll_up(values.map(Some), 0.0),
        }
    }
}

/// The times of the points that are not before `last`.
fn newer_than(points: &[(i64, f64)], last: Option<&i64>) -> Vec<i64> {
    let times = points.iter().map(|(time, _)| *time);
    times
        .filter(|time| last.is_none_or(|last| time >= last))
        .collect()
}

/// The points of `window .. window + step`.
fn window_of(points: &[(i64, f64)], window: i64, step: i64) -> &[(i64, f64)] {
    let from = points.partition_point(|(time, _)| *time < window);
    let until = points.partition_point(|(time, _)| *time < window + step);
    &points[from..until]
}

/// The percentile by the rank `(n - 1) * p / 100`, between neighbours in proportion.
fn percentile(mut values: Vec<f64>, percentile: f32) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let rank = (values.len().checked_sub(1)?) as f64 * f64::from(percentile) / 100.0;
    let below = rank.floor();
    let lower = *values.get(below as usize)?;
    let upper = values.get(below as usize + 1).copied().unwrap_or(lower);
    Some(lower + (upper - lower) * (rank - below))
}

fn parse_method(cursor: &mut Cursor<'_>) -> Result<Method, FormatError> {
    let at = cursor.clone();
    let number = u32::from_be_bytes(cursor.array()?);
    let method = Dialect::GoWhisper.method(number);
    let method = method.filter(|method| *method != Method::Percentile);
    method.ok_or_else(|| at.invalid("an aggregation type from 1 to 7", u64::from(number)))
}

/// One archive's entry, and how many blocks it has.
fn parse_archive(
    cursor: &mut Cursor<'_>,
    is_mixed: bool,
    finer: Option<&CompressedArchive>,
) -> Result<(CompressedArchive, u32), FormatError> {
    let at = cursor.clone();
    let offset = u32::from_be_bytes(cursor.array()?);
    let step_s = u32::from_be_bytes(cursor.array()?);
    let points = u32::from_be_bytes(cursor.array()?);
    let block_bytes = u32::from_be_bytes(cursor.array()?);
    let blocks = u32::from_be_bytes(cursor.array()?);
    cursor.take(4)?;
    let least = finer.map_or(1, |finer| match is_mixed && finer.mixed.is_some() {
        true => finer.spec.step_s,
        false => finer.spec.step_s + 1,
    });
    if step_s < least || finer.is_some_and(|finer| !step_s.is_multiple_of(finer.spec.step_s)) {
        return Err(at.invalid(
            "a multiple of the step of the archive before",
            u64::from(step_s),
        ));
    }
    if points == 0 || u64::from(points) * u64::from(step_s) > u64::from(u32::MAX) {
        return Err(at.invalid("points of at most 32 bits of seconds", u64::from(points)));
    }
    if (block_bytes as usize) < SLOT_BYTES {
        return Err(at.invalid("blocks of at least one point", u64::from(block_bytes)));
    }
    let mut mixed = None;
    let mut spare = ARCHIVE_SPARE_BYTES;
    if is_mixed {
        let number = cursor.byte()?;
        let percentile = f32::from_be_bytes(cursor.array()?);
        let method = Dialect::GoWhisper.method(u32::from(number));
        let method = method.filter(|method| *method != Method::Mix);
        let method = method.ok_or_else(|| at.invalid("the type of a method", u64::from(number)))?;
        let is_share = method != Method::Percentile || (0.0..=100.0).contains(&percentile);
        if !is_share {
            let found = u64::from(percentile.to_bits());
            return Err(at.invalid("the bits of a percentile from 0 to 100", found));
        }
        mixed = Some(Mixed { method, percentile });
        spare -= MIX_BYTES;
    }
    cursor.take(OPEN_BLOCK_BYTES + COUNTER_BYTES + spare)?;
    let archive = CompressedArchive {
        spec: ArchiveSpec { step_s, points },
        mixed,
        offset: u64::from(offset),
        block_bytes: block_bytes as usize,
        blocks: Vec::new(),
        buffer: Vec::new(),
    };
    Ok((archive, blocks))
}

fn parse_ranges(cursor: &mut Cursor<'_>, count: u32) -> Result<Vec<BlockRange>, FormatError> {
    // Taken before anything is allocated: a count that the file cannot hold is refused here.
    let bytes = cursor.take((count as usize).saturating_mul(16))?;
    let (ranges, _) = bytes.as_chunks::<16>();
    let field = |range: &[u8; 16], at: usize| {
        u32::from_be_bytes([range[at], range[at + 1], range[at + 2], range[at + 3]])
    };
    let ranges = ranges.iter().map(|range| BlockRange {
        start: field(range, 0),
        end: field(range, 4),
    });
    Ok(ranges.collect())
}

fn parse_buffer(
    cursor: &mut Cursor<'_>,
    fine: ArchiveSpec,
    coarse: ArchiveSpec,
) -> Result<Vec<(i64, f64)>, FormatError> {
    let slots = u64::from(coarse.step_s / fine.step_s) * BUFFER_WINDOWS;
    let length = usize::try_from(slots * SLOT_BYTES as u64).unwrap_or(usize::MAX);
    let at = cursor.clone();
    let (slots, _) = cursor.take(length)?.as_chunks::<SLOT_BYTES>();
    let mut buffer = Vec::new();
    for slot in slots {
        let [a, b, c, d, value @ ..] = *slot;
        let time = u32::from_be_bytes([a, b, c, d]);
        if !time.is_multiple_of(fine.step_s) {
            return Err(at.invalid("times that are multiples of the step", u64::from(time)));
        }
        if time != 0 {
            buffer.push((i64::from(time), f64::from_be_bytes(value)));
        }
    }
    buffer.sort_by_key(|(time, _)| *time);
    Ok(buffer)
}

#[cfg(test)]
mod tests;

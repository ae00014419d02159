//! Plaintext dumps and the dump files of go-carbon: points one by one, by the road that the network's
//! take.
//!
//! A dump is `name value timestamp` lines, as they are or compressed (`.gz`, `.zst`). go-carbon's dump
//! folder has `cache.PID.NANOSECONDS` and `input.PID.NANOSECONDS`, in this format or, with `.bin`, in
//! one of varints; the cache of a moment is older than the input that came while it was written.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use super::super::ToolError;
use super::super::interrupt::Interrupt;
use super::super::progress::Progress;
use super::destination::Destination;
use super::state::State;
use super::tree::Stamp;
use super::work::Naming;
use crate::metric::name::{NameScratch, hash};
use crate::metric::{Refusal, Schemas, SeriesId};
use crate::protocol::{Limits, Plaintext, Sink};
use crate::storage::strata::Imported;
use hashbrown::HashMap;

/// Bytes that are read in one go.
const READ_BYTES: usize = 4 << 20;
/// Bytes of a dump between two syncs: what a run that is cut short does once more.
const COMMIT_BYTES: u64 = 256 << 20;
/// Refused lines that are shown; all are counted.
const SHOWN_MAX: u64 = 10;
/// Bytes of one name in go-carbon's binary dumps.
const NAME_BYTES_MAX: i64 = 1 << 20;

/// What a run did.
#[derive(Clone, Debug, Default)]
pub(super) struct LineTotals {
    pub(super) stored: u64,
    pub(super) refused: u64,
    pub(super) left_out: u64,
    pub(super) files: usize,
}

/// Everything that is needed to store lines.
pub(super) struct Lines<'a> {
    pub(super) destination: &'a Destination,
    pub(super) naming: Naming<'a>,
    pub(super) limits: Limits,
    pub(super) schemas: &'a Schemas,
    /// `None` for standard input, which cannot be read again.
    pub(super) state: Option<&'a State>,
    pub(super) progress: &'a Progress,
    pub(super) interrupt: &'a Interrupt,
    pub(super) totals: LineTotals,
    /// By the name as it came: the series and its shard; `None` for one that is left out.
    pub(super) series: HashMap<Vec<u8>, Option<(SeriesId, usize)>>,
}

/// Points of one read, with their names one after another.
#[derive(Default)]
struct Points {
    names: Vec<u8>,
    points: Vec<(std::ops::Range<usize>, i64, f64)>,
    refused: Vec<(Refusal, String)>,
    refused_count: u64,
}

impl Points {
    fn add(&mut self, name: &[u8], timestamp: i64, value: f64) {
        let start = self.names.len();
        self.names.extend_from_slice(name);
        self.points
            .push((start..self.names.len(), timestamp, value));
    }

    fn clear(&mut self) {
        self.names.clear();
        self.points.clear();
        self.refused.clear();
        self.refused_count = 0;
    }
}

impl Sink for Points {
    fn point(&mut self, name: &[u8], timestamp: i64, value: f64) {
        self.add(name, timestamp, value);
    }

    fn refuse(&mut self, reason: Refusal, line: &[u8]) {
        self.refused_count += 1;
        if self.refused.len() < SHOWN_MAX as usize {
            let line = String::from_utf8_lossy(&line[..line.len().min(200)]);
            self.refused.push((reason, line.into_owned()));
        }
    }

    fn is_full(&self) -> bool {
        false
    }
}

/// The files of go-carbon's dump folder in the order of their points; `None` if it is none.
pub(super) fn dump_files(folder: &Path) -> io::Result<Option<Vec<PathBuf>>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if let Some(order) = entry.file_name().to_str().and_then(dump_order) {
            files.push((order, entry.path()));
        }
    }
    files.sort();
    let files: Vec<PathBuf> = files.into_iter().map(|(_, path)| path).collect();
    Ok((!files.is_empty()).then_some(files))
}

/// The place of a dump file among others: its time, and the cache before the input.
fn dump_order(name: &str) -> Option<(u64, u8, String)> {
    let (kind, rest) = name.split_once('.')?;
    let kind = match kind {
        "cache" => 0,
        "input" => 1,
        _ => return None,
    };
    let stem = rest.strip_suffix(".bin").unwrap_or(rest);
    let time = stem.rsplit('.').next()?;
    Some((time.parse().ok()?, kind, name.to_owned()))
}

impl<'a> Lines<'a> {
    /// Reads one file, from where a former run stopped.
    ///
    /// # Errors
    /// When it cannot be read or is no compressed file of its kind, the store or the disk fails, or
    /// the operator wants an end.
    pub(super) fn file(&mut self, path: &Path) -> Result<(), ToolError> {
        let file = File::open(path).map_err(ToolError::io(path, "cannot be read"))?;
        let metadata = file
            .metadata()
            .map_err(ToolError::io(path, "cannot be read"))?;
        let stamp = Stamp::of(&metadata);
        let item = path.display().to_string();
        let done = self.done(&item, stamp);
        if done == u64::MAX {
            return Ok(());
        }
        let reader = decompressed(path, file).map_err(ToolError::io(path, "cannot be read"))?;
        let source = Source {
            path,
            item: &item,
            stamp,
        };
        match item.ends_with(".bin") {
            true => self.binary(reader, &source, done)?,
            false => self.plaintext(reader, &source, done)?,
        }
        self.commit(&source, u64::MAX)?;
        self.totals.files += 1;
        Ok(())
    }

    /// Reads standard input.
    ///
    /// # Errors
    /// As [`Lines::file`].
    pub(super) fn standard_input(&mut self) -> Result<(), ToolError> {
        let source = Source {
            path: Path::new("standard input"),
            item: "-",
            stamp: Stamp::default(),
        };
        self.plaintext(Box::new(io::stdin().lock()), &source, 0)?;
        self.commit(&source, u64::MAX)
    }

    /// How many bytes of a file, decompressed, are done; all of a finished one.
    fn done(&self, item: &str, stamp: Stamp) -> u64 {
        let Some(state) = self.state else { return 0 };
        if state.done(&mark(item, "end")) == Some(stamp) {
            return u64::MAX;
        }
        // The position stands where the length of a file does.
        let begun = state.done(&mark(item, &stamp.bytes.to_string()));
        begun
            .filter(|begun| begun.modified_ns == stamp.modified_ns)
            .map_or(0, |begun| begun.bytes)
    }

    /// Makes all so far durable, and remembers it.
    fn commit(&mut self, source: &Source<'_>, position: u64) -> Result<(), ToolError> {
        self.destination.sync_names()?;
        self.destination.settle(&Imported::default())?;
        let Some(state) = self.state else {
            return Ok(());
        };
        let (item, stamp) = match position {
            u64::MAX => (mark(source.item, "end"), source.stamp),
            _ => {
                let begun = Stamp {
                    bytes: position,
                    ..source.stamp
                };
                (mark(source.item, &source.stamp.bytes.to_string()), begun)
            }
        };
        state.record([(item.as_str(), stamp)])
    }

    fn plaintext(
        &mut self,
        mut reader: Box<dyn Read + 'a>,
        source: &Source<'_>,
        done: u64,
    ) -> Result<(), ToolError> {
        skip(reader.as_mut(), done).map_err(ToolError::io(source.path, "cannot be read"))?;
        let mut decoder = Plaintext::new(self.limits);
        let mut points = Points::default();
        let mut buffer = Vec::with_capacity(READ_BYTES + self.limits.line_bytes_max);
        let (mut position, mut committed) = (done, done);
        loop {
            let state =
                || format!("what was read is kept up to byte {committed}; run it again to go on");
            self.interrupt.check(state)?;
            let limit = READ_BYTES as u64;
            let read = reader.by_ref().take(limit).read_to_end(&mut buffer);
            let read = read.map_err(ToolError::io(source.path, "cannot be read"))?;
            let now = self.destination.now;
            if read == 0 {
                decoder.finish(&buffer, now, &mut points);
                return self.store(&mut points);
            }
            let decoded = decoder.decode(&buffer, now, &mut points);
            buffer.drain(..decoded.consumed);
            position += decoded.consumed as u64;
            self.store(&mut points)?;
            if position - committed >= COMMIT_BYTES {
                self.commit(source, position)?;
                committed = position;
            }
        }
    }

    /// go-carbon's binary dump: name, number of points, then value and time of each less those of the
    /// one before.
    fn binary(
        &mut self,
        reader: Box<dyn Read + 'a>,
        source: &Source<'_>,
        done: u64,
    ) -> Result<(), ToolError> {
        let mut reader = Counted {
            inner: BufReader::with_capacity(READ_BYTES, reader),
            position: 0,
        };
        let failed = |error| ToolError::io(source.path, "cannot be read")(error);
        skip(&mut reader, done).map_err(failed)?;
        let mut points = Points::default();
        let mut committed = done;
        while reader.has_more().map_err(failed)? {
            self.interrupt.check(|| {
                format!("what was read is kept up to byte {committed}; run it again to go on")
            })?;
            let position = reader.position;
            read_record(&mut reader, &mut points).map_err(|error| ToolError::Damaged {
                path: source.path.to_owned(),
                reason: format!("the record at byte {position}: {error}"),
            })?;
            if points.points.len() > 100_000 {
                self.store(&mut points)?;
            }
            if reader.position - committed >= COMMIT_BYTES {
                self.store(&mut points)?;
                self.commit(source, reader.position)?;
                committed = reader.position;
            }
        }
        self.store(&mut points)
    }

    fn store(&mut self, points: &mut Points) -> Result<(), ToolError> {
        for (reason, line) in points.refused.drain(..) {
            self.show(reason, &line);
        }
        self.totals.refused += points.refused_count;
        let mut by_shard: Vec<Vec<(SeriesId, i64, f64, usize)>> = Vec::new();
        by_shard.resize_with(self.destination.shards(), Vec::new);
        for (at, (name, timestamp, value)) in points.points.iter().enumerate() {
            match self.series_of(&points.names[name.clone()])? {
                Some((id, shard)) => by_shard[shard].push((id, *timestamp, *value, at)),
                None => self.totals.left_out += 1,
            }
        }
        for (shard, points_of_shard) in by_shard.iter().enumerate() {
            let now = self.destination.now;
            let refused = self.destination.with_writer(shard, |writer| {
                let mut refused = Vec::new();
                for &(id, timestamp, value, at) in points_of_shard {
                    if let Err(reason) = writer.store(id, timestamp, value, now) {
                        refused.push((reason, at));
                    }
                }
                refused
            });
            self.totals.stored += (points_of_shard.len() - refused.len()) as u64;
            self.progress.advance(points_of_shard.len() as u64);
            for (reason, at) in refused {
                let (name, timestamp, value) = &points.points[at];
                let name = String::from_utf8_lossy(&points.names[name.clone()]);
                if reason == Refusal::StoreRefused {
                    let path = self.destination.path().display();
                    let reason = format!("{path}: a point of {name} cannot be stored: {reason}");
                    return Err(ToolError::BadInput(reason));
                }
                self.totals.refused += 1;
                self.show(reason, &format!("{name} {value} {timestamp}"));
            }
        }
        points.clear();
        self.destination.maintain()
    }

    fn show(&self, reason: Refusal, line: &str) {
        if self.totals.refused < SHOWN_MAX {
            self.progress.warn(format_args!("{line}: {reason}"));
        }
    }

    /// The series of a name as it came, made if it is new.
    fn series_of(&mut self, raw: &[u8]) -> Result<Option<(SeriesId, usize)>, ToolError> {
        if let Some(known) = self.series.get(raw) {
            return Ok(*known);
        }
        let text = String::from_utf8_lossy(raw);
        let mut found = None;
        if self.naming.choice.takes(&text) {
            let renamed = self.naming.renames.apply(&text);
            let mut scratch = NameScratch::default();
            match self
                .naming
                .rules
                .canonical(renamed.as_bytes(), &mut scratch)
            {
                Ok(name) => {
                    let name = String::from_utf8_lossy(name).into_owned();
                    let (retention, rollup) = self.schemas.definition_for(&name);
                    let (definition, _) = self.destination.create(&name, &retention, rollup)?;
                    debug_assert_eq!(hash(name.as_bytes()), hash(definition.name.as_bytes()));
                    found = Some((definition.id, self.destination.shard_of(&name)));
                }
                Err(reason) => self.progress.warn(format_args!("{renamed}: {reason}")),
            }
        }
        self.series.insert(raw.to_vec(), found);
        Ok(found)
    }
}

/// A file that is read.
struct Source<'a> {
    path: &'a Path,
    item: &'a str,
    stamp: Stamp,
}

fn mark(item: &str, position: &str) -> String {
    format!("{position}:{item}")
}

fn decompressed(path: &Path, file: File) -> io::Result<Box<dyn Read>> {
    Ok(match path.extension().and_then(|end| end.to_str()) {
        Some("gz") => Box::new(flate2::read::MultiGzDecoder::new(BufReader::new(file))),
        Some("zst" | "zstd") => Box::new(zstd::stream::read::Decoder::new(file)?),
        _ => Box::new(file),
    })
}

/// Passes over what is done already.
fn skip(reader: &mut dyn Read, bytes: u64) -> io::Result<()> {
    let skipped = io::copy(&mut reader.take(bytes), &mut io::sink())?;
    match skipped == bytes {
        true => Ok(()),
        false => Err(io::Error::other(
            "it is shorter than it was in a former run",
        )),
    }
}

/// A reader that knows where it is.
struct Counted<'a> {
    inner: BufReader<Box<dyn Read + 'a>>,
    position: u64,
}

impl Counted<'_> {
    fn has_more(&mut self) -> io::Result<bool> {
        Ok(!self.inner.fill_buf()?.is_empty())
    }

    /// A signed varint of Go: zigzag, seven bits a byte.
    fn varint(&mut self) -> io::Result<i64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let mut byte = [0];
            self.read_exact(&mut byte)?;
            value |= u64::from(byte[0] & 0x7f) << shift;
            if byte[0] < 0x80 {
                return Ok((value >> 1) as i64 ^ -((value & 1) as i64));
            }
        }
        Err(io::Error::other("a number of more than 64 bits"))
    }
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.position += count as u64;
        Ok(count)
    }
}

fn read_record(reader: &mut Counted<'_>, points: &mut Points) -> io::Result<()> {
    let length = reader.varint()?;
    if !(1..=NAME_BYTES_MAX).contains(&length) {
        return Err(io::Error::other(format!("a name of {length} bytes")));
    }
    let mut name = vec![0; length as usize];
    reader.read_exact(&mut name)?;
    let count = reader.varint()?;
    if count < 0 {
        return Err(io::Error::other(format!("{count} points")));
    }
    let (mut bits, mut time) = (0i64, 0i64);
    for _ in 0..count {
        bits = bits.wrapping_add(reader.varint()?);
        time = time.wrapping_add(reader.varint()?);
        let value = f64::from_bits(bits as u64);
        match value.is_nan() {
            true => points.refuse(Refusal::Nan, &name),
            false => points.add(&name, time, value),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dump_files_go_by_time_and_the_cache_before_the_input() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(dump_files(folder.path()).unwrap(), None);
        let names = [
            "input.42.1000",
            "cache.42.1000.bin",
            "cache.7.900",
            "x.wsp",
            "cache.no",
        ];
        for name in names {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let files = dump_files(folder.path()).unwrap().unwrap();
        let found: Vec<&str> = files
            .iter()
            .map(|p| p.file_name().unwrap().to_str().unwrap())
            .collect();
        assert_eq!(found, ["cache.7.900", "cache.42.1000.bin", "input.42.1000"]);
    }

    #[test]
    fn binary_records_are_read_and_torn_ones_refused() {
        fn put(bytes: &mut Vec<u8>, value: i64) {
            let mut rest = (value << 1 ^ value >> 63) as u64;
            while rest >= 0x80 {
                bytes.push(rest as u8 | 0x80);
                rest >>= 7;
            }
            bytes.push(rest as u8);
        }
        let mut bytes = Vec::new();
        put(&mut bytes, 3);
        bytes.extend(b"a.b");
        let (one, two) = (1.5f64.to_bits() as i64, (-2.5f64).to_bits() as i64);
        for number in [2, one, 1000, two.wrapping_sub(one), -10] {
            put(&mut bytes, number);
        }
        let read = |bytes: &[u8]| {
            let mut reader = Counted {
                inner: BufReader::new(Box::new(io::Cursor::new(bytes.to_vec())) as Box<dyn Read>),
                position: 0,
            };
            let mut points = Points::default();
            let result = read_record(&mut reader, &mut points);
            let values = points.points.iter().map(|(_, time, value)| (*time, *value));
            result.map(|()| values.collect::<Vec<_>>())
        };
        assert_eq!(read(&bytes).unwrap(), [(1000, 1.5), (990, -2.5)]);
        for length in 0..bytes.len() {
            assert!(read(&bytes[..length]).is_err(), "{length} bytes");
        }
    }
}

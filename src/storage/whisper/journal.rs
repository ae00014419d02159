//! The journal of one shard: mapped segments, appended to and removed oldest first.
//!
//! The format and why it loses nothing is in `storage-format/journal.md`. The engine counts for each
//! segment how many points of the cache stand in it; a segment without any may go once the files
//! they went to are durable.
//!
//! Threads: everything happens under the lock of the shard's state, but for syncs, which hold the
//! segments' files alone.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU32};

use plumbago_storage_format::journal::{self, HEADER_WORDS, JournalRecord, RECORD_WORDS};
use rustix::fs::FallocateFlags;

use crate::storage::StoreError;
use crate::storage::map::Words;

/// Records of a segment, 8 MiB; on a disk that has no room for them, fewer are tried.
const SEGMENT_RECORDS: [usize; 3] = [349_000, 21_000, 2_500];

/// The journal of one shard.
#[derive(Debug)]
pub(super) struct Journal {
    folder: PathBuf,
    shard: usize,
    /// The number of the next segment, shared by all shards.
    numbers: Arc<AtomicU32>,
    /// A segment takes no more records so long after its first.
    age_max_s: i64,
    /// See [`boot_number`].
    boot: u64,
    /// Oldest first; the last one may take records.
    segments: VecDeque<Segment>,
    has_open: bool,
}

#[derive(Debug)]
struct Segment {
    number: u32,
    words: Words,
    written: usize,
    /// Points of the cache that stand in it.
    pending: usize,
    since: i64,
    disk: Arc<SegmentFile>,
}

/// What a sync and a removal need of a segment.
#[derive(Debug)]
pub(super) struct SegmentFile {
    path: PathBuf,
    file: File,
    dirty: AtomicBool,
}

impl Journal {
    /// An empty journal in a folder that exists.
    pub(super) fn new(
        folder: &Path,
        shard: usize,
        numbers: Arc<AtomicU32>,
        age_max_s: i64,
    ) -> Self {
        Self {
            folder: folder.to_owned(),
            shard,
            numbers,
            age_max_s,
            boot: boot_number(),
            segments: VecDeque::new(),
            has_open: false,
        }
    }

    /// Appends a record; answers the segment that has it.
    ///
    /// # Errors
    /// When a segment is needed and cannot be made.
    pub(super) fn append(&mut self, record: &JournalRecord, now: i64) -> Result<u32, StoreError> {
        let age_max_s = self.age_max_s;
        let open = self.segments.back().filter(|segment| {
            let age = now.abs_diff(segment.since) as i64;
            segment.has_room() && age < age_max_s
        });
        if !self.has_open || open.is_none() {
            self.begin_segment(now)?;
        }
        let segment = self.segments.back_mut();
        let segment = segment.expect("a segment was begun when there was none");
        segment.append(record);
        segment.pending += 1;
        Ok(segment.number)
    }

    /// Notes that all points of a series so far are in their file.
    ///
    /// # Errors
    /// When a segment is needed and cannot be made; the points are then written once more after a
    /// kill.
    pub(super) fn note_written(&mut self, series: u32, now: i64) -> Result<(), StoreError> {
        let has_room = self.segments.back().is_some_and(Segment::has_room);
        if !(self.has_open && has_room) {
            self.begin_segment(now)?;
        }
        if let Some(segment) = self.segments.back_mut() {
            segment.append(&JournalRecord::written(series, self.boot));
        }
        Ok(())
    }

    /// Takes over a segment from before the start that holds so many points of the cache. It takes no
    /// more records.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub(super) fn adopt(
        &mut self,
        old: &OldSegment,
        pending: usize,
        now: i64,
    ) -> Result<(), StoreError> {
        let (words, file) = open(&old.path).map_err(failed(&old.path, "open"))?;
        let segment = Segment {
            number: old.number,
            written: words.count(),
            words,
            pending,
            since: now,
            disk: Arc::new(SegmentFile {
                path: old.path.clone(),
                file,
                dirty: AtomicBool::new(true),
            }),
        };
        let place = self
            .segments
            .partition_point(|known| known.number < old.number);
        self.segments.insert(place, segment);
        Ok(())
    }

    fn begin_segment(&mut self, now: i64) -> Result<(), StoreError> {
        let number = self.numbers.fetch_add(1, Relaxed);
        let path = self.folder.join(file_name(number, self.shard));
        let mut made = Err(ErrorKind::StorageFull.into());
        for records in SEGMENT_RECORDS {
            made = create(&path, records);
            if !matches!(&made, Err(error) if is_full(error)) {
                break;
            }
        }
        let (words, file) = made.map_err(failed(&path, "create"))?;
        self.segments.push_back(Segment {
            number,
            words,
            written: 0,
            pending: 0,
            since: now,
            disk: Arc::new(SegmentFile {
                path,
                file,
                dirty: AtomicBool::new(true),
            }),
        });
        self.has_open = true;
        Ok(())
    }

    /// One point of a segment is in its file, or replaced by another.
    pub(super) fn release(&mut self, number: u32) {
        let of = |segment: &Segment| segment.number.cmp(&number);
        if let Ok(place) = self.segments.binary_search_by(of) {
            self.segments[place].pending -= 1;
        }
    }

    /// The segments that have records which no sync covered.
    pub(super) fn unsynced(&self) -> Vec<Arc<SegmentFile>> {
        let dirty = self
            .segments
            .iter()
            .filter(|segment| segment.disk.dirty.load(Relaxed));
        dirty.map(|segment| Arc::clone(&segment.disk)).collect()
    }

    /// The oldest segments that hold no point of the cache any more; the one that takes records only
    /// once it is old, or at the end.
    pub(super) fn take_done(&mut self, now: i64, is_end: bool) -> Vec<Arc<SegmentFile>> {
        let mut done = Vec::new();
        while let Some(first) = self.segments.front() {
            let is_open = self.has_open && self.segments.len() == 1;
            let is_old = now.abs_diff(first.since) as i64 >= self.age_max_s;
            if first.pending > 0 || (is_open && !is_old && !is_end) {
                break;
            }
            self.has_open &= !is_open;
            done.extend(self.segments.pop_front().map(|segment| segment.disk));
        }
        done
    }

    /// The oldest segment, when points that cannot be written keep it for several times its age.
    pub(super) fn stuck(&self, now: i64) -> Option<u32> {
        let first = self.segments.front()?;
        let is_stuck =
            self.segments.len() > 1 && now.abs_diff(first.since) as i64 >= 4 * self.age_max_s;
        is_stuck.then_some(first.number)
    }

    /// Bytes of all segments.
    pub(super) fn bytes(&self) -> u64 {
        let words = |segment: &Segment| segment.words.count() as u64;
        8 * self.segments.iter().map(words).sum::<u64>()
    }
}

impl Segment {
    fn has_room(&self) -> bool {
        HEADER_WORDS + (self.written + 1) * RECORD_WORDS <= self.words.count()
    }

    fn append(&mut self, record: &JournalRecord) {
        let at = HEADER_WORDS + self.written * RECORD_WORDS;
        let places = self.words.run(at, RECORD_WORDS);
        for (place, word) in places.iter().zip(record.encode()) {
            place.store(word.to_le(), Relaxed);
        }
        self.written += 1;
        if !self.disk.dirty.load(Relaxed) {
            self.disk.dirty.store(true, Relaxed);
        }
    }
}

impl SegmentFile {
    /// Makes the records durable that were appended before the call.
    ///
    /// # Errors
    /// When the disk fails.
    pub(super) fn sync(&self) -> Result<(), StoreError> {
        self.dirty.store(false, Relaxed);
        self.file.sync_data().map_err(failed(&self.path, "sync"))
    }

    /// Removes it.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub(super) fn remove(&self) -> Result<(), StoreError> {
        fs::remove_file(&self.path).map_err(failed(&self.path, "remove"))
    }
}

/// A segment from before the start.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct OldSegment {
    pub(super) number: u32,
    /// The shard that wrote it.
    pub(super) shard: usize,
    pub(super) path: PathBuf,
}

/// What is in a journal's folder.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// Segments, oldest first.
    pub(super) segments: Vec<OldSegment>,
    /// What is left of segments that were being made.
    pub(super) leftovers: Vec<PathBuf>,
}

/// Lists a journal's folder.
///
/// # Errors
/// When the folder cannot be read.
pub(super) fn list(folder: &Path) -> Result<Listing, StoreError> {
    let mut listing = Listing::default();
    for entry in fs::read_dir(folder).map_err(failed(folder, "list"))? {
        let path = entry.map_err(failed(folder, "list"))?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        match name.and_then(numbers_of) {
            Some((number, shard)) => listing.segments.push(OldSegment {
                number,
                shard,
                path,
            }),
            None if path.extension().is_some_and(|end| end == "tmp") => {
                listing.leftovers.push(path);
            }
            None => {}
        }
    }
    listing.segments.sort();
    Ok(listing)
}

/// The whole records of a segment's file, in order.
///
/// # Errors
/// When it cannot be read; `Damaged` when its header is.
pub(super) fn records(path: &Path) -> Result<Vec<JournalRecord>, StoreError> {
    let bytes = fs::read(path).map_err(failed(path, "read"))?;
    journal::check_header(&bytes).map_err(|error| StoreError::Damaged {
        path: path.to_owned(),
        reason: error.to_string(),
    })?;
    let places = bytes.get(HEADER_WORDS * 8..).unwrap_or_default();
    let places = places.as_chunks::<{ RECORD_WORDS * 8 }>().0;
    let word = |place: &[u8], word: usize| {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&place[word * 8..word * 8 + 8]);
        u64::from_le_bytes(bytes)
    };
    let records = places
        .iter()
        .filter_map(|place| JournalRecord::decode([0, 1, 2].map(|number| word(place, number))));
    Ok(records.collect())
}

/// Tells the machine's boots apart; zero where the system does not.
pub(super) fn boot_number() -> u64 {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let digits: String = id
        .chars()
        .filter(char::is_ascii_hexdigit)
        .take(16)
        .collect();
    u64::from_str_radix(&digits, 16).unwrap_or_default()
}

fn file_name(number: u32, shard: usize) -> String {
    format!("journal-{number:08}-{shard:03}.log")
}

/// The numbers of a segment and of its shard.
fn numbers_of(name: &str) -> Option<(u32, usize)> {
    let (number, shard) = name
        .strip_prefix("journal-")?
        .strip_suffix(".log")?
        .split_once('-')?;
    Some((number.parse().ok()?, shard.parse().ok()?))
}

/// Makes a segment whose places are all reserved, under another name until its header is durable.
fn create(path: &Path, records: usize) -> io::Result<(Words, File)> {
    let temporary = path.with_extension("tmp");
    let made = write_new(&temporary, records).and_then(|made| {
        fs::rename(&temporary, path)?;
        Ok(made)
    });
    if made.is_err() {
        // Best effort: what stays behind is swept at the next start.
        let _ = fs::remove_file(&temporary);
    }
    let made = made?;
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(made)
}

fn open(path: &Path) -> io::Result<(Words, File)> {
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    let words = usize::try_from(file.metadata()?.len() / 8).unwrap_or(usize::MAX);
    Ok((Words::map(&file, words)?, file))
}

fn write_new(temporary: &Path, records: usize) -> io::Result<(Words, File)> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(true);
    let mut file = options.open(temporary)?;
    let words = HEADER_WORDS + records * RECORD_WORDS;
    file.write_all(&journal::encode_header())?;
    match rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, words as u64 * 8) {
        Ok(()) => {}
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => {
            file.write_all(&vec![0; records * RECORD_WORDS * 8])?;
        }
        Err(error) => return Err(error.into()),
    }
    file.sync_all()?;
    Ok((Words::map(&file, words)?, file))
}

/// That there is no room for what a segment holds.
pub(super) fn no_room(path: &Path) -> StoreError {
    failed(path, "journal again what is in")(ErrorKind::StorageFull.into())
}

pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded
    )
}

pub(super) fn failed(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::Io {
        path,
        action,
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journal(folder: &Path) -> Journal {
        Journal::new(folder, 3, Arc::new(AtomicU32::new(7)), 60)
    }

    fn record(timestamp: i64) -> JournalRecord {
        JournalRecord {
            series: 5,
            timestamp,
            value: timestamp as f64,
        }
    }

    #[test]
    fn records_are_read_back_in_order_by_anybody() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = journal(folder.path());
        for time in 1..=100 {
            assert_eq!(journal.append(&record(time), 1000).unwrap(), 7);
        }
        assert_eq!(journal.append(&record(101), 1060).unwrap(), 8);
        let Listing {
            segments,
            leftovers,
        } = list(folder.path()).unwrap();
        assert_eq!((segments.len(), leftovers.len()), (2, 0));
        let all: Vec<_> = segments
            .iter()
            .flat_map(|segment| records(&segment.path).unwrap())
            .collect();
        assert_eq!(all, (1..=101).map(record).collect::<Vec<_>>());
    }

    #[test]
    fn segments_go_oldest_first_and_only_without_points() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = journal(folder.path());
        let first = journal.append(&record(1), 0).unwrap();
        let second = journal.append(&record(2), 60).unwrap();
        let third = journal.append(&record(3), 120).unwrap();
        journal.release(second);
        assert!(journal.take_done(120, false).is_empty());
        assert_eq!(journal.stuck(239), None);
        assert_eq!(journal.stuck(240), Some(first));
        journal.release(first);
        let done = journal.take_done(120, false);
        assert_eq!(done.len(), 2);
        for segment in done {
            segment.remove().unwrap();
        }
        journal.release(third);
        assert!(journal.take_done(121, false).is_empty(), "it takes records");
        assert_eq!(journal.take_done(121, true).len(), 1);
        assert_eq!(journal.append(&record(4), 122).unwrap(), third + 1);
    }

    #[test]
    fn torn_and_foreign_segments_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = journal(folder.path());
        for time in 1..=3 {
            journal.append(&record(time), 0).unwrap();
        }
        let path = &list(folder.path()).unwrap().segments[0].path;
        let mut bytes = fs::read(path).unwrap();
        bytes[HEADER_WORDS * 8 + 24 + 9] ^= 1;
        fs::write(path, &bytes).unwrap();
        assert_eq!(records(path).unwrap(), [record(1), record(3)]);
        fs::write(path, &bytes[1..]).unwrap();
        assert!(matches!(records(path), Err(StoreError::Damaged { .. })));
    }
}

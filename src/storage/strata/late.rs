//! Late points: a log on disk and a bounded table in memory, until they become patches.
//!
//! Everything that cannot go straight to the ring comes here: points below the open rows, points so
//! old that they go to a coarser archive, and the coarse values that follow from those. The log is
//! mapped (`late.md`): appending is three stores, so a killed process loses nothing. Reads lay the
//! table over blocks and ring; `flush` turns it into patches when it is large or old.
//!
//! Threads: the shard's writer appends under a short lock, readers copy a series' points under it,
//! the holder of `work` takes the frozen table away once its patches are in the manifest.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicUsize};

use hashbrown::{HashMap, HashSet};
use parking_lot::Mutex;
use plumbago_storage_format::late::{self, HEADER_WORDS, LateRecord, RECORD_WORDS};

use super::disk::{Disk, WordFile, failed};
use crate::storage::StoreError;

/// Records of one segment, and so points of one table: 12 MiB on disk, about as much in memory.
pub(super) const SEGMENT_RECORDS: usize = 1 << 19;

/// Where a group's late log is kept, and how large a segment of it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct LogPlace<'a> {
    /// The disk.
    pub(super) disk: &'a dyn Disk,
    /// The group's folder.
    pub(super) folder: &'a Path,
    /// Records of a new segment.
    pub(super) records: usize,
}
/// Records that are reserved on disk together: a megabyte and a half.
const RESERVED_RECORDS: usize = 1 << 16;

/// One late point of a series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct LatePoint {
    /// The archive in the top byte, the slot below: eight bytes instead of sixteen.
    place: u64,
    /// The value.
    pub(super) value: f64,
}

impl LatePoint {
    /// A point of an archive.
    pub(super) fn new(archive: usize, slot: i64, value: f64) -> Self {
        Self {
            place: (archive as u64) << 56 | slot as u64,
            value,
        }
    }

    /// The archive, 0 = finest.
    pub(super) fn archive(self) -> usize {
        (self.place >> 56) as usize
    }

    /// The slot.
    pub(super) fn slot(self) -> i64 {
        (self.place & ((1 << 56) - 1)) as i64
    }

    /// What the log has of it.
    pub(super) fn record(self, series: u32) -> LateRecord {
        LateRecord {
            series,
            archive: self.archive() as u8,
            slot: self.slot(),
            value: self.value,
        }
    }
}

/// Late points by series, each series' in the order they came.
#[derive(Debug, Default)]
pub(super) struct LateTable {
    points: HashMap<u32, Vec<LatePoint>, foldhash::fast::RandomState>,
    count: usize,
    /// The time at which the first point came; the table is flushed some time after.
    since: Option<i64>,
    /// The newest segment that has points of it.
    segment: u64,
}

impl LateTable {
    /// The time at which its first point came.
    pub(super) fn since(&self) -> i64 {
        self.since.unwrap_or_default()
    }

    /// The newest segment that has points of it.
    pub(super) fn segment(&self) -> u64 {
        self.segment
    }

    /// The series in it, ascending.
    pub(super) fn series(&self) -> Vec<u32> {
        let mut series: Vec<u32> = self.points.keys().copied().collect();
        series.sort_unstable();
        series
    }

    /// The last words on a series' slots that say that there is no value.
    pub(super) fn absent(&self, series: u32) -> Vec<LatePoint> {
        let points = self.of(series);
        if !points.iter().any(|point| point.value.is_nan()) {
            return Vec::new();
        }
        let mut seen = HashSet::new();
        let last_words = points.iter().rev().filter(|point| seen.insert(point.place));
        last_words
            .copied()
            .filter(|point| point.value.is_nan())
            .collect()
    }

    /// A series' points in the order they came.
    pub(super) fn of(&self, series: u32) -> &[LatePoint] {
        self.points.get(&series).map_or(&[], Vec::as_slice)
    }

    /// All points.
    pub(super) fn all(&self) -> impl Iterator<Item = LatePoint> {
        self.points.values().flatten().copied()
    }

    fn add(&mut self, record: &LateRecord) {
        let archive = usize::from(record.archive);
        let point = LatePoint::new(archive, record.slot, record.value);
        self.points.entry(record.series).or_default().push(point);
        self.count += 1;
    }
}

/// The late points of all groups, counted, so that many small tables do not add up to a large one.
#[derive(Debug)]
pub(super) struct LateBudget {
    most: usize,
    points: AtomicUsize,
    groups: AtomicUsize,
}

impl LateBudget {
    /// A budget of so many points.
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            points: AtomicUsize::new(0),
            groups: AtomicUsize::new(0),
        }
    }

    /// What one group may keep while the budget is used up by a `parts`-th: its share of that part. All
    /// it wants otherwise.
    pub(super) fn share(&self, parts: usize) -> usize {
        let part = self.most / parts;
        if self.points.load(Relaxed) < part {
            return usize::MAX;
        }
        part / self.groups.load(Relaxed).max(1)
    }
}

/// The late points of a group.
#[derive(Debug)]
pub(super) struct Late {
    state: Mutex<State>,
    /// Points in both tables; zero only once a view shows what the last flush made of them.
    count: AtomicUsize,
    budget: Arc<LateBudget>,
}

#[derive(Debug, Default)]
struct State {
    active: LateTable,
    frozen: Option<Arc<LateTable>>,
    /// The segments of both tables, oldest first; the last one may have room.
    segments: Vec<Arc<Segment>>,
    /// The number of the next segment.
    next_segment: u64,
    /// True when the last segment belongs to the active table and takes records.
    has_open_segment: bool,
}

/// Whether a late point was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Appended {
    /// It is in log and table.
    Done,
    /// The table is full and the one before it is not flushed yet.
    Full,
}

impl Late {
    /// No points, of a group whose points count for the budget.
    pub(super) fn new(budget: &Arc<LateBudget>) -> Self {
        budget.groups.fetch_add(1, Relaxed);
        Self {
            state: Mutex::default(),
            count: AtomicUsize::new(0),
            budget: Arc::clone(budget),
        }
    }

    fn count_in(&self, points: usize) {
        self.count.fetch_add(points, Release);
        self.budget.points.fetch_add(points, Relaxed);
    }

    fn count_out(&self, points: usize) {
        self.count.fetch_sub(points, Release);
        self.budget.points.fetch_sub(points, Relaxed);
    }

    /// How many points wait.
    pub(super) fn count(&self) -> usize {
        // Acquire: who sees zero sees the view with their patches.
        self.count.load(Acquire)
    }

    /// Appends a point to log and table.
    ///
    /// # Errors
    /// When a segment cannot be made or reserved.
    pub(super) fn append(
        &self,
        place: LogPlace<'_>,
        record: &LateRecord,
        now: i64,
    ) -> Result<Appended, StoreError> {
        let mut state = self.state.lock();
        if state.active.count >= place.records && !state.freeze() {
            return Ok(Appended::Full);
        }
        if !state.append(place, record, now)? {
            // Replayed points share the table with a segment that is not as full: end it early.
            return Ok(if state.freeze() {
                drop(state);
                return self.append(place, record, now);
            } else {
                Appended::Full
            });
        }
        self.count_in(1);
        Ok(Appended::Done)
    }

    /// Appends what the frozen table says of a series and a patch cannot, but for slots that a point has
    /// come for since. There is always room, in another segment if need be: the flush that would
    /// make some is the one that asks. So the table may grow beyond its limit by what is carried,
    /// at most a record for each slot that the frozen one says to have no value.
    ///
    /// # Errors
    /// As [`Late::append`].
    pub(super) fn carry_over(
        &self,
        place: LogPlace<'_>,
        series: u32,
        points: &[LatePoint],
        now: i64,
    ) -> Result<(), StoreError> {
        let mut state = self.state.lock();
        let later = state.active.of(series).iter();
        let taken: HashSet<u64> = later.map(|point| point.place).collect();
        for point in points.iter().filter(|point| !taken.contains(&point.place)) {
            let record = point.record(series);
            // A segment that was just made has room.
            if state.append(place, &record, now)? || state.append(place, &record, now)? {
                self.count_in(1);
            }
        }
        Ok(())
    }

    /// Copies the points of a series that `wanted` picks, in the order they came.
    pub(super) fn points_of(
        &self,
        series: u32,
        wanted: impl Fn(LatePoint) -> bool,
    ) -> Vec<LatePoint> {
        if self.count() == 0 {
            return Vec::new();
        }
        let state = self.state.lock();
        let frozen = state
            .frozen
            .as_ref()
            .map_or(&[][..], |table| table.of(series));
        let points = frozen.iter().chain(state.active.of(series)).copied();
        points.filter(|point| wanted(*point)).collect()
    }

    /// Drops the points of series from the active table; what is frozen or in the log is passed over
    /// when it is flushed.
    pub(super) fn forget(&self, series: &[u32]) {
        if self.count() == 0 {
            return;
        }
        let mut state = self.state.lock();
        let mut dropped = 0;
        for series in series {
            let points = state.active.points.remove(series);
            dropped += points.map_or(0, |points| points.len());
        }
        state.active.count -= dropped;
        self.count_out(dropped);
    }

    /// All points by series, copied; a series may come twice.
    pub(super) fn all(&self) -> Vec<(u32, Vec<LatePoint>)> {
        let state = self.state.lock();
        let tables = state.frozen.as_deref().into_iter().chain([&state.active]);
        let points = tables.flat_map(|table| &table.points);
        points
            .map(|(series, points)| (*series, points.clone()))
            .collect()
    }

    /// Freezes the active table when it is due: older than `age_s`, or larger than `points_max`.
    pub(super) fn freeze_when_due(&self, now: i64, age_s: i64, points_max: usize) {
        let mut state = self.state.lock();
        let is_old = state.active.since.is_some_and(|since| now - since >= age_s);
        if is_old || state.active.count > points_max {
            state.freeze();
        }
    }

    /// The table that waits to be flushed.
    pub(super) fn frozen(&self) -> Option<Arc<LateTable>> {
        self.state.lock().frozen.clone()
    }

    /// Lets the frozen table go, once a view shows its patches, and answers its segments' files.
    pub(super) fn thaw(&self) -> Vec<PathBuf> {
        let mut state = self.state.lock();
        let Some(table) = state.frozen.take() else {
            return Vec::new();
        };
        let last = table.segment;
        let gone = state.segments.iter().filter(|s| s.number <= last);
        let paths = gone.map(|segment| segment.path.clone()).collect();
        state.segments.retain(|segment| segment.number > last);
        self.count_out(table.count);
        paths
    }

    /// Bytes that the segments take on the disk.
    pub(super) fn disk_bytes(&self) -> u64 {
        let segments = self.segments();
        let bytes = segments
            .iter()
            .map(|segment| segment.file.backing.disk_bytes());
        bytes.sum()
    }

    /// The segments, to be synced outside of the lock.
    pub(super) fn segments(&self) -> Vec<Arc<Segment>> {
        self.state.lock().segments.clone()
    }

    /// Takes the segments found at opening: replays those from `first` on and names the rest, which
    /// were flushed already. Answers the greatest slot of the finest archive that was replayed.
    ///
    /// # Errors
    /// When a segment cannot be opened; `Damaged` when its header is.
    pub(super) fn replay(
        &self,
        disk: &dyn Disk,
        path: PathBuf,
        now: i64,
    ) -> Result<Option<i64>, StoreError> {
        let segment = Segment::open(disk, path)?;
        let mut state = self.state.lock();
        let mut greatest = None;
        for record in segment.records()? {
            if record.archive == 0 {
                greatest = greatest.max(Some(record.slot));
            }
            state.active.add(&record);
            self.count_in(1);
        }
        state.active.segment = segment.number;
        state.active.since.get_or_insert(now);
        state.next_segment = state.next_segment.max(segment.number + 1);
        state.segments.push(Arc::new(segment));
        Ok(greatest)
    }

    /// Segments made from now on get numbers from `first` on.
    pub(super) fn begin_at(&self, first: u64) {
        let mut state = self.state.lock();
        state.next_segment = state.next_segment.max(first);
    }
}

impl Drop for Late {
    fn drop(&mut self) {
        self.count_out(self.count());
        self.budget.groups.fetch_sub(1, Relaxed);
    }
}

impl State {
    /// Appends to the active table and its segment, which is made if need be. False when that one is
    /// full, and ended now.
    fn append(
        &mut self,
        place: LogPlace<'_>,
        record: &LateRecord,
        now: i64,
    ) -> Result<bool, StoreError> {
        if !self.has_open_segment {
            let segment = Segment::create(place, self.next_segment)?;
            self.next_segment += 1;
            self.segments.push(Arc::new(segment));
            self.has_open_segment = true;
        }
        let segment = self.segments.last();
        let segment = segment.expect("a segment was made above when there was none");
        if !segment.append(record)? {
            self.has_open_segment = false;
            return Ok(false);
        }
        self.active.segment = segment.number;
        self.active.since.get_or_insert(now);
        self.active.add(record);
        Ok(true)
    }

    /// Makes the active table the frozen one. False when there is a frozen one still.
    fn freeze(&mut self) -> bool {
        if self.frozen.is_some() {
            return false;
        }
        if self.active.count > 0 {
            self.frozen = Some(Arc::new(std::mem::take(&mut self.active)));
            self.has_open_segment = false;
        }
        true
    }
}

/// The file name of a segment.
fn file_name(number: u64) -> String {
    format!("late-{number:08}.log")
}

/// The number of a segment, from its file name.
pub(super) fn segment_number(name: &str) -> Option<u64> {
    let number = name.strip_prefix("late-")?.strip_suffix(".log")?;
    number.parse().ok()
}

/// A mapped segment of the late log.
#[derive(Debug)]
pub(super) struct Segment {
    number: u64,
    path: PathBuf,
    file: WordFile,
    /// Records written, and records reserved on disk. Changed under the lock of [`Late`].
    written: AtomicUsize,
    reserved: AtomicUsize,
    dirty: AtomicBool,
}

/// The first word of a record.
fn place_of(record: usize) -> usize {
    HEADER_WORDS + record * RECORD_WORDS
}

impl Segment {
    fn create(place: LogPlace<'_>, number: u64) -> Result<Self, StoreError> {
        let LogPlace {
            disk,
            folder,
            records,
        } = place;
        let path = folder.join(file_name(number));
        // Under another name first: after a power loss a segment by its name has its header.
        let temporary = path.with_extension("tmp");
        let bytes = (HEADER_WORDS + records * RECORD_WORDS) as u64 * 8;
        let file = disk
            .create_words(&temporary, &late::encode_header(), bytes)
            .map_err(failed(&temporary, "create"))?;
        disk.rename(&temporary, &path)
            .map_err(failed(&path, "rename to"))?;
        disk.sync_dir(folder)
            .map_err(failed(folder, "sync folder"))?;
        Ok(Self::over(number, path, file))
    }

    fn open(disk: &dyn Disk, path: PathBuf) -> Result<Self, StoreError> {
        let file = disk.open_words(&path).map_err(failed(&path, "open"))?;
        let head_words = file.words.count().min(HEADER_WORDS);
        let head: Vec<u8> = (file.words.run(0, head_words).iter())
            .flat_map(|word| word.load(Relaxed).to_ne_bytes())
            .collect();
        late::check_header(&head).map_err(|error| StoreError::Damaged {
            path: path.clone(),
            reason: error.to_string(),
        })?;
        let name = path.file_name().and_then(|name| name.to_str());
        let number = name.and_then(segment_number).unwrap_or_default();
        Ok(Self::over(number, path, file))
    }

    fn over(number: u64, path: PathBuf, file: WordFile) -> Self {
        Self {
            number,
            path,
            file,
            written: AtomicUsize::new(0),
            reserved: AtomicUsize::new(0),
            // Also of a segment that was there, see `Panel`.
            dirty: AtomicBool::new(true),
        }
    }

    /// Records that it has room for.
    fn capacity(&self) -> usize {
        self.file.words.count().saturating_sub(HEADER_WORDS) / RECORD_WORDS
    }

    /// Appends a record; false when the segment is full.
    fn append(&self, record: &LateRecord) -> Result<bool, StoreError> {
        let position = self.written.load(Relaxed);
        if position >= self.capacity() {
            return Ok(false);
        }
        if position >= self.reserved.load(Relaxed) {
            self.reserve(position)?;
        }
        let words = self.file.words.run(place_of(position), RECORD_WORDS);
        for (place, word) in words.iter().zip(record.encode()) {
            place.store(word.to_le(), Relaxed);
        }
        self.written.store(position + 1, Relaxed);
        if !self.dirty.load(Relaxed) {
            self.dirty.store(true, Release);
        }
        Ok(true)
    }

    fn reserve(&self, from: usize) -> Result<(), StoreError> {
        let until = (from + RESERVED_RECORDS).min(self.capacity());
        self.file
            .backing
            .reserve(place_of(from)..place_of(until))
            .map_err(failed(&self.path, "reserve records of"))?;
        self.reserved.store(until, Relaxed);
        Ok(())
    }

    /// Every whole record; places that are free or torn are passed over, and what was never reserved
    /// is not looked at.
    fn records(&self) -> Result<Vec<LateRecord>, StoreError> {
        let mut records = Vec::new();
        for from in (0..self.capacity()).step_by(RESERVED_RECORDS) {
            let until = (from + RESERVED_RECORDS).min(self.capacity());
            let words = place_of(from)..place_of(until);
            let found = self.file.backing.has_data(words);
            if !found.map_err(failed(&self.path, "seek data of"))? {
                continue;
            }
            records.extend((from..until).filter_map(|record| {
                let run = self.file.words.run(place_of(record), RECORD_WORDS);
                let words = [0, 1, 2].map(|word| u64::from_le(run[word].load(Relaxed)));
                LateRecord::decode(words)
            }));
        }
        Ok(records)
    }

    /// Makes all records written before the call durable.
    ///
    /// # Errors
    /// When the disk fails.
    pub(super) fn sync(&self) -> Result<(), StoreError> {
        if !self.dirty.swap(false, AcqRel) {
            return Ok(());
        }
        self.file.backing.sync(&self.file.words).map_err(|error| {
            self.dirty.store(true, Release);
            failed(&self.path, "sync")(error)
        })
    }
}

//! The shared half of the engine: opening, reading, syncing, the end.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::JoinHandle;
use std::time::Instant;

use parking_lot::Mutex;
use plumbago_storage_format::whisper::{Dialect, SLOT_BYTES, TaggedNames, relative_path};

use super::cache::CachedPoint;
use super::definition;
use super::flush::{self, Flusher};
use super::journal::failed;
use super::open_file::{FileError, OpenFile, failed as file_failed};
use super::pages::Pages;
use super::recover::recover;
use super::retire;
use super::series::{Presence, Series};
use super::shard::{Redefined, Shared, make_folder};
use super::tree::TreeOwner;
use super::writer::WhisperWriter;
use crate::clock::Clock;
use crate::metric::name::{hash, shard_of};
use crate::metric::{Refusal, Retention, Rollup, SeriesId};
use crate::storage::{
    ArchiveUsage, Fetched, Selection, SeriesDefinition, ShardWriter, Store, StoreError,
    StoreHealth, StoreStatistics, TimeRange,
};

/// How a tree is kept.
#[derive(Clone, Debug)]
pub struct WhisperConfig {
    /// The folder of the files.
    pub tree: PathBuf,
    /// The folder of the journal, which nobody else writes.
    pub journal_folder: PathBuf,
    /// Shards, each with a thread that writes.
    pub shards: usize,
    /// What ages are counted from by the threads that write.
    pub clock: Clock,
    /// Whether there are such threads; without, [`ShardWriter::maintain`] writes.
    pub background: bool,
    /// How tagged series' files are named.
    pub tagged_names: TaggedNames,
    /// Whose type numbers the files have.
    pub dialect: Dialect,
    /// Files open at one time.
    pub open_files_max: usize,
    /// Memory for points that are not written yet.
    pub cache_bytes_max: usize,
    /// How long a point may wait to be written, in seconds.
    pub write_delay_max_s: i64,
    /// Files written a second; zero for no limit.
    pub updates_per_second_max: u32,
    /// Files made a minute; zero for no limit.
    pub creates_per_minute_max: u32,
    /// Leave a new file's blocks to its first writes.
    pub sparse: bool,
    /// Lock a file while it is written, as carbon does with `WHISPER_LOCK_WRITES`.
    pub lock_writes: bool,
    /// Seconds ahead of the clock that a point may be.
    pub future_window_s: u32,
}

impl WhisperConfig {
    /// The defaults, with tree and journal in a data folder.
    pub fn new(folder: &Path) -> Self {
        Self {
            tree: folder.join("whisper"),
            journal_folder: folder.join("whisper-journal"),
            shards: std::thread::available_parallelism().map_or(1, usize::from),
            clock: Clock::system(),
            background: true,
            tagged_names: TaggedNames::Hash,
            dialect: Dialect::Reference,
            open_files_max: 4096,
            cache_bytes_max: 512 << 20,
            write_delay_max_s: 60,
            updates_per_second_max: 0,
            creates_per_minute_max: 0,
            sparse: false,
            lock_writes: false,
            future_window_s: 60,
        }
    }

    /// When a series is due: early enough that a round of all series ends in time.
    pub(super) fn due_after_s(&self) -> i64 {
        self.write_delay_max_s * 3 / 4
    }
}

/// A tree of Whisper files.
#[derive(Debug)]
pub struct WhisperStore {
    shared: Arc<Shared>,
    /// Which writers were taken.
    taken: Mutex<Vec<bool>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// Makes a series known; true when it was not.
pub(super) fn define(shared: &Shared, series: &SeriesDefinition) -> (Arc<Series>, bool) {
    let rollup = definition::possible(series.rollup, shared.config.dialect);
    let definition = shared.series.shared(&series.retention, rollup);
    let shard = shard_of(hash(series.name.as_bytes()), shared.shards.len());
    let name = (series.id, &series.name);
    shared.series.define(name, shard, &definition)
}

impl WhisperStore {
    /// Opens a tree with the series that the catalog knows of it, and takes up what the journal has.
    ///
    /// # Errors
    /// When tree or journal cannot be read or written, or a thread not be started.
    pub fn open(
        config: WhisperConfig,
        known: impl IntoIterator<Item = SeriesDefinition>,
    ) -> Result<Self, StoreError> {
        make_folder(&config.tree)?;
        make_folder(&config.journal_folder)?;
        let shared = Arc::new(Shared::new(config));
        for series in known {
            define(&shared, &series);
        }
        let started = Instant::now();
        let recovered = recover(&shared, shared.config.clock.now())?;
        if recovered.points + recovered.dropped > 0 {
            let elapsed_ms = started.elapsed().as_millis() as u64;
            let (points, dropped) = (recovered.points, recovered.dropped);
            tracing::info!(points, dropped, elapsed_ms, "journal read");
        }
        let store = Self {
            taken: Mutex::new(vec![false; shared.shards.len()]),
            threads: Mutex::default(),
            shared,
        };
        if store.shared.config.background {
            store.start_threads()?;
        }
        Ok(store)
    }

    fn start_threads(&self) -> Result<(), StoreError> {
        for shard in 0..self.shared.shards.len() {
            let shared = Arc::clone(&self.shared);
            let thread = std::thread::Builder::new().name(format!("whisper-write-{shard}"));
            let thread = thread.spawn(move || flush::run(&shared, shard));
            let thread = thread.map_err(failed(&self.shared.config.tree, "start a thread for"))?;
            self.threads.lock().push(thread);
        }
        let shared = Arc::clone(&self.shared);
        let thread = std::thread::Builder::new().name("whisper-journal".to_owned());
        let thread = thread.spawn(move || retire::run(&shared));
        let thread = thread.map_err(failed(&self.shared.config.tree, "start a thread for"))?;
        self.threads.lock().push(thread);
        Ok(())
    }

    fn stop_threads(&self) {
        self.shared.stopping.store(true, Relaxed);
        for shard in &self.shared.shards {
            shard.call();
        }
        for thread in std::mem::take(&mut *self.threads.lock()) {
            thread.thread().unpark();
            if thread.join().is_err() {
                tracing::error!("a write thread had panicked");
            }
        }
    }

    /// The definitions that files turned out to have since the last call, for the catalog.
    pub fn take_redefined(&self) -> Vec<Redefined> {
        std::mem::take(&mut *self.shared.redefined.lock())
    }

    /// The time that the background's work goes by.
    fn now(&self) -> i64 {
        if self.shared.config.background {
            self.shared.config.clock.now()
        } else {
            self.shared.newest_now.load(Relaxed)
        }
    }

    fn read(
        &self,
        series: &Series,
        pending: &[CachedPoint],
        range: TimeRange,
    ) -> Result<Option<Fetched>, FileError> {
        let now = self.shared.newest_now.load(Relaxed).max(range.now);
        let step = series.with_definition(|known| i64::from(known.retention.finest().step));
        let newest = now - now.rem_euclid(step);
        let begun = pending.partition_point(|point| i64::from(point.interval) <= newest);
        let point = |point: &CachedPoint| (i64::from(point.interval), point.value);
        let (begun, future) = pending.split_at(begun);
        let points: Vec<_> = begun.iter().map(point).collect();
        let file = match self.file_of(series) {
            Ok(file) => Some(file),
            Err(FileError::Missing) => None,
            Err(FileError::Failed(error)) => {
                self.shared.set_aside(series, &error);
                None
            }
        };
        let retention = Arc::clone(&series.definition().retention);
        let Some(selection) = Selection::of(&retention, range) else {
            return Ok(None);
        };
        let slots = (selection.start, selection.slots());
        let mut values = match &file {
            Some(file) if points.is_empty() => file.read(selection.archive, slots)?,
            Some(file) => file.read_with(&points, now, selection.archive, slots)?,
            None => self.read_unmade(series, &points, now, (selection.archive, slots))?,
        };
        if selection.archive == 0 {
            lay_over(&mut values, selection, future);
        }
        Ok(Some(Fetched {
            archive: selection.archive,
            start: selection.start,
            step: selection.step,
            values,
        }))
    }

    fn file_of(&self, series: &Series) -> Result<Arc<OpenFile>, FileError> {
        let path = self.shared.path_of(series).ok_or(FileError::Missing)?;
        let files = &self.shared.shards[series.shard].files;
        let file = files.get(series.id, &path)?;
        self.shared.adopt(series, &file)?;
        Ok(file)
    }

    /// What a series' file would answer that is still to be made.
    fn read_unmade(
        &self,
        series: &Series,
        points: &[(i64, f64)],
        now: i64,
        (archive, slots): (usize, (i64, usize)),
    ) -> Result<Vec<f64>, FileError> {
        let definition = series.definition();
        let dialect = self.shared.config.dialect;
        let header = definition::header_of(&definition.retention, definition.rollup, dialect);
        let Ok(header) = header else {
            return Ok(vec![f64::NAN; slots.1]);
        };
        let mut pages = Pages::of(None, header.file_bytes());
        let written = header.update_slots(&mut pages, points, now);
        written
            .and_then(|_| header.read_slots(&mut pages, archive, slots))
            .map_err(file_failed(&self.shared.config.tree, "read"))
    }
}

/// Shows points whose interval has not begun in the slots of the finest archive.
fn lay_over(values: &mut [f64], selection: Selection, future: &[CachedPoint]) {
    for point in future {
        let slot = (i64::from(point.interval) - selection.start) / i64::from(selection.step);
        let is_after = i64::from(point.interval) >= selection.start;
        if let Some(value) = usize::try_from(slot)
            .ok()
            .and_then(|slot| values.get_mut(slot))
            && is_after
        {
            *value = point.value;
        }
    }
}

impl Store for WhisperStore {
    fn engine(&self) -> &'static str {
        "whisper"
    }

    fn shards(&self) -> usize {
        self.shared.shards.len()
    }

    fn writer(&self, shard: usize) -> Box<dyn ShardWriter> {
        let was_taken = std::mem::replace(&mut self.taken.lock()[shard], true);
        assert!(!was_taken, "the writer of shard {shard} was taken before");
        Box::new(WhisperWriter {
            shared: Arc::clone(&self.shared),
            shard,
        })
    }

    /// A name with a slash, or with a part that is longer than a file's name may be, has no file.
    fn check_name(&self, name: &str) -> Result<(), Refusal> {
        match relative_path(name, self.shared.config.tagged_names) {
            Some(_) => Ok(()),
            None => Err(Refusal::BadName),
        }
    }

    /// The file, with the points that wait laid over it as a later write would leave it. A file that
    /// cannot be used costs its own series alone: that has what waits, or no answer.
    fn fetch(&self, series: SeriesId, range: TimeRange) -> Result<Option<Fetched>, StoreError> {
        let Some(series) = self.shared.series.get(series) else {
            return Ok(None);
        };
        // First the points, then the file: one that is written in between is in both.
        let pending = {
            let state = self.shared.shards[series.shard].state.lock();
            state.cache.of(series.id).to_vec()
        };
        match self.read(&series, &pending, range) {
            Ok(fetched) => Ok(fetched),
            Err(error) => {
                self.shared.set_aside(&series, &error.into());
                Ok(None)
            }
        }
    }

    fn select(&self, series: SeriesId, range: TimeRange) -> Option<Selection> {
        let series = self.shared.series.get(series)?;
        series.with_definition(|known| Selection::of(&known.retention, range))
    }

    fn definition(&self, series: SeriesId) -> Option<(Arc<Retention>, Rollup)> {
        let series = self.shared.series.get(series)?;
        Some(series.with_definition(|known| (Arc::clone(&known.retention), known.rollup)))
    }

    fn usage(&self, series: &[SeriesId]) -> Result<Vec<ArchiveUsage>, StoreError> {
        let mut usage: BTreeMap<u32, ArchiveUsage> = BTreeMap::new();
        for series in series.iter().filter_map(|&id| self.shared.series.get(id)) {
            if !matches!(series.presence(), Presence::Present | Presence::Unknown) {
                continue;
            }
            for archive in series.definition().retention.archives() {
                let (step, slots) = (archive.step, u64::from(archive.points));
                let none = ArchiveUsage {
                    step,
                    slots: 0,
                    bytes: 0,
                };
                let sum = usage.entry(step).or_insert(none);
                sum.slots += slots;
                sum.bytes += slots * SLOT_BYTES as u64;
            }
        }
        Ok(usage.into_values().collect())
    }

    /// Syncs the journal. The files need no sync: until theirs, the journal has their points.
    fn sync(&self) -> Result<(), StoreError> {
        if let Some(reason) = self.shared.poison.get() {
            return Err(StoreError::Poisoned(reason.clone()));
        }
        let synced = (self.shared.shards.iter())
            .flat_map(|shard| shard.state.lock().journal.unsynced())
            .try_for_each(|segment| segment.sync());
        synced.inspect_err(|error| self.shared.poison(error))?;
        if self.shared.config.background {
            return Ok(());
        }
        retire::once(&self.shared, self.now())
    }

    fn drain(&self, deadline: Instant) {
        self.stop_threads();
        let now = self.now();
        std::thread::scope(|scope| {
            for shard in 0..self.shared.shards.len() {
                let shared = &self.shared;
                scope.spawn(move || Flusher::new(shared, shard).drain(now, deadline));
            }
        });
        if let Err(error) = retire::segments(&self.shared, now, true) {
            tracing::error!(%error, "the journal stays, to be read at the next start");
        }
        let points = self.statistics().points_pending;
        if points > 0 {
            tracing::warn!(
                points,
                "not all points are in their files: the rest stays in the journal for the next start"
            );
        }
    }

    fn health(&self) -> StoreHealth {
        let poison = self.shared.poison.get().cloned();
        let mut damaged = self.shared.damaged_segments.lock().clone();
        damaged.extend(self.shared.failures.lock().named.values().cloned());
        damaged.sort();
        StoreHealth {
            write_failure: poison.or_else(|| self.shared.journal_failure.lock().clone()),
            damaged,
            disk_full: self.shared.is_disk_full.load(Relaxed),
        }
    }

    fn statistics(&self) -> StoreStatistics {
        let counters = &self.shared.counters;
        let mut statistics = StoreStatistics {
            series_created: counters.created.load(Relaxed),
            updates: counters.updates.load(Relaxed),
            points_written: counters.points_written.load(Relaxed),
            files_unusable: self.shared.failures.lock().count,
            ..StoreStatistics::default()
        };
        for shard in &self.shared.shards {
            statistics.points_stored += shard.stored.load(Relaxed);
            statistics.points_late += shard.late.load(Relaxed);
            let state = shard.state.lock();
            statistics.points_pending += state.cache.points() as u64;
            statistics.creations_waiting += state.cache.creations() as u64;
            statistics.bytes_on_disk += state.journal.bytes();
        }
        statistics
    }
}

impl TreeOwner for WhisperStore {
    fn adopt(&self, series: &SeriesDefinition, _relative: &str) {
        let (series, _) = define(&self.shared, series);
        series.set_presence(Presence::Present);
    }

    fn found(&self, series: SeriesId, _relative: &str) {
        if let Some(series) = self.shared.series.get(series) {
            series.set_presence(Presence::Present);
        }
    }

    /// True when it has no points that wait to be written, and its file is not there now: one that
    /// is to be made still is not gone. It takes no points from then on.
    fn is_gone(&self, series: SeriesId) -> bool {
        let Some(series) = self.shared.series.get(series) else {
            return true;
        };
        let state = self.shared.shards[series.shard].state.lock();
        if !state.cache.of(series.id).is_empty() || series.presence() == Presence::Absent {
            return false;
        }
        drop(state);
        let path = self.shared.path_of(&series);
        let is_gone = path.is_none_or(|path| matches!(path.try_exists(), Ok(false)));
        if is_gone {
            series.set_presence(Presence::Gone);
        }
        is_gone
    }
}

impl Drop for WhisperStore {
    fn drop(&mut self) {
        self.stop_threads();
    }
}

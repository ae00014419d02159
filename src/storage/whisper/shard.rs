//! What the engine's parts share: the series, the state of each shard, limits, failures, counters.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use hashbrown::HashMap;
use parking_lot::{Condvar, Mutex};
use plumbago_storage_format::journal::JournalRecord;

use super::cache::{Cache, CachedPoint};
use super::definition;
use super::files::Files;
use super::journal::Journal;
use super::open_file::{FileError, OpenFile};
use super::rate::Rate;
use super::series::{Presence, Series, SeriesTable};
use super::store::WhisperConfig;
use crate::metric::{Refusal, Retention, Rollup, SeriesId};
use crate::storage::StoreError;

/// Files that cannot be used and are named in the store's health; all are counted.
const FAILURES_NAMED_MAX: usize = 1000;

/// Everything behind a [`WhisperStore`](super::WhisperStore).
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) config: WhisperConfig,
    pub(super) series: SeriesTable,
    pub(super) shards: Vec<Shard>,
    /// The number of the journal's next segment.
    pub(super) segment_numbers: Arc<AtomicU32>,
    /// Segments of the journal that could not be read, and why.
    pub(super) damaged_segments: Mutex<Vec<(PathBuf, String)>>,
    pub(super) creates: Rate,
    pub(super) updates: Rate,
    pub(super) counters: Counters,
    /// The newest `now` that anyone came with, for readers that ask about another.
    pub(super) newest_now: AtomicI64,
    /// Why the store takes no more writes.
    pub(super) poison: OnceLock<String>,
    /// Why the journal took no record when it was last asked.
    pub(super) journal_failure: Mutex<Option<String>>,
    /// Set with `journal_failure`, so that the way of every point looks at no lock.
    pub(super) has_journal_failure: AtomicBool,
    /// True since a file could not be made for want of room.
    pub(super) is_disk_full: AtomicBool,
    /// No file is made before this.
    pub(super) creation_pause: Mutex<Option<Instant>>,
    pub(super) failures: Mutex<Failures>,
    /// Definitions that files turned out to have, for the catalog.
    pub(super) redefined: Mutex<Vec<Redefined>>,
    pub(super) stopping: AtomicBool,
}

/// A series whose file says something else than the catalog.
#[derive(Clone, Debug)]
pub struct Redefined {
    /// The series.
    pub id: SeriesId,
    /// The archives of its file.
    pub retention: Arc<Retention>,
    /// How its file is rolled up.
    pub rollup: Rollup,
}

/// The files that cannot be used.
#[derive(Debug, Default)]
pub(super) struct Failures {
    /// Why, as far as they are named.
    pub(super) named: HashMap<SeriesId, (PathBuf, String)>,
    pub(super) count: u64,
}

/// What is counted. Relaxed throughout: no decision hangs on one number being exact.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) created: AtomicU64,
    pub(super) updates: AtomicU64,
    pub(super) points_written: AtomicU64,
}

/// One shard.
#[derive(Debug)]
pub(super) struct Shard {
    pub(super) state: Mutex<State>,
    pub(super) files: Files,
    /// Held while a file is made or written, and while one is removed: a series that was forgotten
    /// makes no file any more.
    pub(super) writing: Mutex<()>,
    pub(super) stored: AtomicU64,
    pub(super) late: AtomicU64,
    /// True when the write thread should look at once.
    is_called: Mutex<bool>,
    call: Condvar,
}

/// What the worker, the write thread and readers of a shard share. The lock is held for a few
/// look-ups and copies.
#[derive(Debug)]
pub(super) struct State {
    pub(super) cache: Cache,
    pub(super) journal: Journal,
}

impl Shared {
    pub(super) fn new(config: WhisperConfig) -> Self {
        let numbers = Arc::new(AtomicU32::new(1));
        let age_max_s = (2 * config.write_delay_max_s).max(60);
        let shard = |shard| Shard {
            state: Mutex::new(State {
                cache: Cache::new(config.cache_bytes_max / config.shards),
                journal: Journal::new(
                    &config.journal_folder,
                    shard,
                    Arc::clone(&numbers),
                    age_max_s,
                ),
            }),
            files: Files::new(config.open_files_max / config.shards, config.dialect),
            writing: Mutex::new(()),
            stored: AtomicU64::new(0),
            late: AtomicU64::new(0),
            is_called: Mutex::new(false),
            call: Condvar::new(),
        };
        Self {
            shards: (0..config.shards).map(shard).collect(),
            segment_numbers: numbers,
            damaged_segments: Mutex::default(),
            series: SeriesTable::default(),
            creates: Rate::new(config.creates_per_minute_max, Duration::from_secs(60)),
            updates: Rate::new(config.updates_per_second_max, Duration::from_secs(1)),
            counters: Counters::default(),
            newest_now: AtomicI64::new(0),
            poison: OnceLock::new(),
            journal_failure: Mutex::default(),
            has_journal_failure: AtomicBool::new(false),
            is_disk_full: AtomicBool::new(false),
            creation_pause: Mutex::default(),
            failures: Mutex::default(),
            redefined: Mutex::default(),
            stopping: AtomicBool::new(false),
            config,
        }
    }

    /// Where the file of a series is.
    pub(super) fn path_of(&self, series: &Series) -> Option<PathBuf> {
        let relative = series.relative_path(self.config.tagged_names)?;
        Some(self.config.tree.join(relative))
    }

    /// Lets go of a series and what waits of it, and removes its file, unless somebody else did.
    pub(super) fn remove(&self, id: SeriesId) {
        let Some(series) = self.series.get(id) else {
            return;
        };
        let shard = &self.shards[series.shard];
        let _writing = shard.writing.lock();
        self.series.remove(id);
        self.is_well(&series);
        {
            let mut state = shard.state.lock();
            for segment in state.cache.remove(id) {
                state.journal.release(segment);
            }
        }
        shard.files.forget(id);
        let path = self.path_of(&series);
        if let Some(path) = path.filter(|_| series.presence() != Presence::Gone) {
            remove_file(&path, &self.config.tree);
        }
    }

    /// Takes a point into journal and cache: from then on it is safe and readable.
    ///
    /// # Errors
    /// `StoreRefused` when either has no room.
    pub(super) fn accept(
        &self,
        series: &Series,
        (timestamp, interval): (i64, u32),
        value: f64,
        now: i64,
    ) -> Result<(), Refusal> {
        // Looked at before it is written, so that shards do not fight for its cache line.
        if self.newest_now.load(Relaxed) < now {
            self.newest_now.fetch_max(now, Relaxed);
        }
        let shard = &self.shards[series.shard];
        let mut state = shard.state.lock();
        if state.cache.is_full() {
            drop(state);
            shard.call();
            return Err(Refusal::StoreRefused);
        }
        let record = JournalRecord {
            series: series.id.0,
            timestamp,
            value,
        };
        let segment = match state.journal.append(&record, now) {
            Ok(segment) => segment,
            Err(error) => {
                drop(state);
                self.journal_failed(&error);
                return Err(Refusal::StoreRefused);
            }
        };
        let point = CachedPoint {
            interval,
            segment,
            value,
        };
        let due = now + self.config.due_after_s();
        if let Some(replaced) = state.cache.put(series.id, point, due) {
            state.journal.release(replaced);
        }
        drop(state);
        if self.has_journal_failure.load(Relaxed) {
            self.journal_is_well();
        }
        Ok(())
    }

    #[cold]
    fn journal_failed(&self, error: &StoreError) {
        let mut failure = self.journal_failure.lock();
        if failure.is_none() {
            tracing::error!(%error, "the journal takes no points");
        }
        *failure = Some(error.to_string());
        self.has_journal_failure.store(true, Relaxed);
    }

    #[cold]
    fn journal_is_well(&self) {
        *self.journal_failure.lock() = None;
        self.has_journal_failure.store(false, Relaxed);
        tracing::info!("the journal takes points again");
    }

    /// Makes the store refuse points from now on.
    pub(super) fn poison(&self, error: &StoreError) {
        if self.poison.set(error.to_string()).is_ok() {
            tracing::error!(%error, "the store takes no more points");
        }
    }

    /// What a file says of itself replaces what the series had.
    ///
    /// # Errors
    /// When no series can be what the file says.
    pub(super) fn adopt(&self, series: &Series, file: &OpenFile) -> Result<(), FileError> {
        series.set_presence(Presence::Present);
        if series.with_definition(|known| definition::is_of(known, file.header())) {
            return Ok(());
        }
        let damaged = |reason| {
            FileError::Failed(StoreError::Damaged {
                path: file.path().to_owned(),
                reason,
            })
        };
        let (retention, rollup) = definition::definition_of(file.header()).map_err(damaged)?;
        let found = self.series.shared(&Arc::new(retention), rollup);
        self.redefined.lock().push(Redefined {
            id: series.id,
            retention: Arc::clone(&found.retention),
            rollup,
        });
        series.redefine(found);
        Ok(())
    }

    /// Remembers that a file cannot be used.
    pub(super) fn set_aside(&self, series: &Series, error: &StoreError) {
        let was_failed = series.has_failed.swap(true, Relaxed);
        let mut failures = self.failures.lock();
        if !was_failed {
            failures.count += 1;
            tracing::warn!(series = &*series.name, %error, "a file cannot be used");
        }
        if failures.named.len() < FAILURES_NAMED_MAX || failures.named.contains_key(&series.id) {
            let path = self.path_of(series).unwrap_or_default();
            let reason = match error {
                StoreError::Damaged { reason, .. } => reason.clone(),
                StoreError::Io { action, source, .. } => format!("{action}: {source}"),
                StoreError::Poisoned(_) => error.to_string(),
            };
            failures.named.insert(series.id, (path, reason));
        }
    }

    /// A file can be used, whatever was before.
    pub(super) fn is_well(&self, series: &Series) {
        if series.has_failed.load(Relaxed) && series.has_failed.swap(false, Relaxed) {
            let mut failures = self.failures.lock();
            failures.count = failures.count.saturating_sub(1);
            failures.named.remove(&series.id);
            tracing::info!(series = &*series.name, "a file can be used again");
        }
    }
}

impl State {
    /// Notes that a series was written; points that came meanwhile stand after the note again.
    pub(super) fn note_written(&mut self, id: SeriesId, now: i64) {
        let journal = &mut self.journal;
        if journal.note_written(id.0, now).is_err() {
            // After a kill the points are written once more, which seldom shows.
            return;
        }
        self.cache.move_series(id, |point| {
            let segment = journal.append(&record_of(id, point), now).ok()?;
            journal.release(point.segment);
            Some(segment)
        });
    }
}

/// A point of the cache as the journal has it.
pub(super) fn record_of(id: SeriesId, point: &CachedPoint) -> JournalRecord {
    JournalRecord {
        series: id.0,
        timestamp: i64::from(point.interval),
        value: point.value,
    }
}

impl Shard {
    /// True when its cache is more than half full.
    pub(super) fn is_pressed(&self) -> bool {
        self.state.lock().cache.is_pressed()
    }

    /// Wakes the write thread.
    pub(super) fn call(&self) {
        *self.is_called.lock() = true;
        self.call.notify_one();
    }

    /// Waits for a call.
    pub(super) fn wait(&self, at_most: Duration) {
        let mut is_called = self.is_called.lock();
        if !*is_called {
            self.call.wait_for(&mut is_called, at_most);
        }
        *is_called = false;
    }
}

/// A folder that exists.
///
/// # Errors
/// When it cannot be made.
pub(super) fn make_folder(path: &Path) -> Result<(), StoreError> {
    std::fs::create_dir_all(path).map_err(super::journal::failed(path, "create folder"))
}

/// Removes a file, and the folders that are empty then.
fn remove_file(path: &Path, root: &Path) {
    match std::fs::remove_file(path) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return,
        Err(error) => {
            tracing::error!(path = %path.display(), %error, "a file cannot be removed");
            return;
        }
    }
    let folders = path
        .ancestors()
        .skip(1)
        .take_while(|folder| *folder != root);
    for folder in folders {
        // The first that still holds something ends it.
        if std::fs::remove_dir(folder).is_err() {
            return;
        }
    }
}

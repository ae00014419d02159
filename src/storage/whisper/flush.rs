//! Writing the cache out to the files.
//!
//! A series is written when its oldest point has waited long enough; that is oldest first. While the
//! cache is more than half full the series with the most points go first, which frees the most room
//! a write. Creations have their own limit: a series that may not be created yet waits with its points.
//! What fails stays in the cache and is tried again.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use plumbago_storage_format::whisper::Header;

use super::cache::CachedPoint;
use super::definition;
use super::open_file::{Creation, FileError, OpenFile};
use super::series::{Definition, Presence, Series};
use super::shard::Shared;
use crate::metric::SeriesId;
use crate::storage::StoreError;

/// The time between two tries of a file that cannot be used, in seconds.
const RETRY_S: i64 = 60;
/// The time between two tries of making files on a full disk.
const FULL_PAUSE: Duration = Duration::from_secs(1);
/// How often the write thread looks whether something is due.
const POLL: Duration = Duration::from_millis(200);
/// How long it works before it looks at the clock again.
const SLICE: Duration = Duration::from_millis(50);
/// The wait for another turn of a limited rate.
const TURN_WAIT: Duration = Duration::from_millis(10);

/// What became of a series that was to be written.
enum Outcome {
    Written,
    /// It may not be created yet.
    Waits,
}

/// Whether a write is one of many, or the last before the end, which no rate holds up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Urgency {
    Usual,
    Last,
}

/// One shard's writing.
pub(super) struct Flusher<'a> {
    shared: &'a Shared,
    shard: usize,
    /// The series to write while the cache is pressed, the largest last.
    by_size: Vec<SeriesId>,
}

/// The write thread of a shard.
pub(super) fn run(shared: &Shared, shard: usize) {
    let mut flusher = Flusher::new(shared, shard);
    while !shared.stopping.load(Relaxed) {
        let now = shared.config.clock.now();
        if !flusher.work(now, Instant::now() + SLICE) {
            shared.shards[shard].wait(flusher.pause());
        }
    }
}

impl<'a> Flusher<'a> {
    pub(super) fn new(shared: &'a Shared, shard: usize) -> Self {
        Self {
            shared,
            shard,
            by_size: Vec::new(),
        }
    }

    /// Writes what is due until nothing is, or until `deadline`; true when more is due.
    pub(super) fn work(&mut self, now: i64, deadline: Instant) -> bool {
        self.shared.newest_now.fetch_max(now, Relaxed);
        while Instant::now() < deadline {
            if !self.shared.updates.has_turn() {
                return false;
            }
            let Some(id) = self.next(now) else {
                return false;
            };
            // It may have gone to another shard's thread meanwhile, which costs one more look.
            if self.shared.updates.take() {
                self.write(id, now, Urgency::Usual);
            } else {
                self.give_back(id, now);
            }
        }
        true
    }

    /// Writes everything once, whatever the rates say, until `deadline`.
    pub(super) fn drain(&mut self, now: i64, deadline: Instant) {
        let ids = self.shared.shards[self.shard].state.lock().cache.ids();
        for id in ids {
            if Instant::now() >= deadline {
                return;
            }
            let is_taken = self.shared.shards[self.shard].state.lock().cache.take(id);
            if is_taken {
                self.write(id, now, Urgency::Last);
            }
        }
    }

    fn pause(&self) -> Duration {
        if self.shared.updates.has_turn() {
            POLL
        } else {
            TURN_WAIT
        }
    }

    fn next(&mut self, now: i64) -> Option<SeriesId> {
        let can_create = self.can_create();
        let mut state = self.shared.shards[self.shard].state.lock();
        if can_create && let Some(id) = state.cache.take_creation() {
            return Some(id);
        }
        if let Some(id) = state.cache.take_due(now) {
            return Some(id);
        }
        if !state.cache.is_pressed() {
            self.by_size.clear();
            return None;
        }
        if self.by_size.is_empty() {
            self.by_size = state.cache.by_size();
            self.by_size.reverse();
        }
        while let Some(id) = self.by_size.pop() {
            let has_failed = self
                .shared
                .series
                .get(id)
                .is_some_and(|series| series.has_failed.load(Relaxed));
            if !has_failed && state.cache.take(id) {
                return Some(id);
            }
        }
        None
    }

    fn can_create(&self) -> bool {
        let pause = *self.shared.creation_pause.lock();
        pause.is_none_or(|until| Instant::now() >= until) && self.shared.creates.has_turn()
    }

    fn give_back(&self, id: SeriesId, due: i64) {
        let mut state = self.shared.shards[self.shard].state.lock();
        state.cache.give_back(id, due);
    }

    /// Writes the points of a series that the cache has given out, and gives it back.
    fn write(&mut self, id: SeriesId, now: i64, urgency: Urgency) {
        let shard = &self.shared.shards[self.shard];
        let _writing = shard.writing.lock();
        // Whoever removed it since took its points along.
        let Some(series) = self.shared.series.get(id) else {
            return;
        };
        let step = series.with_definition(|known| i64::from(known.retention.finest().step));
        let points = self.ready(id, now - now.rem_euclid(step));
        let Some(first) = points.first() else {
            // Of the future, all of them.
            return self.give_back(id, now + step);
        };
        debug_assert!(i64::from(first.interval) <= now);
        match self.write_points(&series, &points, now, urgency) {
            Ok(Outcome::Written) => {
                self.shared.is_well(&series);
                let mut state = shard.state.lock();
                let due = now + self.shared.config.due_after_s();
                for segment in state.cache.confirm(id, &points, due) {
                    state.journal.release(segment);
                }
                state.note_written(id, now);
            }
            Ok(Outcome::Waits) => shard.state.lock().cache.await_creation(id),
            Err(error) => self.failed(&series, error, now),
        }
    }

    /// The points of a series up to an interval: later ones would take the slots of old ones.
    fn ready(&self, id: SeriesId, newest: i64) -> Vec<CachedPoint> {
        let state = self.shared.shards[self.shard].state.lock();
        let points = state.cache.of(id);
        let ready = points.partition_point(|point| i64::from(point.interval) <= newest);
        points[..ready].to_vec()
    }

    fn write_points(
        &self,
        series: &Series,
        points: &[CachedPoint],
        now: i64,
        urgency: Urgency,
    ) -> Result<Outcome, FileError> {
        let Some(path) = self.shared.path_of(series) else {
            return Err(FileError::Failed(StoreError::Damaged {
                path: self.shared.config.tree.clone(),
                reason: "the name has no file of its own".to_owned(),
            }));
        };
        let files = &self.shared.shards[self.shard].files;
        let file = match files.get(series.id, &path) {
            Err(FileError::Missing) => {
                if urgency == Urgency::Usual && !(self.can_create() && self.shared.creates.take()) {
                    series.set_presence(Presence::Absent);
                    return Ok(Outcome::Waits);
                }
                self.create(series, &path)?
            }
            Err(FileError::Failed(error @ StoreError::Damaged { .. })) => {
                let definition = series.definition();
                let header = self.header_of(&definition, &path)?;
                if !OpenFile::finish_creation(&path, &header)? {
                    return Err(FileError::Failed(error));
                }
                files.get(series.id, &path)?
            }
            other => other?,
        };
        self.shared.adopt(series, &file)?;
        let points: Vec<(i64, f64)> = points
            .iter()
            .map(|point| (i64::from(point.interval), point.value))
            .collect();
        file.write(&points, now, self.shared.config.lock_writes)?;
        let counters = &self.shared.counters;
        counters.updates.fetch_add(1, Relaxed);
        counters
            .points_written
            .fetch_add(points.len() as u64, Relaxed);
        Ok(Outcome::Written)
    }

    fn create(&self, series: &Series, path: &Path) -> Result<Arc<OpenFile>, FileError> {
        let header = self.header_of(&series.definition(), path)?;
        let creation = Creation {
            is_sparse: self.shared.config.sparse,
            shard: self.shard,
        };
        let files = &self.shared.shards[self.shard].files;
        let (file, is_new) = files.create(series.id, path, header, creation)?;
        self.shared.is_disk_full.store(false, Relaxed);
        if is_new {
            self.shared.counters.created.fetch_add(1, Relaxed);
        }
        Ok(file)
    }

    fn header_of(&self, definition: &Definition, path: &Path) -> Result<Header, FileError> {
        let dialect = self.shared.config.dialect;
        let header = definition::header_of(&definition.retention, definition.rollup, dialect);
        header.map_err(|reason| {
            FileError::Failed(StoreError::Damaged {
                path: path.to_owned(),
                reason,
            })
        })
    }

    fn failed(&self, series: &Series, error: FileError, now: i64) {
        if error.is_full() {
            if !self.shared.is_disk_full.swap(true, Relaxed) {
                let error = StoreError::from(error);
                tracing::error!(%error, "the disk is full, points wait");
            }
            *self.shared.creation_pause.lock() = Some(Instant::now() + FULL_PAUSE);
            return self.give_back(series.id, now + 1);
        }
        self.shared.shards[self.shard].files.forget(series.id);
        self.shared.set_aside(series, &error.into());
        self.give_back(series.id, now + RETRY_S);
    }
}

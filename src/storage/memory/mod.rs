//! The reference engine: everything in memory, with exactly the semantics of a Whisper file.
//!
//! Tests hold the other engines against it, and evaluation tests run on it. It favours being
//! plainly right: every slot keeps the time that it was written for, every stored point is rolled up
//! at once into the coarser archives, one after the other until one has too few known slots.
//!
//! Two traps of the reference are refused: a point of the future overwrites a live old one there (here
//! it may be one step ahead and no more), and one as old as the longest retention erases the newest.
//!
//! Threads: each series has its own lock, held for one point or one fetch.

mod archive;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};

use super::{
    Fetched, Maintenance, Selection, SeriesDefinition, ShardWriter, Store, StoreError, StoreHealth,
    StoreStatistics, TimeRange,
};
use crate::metric::{Refusal, Retention, Rollup, SeriesId};
use archive::SlotRing;

/// A store in memory.
pub struct MemoryStore {
    shared: Arc<Shared>,
    /// Which writers were taken.
    taken: Mutex<Vec<bool>>,
}

#[derive(Default)]
struct Shared {
    series: RwLock<HashMap<SeriesId, Arc<MemorySeries>>>,
    points_stored: AtomicU64,
    points_late: AtomicU64,
}

struct MemorySeries {
    retention: Arc<Retention>,
    rollup: Rollup,
    archives: Mutex<Vec<SlotRing>>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new(shards: usize) -> Self {
        Self {
            shared: Arc::default(),
            taken: Mutex::new(vec![false; shards]),
        }
    }
}

impl Shared {
    fn get(&self, series: SeriesId) -> Option<Arc<MemorySeries>> {
        self.series.read().get(&series).cloned()
    }
}

impl MemorySeries {
    fn new(definition: &SeriesDefinition) -> Self {
        let archives = definition.retention.archives();
        Self {
            retention: Arc::clone(&definition.retention),
            rollup: definition.rollup,
            archives: Mutex::new(
                archives
                    .iter()
                    .map(|&archive| SlotRing::new(archive))
                    .collect(),
            ),
        }
    }

    /// Stores a point in the finest archive that covers its age and rolls it up from there. True when
    /// that was not the finest of all.
    fn store(&self, timestamp: i64, value: f64, now: i64) -> Result<bool, Refusal> {
        if timestamp <= 0 {
            return Err(Refusal::BadTimestamp);
        }
        let step = i64::from(self.retention.finest().step);
        if timestamp.div_euclid(step) > now.div_euclid(step) + archive::SLOTS_AHEAD {
            return Err(Refusal::TooFarInFuture);
        }
        let age = now - timestamp;
        if age >= self.retention.longest() {
            return Err(Refusal::TooOld);
        }
        // Not of an age equal to the retention: that slot is already the newest one's again.
        let first = self.retention.covering(age + 1);
        let mut archives = self.archives.lock();
        archives[first].put(timestamp, value);
        for coarse in first + 1..archives.len() {
            let (finer, coarser) = archives.split_at_mut(coarse);
            if !coarser[0].roll_up(&finer[coarse - 1], timestamp, self.rollup) {
                break;
            }
        }
        Ok(first > 0)
    }

    fn fetch(&self, range: TimeRange) -> Option<Fetched> {
        let selection = Selection::of(&self.retention, range)?;
        let archives = self.archives.lock();
        Some(Fetched {
            archive: selection.archive,
            start: selection.start,
            step: selection.step,
            values: archives[selection.archive].read(selection.start, selection.slots()),
        })
    }
}

impl Store for MemoryStore {
    fn engine(&self) -> &'static str {
        "memory"
    }

    fn shards(&self) -> usize {
        self.taken.lock().len()
    }

    fn writer(&self, shard: usize) -> Box<dyn ShardWriter> {
        let was_taken = std::mem::replace(&mut self.taken.lock()[shard], true);
        assert!(!was_taken, "the writer of shard {shard} was taken before");
        Box::new(MemoryWriter {
            shared: Arc::clone(&self.shared),
        })
    }

    fn fetch(&self, series: SeriesId, range: TimeRange) -> Result<Option<Fetched>, StoreError> {
        Ok(self
            .shared
            .get(series)
            .and_then(|series| series.fetch(range)))
    }

    fn select(&self, series: SeriesId, range: TimeRange) -> Option<Selection> {
        Selection::of(&self.shared.get(series)?.retention, range)
    }

    fn definition(&self, series: SeriesId) -> Option<(Arc<Retention>, Rollup)> {
        let series = self.shared.get(series)?;
        Some((Arc::clone(&series.retention), series.rollup))
    }

    fn sync(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn health(&self) -> StoreHealth {
        StoreHealth::default()
    }

    fn statistics(&self) -> StoreStatistics {
        StoreStatistics {
            points_stored: self.shared.points_stored.load(Ordering::Relaxed),
            points_late: self.shared.points_late.load(Ordering::Relaxed),
            series_created: self.shared.series.read().len() as u64,
            ..StoreStatistics::default()
        }
    }
}

/// Writes to the shared series; that each series has one shard is the caller's affair.
struct MemoryWriter {
    shared: Arc<Shared>,
}

impl ShardWriter for MemoryWriter {
    fn define(&mut self, series: &SeriesDefinition) -> Result<(), StoreError> {
        let mut all = self.shared.series.write();
        all.entry(series.id)
            .or_insert_with(|| Arc::new(MemorySeries::new(series)));
        Ok(())
    }

    fn store(
        &mut self,
        series: SeriesId,
        timestamp: i64,
        value: f64,
        now: i64,
    ) -> Result<(), Refusal> {
        let series = self.shared.get(series).ok_or(Refusal::StoreRefused)?;
        let is_late = series.store(timestamp, value, now)?;
        self.shared.points_stored.fetch_add(1, Ordering::Relaxed);
        self.shared
            .points_late
            .fetch_add(u64::from(is_late), Ordering::Relaxed);
        Ok(())
    }

    fn forget(&mut self, series: &[SeriesId]) {
        let mut all = self.shared.series.write();
        for id in series {
            all.remove(id);
        }
    }

    fn maintain(&mut self, _now: i64, _budget: Duration) -> Result<Maintenance, StoreError> {
        Ok(Maintenance::Idle)
    }
}

#[cfg(test)]
mod tests;

//! What of the store is final: slots behind the open rows, until a late point or another definition
//! comes.
//!
//! Threads: writers count changes, after what they changed can be seen; readers load the counters
//! before they read values.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Release};

use super::read::Slots;
use super::store::Strata;
use crate::metric::SeriesId;
use crate::storage::{Selection, Settled, SettledReads, StoreError};

/// Counters that the series share: 512 KiB, and one late series disturbs the caches of a few others.
const COUNTERS: usize = 1 << 16;

/// How often settled slots changed.
#[derive(Debug)]
pub(super) struct Changes {
    of_all: AtomicU64,
    by_series: Box<[AtomicU64]>,
}

impl Default for Changes {
    fn default() -> Self {
        Self {
            of_all: AtomicU64::new(0),
            by_series: (0..COUNTERS).map(|_| AtomicU64::new(0)).collect(),
        }
    }
}

impl Changes {
    /// Settled slots of a series changed, and can be read.
    pub(super) fn note(&self, series: SeriesId) {
        // Release: who sees the count reads what it counts.
        self.by_series[series.index() % COUNTERS].fetch_add(1, Release);
    }

    /// Settled slots of any series may have changed, and can be read.
    pub(super) fn note_all(&self) {
        self.of_all.fetch_add(1, Release);
    }

    /// A number that has grown when settled slots of the series changed.
    fn of(&self, series: SeriesId) -> u64 {
        let own = self.by_series[series.index() % COUNTERS].load(Acquire);
        own.wrapping_add(self.of_all.load(Acquire))
    }
}

impl SettledReads for Strata {
    fn settled(&self, series: SeriesId, archive: usize) -> Option<Settled> {
        let (group, _) = self.shared.group_of(series)?;
        let step = group.layout.archives().get(archive)?.step;
        // Acquire pairs with the writer's store: a slot below `open` gets no more stores, and all that
        // it got before are seen by reads that follow.
        let open = group.open.load(Acquire);
        if open == i64::MIN {
            return None;
        }
        let open_s = open * group.layout.finest().step;
        Some(Settled {
            before: open_s - open_s.rem_euclid(step),
            changes: self.shared.common.changes.of(series),
        })
    }

    fn read(&self, series: SeriesId, selection: Selection) -> Result<Option<Vec<f64>>, StoreError> {
        let Some((group, rollup)) = self.shared.group_of(series) else {
            return Ok(None);
        };
        if selection.archive >= group.layout.archives().len() {
            return Ok(None);
        }
        let slots = Slots {
            archive: selection.archive,
            first: selection.start.div_euclid(i64::from(selection.step)),
            count: selection.slots(),
        };
        Ok(Some(group.read(series, rollup, slots)))
    }
}

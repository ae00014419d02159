//! Points that the store could not take yet.
//!
//! The points of one series keep their order, since the last value of a slot wins: while one of them
//! waits, those that come after it wait too.

use std::time::{Duration, Instant};

use super::control::SeriesSet;
use crate::metric::{Refusal, SeriesId};
use crate::storage::ShardWriter;

/// Points that may wait in one shard: 1.5 MiB. With more the worker stands still.
const POINTS_MAX: usize = 64 * 1024;
/// The time between two tries.
const RETRY_INTERVAL: Duration = Duration::from_millis(100);

/// A point of a known series.
#[derive(Clone, Copy, Debug)]
pub(super) struct DeferredPoint {
    pub(super) series: SeriesId,
    pub(super) timestamp: i64,
    pub(super) value: f64,
}

/// The bounded list, in the order of arrival.
#[derive(Debug)]
pub(super) struct Deferred {
    points: Vec<DeferredPoint>,
    /// The series of these points.
    series: SeriesSet,
    tried: Instant,
}

/// What came of a try.
pub(super) struct Retried {
    pub(super) stored: u64,
    /// Points that the store now refuses for good.
    pub(super) refused: Vec<(DeferredPoint, Refusal)>,
}

impl Deferred {
    pub(super) fn new() -> Self {
        Self {
            points: Vec::new(),
            series: SeriesSet::default(),
            tried: Instant::now(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.points.len()
    }

    pub(super) fn is_full(&self) -> bool {
        self.points.len() >= POINTS_MAX
    }

    /// True when there is something to try and it is time to.
    pub(super) fn is_due(&self) -> bool {
        !self.points.is_empty() && self.tried.elapsed() >= RETRY_INTERVAL
    }

    /// True when a point of this series waits, so that a newer one must wait as well.
    #[inline]
    pub(super) fn holds(&self, series: SeriesId) -> bool {
        !self.points.is_empty() && self.series.contains(&series)
    }

    pub(super) fn push(&mut self, point: DeferredPoint) {
        self.series.insert(point.series);
        self.points.push(point);
    }

    /// Tries every point once, unless an older one of its series has to go on waiting: the store may
    /// take those of one family while it has no room for those of another.
    pub(super) fn retry(&mut self, writer: &mut dyn ShardWriter, now: i64) -> Retried {
        let mut result = Retried {
            stored: 0,
            refused: Vec::new(),
        };
        let (points, waiting) = (&mut self.points, &mut self.series);
        waiting.clear();
        points.retain(|point| {
            if waiting.contains(&point.series) {
                return true;
            }
            match writer.store(point.series, point.timestamp, point.value, now) {
                Ok(()) => result.stored += 1,
                Err(Refusal::StoreRefused) => return waiting.insert(point.series),
                Err(reason) => result.refused.push((*point, reason)),
            }
            false
        });
        self.tried = Instant::now();
        if self.points.is_empty() {
            *self = Self::new();
        }
        result
    }

    /// Those of some series that have points here.
    pub(super) fn all_of(&self, series: &SeriesSet) -> Vec<SeriesId> {
        self.series.intersection(series).copied().collect()
    }

    /// Drops the points of a series that was removed.
    pub(super) fn drop_all_of(&mut self, series: SeriesId) {
        if self.holds(series) {
            self.points.retain(|point| point.series != series);
            self.series.remove(&series);
        }
    }

    /// Gives up on what is left.
    pub(super) fn take(&mut self) -> Vec<DeferredPoint> {
        std::mem::replace(self, Self::new()).points
    }
}

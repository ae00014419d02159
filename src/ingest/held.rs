//! A worker's side of its orders: points that wait while their series is held, and series that leave.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::control::{ControlPoint, Order, SeriesSet};
use super::worker::{Incoming, Outcome, Worker};
use crate::catalog::RemovedSeries;
use crate::metric::{Refusal, SeriesId};
use crate::queue::Batch;
use crate::storage::SeriesDefinition;
use crate::telemetry::refused::Peer;

/// Points that may wait in one shard while their series are held, some 6 MiB; with more the worker
/// stands still, and senders wait.
const POINTS_MAX: usize = 64 * 1024;
/// How long a worker that stands still waits before it looks for orders again.
const PAUSE: Duration = Duration::from_millis(5);
/// A slice of maintenance for a worker that stands still.
const BUDGET: Duration = Duration::from_millis(5);
/// A series that moved can be read under its former id for so long: by renders which had found it
/// before.
const MOVED_READABLE: Duration = Duration::from_secs(60);
/// Series that are let go of at a time: a millisecond's work.
pub(super) const FORGET_MAX: usize = 4 * 1024;

/// What is held and what waits for it.
pub(super) struct Held {
    series: Arc<SeriesSet>,
    /// In the order in which they came.
    points: Box<Batch>,
}

impl Held {
    pub(super) fn holds(&self, series: SeriesId) -> bool {
        self.series.contains(&series)
    }
}

impl Worker {
    /// Keeps a point until its series is released. While too many wait it stands still; then the
    /// point is stored behind those that waited.
    #[cold]
    pub(super) fn hold_back(
        &mut self,
        point: Incoming<'_>,
        peer: Peer,
        now: i64,
    ) -> Result<Outcome, Refusal> {
        while self.held.as_ref().is_some_and(Held::is_full) {
            std::thread::park_timeout(PAUSE);
            self.follow_orders();
            self.maintain(BUDGET);
        }
        let Some(held) = &mut self.held else {
            return self.store(point, peer, now);
        };
        let Incoming {
            hash,
            name,
            timestamp,
            value,
        } = point;
        held.points.push(hash, name, timestamp, value, peer);
        Ok(Outcome::Deferred)
    }

    /// Does what it is told.
    pub(super) fn follow(&mut self, order: Order) {
        // Who asked may have given up; then nobody wants the answer.
        match order {
            Order::Hold(series, reply) => {
                let _ = reply.send(self.hold(series));
            }
            Order::Release(reply) => {
                self.release();
                let _ = reply.send(());
            }
            Order::Define(series, reply) => {
                let _ = reply.send(self.define_all(&series));
            }
            Order::Store(points, reply) => {
                let _ = reply.send(self.store_all(&points));
            }
            Order::Forget(series, reply) => {
                self.writer.forget(&series);
                let _ = reply.send(());
            }
        }
    }

    fn hold(&mut self, series: Arc<SeriesSet>) -> Vec<SeriesId> {
        self.release();
        self.retry_deferred(self.ingest.clock.now());
        let waiting = self.deferred.all_of(&series);
        self.held = Some(Held {
            series,
            points: Box::default(),
        });
        waiting
    }

    fn release(&mut self) {
        if let Some(held) = self.held.take() {
            self.work_off(&held.points);
        }
    }

    fn define_all(&mut self, series: &[SeriesDefinition]) -> Result<(), String> {
        for definition in series {
            let defined = self.writer.define(definition);
            defined.map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    fn store_all(&mut self, points: &[ControlPoint]) -> Result<(), String> {
        let now = self.ingest.clock.now();
        for point in points {
            let stored = self
                .writer
                .store(point.series, point.timestamp, point.value, now);
            match stored {
                // Its time ended while it was on its way.
                Ok(()) | Err(Refusal::TooOld) => {}
                Err(reason) => return Err(format!("the store refused a point: {reason}")),
            }
        }
        Ok(())
    }
}

impl Held {
    fn is_full(&self) -> bool {
        self.points.points().len() >= POINTS_MAX
    }
}

/// Series that were removed from the catalog, in the order of their removal.
#[derive(Default)]
pub(super) struct Leaving {
    /// The count of removals with this one, and the series.
    removed: VecDeque<(u64, SeriesId)>,
    moved: VecDeque<(Instant, u64, SeriesId)>,
}

impl Leaving {
    /// Adds the series whose removal was the `number`-th.
    pub(super) fn add(&mut self, number: u64, series: RemovedSeries) {
        if series.has_moved {
            self.moved.push_back((Instant::now(), number, series.id));
        } else {
            self.removed.push_back((number, series.id));
        }
    }

    /// The next series that the store may let go of: those among the first `durably` removals.
    pub(super) fn take_due(&mut self, durably: u64) -> Vec<SeriesId> {
        let mut due = Vec::new();
        while due.len() < FORGET_MAX
            && let Some(&(number, id)) = self.removed.front()
            && number <= durably
        {
            self.removed.pop_front();
            due.push(id);
        }
        while due.len() < FORGET_MAX
            && let Some(&(since, number, id)) = self.moved.front()
            && number <= durably
            && since.elapsed() >= MOVED_READABLE
        {
            self.moved.pop_front();
            due.push(id);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_leave_once_their_removal_is_durable_and_moved_ones_later() {
        let mut leaving = Leaving::default();
        for number in 1..=4 {
            let removed = RemovedSeries {
                id: SeriesId(number as u32),
                hash: 0,
                has_moved: number == 2,
            };
            leaving.add(number, removed);
        }
        assert_eq!(leaving.take_due(0), []);
        assert_eq!(leaving.take_due(3), [1, 3].map(SeriesId));
        assert_eq!(leaving.take_due(4), [SeriesId(4)]);
        assert_eq!(leaving.take_due(4), []);
    }
}

//! One shard's worker.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::Ingest;
use super::control::Orders;
use super::deferred::{Deferred, DeferredPoint};
use super::held::{FORGET_MAX, Held, Leaving};
use crate::catalog::{CatalogError, NameTable, RemovalsSeen};
use crate::metric::name::{hash, shard_of};
use crate::metric::{Refusal, Retention, SeriesId};
use crate::queue::{Batch, ShardQueue};
use crate::storage::{Maintenance, SeriesDefinition, ShardWriter};
use crate::telemetry::ingest::ShardCounters;
use crate::telemetry::ingest_events as events;
use crate::telemetry::refused::{Peer, RefusedList};

/// How often the store gets its slice of maintenance while batches keep coming, and how long a
/// slice is: at most a fifth of the worker's time.
const BUSY_INTERVAL: Duration = Duration::from_millis(20);
const BUSY_BUDGET: Duration = Duration::from_millis(5);
/// The slice while there is nothing else to do.
const IDLE_BUDGET: Duration = Duration::from_millis(20);
/// The longest sleep: the clock moves even when nothing comes.
const SLEEP_MAX: Duration = Duration::from_millis(250);
/// The time between two tries of a store that takes nothing.
const STALL_INTERVAL: Duration = Duration::from_millis(50);
/// How long new series are refused after one could not be created.
const CREATION_PAUSE: Duration = Duration::from_secs(1);
/// The time between two log lines about failing maintenance.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(10);

pub(super) struct Worker {
    pub(super) ingest: Ingest,
    shard: usize,
    pub(super) queue: Arc<ShardQueue>,
    pub(super) writer: Box<dyn ShardWriter>,
    names: NameTable,
    counters: Arc<ShardCounters>,
    refused: Arc<RefusedList>,
    pub(super) deferred: Deferred,
    orders: Orders,
    pub(super) held: Option<Held>,
    /// Removals of the catalog that `names` has followed.
    removed_seen: RemovalsSeen,
    /// Series that were removed, until the store may let go of them.
    leaving: Leaving,
    maintained: Instant,
    creation_paused_until: Option<Instant>,
    complained: Option<Instant>,
    /// True when the daemon stops while the store takes nothing: what cannot be deferred is refused.
    has_given_up: bool,
}

/// A point on its way from a batch to the store.
#[derive(Clone, Copy)]
pub(super) struct Incoming<'a> {
    pub(super) hash: u64,
    pub(super) name: &'a [u8],
    pub(super) timestamp: i64,
    pub(super) value: f64,
}

/// What became of a point that was not refused.
pub(super) enum Outcome {
    Stored,
    /// It waits to be tried again and is counted then.
    Deferred,
}

impl Worker {
    pub(super) fn new(ingest: Ingest, shard: usize, orders: Orders) -> Self {
        Self {
            queue: Arc::clone(ingest.routes.queue(shard)),
            writer: ingest.store.writer(shard),
            names: NameTable::new(),
            counters: Arc::clone(ingest.telemetry.shard(shard)),
            refused: Arc::clone(ingest.telemetry.refused()),
            deferred: Deferred::new(),
            orders,
            held: None,
            removed_seen: ingest.catalog.follow_removals(),
            leaving: Leaving::default(),
            maintained: Instant::now(),
            creation_paused_until: None,
            complained: None,
            has_given_up: false,
            ingest,
            shard,
        }
    }

    /// Makes every series that the catalog knows of this shard known to the store and the names.
    /// Each worker reads the whole catalog and keeps its share, so that the shards load side by side.
    pub(super) fn load_series(&mut self) {
        let catalog = Arc::clone(&self.ingest.catalog);
        let shards = self.ingest.routes.shards();
        for series in catalog.definitions() {
            let hash = hash(series.name.as_bytes());
            if shard_of(hash, shards) != self.shard {
                continue;
            }
            match self.writer.define(&series) {
                Ok(()) => self.names.insert(hash, &series.name, series.id),
                Err(error) => events::series_undefined(self.shard, &series.name, &error),
            }
        }
    }

    /// Works until the queue is closed and empty.
    pub(super) fn run(&mut self) {
        loop {
            // Asked before the pop: what was pushed before the close is then seen by the pop.
            let is_closed = self.queue.is_closed();
            self.follow_orders();
            match self.queue.pop() {
                Some(batch) => {
                    self.work_off(&batch);
                    self.ingest.routes.pool().put(batch);
                    if self.maintained.elapsed() >= BUSY_INTERVAL {
                        self.maintain(BUSY_BUDGET);
                    }
                }
                // Held points are stored, or refused for a reason, before the end.
                None if is_closed && self.held.is_none() => break,
                None => self.idle(),
            }
        }
        self.finish();
    }

    pub(super) fn work_off(&mut self, batch: &Batch) {
        let now = self.ingest.clock.now();
        self.follow_removals();
        // Older points go first, so that the newest value of a slot wins.
        if self.deferred.is_due() {
            self.retry_deferred(now);
        }
        let mut stored = 0;
        for (position, point) in batch.points().iter().enumerate() {
            let point = Incoming {
                hash: point.hash,
                name: batch.name(point),
                timestamp: point.timestamp,
                value: point.value,
            };
            match self.store(point, batch.peer(position), now) {
                Ok(Outcome::Stored) => stored += 1,
                Ok(Outcome::Deferred) => {}
                Err(reason) => self.refuse(point, batch.peer(position), reason, now),
            }
        }
        self.counters.points.fetch_add(stored, Ordering::Relaxed);
        self.counters.batches.fetch_add(1, Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn store(
        &mut self,
        point: Incoming<'_>,
        peer: Peer,
        now: i64,
    ) -> Result<Outcome, Refusal> {
        let series = match self.names.lookup(point.hash, point.name) {
            Some(series) => series,
            None => self.create(point, now)?,
        };
        if self.held.as_ref().is_some_and(|held| held.holds(series)) {
            return self.hold_back(point, peer, now);
        }
        self.store_known(series, point, now)
    }

    #[inline]
    fn store_known(
        &mut self,
        series: SeriesId,
        point: Incoming<'_>,
        now: i64,
    ) -> Result<Outcome, Refusal> {
        if self.deferred.holds(series) {
            return self.wait_or_defer(series, point, now);
        }
        let writer = &mut self.writer;
        match writer.store(series, point.timestamp, point.value, now) {
            Ok(()) => Ok(Outcome::Stored),
            Err(Refusal::StoreRefused) => self.wait_or_defer(series, point, now),
            Err(reason) => Err(reason),
        }
    }

    /// Creates the series of a point: catalog, store, names, in this order. A step that fails is
    /// tried again by a later point; the catalog then answers the id that it gave.
    #[cold]
    fn create(&mut self, point: Incoming<'_>, now: i64) -> Result<SeriesId, Refusal> {
        let name = std::str::from_utf8(point.name).map_err(|_| Refusal::BadName)?;
        self.ingest.store.check_name(name)?;
        let (retention, rollup) = self.ingest.schemas.load().definition_for(name);
        check_age(point.timestamp, &retention, now)?;
        let paused_until = self.creation_paused_until;
        if paused_until.is_some_and(|until| Instant::now() < until) {
            return Err(Refusal::StoreRefused);
        }
        let catalog = &self.ingest.catalog;
        let is_new = catalog.id(name).is_none();
        if is_new && let Err(error) = self.writer.takes_new_series() {
            return Err(self.pause_creation(name, &error));
        }
        let id = match catalog.create(name, point.hash, &retention, rollup) {
            Ok(id) => id,
            Err(CatalogError::BadName(_)) => return Err(Refusal::BadName),
            Err(error) => return Err(self.pause_creation(name, &error)),
        };
        // A name that was known keeps the definition it had.
        let (retention, rollup) = catalog.definition(id).unwrap_or((retention, rollup));
        let definition = SeriesDefinition {
            id,
            name: name.into(),
            retention,
            rollup,
        };
        if let Err(error) = self.writer.define(&definition) {
            return Err(self.pause_creation(name, &error));
        }
        self.names.insert(point.hash, name, id);
        self.creation_paused_until = None;
        // A series that was moved to another retention is known under its new id.
        let created = u64::from(is_new);
        self.counters
            .series_created
            .fetch_add(created, Ordering::Relaxed);
        Ok(id)
    }

    fn pause_creation(&mut self, name: &str, error: &dyn std::fmt::Display) -> Refusal {
        self.creation_paused_until = Some(Instant::now() + CREATION_PAUSE);
        events::series_failed(&self.counters, self.shard, name, error);
        Refusal::StoreRefused
    }

    /// Keeps a point for later. While too many are kept it stands still first, and then the store
    /// may take the point after all. Refuses it only at the very end.
    #[cold]
    fn wait_or_defer(
        &mut self,
        series: SeriesId,
        point: Incoming<'_>,
        now: i64,
    ) -> Result<Outcome, Refusal> {
        if self.deferred.is_full() {
            if !self.stand_still() {
                return Err(Refusal::StoreRefused);
            }
            if !self.deferred.holds(series) {
                return self.store_known(series, point, now);
            }
        }
        self.deferred.push(DeferredPoint {
            series,
            timestamp: point.timestamp,
            value: point.value,
        });
        self.show_deferred();
        Ok(Outcome::Deferred)
    }

    /// Waits until the store takes points again. False when the daemon stops before that.
    fn stand_still(&mut self) -> bool {
        if self.has_given_up {
            return false;
        }
        events::shard_stalled(&self.counters, self.shard, self.deferred.len());
        loop {
            // Asked before the try, so that there is a try after the close.
            self.has_given_up = self.queue.is_closed();
            self.retry_deferred(self.ingest.clock.now());
            if !self.deferred.is_full() {
                events::shard_resumed(self.shard);
                return true;
            }
            if self.has_given_up {
                return false;
            }
            std::thread::park_timeout(STALL_INTERVAL);
            self.maintain(IDLE_BUDGET);
        }
    }

    pub(super) fn retry_deferred(&mut self, now: i64) {
        let retried = self.deferred.retry(self.writer.as_mut(), now);
        let counters = &self.counters;
        counters.points.fetch_add(retried.stored, Ordering::Relaxed);
        self.show_deferred();
        for (point, reason) in retried.refused {
            self.refuse_deferred(point, reason, now);
        }
    }

    fn show_deferred(&self) {
        let deferred = &self.counters.points_deferred;
        deferred.store(self.deferred.len() as u64, Ordering::Relaxed);
    }

    fn refuse(&self, point: Incoming<'_>, peer: Peer, reason: Refusal, now: i64) {
        self.counters.refused.count(reason);
        if !self.refused.has_room(now) {
            return;
        }
        let mut line = String::from_utf8_lossy(point.name).into_owned();
        // Writing to a string never fails.
        let _ = write!(line, " {} {}", point.value, point.timestamp);
        self.refused.record(peer, reason, line.as_bytes(), now);
    }

    fn refuse_deferred(&self, point: DeferredPoint, reason: Refusal, now: i64) {
        let name = self.ingest.catalog.name(point.series);
        let incoming = Incoming {
            hash: 0,
            name: name.as_deref().unwrap_or_default().as_bytes(),
            timestamp: point.timestamp,
            value: point.value,
        };
        self.refuse(incoming, Peer::Own("deferred"), reason, now);
    }

    /// Takes what was removed out of the names. Points of it that still wait for the store were sent
    /// before the removal and go with it.
    fn follow_removals(&mut self) {
        let catalog = &self.ingest.catalog;
        if catalog.removed() == self.removed_seen.count() {
            return;
        }
        let shards = self.ingest.routes.shards();
        let before = self.removed_seen.count();
        let removed = catalog.removed_after(&mut self.removed_seen);
        for (number, series) in (before + 1..).zip(removed) {
            if shard_of(series.hash, shards) == self.shard {
                self.names.forget(series.hash, series.id);
                self.deferred.drop_all_of(series.id);
                self.leaving.add(number, series);
            }
        }
    }

    pub(super) fn follow_orders(&mut self) {
        while let Ok(order) = self.orders.try_recv() {
            self.follow(order);
        }
    }

    fn idle(&mut self) {
        self.follow_removals();
        if self.deferred.is_due() {
            self.retry_deferred(self.ingest.clock.now());
        }
        if self.maintain(IDLE_BUDGET) == Maintenance::Idle {
            self.queue.wait(SLEEP_MAX);
        }
    }

    pub(super) fn maintain(&mut self, budget: Duration) -> Maintenance {
        let durably = self.ingest.catalog.removed_durably();
        let gone = self.leaving.take_due(durably);
        if !gone.is_empty() {
            self.writer.forget(&gone);
        }
        let maintained = self.writer.maintain(self.ingest.clock.now(), budget);
        self.maintained = Instant::now();
        if gone.len() == FORGET_MAX {
            return Maintenance::Pending;
        }
        maintained.unwrap_or_else(|error| {
            let complained = self.complained;
            if complained.is_none_or(|when| when.elapsed() >= COMPLAINT_INTERVAL) {
                events::maintenance_failed(self.shard, &error);
                self.complained = Some(Instant::now());
            }
            // Not at once again: what failed will fail.
            Maintenance::Idle
        })
    }

    /// A last try for what is deferred; the rest is refused.
    fn finish(&mut self) {
        self.follow_removals();
        let now = self.ingest.clock.now();
        self.retry_deferred(now);
        let abandoned = self.deferred.take();
        self.show_deferred();
        if !abandoned.is_empty() {
            events::points_abandoned(self.shard, abandoned.len());
        }
        for point in abandoned {
            self.refuse_deferred(point, Refusal::StoreRefused, now);
        }
    }
}

/// A point that no archive of its series could hold must not create the series.
fn check_age(timestamp: i64, retention: &Retention, now: i64) -> Result<(), Refusal> {
    let age = now - timestamp;
    if age >= retention.longest() {
        Err(Refusal::TooOld)
    } else if -age >= retention.longest() {
        Err(Refusal::TooFarInFuture)
    } else {
        Ok(())
    }
}

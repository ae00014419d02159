//! The life and death of series: deletion, expiry, and the move to another retention.
//!
//! `api`'s admin routes and the command line's `delete`, `expire` and `retention` ask here; [`offline`]
//! does the same on a folder without a daemon. Everything goes through the catalog first: a removal or
//! a move is one record there, and what the store still holds afterwards belongs to nobody. So a
//! crash at any moment leaves each series whole or gone.
//!
//! ```text
//! Selection -> ids -> Lifecycle::delete | expire | retention_plan | retention_apply
//!                      catalog (durable)  ->  workers let go  ->  blocks are reclaimed
//! ```
//!
//! Threads: one operation at a time, on the caller's thread, which may be long about it; ingest goes
//! on beside it. Every loop looks whether the caller still wants it, between pieces that are whole.

mod apply;
mod delete;
mod error;
mod expire;
pub mod offline;
mod operation;
mod plan;
mod progress;
mod resample;
mod selection;

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use parking_lot::{Mutex, MutexGuard};

use crate::catalog::Catalog;
use crate::clock::Clock;
use crate::ingest::Controls;
use crate::metric::SeriesId;
use crate::metric::schema::Schemas;
use crate::storage::Store;

pub use apply::Applied;
pub use delete::Deleted;
pub use error::LifecycleError;
pub use expire::Expired;
pub use operation::{Answer, Kind, Operation, ROUTES, parse_age};
pub use plan::{Move, Plan};
pub use progress::{Progress, Stop};
pub use selection::Selection;

use progress::{Counting, Meter};

/// Series that are removed in one step of the catalog: workers take them out of their names between
/// two batches, well below a millisecond.
const REMOVAL_CHUNK: usize = 4 * 1024;
/// How long the workers are given to follow one step before the next one is made all the same.
const FOLLOW_TIME: Duration = Duration::from_secs(1);
/// The time between two looks whether they did.
const FOLLOW_PAUSE: Duration = Duration::from_micros(200);
/// Names in an answer unless more are asked for.
pub const NAMES_SHOWN: usize = 1_000;

/// What the operations work on.
pub struct Lifecycle {
    catalog: Arc<Catalog>,
    store: Arc<dyn Store>,
    controls: Controls,
    schemas: Arc<ArcSwap<Schemas>>,
    clock: Clock,
    one_at_a_time: Mutex<()>,
    meter: Meter,
    stop: Stop,
}

/// What `daemon` gives.
pub struct Parts {
    /// Names.
    pub catalog: Arc<Catalog>,
    /// Points.
    pub store: Arc<dyn Store>,
    /// The shard workers.
    pub controls: Controls,
    /// The rules in force.
    pub schemas: Arc<ArcSwap<Schemas>>,
    /// What time it is.
    pub clock: Clock,
}

/// An operation under way.
struct Running<'a> {
    _counting: Counting<'a>,
    _alone: MutexGuard<'a, ()>,
}

impl Lifecycle {
    /// Puts it together.
    pub fn new(parts: Parts) -> Self {
        Self {
            catalog: parts.catalog,
            store: parts.store,
            controls: parts.controls,
            schemas: parts.schemas,
            clock: parts.clock,
            one_at_a_time: Mutex::new(()),
            meter: Meter::default(),
            stop: Stop::default(),
        }
    }

    /// What is being done and how far it is; `None` when nothing is.
    pub fn progress(&self) -> Option<Progress> {
        self.meter.read()
    }

    /// What stops an operation, for whoever asks for it to be done.
    pub fn new_stop(&self) -> Stop {
        self.stop.sibling()
    }

    /// Stops what is under way at its next whole piece, and all that is asked for from now on: the
    /// daemon ends.
    pub fn close(&self) {
        self.stop.ask_all();
    }

    /// Begins an operation that changes something; it ends when the answer is dropped.
    fn begin(&self, what: &'static str) -> Result<Running<'_>, LifecycleError> {
        let guard = self.one_at_a_time.try_lock();
        let guard = guard.ok_or_else(|| LifecycleError::Busy(self.meter.what()))?;
        if let Some(failure) = self.store.health().write_failure {
            return Err(LifecycleError::NotWriting(failure));
        }
        Ok(Running {
            _counting: self.meter.begin(what),
            _alone: guard,
        })
    }

    /// Removes series, a piece at a time; answers how many there were. Durable when it returns.
    fn remove(&self, ids: &[SeriesId], stop: &Stop) -> Result<usize, LifecycleError> {
        let mut removed = 0;
        for chunk in ids.chunks(REMOVAL_CHUNK) {
            if stop.is_wanted() {
                break;
            }
            removed += self.catalog.remove(chunk)?;
            self.meter.advance(chunk.len());
            self.wait_for_workers();
        }
        self.catalog.sync()?;
        self.controls.wake();
        Ok(removed)
    }

    /// Waits until the workers no longer know what was removed, or one of them is too busy: so that none
    /// has much to forget at once.
    fn wait_for_workers(&self) {
        let removed = self.catalog.removed();
        let until = Instant::now() + FOLLOW_TIME;
        self.controls.wake();
        while self.catalog.removals_followed() < removed && Instant::now() < until {
            std::thread::sleep(FOLLOW_PAUSE);
        }
    }

    /// Bytes that series take in blocks.
    fn bytes_of(&self, ids: &[SeriesId]) -> Result<u64, LifecycleError> {
        let usage = self.store.usage(ids)?;
        Ok(usage.iter().map(|usage| usage.bytes).sum())
    }

    /// The names of series, sorted, at most `limit`.
    fn names_of(&self, ids: &[SeriesId], limit: usize) -> Vec<Arc<str>> {
        let names = ids.iter().filter_map(|&id| self.catalog.name(id));
        let mut names: Vec<_> = names.take(limit).collect();
        names.sort_unstable();
        names
    }
}

#[cfg(test)]
mod tests;

//! Shard workers: they alone turn queued points into stored ones.
//!
//! `queue` is above, `catalog` and `storage` are below. Each shard has one named thread
//! (`shard-0`, …) which owns the shard's `NameTable` and `ShardWriter`, so that storing a point of a
//! known series takes no lock.
//!
//! What becomes of a point: its name is looked up; an unknown one is created by the schemas of the
//! moment (unless every archive would be too short for the point). The store takes it or says why not;
//! that is counted by reason and shown at `/debug/refused`. A point that the store cannot take *now*
//! (a full disk, a poisoned store) waits in a bounded list and is tried again; when the list is full
//! the worker stands still, its queue fills, and TCP receivers stop reading: nothing is dropped that
//! its sender can still hold.
//!
//! Series that the catalog removed leave a worker's names before its next batch, so that a point which
//! comes then makes the series anew; the store lets go of them once the removal is durable. `lifecycle`
//! may hold series for a while ([`Controls`]).
//!
//! Shutdown: after `Routes::close` each worker empties its queue and ends; [`Workers::join`] waits
//! for them and says who is late.

mod control;
mod deferred;
mod held;
mod worker;

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;

use crate::catalog::Catalog;
use crate::clock::Clock;
use crate::metric::schema::Schemas;
use crate::queue::Routes;
use crate::storage::Store;
use crate::telemetry::ingest::IngestTelemetry;
use worker::Worker;

pub use control::{ControlError, ControlPoint, Controls, Hold};

/// What the workers work with.
#[derive(Clone)]
pub struct Ingest {
    /// Where new series get their numbers.
    pub catalog: Arc<Catalog>,
    /// Where points go.
    pub store: Arc<dyn Store>,
    /// What a new series gets; swapped whole on a reload.
    pub schemas: Arc<ArcSwap<Schemas>>,
    /// What ages are counted from.
    pub clock: Clock,
    /// Where points come from: as many queues as the store has shards.
    pub routes: Arc<Routes>,
    /// What is counted.
    pub telemetry: Arc<IngestTelemetry>,
}

/// The running workers.
pub struct Workers {
    threads: Vec<JoinHandle<()>>,
    /// Each worker sends its number when it ends, however it ends.
    ended: Receiver<usize>,
    controls: Controls,
}

/// Starts a worker for each shard and returns when every series of the catalog is known to its
/// shard: from then on the store can be read.
///
/// # Errors
/// When a thread cannot be started, or ended before it was ready.
///
/// # Panics
/// When there are not as many queues as shards, or a shard's writer was taken before.
pub fn start_workers(ingest: &Ingest) -> io::Result<Workers> {
    let shards = ingest.store.shards();
    assert_eq!(shards, ingest.routes.shards(), "a queue for each shard");
    let (end, ended) = channel();
    let (ready, all_ready) = channel();
    let (controls, orders) = Controls::new(&ingest.routes);
    let mut threads = Vec::new();
    for (shard, orders) in orders.into_iter().enumerate() {
        let ingest = ingest.clone();
        let (end, ready) = (AtEnd(end.clone(), shard), ready.clone());
        let thread = std::thread::Builder::new().name(format!("shard-{shard}"));
        threads.push(thread.spawn(move || {
            let _end = end;
            let mut worker = Worker::new(ingest, shard, orders);
            worker.load_series();
            // Nobody listens any more when the start has failed elsewhere.
            let _ = ready.send(());
            drop(ready);
            worker.run();
        })?);
    }
    drop(ready);
    for _ in 0..shards {
        all_ready
            .recv()
            .map_err(|_| io::Error::other("a shard's worker ended before it was ready"))?;
    }
    Ok(Workers {
        threads,
        ended,
        controls,
    })
}

/// Says that a worker ended when it is dropped, by a panic too.
struct AtEnd(Sender<usize>, usize);

impl Drop for AtEnd {
    fn drop(&mut self) {
        let _ = self.0.send(self.1);
    }
}

impl Workers {
    /// The way to give them orders.
    pub fn controls(&self) -> Controls {
        self.controls.clone()
    }

    /// Waits until every worker has emptied its queue and ended; `Routes::close` comes first.
    ///
    /// # Errors
    /// The workers that had not ended after `deadline`, or that panicked. The late ones go on.
    pub fn join(self, deadline: Duration) -> Result<(), Vec<String>> {
        let until = Instant::now() + deadline;
        let mut is_late = vec![true; self.threads.len()];
        while is_late.contains(&true) {
            let left = until.saturating_duration_since(Instant::now());
            match self.ended.recv_timeout(left) {
                Ok(shard) => is_late[shard] = false,
                Err(_) => break,
            }
        }
        let mut late = Vec::new();
        for (shard, (thread, is_late)) in self.threads.into_iter().zip(is_late).enumerate() {
            if is_late {
                late.push(format!("shard-{shard}"));
            } else if thread.join().is_err() {
                late.push(format!("shard-{shard} (panicked)"));
            }
        }
        if late.is_empty() { Ok(()) } else { Err(late) }
    }
}

#[cfg(test)]
mod tests;

//! Between receivers and shards: batches of points in bounded queues.
//!
//! `receiver` is above: each connection owns a [`Router`], which sorts points by shard into open
//! [`Batch`]es and sends them on. `ingest` is below: each shard's worker pops from its own
//! [`ShardQueue`]. Batches go round through a [`BatchPool`], so that in the steady state nothing is
//! allocated.
//!
//! A batch holds its points' names itself, copied out of the read buffer. The alternative, names that
//! point into a shared read buffer, saves a copy of some 40 bytes a line but costs a reference count
//! a batch, keeps whole buffers alive for the few lines of a quiet connection, and makes every
//! protocol hand over buffers it may not own (inflated streams, pickles, rewritten names).
//!
//! Limits: a queue is full when it holds `points_max` points or `batches_max` batches. Then
//! [`Router::send`] waits (a TCP receiver stops reading) and [`Router::try_send`] gives the batch back.

mod batch;
mod pool;
mod room;
mod router;
mod shard_queue;

use std::sync::Arc;

pub use batch::{Batch, QueuedPoint};
pub use pool::BatchPool;
pub use router::Router;
pub use shard_queue::ShardQueue;

use crate::telemetry::ingest::IngestTelemetry;

/// How much may wait for one shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueLimits {
    /// Points in one queue; the batch that crosses the limit is still taken.
    pub points_max: usize,
    /// Batches in one queue.
    pub batches_max: usize,
}

impl Default for QueueLimits {
    fn default() -> Self {
        Self {
            // A twentieth of a second of a busy shard, and some 1.5 MiB with names of 40 bytes. Four
            // times as much brought no measured speed, and 9 MiB that stay with the allocator.
            points_max: 16 * 1024,
            // Small batches are merged before this hurts: see `Router`.
            batches_max: 1024,
        }
    }
}

/// The queues of all shards and the pool their batches come from; shared by everyone who sends.
#[derive(Debug)]
pub struct Routes {
    queues: Box<[Arc<ShardQueue>]>,
    pool: BatchPool,
}

impl Routes {
    /// One queue for each shard that `telemetry` counts.
    pub fn new(limits: QueueLimits, telemetry: &IngestTelemetry) -> Arc<Self> {
        let queues: Box<[_]> = telemetry
            .shards()
            .iter()
            .map(|counters| Arc::new(ShardQueue::new(limits, Arc::clone(counters))))
            .collect();
        // Beyond what is open in a few receivers and being worked off, batches are let go.
        let pool = BatchPool::new(16 + 8 * queues.len());
        Arc::new(Self { queues, pool })
    }

    /// How many shards there are.
    pub fn shards(&self) -> usize {
        self.queues.len()
    }

    /// The queue of one shard.
    pub fn queue(&self, shard: usize) -> &Arc<ShardQueue> {
        &self.queues[shard]
    }

    /// Where batches come from and go back to.
    pub fn pool(&self) -> &BatchPool {
        &self.pool
    }

    /// Points that wait in all queues.
    pub fn points_queued(&self) -> u64 {
        self.queues.iter().map(|queue| queue.points_queued()).sum()
    }

    /// Lets every worker end once its queue is empty. Nothing may be sent afterwards.
    pub fn close(&self) {
        for queue in &self.queues {
            queue.close();
        }
    }
}

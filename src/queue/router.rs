//! Sorts one sender's points by shard and sends them on in batches.

use std::sync::Arc;

use super::{Batch, Routes};
use crate::metric::name::{hash, shard_of};
use crate::telemetry::refused::Peer;

/// One sender's open batches, at most one a shard. Idle it holds none, so a thousand quiet
/// connections cost nothing here.
#[derive(Debug)]
pub struct Router {
    routes: Arc<Routes>,
    open: Box<[Option<Box<Batch>>]>,
    is_full: bool,
}

impl Router {
    /// A router without open batches.
    pub fn new(routes: Arc<Routes>) -> Self {
        let open = (0..routes.shards()).map(|_| None).collect();
        Self {
            routes,
            open,
            is_full: false,
        }
    }

    /// Adds a point to the batch of its shard.
    #[inline]
    pub fn push(&mut self, name: &[u8], timestamp: i64, value: f64, peer: Peer) {
        let hash = hash(name);
        let shard = shard_of(hash, self.open.len());
        let batch = self.open[shard].get_or_insert_with(|| self.routes.pool.take());
        batch.push(hash, name, timestamp, value, peer);
        self.is_full |= batch.is_full();
    }

    /// True when a batch is full: send before more is pushed.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.is_full
    }

    /// True when nothing waits to be sent.
    pub fn is_empty(&self) -> bool {
        self.open.iter().all(Option::is_none)
    }

    /// Sends every open batch, waiting for room where a queue is full.
    pub async fn send(&mut self) {
        for shard in 0..self.open.len() {
            if let Some(batch) = self.open[shard].take() {
                self.routes.queue(shard).push(batch).await;
            }
        }
        self.is_full = false;
    }

    /// Sends what there is room for, and keeps the other batches open, to be added to.
    ///
    /// A sender that cannot wait so merges its points into few large batches exactly while the
    /// queues are full.
    pub fn try_send(&mut self) {
        self.is_full = false;
        for (shard, open) in self.open.iter_mut().enumerate() {
            let Some(batch) = open.take() else {
                continue;
            };
            if let Err(batch) = self.routes.queue(shard).try_push(batch) {
                self.is_full |= batch.is_full();
                *open = Some(batch);
            }
        }
    }

    /// Throws away the full batches and says how many points were in them; `each` sees every one.
    pub fn discard_full(&mut self, mut each: impl FnMut(&Batch, usize)) -> u64 {
        let mut discarded = 0;
        for open in &mut self.open {
            if let Some(batch) = open.take_if(|batch| batch.is_full()) {
                discarded += batch.points().len() as u64;
                for position in 0..batch.points().len() {
                    each(&batch, position);
                }
                self.routes.pool.put(batch);
            }
        }
        self.is_full = false;
        discarded
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::QueueLimits;
    use crate::telemetry::ingest::IngestTelemetry;

    const PEER: Peer = Peer::Own("test");

    fn routes(shards: usize, points_max: usize) -> Arc<Routes> {
        let limits = QueueLimits {
            points_max,
            batches_max: 16,
        };
        Routes::new(limits, &IngestTelemetry::new(shards))
    }

    #[test]
    fn every_point_reaches_the_shard_of_its_hash() {
        let routes = routes(3, 10_000);
        let mut router = Router::new(Arc::clone(&routes));
        for series in 0..300 {
            router.push(format!("series.{series}").as_bytes(), 1, 1.0, PEER);
        }
        router.try_send();
        assert!(router.is_empty());
        let mut points = 0;
        for shard in 0..3 {
            let batch = routes.queue(shard).pop().unwrap();
            for point in batch.points() {
                assert_eq!(point.hash, hash(batch.name(point)));
                assert_eq!(shard_of(point.hash, 3), shard);
            }
            assert!(batch.points().len() > 50);
            points += batch.points().len();
        }
        assert_eq!(points, 300);
    }

    #[test]
    fn full_queue_leaves_the_batch_open_until_it_is_full_itself() {
        let routes = routes(1, 1);
        let mut router = Router::new(Arc::clone(&routes));
        router.push(b"a", 1, 1.0, PEER);
        router.try_send();
        router.push(b"b", 1, 1.0, PEER);
        router.try_send();
        assert!(!router.is_empty() && !router.is_full());
        while !router.is_full() {
            router.push(b"c", 1, 1.0, PEER);
        }
        router.try_send();
        assert!(router.is_full());
        let mut seen = 0;
        let discarded = router.discard_full(|_, _| seen += 1);
        assert_eq!(discarded, 1024);
        assert_eq!(seen, 1024);
        assert!(router.is_empty() && !router.is_full());
        assert_eq!(routes.points_queued(), 1);
    }
}

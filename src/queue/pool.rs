//! Batches that wait to be filled again.

use crossbeam::queue::ArrayQueue;

use super::Batch;

/// A bounded, lock-free stock of empty batches.
#[derive(Debug)]
pub struct BatchPool {
    free: ArrayQueue<Box<Batch>>,
}

impl BatchPool {
    /// A pool that keeps at most `batches_max` batches.
    pub fn new(batches_max: usize) -> Self {
        Self {
            free: ArrayQueue::new(batches_max),
        }
    }

    /// An empty batch; a new one when there is none in stock.
    pub fn take(&self) -> Box<Batch> {
        self.free.pop().unwrap_or_default()
    }

    /// Takes a batch back. One too many, or one that grew too large, is freed.
    pub fn put(&self, mut batch: Box<Batch>) {
        if batch.is_oversized() {
            return;
        }
        batch.clear();
        // A full pool gives it back, and it is freed here.
        drop(self.free.push(batch));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::refused::Peer;

    #[test]
    fn batch_comes_back_empty_with_its_memory() {
        let pool = BatchPool::new(1);
        let mut batch = pool.take();
        batch.push(1, b"name", 2, 3.0, Peer::Unix);
        let place = batch.points().as_ptr();
        pool.put(batch);
        let batch = pool.take();
        assert!(batch.points().is_empty());
        assert_eq!(batch.points().as_ptr(), place);
    }

    #[test]
    fn pool_keeps_no_more_than_its_limit_and_nothing_oversized() {
        let pool = BatchPool::new(1);
        let mut huge = pool.take();
        for _ in 0..100 {
            huge.push(0, &[b'n'; 4095], 0, 0.0, Peer::Unix);
        }
        pool.put(huge);
        assert_eq!(pool.free.len(), 0);
        pool.put(Box::default());
        pool.put(Box::default());
        assert_eq!(pool.free.len(), 1);
    }
}

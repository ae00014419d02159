//! The queue of one shard: many senders, one worker, no lock unless somebody has to wait.
//!
//! Neither side can miss the other. A worker about to park first says so and then looks once more; a
//! sender first pushes and then looks whether the worker said so. A sender about to wait registers
//! and then tries once more; the worker first pops and then looks for the registered. A full fence
//! stands between the two steps on each side, so one of the two always sees the other.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::thread::Thread;
use std::time::Duration;

use crossbeam::queue::ArrayQueue;

use super::room::Room;
use super::{Batch, QueueLimits};
use crate::telemetry::ingest::ShardCounters;

/// A bounded queue of batches for one shard.
#[derive(Debug)]
pub struct ShardQueue {
    batches: ArrayQueue<Box<Batch>>,
    points_max: u64,
    /// `points_queued` is the queue's own measure of how full it is.
    counters: Arc<ShardCounters>,
    room: Room,
    /// The worker, once it has waited for the first time.
    worker: OnceLock<Thread>,
    /// True while the worker parks or is about to.
    is_asleep: AtomicBool,
    /// True when the worker was called and has not looked yet.
    is_called: AtomicBool,
    is_closed: AtomicBool,
}

impl ShardQueue {
    /// An empty queue.
    pub fn new(limits: QueueLimits, counters: Arc<ShardCounters>) -> Self {
        Self {
            batches: ArrayQueue::new(limits.batches_max.max(1)),
            points_max: limits.points_max.max(1) as u64,
            counters,
            room: Room::default(),
            worker: OnceLock::new(),
            is_asleep: AtomicBool::new(false),
            is_called: AtomicBool::new(false),
            is_closed: AtomicBool::new(false),
        }
    }

    /// Points that wait in it.
    pub fn points_queued(&self) -> u64 {
        self.counters.points_queued.load(Ordering::Relaxed)
    }

    /// Puts a batch at the end.
    ///
    /// # Errors
    /// The batch, when the queue is full.
    pub fn try_push(&self, batch: Box<Batch>) -> Result<(), Box<Batch>> {
        let points = batch.points().len() as u64;
        let queued = &self.counters.points_queued;
        // Counted before it is there, so that the worker never takes the count below zero.
        if queued.fetch_add(points, Ordering::Relaxed) >= self.points_max {
            queued.fetch_sub(points, Ordering::Relaxed);
            return Err(batch);
        }
        if let Err(batch) = self.batches.push(batch) {
            queued.fetch_sub(points, Ordering::Relaxed);
            return Err(batch);
        }
        self.wake_worker();
        Ok(())
    }

    /// Puts a batch at the end, waiting for room as long as it takes.
    pub async fn push(&self, batch: Box<Batch>) {
        let mut waiting = Some(batch);
        poll_fn(|context| {
            let batch = waiting
                .take()
                .expect("a future is not polled after it is done");
            let Err(batch) = self.try_push(batch) else {
                return Poll::Ready(());
            };
            self.room.register(context.waker());
            match self.try_push(batch) {
                Ok(()) => Poll::Ready(()),
                Err(batch) => {
                    waiting = Some(batch);
                    Poll::Pending
                }
            }
        })
        .await;
    }

    /// Takes the oldest batch. For the worker.
    pub fn pop(&self) -> Option<Box<Batch>> {
        let batch = self.batches.pop()?;
        let points = batch.points().len() as u64;
        let before = self
            .counters
            .points_queued
            .fetch_sub(points, Ordering::Relaxed);
        // Senders that wait are woken when half of it is free, not at every pop.
        if before - points <= self.points_max / 2 {
            self.room.announce();
        }
        Some(batch)
    }

    /// Parks the calling worker until there is a batch, it is called, the queue is closed, or `timeout`
    /// is over.
    /// May return early.
    pub fn wait(&self, timeout: Duration) {
        self.worker.get_or_init(std::thread::current);
        self.is_asleep.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        let is_called = self.is_called.swap(false, Ordering::Acquire);
        if !is_called && self.batches.is_empty() && !self.is_closed() {
            std::thread::park_timeout(timeout);
        }
        self.is_asleep.store(false, Ordering::Relaxed);
    }

    /// Wakes the worker for something else than a batch.
    pub fn call_worker(&self) {
        self.is_called.store(true, Ordering::Release);
        self.wake_worker();
    }

    /// Lets the worker end once the queue is empty.
    pub fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
        self.wake_worker();
    }

    /// True after [`ShardQueue::close`].
    pub fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }

    fn wake_worker(&self) {
        fence(Ordering::SeqCst);
        // The swap spares all but one of several senders the system call.
        if self.is_asleep.load(Ordering::Relaxed)
            && self.is_asleep.swap(false, Ordering::Relaxed)
            && let Some(worker) = self.worker.get()
        {
            worker.unpark();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::refused::Peer;

    fn queue(points_max: usize, batches_max: usize) -> ShardQueue {
        let limits = QueueLimits {
            points_max,
            batches_max,
        };
        ShardQueue::new(limits, Arc::default())
    }

    fn batch(points: usize) -> Box<Batch> {
        let mut batch = Box::<Batch>::default();
        for point in 0..points {
            batch.push(0, b"name", point as i64, 1.0, Peer::Unix);
        }
        batch
    }

    #[test]
    fn queue_is_full_by_points_or_by_batches() {
        let by_points = queue(10, 100);
        assert!(by_points.try_push(batch(9)).is_ok());
        assert!(by_points.try_push(batch(9)).is_ok());
        let refused = by_points.try_push(batch(3)).unwrap_err();
        assert_eq!((refused.points().len(), by_points.points_queued()), (3, 18));

        let by_batches = queue(10, 2);
        assert!(by_batches.try_push(batch(1)).is_ok());
        assert!(by_batches.try_push(batch(1)).is_ok());
        assert!(by_batches.try_push(batch(1)).is_err());
        assert_eq!(by_batches.points_queued(), 2);
    }

    #[test]
    fn batches_come_out_in_the_order_they_went_in() {
        let queue = queue(100, 100);
        for points in 1..4 {
            queue.try_push(batch(points)).unwrap();
        }
        let sizes: Vec<_> = std::iter::from_fn(|| queue.pop())
            .map(|batch| batch.points().len())
            .collect();
        assert_eq!((sizes, queue.points_queued()), (vec![1, 2, 3], 0));
    }

    #[test]
    fn closed_queue_does_not_let_its_worker_sleep() {
        let queue = queue(1, 1);
        queue.close();
        // Would outlast the test if it parked.
        queue.wait(Duration::from_secs(3600));
        assert!(queue.is_closed());
    }

    /// Tiny limits and no timeouts that could cover for a lost wake-up: every wait must be ended by
    /// the other side.
    #[test]
    fn no_wake_up_is_lost_between_many_senders_and_one_worker() {
        const SENDERS: usize = 8;
        const BATCHES: usize = 5_000;
        let queue = Arc::new(queue(3, 2));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(4)
            .build()
            .unwrap();
        let senders: Vec<_> = (0..SENDERS)
            .map(|_| {
                let queue = Arc::clone(&queue);
                runtime.spawn(async move {
                    for _ in 0..BATCHES {
                        queue.push(batch(1)).await;
                    }
                })
            })
            .collect();
        let worker = {
            let queue = Arc::clone(&queue);
            std::thread::spawn(move || {
                let mut points = 0;
                while points < SENDERS * BATCHES {
                    match queue.pop() {
                        Some(batch) => points += batch.points().len(),
                        None => queue.wait(Duration::from_secs(3600)),
                    }
                }
                points
            })
        };
        for sender in senders {
            runtime.block_on(sender).unwrap();
        }
        assert_eq!(worker.join().unwrap(), SENDERS * BATCHES);
        assert_eq!(queue.points_queued(), 0);
    }
}

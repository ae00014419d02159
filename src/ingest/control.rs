//! Orders to the shard workers: what must be done by the one thread that stores to a series.
//!
//! `lifecycle` gives them while it expires series or moves them to another retention. Between
//! [`Controls::hold`] and the end of the [`Hold`] the workers store nothing to the series named;
//! points that come for them wait in the worker, bounded as everything is, and are stored in their
//! order afterwards: under the name, so that a series which has another id by then, or none, is found
//! or made anew.
//!
//! Threads: any may give orders. A worker looks for them between batches and is woken when it sleeps.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use crate::metric::SeriesId;
use crate::queue::{Routes, ShardQueue};
use crate::storage::SeriesDefinition;

/// How long a worker may take to see an order to hold. It looks between batches, so a worker that has
/// not seen it by then stands still because its store takes nothing.
const PATIENCE: Duration = Duration::from_secs(30);

/// Series by number.
pub(super) type SeriesSet = HashSet<SeriesId, foldhash::fast::RandomState>;

/// A point for the ring, which the shard's writer alone may store to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ControlPoint {
    /// The series.
    pub series: SeriesId,
    /// Seconds since the epoch.
    pub timestamp: i64,
    /// The value.
    pub value: f64,
}

/// What a worker is told; the reply is sent when it is done.
pub(super) enum Order {
    /// Store nothing to these; answers those of which older points wait already.
    Hold(Arc<SeriesSet>, Sender<Vec<SeriesId>>),
    /// Store again.
    Release(Sender<()>),
    /// Make series known to the store.
    Define(Vec<SeriesDefinition>, Sender<Result<(), String>>),
    /// Store points.
    Store(Vec<ControlPoint>, Sender<Result<(), String>>),
    /// Let go of series that were defined and never named.
    Forget(Vec<SeriesId>, Sender<()>),
}

/// Why an order was not followed.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// A worker has ended: the daemon stops, or the worker panicked.
    #[error("a shard's worker has ended")]
    Ended,
    /// A worker stands still, since its store takes no points.
    #[error("a shard's worker stands still because the store takes no points")]
    Late,
    /// The store said no.
    #[error("{0}")]
    Refused(String),
}

/// The way to all workers. Cheap to clone.
#[derive(Clone)]
pub struct Controls {
    shards: Arc<[Shard]>,
}

struct Shard {
    orders: Sender<Order>,
    queue: Arc<ShardQueue>,
}

/// The end of the way, a worker's.
pub(super) type Orders = Receiver<Order>;

impl Controls {
    /// A way to as many workers as there are queues.
    pub(super) fn new(routes: &Routes) -> (Self, Vec<Orders>) {
        let (shards, orders) = (0..routes.shards())
            .map(|shard| {
                let (orders, receiver) = channel();
                let queue = Arc::clone(routes.queue(shard));
                (Shard { orders, queue }, receiver)
            })
            .unzip::<_, _, Vec<_>, Vec<_>>();
        let shards = shards.into();
        (Self { shards }, orders)
    }

    /// How many shards there are: a series is in that of its name's hash.
    pub fn shards(&self) -> usize {
        self.shards.len()
    }

    /// Wakes workers that sleep, so that they see what was removed.
    pub fn wake(&self) {
        for shard in self.shards.iter() {
            shard.queue.call_worker();
        }
    }

    /// Holds series of any shard; in force when it returns. Series of which older points wait for the
    /// store already are held too, and answered: nothing should be done with them.
    ///
    /// # Errors
    /// [`ControlError::Ended`] or [`ControlError::Late`]; nothing is held then.
    pub fn hold(
        &self,
        series: impl IntoIterator<Item = SeriesId>,
    ) -> Result<(Hold, Vec<SeriesId>), ControlError> {
        let set: Arc<SeriesSet> = Arc::new(series.into_iter().collect());
        let hold = Hold {
            controls: self.clone(),
        };
        let waiting = self.ask_all(|reply| Order::Hold(Arc::clone(&set), reply))?;
        Ok((hold, waiting.into_iter().flatten().collect()))
    }

    /// Makes series of one shard known to the store.
    ///
    /// # Errors
    /// What the store says.
    pub fn define(&self, shard: usize, series: Vec<SeriesDefinition>) -> Result<(), ControlError> {
        let answer = self.ask(shard, |reply| Order::Define(series, reply))?;
        answer.map_err(ControlError::Refused)
    }

    /// Stores points of series of one shard, whether or not they are held.
    ///
    /// # Errors
    /// What the store says of the first that it refuses; those before it are stored.
    pub fn store(&self, shard: usize, points: Vec<ControlPoint>) -> Result<(), ControlError> {
        let answer = self.ask(shard, |reply| Order::Store(points, reply))?;
        answer.map_err(ControlError::Refused)
    }

    /// Lets go of series of one shard that were defined and then not named.
    ///
    /// # Errors
    /// [`ControlError::Ended`].
    pub fn forget(&self, shard: usize, series: Vec<SeriesId>) -> Result<(), ControlError> {
        self.ask(shard, |reply| Order::Forget(series, reply))
    }

    fn send(&self, shard: &Shard, order: Order) -> Result<(), ControlError> {
        shard.orders.send(order).map_err(|_| ControlError::Ended)?;
        shard.queue.call_worker();
        Ok(())
    }

    fn ask<T>(
        &self,
        shard: usize,
        order: impl FnOnce(Sender<T>) -> Order,
    ) -> Result<T, ControlError> {
        let (reply, answer) = channel();
        self.send(&self.shards[shard], order(reply))?;
        answer.recv().map_err(|_| ControlError::Ended)
    }

    /// The same order to all; they follow it side by side.
    fn ask_all<T>(&self, order: impl Fn(Sender<T>) -> Order) -> Result<Vec<T>, ControlError> {
        let mut answers = Vec::new();
        for shard in self.shards.iter() {
            let (reply, answer) = channel();
            self.send(shard, order(reply))?;
            answers.push(answer);
        }
        let until = Instant::now() + PATIENCE;
        let answer = |answer: &Receiver<T>| {
            let left = until.saturating_duration_since(Instant::now());
            answer.recv_timeout(left).map_err(|error| match error {
                RecvTimeoutError::Timeout => ControlError::Late,
                RecvTimeoutError::Disconnected => ControlError::Ended,
            })
        };
        answers.iter().map(answer).collect()
    }
}

/// Series are held while this lives.
pub struct Hold {
    controls: Controls,
}

impl Drop for Hold {
    fn drop(&mut self) {
        // A worker that has ended holds nothing. The answer is waited for, so that what comes after
        // finds the points stored.
        let _ = self.controls.ask_all(Order::Release);
    }
}

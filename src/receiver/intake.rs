//! Where decoders put what they make: points into the router, refusals into counters and the list.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Context;
use crate::metric::Refusal;
use crate::protocol::Sink;
use crate::queue::Router;
use crate::telemetry::ingest::ReceiverCounters;
use crate::telemetry::refused::{Peer, RefusedList};

/// The sink of one connection or one datagram socket.
#[derive(Debug)]
pub(super) struct Intake {
    pub(super) router: Router,
    pub(super) counters: Arc<ReceiverCounters>,
    refused: Arc<RefusedList>,
    /// Who sends at the moment.
    pub(super) peer: Peer,
    /// The receive time of what is being decoded.
    pub(super) now: i64,
    /// Points since the last [`Intake::flush_counts`], so that no line costs an atomic.
    points: u64,
}

impl Intake {
    pub(super) fn new(context: &Context, counters: Arc<ReceiverCounters>, peer: Peer) -> Self {
        Self {
            router: Router::new(Arc::clone(&context.routes)),
            counters,
            refused: Arc::clone(context.telemetry.refused()),
            peer,
            now: context.clock.now(),
            points: 0,
        }
    }

    /// Adds what was read to the receiver's counters.
    pub(super) fn flush_counts(&mut self, bytes: usize) {
        let counters = &self.counters;
        counters.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        counters.points.fetch_add(self.points, Ordering::Relaxed);
        self.points = 0;
    }

    /// Sends what there is room for and drops full batches that there is none for.
    pub(super) fn send_or_drop(&mut self) {
        self.router.try_send();
        if !self.router.is_full() {
            return;
        }
        let (refused, now) = (&self.refused, self.now);
        let dropped = self.router.discard_full(|batch, position| {
            let name = batch.name(&batch.points()[position]);
            refused.record(batch.peer(position), Refusal::QueueFull, name, now);
        });
        self.counters.refused.add(Refusal::QueueFull, dropped);
        // They were counted as going to a queue, or are about to be.
        let counted = &self.counters.points;
        counted.fetch_add(self.points, Ordering::Relaxed);
        self.points = 0;
        counted.fetch_sub(dropped, Ordering::Relaxed);
    }
}

impl Sink for Intake {
    #[inline]
    fn point(&mut self, name: &[u8], timestamp: i64, value: f64) {
        self.router.push(name, timestamp, value, self.peer);
        self.points += 1;
    }

    fn refuse(&mut self, reason: Refusal, line: &[u8]) {
        self.counters.refused.count(reason);
        self.refused.record(self.peer, reason, line, self.now);
    }

    #[inline]
    fn is_full(&self) -> bool {
        self.router.is_full()
    }
}

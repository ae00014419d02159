//! The numbers of the write road: what receivers took, what shards stored, and what was refused
//! by whom and why.
//!
//! Threads: each receiver's counters are added to by its connections, once a read and not once a line;
//! each shard's by its one worker, once a batch.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::refused::RefusedList;
use super::{Kind, Sample, Source};
use crate::metric::Refusal;

/// Everything the write road counts.
#[derive(Debug)]
pub struct IngestTelemetry {
    receivers: Mutex<Vec<Arc<ReceiverCounters>>>,
    shards: Vec<Arc<ShardCounters>>,
    refused: Arc<RefusedList>,
}

/// Refused points by reason.
#[derive(Debug, Default)]
pub struct RefusalCounters([AtomicU64; Refusal::ALL.len()]);

/// What one receiver counts.
#[derive(Debug)]
pub struct ReceiverCounters {
    /// The receiver's name in config.
    pub name: String,
    /// Points that went to a queue.
    pub points: AtomicU64,
    /// Bytes read from the transport.
    pub bytes: AtomicU64,
    /// Datagrams read.
    pub datagrams: AtomicU64,
    /// Datagrams that the kernel dropped because the socket's buffer was full.
    pub datagrams_dropped: AtomicU64,
    /// Connections accepted.
    pub connections: AtomicU64,
    /// Connections open now.
    pub connections_active: AtomicU64,
    /// Connections closed at once because too many were open.
    pub connections_refused: AtomicU64,
    /// Connections closed because they were silent for too long.
    pub connections_idle: AtomicU64,
    /// Connections that ended in an error of the transport or of the framing.
    pub connections_failed: AtomicU64,
    /// Points refused before they reached a queue.
    pub refused: RefusalCounters,
}

/// What one shard counts. Aligned so that two shards' workers never write one cache line.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct ShardCounters {
    /// Points stored.
    pub points: AtomicU64,
    /// Batches worked off.
    pub batches: AtomicU64,
    /// Points in the queue now. Added to by receivers, taken from by the worker.
    pub points_queued: AtomicU64,
    /// Points the store could not take yet, held to be tried again.
    pub points_deferred: AtomicU64,
    /// Series created.
    pub series_created: AtomicU64,
    /// Series that could not be created.
    pub series_failed: AtomicU64,
    /// Times the worker stood still because the store took nothing.
    pub stalls: AtomicU64,
    /// Points refused by the worker.
    pub refused: RefusalCounters,
}

impl RefusalCounters {
    /// Counts one point.
    pub fn count(&self, reason: Refusal) {
        self.add(reason, 1);
    }

    /// Counts several points.
    pub fn add(&self, reason: Refusal, points: u64) {
        self.0[reason.index()].fetch_add(points, Ordering::Relaxed);
    }

    /// How many points were refused for a reason.
    pub fn get(&self, reason: Refusal) -> u64 {
        self.0[reason.index()].load(Ordering::Relaxed)
    }

    /// How many points were refused for any reason.
    pub fn total(&self) -> u64 {
        Refusal::ALL.iter().map(|&reason| self.get(reason)).sum()
    }
}

impl ReceiverCounters {
    fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            points: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            datagrams: AtomicU64::new(0),
            datagrams_dropped: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            connections_active: AtomicU64::new(0),
            connections_refused: AtomicU64::new(0),
            connections_idle: AtomicU64::new(0),
            connections_failed: AtomicU64::new(0),
            refused: RefusalCounters::default(),
        }
    }
}

impl IngestTelemetry {
    /// Counters for this many shards; receivers come by [`IngestTelemetry::receiver`].
    pub fn new(shards: usize) -> Self {
        Self {
            receivers: Mutex::default(),
            shards: (0..shards).map(|_| Arc::default()).collect(),
            refused: Arc::default(),
        }
    }

    /// The counters of the receiver with this name, made when first asked for.
    pub fn receiver(&self, name: &str) -> Arc<ReceiverCounters> {
        let mut receivers = self.receivers.lock();
        if let Some(known) = receivers.iter().find(|receiver| receiver.name == name) {
            return Arc::clone(known);
        }
        let counters = Arc::new(ReceiverCounters::new(name));
        receivers.push(Arc::clone(&counters));
        counters
    }

    /// The counters of every receiver so far.
    pub fn receivers(&self) -> Vec<Arc<ReceiverCounters>> {
        self.receivers.lock().clone()
    }

    /// The counters of one shard.
    pub fn shard(&self, shard: usize) -> &Arc<ShardCounters> {
        &self.shards[shard]
    }

    /// The counters of every shard.
    pub fn shards(&self) -> &[Arc<ShardCounters>] {
        &self.shards
    }

    /// The last refused points.
    pub fn refused(&self) -> &Arc<RefusedList> {
        &self.refused
    }
}

impl Source for IngestTelemetry {
    fn collect(&self, samples: &mut Vec<Sample>) {
        let receivers = self.receivers();
        for number in RECEIVER_NUMBERS {
            for receiver in &receivers {
                let labels = vec![("receiver", receiver.name.clone())];
                samples.push(number.sample(receiver.as_ref(), labels));
            }
        }
        for receiver in &receivers {
            push_refusals(
                &receiver.refused,
                &RECEIVER_REFUSED,
                &receiver.name,
                samples,
            );
        }
        for number in SHARD_NUMBERS {
            for (shard, counters) in self.shards.iter().enumerate() {
                let labels = vec![("shard", shard.to_string())];
                samples.push(number.sample(counters.as_ref(), labels));
            }
        }
        for (shard, counters) in self.shards.iter().enumerate() {
            push_refusals(
                &counters.refused,
                &SHARD_REFUSED,
                &shard.to_string(),
                samples,
            );
        }
    }
}

/// How one counter of `T` is printed.
struct Number<T> {
    name: &'static str,
    help: &'static str,
    kind: Kind,
    of: fn(&T) -> &AtomicU64,
}

impl<T> Number<T> {
    const fn counter(name: &'static str, help: &'static str, of: fn(&T) -> &AtomicU64) -> Self {
        let kind = Kind::Counter;
        Self {
            name,
            help,
            kind,
            of,
        }
    }

    const fn gauge(name: &'static str, help: &'static str, of: fn(&T) -> &AtomicU64) -> Self {
        let kind = Kind::Gauge;
        Self {
            name,
            help,
            kind,
            of,
        }
    }

    fn sample(&self, counters: &T, labels: Vec<(&'static str, String)>) -> Sample {
        Sample {
            name: self.name,
            help: self.help,
            kind: self.kind,
            labels,
            value: (self.of)(counters).load(Ordering::Relaxed) as f64,
        }
    }
}

const RECEIVER_NUMBERS: &[Number<ReceiverCounters>] = &[
    Number::counter(
        "plumbago_receiver_points_total",
        "Points that a receiver put into the queues.",
        |receiver| &receiver.points,
    ),
    Number::counter(
        "plumbago_receiver_bytes_total",
        "Bytes that a receiver read.",
        |receiver| &receiver.bytes,
    ),
    Number::counter(
        "plumbago_receiver_datagrams_total",
        "Datagrams that a receiver read.",
        |receiver| &receiver.datagrams,
    ),
    Number::counter(
        "plumbago_receiver_datagrams_dropped_total",
        "Datagrams that the kernel dropped before a receiver could read them.",
        |receiver| &receiver.datagrams_dropped,
    ),
    Number::counter(
        "plumbago_receiver_connections_total",
        "Connections that a receiver accepted.",
        |receiver| &receiver.connections,
    ),
    Number::gauge(
        "plumbago_receiver_connections_active",
        "Connections that are open.",
        |receiver| &receiver.connections_active,
    ),
    Number::counter(
        "plumbago_receiver_connections_refused_total",
        "Connections closed at once because too many were open.",
        |receiver| &receiver.connections_refused,
    ),
    Number::counter(
        "plumbago_receiver_connections_idle_total",
        "Connections closed because they were silent for too long.",
        |receiver| &receiver.connections_idle,
    ),
    Number::counter(
        "plumbago_receiver_connections_failed_total",
        "Connections that ended in an error.",
        |receiver| &receiver.connections_failed,
    ),
];

const SHARD_NUMBERS: &[Number<ShardCounters>] = &[
    Number::counter(
        "plumbago_shard_points_total",
        "Points that a shard stored.",
        |shard| &shard.points,
    ),
    Number::counter(
        "plumbago_shard_batches_total",
        "Batches that a shard worked off.",
        |shard| &shard.batches,
    ),
    Number::gauge(
        "plumbago_shard_points_queued",
        "Points that wait in a shard's queue.",
        |shard| &shard.points_queued,
    ),
    Number::gauge(
        "plumbago_shard_points_deferred",
        "Points that the store could not take yet and that will be tried again.",
        |shard| &shard.points_deferred,
    ),
    Number::counter(
        "plumbago_shard_series_created_total",
        "Series that a shard created.",
        |shard| &shard.series_created,
    ),
    Number::counter(
        "plumbago_shard_series_failed_total",
        "Series that a shard failed to create.",
        |shard| &shard.series_failed,
    ),
    Number::counter(
        "plumbago_shard_stalls_total",
        "Times that a shard stood still because the store took nothing.",
        |shard| &shard.stalls,
    ),
];

/// How refused points are printed: name, help and the label that says who refused.
type Refused = (&'static str, &'static str, &'static str);

const RECEIVER_REFUSED: Refused = (
    "plumbago_receiver_points_refused_total",
    "Points that a receiver refused, by reason.",
    "receiver",
);
const SHARD_REFUSED: Refused = (
    "plumbago_shard_points_refused_total",
    "Points that a shard refused, by reason.",
    "shard",
);

fn push_refusals(
    counters: &RefusalCounters,
    (name, help, who): &Refused,
    label: &str,
    samples: &mut Vec<Sample>,
) {
    samples.extend(Refusal::ALL.iter().map(|&reason| Sample {
        name,
        help,
        kind: Kind::Counter,
        labels: vec![
            (*who, label.to_owned()),
            ("reason", reason.as_str().to_owned()),
        ],
        value: counters.get(reason) as f64,
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_printed_under_its_own_name_and_label() {
        let telemetry = IngestTelemetry::new(2);
        telemetry
            .receiver("tcp")
            .points
            .fetch_add(3, Ordering::Relaxed);
        telemetry.receiver("tcp").refused.add(Refusal::BadValue, 2);
        telemetry.shard(1).refused.count(Refusal::TooOld);
        let mut samples = Vec::new();
        telemetry.collect(&mut samples);
        let find = |name: &str, wanted: &[(&str, &str)]| {
            let matches = |sample: &&Sample| {
                let labels = sample
                    .labels
                    .iter()
                    .map(|(key, value)| (*key, value.as_str()));
                sample.name == name && labels.eq(wanted.iter().copied())
            };
            samples.iter().find(matches).map(|sample| sample.value)
        };
        let tcp = ("receiver", "tcp");
        assert_eq!(find("plumbago_receiver_points_total", &[tcp]), Some(3.0));
        let refused = "plumbago_receiver_points_refused_total";
        assert_eq!(find(refused, &[tcp, ("reason", "bad_value")]), Some(2.0));
        assert_eq!(find(refused, &[tcp, ("reason", "nan")]), Some(0.0));
        let refused = "plumbago_shard_points_refused_total";
        let shard = ("shard", "1");
        assert_eq!(find(refused, &[shard, ("reason", "too_old")]), Some(1.0));
    }

    #[test]
    fn receiver_asked_for_twice_is_one() {
        let telemetry = IngestTelemetry::new(1);
        assert!(Arc::ptr_eq(
            &telemetry.receiver("tcp"),
            &telemetry.receiver("tcp")
        ));
        assert_eq!(telemetry.receivers().len(), 1);
    }
}

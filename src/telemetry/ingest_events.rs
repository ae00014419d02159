//! The events of the write road that a log should show; each counts where a counter belongs to it.
//!
//! None of them happens once a line. What a hostile peer can cause at will (a refused connection, a
//! broken one) is logged at debug level only and seen in the counters.

use std::fmt::Display;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::ingest::{ReceiverCounters, ShardCounters};
use super::refused::Peer;

/// A receiver listens.
pub fn receiver_started(name: &str, transport: &str, address: &dyn Display) {
    tracing::info!(receiver = name, transport, %address, "receiver started");
}

/// Something on the way to a listening socket did not work but is not needed.
pub fn receiver_degraded(name: &str, what: &str, error: &dyn Display) {
    tracing::warn!(receiver = name, %error, "{what}");
}

/// A listener could not accept; it tries again.
pub fn accept_failed(receiver: &ReceiverCounters, error: &dyn Display) {
    tracing::warn!(receiver = receiver.name, %error, "cannot accept a connection");
}

/// A datagram socket could not be read; it is tried again.
pub fn receive_failed(receiver: &ReceiverCounters, error: &dyn Display) {
    tracing::warn!(receiver = receiver.name, %error, "cannot receive datagrams");
}

/// A connection was closed at once because too many are open.
pub fn connection_refused(receiver: &ReceiverCounters, peer: Peer, connections_max: usize) {
    let before = receiver.connections_refused.fetch_add(1, Ordering::Relaxed);
    // The first one is news to an operator; a storm of them is not.
    if before == 0 {
        tracing::warn!(
            receiver = receiver.name, %peer, connections_max,
            "too many connections; this one is closed, later ones are only counted"
        );
    }
}

/// A connection was silent for too long.
pub fn connection_idle(receiver: &ReceiverCounters, peer: Peer, idle_timeout: Duration) {
    receiver.connections_idle.fetch_add(1, Ordering::Relaxed);
    tracing::debug!(receiver = receiver.name, %peer, ?idle_timeout, "closed an idle connection");
}

/// A connection ended in an error.
pub fn connection_failed(receiver: &ReceiverCounters, peer: Peer, error: &dyn Display) {
    receiver.connections_failed.fetch_add(1, Ordering::Relaxed);
    tracing::debug!(receiver = receiver.name, %peer, %error, "connection failed");
}

/// A series could not be created; its points are refused for a while.
pub fn series_failed(counters: &ShardCounters, shard: usize, name: &str, error: &dyn Display) {
    counters.series_failed.fetch_add(1, Ordering::Relaxed);
    tracing::error!(shard, name, %error, "cannot create a series; new ones are refused for a while");
}

/// A series that the catalog knows could not be given its place in the store at start.
pub fn series_undefined(shard: usize, name: &str, error: &dyn Display) {
    tracing::error!(shard, name, %error, "a known series has no place in the store");
}

/// A shard stands still: the store takes nothing, and what may wait is waiting.
pub fn shard_stalled(counters: &ShardCounters, shard: usize, points_waiting: usize) {
    counters.stalls.fetch_add(1, Ordering::Relaxed);
    tracing::error!(
        shard,
        points_waiting,
        "the store takes no points; receivers will be paused"
    );
}

/// A shard that stood still goes on.
pub fn shard_resumed(shard: usize) {
    tracing::info!(shard, "the store takes points again");
}

/// A slice of a store's maintenance failed.
pub fn maintenance_failed(shard: usize, error: &dyn Display) {
    tracing::error!(shard, %error, "maintenance of a shard failed");
}

/// A shard's worker ended with points that it could not store.
pub fn points_abandoned(shard: usize, points: usize) {
    tracing::error!(shard, points, "points could not be stored before the end");
}

//! Who is connected: for the limit on connections, and for naming those who are late at shutdown.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use parking_lot::Mutex;

use crate::telemetry::ingest::ReceiverCounters;
use crate::telemetry::refused::Peer;

/// All open connections of all receivers. Locked when one opens or closes.
#[derive(Debug, Default)]
pub struct Connections {
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    connections: BTreeMap<u64, (Arc<ReceiverCounters>, Peer)>,
}

/// An open connection; it counts as closed when this is dropped, however its task ends.
#[derive(Debug)]
pub(super) struct OpenConnection {
    registry: Arc<Connections>,
    receiver: Arc<ReceiverCounters>,
    number: u64,
}

impl Connections {
    /// Registers a connection; `None` when its receiver has `connections_max` open already.
    pub(super) fn open(
        self: &Arc<Self>,
        receiver: &Arc<ReceiverCounters>,
        peer: Peer,
        connections_max: usize,
    ) -> Option<OpenConnection> {
        // Only this receiver's accept loop adds, so nobody adds between the look and the count.
        let active = receiver.connections_active.load(Ordering::Relaxed);
        if active >= connections_max as u64 {
            return None;
        }
        receiver.connections_active.fetch_add(1, Ordering::Relaxed);
        receiver.connections.fetch_add(1, Ordering::Relaxed);
        let mut open = self.open.lock();
        let number = open.next;
        open.next += 1;
        open.connections
            .insert(number, (Arc::clone(receiver), peer));
        Some(OpenConnection {
            registry: Arc::clone(self),
            receiver: Arc::clone(receiver),
            number,
        })
    }

    /// The open connections as `receiver peer`.
    pub fn names(&self) -> Vec<String> {
        let open = self.open.lock();
        open.connections
            .values()
            .map(|(receiver, peer)| format!("{} {peer}", receiver.name))
            .collect()
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.registry.open.lock().connections.remove(&self.number);
        let active = &self.receiver.connections_active;
        active.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::ingest::IngestTelemetry;

    #[test]
    fn connections_are_limited_by_receiver_and_named() {
        let telemetry = IngestTelemetry::new(1);
        let (tcp, unix) = (telemetry.receiver("tcp"), telemetry.receiver("unix"));
        let connections = Arc::new(Connections::default());
        let first = connections.open(&tcp, Peer::Own("one"), 1);
        assert!(first.is_some());
        assert!(connections.open(&tcp, Peer::Own("two"), 1).is_none());
        let _other = connections.open(&unix, Peer::Unix, 1);
        assert_eq!(connections.names(), ["tcp one", "unix unix"]);
        drop(first);
        assert_eq!(connections.names(), ["unix unix"]);
        assert!(connections.open(&tcp, Peer::Own("two"), 1).is_some());
    }
}

//! A batch: points of one shard, with their names and who sent them.

use crate::telemetry::refused::Peer;

/// Points after which a batch counts as full: 32 KiB of points and about as much text.
const POINTS_MAX: usize = 1024;
/// Bytes of names after which a batch counts as full.
const TEXT_BYTES_MAX: usize = 64 * 1024;

/// One point in a batch. Its name lies in the batch's text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QueuedPoint {
    /// The hash of the canonical name.
    pub hash: u64,
    /// Seconds since the epoch.
    pub timestamp: i64,
    /// Never NaN.
    pub value: f64,
    name_start: u32,
    name_length: u16,
}

/// Points on their way to one shard. Filled by one receiver, then emptied by one worker.
#[derive(Debug, Default)]
pub struct Batch {
    text: Vec<u8>,
    points: Vec<QueuedPoint>,
    /// Who sent the points from this position on; most batches have one peer.
    peers: Vec<(u32, Peer)>,
}

impl Batch {
    /// Adds a point of the shard that this batch is for.
    ///
    /// # Panics
    /// When the name is longer than 65,535 bytes, which no name rule allows.
    #[inline]
    pub fn push(&mut self, hash: u64, name: &[u8], timestamp: i64, value: f64, peer: Peer) {
        if self.peers.last().is_none_or(|&(_, last)| last != peer) {
            self.peers.push((self.points.len() as u32, peer));
        }
        let name_length = u16::try_from(name.len()).expect("name rules stop at 65,535 bytes");
        self.points.push(QueuedPoint {
            hash,
            timestamp,
            value,
            name_start: self.text.len() as u32,
            name_length,
        });
        self.text.extend_from_slice(name);
    }

    /// True when it should be sent before more is added; one more still fits.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.points.len() >= POINTS_MAX || self.text.len() >= TEXT_BYTES_MAX
    }

    /// The points, oldest first.
    pub fn points(&self) -> &[QueuedPoint] {
        &self.points
    }

    /// The name of one of its points.
    #[inline]
    pub fn name(&self, point: &QueuedPoint) -> &[u8] {
        let start = point.name_start as usize;
        &self.text[start..start + usize::from(point.name_length)]
    }

    /// Who sent the point at a position.
    pub fn peer(&self, position: usize) -> Peer {
        let next = self
            .peers
            .partition_point(|&(first, _)| first as usize <= position);
        self.peers[next.saturating_sub(1)].1
    }

    /// Forgets its points and keeps its memory.
    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.points.clear();
        self.peers.clear();
    }

    /// True when it grew far beyond a full batch, by very long names.
    pub(super) fn is_oversized(&self) -> bool {
        self.points.capacity() > 4 * POINTS_MAX || self.text.capacity() > 4 * TEXT_BYTES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_peers_belong_to_their_points() {
        let (one, two) = (Peer::Own("one"), Peer::Own("two"));
        let mut batch = Batch::default();
        for (name, peer) in [("a", one), ("bb", one), ("ccc", two), ("d", one)] {
            batch.push(7, name.as_bytes(), 100, 1.0, peer);
        }
        let names: Vec<_> = batch.points().iter().map(|p| batch.name(p)).collect();
        assert_eq!(names, [b"a".as_slice(), b"bb", b"ccc", b"d"]);
        let peers: Vec<_> = (0..4).map(|position| batch.peer(position)).collect();
        assert_eq!(peers, [one, one, two, one]);
    }

    #[test]
    fn batch_is_full_by_points_or_by_text() {
        let mut batch = Batch::default();
        for _ in 0..POINTS_MAX {
            assert!(!batch.is_full());
            batch.push(0, b"n", 0, 0.0, Peer::Unix);
        }
        assert!(batch.is_full());
        batch.clear();
        let name = [b'n'; 4095];
        while !batch.is_full() {
            batch.push(0, &name, 0, 0.0, Peer::Unix);
        }
        assert!(batch.points().len() < 20);
    }
}

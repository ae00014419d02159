//! The series that were removed, for those who follow: the shard workers.
//!
//! Each follower keeps a place in the list; what all of them have passed is dropped, so that a daemon
//! which sees millions of series come and go does not remember them all.
//!
//! Threads: the list stands behind the lock of the index; places are read and moved by anybody.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use crate::metric::SeriesId;

/// A series that is no more, as a shard worker has to know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemovedSeries {
    /// The id it had; no other series gets it.
    pub id: SeriesId,
    /// The hash of its name.
    pub hash: u64,
    /// True when the name lives on under another id: the series was given another retention.
    pub has_moved: bool,
}

/// A follower's place among the removals. While it exists, what it has not seen is kept.
#[derive(Debug)]
pub struct RemovalsSeen(Arc<AtomicU64>);

impl RemovalsSeen {
    /// How many removals it has seen.
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn advance(&mut self, count: u64) {
        // Release: who waits for followers finds done what they did with what they saw before.
        self.0.store(count, Ordering::Release);
    }
}

/// The removals since the catalog was opened, as far as somebody still asks for them.
#[derive(Default)]
pub(super) struct Removals {
    /// How many were dropped from the front.
    dropped: usize,
    kept: VecDeque<RemovedSeries>,
    followers: Vec<Weak<AtomicU64>>,
}

impl Removals {
    /// How many there were in all.
    pub(super) fn count(&self) -> usize {
        self.dropped + self.kept.len()
    }

    pub(super) fn push(&mut self, series: RemovedSeries) {
        self.kept.push_back(series);
    }

    /// Those after the first `seen`.
    pub(super) fn since(&self, seen: usize) -> Vec<RemovedSeries> {
        let skipped = seen.saturating_sub(self.dropped);
        self.kept.iter().skip(skipped).copied().collect()
    }

    /// A follower who has seen all there were so far.
    pub(super) fn follow(&mut self) -> RemovalsSeen {
        let seen = Arc::new(AtomicU64::new(self.count() as u64));
        self.followers.push(Arc::downgrade(&seen));
        RemovalsSeen(seen)
    }

    /// How many every follower has seen; all of them when nobody follows.
    pub(super) fn seen_by_all(&self) -> u64 {
        let seen = self.followers.iter().filter_map(Weak::upgrade);
        let least = seen.map(|seen| seen.load(Ordering::Acquire)).min();
        least.unwrap_or(self.count() as u64)
    }

    /// Drops what every follower has seen. Without followers all is kept: they are yet to come.
    pub(super) fn trim(&mut self) {
        self.followers.retain(|seen| seen.strong_count() > 0);
        if self.followers.is_empty() {
            return;
        }
        let passed = self.seen_by_all() as usize;
        let count = passed.saturating_sub(self.dropped).min(self.kept.len());
        self.kept.drain(..count);
        self.kept.shrink_to(1 << 16);
        self.dropped += count;
    }

    /// Forgets what was removed while the index was built.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn removed(id: u32) -> RemovedSeries {
        RemovedSeries {
            id: SeriesId(id),
            hash: 0,
            has_moved: false,
        }
    }

    #[test]
    fn what_all_followers_have_seen_is_dropped_and_nothing_else() {
        let mut removals = Removals::default();
        let mut quick = removals.follow();
        let slow = removals.follow();
        for id in 0..10 {
            removals.push(removed(id));
        }
        quick.advance(10);
        removals.trim();
        assert_eq!(removals.since(0).len(), 10);
        assert_eq!(removals.seen_by_all(), 0);
        drop(slow);
        removals.trim();
        assert_eq!((removals.count(), removals.since(0)), (10, vec![]));
        removals.push(removed(10));
        assert_eq!(removals.since(10), [removed(10)]);
        assert_eq!(removals.follow().count(), 11);
    }
}

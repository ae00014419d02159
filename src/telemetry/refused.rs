//! The last refused points, for `/debug/refused`.
//!
//! Bounded in both ways: only the newest entries are kept, and of a flood only so many a second are
//! even looked at. Beyond that a refused line costs one atomic load here.
//!
//! Threads: any thread records; one that finds another recording goes on without, because counters,
//! not this list, are what must be exact.

use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::metric::Refusal;

/// How many entries are kept.
pub const ENTRIES_MAX: usize = 256;
/// How many entries one second may add: a second's flood leaves some older ones in sight.
const ENTRIES_PER_SECOND_MAX: u64 = 64;
/// How much of a line is kept.
pub const LINE_BYTES_MAX: usize = 256;

/// Who sent something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Peer {
    /// A network address.
    Address(SocketAddr),
    /// A process on this machine, through a Unix socket.
    Unix,
    /// A part of the daemon itself.
    Own(&'static str),
}

impl fmt::Display for Peer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(formatter),
            Self::Unix => formatter.write_str("unix"),
            Self::Own(part) => formatter.write_str(part),
        }
    }
}

/// One refused point as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedLine {
    /// When, in seconds since the epoch.
    pub at: i64,
    /// Who sent it.
    pub peer: String,
    /// Why it was refused.
    pub reason: Refusal,
    /// The line, cut at [`LINE_BYTES_MAX`]; bytes that are no text are shown as U+FFFD.
    pub line: String,
}

/// The list.
#[derive(Debug)]
pub struct RefusedList {
    /// The second that is being filled (high 48 bits) and the entries it has (low 16).
    /// Written under the lock; read without it to turn a flood away early.
    window: AtomicU64,
    entries: Mutex<VecDeque<Entry>>,
}

/// An entry of fixed size, so that recording allocates nothing.
#[derive(Debug)]
struct Entry {
    at: i64,
    peer: Peer,
    reason: Refusal,
    line: [u8; LINE_BYTES_MAX],
    length: usize,
}

impl Default for RefusedList {
    fn default() -> Self {
        Self {
            window: AtomicU64::new(0),
            entries: Mutex::new(VecDeque::with_capacity(ENTRIES_MAX)),
        }
    }
}

impl RefusedList {
    /// Keeps a refused point, or does nothing when this second already has enough of them.
    pub fn record(&self, peer: Peer, reason: Refusal, line: &[u8], now: i64) {
        if !self.has_room(now) {
            return;
        }
        let Some(mut entries) = self.entries.try_lock() else {
            return;
        };
        self.count(now);
        if entries.len() == ENTRIES_MAX {
            entries.pop_front();
        }
        entries.push_back(Entry::new(peer, reason, line, now));
    }

    /// True when an entry would be kept now: whoever must build the line first asks this before.
    pub fn has_room(&self, now: i64) -> bool {
        // Relaxed: a stale value lets a few entries more in, or keeps a few out.
        let window = self.window.load(Ordering::Relaxed);
        window >> 16 != now as u64 || window & 0xffff < ENTRIES_PER_SECOND_MAX
    }

    /// The entries, newest first.
    pub fn snapshot(&self) -> Vec<RefusedLine> {
        let entries = self.entries.lock();
        entries.iter().rev().map(Entry::show).collect()
    }

    fn count(&self, now: i64) {
        let window = self.window.load(Ordering::Relaxed);
        let next = match window >> 16 == now as u64 {
            true => window + 1,
            false => (now as u64) << 16 | 1,
        };
        self.window.store(next, Ordering::Relaxed);
    }
}

impl Entry {
    fn new(peer: Peer, reason: Refusal, line: &[u8], at: i64) -> Self {
        let length = line.len().min(LINE_BYTES_MAX);
        let mut kept = [0; LINE_BYTES_MAX];
        kept[..length].copy_from_slice(&line[..length]);
        Self {
            at,
            peer,
            reason,
            line: kept,
            length,
        }
    }

    fn show(&self) -> RefusedLine {
        RefusedLine {
            at: self.at,
            peer: self.peer.to_string(),
            reason: self.reason,
            line: String::from_utf8_lossy(&self.line[..self.length]).into_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: Peer = Peer::Own("test");

    #[test]
    fn newest_entry_comes_first_and_the_oldest_falls_out() {
        let list = RefusedList::default();
        for second in 0..300 {
            let line = format!("line {second}");
            list.record(PEER, Refusal::BadLine, line.as_bytes(), second);
        }
        let shown = list.snapshot();
        assert_eq!(shown.len(), ENTRIES_MAX);
        assert_eq!((shown[0].at, shown[0].line.as_str()), (299, "line 299"));
        assert_eq!(shown[ENTRIES_MAX - 1].line, "line 44");
    }

    #[test]
    fn flood_within_a_second_leaves_older_entries_in_sight() {
        let list = RefusedList::default();
        list.record(PEER, Refusal::Nan, b"old", 1);
        for _ in 0..100_000 {
            list.record(PEER, Refusal::BadValue, b"flood", 2);
        }
        let shown = list.snapshot();
        assert_eq!(shown.len(), 1 + ENTRIES_PER_SECOND_MAX as usize);
        assert_eq!(shown.last().unwrap().line, "old");
        list.record(PEER, Refusal::BadValue, b"next", 3);
        assert_eq!(list.snapshot()[0].line, "next");
    }

    #[test]
    fn long_line_is_cut_and_broken_text_is_shown() {
        let list = RefusedList::default();
        list.record(PEER, Refusal::LineTooLong, &[b'x'; 1000], 1);
        list.record(PEER, Refusal::BadName, b"a\xffb", 1);
        let shown = list.snapshot();
        assert_eq!(shown[0].line, "a\u{fffd}b");
        assert_eq!(shown[1].line.len(), LINE_BYTES_MAX);
        assert_eq!(shown[0].peer, "test");
    }
}

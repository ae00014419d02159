//! Waiting for room in a queue, without a runtime: a list of wakers that is touched only while
//! somebody waits.

use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::task::Waker;

use parking_lot::Mutex;

/// Those who wait for one queue.
#[derive(Debug, Default)]
pub(super) struct Room {
    /// True while the list is not empty. Written under the lock; the worker reads it after each pop.
    has_waiters: AtomicBool,
    waiters: Mutex<Vec<Waker>>,
}

impl Room {
    /// Asks to be woken at the next [`Room::announce`]. The caller must look once more whether there
    /// is room afterwards.
    pub(super) fn register(&self, waker: &Waker) {
        let mut waiters = self.waiters.lock();
        if !waiters.iter().any(|known| known.will_wake(waker)) {
            waiters.push(waker.clone());
        }
        self.has_waiters.store(true, Ordering::Relaxed);
        drop(waiters);
        // Pairs with the fence in `announce`: either the worker sees the flag, or the caller's second
        // look sees the room that the worker made.
        fence(Ordering::SeqCst);
    }

    /// Wakes everyone who waits. Called by the worker after it has made room.
    pub(super) fn announce(&self) {
        fence(Ordering::SeqCst);
        if !self.has_waiters.load(Ordering::Relaxed) {
            return;
        }
        let mut waiters = self.waiters.lock();
        self.has_waiters.store(false, Ordering::Relaxed);
        // Waking only puts tasks on their runtime's list, so it may be done under the lock, and the
        // list keeps its memory.
        for waiter in waiters.drain(..) {
            waiter.wake();
        }
    }
}

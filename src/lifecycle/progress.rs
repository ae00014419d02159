//! How far an operation is, and whether it should go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use parking_lot::Mutex;
use serde::Serialize;

/// Asks an operation to stop at its next whole piece. Clones share the flag.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    asked: Arc<AtomicBool>,
    /// Of all operations, when the daemon stops.
    all: Arc<AtomicBool>,
}

impl Stop {
    /// One for another operation, which this one's [`Stop::ask_all`] stops too.
    pub(super) fn sibling(&self) -> Self {
        Self {
            asked: Arc::default(),
            all: Arc::clone(&self.all),
        }
    }

    /// Asks all siblings to stop.
    pub(super) fn ask_all(&self) {
        self.all.store(true, Ordering::Relaxed);
    }

    /// Asks to stop.
    pub fn ask(&self) {
        // Relaxed: nothing else is published with the flag.
        self.asked.store(true, Ordering::Relaxed);
    }

    /// True once it was asked.
    pub fn is_wanted(&self) -> bool {
        self.asked.load(Ordering::Relaxed) || self.all.load(Ordering::Relaxed)
    }
}

/// How far an operation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// What is being done, as in "delete".
    pub operation: &'static str,
    /// Series done.
    pub done: usize,
    /// Series to do; zero while that is not known.
    pub total: usize,
}

/// What is counted while one operation runs.
#[derive(Debug, Default)]
pub(super) struct Meter {
    operation: Mutex<Option<&'static str>>,
    done: AtomicUsize,
    total: AtomicUsize,
}

/// Ends the count when it is dropped.
pub(super) struct Counting<'a>(&'a Meter);

impl Drop for Counting<'_> {
    fn drop(&mut self) {
        *self.0.operation.lock() = None;
    }
}

impl Meter {
    /// Begins to count.
    pub(super) fn begin(&self, operation: &'static str) -> Counting<'_> {
        *self.operation.lock() = Some(operation);
        self.done.store(0, Ordering::Relaxed);
        self.total.store(0, Ordering::Relaxed);
        Counting(self)
    }

    /// Says how many there are.
    pub(super) fn set_total(&self, total: usize) {
        self.total.store(total, Ordering::Relaxed);
    }

    /// Counts some as done.
    pub(super) fn advance(&self, by: usize) {
        self.done.fetch_add(by, Ordering::Relaxed);
    }

    pub(super) fn read(&self) -> Option<Progress> {
        let operation = (*self.operation.lock())?;
        Some(Progress {
            operation,
            done: self.done.load(Ordering::Relaxed),
            total: self.total.load(Ordering::Relaxed),
        })
    }

    /// What is being done, for a message.
    pub(super) fn what(&self) -> String {
        match self.read() {
            None => "it has just ended".to_owned(),
            Some(progress) => format!(
                "{}, {} of {} series done",
                progress.operation, progress.done, progress.total
            ),
        }
    }
}

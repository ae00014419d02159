//! What one query holds in memory, against what it may.
//!
//! Counted are the values of series and their texts: what is read when it is read, what a function
//! is given for as long as it runs, what it says that it needs beside that
//! ([`Call::claim`](crate::functions::Call::claim)), and the results of the request's targets until
//! all are there. Most functions need to say nothing: they take series and give series one at a time,
//! so that what they hold is little more than what they were given. `tests/query_memory.rs` measures
//! all of them.
//!
//! Threads: any; one relaxed counter, with which nothing else is published.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::functions::EvaluationError;
use crate::functions::series::SERIES_BYTES;

/// The bytes that a query holds.
#[derive(Debug)]
pub struct Memory {
    bytes: AtomicUsize,
    peak: AtomicUsize,
    bytes_max: usize,
}

impl Memory {
    /// Nothing yet, and at most `bytes_max`.
    pub fn new(bytes_max: usize) -> Self {
        Self {
            bytes: AtomicUsize::new(0),
            peak: AtomicUsize::new(0),
            bytes_max,
        }
    }

    /// Counts bytes that are about to be taken, or were just now.
    ///
    /// # Errors
    /// [`EvaluationError::Limit`] when that is more than the query may hold.
    pub fn take(&self, bytes: usize) -> Result<(), EvaluationError> {
        let held = self
            .bytes
            .fetch_add(bytes, Ordering::Relaxed)
            .saturating_add(bytes);
        if held > self.bytes_max {
            self.give_back(bytes);
            let message = format!(
                "the query holds {held} bytes in memory; at most {} are allowed",
                self.bytes_max
            );
            return Err(EvaluationError::Limit(message));
        }
        self.peak.fetch_max(held, Ordering::Relaxed);
        Ok(())
    }

    /// Bytes that were taken are free again.
    pub fn give_back(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// The most that was held at one time.
    pub fn peak(&self) -> usize {
        self.peak.load(Ordering::Relaxed)
    }
}

/// What so many series of so many values in all take.
pub(super) fn bytes_of(series: usize, points: usize) -> usize {
    series
        .saturating_mul(SERIES_BYTES)
        .saturating_add(points.saturating_mul(size_of::<f64>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_allowed_is_refused_and_not_counted() {
        let memory = Memory::new(100);
        memory.take(60).unwrap();
        let error = memory.take(50).unwrap_err().to_string();
        assert!(error.contains("110") && error.contains("100"), "{error}");
        memory.take(40).unwrap();
        memory.give_back(100);
        assert_eq!(memory.peak(), 100);
    }
}

//! When a query has to stop: the client left, or its time is up.
//!
//! A query asks between calls of functions and between reads. Within a function that works on many
//! series, [`parallel`](super::parallel) asks for every series, and so does who claims memory for each.
//! The thread that runs a call has [entered](Cancellation::enter) its query's cancellation, so that no
//! function needs to pass it on.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::EvaluationError;

/// A cheap, cloneable question whether to go on. Clones share the flag.
#[derive(Clone, Debug, Default)]
pub struct Cancellation {
    cancelled: Arc<AtomicBool>,
    deadline: Option<Instant>,
}

thread_local! {
    /// The query at work on this thread; the innermost, should one thread help out in another.
    static CURRENT: RefCell<Cancellation> = RefCell::default();
}

/// How many values a loop works on between two questions: some tens of microseconds.
const VALUES_BETWEEN: usize = 1 << 16;

/// Asks now and then whether the query goes on: for loops within a series that take long where a call
/// wants them to, as windows of many points do. Whoever is told that it does not leaves the rest as it
/// is; the evaluator throws it away.
#[derive(Debug, Default)]
pub struct Pace {
    values: usize,
    is_over: bool,
}

impl Pace {
    /// Whether to go on, after so many more values.
    pub fn goes_on(&mut self, values: usize) -> bool {
        self.values = self.values.saturating_add(values);
        if self.values >= VALUES_BETWEEN {
            self.values = 0;
            self.is_over = self.is_over || Cancellation::check_current().is_err();
        }
        !self.is_over
    }
}

/// Restores what was entered before when it is dropped.
pub struct Entered(Option<Cancellation>);

impl Cancellation {
    /// Never cancelled unless [`Cancellation::cancel`] is called.
    pub fn never() -> Self {
        Self::default()
    }

    /// Cancelled at a point in time.
    pub fn at(deadline: Instant) -> Self {
        Self {
            cancelled: Arc::default(),
            deadline: Some(deadline),
        }
    }

    /// Stops the query that holds a clone, at its next step.
    pub fn cancel(&self) {
        // Relaxed: nothing else is published with the flag.
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// Whether to go on.
    ///
    /// # Errors
    /// [`EvaluationError::Cancelled`] with the reason.
    pub fn check(&self) -> Result<(), EvaluationError> {
        if self.cancelled.load(Ordering::Relaxed) {
            return Err(EvaluationError::Cancelled("the client left"));
        }
        if self
            .deadline
            .is_some_and(|deadline| Instant::now() >= deadline)
        {
            return Err(EvaluationError::Cancelled("it took too long"));
        }
        Ok(())
    }

    /// True when the query has to stop.
    pub fn is_cancelled(&self) -> bool {
        self.check().is_err()
    }

    /// Makes this the cancellation of what the thread does, until the guard is dropped.
    pub fn enter(&self) -> Entered {
        Entered(Some(CURRENT.replace(self.clone())))
    }

    /// Whether what the thread does may go on: for loops over series or groups that claim nothing.
    ///
    /// # Errors
    /// As [`Cancellation::check`].
    pub fn check_current() -> Result<(), EvaluationError> {
        CURRENT.with_borrow(Self::check)
    }

    /// The cancellation that this thread entered last; one that is never cancelled without.
    pub fn current() -> Self {
        CURRENT.with_borrow(Clone::clone)
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        if let Some(former) = self.0.take() {
            CURRENT.set(former);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn innermost_query_is_the_current_one_until_it_is_done() {
        let (outer, inner) = (Cancellation::never(), Cancellation::never());
        outer.cancel();
        let _outer = outer.enter();
        assert!(Cancellation::current().is_cancelled());
        {
            let _inner = inner.enter();
            assert!(!Cancellation::current().is_cancelled());
        }
        assert!(Cancellation::current().is_cancelled());
    }

    #[test]
    fn loop_that_asks_now_and_then_is_told_in_the_end() {
        let cancellation = Cancellation::never();
        let _entered = cancellation.enter();
        let mut pace = Pace::default();
        assert!(pace.goes_on(VALUES_BETWEEN));
        cancellation.cancel();
        assert!(pace.goes_on(VALUES_BETWEEN - 1));
        assert!(!pace.goes_on(1));
        assert!(!pace.goes_on(1));
    }

    #[test]
    fn time_that_is_up_stops_a_query() {
        let late = Cancellation::at(Instant::now());
        let error = late.check().unwrap_err();
        assert!(error.to_string().ends_with("it took too long"), "{error}");
    }
}

//! When a query has to stop: the client left, or its time is up.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crate::functions::EvaluationError;

/// A cheap, cloneable question whether to go on. Clones share the flag.
#[derive(Clone, Debug, Default)]
pub struct Cancellation {
    cancelled: Arc<AtomicBool>,
    deadline: Option<Instant>,
}

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
}

//! One call at work: what its arguments are evaluated in.
//!
//! A frame knows what its call's arguments hold in memory, so that they can be taken off once the call
//! is done, and which part of the request's windows is evaluated (see `incremental`).

use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::tz::TimeZone;

use super::evaluation::Evaluation;
use crate::fetch::{Cut, bytes_held};
use crate::functions::{EvaluationError, Evaluator, RequestState, Series, Value, Window};
use crate::target::Expression;

/// What the arguments of one call are evaluated in; or a whole target.
pub(super) struct Frame<'a> {
    evaluation: &'a Evaluation<'a>,
    /// What is left out of every window.
    cut: Cut,
    /// Bytes of the results that this frame gave out.
    held: AtomicUsize,
}

impl<'a> Frame<'a> {
    pub(super) fn new(evaluation: &'a Evaluation<'a>, cut: Cut) -> Self {
        Self {
            evaluation,
            cut,
            held: AtomicUsize::new(0),
        }
    }

    /// Counts series that whoever evaluates in this frame now holds.
    pub(super) fn hold(&self, series: &[Series]) -> Result<(), EvaluationError> {
        let bytes = bytes_held(series);
        self.evaluation.reader().memory().take(bytes)?;
        self.held.fetch_add(bytes, Ordering::Relaxed);
        Ok(())
    }
}

impl Drop for Frame<'_> {
    fn drop(&mut self) {
        let held = *self.held.get_mut();
        self.evaluation.reader().memory().give_back(held);
    }
}

impl Evaluator for Frame<'_> {
    fn evaluate(&self, expression: &Expression, window: Window) -> Result<Value, EvaluationError> {
        let value = self.evaluation.evaluate(expression, window, self.cut)?;
        if let Value::Series(series) = &value {
            self.hold(series)?;
        }
        Ok(value)
    }

    fn steps(&self, expression: &Expression, window: Window) -> Result<Vec<i64>, EvaluationError> {
        self.evaluation.steps(self, expression, window, self.cut)
    }

    fn evaluate_targets(
        &self,
        targets: &[String],
        window: Window,
    ) -> Result<Vec<Vec<Series>>, EvaluationError> {
        let lists = self.evaluation.evaluate_targets(targets, window)?;
        lists.iter().try_for_each(|series| self.hold(series))?;
        Ok(lists)
    }

    fn events(&self, tags: &[String], from: i64, until: i64) -> Result<Vec<i64>, EvaluationError> {
        Ok(self.evaluation.events(tags, from, until))
    }

    fn reserve_points(&self, points: usize) -> Result<(), EvaluationError> {
        self.evaluation.reader().reserve(0, points)
    }

    fn timezone(&self) -> &TimeZone {
        self.evaluation.timezone()
    }

    fn state(&self) -> &RequestState {
        self.evaluation.state()
    }
}

//! One call at work: what its arguments are evaluated in.
//!
//! A frame knows what its call's arguments hold in memory, so that they can be taken off once the call
//! is done, and which part of the request's windows is evaluated (see `incremental`).

use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::tz::TimeZone;

use super::evaluation::Evaluation;
use crate::fetch::Cut;
use crate::functions::series::bytes_held;
use crate::functions::{EvaluationError, Evaluator, RequestState, Series, Value, Window};
use crate::target::Expression;

/// What the tree of a target that a function wrote takes, with what is planned for it: so much, and so
/// much for each byte of its text.
const TREE_BYTES: usize = 1 << 10;
const TREE_BYTES_PER_BYTE: usize = 16;

/// What the arguments of one call are evaluated in; or a whole target.
pub(super) struct Frame<'a> {
    evaluation: &'a Evaluation<'a>,
    /// What is left out of every window.
    cut: Cut,
    /// Bytes of the results that this frame gave out, and of what the call claimed beside them.
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
        self.claim(bytes_held(series))
    }
}

/// What a function needs to work on series beside what they take: a result, and for each series at
/// work a copy.
fn room_to_work(series: &[Series]) -> usize {
    let longest = series.iter().map(|one| one.values.len()).max().unwrap_or(0);
    let copies = 1 + series.len().min(rayon::current_num_threads());
    longest * copies * size_of::<f64>()
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
            self.claim(room_to_work(series))?;
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
        let tree = |text: &String| TREE_BYTES + text.len() * TREE_BYTES_PER_BYTE;
        self.claim(targets.iter().map(tree).sum())?;
        self.evaluation.evaluate_targets(self, targets, window)
    }

    fn events(&self, tags: &[String], from: i64, until: i64) -> Result<Vec<i64>, EvaluationError> {
        Ok(self.evaluation.events(tags, from, until))
    }

    fn reserve_points(&self, points: usize) -> Result<(), EvaluationError> {
        self.evaluation.reader().reserve(0, points)?;
        self.claim(points.saturating_mul(size_of::<f64>()))
    }

    fn claim(&self, bytes: usize) -> Result<(), EvaluationError> {
        // Calls claim as they go from series to series, so this is where most of them can be stopped.
        self.evaluation.reader().check()?;
        self.evaluation.reader().memory().take(bytes)?;
        // Relaxed: whoever drops the frame has waited for the threads that its call worked on.
        self.held.fetch_add(bytes, Ordering::Relaxed);
        Ok(())
    }

    fn give_back(&self, bytes: usize) {
        self.held.fetch_sub(bytes, Ordering::Relaxed);
        self.evaluation.reader().memory().give_back(bytes);
    }

    fn timezone(&self) -> &TimeZone {
        self.evaluation.timezone()
    }

    fn state(&self) -> &RequestState {
        self.evaluation.state()
    }
}

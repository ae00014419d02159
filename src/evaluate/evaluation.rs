//! The walk over the trees of one request.

use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::tz::TimeZone;

use super::request::RenderRequest;
use crate::events::{EventLog, TagMatch};
use crate::fetch::{Leaf, Reader};
use crate::functions::evaluator::{literal, run_call, steps_of_call};
use crate::functions::{EvaluationError, Evaluator, RequestState, Series, Value, Window};
use crate::plan::{leaf, plan};
use crate::target::{self, Expression};

/// One request at work.
pub(super) struct Evaluation<'a> {
    request: &'a RenderRequest,
    reader: Reader<'a>,
    events: &'a EventLog,
    state: RequestState,
    calls: AtomicUsize,
}

impl<'a> Evaluation<'a> {
    pub(super) fn new(
        request: &'a RenderRequest,
        reader: Reader<'a>,
        events: &'a EventLog,
    ) -> Self {
        Self {
            request,
            reader,
            events,
            state: RequestState::new(request.x_files_factor, request.seed),
            calls: AtomicUsize::new(0),
        }
    }

    pub(super) fn reader(&self) -> &Reader<'a> {
        &self.reader
    }

    /// How many functions were called so far.
    pub(super) fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    /// Parses a target and fills its templates in; `None` for a blank one.
    pub(super) fn parse(&self, text: &str) -> Result<Option<Expression>, EvaluationError> {
        if text.trim().is_empty() {
            return Ok(None);
        }
        Ok(Some(target::parse(text)?.expand(&self.request.variables)))
    }

    /// What the trees will read.
    pub(super) fn plan(&self, expressions: &[Expression], window: Window) -> Vec<(Leaf, Window)> {
        plan(expressions, window, &self.reader, &self.request.timezone)
    }

    /// The series of a tree that is a whole target.
    pub(super) fn series(
        &self,
        expression: &Expression,
        window: Window,
    ) -> Result<Vec<Series>, EvaluationError> {
        match self.evaluate(expression, window)? {
            Value::Series(series) => Ok(series),
            other => {
                let value = other.describe();
                Err(EvaluationError::BadPattern(format!(
                    "a target must give series, not {value}"
                )))
            }
        }
    }

    fn count_call(&self) -> Result<(), EvaluationError> {
        self.reader.check()?;
        let calls_max = self.request.limits.calls_max;
        if self.calls.fetch_add(1, Ordering::Relaxed) >= calls_max {
            let message = format!("the query calls functions more than {calls_max} times");
            return Err(EvaluationError::Limit(message));
        }
        Ok(())
    }

    fn run_targets(
        &self,
        targets: &[String],
        window: Window,
    ) -> Result<Vec<Vec<Series>>, EvaluationError> {
        let parsed = targets.iter().map(|text| self.parse(text));
        let parsed = parsed.collect::<Result<Vec<_>, _>>()?;
        let expressions: Vec<Expression> = parsed.iter().flatten().cloned().collect();
        self.reader.read(&self.plan(&expressions, window))?;
        let run = |target: &Option<Expression>| match target {
            Some(expression) => self.series(expression, window),
            None => Ok(Vec::new()),
        };
        parsed.iter().map(run).collect()
    }
}

impl Evaluator for Evaluation<'_> {
    fn evaluate(&self, expression: &Expression, window: Window) -> Result<Value, EvaluationError> {
        if let Some(leaf) = leaf(expression) {
            let factor = self.state.x_files_factor();
            return Ok(Value::Series(self.reader.take(&leaf, window, factor)?));
        }
        match expression {
            Expression::Call(call) => {
                self.count_call()?;
                Ok(Value::Series(run_call(self, call, window)?))
            }
            Expression::Template(_) => {
                self.evaluate(&expression.expand(&self.request.variables), window)
            }
            other => Ok(literal(other).unwrap_or(Value::Null)),
        }
    }

    fn steps(&self, expression: &Expression, window: Window) -> Result<Vec<i64>, EvaluationError> {
        if let Some(leaf) = leaf(expression) {
            return self.reader.steps(&leaf, window);
        }
        if let Expression::Call(call) = expression {
            self.count_call()?;
            if let Some(steps) = steps_of_call(self, call, window)? {
                return Ok(steps);
            }
        }
        match self.evaluate(expression, window)? {
            Value::Series(series) => Ok(series.iter().map(|one| one.step).collect()),
            _ => Ok(Vec::new()),
        }
    }

    fn evaluate_targets(
        &self,
        targets: &[String],
        window: Window,
    ) -> Result<Vec<Vec<Series>>, EvaluationError> {
        // What such a target changes in the state stays in it, as the reference copies its context.
        let factor = self.state.x_files_factor();
        let result = self.run_targets(targets, window);
        self.state.set_x_files_factor(factor);
        result
    }

    fn events(&self, tags: &[String], from: i64, until: i64) -> Result<Vec<i64>, EvaluationError> {
        let tags = if tags.is_empty() {
            TagMatch::Any
        } else {
            TagMatch::AllKnown(tags.to_vec())
        };
        Ok(self.events.times(from, until, &tags))
    }

    fn reserve_points(&self, points: usize) -> Result<(), EvaluationError> {
        self.reader.reserve(0, points)
    }

    fn timezone(&self) -> &TimeZone {
        &self.request.timezone
    }

    fn state(&self) -> &RequestState {
        &self.state
    }
}

//! A small evaluator for the unit tests of functions: a handful of samples in place of a store.

use jiff::tz::TimeZone;

use super::evaluator::{Evaluator, RequestState, Window, literal, run_call};
use super::{EvaluationError, Series, Value};
use crate::target::{self, Expression};

/// Points that a call may claim at once.
const POINTS_MAX: usize = 1 << 20;

/// Samples by name; paths with `*` and `{a,b}` find several, sorted by name.
pub(crate) struct Samples {
    samples: Vec<Series>,
    state: RequestState,
    events: Vec<i64>,
    timezone: TimeZone,
}

impl Samples {
    /// No samples, an xFilesFactor of 0, UTC.
    pub(crate) fn new() -> Self {
        Self {
            samples: Vec::new(),
            state: RequestState::new(0.0, 1),
            events: Vec::new(),
            timezone: TimeZone::UTC,
        }
    }

    /// Adds a series whose first value stands at `start`.
    #[must_use]
    pub(crate) fn with(mut self, name: &str, start: i64, step: i64, values: &[f64]) -> Self {
        let end = start + step * values.len() as i64;
        self.samples
            .push(Series::new(name, start, end, step, values.to_vec()));
        self.samples
            .sort_by(|left, right| left.name.cmp(&right.name));
        self
    }

    /// Adds an event.
    #[must_use]
    pub(crate) fn with_event(mut self, time: i64) -> Self {
        self.events.push(time);
        self
    }

    /// Puts the request into another zone.
    #[must_use]
    pub(crate) fn in_zone(mut self, name: &str) -> Self {
        self.timezone = target::time_zone(name).expect("unit tests use zones that exist");
        self
    }

    /// Evaluates a target over everything from `from` to `until`.
    pub(crate) fn try_run(
        &self,
        target: &str,
        from: i64,
        until: i64,
    ) -> Result<Vec<Series>, EvaluationError> {
        let window = Window {
            from,
            until,
            now: until,
        };
        match self.evaluate(&target::parse(target)?, window)? {
            Value::Series(series) => Ok(series),
            other => panic!("{target} gave {other:?}"),
        }
    }

    /// Evaluates a target that must succeed.
    pub(crate) fn run(&self, target: &str, from: i64, until: i64) -> Vec<Series> {
        match self.try_run(target, from, until) {
            Ok(series) => series,
            Err(error) => panic!("{target}: {error}"),
        }
    }

    fn read(&self, pattern: &str, window: Window) -> Vec<Series> {
        let found = self
            .samples
            .iter()
            .filter(|sample| matches(pattern, &sample.name));
        found
            .filter_map(|sample| cut(sample, pattern, window))
            .collect()
    }
}

impl Evaluator for Samples {
    fn evaluate(&self, expression: &Expression, window: Window) -> Result<Value, EvaluationError> {
        Ok(match expression {
            Expression::Path(path) => Value::Series(self.read(path, window)),
            Expression::Call(call) => Value::Series(run_call(self, call, window)?),
            other => literal(other).expect("unit tests use paths, calls and literals only"),
        })
    }

    fn steps(&self, expression: &Expression, window: Window) -> Result<Vec<i64>, EvaluationError> {
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
        let run = |target: &String| self.try_run(target, window.from, window.until);
        targets.iter().map(run).collect()
    }

    fn events(&self, _tags: &[String], from: i64, until: i64) -> Result<Vec<i64>, EvaluationError> {
        let within = |time: &&i64| (from..=until).contains(*time);
        Ok(self.events.iter().filter(within).copied().collect())
    }

    fn reserve_points(&self, points: usize) -> Result<(), EvaluationError> {
        if points > POINTS_MAX {
            return Err(EvaluationError::Limit(format!("{points} points")));
        }
        Ok(())
    }

    fn claim(&self, _bytes: usize) -> Result<(), EvaluationError> {
        Ok(())
    }

    fn give_back(&self, _bytes: usize) {}

    fn timezone(&self) -> &TimeZone {
        &self.timezone
    }

    fn state(&self) -> &RequestState {
        &self.state
    }
}

/// The part of a sample with `from < time <= until`.
fn cut(sample: &Series, pattern: &str, window: Window) -> Option<Series> {
    let times = (0..sample.values.len()).map(|slot| sample.start + slot as i64 * sample.step);
    let inside: Vec<(i64, f64)> = times
        .zip(sample.values.iter().copied())
        .filter(|(time, _)| window.from < *time && *time <= window.until)
        .collect();
    let (start, _) = *inside.first()?;
    let mut series = sample.with_values(inside.iter().map(|(_, value)| *value).collect());
    series.path_expression = pattern.into();
    series.start = start;
    series.end = start + sample.step * inside.len() as i64;
    Some(series)
}

fn matches(pattern: &str, name: &str) -> bool {
    let escaped = regex::escape(pattern)
        .replace(r"\*", "[^.]*")
        .replace(r"\{", "(?:")
        .replace(r"\}", ")")
        .replace(',', "|");
    let whole = format!("^(?:{escaped})$");
    regex::Regex::new(&whole)
        .expect("an escaped pattern is a valid expression")
        .is_match(name)
}

/// Compares values where null equals null.
pub(crate) fn assert_values(series: &Series, expected: &[Option<f64>]) {
    let values = series
        .values
        .iter()
        .map(|value| (!value.is_nan()).then_some(*value));
    assert_eq!(values.collect::<Vec<_>>(), expected, "{}", series.name);
}

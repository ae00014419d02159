//! Bringing series of different steps to a common one, so that their rows can be combined.
//!
//! The common step is the least common multiple. Each series is consolidated with its own function
//! from its own first point on, and rows are paired by position: that is what the reference does,
//! and recorded answers depend on it.

use std::collections::HashSet;
use std::sync::Arc;

use super::Series;
use super::consolidate::consolidate;

/// Series with one step, and the grid of what is made of them.
#[derive(Clone, Debug)]
pub struct Normalized {
    /// The series, each with values at the common step; starts and ends are their own.
    pub series: Vec<Series>,
    /// The earliest start.
    pub start: i64,
    /// The latest end, cut to a whole number of steps from the start.
    pub end: i64,
    /// The common step.
    pub step: i64,
}

impl Normalized {
    /// The columns, for [`rows`](super::rows).
    pub fn columns(&self) -> Vec<&[f64]> {
        self.series
            .iter()
            .map(|series| series.values.as_slice())
            .collect()
    }
}

/// Brings all to the least common multiple of their steps. `None` when there is no series.
pub fn normalize(mut series: Vec<Series>) -> Option<Normalized> {
    let step = series
        .iter()
        .map(|one| one.step)
        .reduce(least_common_multiple)?;
    let start = series.iter().map(|one| one.start).min()?;
    let end = series.iter().map(|one| one.end).max()?;
    for one in &mut series {
        to_step(one, step);
    }
    let end = end - (end - start).rem_euclid(step);
    Some(Normalized {
        series,
        start,
        end,
        step,
    })
}

fn to_step(series: &mut Series, step: i64) {
    let per_bucket = usize::try_from(step / series.step).unwrap_or(usize::MAX);
    if per_bucket > 1 {
        let (aggregation, factor) = (series.consolidation, series.x_files_factor);
        series.values = Arc::new(consolidate(&series.values, per_bucket, aggregation, factor));
        series.step = step;
    }
}

/// The path expressions of all, each once, joined by commas: what aggregates print in their names.
pub fn path_expressions(series: &[Series]) -> String {
    let mut seen = HashSet::new();
    let mut joined = String::new();
    for one in series {
        let expression = one.path_expression.as_str();
        if seen.insert(expression) {
            if seen.len() > 1 {
                joined.push(',');
            }
            joined.push_str(expression);
        }
    }
    joined
}

fn least_common_multiple(left: i64, right: i64) -> i64 {
    // Saturating: steps that share nothing at all end in one bucket instead of a wrong step.
    (left / greatest_common_divisor(left, right)).saturating_mul(right)
}

fn greatest_common_divisor(left: i64, right: i64) -> i64 {
    if right == 0 {
        left
    } else {
        greatest_common_divisor(right, left % right)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(name: &str, start: i64, step: i64, values: &[f64]) -> Series {
        Series::new(
            name,
            start,
            start + step * values.len() as i64,
            step,
            values.to_vec(),
        )
    }

    #[test]
    fn common_step_is_the_least_common_multiple() {
        let slow = series("slow", 60, 30, &[1.0, 2.0]);
        let fast = series("fast", 40, 20, &[1.0, 3.0, 5.0, 7.0]);
        let normalized = normalize(vec![slow, fast]).unwrap();
        assert_eq!(
            (normalized.start, normalized.end, normalized.step),
            (40, 100, 60)
        );
        assert_eq!(**normalized.series[0].values, [1.5]);
        assert_eq!(**normalized.series[1].values, [3.0, 7.0]);
    }

    #[test]
    fn nothing_cannot_be_normalised() {
        assert!(normalize(Vec::new()).is_none());
    }

    #[test]
    fn absurd_steps_do_not_overflow() {
        let prime = series("a", 0, (1 << 61) - 1, &[1.0, 2.0]);
        let other = series("b", 0, 1 << 60, &[3.0]);
        assert!(normalize(vec![prime, other]).is_some());
    }

    #[test]
    fn path_expressions_are_printed_once() {
        let all = [
            series("a.b", 0, 1, &[]),
            series("c", 0, 1, &[]),
            series("a.b", 0, 1, &[]),
        ];
        assert_eq!(path_expressions(&all), "a.b,c");
    }
}

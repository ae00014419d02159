//! An aggregation over every run of consecutive values, faster than run by run where that is possible.
//!
//! Sums move along with two-part arithmetic (the rounding error of each addition is kept), so that a
//! long series does not drift; extremes use a queue of candidates, medians a sorted window.

use std::collections::VecDeque;

use crate::functions::aggregation::{enough_known, known, known_count};
use crate::functions::{Aggregation, Pace};

/// Windows up to this length are summed afresh each time, in the order that the reference adds.
const FRESH_POINTS_MAX: usize = 32;

/// True when a window's value follows from its own values alone, to the last bit.
pub(super) fn is_exact(aggregation: Aggregation, points: usize) -> bool {
    match aggregation {
        Aggregation::Sum | Aggregation::Average | Aggregation::AvgZero => {
            points <= FRESH_POINTS_MAX
        }
        _ => true,
    }
}

/// The values of the windows of `points` values that end behind the first full one: the result has
/// `values.len() - points` values, the first of which covers the values from the second on.
pub(super) fn rolling(
    values: &[f64],
    points: usize,
    aggregation: Aggregation,
    x_files_factor: f64,
) -> Vec<f64> {
    if points == 0 || points >= values.len() {
        return vec![f64::NAN; values.len().saturating_sub(points)];
    }
    let values = &values[1..];
    let mut result = match aggregation {
        Aggregation::Sum | Aggregation::Average | Aggregation::AvgZero
            if points > FRESH_POINTS_MAX && values.iter().all(|value| !value.is_infinite()) =>
        {
            sums(values, points, aggregation)
        }
        Aggregation::Min => extremes(values, points, |value, best| value <= best),
        Aggregation::Max => extremes(values, points, |value, best| value >= best),
        Aggregation::Median => medians(values, points),
        _ => {
            let mut pace = Pace::default();
            let apply = |window: &[f64]| {
                if pace.goes_on(points) {
                    aggregation.apply(&known(window).collect::<Vec<_>>())
                } else {
                    f64::NAN
                }
            };
            values.windows(points).map(apply).collect()
        }
    };
    blank_where_too_little(values, points, x_files_factor, &mut result);
    result
}

fn blank_where_too_little(values: &[f64], points: usize, factor: f64, result: &mut [f64]) {
    let mut count = known_count(&values[..points]);
    for (position, value) in result.iter_mut().enumerate() {
        if position > 0 {
            count += usize::from(!values[position + points - 1].is_nan());
            count -= usize::from(!values[position - 1].is_nan());
        }
        if !enough_known(count, points, factor) {
            *value = f64::NAN;
        }
    }
}

fn sums(values: &[f64], points: usize, aggregation: Aggregation) -> Vec<f64> {
    let mut sum = Sum::default();
    let mut result = Vec::with_capacity(values.len() + 1 - points);
    for (position, &value) in values.iter().enumerate() {
        sum.add(value, 1);
        if position >= points {
            sum.add(-values[position - points], -1);
        }
        if position + 1 >= points {
            // Of the known values only: a mean with nulls as zeros is the same here as a mean.
            let divisor = if aggregation == Aggregation::Sum {
                1.0
            } else {
                sum.count as f64
            };
            result.push(sum.total() / divisor);
        }
    }
    result
}

/// A sum with the rounding errors of its additions (Knuth's two-sum).
#[derive(Default)]
struct Sum {
    high: f64,
    low: f64,
    count: i64,
}

impl Sum {
    fn add(&mut self, value: f64, count: i64) {
        if value.is_nan() {
            return;
        }
        let sum = self.high + value;
        let part = sum - self.high;
        self.low += (self.high - (sum - part)) + (value - part);
        self.high = sum;
        self.count += count;
        if self.count == 0 {
            *self = Self::default();
        }
    }

    fn total(&self) -> f64 {
        self.high + self.low
    }
}

/// The best of each window: a queue holds the positions that may still become the best, best first.
fn extremes(values: &[f64], points: usize, beats: impl Fn(f64, f64) -> bool) -> Vec<f64> {
    let mut candidates: VecDeque<usize> = VecDeque::new();
    let mut result = Vec::with_capacity(values.len() + 1 - points);
    for (position, &value) in values.iter().enumerate() {
        if !value.is_nan() {
            while candidates
                .back()
                .is_some_and(|&last| beats(value, values[last]))
            {
                candidates.pop_back();
            }
            candidates.push_back(position);
        }
        while candidates
            .front()
            .is_some_and(|&first| first + points <= position)
        {
            candidates.pop_front();
        }
        if position + 1 >= points {
            result.push(candidates.front().map_or(f64::NAN, |&first| values[first]));
        }
    }
    result
}

fn medians(values: &[f64], points: usize) -> Vec<f64> {
    let mut window: Vec<f64> = Vec::with_capacity(points + 1);
    let place = |window: &[f64], value: f64| {
        window.partition_point(|known| known.total_cmp(&value).is_lt())
    };
    let count = values.len() + 1 - points;
    let mut result = Vec::with_capacity(count);
    let mut pace = Pace::default();
    for (position, &value) in values.iter().enumerate() {
        // Values behind the place move, several at a time.
        if !pace.goes_on(1 + points / 16) {
            result.resize(count, f64::NAN);
            break;
        }
        if !value.is_nan() {
            window.insert(place(&window, value), value);
        }
        if position >= points && !values[position - points].is_nan() {
            window.remove(place(&window, values[position - points]));
        }
        if position + 1 >= points {
            result.push(middle(&window));
        }
    }
    result
}

fn middle(sorted: &[f64]) -> f64 {
    let upper = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        length if length.is_multiple_of(2) => (sorted[upper - 1] + sorted[upper]) / 2.0,
        _ => sorted[upper],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(length: usize) -> Vec<f64> {
        let value = |position: usize| {
            let mixed = (position * 2_654_435_761) % 1009;
            if mixed.is_multiple_of(5) {
                f64::NAN
            } else {
                mixed as f64 / 3.0 - 100.0
            }
        };
        (0..length).map(value).collect()
    }

    #[test]
    fn fast_windows_agree_with_plain_ones() {
        let values = sample(500);
        let aggregations = [
            Aggregation::Sum,
            Aggregation::Average,
            Aggregation::Min,
            Aggregation::Max,
            Aggregation::Median,
        ];
        for aggregation in aggregations {
            for points in [1, 2, 7, 40, 499] {
                let fast = rolling(&values, points, aggregation, 0.5);
                let windows = values[1..].windows(points);
                let slow: Vec<f64> = windows
                    .map(|window| aggregation.apply_when_enough(window, 0.5))
                    .collect();
                assert_eq!(fast.len(), slow.len());
                for (fast, slow) in fast.iter().zip(slow) {
                    let same = (fast.is_nan() && slow.is_nan()) || (fast - slow).abs() < 1e-9;
                    assert!(same, "{aggregation} over {points}: {fast} is not {slow}");
                }
            }
        }
    }

    #[test]
    fn sums_do_not_drift() {
        let mut values = vec![1e16; 50];
        values.extend(vec![0.1; 200]);
        let result = rolling(&values, 40, Aggregation::Sum, 0.0);
        let last = result[result.len() - 1];
        assert!((last - 4.0).abs() < 1e-9, "{last}");
    }

    #[test]
    fn window_that_does_not_fit_gives_nothing() {
        assert!(rolling(&[1.0, 2.0], 2, Aggregation::Sum, 0.0).is_empty());
        assert!(rolling(&[], 5, Aggregation::Sum, 0.0).is_empty());
        assert!(rolling(&[1.0], 0, Aggregation::Sum, 0.0)[0].is_nan());
    }
}

//! Aggregation across series, row by row but computed column by column.
//!
//! Rows are paired by position; a shorter series counts as null behind its end. The work goes in
//! spans of rows small enough that the accumulators stay in the first cache, and each span is read
//! series by series, so that the inner loops are straight additions over contiguous memory.
//! Within a row the series keep their order: sums agree with the reference to the last bit.

use super::aggregation::{Aggregation, deviation, median};
use super::{Pace, parallel};

/// Rows that are worked on together: three accumulators of 8 bytes fit a 32 KiB cache.
const SPAN_ROWS: usize = 1024;

/// Values that a [`Transposed`] span has at most, if its rows allow: 256 KiB, which fit the second cache
/// and are little beside the series.
const TRANSPOSED_VALUES: usize = 1 << 15;

/// Rows of a [`Transposed`] span at least: values of a series that share a line of the cache.
const TRANSPOSED_ROWS_MIN: usize = 8;

/// Aggregates the rows of `series`; the result is as long as the longest.
pub fn aggregate(series: &[&[f64]], aggregation: Aggregation, x_files_factor: f64) -> Vec<f64> {
    let length = series.iter().map(|values| values.len()).max().unwrap_or(0);
    let mut result = vec![f64::NAN; length];
    parallel::for_each_span(&mut result, SPAN_ROWS, series.len(), |first, output| {
        aggregate_span(series, first, aggregation, x_files_factor, output);
    });
    result
}

/// Calls `combine` with every row and collects what it gives; a missing value is NaN.
pub fn map_rows(series: &[&[f64]], combine: impl Fn(&[f64]) -> f64 + Sync) -> Vec<f64> {
    let length = series.iter().map(|values| values.len()).max().unwrap_or(0);
    let mut result = vec![f64::NAN; length];
    let span = transposed_rows(series.len());
    parallel::for_each_span(&mut result, span, series.len(), |first, output| {
        let rows = Transposed::new(series, first, output.len());
        let mut pace = Pace::default();
        for (row, value) in output.iter_mut().enumerate() {
            if !pace.goes_on(series.len()) {
                return;
            }
            *value = combine(rows.row(row));
        }
    });
    result
}

fn aggregate_span(
    series: &[&[f64]],
    first: usize,
    aggregation: Aggregation,
    x_files_factor: f64,
    output: &mut [f64],
) {
    let mut span = Span {
        series,
        first,
        counts: vec![0.0; output.len()],
    };
    match aggregation {
        Aggregation::Sum | Aggregation::Average | Aggregation::AvgZero => span.sum(output),
        Aggregation::Min => span.fold(output, lesser),
        Aggregation::Max => span.fold(output, greater),
        Aggregation::Diff => span.fold(output, |rest, value| {
            match (rest.is_nan(), value.is_nan()) {
                (_, true) => rest,
                (true, false) => value,
                (false, false) => rest - value,
            }
        }),
        Aggregation::Last => span.fold(
            output,
            |last, value| if value.is_nan() { last } else { value },
        ),
        Aggregation::First => span.fold(
            output,
            |best, value| if best.is_nan() { value } else { best },
        ),
        Aggregation::Multiply => span.multiply(output),
        Aggregation::Range => span.range(output),
        Aggregation::Count => span.fold(output, |_, _| f64::NAN),
        Aggregation::Median | Aggregation::StdDev => span.row_by_row(aggregation, output),
    }
    let total = series.len() as f64;
    for (value, &count) in output.iter_mut().zip(&span.counts) {
        *value = if count == 0.0 || count / total < x_files_factor {
            f64::NAN
        } else {
            match aggregation {
                Aggregation::Average => *value / count,
                Aggregation::AvgZero => *value / total,
                Aggregation::Count => count,
                _ => *value,
            }
        };
    }
}

fn lesser(best: f64, value: f64) -> f64 {
    if value < best || best.is_nan() {
        value
    } else {
        best
    }
}

fn greater(best: f64, value: f64) -> f64 {
    if value > best || best.is_nan() {
        value
    } else {
        best
    }
}

/// A span of rows while it is aggregated.
struct Span<'a> {
    series: &'a [&'a [f64]],
    first: usize,
    /// Known values of each row so far. Floats, so that they stand in lanes as wide as the values.
    counts: Vec<f64>,
}

impl Span<'_> {
    /// Folds series after series into `output`, and counts what is known while it is in the cache.
    fn fold(&mut self, output: &mut [f64], step: impl Fn(f64, f64) -> f64) {
        for values in self.series {
            let values = span_of(values, self.first, output.len());
            for (accumulator, &value) in output.iter_mut().zip(values) {
                *accumulator = step(*accumulator, value);
            }
            for (count, value) in self.counts.iter_mut().zip(values) {
                *count += if value.is_nan() { 0.0 } else { 1.0 };
            }
        }
    }

    fn sum(&mut self, output: &mut [f64]) {
        output.fill(0.0);
        self.fold(output, |sum, value| {
            sum + if value.is_nan() { 0.0 } else { value }
        });
    }

    /// A product is null as soon as one value is, also one behind the end of its series.
    fn multiply(&mut self, output: &mut [f64]) {
        output.fill(1.0);
        self.fold(output, |product, value| product * value);
        let shortest = self
            .series
            .iter()
            .map(|values| values.len())
            .min()
            .unwrap_or(0);
        let complete = shortest.saturating_sub(self.first).min(output.len());
        output[complete..].fill(f64::NAN);
    }

    fn range(&mut self, output: &mut [f64]) {
        let mut least = vec![f64::NAN; output.len()];
        self.fold(&mut least, lesser);
        self.counts.fill(0.0);
        self.fold(output, greater);
        for (greatest, least) in output.iter_mut().zip(least) {
            *greatest -= least;
        }
    }

    /// What cannot be accumulated.
    fn row_by_row(&mut self, aggregation: Aggregation, output: &mut [f64]) {
        let span = transposed_rows(self.series.len());
        let parts = output.chunks_mut(span).zip(self.counts.chunks_mut(span));
        let mut pace = Pace::default();
        for (part, (output, counts)) in parts.enumerate() {
            let first = self.first + part * span;
            let mut rows = Transposed::new(self.series, first, output.len());
            for (row, value) in output.iter_mut().enumerate() {
                if !pace.goes_on(self.series.len()) {
                    return;
                }
                let known = rows.known(row);
                counts[row] = known.len() as f64;
                *value = match aggregation {
                    Aggregation::Median => median(known),
                    _ => deviation(known),
                };
            }
        }
    }
}

fn span_of(values: &[f64], first: usize, rows: usize) -> &[f64] {
    let first = first.min(values.len());
    &values[first..first + rows.min(values.len() - first)]
}

/// How many rows of so many series a [`Transposed`] span has.
fn transposed_rows(series: usize) -> usize {
    (TRANSPOSED_VALUES / series.max(1)).clamp(TRANSPOSED_ROWS_MIN, SPAN_ROWS)
}

/// A span with the values of a row side by side, for what cannot be accumulated.
struct Transposed {
    values: Vec<f64>,
    width: usize,
    scratch: Vec<f64>,
}

impl Transposed {
    fn new(series: &[&[f64]], first: usize, rows: usize) -> Self {
        let width = series.len();
        let mut values = vec![f64::NAN; width * rows];
        for (column, source) in series.iter().enumerate() {
            for (row, &value) in span_of(source, first, rows).iter().enumerate() {
                values[row * width + column] = value;
            }
        }
        Self {
            values,
            width,
            scratch: Vec::with_capacity(width),
        }
    }

    fn row(&self, row: usize) -> &[f64] {
        &self.values[row * self.width..(row + 1) * self.width]
    }

    fn known(&mut self, row: usize) -> &mut [f64] {
        self.scratch.clear();
        let row = &self.values[row * self.width..(row + 1) * self.width];
        self.scratch
            .extend(row.iter().filter(|value| !value.is_nan()));
        &mut self.scratch
    }
}

#[cfg(test)]
mod tests {
    use super::super::aggregation::AGGREGATION_NAMES;
    use super::*;

    /// A small deterministic generator: values with nulls among them.
    fn sample(series: usize, length: usize) -> Vec<Vec<f64>> {
        let mut state = 7_u64;
        let mut next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 33) as u32
        };
        let mut value = || {
            if next().is_multiple_of(4) {
                f64::NAN
            } else {
                f64::from(next() % 1000) / 7.0
            }
        };
        (0..series)
            .map(|short| (0..length - short).map(|_| value()).collect())
            .collect()
    }

    #[test]
    fn columns_agree_with_rows() {
        let columns = sample(5, 2 * SPAN_ROWS + 3);
        let series: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
        let names = AGGREGATION_NAMES
            .iter()
            .map(|(_, aggregation)| *aggregation);
        for aggregation in names.chain([Aggregation::First]) {
            for factor in [0.0, 0.6] {
                let fast = aggregate(&series, aggregation, factor);
                let slow = map_rows(&series, |row| aggregation.apply_when_enough(row, factor));
                let same = fast
                    .iter()
                    .zip(&slow)
                    .all(|(a, b)| a == b || (a.is_nan() && b.is_nan()));
                assert!(same && fast.len() == slow.len(), "{aggregation} {factor}");
            }
        }
    }

    #[test]
    fn shorter_series_end_in_nulls() {
        let result = aggregate(&[&[1.0, 2.0], &[10.0]], Aggregation::Sum, 0.0);
        assert_eq!(result, [11.0, 2.0]);
        let result = aggregate(&[&[1.0, 2.0], &[10.0]], Aggregation::Multiply, 0.0);
        assert!(result[0] == 10.0 && result[1].is_nan());
    }

    #[test]
    fn no_series_give_no_rows() {
        assert!(aggregate(&[], Aggregation::Sum, 0.0).is_empty());
    }
}

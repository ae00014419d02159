//! Aggregation across series, row by row but computed column by column.
//!
//! Rows are paired by position; a shorter series counts as null behind its end. The work goes in
//! spans of rows small enough that the accumulators stay in the first cache, and each span is read
//! series by series, so that the inner loops are straight additions over contiguous memory.
//! Within a row the series keep their order: sums agree with the reference to the last bit.

use super::aggregation::{Aggregation, deviation, enough_known, median};
use super::parallel;

/// Rows that are worked on together: three accumulators of 8 bytes fit a 32 KiB cache.
const SPAN_ROWS: usize = 1024;

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
    parallel::for_each_span(&mut result, SPAN_ROWS, series.len(), |first, output| {
        let rows = Transposed::new(series, first, output.len());
        for (row, value) in output.iter_mut().enumerate() {
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
    let counts = known_counts(series, first, output.len());
    match aggregation {
        Aggregation::Median | Aggregation::StdDev => {
            let mut rows = Transposed::new(series, first, output.len());
            for (row, value) in output.iter_mut().enumerate() {
                *value = match aggregation {
                    Aggregation::Median => median(rows.known(row)),
                    _ => deviation(rows.row(row)),
                };
            }
        }
        _ => fold_span(series, first, aggregation, output),
    }
    for (value, &count) in output.iter_mut().zip(&counts) {
        finish(
            value,
            count as usize,
            series.len(),
            aggregation,
            x_files_factor,
        );
    }
}

/// Accumulates what can be accumulated series by series.
fn fold_span(series: &[&[f64]], first: usize, aggregation: Aggregation, output: &mut [f64]) {
    let or_first = |best: f64, value: f64| if best.is_nan() { value } else { best };
    match aggregation {
        Aggregation::Sum | Aggregation::Average | Aggregation::AvgZero => {
            output.fill(0.0);
            fold(series, first, output, |sum, value| {
                sum + if value.is_nan() { 0.0 } else { value }
            });
        }
        Aggregation::Min => fold(series, first, output, |best, value| {
            if value < best {
                value
            } else {
                or_first(best, value)
            }
        }),
        Aggregation::Max => fold(series, first, output, |best, value| {
            if value > best {
                value
            } else {
                or_first(best, value)
            }
        }),
        Aggregation::Diff => fold(series, first, output, |rest, value| {
            if value.is_nan() {
                rest
            } else if rest.is_nan() {
                value
            } else {
                rest - value
            }
        }),
        Aggregation::Last => fold(series, first, output, |last, value| {
            if value.is_nan() { last } else { value }
        }),
        Aggregation::First => fold(series, first, output, or_first),
        Aggregation::Multiply => multiply(series, first, output),
        Aggregation::Range => range(series, first, output),
        // The count is taken from the counts; the others do not come here.
        Aggregation::Count | Aggregation::Median | Aggregation::StdDev => {}
    }
}

fn fold(series: &[&[f64]], first: usize, output: &mut [f64], step: impl Fn(f64, f64) -> f64) {
    for values in series {
        for (accumulator, &value) in output.iter_mut().zip(span_of(values, first, usize::MAX)) {
            *accumulator = step(*accumulator, value);
        }
    }
}

fn multiply(series: &[&[f64]], first: usize, output: &mut [f64]) {
    output.fill(1.0);
    for values in series {
        let span = span_of(values, first, output.len());
        for (product, &value) in output.iter_mut().zip(span) {
            *product *= value;
        }
        output[span.len()..].fill(f64::NAN);
    }
}

fn range(series: &[&[f64]], first: usize, output: &mut [f64]) {
    let mut least = vec![f64::NAN; output.len()];
    fold_span(series, first, Aggregation::Min, &mut least);
    fold_span(series, first, Aggregation::Max, output);
    for (greatest, least) in output.iter_mut().zip(least) {
        *greatest -= least;
    }
}

fn finish(
    value: &mut f64,
    count: usize,
    total: usize,
    aggregation: Aggregation,
    x_files_factor: f64,
) {
    if !enough_known(count, total, x_files_factor) {
        *value = f64::NAN;
        return;
    }
    match aggregation {
        Aggregation::Average => *value /= count as f64,
        Aggregation::AvgZero => *value /= total as f64,
        Aggregation::Count => *value = count as f64,
        _ => {}
    }
}

fn known_counts(series: &[&[f64]], first: usize, rows: usize) -> Vec<u32> {
    let mut counts = vec![0_u32; rows];
    for values in series {
        for (count, value) in counts.iter_mut().zip(span_of(values, first, rows)) {
            *count += u32::from(!value.is_nan());
        }
    }
    counts
}

fn span_of(values: &[f64], first: usize, rows: usize) -> &[f64] {
    let first = first.min(values.len());
    &values[first..first + rows.min(values.len() - first)]
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

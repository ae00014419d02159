//! The one place where functions use more than one core.
//!
//! Work is split only when there is enough of it: handing a task to another thread costs a few
//! microseconds, in which one core touches some ten thousand values.

use rayon::prelude::*;

use super::{EvaluationError, Series};

/// Values below which one core is faster than several.
const VALUES_MIN: usize = 1 << 17;

/// Runs `work` on every span of `span` values with the position of its first; `cost` is how many
/// values are read for each that is written.
pub fn for_each_span(
    output: &mut [f64],
    span: usize,
    cost: usize,
    work: impl Fn(usize, &mut [f64]) + Sync,
) {
    let values = output.len().saturating_mul(cost.max(1));
    if values < VALUES_MIN {
        for (position, part) in output.chunks_mut(span).enumerate() {
            work(position * span, part);
        }
    } else {
        let parts = output.par_chunks_mut(span).enumerate();
        parts.for_each(|(position, part)| work(position * span, part));
    }
}

/// Gives every series to `work` and collects what comes back, in order.
///
/// # Errors
/// The first that `work` gives, in the order of the series when they run on one core.
pub fn try_map(
    series: Vec<Series>,
    work: impl Fn(Series) -> Result<Series, EvaluationError> + Sync + Send,
) -> Result<Vec<Series>, EvaluationError> {
    if is_small(&series) {
        series.into_iter().map(work).collect()
    } else {
        series.into_par_iter().map(work).collect()
    }
}

/// Gives every series to `work` and collects what comes back, in order.
pub fn map(series: Vec<Series>, work: impl Fn(Series) -> Series + Sync + Send) -> Vec<Series> {
    if is_small(&series) {
        series.into_iter().map(work).collect()
    } else {
        series.into_par_iter().map(work).collect()
    }
}

/// Replaces every value of every series by what `work` makes of it, nulls included.
pub fn map_values(series: &mut [Series], work: impl Fn(f64) -> f64 + Sync + Send) {
    let each = |one: &mut Series| {
        for value in one.values_mut() {
            *value = work(*value);
        }
    };
    if is_small(series) {
        series.iter_mut().for_each(each);
    } else {
        series.par_iter_mut().for_each(each);
    }
}

fn is_small(series: &[Series]) -> bool {
    series.len() < 2 || series.iter().map(|one| one.values.len()).sum::<usize>() < VALUES_MIN
}

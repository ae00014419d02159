//! The one place where functions use more than one core.
//!
//! Work is split only when there is enough of it: handing a task to another thread costs a few
//! microseconds, in which one core touches some ten thousand values. Between series and spans it is
//! asked whether the query goes on; what a cancelled one gives is thrown away by its evaluator. The other
//! threads enter the query's cancellation as well, so that whoever works on a series can ask.

use rayon::prelude::*;

use super::{Cancellation, EvaluationError, Series};

/// Values below which work stays with the thread that has it: it is done about as soon as by several,
/// and waits for no other query's heavy work, which may have those threads for seconds.
pub const VALUES_MIN: usize = 1 << 17;

/// Runs `work` on every span of `span` values with the position of its first; `cost` is how many
/// values are read for each that is written. A query that was cancelled leaves spans as they are.
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
        let cancellation = Cancellation::current();
        let parts = output.par_chunks_mut(span).enumerate();
        parts.for_each(|(position, part)| {
            let _entered = cancellation.enter();
            if !cancellation.is_cancelled() {
                work(position * span, part);
            }
        });
    }
}

/// Gives every series to `work` and collects what comes back, in order.
///
/// # Errors
/// The first that `work` gives, in the order of the series when they run on one core; or that the
/// query was cancelled.
pub fn try_map(
    series: Vec<Series>,
    work: impl Fn(Series) -> Result<Series, EvaluationError> + Sync + Send,
) -> Result<Vec<Series>, EvaluationError> {
    if is_small(&series) {
        return series.into_iter().map(work).collect();
    }
    let cancellation = Cancellation::current();
    let parallel = series.into_par_iter();
    let results = parallel.map(|one| {
        let _entered = cancellation.enter();
        cancellation.check().and_then(|()| work(one))
    });
    results.collect()
}

/// Gives every series to `work` and collects what comes back, in order. A query that was cancelled
/// gets its series back as they are.
pub fn map(series: Vec<Series>, work: impl Fn(Series) -> Series + Sync + Send) -> Vec<Series> {
    if is_small(&series) {
        return series.into_iter().map(work).collect();
    }
    let cancellation = Cancellation::current();
    let each = |one: Series| {
        let _entered = cancellation.enter();
        if cancellation.is_cancelled() {
            one
        } else {
            work(one)
        }
    };
    series.into_par_iter().map(each).collect()
}

/// Lets `work` change every series. A query that was cancelled keeps the rest as they are.
pub fn for_each(series: &mut [Series], work: impl Fn(&mut Series) + Sync + Send) {
    if is_small(series) {
        series.iter_mut().for_each(work);
        return;
    }
    let cancellation = Cancellation::current();
    series.par_iter_mut().for_each(|one| {
        let _entered = cancellation.enter();
        if !cancellation.is_cancelled() {
            work(one);
        }
    });
}

/// Replaces every value of every series by what `work` makes of it, nulls included.
pub fn map_values(series: &mut [Series], work: impl Fn(f64) -> f64 + Sync + Send) {
    let each = |one: &mut Series| {
        for value in one.values_mut() {
            *value = work(*value);
        }
    };
    for_each(series, each);
}

fn is_small(series: &[Series]) -> bool {
    series.len() < 2 || series.iter().map(|one| one.values.len()).sum::<usize>() < VALUES_MIN
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cancelled_query_works_on_no_more_series() {
        let many: Vec<Series> = (0..100)
            .map(|number| Series::new(format!("s{number}"), 0, 100_000, 10, vec![1.0; 10_000]))
            .collect();
        let cancellation = Cancellation::never();
        let _entered = cancellation.enter();
        let worked = map(many.clone(), |mut one| {
            cancellation.cancel();
            one.values_mut()[0] = 2.0;
            one
        });
        let changed = worked.iter().filter(|one| one.values[0] == 2.0).count();
        assert!(
            changed >= 1 && changed <= rayon::current_num_threads(),
            "{changed}"
        );
        let error = try_map(many, Ok).unwrap_err();
        assert!(matches!(error, EvaluationError::Cancelled(_)));
    }
}

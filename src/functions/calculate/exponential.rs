//! `exponentialMovingAverage`: an average that forgets the past step by step.
//!
//! The series are read again from earlier on, as by `movingWindow`; the average of what lies before
//! the window is the first value.

use super::moving::{WINDOW_SIZE, preview};
use crate::functions::aggregation::mean;
use crate::functions::rounding::round_to;
use crate::functions::{
    Call, EvaluationError, Function, Group, Kind, Parameter, Series, Signature, Span, Window,
    parallel,
};

/// See the signature.
pub(super) struct ExponentialMovingAverage;

static SIGNATURE: Signature = Signature {
    names: &["exponentialMovingAverage"],
    group: Group::Calculate,
    usage: "(seriesList, windowSize)",
    description: "The exponential moving average: each value weighs 2 / (windowSize + 1), all \
                  before it the rest. A windowSize in time counts its seconds.",
    parameters: &[
        Parameter::required("seriesList", Kind::SeriesList),
        WINDOW_SIZE,
    ],
    aggregator: false,
};

/// Decimals that the values are rounded to.
const DECIMALS: i32 = 6;

impl Function for ExponentialMovingAverage {
    fn signature(&self) -> &Signature {
        &SIGNATURE
    }

    fn keeps_grid(&self) -> bool {
        true
    }

    fn windows(&self, call: &Call<'_>) -> Result<Vec<Window>, EvaluationError> {
        let widened = preview(call)?.map(|preview| call.window().widened(preview));
        Ok(widened.into_iter().collect())
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let Some(preview) = preview(call)? else {
            // Nothing was found; what is wrong with the inner expression should still be told.
            return call.optional_series("seriesList").map(|_| Vec::new());
        };
        let span = call.span("windowSize")?;
        let size = call.string("windowSize")?;
        let all = call.series_in("seriesList", call.window().widened(preview))?;
        Ok(parallel::map(all, |series| {
            let (quote, points, weight_of) = match &span {
                Span::Points(points) => ("", *points, *points),
                Span::Time(_) => ("\"", preview / series.step, preview),
            };
            let constant = 2.0 / (weight_of as f64 + 1.0);
            let points = usize::try_from(points).unwrap_or(usize::MAX);
            let mut result = series.with_values(smoothed(&series.values, points, constant));
            result.start = series.start + preview;
            result.rename(format!(
                "exponentialMovingAverage({},{quote}{size}{quote})",
                series.name
            ));
            result.tags.set("exponentialMovingAverage", size.as_str());
            result
        }))
    }
}

/// The mean of the first `points` values, then one value for each that follows.
fn smoothed(values: &[f64], points: usize, constant: f64) -> Vec<f64> {
    let (before, after) = values.split_at(points.min(values.len()));
    let first = mean(before);
    let mut average = if first.is_nan() { 0.0 } else { first };
    let mut result = Vec::with_capacity(after.len() + 1);
    result.push(round_to(average, DECIMALS));
    result.extend(after.iter().map(|value| {
        if value.is_nan() {
            return f64::NAN;
        }
        average = constant * value + (1.0 - constant) * average;
        round_to(average, DECIMALS)
    }));
    result
}

#[cfg(test)]
mod tests {
    use crate::functions::testing::{Samples, assert_values};

    #[test]
    fn mean_of_the_time_before_comes_first() {
        let values = [1.0, 3.0, 5.0, f64::NAN, 7.0];
        let samples = Samples::new().with("a", 60, 60, &values);
        let result = samples.run("exponentialMovingAverage(a,2)", 120, 300);
        assert_eq!(result[0].name, "exponentialMovingAverage(a,2)");
        assert_eq!(result[0].start, 180);
        let expected = [Some(2.0), Some(4.0), None, Some(6.0)];
        assert_values(&result[0], &expected);
    }

    #[test]
    fn time_before_without_values_counts_as_zero() {
        let samples = Samples::new().with("a", 60, 60, &[f64::NAN, 4.0]);
        let result = samples.run("exponentialMovingAverage(a,'1min')", 60, 120);
        assert_values(&result[0], &[Some(0.0), Some(0.131148)]);
    }
}

//! `summarize`: an aggregation over buckets of time.
//!
//! The buckets themselves are cut by [`buckets`], which `smartSummarize` and `compressPeriodicGaps`
//! use as well.

use super::SERIES;
use crate::functions::aggregation::known_count;
use crate::functions::series::points_between;
use crate::functions::{
    Aggregation, Call, EvaluationError, Function, Group, Kind, Literal, Parameter, Series,
    Signature, parallel,
};

/// The length of the buckets.
pub(super) const INTERVAL: Parameter = Parameter::required("intervalString", Kind::Interval)
    .suggestions(&[
        Literal::String("10min"),
        Literal::String("1h"),
        Literal::String("1d"),
    ]);

/// What makes one value of a bucket.
pub(super) const FUNC: Parameter =
    Parameter::optional("func", Kind::AggFunc).default(Literal::String("sum"));

/// Buckets of one series: where the first begins, where the last must have begun, how long they are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Buckets {
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) interval: i64,
}

impl Buckets {
    /// How many there are.
    pub(super) fn count(self) -> usize {
        points_between(self.start, self.end, self.interval)
    }

    /// Where the last one ends.
    pub(super) fn aligned_end(self) -> i64 {
        self.start + self.interval * self.count() as i64
    }

    /// One value a bucket. The share of known values is measured against the points that a full
    /// bucket has.
    pub(super) fn aggregate(self, series: &Series, aggregation: Aggregation) -> Vec<f64> {
        let on_grid = points_between(series.start, series.end, series.step);
        let values = &series.values[..series.values.len().min(on_grid)];
        let full = self.interval as f64 / series.step as f64;
        let position = |time| points_between(series.start, time, series.step).min(values.len());
        let bucket = |number: usize| {
            let start = self.start + self.interval * number as i64;
            let points = &values[position(start)..position(start + self.interval)];
            let known = known_count(points);
            if known > 0 && known as f64 / full >= series.x_files_factor {
                aggregation.apply(points)
            } else {
                f64::NAN
            }
        };
        (0..self.count()).map(bucket).collect()
    }
}

/// A length of buckets as text and seconds.
///
/// # Errors
/// When it is not above zero.
pub(super) fn positive_interval(
    call: &Call<'_>,
    parameter: &str,
) -> Result<(String, i64), EvaluationError> {
    let interval = call.interval(parameter)?;
    if interval.seconds <= 0 {
        let (parameter, text) = (parameter, &interval.text);
        return Err(call.error(format!(
            "parameter \"{parameter}\" must be longer than nothing, not \"{text}\""
        )));
    }
    Ok((interval.text, interval.seconds))
}

/// `summarize`.
pub(super) struct Summarize;

static SUMMARIZE: Signature = Signature {
    names: &["summarize"],
    group: Group::Transform,
    usage: "(seriesList, intervalString, func='sum', alignToFrom=False)",
    description: "Makes one point of all within an interval. Buckets begin at multiples of the \
                  interval, or with the first point when alignToFrom is true.",
    parameters: &[
        SERIES,
        INTERVAL,
        FUNC,
        Parameter::optional("alignToFrom", Kind::Boolean).default(Literal::Boolean(false)),
    ],
    aggregator: false,
};

impl Function for Summarize {
    fn signature(&self) -> &Signature {
        &SUMMARIZE
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let all = call.series("seriesList")?;
        let (text, interval) = positive_interval(call, "intervalString")?;
        if all.is_empty() {
            return Ok(all);
        }
        let (func, aggregation) = (call.string("func")?, call.aggregation("func")?);
        let align_to_from = call.boolean("alignToFrom")?;
        let flag = if align_to_from { ", true" } else { "" };
        parallel::try_map(all, |series| {
            let mut buckets = Buckets {
                start: series.start,
                end: series.end,
                interval,
            };
            if !align_to_from {
                buckets.start -= series.start.rem_euclid(interval);
                buckets.end += interval - series.end.rem_euclid(interval);
            }
            call.check_points(buckets.count())?;
            let mut result = series.with_values(buckets.aggregate(&series, aggregation));
            (result.start, result.step) = (buckets.start, interval);
            // Of a series that ends before it begins the end stays where it is.
            result.end = match align_to_from {
                true => buckets.aligned_end(),
                false => buckets.end,
            };
            result.tags.set("summarize", text.as_str());
            result.tags.set("summarizeFunction", func.as_str());
            result.rename(format!(
                "summarize({}, \"{text}\", \"{func}\"{flag})",
                series.name
            ));
            Ok(result)
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::functions::testing::{Samples, assert_values};

    const NULL: f64 = f64::NAN;

    fn samples() -> Samples {
        let values = [1.0, 2.0, NULL, 4.0, 5.0, 6.0, 7.0];
        Samples::new().with("a", 90, 10, &values)
    }

    #[test]
    fn buckets_begin_at_multiples_and_one_is_added_at_the_end() {
        let result = samples().run("summarize(a,\"30s\")", 0, 600);
        assert_eq!(result[0].name, "summarize(a, \"30s\", \"sum\")");
        assert_eq!((result[0].start, result[0].end), (90, 180));
        assert_eq!(result[0].step, 30);
        assert_values(&result[0], &[Some(3.0), Some(15.0), Some(7.0)]);
        let wide = samples().run("summarize(a,\"1min\",\"max\")", 0, 600);
        assert_eq!((wide[0].start, wide[0].end), (60, 180));
        assert_values(&wide[0], &[Some(2.0), Some(7.0)]);
    }

    #[test]
    fn aligned_buckets_begin_with_the_first_point() {
        let result = samples().run("summarize(a,\"40s\",\"last\",true)", 0, 600);
        assert_eq!(result[0].name, "summarize(a, \"40s\", \"last\", true)");
        assert_eq!((result[0].start, result[0].end), (90, 170));
        assert_values(&result[0], &[Some(4.0), Some(7.0)]);
    }

    #[test]
    fn partial_bucket_is_measured_against_a_full_one() {
        let result = samples().run("summarize(xFilesFactor(a,0.5),\"30s\")", 0, 600);
        assert_values(&result[0], &[Some(3.0), Some(15.0), None]);
    }

    #[test]
    fn buckets_shorter_than_a_step_hold_a_point_or_nothing() {
        let result = samples().run("summarize(a,\"5s\",\"sum\",true)", 0, 110);
        let expected = [Some(1.0), None, Some(2.0), None, None, None];
        assert_values(&result[0], &expected);
    }

    #[test]
    fn impossible_intervals_and_functions_are_errors() {
        for target in [
            "summarize(a,\"banana\")",
            "summarize(a,\"0s\")",
            "summarize(a,\"-1min\")",
            "summarize(a,\"1min\",\"p99\")",
            "summarize(a)",
        ] {
            assert!(samples().try_run(target, 0, 600).is_err(), "{target}");
        }
        let of_nothing = samples().run("summarize(none.*,\"1min\",\"p99\")", 0, 600);
        assert!(of_nothing.is_empty());
    }

    #[test]
    fn end_of_a_series_that_ends_before_it_begins_is_rounded_alone() {
        // A window that is longer than the data reaches back.
        let result = samples().run("summarize(movingMedian(a,\"1h\"),\"1min\")", 0, 600);
        assert_eq!((result[0].start, result[0].end), (3_660, 180));
    }
}

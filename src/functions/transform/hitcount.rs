//! `hitcount`: how many hits an interval saw, of series that count hits a second.

use super::SERIES;
use super::alignment::Unit;
use super::summarize::{INTERVAL, positive_interval};
use crate::functions::series::points_between;
use crate::functions::{
    Call, EvaluationError, Function, Group, Kind, Literal, Parameter, Series, Signature, Window,
    parallel,
};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// See the signature.
pub(super) struct Hitcount;

static SIGNATURE: Signature = Signature {
    names: &["hitcount"],
    group: Group::Transform,
    usage: "(seriesList, intervalString, alignToInterval=False)",
    description: "Takes every point for hits per second and adds up the hits of each interval, \
                  sharing out points that lie across a border. Intervals end with the series, or \
                  begin with a full minute, hour or day when alignToInterval is true.",
    parameters: &[
        SERIES,
        INTERVAL,
        Parameter::optional("alignToInterval", Kind::Boolean).default(Literal::Boolean(false)),
    ],
    aggregator: false,
};

impl Function for Hitcount {
    fn signature(&self) -> &Signature {
        &SIGNATURE
    }

    fn windows(&self, call: &Call<'_>) -> Result<Vec<Window>, EvaluationError> {
        Ok(vec![aligned_window(call)?])
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let all = call.series_in("seriesList", aligned_window(call)?)?;
        let (text, interval) = positive_interval(call, "intervalString")?;
        let is_aligned = call.boolean("alignToInterval")?;
        let flag = if is_aligned { ", true" } else { "" };
        parallel::try_map(all, |mut series| {
            if is_aligned {
                let whole = (series.end - series.start).div_euclid(interval);
                series.end = series.start + whole * interval + interval;
            }
            let count = points_between(series.start, series.end, interval);
            call.check_points(count)?;
            let start = series.end - count as i64 * interval;
            let mut result = series.with_values(count_hits(&series, start, interval, count));
            (result.start, result.step) = (start, interval);
            result.tags.set("hitcount", text.as_str());
            result.rename(format!("hitcount({}, \"{text}\"{flag})", series.name));
            Ok(result)
        })
    }
}

/// Begins with the day, hour or minute when the interval is at least as long.
fn aligned_window(call: &Call<'_>) -> Result<Window, EvaluationError> {
    let window = call.window();
    if !call.boolean("alignToInterval")? {
        return Ok(window);
    }
    let (_, interval) = positive_interval(call, "intervalString")?;
    let unit = match interval {
        DAY.. => Unit::Days,
        HOUR.. => Unit::Hours,
        MINUTE.. => Unit::Minutes,
        _ => return Ok(window),
    };
    let from = unit
        .floor(window.from, call.timezone())
        .unwrap_or(window.from);
    Ok(Window { from, ..window })
}

/// Shares the hits of every point out among the `count` buckets from `start` on. A point lasts a
/// step; what reaches beyond the last bucket stays in it.
fn count_hits(series: &Series, start: i64, interval: i64, count: usize) -> Vec<f64> {
    let mut buckets = vec![f64::NAN; count];
    let end = start + interval * count as i64;
    let mut point_start = series.start - start;
    for &hits_per_second in series.values.iter() {
        let point_end = (point_start + series.step).min(end - start);
        let mut from = point_start.max(0);
        while !hits_per_second.is_nan() && from < point_end {
            let bucket = from / interval;
            let until = ((bucket + 1) * interval).min(point_end);
            let hits = hits_per_second * (until - from) as f64;
            let slot = &mut buckets[bucket as usize];
            *slot = if slot.is_nan() { hits } else { *slot + hits };
            from = until;
        }
        point_start += series.step;
    }
    buckets
}

#[cfg(test)]
mod tests {
    use crate::functions::testing::{Samples, assert_values};

    fn samples() -> Samples {
        Samples::new().with("a", 10, 10, &[1.0, 2.0, f64::NAN, 4.0, 5.0, 6.0])
    }

    #[test]
    fn intervals_end_with_the_series_and_share_points() {
        let result = samples().run("hitcount(a,\"25s\")", 0, 600);
        assert_eq!(result[0].name, "hitcount(a, \"25s\")");
        assert_eq!(
            (result[0].start, result[0].end, result[0].step),
            (-5, 70, 25)
        );
        assert_values(
            &result[0],
            &[10.0, 20.0 + 20.0, 20.0 + 50.0 + 60.0].map(Some),
        );
    }

    #[test]
    fn aligned_intervals_begin_with_the_first_point_of_the_unit() {
        let values: Vec<f64> = (1..=12).map(f64::from).collect();
        let samples = Samples::new().with("a", 10, 10, &values);
        let result = samples.run("hitcount(a,\"1min\",true)", 65, 120);
        assert_eq!(result[0].name, "hitcount(a, \"1min\", true)");
        assert_eq!((result[0].start, result[0].end), (70, 190));
        let hits = 10.0 * (7.0 + 8.0 + 9.0 + 10.0 + 11.0 + 12.0);
        assert_values(&result[0], &[Some(hits), None]);
    }

    #[test]
    fn interval_without_points_is_null() {
        let samples = Samples::new().with("a", 10, 10, &[1.0, f64::NAN, f64::NAN]);
        let result = samples.run("hitcount(a,\"10s\")", 0, 600);
        assert_values(&result[0], &[Some(10.0), None, None]);
    }
}

//! Making points fewer: buckets of a series' own values, and `maxDataPoints` with its nudged start.

use std::sync::Arc;

use super::Series;
use super::aggregation::{Aggregation, known_count};
use super::parallel;

/// One value for every `per_bucket` values; the last bucket may be partial. The share of known
/// values is measured against the full bucket, also for a partial one.
pub fn consolidate(
    values: &[f64],
    per_bucket: usize,
    aggregation: Aggregation,
    x_files_factor: f64,
) -> Vec<f64> {
    let enough = |known: usize| known > 0 && known as f64 / per_bucket as f64 >= x_files_factor;
    let buckets = values.chunks(per_bucket.max(1));
    if aggregation == Aggregation::Average {
        // Nearly all series are averaged; adding and counting in one go halves the work.
        let mean = |bucket: &[f64]| {
            let (sum, known) = sum_and_count(bucket);
            if enough(known) {
                sum / known as f64
            } else {
                f64::NAN
            }
        };
        return buckets.map(mean).collect();
    }
    buckets
        .map(|bucket| {
            if enough(known_count(bucket)) {
                aggregation.apply(bucket)
            } else {
                f64::NAN
            }
        })
        .collect()
}

fn sum_and_count(bucket: &[f64]) -> (f64, usize) {
    let add = |(sum, known): (f64, usize), &value: &f64| {
        if value.is_nan() {
            (sum, known)
        } else {
            (sum + value, known + 1)
        }
    };
    bucket.iter().fold((0.0, 0), add)
}

/// Makes every series short enough for `points_max`, as the reference does for json.
///
/// The range is that of the whole answer, so that all series of one step get the same buckets. A
/// bucket begins at a multiple of its own length: the start moves forward to the next one, always by
/// at least a step, and of the points before it all but one are dropped.
///
/// With `whole_only` a last bucket that has fewer points than the others is dropped: its value will
/// change, or would with a window that does not cut it. Series that are not measured keep it.
pub fn to_max_data_points(series: &mut [Series], points_max: u64, whole_only: bool) {
    let start = series.iter().map(|one| one.start).min().unwrap_or(0);
    let end = series.iter().map(|one| one.end).max().unwrap_or(0);
    parallel::for_each(series, |one| {
        if points_max == 1 {
            shorten(one, 0, one.values.len(), false);
        } else {
            let whole_only = whole_only && is_measured(one);
            nudge_and_shorten(one, end - start, points_max, whole_only);
        }
    });
}

/// Drops the points at the end whose time is not over before `over_at`: values that will still change,
/// which an alert must not judge. Series that reach beyond their own end, as a constant line does, are
/// not measured and stay.
pub fn drop_unfinished(series: &mut [Series], over_at: i64) {
    for one in series {
        let length = one.values.len();
        if !is_measured(one) {
            continue;
        }
        let finished = (over_at - one.start).div_euclid(one.step).max(0);
        let finished = usize::try_from(finished).unwrap_or(usize::MAX);
        if finished < length {
            one.values = Arc::new(one.values[..finished].to_vec());
            one.end = one.start + one.step * finished as i64;
        }
    }
}

/// False for a series that reaches beyond its own end.
fn is_measured(series: &Series) -> bool {
    let points = i64::try_from(series.values.len());
    let length = points.map_or(i64::MAX, |points| points.saturating_mul(series.step));
    series.start.saturating_add(length) <= series.end
}

fn nudge_and_shorten(series: &mut Series, range: i64, points_max: u64, whole_only: bool) {
    let Some(buckets) = Buckets::of(series.start, series.step, range, points_max) else {
        return;
    };
    series.start = buckets.start;
    let lost = buckets.lost.min(series.values.len());
    shorten(series, lost, buckets.per_bucket, whole_only);
}

/// How `maxDataPoints` divides the values of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buckets {
    /// The start of the series once its values are buckets.
    pub start: i64,
    /// Values that are dropped before the first bucket.
    pub lost: usize,
    /// Values in a bucket.
    pub per_bucket: usize,
}

impl Buckets {
    /// The buckets of a series that begins at `start` in an answer that spans `range` seconds; `None`
    /// when it is short enough as it is.
    pub fn of(start: i64, step: i64, range: i64, points_max: u64) -> Option<Self> {
        let points = range as f64 / step as f64;
        if points_max as f64 >= points {
            return None;
        }
        let per_bucket = (points / points_max as f64).ceil();
        let per_bucket = if per_bucket.is_finite() {
            per_bucket as i64
        } else {
            i64::from(u32::MAX)
        };
        let bucket = per_bucket.saturating_mul(step);
        let nudge = bucket + start.rem_euclid(step) - start.rem_euclid(bucket);
        Some(Self {
            start: start + nudge,
            lost: usize::try_from(nudge / step - 1).unwrap_or(0),
            per_bucket: usize::try_from(per_bucket).unwrap_or(usize::MAX),
        })
    }
}

/// Drops the first `lost` values and makes buckets of the others, or of as many as fill them.
fn shorten(series: &mut Series, lost: usize, per_bucket: usize, whole_only: bool) {
    let per_bucket = per_bucket.max(1);
    if per_bucket == 1 && lost == 0 {
        return;
    }
    let mut values = &series.values[lost..];
    if whole_only {
        values = &values[..values.len() - values.len() % per_bucket];
    }
    series.values = Arc::new(consolidate(
        values,
        per_bucket,
        series.consolidation,
        series.x_files_factor,
    ));
    series.step = series
        .step
        .saturating_mul(i64::try_from(per_bucket).unwrap_or(i64::MAX));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(start: i64, step: i64, points: usize) -> Series {
        let values = (0..points).map(|value| value as f64).collect();
        Series::new("ramp", start, start + step * points as i64, step, values)
    }

    #[test]
    fn partial_bucket_is_measured_against_a_full_one() {
        let values = [1.0, 2.0, 3.0, 4.0, 5.0];
        assert_eq!(consolidate(&values, 3, Aggregation::Sum, 0.0), [6.0, 9.0]);
        let strict = consolidate(&values, 3, Aggregation::Sum, 0.7);
        assert!(strict[0] == 6.0 && strict[1].is_nan());
    }

    #[test]
    fn start_moves_to_the_next_multiple_and_one_point_before_it_is_kept() {
        // 12 points of 10 s from 120: buckets of 30 s begin at 150, three steps on; two points go.
        let mut series = [ramp(120, 10, 12)];
        to_max_data_points(&mut series, 4, false);
        assert_eq!((series[0].start, series[0].step), (150, 30));
        assert_eq!(**series[0].values, [3.0, 6.0, 9.0, 11.0]);
    }

    #[test]
    fn one_point_keeps_the_start() {
        let mut series = [ramp(120, 10, 12)];
        to_max_data_points(&mut series, 1, false);
        assert_eq!((series[0].start, series[0].values.len()), (120, 1));
        assert_eq!(series[0].values[0], 5.5);
    }

    #[test]
    fn last_bucket_that_is_not_whole_is_dropped_when_asked() {
        let mut series = [ramp(120, 10, 13)];
        to_max_data_points(&mut series, 5, true);
        assert_eq!(**series[0].values, [3.0, 6.0, 9.0]);
        let mut line = [Series::new("line", 0, 130, 10, vec![1.0; 15])];
        to_max_data_points(&mut line, 5, true);
        assert_eq!(line[0].values.len(), 5);
    }

    #[test]
    fn points_whose_time_is_not_over_are_dropped() {
        let mut series = [ramp(120, 10, 12), ramp(300, 60, 1)];
        drop_unfinished(&mut series, 225);
        assert_eq!((series[0].values.len(), series[0].end), (10, 220));
        assert_eq!((series[1].values.len(), series[1].end), (0, 300));
        let mut line = [Series::new("line", 0, 100, 50, vec![1.0; 3])];
        drop_unfinished(&mut line, 60);
        assert_eq!(line[0].values.len(), 3);
    }

    #[test]
    fn enough_room_changes_nothing() {
        let mut series = [ramp(120, 10, 12)];
        to_max_data_points(&mut series, 12, false);
        assert_eq!((series[0].start, series[0].values.len()), (120, 12));
    }

    #[test]
    fn nothing_to_consolidate_is_no_error() {
        let mut series = [ramp(0, 10, 0)];
        to_max_data_points(&mut series, 1, false);
        assert!(series[0].values.is_empty());
    }
}

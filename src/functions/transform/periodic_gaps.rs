//! `compressPeriodicGaps`: a coarser step for series that are written more rarely than stored.

use super::SERIES;
use super::summarize::Buckets;
use crate::functions::{
    Aggregation, Call, EvaluationError, Function, Group, Series, Signature, parallel,
};

/// See the signature.
pub(super) struct CompressPeriodicGaps;

static SIGNATURE: Signature = Signature {
    names: &["compressPeriodicGaps"],
    group: Group::Transform,
    usage: "(seriesList)",
    description: "Finds out from the first points how often a series is really written and removes \
                  the nulls in between, so that neighbouring points are neighbours again. Series \
                  without such a pattern stay as they are.",
    parameters: &[SERIES],
    aggregator: false,
};

impl Function for CompressPeriodicGaps {
    fn signature(&self) -> &Signature {
        &SIGNATURE
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        Ok(parallel::map(call.series("seriesList")?, |mut series| {
            if let Some((first, period)) = pattern(&series.values) {
                compress(&mut series, first as i64, period as i64);
            }
            series.rename(format!("compressPeriodicGaps({})", series.name));
            series
        }))
    }
}

/// The position of the first point and the distance to the next one, if a third stands where these
/// two foretell and has nulls around it.
///
/// As in the reference the very first point and zeros do not count as seen.
fn pattern(values: &[f64]) -> Option<(usize, usize)> {
    let is_seen = |position: &usize| !values[*position].is_nan() && values[*position] != 0.0;
    let mut seen = (1..values.len()).filter(is_seen);
    let (first, second) = (seen.next()?, seen.next()?);
    let period = second - first;
    let third = second + period;
    let is_alone = period > 1
        && third + 2 <= values.len()
        && is_seen(&third)
        && values[third - 1].is_nan()
        && values[third + 1].is_nan();
    is_alone.then_some((first, period))
}

fn compress(series: &mut Series, first: i64, period: i64) {
    let buckets = Buckets {
        start: series.start + first * series.step,
        end: series.end,
        interval: period * series.step,
    };
    let values = buckets.aggregate(series, Aggregation::Last);
    series.start = buckets.start;
    series.end = buckets.start + buckets.interval * (values.len() as i64 - 1);
    series.step = buckets.interval;
    *series.values_mut() = values;
}

#[cfg(test)]
mod tests {
    use crate::functions::testing::{Samples, assert_values};

    const NULL: f64 = f64::NAN;

    #[test]
    fn nulls_between_regular_points_go() {
        let values = [NULL, 1.0, NULL, NULL, 2.0, NULL, NULL, 3.0, NULL, NULL, 4.0];
        let samples = Samples::new().with("a", 10, 10, &values);
        let result = samples.run("compressPeriodicGaps(a)", 0, 600);
        assert_eq!(result[0].name, "compressPeriodicGaps(a)");
        assert_eq!(
            (result[0].start, result[0].step, result[0].end),
            (20, 30, 110)
        );
        assert_values(&result[0], &[1.0, 2.0, 3.0, 4.0].map(Some));
    }

    #[test]
    fn series_without_a_pattern_stay() {
        for values in [
            &[1.0, 2.0, 3.0, 4.0, 5.0][..],
            &[NULL, 1.0, NULL, 2.0, NULL, NULL, 3.0, NULL],
            &[NULL, 1.0, NULL, 2.0],
            &[NULL, NULL],
        ] {
            let samples = Samples::new().with("a", 10, 10, values);
            let result = samples.run("compressPeriodicGaps(a)", 0, 600);
            assert_eq!((result[0].start, result[0].step), (10, 10));
            assert_eq!(result[0].values.len(), values.len());
        }
    }
}

//! `integralByInterval`: a running sum that starts over with every interval.

use super::SERIES;
use crate::functions::{
    Call, EvaluationError, Function, Group, Kind, Parameter, Series, Signature, parallel,
};

/// See the signature.
pub(super) struct IntegralByInterval;

static SIGNATURE: Signature = Signature {
    names: &["integralByInterval"],
    group: Group::Transform,
    usage: "(seriesList, intervalUnit)",
    description: "The running sum of the points, back to zero whenever an interval has passed since \
                  the start of the window. Nulls repeat the sum so far.",
    parameters: &[SERIES, Parameter::required("intervalUnit", Kind::String)],
    aggregator: false,
};

impl Function for IntegralByInterval {
    fn signature(&self) -> &Signature {
        &SIGNATURE
    }

    fn keeps_grid(&self) -> bool {
        true
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let all = call.series("seriesList")?;
        let interval = call.interval("intervalUnit")?;
        let (text, seconds) = (interval.text, interval.seconds.abs());
        if seconds == 0 {
            return Err(call.error("parameter \"intervalUnit\" must be longer than nothing"));
        }
        let origin = call.window().from;
        Ok(parallel::map(all, |mut series| {
            let (start, step) = (series.start - origin, series.step);
            integrate(series.values_mut(), start, step, seconds);
            series.tags.set("integralByInterval", text.as_str());
            series.rename(format!("integralByInterval({},'{text}')", series.name));
            series
        }))
    }
}

/// `start` is the first point's time as seen from the first interval's start.
fn integrate(values: &mut [f64], start: i64, step: i64, interval: i64) {
    let mut sum = 0.0;
    let mut previous = (start - step).div_euclid(interval);
    let mut time = start;
    for value in values {
        let current = time.div_euclid(interval);
        if current != previous {
            sum = 0.0;
        }
        if !value.is_nan() {
            sum += *value;
        }
        *value = sum;
        previous = current;
        time += step;
    }
}

#[cfg(test)]
mod tests {
    use crate::functions::testing::{Samples, assert_values};

    #[test]
    fn sum_starts_over_with_every_interval_from_the_windows_start() {
        let values = [1.0, 2.0, f64::NAN, 4.0, f64::NAN, 6.0];
        let samples = Samples::new().with("a", 10, 10, &values);
        let result = samples.run("integralByInterval(a,\"30s\")", 0, 600);
        assert_eq!(result[0].name, "integralByInterval(a,'30s')");
        assert_values(&result[0], &[1.0, 3.0, 0.0, 4.0, 4.0, 6.0].map(Some));
        let backwards = samples.run("integralByInterval(a,\"-30s\")", 0, 600);
        assert_eq!(backwards[0].values, result[0].values);
        assert!(
            samples
                .try_run("integralByInterval(a,\"0s\")", 0, 600)
                .is_err()
        );
    }
}

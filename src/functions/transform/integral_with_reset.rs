//! `integralWithReset`, as carbonapi has it: a running sum that another series sets back.

use super::SERIES;
use crate::functions::{
    Call, EvaluationError, Function, Group, Kind, Parameter, Series, Signature, parallel,
};

/// See the signature.
pub(super) struct IntegralWithReset;

static SIGNATURE: Signature = Signature {
    names: &["integralWithReset"],
    group: Group::Custom,
    usage: "(seriesList, resettingSeries)",
    description: "The running sum of the points, set back to zero wherever the resetting series is \
                  not zero. That must be one series with the step and the length of the others.",
    parameters: &[
        SERIES,
        Parameter::required("resettingSeries", Kind::SeriesList),
    ],
    aggregator: false,
};

impl Function for IntegralWithReset {
    fn signature(&self) -> &Signature {
        &SIGNATURE
    }

    fn keeps_grid(&self) -> bool {
        true
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let all = call.series("seriesList")?;
        let resetting = call.series("resettingSeries")?;
        let [reset] = resetting.as_slice() else {
            let count = resetting.len();
            let problem = format!("parameter \"resettingSeries\" must be one series, not {count}");
            return Err(call.error(problem));
        };
        parallel::try_map(all, |mut series| {
            if series.step != reset.step || series.values.len() != reset.values.len() {
                let (name, other) = (&series.name, &reset.name);
                return Err(call.error(format!(
                    "\"{name}\" and \"{other}\" differ in step or length"
                )));
            }
            let name = format!("integralWithReset({},{})", series.name, reset.name);
            call.claim_name(&series, name.len())?;
            integrate(series.values_mut(), &reset.values);
            series.rename(name);
            Ok(series)
        })
    }
}

fn integrate(values: &mut [f64], resets: &[f64]) {
    let mut sum = 0.0;
    for (value, reset) in values.iter_mut().zip(resets) {
        if value.is_nan() {
            continue;
        }
        let is_reset = !reset.is_nan() && *reset != 0.0;
        sum = if is_reset { 0.0 } else { sum + *value };
        *value = sum;
    }
}

#[cfg(test)]
mod tests {
    use crate::functions::testing::{Samples, assert_values};

    const NULL: f64 = f64::NAN;

    #[test]
    fn sum_starts_over_where_the_other_series_is_not_zero() {
        let samples = Samples::new()
            .with("a", 10, 10, &[1.0, 2.0, 3.0, NULL, 5.0, 6.0])
            .with("r", 10, 10, &[0.0, NULL, 7.0, 1.0, 0.0, 0.0])
            .with("short", 10, 10, &[0.0]);
        let result = samples.run("integralWithReset(a,r)", 0, 600);
        assert_eq!(result[0].name, "integralWithReset(a,r)");
        let expected = [Some(1.0), Some(3.0), Some(0.0), None, Some(5.0), Some(11.0)];
        assert_values(&result[0], &expected);
        for target in [
            "integralWithReset(a,short)",
            "integralWithReset(a,*)",
            "integralWithReset(a,missing)",
        ] {
            assert!(samples.try_run(target, 0, 600).is_err(), "{target}");
        }
    }
}

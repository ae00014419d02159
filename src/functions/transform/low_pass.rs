//! `lowPass`, as carbonapi has it: drops the middle of a spectrum that `fft` made, for `ifft`.

use super::SERIES;
use crate::functions::{
    Call, EvaluationError, Function, Group, Kind, Parameter, Series, Signature, parallel,
};

/// See the signature.
pub(super) struct LowPass;

static SIGNATURE: Signature = Signature {
    names: &["lowPass", "lpf"],
    group: Group::Custom,
    usage: "(seriesList, cutPercent)",
    description: "Keeps cutPercent of the points, half of them at the beginning and half at the end, \
                  and makes those between null. Of a spectrum made by fft the low frequencies stay.",
    parameters: &[SERIES, Parameter::required("cutPercent", Kind::Float)],
    aggregator: false,
};

impl Function for LowPass {
    fn signature(&self) -> &Signature {
        &SIGNATURE
    }

    fn keeps_grid(&self) -> bool {
        true
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let all = call.series("seriesList")?;
        let percent = call.number("cutPercent")?;
        if !(0.0..=100.0).contains(&percent) {
            let problem = format!("parameter \"cutPercent\" must be 0 to 100, not {percent}");
            return Err(call.error(problem));
        }
        Ok(parallel::map(all, |mut series| {
            let values = series.values_mut();
            let kept = (percent / 200.0 * values.len() as f64) as usize;
            let end = values.len() - kept;
            values[kept..end].fill(f64::NAN);
            series.rename(format!("lowPass({},{percent})", series.name));
            series
        }))
    }
}

#[cfg(test)]
mod tests {
    use crate::functions::testing::{Samples, assert_values};

    #[test]
    fn both_ends_stay() {
        let samples = Samples::new().with("a", 10, 10, &[1.0, 2.0, 3.0, 4.0, 5.0]);
        let result = samples.run("lpf(a,40)", 0, 600);
        assert_eq!(result[0].name, "lowPass(a,40)");
        assert_values(&result[0], &[Some(1.0), None, None, None, Some(5.0)]);
        let result = samples.run("lowPass(a,100)", 0, 600);
        assert_values(
            &result[0],
            &[Some(1.0), Some(2.0), None, Some(4.0), Some(5.0)],
        );
        assert!(samples.try_run("lowPass(a,101)", 0, 600).is_err());
    }
}

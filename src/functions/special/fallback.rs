//! `fallbackSeries`: something else where there is nothing.

use super::SERIES;
use crate::functions::{
    Call, EvaluationError, Function, Group, Kind, Parameter, Series, Signature,
};

/// See the signature.
pub(super) struct FallbackSeries;

static SIGNATURE: Signature = Signature {
    names: &["fallbackSeries"],
    group: Group::Special,
    usage: "(seriesList, fallback)",
    description: "The first list of series, or the second if the first is empty.",
    parameters: &[SERIES, Parameter::required("fallback", Kind::SeriesList)],
    aggregator: false,
};

impl Function for FallbackSeries {
    fn signature(&self) -> &Signature {
        &SIGNATURE
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let all = call.series("seriesList")?;
        // Evaluated in any case: a fallback that cannot work should be known before it is needed.
        let fallback = call.series("fallback")?;
        Ok(if all.is_empty() { fallback } else { all })
    }
}

#[cfg(test)]
mod tests {
    use crate::functions::testing::Samples;

    #[test]
    fn fallback_is_for_no_series_not_for_nulls() {
        let samples = Samples::new()
            .with("a", 10, 10, &[f64::NAN])
            .with("b", 10, 10, &[1.0]);
        let name = |target: &str| samples.run(target, 0, 60).remove(0).name;
        assert_eq!(name("fallbackSeries(a,b)"), "a");
        assert_eq!(name("fallbackSeries(missing,b)"), "b");
        assert!(samples.try_run("fallbackSeries(a)", 0, 60).is_err());
    }
}

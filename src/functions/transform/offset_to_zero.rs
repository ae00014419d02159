//! `offsetToZero`: every series down, or up, to where its least point is zero.

use super::SERIES;
use crate::functions::aggregation::least;
use crate::functions::{
    Call, EvaluationError, Function, Group, Series, Signature, number_text, parallel,
};

/// See the signature.
pub(super) struct OffsetToZero;

static SIGNATURE: Signature = Signature {
    names: &["offsetToZero"],
    group: Group::Transform,
    usage: "(seriesList)",
    description: "Subtracts from every point the least of its series: what is left are the \
                  differences that matter, for series whose levels differ for reasons of their own.",
    parameters: &[SERIES],
    aggregator: false,
};

impl Function for OffsetToZero {
    fn signature(&self) -> &Signature {
        &SIGNATURE
    }

    fn keeps_grid(&self) -> bool {
        true
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        Ok(parallel::map(call.series("seriesList")?, |mut series| {
            let low = least(&series.values);
            let tag = if low.is_nan() {
                "None".to_owned()
            } else {
                number_text::repr(low)
            };
            for value in series.values_mut() {
                *value -= low;
            }
            series.tags.set("offsetToZero", tag);
            series.rename(format!("offsetToZero({})", series.name));
            series
        }))
    }
}

#[cfg(test)]
mod tests {
    use crate::functions::testing::{Samples, assert_values};

    #[test]
    fn least_point_becomes_zero_and_is_the_tag() {
        let samples = Samples::new()
            .with("a", 10, 10, &[5.0, f64::NAN, 2.5])
            .with("b", 10, 10, &[f64::NAN]);
        let result = samples.run("offsetToZero(*)", 0, 600);
        assert_eq!(result[0].tags.get("offsetToZero"), Some("2.5"));
        assert_values(&result[0], &[Some(2.5), None, Some(0.0)]);
        assert_eq!(result[1].tags.get("offsetToZero"), Some("None"));
        assert_values(&result[1], &[None]);
    }
}

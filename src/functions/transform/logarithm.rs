//! `log`: logarithms to any base.

use super::SERIES;
use super::unary::positive_logarithm;
use crate::functions::{
    Call, EvaluationError, Function, Group, Kind, Literal, Parameter, Reach, Series, Signature,
    parallel,
};

/// See the signature.
pub(super) struct Logarithm;

static SIGNATURE: Signature = Signature {
    names: &["log"],
    group: Group::Transform,
    usage: "(seriesList, base=10)",
    description: "The logarithm of every point; null of zero and of negative ones.",
    parameters: &[
        SERIES,
        Parameter::optional("base", Kind::Integer).default(Literal::Integer(10)),
    ],
    aggregator: false,
};

impl Function for Logarithm {
    fn signature(&self) -> &Signature {
        &SIGNATURE
    }

    fn keeps_grid(&self) -> bool {
        true
    }

    fn reach(&self, _call: &Call<'_>) -> Reach {
        Reach::Points(0)
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let all = call.series("seriesList")?;
        let (base, text) = (call.number("base")?, call.string("base")?);
        let is_used = all
            .iter()
            .any(|series| series.values.iter().any(|value| *value > 0.0));
        if is_used && (base <= 0.0 || base == 1.0) {
            return Err(call.error(format!(
                "parameter \"base\" must be above 0 and not 1, not {text}"
            )));
        }
        let divisor = base.ln();
        Ok(parallel::map(all, |mut series| {
            for value in series.values_mut() {
                *value = positive_logarithm(*value) / divisor;
            }
            series.tags.set("log", text.as_str());
            series.rename(format!("log({}, {text})", series.name));
            series
        }))
    }
}

#[cfg(test)]
mod tests {
    use crate::functions::testing::{Samples, assert_values};

    fn samples() -> Samples {
        Samples::new().with("a", 10, 10, &[8.0, 0.0, -1.0, f64::NAN, 1.0])
    }

    #[test]
    fn only_positive_values_have_a_logarithm() {
        let result = samples().run("log(a,2)", 0, 600);
        assert_eq!(result[0].name, "log(a, 2)");
        assert_eq!(result[0].tags.get("log"), Some("2"));
        assert_values(&result[0], &[Some(3.0), None, None, None, Some(0.0)]);
        assert_eq!(samples().run("log(a)", 0, 600)[0].name, "log(a, 10)");
    }

    #[test]
    fn base_that_no_logarithm_has_is_an_error() {
        for target in ["log(a,1)", "log(a,0)", "log(a,-2)", "log(a,\"e\")"] {
            assert!(samples().try_run(target, 0, 600).is_err(), "{target}");
        }
    }
}

//! `round`: fewer decimals.

use super::SERIES;
use crate::functions::rounding::round_to;
use crate::functions::{
    Call, EvaluationError, Function, Group, Kind, Literal, Parameter, Reach, Series, Signature,
    Value, number_text, parallel,
};

/// See the signature.
pub(super) struct Round;

static SIGNATURE: Signature = Signature {
    names: &["round"],
    group: Group::Transform,
    usage: "(seriesList, precision=None)",
    description: "Rounds every point to a number of decimals, to tens and hundreds when that is \
                  negative. Halves go to the even neighbour.",
    parameters: &[
        SERIES,
        Parameter::optional("precision", Kind::Integer).default(Literal::Integer(0)),
    ],
    aggregator: false,
};

impl Function for Round {
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
        let precision = call.integer("precision")?;
        // Only a precision that the caller wrote is printed.
        let given = call.values("precision")?;
        let printed = match given.first() {
            None | Some(Value::Null) => String::new(),
            Some(_) => format!(",{}", number_text::general(precision as f64)),
        };
        let clamped = precision.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32;
        Ok(parallel::map(all, |mut series| {
            for value in series.values_mut() {
                *value = round_to(*value, clamped);
            }
            series.tags.set("round", precision.to_string());
            series.rename(format!("round({}{printed})", series.name));
            series
        }))
    }
}

#[cfg(test)]
mod tests {
    use crate::functions::testing::{Samples, assert_values};

    #[test]
    fn precision_shows_only_when_given() {
        let samples = Samples::new().with("a", 10, 10, &[2.5, f64::NAN, 15.25]);
        for (target, name, tag, values) in [
            ("round(a)", "round(a)", "0", [Some(2.0), None, Some(15.0)]),
            (
                "round(a,none)",
                "round(a)",
                "0",
                [Some(2.0), None, Some(15.0)],
            ),
            (
                "round(a,0)",
                "round(a,0)",
                "0",
                [Some(2.0), None, Some(15.0)],
            ),
            (
                "round(a,1)",
                "round(a,1)",
                "1",
                [Some(2.5), None, Some(15.2)],
            ),
            (
                "round(a,-1)",
                "round(a,-1)",
                "-1",
                [Some(0.0), None, Some(20.0)],
            ),
        ] {
            let result = samples.run(target, 0, 600);
            assert_eq!(result[0].name, name);
            assert_eq!(result[0].tags.get("round"), Some(tag));
            assert_values(&result[0], &values);
        }
        assert!(samples.try_run("round(a,1.5)", 0, 600).is_err());
    }
}

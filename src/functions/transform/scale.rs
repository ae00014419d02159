//! `scale`: every value times a constant.

use crate::functions::{
    Call, EvaluationError, Function, Group, Kind, Parameter, Reach, Series, Signature, number_text,
    parallel,
};

/// See the signature.
pub(super) struct Scale;

static SIGNATURE: Signature = Signature {
    names: &["scale"],
    group: Group::Transform,
    usage: "(seriesList, factor)",
    description: "Multiplies every value by a constant.",
    parameters: &[
        Parameter::required("seriesList", Kind::SeriesList),
        Parameter::required("factor", Kind::Float),
    ],
    aggregator: false,
};

impl Function for Scale {
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
        let mut all = call.series("seriesList")?;
        let factor = call.number("factor")?;
        for series in &mut all {
            series.tags.set("scale", number_text::repr(factor));
            series.rename(format!(
                "scale({},{})",
                series.name,
                number_text::general(factor)
            ));
        }
        parallel::map_values(&mut all, |value| value * factor);
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use crate::functions::testing::{Samples, assert_values};

    #[test]
    fn values_names_and_tags_follow_the_factor() {
        let samples = Samples::new().with("a.b", 60, 60, &[1.0, f64::NAN, 3.0]);
        let result = samples.run("scale(a.*,0.50)", 0, 180);
        assert_eq!(result[0].name, "scale(a.b,0.5)");
        assert_eq!(result[0].path_expression, "scale(a.b,0.5)");
        assert_eq!(result[0].tags.get("scale"), Some("0.5"));
        assert_values(&result[0], &[Some(0.5), None, Some(1.5)]);
    }

    #[test]
    fn whole_factor_is_a_float_in_the_tag() {
        let samples = Samples::new().with("a", 60, 60, &[1.0]);
        let result = samples.run("scale(a,\"10\")", 0, 60);
        assert_eq!(result[0].name, "scale(a,10)");
        assert_eq!(result[0].tags.get("scale"), Some("10.0"));
    }

    #[test]
    fn factor_that_is_no_number_is_an_error() {
        let samples = Samples::new().with("a", 60, 60, &[1.0]);
        let error = samples.try_run("scale(a,\"ten\")", 0, 60).unwrap_err();
        assert_eq!(
            error.to_string(),
            "scale: parameter \"factor\" must be a number, not \"ten\""
        );
        assert!(samples.try_run("scale(a)", 0, 60).is_err());
        assert!(samples.try_run("scale(a,1,2)", 0, 60).is_err());
        assert!(samples.try_run("scale(a,times=2)", 0, 60).is_err());
        assert!(samples.try_run("scale(1,2)", 0, 60).is_err());
    }
}

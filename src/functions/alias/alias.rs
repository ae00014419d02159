//! `alias`: a legend in place of the name.

use smol_str::SmolStr;

use crate::functions::{
    Call, EvaluationError, Function, Group, Kind, Parameter, Reach, Series, Signature,
};

/// See the signature.
pub(super) struct Alias;

static SIGNATURE: Signature = Signature {
    names: &["alias"],
    group: Group::Alias,
    usage: "(seriesList, newName)",
    description: "Shows a text in the legend in place of the series' name. Aggregates go on \
                  printing the path.",
    parameters: &[
        Parameter::required("seriesList", Kind::SeriesList),
        Parameter::required("newName", Kind::String),
    ],
    aggregator: false,
};

impl Function for Alias {
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
        let name = SmolStr::from(call.string("newName")?);
        for series in &mut all {
            call.claim_name(series, name.len())?;
            series.name = name.clone();
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use crate::functions::testing::Samples;

    #[test]
    fn only_the_legend_changes() {
        let samples = Samples::new().with("a.b", 60, 60, &[1.0]);
        let result = samples.run("alias(a.*,\"Load\")", 0, 60);
        assert_eq!(result[0].name, "Load");
        assert_eq!(result[0].path_expression, "a.*");
        assert_eq!(result[0].tags.get("name"), Some("a.b"));
    }
}

//! `areaBetween`: the area between two series.

use crate::functions::{
    Call, EvaluationError, Function, Group, Kind, Parameter, Series, Signature,
};

/// See the signature.
pub(super) struct AreaBetween;

static SIGNATURE: Signature = Signature {
    names: &["areaBetween"],
    group: Group::Graph,
    usage: "(seriesList)",
    description: "Draws the area between exactly two series.",
    parameters: &[Parameter::required("seriesList", Kind::SeriesList)],
    aggregator: false,
};

impl Function for AreaBetween {
    fn signature(&self) -> &Signature {
        &SIGNATURE
    }

    fn keeps_grid(&self) -> bool {
        true
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let mut all = call.series("seriesList")?;
        let [lower, upper] = all.as_mut_slice() else {
            let problem = format!("takes exactly 2 series, not {}", all.len());
            return Err(call.error(problem));
        };
        lower.options.stacked = true;
        lower.options.invisible = true;
        upper.options.stacked = true;
        upper.tags.set("areaBetween", "1");
        upper.name = format!("areaBetween({})", upper.path_expression).into();
        lower.tags = upper.tags.clone();
        lower.name.clone_from(&upper.name);
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use crate::functions::testing::Samples;

    #[test]
    fn both_series_share_the_name_and_tags_of_the_upper() {
        let samples = Samples::new()
            .with("s.a", 60, 60, &[1.0])
            .with("s.b", 60, 60, &[2.0])
            .with("s.c", 60, 60, &[3.0]);
        let result = samples.run("areaBetween(s.{a,b})", 0, 60);
        for series in &result {
            assert_eq!(series.name, "areaBetween(s.{a,b})");
            assert_eq!(series.tags.get("name"), Some("s.b"));
        }
        assert!(result[0].options.invisible && !result[1].options.invisible);
        let error = samples.try_run("areaBetween(s.*)", 0, 60).unwrap_err();
        assert!(error.to_string().contains("exactly 2 series, not 3"));
    }
}

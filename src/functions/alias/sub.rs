//! `aliasSub`: a legend by search and replace.

use crate::functions::python_regex::PythonRegex;
use crate::functions::{
    Call, EvaluationError, Function, Group, Kind, Parameter, Reach, Series, Signature, parallel,
};

/// See the signature.
pub(super) struct AliasSub;

static SIGNATURE: Signature = Signature {
    names: &["aliasSub"],
    group: Group::Alias,
    usage: "(seriesList, search, replace)",
    description: "Rewrites the legend: every match of a regular expression gives way to a text in \
                  which \\1 stands for the first group.",
    parameters: &[
        Parameter::required("seriesList", Kind::SeriesList),
        Parameter::required("search", Kind::String),
        Parameter::required("replace", Kind::String),
    ],
    aggregator: false,
};

impl Function for AliasSub {
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
        let problem = |problem: String| call.error(problem);
        let regex = PythonRegex::new(&call.string("search")?).map_err(problem)?;
        let replacement = regex
            .replacement(&call.string("replace")?)
            .map_err(problem)?;
        parallel::try_map(all, |mut series| {
            series.name = regex
                .replace_all(&series.name, &replacement)
                .map_err(problem)?;
            Ok(series)
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::functions::testing::Samples;

    #[test]
    fn wrapping_of_a_dashboard_adds_its_letter_once_and_leaves_the_tags() {
        let samples = Samples::new().with("a.b", 60, 60, &[1.0]);
        let result = samples.run(r#"aliasSub(a.*,"(^.*$)","\1 A")"#, 0, 60);
        assert_eq!(result[0].name, "a.b A");
        assert_eq!(result[0].path_expression, "a.*");
        assert_eq!(result[0].tags.get("name"), Some("a.b"));
    }

    #[test]
    fn wrong_expressions_name_the_function() {
        let samples = Samples::new().with("a", 60, 60, &[1.0]);
        let error = samples
            .try_run(r#"aliasSub(a,"(","b")"#, 0, 60)
            .unwrap_err();
        assert!(error.to_string().starts_with("aliasSub: \"(\""), "{error}");
    }
}

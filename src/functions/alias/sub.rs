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
        let mut all = call.series("seriesList")?;
        let (search, replacement) = (call.string("search")?, call.string("replace")?);
        if let Some(suffix) = suffix_of(&search, &replacement)
            && all.iter().all(|series| !series.name.contains('\n'))
        {
            call.claim(all.len() * suffix.len())?;
            for series in &mut all {
                series.name = [series.name.as_str(), suffix].concat().into();
            }
            return Ok(all);
        }
        if all.is_empty() {
            return Ok(all);
        }
        let problem = |problem: String| call.error(problem);
        let regex = PythonRegex::new(&search).map_err(problem)?;
        let replacement = regex.replacement(&replacement).map_err(problem)?;
        parallel::try_map(all, |mut series| {
            let name = regex
                .replace_all(&series.name, &replacement)
                .map_err(problem)?;
            call.claim_name(&series, name.len())?;
            series.name = name.into();
            Ok(series)
        })
    }
}

/// What a call only hangs on to every name: dashboards wrap each of their targets in
/// `aliasSub(…,"(^.*$)","\1 A")`, and a regular expression costs more than all else about a short series.
/// It matches a name without line breaks exactly once, as a whole.
fn suffix_of<'a>(search: &str, replacement: &'a str) -> Option<&'a str> {
    let suffix = replacement.strip_prefix("\\1")?;
    let is_plain =
        !suffix.contains('\\') && !suffix.starts_with(|first: char| first.is_ascii_digit());
    (search == "(^.*$)" && is_plain).then_some(suffix)
}

#[cfg(test)]
mod tests {
    use super::*;
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
    fn short_road_gives_what_the_regular_expression_gives() {
        let samples = Samples::new().with("a.b", 60, 60, &[1.0]);
        for replacement in ["\\1 A", "\\1", "\\1 B \\1", "\\10"] {
            let wrap = |search: &str| {
                let target = format!("aliasSub(a.b,\"{search}\",\"{replacement}\")");
                let result = samples.try_run(&target, 0, 60);
                result
                    .map(|series| series[0].name.clone())
                    .map_err(|error| error.to_string().len())
            };
            // The second is the same expression in other words.
            assert_eq!(
                wrap("(^.*$)").ok(),
                wrap("(^(?:.*)$)").ok(),
                "{replacement}"
            );
        }
        assert_eq!(suffix_of("(^.*$)", "\\1 A"), Some(" A"));
        assert_eq!(suffix_of("(^.+$)", "\\1 A"), None);
        assert_eq!(suffix_of("(^.*$)", "\\1\\1"), None);
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

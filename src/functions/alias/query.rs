//! `aliasQuery`: a legend with the newest value of another series in it.

use crate::functions::aggregation::Aggregation;
use crate::functions::python_regex::PythonRegex;
use crate::functions::{
    Call, EvaluationError, Function, Group, Kind, Parameter, Series, Signature, percent_format,
};

/// See the signature.
pub(super) struct AliasQuery;

static SIGNATURE: Signature = Signature {
    names: &["aliasQuery"],
    group: Group::Alias,
    usage: "(seriesList, search, replace, newName)",
    description: "Makes a query of each legend by search and replace, runs it, and shows newName \
                  with the newest value of its first series in place of %d, %g or the like.",
    parameters: &[
        Parameter::required("seriesList", Kind::SeriesList),
        Parameter::required("search", Kind::String),
        Parameter::required("replace", Kind::String),
        Parameter::required("newName", Kind::String),
    ],
    aggregator: false,
};

impl Function for AliasQuery {
    fn signature(&self) -> &Signature {
        &SIGNATURE
    }

    fn keeps_grid(&self) -> bool {
        true
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let mut all = call.series("seriesList")?;
        if all.is_empty() {
            return Ok(all);
        }
        let queries = queries(call, &all)?;
        let answers = call.evaluate_targets(&queries, call.window())?;
        let template = call.string("newName")?;
        for ((series, query), answer) in all.iter_mut().zip(&queries).zip(answers) {
            let first = answer
                .first()
                .ok_or_else(|| call.error(format!("the query \"{query}\" found no series")))?;
            let newest = Aggregation::Last.apply(&first.values);
            if newest.is_nan() {
                return Err(call.error(format!("the series \"{}\" has no value", first.name)));
            }
            let name = percent_format::format(&template, newest)
                .map_err(|problem| call.error(format!("newName {problem}")))?;
            call.claim_name(series, name.len())?;
            series.name = name.into();
        }
        Ok(all)
    }
}

fn queries(call: &Call<'_>, all: &[Series]) -> Result<Vec<String>, EvaluationError> {
    let problem = |problem: String| call.error(problem);
    let regex = PythonRegex::new(&call.string("search")?).map_err(problem)?;
    let replacement = regex
        .replacement(&call.string("replace")?)
        .map_err(problem)?;
    let query = |series: &Series| {
        let query = regex
            .replace_all(&series.name, &replacement)
            .map_err(problem)?;
        call.claim(query.len())?;
        Ok(query)
    };
    all.iter().map(query).collect()
}

#[cfg(test)]
mod tests {
    use crate::functions::testing::Samples;

    #[test]
    fn newest_value_of_the_query_stands_in_the_legend() {
        let samples = Samples::new()
            .with("a.used", 60, 60, &[1.0, 2.5, f64::NAN])
            .with("a.free", 60, 60, &[0.0; 3]);
        let result = samples.run(r#"aliasQuery(a.free,"free$","used","used %.1f")"#, 0, 180);
        assert_eq!(result[0].name, "used 2.5");
    }

    #[test]
    fn query_without_an_answer_is_an_error() {
        let samples = Samples::new().with("a", 60, 60, &[f64::NAN]);
        let run = |target| samples.try_run(target, 0, 60).unwrap_err().to_string();
        assert!(run(r#"aliasQuery(a,"a","b","%d")"#).contains("\"b\" found no series"));
        assert!(run(r#"aliasQuery(a,"x","b","%d")"#).contains("has no value"));
        let of_nothing = samples.run(r#"aliasQuery(none.*,"x","\1","%d")"#, 0, 60);
        assert!(of_nothing.is_empty());
    }
}

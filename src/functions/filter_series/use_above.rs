//! `useSeriesAbove`: other series in place of those that rise above a value.

use crate::functions::aggregation::greatest;
use crate::functions::python_regex::PythonRegex;
use crate::functions::{
    Call, EvaluationError, Function, Group, Kind, Parameter, Series, Signature,
};

/// See the signature.
pub(super) struct UseSeriesAbove;

static SIGNATURE: Signature = Signature {
    names: &["useSeriesAbove"],
    group: Group::FilterSeries,
    usage: "(seriesList, value, search, replace)",
    description: "Where the greatest value of a series without nulls is above a value, reads the \
                  series whose name search and replace make of its name.",
    parameters: &[
        Parameter::required("seriesList", Kind::SeriesList),
        Parameter::required("value", Kind::Float),
        Parameter::required("search", Kind::String),
        Parameter::required("replace", Kind::String),
    ],
    aggregator: false,
};

impl Function for UseSeriesAbove {
    fn signature(&self) -> &Signature {
        &SIGNATURE
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let all = call.series("seriesList")?;
        let value = call.number("value")?;
        let problem = |problem: String| call.error(problem);
        let regex = PythonRegex::new(&call.string("search")?).map_err(problem)?;
        let replacement = regex
            .replacement(&call.string("replace")?)
            .map_err(problem)?;
        // As in the reference, a series with a null among its values is passed over.
        let is_above = |series: &&Series| {
            !series.values.iter().any(|value| value.is_nan()) && greatest(&series.values) > value
        };
        let above = all.iter().filter(is_above);
        let query = |series: &Series| {
            regex
                .replace_all(&series.name, &replacement)
                .map_err(problem)
        };
        let queries = above.map(query).collect::<Result<Vec<String>, _>>()?;
        if queries.is_empty() {
            return Ok(Vec::new());
        }
        // One target, as in the reference: where a legend is no expression, none of them is read.
        let all = format!("group({})", queries.join(","));
        let mut found = call.evaluate_target(all, call.window())?;
        found.retain(|series| !series.values.is_empty());
        Ok(found)
    }
}

/// carbonapi's `aboveSeries`: the series themselves, where the reference reads others.
pub(super) struct AboveSeries;

static ABOVE_SERIES: Signature = Signature {
    names: &["aboveSeries"],
    group: Group::Custom,
    usage: "(seriesList, value, search=None, replace=None)",
    description: "The series whose greatest value is above a value, with search replaced in their \
                  legends when it is given.",
    parameters: &[
        Parameter::required("seriesList", Kind::SeriesList),
        Parameter::required("value", Kind::Float),
        Parameter::optional("search", Kind::String),
        Parameter::optional("replace", Kind::String),
    ],
    aggregator: false,
};

impl Function for AboveSeries {
    fn signature(&self) -> &Signature {
        &ABOVE_SERIES
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let mut all = call.series("seriesList")?;
        let value = call.number("value")?;
        all.retain(|series| greatest(&series.values) > value);
        let search = call.optional_string("search")?;
        let replace = call.optional_string("replace")?;
        if let Some((search, replace)) = search.zip(replace) {
            let problem = |problem: String| call.error(problem);
            let regex = PythonRegex::new(&search).map_err(problem)?;
            let replacement = regex.replacement(&replace).map_err(problem)?;
            for series in &mut all {
                let renamed = regex.replace_all(&series.name, &replacement);
                series.name = renamed.map_err(problem)?.into();
            }
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use crate::functions::testing::Samples;

    #[test]
    fn above_series_keeps_the_series_itself() {
        let samples = Samples::new()
            .with("a.used", 60, 60, &[9.0, f64::NAN])
            .with("b.used", 60, 60, &[1.0]);
        let result = samples.run("aboveSeries(*.used,5)", 0, 120);
        assert_eq!(result.len(), 1);
        assert_eq!(result[0].name, "a.used");
        let result = samples.run("aboveSeries(*.used,0,'used','x')", 0, 120);
        assert_eq!(result[1].name, "b.x");
    }

    #[test]
    fn only_series_above_the_value_are_replaced() {
        let samples = Samples::new()
            .with("a.used", 60, 60, &[9.0])
            .with("b.used", 60, 60, &[1.0])
            .with("a.free", 60, 60, &[5.0])
            .with("b.free", 60, 60, &[6.0]);
        let result = samples.run("useSeriesAbove(*.used,5,'used','free')", 0, 60);
        assert_eq!(result.len(), 1);
        assert_eq!(result[0].name, "a.free");
        let none = samples.run(
            "useSeriesAbove(alias(a.used,'a used'),5,'used','free')",
            0,
            60,
        );
        assert!(none.is_empty());
    }
}

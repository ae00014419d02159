//! `aggregateSeriesLists` and its short forms: two lists combined pair by pair.

use super::aggregate::aggregate;
use super::short_form::{LongForm, ShortForm};
use crate::functions::{
    Call, EvaluationError, Function, Group, Kind, Parameter, Reach, Series, Signature, Value,
};

const FIRST: Parameter = Parameter::required("seriesListFirstPos", Kind::SeriesList);
const SECOND: Parameter = Parameter::required("seriesListSecondPos", Kind::SeriesList);

fn combine(
    call: &Call<'_>,
    pairs: Vec<(Series, Series)>,
    function: &str,
    x_files_factor: f64,
) -> Result<Vec<Series>, EvaluationError> {
    let mut results = Vec::with_capacity(pairs.len());
    for (first, second) in pairs {
        let names = format!("({},{})", first.name, second.name);
        let combined = aggregate(call, vec![first, second], function, x_files_factor)?;
        results.extend(combined.map(|mut series| {
            let function = function.strip_suffix("Series").unwrap_or(function);
            series.name = format!("{function}Series{names}").into();
            series
        }));
    }
    Ok(results)
}

/// The first series of both lists, the second of both, and so on.
fn pairs(call: &Call<'_>) -> Result<Vec<(Series, Series)>, EvaluationError> {
    let first = call.series("seriesListFirstPos")?;
    let second = call.series("seriesListSecondPos")?;
    if first.len() != second.len() {
        let problem = format!(
            "takes two lists of one length, not {} and {} series",
            first.len(),
            second.len()
        );
        return Err(call.error(problem));
    }
    Ok(first.into_iter().zip(second).collect())
}

/// `aggregateSeriesLists` itself.
pub(super) struct AggregateSeriesLists;

static AGGREGATE_SERIES_LISTS: Signature = Signature {
    names: &["aggregateSeriesLists"],
    group: Group::Combine,
    usage: "(seriesListFirstPos, seriesListSecondPos, func, xFilesFactor=None)",
    description: "Combines the first series of both lists, the second of both, and so on, with an \
                  aggregation function.",
    parameters: &[
        FIRST,
        SECOND,
        Parameter::required("func", Kind::AggFunc),
        Parameter::optional("xFilesFactor", Kind::Float),
    ],
    aggregator: false,
};

impl Function for AggregateSeriesLists {
    fn signature(&self) -> &Signature {
        &AGGREGATE_SERIES_LISTS
    }

    fn reach(&self, _call: &Call<'_>) -> Reach {
        Reach::Points(0)
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        // First: it may change the factor that is in force.
        let pairs = pairs(call)?;
        let factor = call.x_files_factor_or("xFilesFactor")?;
        combine(call, pairs, &call.string("func")?, factor)
    }
}

const SHORT: LongForm = LongForm {
    usage: "(seriesListFirstPos, seriesListSecondPos)",
    parameters: &[FIRST, SECOND],
    combine: |call, function| {
        let pairs = pairs(call)?;
        combine(call, pairs, function, call.x_files_factor())
    },
};

pub(super) static DIFF_SERIES_LISTS: ShortForm = SHORT.of(
    &["diffSeriesLists"],
    "diff",
    "Each series of the first list less its partner in the second.",
);
pub(super) static MULTIPLY_SERIES_LISTS: ShortForm = SHORT.of(
    &["multiplySeriesLists"],
    "multiply",
    "Each series of the first list times its partner in the second.",
);
pub(super) static SUM_SERIES_LISTS: ShortForm = SHORT.of(
    &["sumSeriesLists"],
    "sum",
    "Each series of the first list plus its partner in the second.",
);

/// carbonapi's `powSeriesLists`, which the reference lacks beside `powSeries`.
pub(super) struct PowSeriesLists;

static POW_SERIES_LISTS: Signature = Signature {
    names: &["powSeriesLists"],
    group: Group::Custom,
    usage: "(seriesListFirstPos, seriesListSecondPos)",
    description: "Each series of the first list to the power of its partner in the second; null where \
                  either is.",
    parameters: &[FIRST, SECOND],
    aggregator: false,
};

impl Function for PowSeriesLists {
    fn signature(&self) -> &Signature {
        &POW_SERIES_LISTS
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let mut results = Vec::new();
        for (base, exponent) in pairs(call)? {
            let name = format!("powSeries({},{})", base.name, exponent.name);
            let arguments = [base, exponent].map(|series| Value::Series(vec![series]));
            let powers = call.invoke("powSeries", arguments.into())?;
            results.extend(powers.into_iter().map(|mut series| {
                series.name = name.as_str().into();
                series
            }));
        }
        Ok(results)
    }
}

#[cfg(test)]
mod tests {
    use crate::functions::testing::{Samples, assert_values};

    #[test]
    fn lists_are_paired_by_position() {
        let samples = Samples::new()
            .with("a.1", 60, 60, &[5.0])
            .with("a.2", 60, 60, &[7.0])
            .with("b.1", 60, 60, &[1.0])
            .with("b.2", 60, 60, &[2.0]);
        let result = samples.run("diffSeriesLists(a.*,b.*)", 0, 60);
        assert_eq!(result[1].name, "diffSeries(a.2,b.2)");
        assert_values(&result[0], &[Some(4.0)]);
        assert_values(&result[1], &[Some(5.0)]);
        let result = samples.run("powSeriesLists(a.*,b.*)", 0, 60);
        assert_eq!(result[1].name, "powSeries(a.2,b.2)");
        assert_values(&result[1], &[Some(49.0)]);
        let factor = "sumSeriesLists(a.*,setXFilesFactor(b.*,2))";
        assert_values(&samples.run(factor, 0, 60)[0], &[None]);
        let error = samples.try_run("sumSeriesLists(a.*,b.1)", 0, 60);
        assert!(error.unwrap_err().to_string().contains("not 2 and 1"));
    }
}

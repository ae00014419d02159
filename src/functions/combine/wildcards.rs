//! `aggregateWithWildcards` and its short forms: one series for all that differ only in some nodes.

use super::aggregate::aggregate;
use super::grouping::by_key;
use super::short_form::{LongForm, ShortForm};
use crate::functions::{
    Call, EvaluationError, Function, Group, Kind, Parameter, Reach, Series, Signature,
};

const SERIES: Parameter = Parameter::required("seriesList", Kind::SeriesList);
const POSITIONS: Parameter = Parameter::optional("position", Kind::Node).multiple();

fn combine(call: &Call<'_>, function: &str) -> Result<Vec<Series>, EvaluationError> {
    let all = call.series("seriesList")?;
    let positions = call.integers("position")?;
    let mut results = Vec::new();
    for (key, group) in by_key(all, |series| without(&series.name, &positions)) {
        let combined = aggregate(call, group, function, call.x_files_factor())?;
        results.extend(combined.map(|mut series| {
            series.name = key.into();
            series
        }));
    }
    Ok(results)
}

/// The name without the nodes at these positions, counted from 0.
fn without(name: &str, positions: &[i64]) -> String {
    let kept = name
        .split('.')
        .enumerate()
        .filter(|(position, _)| !positions.contains(&(*position as i64)));
    let kept: Vec<&str> = kept.map(|(_, node)| node).collect();
    kept.join(".")
}

/// `aggregateWithWildcards` itself.
pub(super) struct AggregateWithWildcards;

static AGGREGATE_WITH_WILDCARDS: Signature = Signature {
    names: &["aggregateWithWildcards"],
    group: Group::Combine,
    usage: "(seriesList, func, *positions)",
    description: "Combines the series that have the same name but for the nodes at some positions, \
                  with an aggregation function.",
    parameters: &[
        SERIES,
        Parameter::required("func", Kind::AggFunc),
        POSITIONS,
    ],
    aggregator: false,
};

impl Function for AggregateWithWildcards {
    fn signature(&self) -> &Signature {
        &AGGREGATE_WITH_WILDCARDS
    }

    fn reach(&self, _call: &Call<'_>) -> Reach {
        Reach::Points(0)
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        combine(call, &call.string("func")?)
    }
}

const SHORT: LongForm = LongForm {
    usage: "(seriesList, *position)",
    parameters: &[SERIES, POSITIONS],
    combine,
};

pub(super) static AVERAGE_SERIES_WITH_WILDCARDS: ShortForm = SHORT.of(
    &["averageSeriesWithWildcards"],
    "average",
    "The mean of the series that have the same name but for the nodes at some positions.",
);
pub(super) static MULTIPLY_SERIES_WITH_WILDCARDS: ShortForm = SHORT.of(
    &["multiplySeriesWithWildcards"],
    "multiply",
    "The product of the series that have the same name but for the nodes at some positions.",
);
pub(super) static SUM_SERIES_WITH_WILDCARDS: ShortForm = SHORT.of(
    &["sumSeriesWithWildcards"],
    "sum",
    "The sum of the series that have the same name but for the nodes at some positions.",
);

#[cfg(test)]
mod tests {
    use crate::functions::testing::{Samples, assert_values};

    #[test]
    fn series_that_differ_in_the_position_only_are_one() {
        let samples = Samples::new()
            .with("s.a.in", 60, 60, &[1.0])
            .with("s.b.in", 60, 60, &[2.0])
            .with("s.b.out", 60, 60, &[4.0]);
        let result = samples.run("sumSeriesWithWildcards(s.*.*,1)", 0, 60);
        assert_eq!(result[0].name, "s.in");
        assert_values(&result[0], &[Some(3.0)]);
        assert_eq!(result[1].name, "s.out");
        assert_eq!(result[1].path_expression, "sumSeries(s.*.*)");
    }
}

//! `weightedAverage`: averages weighed by other series.

use std::collections::BTreeSet;

use super::aggregate::aggregate;
use super::divide::{quotient, zip_longest};
use crate::functions::node;
use crate::functions::{
    Call, Cancellation, EvaluationError, Function, Group, Kind, Parameter, Reach, Series, Signature,
};

/// See the signature.
pub(super) struct WeightedAverage;

static SIGNATURE: Signature = Signature {
    names: &["weightedAverage"],
    group: Group::Combine,
    usage: "(seriesListAvg, seriesListWeight, *nodes)",
    description: "The average of series, each weighed by the one of the second list that shares \
                  its nodes.",
    parameters: &[
        Parameter::required("seriesListAvg", Kind::SeriesList),
        Parameter::required("seriesListWeight", Kind::SeriesList),
        Parameter::optional("nodes", Kind::NodeOrTag).multiple(),
    ],
    aggregator: false,
};

impl Function for WeightedAverage {
    fn signature(&self) -> &Signature {
        &SIGNATURE
    }

    fn reach(&self, _call: &Call<'_>) -> Reach {
        Reach::Points(0)
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let averages = call.series("seriesListAvg")?;
        let weights = call.series("seriesListWeight")?;
        if averages.len() != weights.len() {
            let problem = format!(
                "takes as many weights as averages, not {} and {}",
                weights.len(),
                averages.len()
            );
            return Err(call.error(problem));
        }
        let products = products(call, &averages, &weights)?;
        let name = format!(
            "weightedAverage({}, {}, {})",
            paths(&averages),
            paths(&weights),
            call.strings("nodes")?.join(",")
        );
        let factor = call.x_files_factor();
        let (Some(products), Some(weights)) = (
            aggregate(call, products, "sum", factor)?,
            aggregate(call, weights, "sum", factor)?,
        ) else {
            return Ok(Vec::new());
        };
        let values = zip_longest(&products.values, &weights.values, quotient);
        let grid = (products.start, products.end, products.step);
        Ok(vec![call.fresh(name, grid, values)])
    }
}

/// The pairs that share a key, multiplied; of several averages or weights with one key the last.
fn products(
    call: &Call<'_>,
    averages: &[Series],
    weights: &[Series],
) -> Result<Vec<Series>, EvaluationError> {
    let nodes = call.nodes("nodes")?;
    let mut keyed: Vec<(String, Option<&Series>, Option<&Series>)> = Vec::new();
    for (average, weight) in averages.iter().zip(weights) {
        entry(&mut keyed, node::key(average, &nodes)).1 = Some(average);
        entry(&mut keyed, node::key(weight, &nodes)).2 = Some(weight);
    }
    let pairs = keyed
        .into_iter()
        .filter_map(|(_, average, weight)| Some((average?, weight?)));
    pairs
        .map(|(average, weight)| {
            Cancellation::check_current()?;
            let name = format!("product({},{})", weight.name, average.name);
            let values = zip_longest(&average.values, &weight.values, |left, right| left * right);
            let grid = (average.start, average.end, average.step);
            Ok(call.fresh(name, grid, values))
        })
        .collect()
}

type Keyed<'a> = (String, Option<&'a Series>, Option<&'a Series>);

fn entry<'list, 'a>(keyed: &'list mut Vec<Keyed<'a>>, key: String) -> &'list mut Keyed<'a> {
    let position = keyed.iter().position(|(known, _, _)| *known == key);
    let position = position.unwrap_or_else(|| {
        keyed.push((key, None, None));
        keyed.len() - 1
    });
    &mut keyed[position]
}

/// The path expressions, each once and sorted.
fn paths(series: &[Series]) -> String {
    let paths: BTreeSet<&str> = series
        .iter()
        .map(|one| one.path_expression.as_str())
        .collect();
    paths.into_iter().collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use crate::functions::testing::{Samples, assert_values};

    fn samples() -> Samples {
        Samples::new()
            .with("s.a.time", 60, 60, &[10.0, 1.0])
            .with("s.b.time", 60, 60, &[20.0, 3.0])
            .with("s.a.count", 60, 60, &[3.0, 0.0])
            .with("s.b.count", 60, 60, &[1.0, 0.0])
    }

    #[test]
    fn weights_are_found_by_nodes() {
        let result = samples().run("weightedAverage(s.*.time,s.*.count,1)", 0, 120);
        assert_eq!(result[0].name, "weightedAverage(s.*.time, s.*.count, 1)");
        assert_values(&result[0], &[Some(12.5), None]);
    }

    #[test]
    fn without_a_match_there_is_no_answer() {
        assert!(
            samples()
                .run("weightedAverage(s.a.time,s.b.count,1)", 0, 120)
                .is_empty()
        );
        let error = samples().try_run("weightedAverage(s.*.time,s.a.count,1)", 0, 120);
        assert!(error.unwrap_err().to_string().contains("not 1 and 2"));
    }
}

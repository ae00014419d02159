//! `mapSeries` and `reduceSeries`: series gathered by nodes, then each group made one.
//!
//! `reduceSeries` groups by the names themselves, so the lists that `mapSeries` makes are handed on as
//! one; it insists on being fed by `mapSeries` because the reference does.

use super::grouping::by_key;
use crate::functions::node;
use crate::functions::{
    Call, EvaluationError, Function, Group, Kind, Parameter, Series, Signature, Value, registry,
};

/// `mapSeries`.
pub(super) struct MapSeries;

static MAP_SERIES: Signature = Signature {
    names: &["mapSeries", "map"],
    group: Group::Combine,
    usage: "(seriesList, *mapNodes)",
    description: "Gathers the series that share nodes or tags, for reduceSeries.",
    parameters: &[
        Parameter::required("seriesList", Kind::SeriesList),
        Parameter::required("mapNodes", Kind::NodeOrTag).multiple(),
    ],
    aggregator: false,
};

impl Function for MapSeries {
    fn signature(&self) -> &Signature {
        &MAP_SERIES
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let nodes = call.nodes("mapNodes")?;
        let groups = by_key(call.series("seriesList")?, |series| {
            node::key(series, &nodes)
        });
        Ok(groups.into_iter().flat_map(|(_, group)| group).collect())
    }
}

/// `reduceSeries`.
pub(super) struct ReduceSeries;

static REDUCE_SERIES: Signature = Signature {
    names: &["reduceSeries", "reduce"],
    group: Group::Combine,
    usage: "(seriesLists, reduceFunction, reduceNode, *reduceMatchers)",
    description: "Makes one series of each group that mapSeries gathered: calls reduceFunction \
                  with the series whose node at reduceNode is the first matcher, the second, and \
                  so on.",
    parameters: &[
        Parameter::required("seriesLists", Kind::SeriesLists),
        Parameter::required("reduceFunction", Kind::String),
        Parameter::required("reduceNode", Kind::Node),
        Parameter::required("reduceMatchers", Kind::String).multiple(),
    ],
    aggregator: false,
};

impl Function for ReduceSeries {
    fn signature(&self) -> &Signature {
        &REDUCE_SERIES
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let fed_by = call.argument_function("seriesLists");
        if !fed_by.is_some_and(|name| MAP_SERIES.names.contains(&name)) {
            return Err(call.error("seriesLists must be a call of mapSeries"));
        }
        let all = call.series("seriesLists")?;
        let function = call.string("reduceFunction")?;
        if registry::find(&function).is_none() {
            return Err(EvaluationError::UnknownFunction(function));
        }
        let position = call.integer("reduceNode")?;
        let matchers = call.strings("reduceMatchers")?;
        let matching = all.into_iter().filter(|series| {
            node::node_at(&series.name, position)
                .is_some_and(|node| matchers.iter().any(|matcher| matcher == node))
        });
        let key = |series: &Series| reduced_name(&series.name, position, &function);
        let mut results = Vec::new();
        for (name, group) in by_key(matching.collect(), key) {
            let arguments = arguments(call, group, position, &matchers, &name)?;
            let reduced = call.invoke(&function, arguments)?;
            results.extend(reduced.into_iter().take(1).map(|mut series| {
                series.name = name.as_str().into();
                series
            }));
        }
        Ok(results)
    }
}

/// One argument a matcher; of several series that fit one the last.
fn arguments(
    call: &Call<'_>,
    group: Vec<Series>,
    position: i64,
    matchers: &[String],
    name: &str,
) -> Result<Vec<Value>, EvaluationError> {
    let of_matcher = |matcher: &String| {
        let fits = |series: &&Series| node::node_at(&series.name, position) == Some(matcher);
        let found = group.iter().rev().find(fits).cloned();
        let missing = || {
            call.error(format!(
                "no series of \"{name}\" has the node \"{matcher}\""
            ))
        };
        Ok(Value::Series(vec![found.ok_or_else(missing)?]))
    };
    matchers.iter().map(of_matcher).collect()
}

/// The nodes before the one that is matched, then `reduce` and the function.
fn reduced_name(name: &str, position: i64, function: &str) -> String {
    let nodes: Vec<&str> = name.split('.').collect();
    let keep = crate::functions::filter_series::first_of(position, nodes.len());
    format!("{}.reduce.{function}", nodes[..keep].join("."))
}

#[cfg(test)]
mod tests {
    use crate::functions::testing::{Samples, assert_values};

    fn samples() -> Samples {
        Samples::new()
            .with("s.a.used", 60, 60, &[1.0])
            .with("s.a.size", 60, 60, &[4.0])
            .with("s.b.used", 60, 60, &[3.0])
            .with("s.b.size", 60, 60, &[4.0])
    }

    #[test]
    fn groups_are_reduced_in_the_order_of_the_matchers() {
        let target = "reduceSeries(mapSeries(s.*.*,1),'asPercent',2,'used','size')";
        let result = samples().run(target, 0, 60);
        assert_eq!(result[0].name, "s.a.reduce.asPercent");
        assert_values(&result[0], &[Some(25.0)]);
        assert_values(&result[1], &[Some(75.0)]);
    }

    #[test]
    fn lists_must_come_from_a_map() {
        let error = samples().try_run("reduce(s.*.*,'sumSeries',2,'used')", 0, 60);
        assert!(error.unwrap_err().to_string().contains("mapSeries"));
        let target = "reduce(map(s.*.*,1),'sumSeries',2,'used','free')";
        let error = samples().try_run(target, 0, 60);
        assert!(error.unwrap_err().to_string().contains("\"free\""));
    }
}

//! `group`, and the `groupBy` family: one series for all that share nodes or tags.

use std::collections::HashSet;

use super::grouping::{by_key, combine};
use crate::functions::node::{self, Node};
use crate::functions::{
    Call, EvaluationError, Function, Kind, Literal, Parameter, Reach, Series, Signature, registry,
};
use crate::metric::Tags;

const SERIES: Parameter = Parameter::required("seriesList", Kind::SeriesList);

/// `group`.
pub(super) struct Group;

static GROUP: Signature = Signature {
    names: &["group"],
    group: crate::functions::Group::Combine,
    usage: "(*seriesLists)",
    description: "Several lists as one.",
    parameters: &[Parameter::optional("seriesLists", Kind::SeriesList).multiple()],
    aggregator: false,
};

impl Function for Group {
    fn signature(&self) -> &Signature {
        &GROUP
    }

    fn keeps_grid(&self) -> bool {
        true
    }

    fn reach(&self, _call: &Call<'_>) -> Reach {
        Reach::Points(0)
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        call.series("seriesLists")
    }
}

/// `groupByNode`.
pub(super) struct GroupByNode;

static GROUP_BY_NODE: Signature = Signature {
    names: &["groupByNode"],
    group: crate::functions::Group::Combine,
    usage: "(seriesList, nodeNum, callback='average')",
    description: "One series for all that share a node of the path or a tag, made by an \
                  aggregation or another function.",
    parameters: &[
        SERIES,
        Parameter::required("nodeNum", Kind::NodeOrTag),
        Parameter::optional("callback", Kind::AggOrSeriesFunc).default(Literal::String("average")),
    ],
    aggregator: false,
};

impl Function for GroupByNode {
    fn signature(&self) -> &Signature {
        &GROUP_BY_NODE
    }

    fn reach(&self, call: &Call<'_>) -> Reach {
        reach_of_callback(call)
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let all = call.series("seriesList")?;
        by_nodes(call, all, &[call.node("nodeNum")?])
    }
}

/// `groupByNodes`.
pub(super) struct GroupByNodes;

static GROUP_BY_NODES: Signature = Signature {
    names: &["groupByNodes"],
    group: crate::functions::Group::Combine,
    usage: "(seriesList, callback, *nodes)",
    description: "One series for all that share several nodes of the path or tags, made by an \
                  aggregation or another function.",
    parameters: &[
        SERIES,
        Parameter::required("callback", Kind::AggOrSeriesFunc),
        Parameter::optional("nodes", Kind::NodeOrTag).multiple(),
    ],
    aggregator: false,
};

impl Function for GroupByNodes {
    fn signature(&self) -> &Signature {
        &GROUP_BY_NODES
    }

    fn reach(&self, call: &Call<'_>) -> Reach {
        reach_of_callback(call)
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let all = call.series("seriesList")?;
        by_nodes(call, all, &call.nodes("nodes")?)
    }
}

/// An aggregation works row by row; a function says for itself what it does.
fn reach_of_callback(call: &Call<'_>) -> Reach {
    let callback = call.string("callback").unwrap_or_default();
    match registry::find(&callback) {
        Some(function) => function.reach(call),
        None => Reach::Points(0),
    }
}

fn by_nodes(
    call: &Call<'_>,
    all: Vec<Series>,
    nodes: &[Node],
) -> Result<Vec<Series>, EvaluationError> {
    let callback = call.string("callback")?;
    let mut results = Vec::new();
    for (key, group) in by_key(all, |series| node::key(series, nodes)) {
        results.extend(combine(call, &callback, group)?.map(|mut series| {
            series.name = key.into();
            series
        }));
    }
    Ok(results)
}

/// `groupByTags`.
pub(super) struct GroupByTags;

static GROUP_BY_TAGS: Signature = Signature {
    names: &["groupByTags"],
    group: crate::functions::Group::Combine,
    usage: "(seriesList, callback, *tags)",
    description: "One series for all that share the values of tags, named and tagged by them.",
    parameters: &[
        SERIES,
        Parameter::required("callback", Kind::AggOrSeriesFunc),
        Parameter::required("tags", Kind::Tag).multiple(),
    ],
    aggregator: false,
};

impl Function for GroupByTags {
    fn signature(&self) -> &Signature {
        &GROUP_BY_TAGS
    }

    fn reach(&self, call: &Call<'_>) -> Reach {
        reach_of_callback(call)
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let all = call.series("seriesList")?;
        let callback = call.string("callback")?;
        let tags = call.strings("tags")?;
        let common = common_name(&all).unwrap_or_else(|| callback.clone());
        let mut results = Vec::new();
        for (key, group) in by_key(all, |series| tagged_name(series, &tags, &common)) {
            results.extend(combine(call, &callback, group)?.map(|mut series| {
                series.rename(key);
                series.tags = Tags::of_name(&series.name);
                series
            }));
        }
        Ok(results)
    }
}

/// The `name` tag, when all series have the same.
fn common_name(all: &[Series]) -> Option<String> {
    let names: HashSet<&str> = all
        .iter()
        .map(|series| series.tags.get("name").unwrap_or_default())
        .collect();
    match names.into_iter().collect::<Vec<_>>()[..] {
        [name] => Some(name.to_owned()),
        _ => None,
    }
}

/// `name;tag=value` with the tags sorted; grouping by `name` itself keeps each series' own name.
fn tagged_name(series: &Series, tags: &[String], common: &str) -> String {
    let value = |tag: &str| series.tags.get(tag).unwrap_or_default().to_owned();
    let own = tags.iter().any(|tag| tag == "name");
    let name = if own {
        value("name")
    } else {
        common.to_owned()
    };
    let others = tags.iter().filter(|tag| *tag != "name");
    let mut pairs: Vec<String> = others.map(|tag| format!("{tag}={}", value(tag))).collect();
    pairs.sort();
    pairs.insert(0, name);
    pairs.join(";")
}

#[cfg(test)]
mod tests {
    use crate::functions::testing::{Samples, assert_values};

    fn samples() -> Samples {
        Samples::new()
            .with("s.b.x;dc=east;host=1", 60, 60, &[1.0])
            .with("s.a.x;dc=west;host=2", 60, 60, &[2.0])
            .with("s.a.y;dc=east;host=3", 60, 60, &[4.0])
    }

    #[test]
    fn groups_keep_the_order_of_their_first_series() {
        let result = samples().run("groupByNode(s.*.*,1,'sum')", 0, 60);
        let names: Vec<_> = result.iter().map(|series| series.name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        assert_values(&result[0], &[Some(6.0)]);
        let result = samples().run("groupByNodes(s.*.*,'maxSeries',1,'dc')", 0, 60);
        let names: Vec<_> = result.iter().map(|series| series.name.as_str()).collect();
        assert_eq!(names, ["a.west", "a.east", "b.east"]);
    }

    #[test]
    fn tags_make_the_name_and_the_new_tags() {
        let result = samples().run("groupByTags(s.*.*,'sum','dc')", 0, 60);
        assert_eq!(result[0].name, "sum;dc=west");
        assert_eq!(result[1].name, "sum;dc=east");
        assert_values(&result[1], &[Some(5.0)]);
        let tags: Vec<_> = result[1].tags.iter().collect();
        assert_eq!(tags, [("dc", "east"), ("name", "sum")]);
        assert!(
            samples()
                .try_run("groupByTags(s.*.*,'sum')", 0, 60)
                .is_err()
        );
    }

    #[test]
    fn unknown_callback_is_an_error() {
        let error = samples().try_run("groupByNode(s.*.*,1,'nope')", 0, 60);
        assert!(error.unwrap_err().to_string().contains("\"nope\""));
    }
}

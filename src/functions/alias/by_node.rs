//! `aliasByNode` and `aliasByTags`: a legend of nodes and tags; `aliasByMetric`: of the last node.

use crate::functions::node::{self, Node};
use crate::functions::{
    Call, EvaluationError, Function, Group, Kind, Parameter, Reach, Series, Signature,
};

const SERIES: Parameter = Parameter::required("seriesList", Kind::SeriesList);

/// `aliasByNode` or `aliasByTags`: they differ in the name of their parameter only.
pub(super) struct AliasByNode {
    signature: Signature,
    nodes: &'static str,
}

pub(super) static ALIAS_BY_NODE: AliasByNode = AliasByNode {
    signature: Signature {
        names: &["aliasByNode"],
        group: Group::Alias,
        usage: "(seriesList, *nodes)",
        description: "Shows nodes of the path, counted from 0 or back from -1, and tags by name, \
                      joined by dots.",
        parameters: &[
            SERIES,
            Parameter::required("nodes", Kind::NodeOrTag).multiple(),
        ],
        aggregator: false,
    },
    nodes: "nodes",
};

pub(super) static ALIAS_BY_TAGS: AliasByNode = AliasByNode {
    signature: Signature {
        names: &["aliasByTags"],
        group: Group::Alias,
        usage: "(seriesList, *tags)",
        description: "Shows tags by name, and nodes of the path by position, joined by dots.",
        parameters: &[
            SERIES,
            Parameter::required("tags", Kind::NodeOrTag).multiple(),
        ],
        aggregator: false,
    },
    nodes: "tags",
};

impl Function for AliasByNode {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn keeps_grid(&self) -> bool {
        true
    }

    fn reach(&self, _call: &Call<'_>) -> Reach {
        Reach::Points(0)
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let mut all = call.series("seriesList")?;
        let nodes: Vec<Node> = call.nodes(self.nodes)?;
        for series in &mut all {
            let name = node::key(series, &nodes);
            call.claim_name(series, name.len())?;
            series.name = name.into();
        }
        Ok(all)
    }
}

/// `aliasByMetric`.
pub(super) struct AliasByMetric;

static ALIAS_BY_METRIC: Signature = Signature {
    names: &["aliasByMetric"],
    group: Group::Alias,
    usage: "(seriesList)",
    description: "Shows the last node of the path.",
    parameters: &[SERIES],
    aggregator: false,
};

impl Function for AliasByMetric {
    fn signature(&self) -> &Signature {
        &ALIAS_BY_METRIC
    }

    fn keeps_grid(&self) -> bool {
        true
    }

    fn reach(&self, _call: &Call<'_>) -> Reach {
        Reach::Points(0)
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let mut all = call.series("seriesList")?;
        for series in &mut all {
            let path = node::inner_text(&series.name);
            let last = path.rsplit('.').next().unwrap_or_default();
            series.name = node::without_arguments(last).into();
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use crate::functions::testing::Samples;

    fn name_of(target: &str) -> String {
        let samples = Samples::new().with("a.b.c;dc=east", 60, 60, &[1.0]);
        samples.run(target, 0, 60)[0].name.to_string()
    }

    #[test]
    fn nodes_and_tags_are_joined_by_dots() {
        assert_eq!(name_of("aliasByNode(a.b.*,-2,\"dc\",9)"), "b.east.");
        assert_eq!(name_of("aliasByTags(a.b.*,\"dc\",0)"), "east.a");
    }

    #[test]
    fn metric_is_the_last_node_inside_the_parentheses() {
        assert_eq!(name_of("aliasByMetric(scale(a.b.*,2))"), "c;dc=east");
    }
}

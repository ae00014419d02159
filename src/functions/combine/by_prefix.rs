//! `applyByNode`: a query for each prefix of the names.

use std::collections::BTreeSet;

use crate::functions::{
    Call, EvaluationError, Function, Group, Kind, Parameter, Series, Signature,
};

/// See the signature.
pub(super) struct ApplyByNode;

static SIGNATURE: Signature = Signature {
    names: &["applyByNode"],
    group: Group::Combine,
    usage: "(seriesList, nodeNum, templateFunction, newName=None)",
    description: "Runs templateFunction for each different beginning of the names, up to the node \
                  at nodeNum, with the beginning in place of every %. newName, with the same \
                  replacement, is the legend.",
    parameters: &[
        Parameter::required("seriesList", Kind::SeriesList),
        Parameter::required("nodeNum", Kind::Node),
        Parameter::required("templateFunction", Kind::String),
        Parameter::optional("newName", Kind::String),
    ],
    aggregator: false,
};

impl Function for ApplyByNode {
    fn signature(&self) -> &Signature {
        &SIGNATURE
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let all = call.series("seriesList")?;
        let Some(last) = all.last() else {
            return Ok(Vec::new());
        };
        let node = call.integer("nodeNum")?;
        let template = call.string("templateFunction")?;
        let new_name = call
            .optional_string("newName")?
            .filter(|name| !name.is_empty());
        let prefixes: BTreeSet<String> = all
            .iter()
            .map(|series| prefix(&series.name, node))
            .collect();
        let query = |prefix: &String| {
            let replaced = template.matches('%').count() * prefix.len();
            call.claim(template.len() + replaced)?;
            Ok(template.replace('%', prefix))
        };
        let queries: Vec<String> = prefixes
            .iter()
            .map(query)
            .collect::<Result<_, EvaluationError>>()?;
        let answers = call.evaluate_targets(&queries, call.window())?;
        let mut results = Vec::new();
        for (prefix, answer) in prefixes.iter().zip(answers) {
            for mut series in answer {
                if let Some(new_name) = &new_name {
                    let name = new_name.replace('%', prefix);
                    call.claim_name(&series, name.len())?;
                    series.name = name.into();
                }
                series.path_expression = prefix.into();
                // As in the reference, results take the place in time of the last series asked about.
                series.start = last.start;
                series.end = last.end;
                results.push(series);
            }
        }
        Ok(results)
    }
}

/// The nodes up to and with the one at `node`; a negative position leaves out nodes at the end.
fn prefix(name: &str, node: i64) -> String {
    let nodes: Vec<&str> = name.split('.').collect();
    let keep = crate::functions::filter_series::first_of(node.saturating_add(1), nodes.len());
    nodes[..keep].join(".")
}

#[cfg(test)]
mod tests {
    use crate::functions::testing::{Samples, assert_values};

    #[test]
    fn query_runs_for_each_prefix() {
        let samples = Samples::new()
            .with("s.a.in", 60, 60, &[1.0])
            .with("s.a.out", 60, 60, &[2.0])
            .with("s.b.in", 60, 60, &[4.0]);
        let result = samples.run("applyByNode(s.*.in,1,'sumSeries(%.*)','% total')", 0, 60);
        assert_eq!(result[0].name, "s.a total");
        assert_eq!(result[0].path_expression, "s.a");
        assert_values(&result[0], &[Some(3.0)]);
        assert_values(&result[1], &[Some(4.0)]);
    }
}

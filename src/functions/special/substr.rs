//! `substr`: some nodes of a name as the legend.

use super::SERIES;
use crate::functions::{
    Call, EvaluationError, Function, Group, Kind, Literal, Parameter, Reach, Series, Signature,
};

/// See the signature.
pub(super) struct Substr;

static SIGNATURE: Signature = Signature {
    names: &["substr"],
    group: Group::Special,
    usage: "(seriesList, start=0, stop=0)",
    description: "Shows in the legend the nodes from start up to, but not including, stop; both may \
                  count from the end, and a stop of 0 means to the end. Of a call's name the part \
                  in the innermost parentheses counts, up to its first comma.",
    parameters: &[
        SERIES,
        Parameter::optional("start", Kind::Node).default(Literal::Integer(0)),
        Parameter::optional("stop", Kind::Node).default(Literal::Integer(0)),
    ],
    aggregator: false,
};

impl Function for Substr {
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
        let (start, stop) = (call.integer("start")?, call.integer("stop")?);
        for series in &mut all {
            series.name = nodes_between(inner_part(&series.name), start, stop).into();
        }
        Ok(all)
    }
}

/// What stands between the last opening and the first closing parenthesis.
fn inner_part(name: &str) -> &str {
    let start = name.rfind('(').map_or(0, |position| position + 1);
    let end = name.find(')').unwrap_or(name.len());
    name.get(start..end).unwrap_or("")
}

fn nodes_between(path: &str, start: i64, stop: i64) -> String {
    let nodes: Vec<&str> = path.split('.').collect();
    let start = position(start, nodes.len());
    let stop = if stop == 0 {
        nodes.len()
    } else {
        position(stop, nodes.len())
    };
    let mut joined = nodes.get(start..stop).unwrap_or_default().join(".");
    joined.truncate(joined.find(',').unwrap_or(joined.len()));
    joined
}

/// A position as Python's slices take it: negative ones count from the end, all are cut to the list.
fn position(position: i64, length: usize) -> usize {
    let from_start = if position < 0 {
        position.saturating_add_unsigned(length as u64).max(0)
    } else {
        position
    };
    usize::try_from(from_start)
        .unwrap_or(usize::MAX)
        .min(length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::functions::testing::Samples;

    #[test]
    fn positions_are_those_of_a_slice() {
        for (start, stop, nodes) in [
            (0, 0, "a.b.c.d"),
            (1, 3, "b.c"),
            (-3, -1, "b.c"),
            (2, 99, "c.d"),
            (-99, 1, "a"),
            (99, 0, ""),
            (3, 1, ""),
        ] {
            assert_eq!(
                nodes_between("a.b.c.d", start, stop),
                nodes,
                "{start} {stop}"
            );
        }
    }

    #[test]
    fn innermost_parentheses_count() {
        assert_eq!(inner_part("scale(sumSeries(a.b,c.d),2)"), "a.b,c.d");
        assert_eq!(inner_part("a)b("), "");
        let samples = Samples::new().with("a.b", 10, 10, &[1.0]);
        let result = samples.run("substr(scale(a.b,2),1)", 0, 60);
        assert_eq!(result[0].name, "b");
        assert_eq!(result[0].path_expression, "scale(a.b,2)");
    }
}

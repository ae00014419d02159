//! `seriesByTag`, as far as it is a function.
//!
//! Written in a target it is a leaf of the tree, like a path, and `plan` finds its series. What stands
//! here lists it among the functions, and writes that leaf for functions which call others by name.

use crate::functions::{
    Call, EvaluationError, Function, Group, Kind, Parameter, Series, Signature,
};

/// See the signature.
pub(super) struct SeriesByTag;

static SIGNATURE: Signature = Signature {
    names: &["seriesByTag"],
    group: Group::Special,
    usage: "(*tagExpressions)",
    description: "The series whose tags pass all expressions: tag=value, tag!=value, tag=~expression, \
                  tag!=~expression. Regular expressions are anchored at the start. A series without \
                  a tag counts as having it empty; at least one expression must refuse that.",
    parameters: &[Parameter::required("tagExpressions", Kind::String).multiple()],
    aggregator: false,
};

impl Function for SeriesByTag {
    fn signature(&self) -> &Signature {
        &SIGNATURE
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let expressions = call.strings("tagExpressions")?;
        let quoted: Result<Vec<String>, _> =
            expressions.iter().map(|text| quote(call, text)).collect();
        let target = format!("seriesByTag({})", quoted?.join(","));
        call.evaluate_target(target, call.window())
    }
}

/// Puts the kind of quotes around a text that it does not hold: targets have no escapes in quotes.
fn quote(call: &Call<'_>, text: &str) -> Result<String, EvaluationError> {
    for mark in ['"', '\''] {
        if !text.contains(mark) {
            return Ok(format!("{mark}{text}{mark}"));
        }
    }
    Err(call.error(format!("{text} holds both kinds of quotes")))
}

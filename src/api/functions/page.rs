//! `/functions.html`: the reference of all functions for people, made from the same signatures that check
//! arguments.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use axum::response::Html;

use crate::functions::signature::{Kind, Literal, Parameter, Signature};
use crate::functions::{Function, registry};

const HEAD: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Functions of Plumbago</title>\
    <style>body{font:16px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}\
    code{background:#eee;padding:0 .2em}table{border-collapse:collapse}\
    td{padding:0 1em 0 0;vertical-align:top}</style><h1>Functions</h1>";

/// The page.
pub(in crate::api) async fn page() -> Html<String> {
    let mut by_group: BTreeMap<&str, BTreeMap<&str, &Signature>> = BTreeMap::new();
    for signature in registry::all().map(Function::signature) {
        let group = by_group.entry(signature.group.as_str()).or_default();
        group.extend(signature.names.iter().map(|name| (*name, signature)));
    }
    let mut html = HEAD.to_owned();
    for (group, functions) in by_group {
        let _ = write!(html, "<h2>{group}</h2>");
        for (name, signature) in functions {
            describe(&mut html, name, signature);
        }
    }
    Html(html)
}

fn describe(html: &mut String, name: &str, signature: &Signature) {
    let usage = escape(signature.usage);
    let _ = write!(html, "<h3 id=\"{name}\"><code>{name}{usage}</code></h3>");
    let _ = write!(html, "<p>{}</p><table>", escape(signature.description));
    for parameter in signature.parameters {
        let _ = write!(
            html,
            "<tr><td><code>{}</code><td>{}<td>{}",
            parameter.name,
            parameter.kind.as_str(),
            escape(&remarks(parameter))
        );
    }
    let example = escape(&example(name, signature));
    let _ = write!(html, "</table><p>Example: <code>{example}</code></p>");
}

/// What there is to say of a parameter beside its kind.
fn remarks(parameter: &Parameter) -> String {
    let mut remarks = Vec::new();
    if parameter.required {
        remarks.push("required".to_owned());
    }
    if parameter.multiple {
        remarks.push("may be repeated".to_owned());
    }
    if let Some(default) = parameter.default.filter(|value| *value != Literal::Null) {
        remarks.push(format!("default {}", text(default)));
    }
    let options: Vec<String> = registry::options(parameter).into_iter().map(text).collect();
    if !options.is_empty() {
        remarks.push(format!("one of {}", options.join(", ")));
    }
    remarks.join("; ")
}

/// A call with every parameter that it needs.
fn example(name: &str, signature: &Signature) -> String {
    let required = signature
        .parameters
        .iter()
        .filter(|parameter| parameter.required);
    let arguments: Vec<String> = required.map(argument).collect();
    format!("{name}({})", arguments.join(", "))
}

fn argument(parameter: &Parameter) -> String {
    let suggested = registry::options(parameter).first().copied();
    let suggested = parameter.suggestions.first().copied().or(suggested);
    if let Some(literal) = parameter.default.or(suggested) {
        return text(literal);
    }
    match parameter.kind {
        Kind::Series | Kind::Any => "servers.web01.cpu",
        Kind::SeriesList | Kind::SeriesLists => "servers.*.cpu",
        Kind::Boolean => "true",
        Kind::Date => "\"-1h\"",
        Kind::Float | Kind::Integer | Kind::IntOrInf => "5",
        Kind::Interval | Kind::IntOrInterval => "\"10min\"",
        Kind::Node | Kind::NodeOrTag => "1",
        Kind::Tag => "\"host\"",
        Kind::AggFunc | Kind::AggOrSeriesFunc => "\"sum\"",
        Kind::String => "\"cpu\"",
    }
    .to_owned()
}

fn text(literal: Literal) -> String {
    match literal {
        Literal::Null => "none".to_owned(),
        Literal::Boolean(value) => value.to_string(),
        Literal::Integer(number) => number.to_string(),
        Literal::Float(number) => number.to_string(),
        Literal::String(text) => format!("\"{text}\""),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_function_stands_on_the_page_with_its_parameters() {
        let Html(html) = page().await;
        for signature in registry::all().map(Function::signature) {
            for name in signature.names {
                assert!(html.contains(&format!("<h3 id=\"{name}\">")), "{name}");
            }
        }
        assert!(html.contains("Example: <code>scale(servers.*.cpu, 5)</code>"));
        assert!(html.contains("<td><code>keepStep</code><td>boolean<td>default false"));
    }

    #[test]
    fn examples_are_targets_that_parse() {
        for signature in registry::all().map(Function::signature) {
            for name in signature.names {
                let example = example(name, signature);
                let parsed = crate::target::parse(&example);
                assert!(parsed.is_ok(), "{example}: {parsed:?}");
            }
        }
    }
}

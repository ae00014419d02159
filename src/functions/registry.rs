//! All functions by name, and what `/functions` tells of them.

use std::collections::HashMap;
use std::sync::OnceLock;

use super::aggregation::AGGREGATION_NAMES;
use super::signature::{Kind, Literal, Parameter};
use super::{
    Function, alias, calculate, combine, filter_data, filter_series, graph, sorting, special,
    transform,
};

static GROUPS: [&[&dyn Function]; 9] = [
    combine::FUNCTIONS,
    transform::FUNCTIONS,
    calculate::FUNCTIONS,
    filter_series::FUNCTIONS,
    filter_data::FUNCTIONS,
    sorting::FUNCTIONS,
    alias::FUNCTIONS,
    graph::FUNCTIONS,
    special::FUNCTIONS,
];

/// The function of a name or alias; names are case-sensitive.
pub fn find(name: &str) -> Option<&'static dyn Function> {
    by_name().get(name).copied()
}

/// Every function once, group by group.
pub fn all() -> impl Iterator<Item = &'static dyn Function> {
    GROUPS
        .iter()
        .flat_map(|functions| functions.iter().copied())
}

/// The values that a parameter accepts, sorted, as `/functions` prints them: its own options and
/// those of its kind. Empty when anything of its kind goes.
pub fn options(parameter: &Parameter) -> Vec<Literal> {
    let mut names: Vec<&'static str> = match parameter.kind {
        Kind::AggFunc => aggregation_names().collect(),
        Kind::AggOrSeriesFunc => aggregation_names().chain(aggregator_names()).collect(),
        _ => return parameter.options.to_vec(),
    };
    names.sort_unstable();
    names.dedup();
    names.into_iter().map(Literal::String).collect()
}

fn aggregation_names() -> impl Iterator<Item = &'static str> {
    AGGREGATION_NAMES.iter().map(|(name, _)| *name)
}

fn aggregator_names() -> impl Iterator<Item = &'static str> {
    let signatures = all()
        .map(Function::signature)
        .filter(|signature| signature.aggregator);
    signatures.flat_map(|signature| signature.names.iter().copied())
}

fn by_name() -> &'static HashMap<&'static str, &'static dyn Function> {
    static BY_NAME: OnceLock<HashMap<&'static str, &'static dyn Function>> = OnceLock::new();
    BY_NAME.get_or_init(|| {
        let names = |function: &'static dyn Function| {
            function
                .signature()
                .names
                .iter()
                .map(move |name| (*name, function))
        };
        all().flat_map(names).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_registered_once() {
        let names = all()
            .flat_map(|function| function.signature().names)
            .count();
        assert_eq!(names, by_name().len(), "two functions share a name");
    }

    #[test]
    fn signatures_are_sound() {
        for function in all() {
            let signature = function.signature();
            let name = signature.names.first().expect("a function has a name");
            assert!(
                signature.usage.starts_with('(') && signature.usage.ends_with(')'),
                "{name}"
            );
            assert!(!signature.description.is_empty(), "{name}");
            let (last, others) = match signature.parameters.split_last() {
                Some(split) => split,
                None => continue,
            };
            assert!(others.iter().all(|parameter| !parameter.multiple), "{name}");
            assert!(!last.multiple || last.default.is_none(), "{name}");
        }
    }

    #[test]
    fn names_are_case_sensitive() {
        assert!(find("sumSeries").is_some());
        assert!(find("SumSeries").is_none());
    }
}

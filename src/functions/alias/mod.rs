//! Graphite's group "Alias": one file a function or family.

use super::Function;

#[allow(clippy::module_inception)]
mod alias;
mod by_base64;
mod by_node;
mod case;
mod legend_value;
mod query;
mod sub;

/// Every function of this group, in the order of `/functions`.
pub(super) static FUNCTIONS: &[&dyn Function] = &[
    &alias::Alias,
    &by_base64::AliasByBase64,
    &by_node::AliasByMetric,
    &by_node::ALIAS_BY_NODE,
    &by_node::ALIAS_BY_TAGS,
    &query::AliasQuery,
    &sub::AliasSub,
    &legend_value::LegendValue,
    &case::LOWER,
    &case::TO_LOWER_CASE,
    &case::TO_UPPER_CASE,
    &case::UPPER,
];

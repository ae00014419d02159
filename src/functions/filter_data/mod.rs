//! Graphite's group "Filter Data": one file a function or family.

use super::Function;

mod remove;

/// Every function of this group, in the order of `/functions`.
pub(super) static FUNCTIONS: &[&dyn Function] = &[
    &remove::REMOVE_ABOVE_PERCENTILE,
    &remove::REMOVE_ABOVE_VALUE,
    &remove::REMOVE_BELOW_PERCENTILE,
    &remove::REMOVE_BELOW_VALUE,
];

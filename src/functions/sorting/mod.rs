//! Graphite's group "Sorting": one file a function or family.

use super::Function;

mod by_name;
mod by_value;

pub(super) use by_value::sorted;

/// Every function of this group, in the order of `/functions`.
pub(super) static FUNCTIONS: &[&dyn Function] = &[
    &by_value::SortBy,
    &by_value::SortByMaxima,
    &by_value::SortByMinima,
    &by_name::SortByName,
    &by_value::SortByTotal,
];

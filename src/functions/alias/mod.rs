//! Graphite's group "Alias": one file a function or family.

use super::Function;

#[allow(clippy::module_inception)]
mod alias;

/// Every function of this group, in the order of `/functions`.
pub(super) static FUNCTIONS: &[&dyn Function] = &[&alias::Alias];

//! Graphite's function group of this name: one file a function or family.

use super::Function;

/// Every function of this group, in the order of `/functions`.
pub(super) static FUNCTIONS: &[&dyn Function] = &[];

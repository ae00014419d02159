//! Graphite's group "Transform": one file a function or family.

use super::Function;

mod scale;

/// Every function of this group, in the order of `/functions`.
pub(super) static FUNCTIONS: &[&dyn Function] = &[&scale::Scale];

//! Graphite's group "Calculate": one file a function or family.

use super::Function;

mod baseline;
mod moving;
mod rolling;

/// Every function of this group, in the order of `/functions`.
pub(super) static FUNCTIONS: &[&dyn Function] = &[
    &baseline::Baseline,
    &baseline::BaselineAberration,
    &super::special::generated::Identity,
    &moving::MOVING_AVERAGE,
    &moving::MOVING_MAX,
    &moving::MOVING_MEDIAN,
    &moving::MOVING_MIN,
    &moving::MOVING_SUM,
    &moving::MovingWindow,
];

//! Graphite's group "Calculate": one file a function or family.

use super::Function;

mod moving;
mod rolling;

/// Every function of this group, in the order of `/functions`.
pub(super) static FUNCTIONS: &[&dyn Function] = &[
    &moving::MOVING_AVERAGE,
    &moving::MOVING_MAX,
    &moving::MOVING_MEDIAN,
    &moving::MOVING_MIN,
    &moving::MOVING_SUM,
    &moving::MovingWindow,
];

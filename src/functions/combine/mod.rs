//! Graphite's group "Combine": one file a function or family.

use super::Function;

pub(super) mod aggregate;

/// Every function of this group, in the order of `/functions`.
pub(super) static FUNCTIONS: &[&dyn Function] = &[
    &aggregate::Aggregate,
    &aggregate::AVERAGE_SERIES,
    &aggregate::DIFF_SERIES,
    &aggregate::MAX_SERIES,
    &aggregate::MIN_SERIES,
    &aggregate::MultiplySeries,
    &aggregate::RANGE_OF_SERIES,
    &aggregate::STDDEV_SERIES,
    &aggregate::SUM_SERIES,
];

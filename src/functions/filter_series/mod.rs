//! Graphite's group "Filter Series": one file a function or family.

use super::Function;

mod by_count;
mod by_name;
mod by_percentile;
mod compare;
mod pearson_closest;
mod rank;
mod tukey;
mod use_above;

pub(super) use rank::first_of;

/// Every function of this group, in the order of `/functions`.
pub(super) static FUNCTIONS: &[&dyn Function] = &[
    &use_above::AboveSeries,
    &compare::AVERAGE_ABOVE,
    &compare::AVERAGE_BELOW,
    &by_percentile::AverageOutsidePercentile,
    &compare::CURRENT_ABOVE,
    &compare::CURRENT_BELOW,
    &by_name::EXCLUDE,
    &compare::FilterSeries,
    &by_name::GREP,
    &rank::HIGHEST,
    &rank::HIGHEST_AVERAGE,
    &rank::HIGHEST_CURRENT,
    &rank::HIGHEST_MAX,
    &rank::HIGHEST_MIN,
    &by_count::Limit,
    &rank::LOWEST,
    &rank::LOWEST_AVERAGE,
    &rank::LOWEST_CURRENT,
    &rank::LOWEST_MAX,
    &rank::LOWEST_MIN,
    &compare::MAXIMUM_ABOVE,
    &compare::MAXIMUM_BELOW,
    &compare::MINIMUM_ABOVE,
    &compare::MINIMUM_BELOW,
    &by_count::MostDeviant,
    &pearson_closest::PearsonClosest,
    &by_percentile::RemoveBetweenPercentile,
    &by_count::RemoveEmptySeries,
    &by_count::RemoveZeroSeries,
    &tukey::TUKEY_ABOVE,
    &tukey::TUKEY_BELOW,
    &by_count::Unique,
    &use_above::UseSeriesAbove,
];

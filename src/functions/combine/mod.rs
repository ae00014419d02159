//! Graphite's group "Combine": one file a function or family.

use super::Function;

pub(super) mod aggregate;
mod by_prefix;
mod divide;
mod group;
mod grouping;
mod join;
mod map_reduce;
mod pairs;
mod percent;
mod rows_of;
mod short_form;
mod weighted;
mod wildcards;

/// Every function of this group, in the order of `/functions`.
pub(super) static FUNCTIONS: &[&dyn Function] = &[
    &aggregate::Aggregate,
    &pairs::AggregateSeriesLists,
    &wildcards::AggregateWithWildcards,
    &by_prefix::ApplyByNode,
    &percent::AsPercent,
    &aggregate::AVERAGE_SERIES,
    &wildcards::AVERAGE_SERIES_WITH_WILDCARDS,
    &aggregate::COUNT,
    &rows_of::CountSeries,
    &aggregate::DIFF,
    &aggregate::DIFF_SERIES,
    &pairs::DIFF_SERIES_LISTS,
    &divide::DivideSeries,
    &divide::DivideSeriesLists,
    &group::Group,
    &group::GroupByNode,
    &group::GroupByNodes,
    &group::GroupByTags,
    &join::Join,
    &map_reduce::MapSeries,
    &aggregate::MAX,
    &aggregate::MAX_SERIES,
    &aggregate::MIN,
    &aggregate::MIN_SERIES,
    &aggregate::MULTIPLY,
    &aggregate::MultiplySeries,
    &pairs::MULTIPLY_SERIES_LISTS,
    &wildcards::MULTIPLY_SERIES_WITH_WILDCARDS,
    &rows_of::PercentileOfSeries,
    &rows_of::PowSeries,
    &pairs::PowSeriesLists,
    &aggregate::RANGE_OF_SERIES,
    &map_reduce::ReduceSeries,
    &aggregate::STDDEV,
    &aggregate::STDDEV_SERIES,
    &aggregate::SUM_SERIES,
    &pairs::SUM_SERIES_LISTS,
    &wildcards::SUM_SERIES_WITH_WILDCARDS,
    &weighted::WeightedAverage,
];

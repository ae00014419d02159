//! Graphite's group "Calculate": one file a function or family.

use super::Function;

mod baseline;
mod deviation;
mod exponential;
mod holt_winters;
mod line;
mod moving;
mod regression;
mod rolling;

/// Every function of this group, in the order of `/functions`.
pub(super) static FUNCTIONS: &[&dyn Function] = &[
    &line::AggregateLine,
    &baseline::Baseline,
    &baseline::BaselineAberration,
    &exponential::ExponentialMovingAverage,
    &holt_winters::Aberration,
    &holt_winters::ConfidenceArea,
    &holt_winters::ConfidenceBands,
    &holt_winters::Forecast,
    &super::special::generated::Identity,
    &regression::LinearRegression,
    &moving::MOVING_AVERAGE,
    &moving::MOVING_MAX,
    &moving::MOVING_MEDIAN,
    &moving::MOVING_MIN,
    &moving::MOVING_SUM,
    &moving::MovingWindow,
    &line::NPercentile,
    &deviation::Stdev,
];

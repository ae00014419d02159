//! Graphite's group "Calculate": one file a function or family.

use super::Function;

mod baseline;
mod deviation;
mod exponential;
mod exponential_weighted;
mod holt_winters;
mod kolmogorov_smirnov;
mod line;
mod moving;
mod pearson;
mod regression;
mod rolling;

pub(super) use pearson::correlation;

/// Every function of this group, in the order of `/functions`.
pub(super) static FUNCTIONS: &[&dyn Function] = &[
    &line::AggregateLine,
    &baseline::Baseline,
    &baseline::BaselineAberration,
    &exponential::ExponentialMovingAverage,
    &exponential_weighted::ExponentialWeightedMovingAverage,
    &holt_winters::Aberration,
    &holt_winters::ConfidenceArea,
    &holt_winters::ConfidenceBands,
    &holt_winters::Forecast,
    &super::special::generated::Identity,
    &kolmogorov_smirnov::KolmogorovSmirnovTest2,
    &regression::LinearRegression,
    &moving::MOVING_AVERAGE,
    &moving::MOVING_MAX,
    &moving::MOVING_MEDIAN,
    &moving::MOVING_MIN,
    &moving::MOVING_SUM,
    &moving::MovingWindow,
    &line::NPercentile,
    &pearson::Pearson,
    &deviation::Stdev,
];

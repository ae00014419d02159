//! Graphite's group "Transform": one file a function or family.

use super::{Function, Kind, Parameter};

mod constant;
mod delta;
mod gaps;
mod scale;
mod summarize;
mod time_shift;
pub(super) mod unary;

/// The series that nearly every function of this group begins with.
const SERIES: Parameter = Parameter::required("seriesList", Kind::SeriesList);

/// Every function of this group, in the order of `/functions`.
pub(super) static FUNCTIONS: &[&dyn Function] = &[
    &unary::ABSOLUTE,
    &constant::ADD,
    &unary::DERIVATIVE,
    &unary::EXP,
    &unary::INTEGRAL,
    &unary::INVERT,
    &unary::IS_NON_NULL,
    &gaps::Interpolate,
    &gaps::KeepLastValue,
    &unary::LOGIT,
    &unary::MIN_MAX,
    &delta::NonNegativeDerivative,
    &constant::OFFSET,
    &delta::PerSecond,
    &constant::POW,
    &scale::Scale,
    &constant::SCALE_TO_SECONDS,
    &unary::SIGMOID,
    &unary::SQUARE_ROOT,
    &summarize::Summarize,
    &time_shift::TimeShift,
    &time_shift::TimeStack,
];

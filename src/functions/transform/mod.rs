//! Graphite's group "Transform": one file a function or family.

use super::{Function, Kind, Parameter};

mod alignment;
mod clock;
mod constant;
mod delay;
mod delta;
mod fourier;
mod gaps;
mod heat_map;
mod hitcount;
mod integral_by_interval;
mod integral_with_reset;
mod logarithm;
mod low_pass;
mod offset_to_zero;
mod periodic_gaps;
mod polyfit;
mod round;
mod scale;
mod slo;
mod smart_summarize;
mod spectrum;
mod summarize;
pub(super) mod time_shift;
mod time_shift_by_metric;
mod time_slice;
mod transform_null;
pub(super) mod unary;

/// The series that nearly every function of this group begins with.
const SERIES: Parameter = Parameter::required("seriesList", Kind::SeriesList);

/// Every function of this group, in the order of `/functions`.
pub(super) static FUNCTIONS: &[&dyn Function] = &[
    &unary::ABSOLUTE,
    &constant::ADD,
    &periodic_gaps::CompressPeriodicGaps,
    &delay::Delay,
    &unary::DERIVATIVE,
    &unary::EXP,
    &spectrum::Fft,
    &heat_map::HeatMap,
    &hitcount::Hitcount,
    &spectrum::Ifft,
    &unary::INTEGRAL,
    &integral_by_interval::IntegralByInterval,
    &integral_with_reset::IntegralWithReset,
    &gaps::Interpolate,
    &unary::INVERT,
    &unary::IS_NON_NULL,
    &unary::IS_NOT_NULL,
    &gaps::KeepLastValue,
    &logarithm::Logarithm,
    &unary::LOGIT,
    &low_pass::LowPass,
    &unary::MIN_MAX,
    &delta::NonNegativeDerivative,
    &constant::OFFSET,
    &offset_to_zero::OffsetToZero,
    &delta::PerSecond,
    &polyfit::Polyfit,
    &constant::POW,
    &round::Round,
    &scale::Scale,
    &constant::SCALE_TO_SECONDS,
    &unary::SIGMOID,
    &clock::Sine,
    &slo::Slo,
    &slo::SloErrorBudget,
    &smart_summarize::SmartSummarize,
    &unary::SQUARE_ROOT,
    &summarize::Summarize,
    &clock::Time,
    &time_shift::TimeShift,
    &time_shift_by_metric::TimeShiftByMetric,
    &time_slice::TimeSlice,
    &time_shift::TimeStack,
    &transform_null::TransformNull,
];

//! Graphite's group "Special": one file a function or family.

use super::{Function, Kind, Parameter};

mod cacti_style;
mod changed;
mod consolidation;
mod events;
mod fallback;
pub(super) mod generated;
mod series_by_tag;
mod substr;

/// The series that many functions of this group begin with.
const SERIES: Parameter = Parameter::required("seriesList", Kind::SeriesList);

/// Every function of this group, in the order of `/functions`.
pub(super) static FUNCTIONS: &[&dyn Function] = &[
    &cacti_style::CactiStyle,
    &changed::CHANGED,
    &consolidation::ConsolidateBy,
    &generated::ConstantLine,
    &consolidation::Cumulative,
    &events::Events,
    &fallback::FallbackSeries,
    &generated::RandomWalk,
    &series_by_tag::SeriesByTag,
    &consolidation::SetXFilesFactor,
    &substr::Substr,
];

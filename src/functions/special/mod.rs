//! Graphite's group "Special": one file a function or family. `seriesByTag` is not among them: it is no
//! call but a leaf of the tree.

use super::{Function, Kind, Parameter};

mod consolidation;
pub(super) mod generated;

/// The series that many functions of this group begin with.
const SERIES: Parameter = Parameter::required("seriesList", Kind::SeriesList);

/// Every function of this group, in the order of `/functions`.
pub(super) static FUNCTIONS: &[&dyn Function] = &[
    &consolidation::ConsolidateBy,
    &generated::ConstantLine,
    &consolidation::Cumulative,
    &generated::Identity,
    &generated::RandomWalk,
    &consolidation::SetXFilesFactor,
];

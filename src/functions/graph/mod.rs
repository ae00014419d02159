//! Graphite's group "Graph": one file a function or family. What they ask for is in
//! [`drawing`](super::drawing); formats without a picture ignore it.

use super::Function;

mod area_between;
mod mark;
mod stacked;
mod threshold;
mod vertical_line;

/// Every function of this group, in the order of `/functions`.
pub(super) static FUNCTIONS: &[&dyn Function] = &[
    &mark::ALPHA,
    &area_between::AreaBetween,
    &mark::COLOR,
    &mark::DASHED,
    &mark::DRAW_AS_INFINITE,
    &mark::LINE_WIDTH,
    &mark::SECOND_Y_AXIS,
    &stacked::Stacked,
    &threshold::Threshold,
    &vertical_line::VerticalLine,
];

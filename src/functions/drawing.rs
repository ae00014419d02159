//! What graph functions ask of a renderer; carried by a series and ignored by json and its kin.

/// Drawing options of one series.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DrawingOptions {
    /// A colour's name or hexadecimal digits.
    pub color: Option<String>,
    /// Opacity, 0 to 1.
    pub alpha: Option<f64>,
    /// The length of dashes in pixels.
    pub dashed: Option<f64>,
    /// The width of the line in pixels.
    pub line_width: Option<f64>,
    /// Drawn against the right-hand axis.
    pub second_y_axis: bool,
    /// Any value above zero is a line from bottom to top.
    pub draw_as_infinite: bool,
    /// Drawn on top of the series of the same stack.
    pub stacked: bool,
    /// Takes part in the scale but is not drawn.
    pub invisible: bool,
}

//! `movingWindow` and its short forms: an aggregation over the points before each point.
//!
//! The series are read again over a window that begins earlier by the length of the moving window, so
//! that the first value of the answer has a full window behind it. How much earlier is known from the
//! arguments when the length is a time, and from the greatest step when it is a number of points.

use super::rolling::{is_exact, rolling};
use crate::functions::{
    Aggregation, Call, EvaluationError, Function, Group, Kind, Literal, Parameter, Reach, Series,
    Signature, Span, Window, parallel,
};

const SUGGESTIONS: &[Literal] = &[
    Literal::Integer(5),
    Literal::Integer(7),
    Literal::Integer(10),
    Literal::String("1min"),
    Literal::String("5min"),
    Literal::String("10min"),
    Literal::String("30min"),
    Literal::String("1hour"),
];

const SERIES: Parameter = Parameter::required("seriesList", Kind::SeriesList);
pub(super) const WINDOW_SIZE: Parameter =
    Parameter::required("windowSize", Kind::IntOrInterval).suggestions(SUGGESTIONS);
const X_FILES_FACTOR: Parameter = Parameter::optional("xFilesFactor", Kind::Float);

/// `movingWindow` itself.
pub(super) struct MovingWindow;

static MOVING_WINDOW: Signature = Signature {
    names: &["movingWindow"],
    group: Group::Calculate,
    usage: "(seriesList, windowSize, func='average', xFilesFactor=None)",
    description: "Aggregates the points before each point: as many as windowSize says, or those of \
                  a length of time such as \"5min\".",
    parameters: &[
        SERIES,
        WINDOW_SIZE,
        Parameter::optional("func", Kind::AggFunc).default(Literal::String("average")),
        X_FILES_FACTOR,
    ],
    aggregator: false,
};

impl Function for MovingWindow {
    fn signature(&self) -> &Signature {
        &MOVING_WINDOW
    }

    fn keeps_grid(&self) -> bool {
        true
    }

    fn windows(&self, call: &Call<'_>) -> Result<Vec<Window>, EvaluationError> {
        Ok(preview(call)?
            .map(|preview| call.window().widened(preview))
            .into_iter()
            .collect())
    }

    fn reach(&self, call: &Call<'_>) -> Reach {
        let function = call.string("func");
        function.map_or(Reach::Unbounded, |function| reach(call, &function))
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        moving(call, &call.string("func")?)
    }
}

/// A function that is `movingWindow` with one aggregation.
pub(super) struct ShortForm {
    signature: Signature,
    function: &'static str,
}

impl ShortForm {
    const fn new(
        names: &'static [&'static str],
        function: &'static str,
        description: &'static str,
    ) -> Self {
        let signature = Signature {
            names,
            group: Group::Calculate,
            usage: "(seriesList, windowSize, xFilesFactor=None)",
            description,
            parameters: &[SERIES, WINDOW_SIZE, X_FILES_FACTOR],
            aggregator: false,
        };
        Self {
            signature,
            function,
        }
    }
}

pub(super) static MOVING_AVERAGE: ShortForm = ShortForm::new(
    &["movingAverage"],
    "average",
    "The mean of the points before each point.",
);
pub(super) static MOVING_MAX: ShortForm = ShortForm::new(
    &["movingMax"],
    "max",
    "The greatest of the points before each point.",
);
pub(super) static MOVING_MEDIAN: ShortForm = ShortForm::new(
    &["movingMedian"],
    "median",
    "The median of the points before each point.",
);
pub(super) static MOVING_MIN: ShortForm = ShortForm::new(
    &["movingMin"],
    "min",
    "The least of the points before each point.",
);
pub(super) static MOVING_SUM: ShortForm = ShortForm::new(
    &["movingSum"],
    "sum",
    "The sum of the points before each point.",
);

impl Function for ShortForm {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn keeps_grid(&self) -> bool {
        true
    }

    fn windows(&self, call: &Call<'_>) -> Result<Vec<Window>, EvaluationError> {
        MovingWindow.windows(call)
    }

    fn reach(&self, call: &Call<'_>) -> Reach {
        reach(call, self.function)
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        moving(call, self.function)
    }
}

/// How many seconds before the window reading begins; `None` when there is nothing to read.
pub(super) fn preview(call: &Call<'_>) -> Result<Option<i64>, EvaluationError> {
    let Some(step_max) = call.step_max("seriesList")? else {
        return Ok(None);
    };
    Ok(Some(match call.span("windowSize")? {
        Span::Points(points) if points >= 0 => step_max.saturating_mul(points),
        Span::Points(_) => return Err(call.error("parameter \"windowSize\" must not be negative")),
        Span::Time(interval) => interval.seconds.abs(),
    }))
}

/// The windows that are read are widened by all that a value looks back on; but a sum that moves
/// along rounds differently when it begins elsewhere.
fn reach(call: &Call<'_>, function: &str) -> Reach {
    let points = match call.span("windowSize") {
        Ok(Span::Points(points)) => usize::try_from(points).unwrap_or(usize::MAX),
        // The step, and so the number of points, is not known here.
        Ok(Span::Time(_)) | Err(_) => usize::MAX,
    };
    match Aggregation::parse(function) {
        Some(aggregation) if is_exact(aggregation, points) => Reach::Points(0),
        _ => Reach::Unbounded,
    }
}

fn moving(call: &Call<'_>, function: &str) -> Result<Vec<Series>, EvaluationError> {
    let Some(preview) = preview(call)? else {
        // Nothing was found; what is wrong with the inner expression should still be told.
        return call.optional_series("seriesList").map(|_| Vec::new());
    };
    let all = call.series_in("seriesList", call.window().widened(preview))?;
    if all.is_empty() {
        return Ok(all);
    }
    let aggregation = Aggregation::parse(function)
        .ok_or_else(|| call.error(format!("\"{function}\" is not an aggregation function")))?;
    let moving = Moving {
        aggregation,
        tag: format!("moving{}", capitalized(function)),
        span: call.span("windowSize")?,
        size: call.string("windowSize")?,
        x_files_factor: call.optional_number("xFilesFactor")?,
        preview,
    };
    Ok(parallel::map(all, |series| moving.apply(&series)))
}

struct Moving {
    aggregation: Aggregation,
    tag: String,
    span: Span,
    /// The window's size as given, for names and tags.
    size: String,
    x_files_factor: Option<f64>,
    preview: i64,
}

impl Moving {
    fn apply(&self, series: &Series) -> Series {
        let (quote, points) = match &self.span {
            Span::Points(points) => ("", *points),
            Span::Time(_) => ("\"", self.preview / series.step),
        };
        let points = usize::try_from(points).unwrap_or(usize::MAX);
        let factor = self.x_files_factor.unwrap_or(series.x_files_factor);
        let mut result =
            series.with_values(rolling(&series.values, points, self.aggregation, factor));
        result.start = series.start + self.preview;
        result.rename(format!(
            "{}({},{quote}{}{quote})",
            self.tag, series.name, self.size
        ));
        result.tags.set(self.tag.as_str(), self.size.as_str());
        result
    }
}

/// The first letter in upper case and the others in lower case, as Python's `capitalize`.
fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first
        .into_iter()
        .chain(letters.map(|letter| letter.to_ascii_lowercase()))
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::functions::testing::{Samples, assert_values};

    fn samples() -> Samples {
        let values: Vec<f64> = (1..=10).map(f64::from).collect();
        Samples::new()
            .with("fast", 10, 10, &values)
            .with("slow", 20, 20, &values)
    }

    #[test]
    fn number_of_points_widens_by_the_greatest_step() {
        // Over (60, 100] two points of 20 s reach back to 20: values 3..10 of the fast series.
        let result = samples().run("movingAverage(*,2)", 60, 100);
        assert_eq!(result[0].name, "movingAverage(fast,2)");
        assert_eq!(result[0].tags.get("movingAverage"), Some("2"));
        assert_eq!((result[0].start, result[0].step), (70, 10));
        assert_values(&result[0], &[4.5, 5.5, 6.5, 7.5, 8.5, 9.5].map(Some));
        assert_values(&result[1], &[3.5, 4.5].map(Some));
    }

    #[test]
    fn length_of_time_is_as_many_points_as_fit() {
        let result = samples().run("movingMax(fast,\"30s\")", 60, 100);
        assert_eq!(result[0].name, "movingMax(fast,\"30s\")");
        assert_eq!(result[0].path_expression, "movingMax(fast,\"30s\")");
        assert_values(&result[0], &[7.0, 8.0, 9.0, 10.0].map(Some));
    }

    #[test]
    fn nested_windows_widen_twice() {
        let result = samples().run("movingSum(movingSum(fast,\"20s\"),\"20s\")", 60, 100);
        assert_eq!(result[0].start, 70);
        assert_eq!(result[0].values[0], 24.0);
    }

    #[test]
    fn function_names_the_tag() {
        let result = samples().run("movingWindow(fast,2,\"rangeOf\")", 60, 100);
        assert_eq!(result[0].name, "movingRangeof(fast,2)");
    }

    #[test]
    fn part_of_a_point_is_not_counted() {
        let result = samples().run("movingAverage(fast,2.5)", 60, 100);
        assert_eq!(result[0].name, "movingAverage(fast,2.5)");
        assert_eq!(result[0].tags.get("movingAverage"), Some("2.5"));
        let whole = samples().run("movingAverage(fast,2)", 60, 100);
        assert_eq!(result[0].values, whole[0].values);
    }

    #[test]
    fn nothing_moves_over_nothing() {
        assert!(samples().run("movingAverage(none,2)", 60, 100).is_empty());
        assert!(
            samples()
                .try_run("movingAverage(fast,\"2m\")", 60, 100)
                .is_err()
        );
        assert!(
            samples()
                .try_run("movingAverage(fast,-2)", 60, 100)
                .is_err()
        );
        assert!(
            samples()
                .try_run("movingWindow(fast,2,\"mode\")", 60, 100)
                .is_err()
        );
    }
}

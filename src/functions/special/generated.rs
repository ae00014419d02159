//! Series that come from no store: `constantLine`, `identity`, `randomWalk`, and the wave and the
//! clock of the group "Transform".
//!
//! They do not follow the store's grid: the first point stands exactly at the window's start.

use crate::functions::series::points_between;
use crate::functions::{
    Call, EvaluationError, Function, Group, Kind, Literal, Parameter, Series, Signature,
    number_text,
};

/// The step of those that do not let the caller choose.
const STEP_SECONDS: i64 = 60;

/// The name of the series, printed as it is.
pub(in crate::functions) const NAME: Parameter = Parameter::required("name", Kind::String);

/// The step in seconds.
pub(in crate::functions) const STEP: Parameter =
    Parameter::optional("step", Kind::Integer).default(Literal::Integer(STEP_SECONDS));

/// `constantLine`.
pub(super) struct ConstantLine;

static CONSTANT_LINE: Signature = Signature {
    names: &["constantLine"],
    group: Group::Special,
    usage: "(value)",
    description: "A horizontal line.",
    parameters: &[Parameter::required("value", Kind::Float)],
    aggregator: false,
};

impl Function for ConstantLine {
    fn signature(&self) -> &Signature {
        &CONSTANT_LINE
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let value = call.number("value")?;
        let (from, until) = (call.window().from, call.window().until);
        let name = number_text::repr(value);
        let path_expression = format!("constantLine({name})");
        let grid = (from, until, (until - from) / 2);
        let mut line = call.fresh(name, grid, vec![value; 3]);
        line.path_expression = path_expression.into();
        Ok(vec![line])
    }
}

/// `identity`.
pub(in crate::functions) struct Identity;

static IDENTITY: Signature = Signature {
    names: &["identity"],
    group: Group::Calculate,
    usage: "(name)",
    description: "A series whose values are the times of its points, one a minute: subtract a series \
                  of times from it to see ages.",
    parameters: &[NAME],
    aggregator: false,
};

impl Function for Identity {
    fn signature(&self) -> &Signature {
        &IDENTITY
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let mut series = generate(call, STEP_SECONDS, |time| time as f64)?;
        series.path_expression = format!("identity(\"{}\")", series.name).into();
        Ok(vec![series])
    }
}

/// `randomWalk`.
pub(super) struct RandomWalk;

static RANDOM_WALK: Signature = Signature {
    names: &["randomWalk", "randomWalkFunction"],
    group: Group::Special,
    usage: "(name, step=60)",
    description: "A walk that starts at 0 and goes up or down by at most a half with every point: \
                  something to look at where there are no metrics yet.",
    parameters: &[NAME, STEP],
    aggregator: false,
};

impl Function for RandomWalk {
    fn signature(&self) -> &Signature {
        &RANDOM_WALK
    }

    fn shares_state(&self) -> bool {
        true
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let mut place = 0.0;
        let series = generate(call, call.integer("step")?, |_| {
            let here = place;
            place += call.state().random() - 0.5;
            here
        })?;
        Ok(vec![series])
    }
}

/// A series of the name that the call gives, with a value for every step from the window's start up
/// to, but not including, its end.
pub(in crate::functions) fn generate(
    call: &Call<'_>,
    step: i64,
    value: impl FnMut(i64) -> f64,
) -> Result<Series, EvaluationError> {
    if step <= 0 {
        return Err(call.error(format!("parameter \"step\" must be above 0, not {step}")));
    }
    let (from, until) = (call.window().from, call.window().until);
    let points = points_between(from, until, step);
    call.check_points(points)?;
    let times = (0..points).map(|point| from + point as i64 * step);
    let values = times.map(value).collect();
    Ok(call.fresh(call.string("name")?, (from, until, step), values))
}

#[cfg(test)]
mod tests {
    use crate::functions::testing::{Samples, assert_values};

    #[test]
    fn constant_line_has_three_points_on_no_grid() {
        let result = Samples::new().run("constantLine(5)", 7, 18);
        assert_eq!(result[0].name, "5.0");
        assert_eq!(result[0].path_expression, "constantLine(5.0)");
        assert_eq!(result[0].tags.get("name"), Some("5.0"));
        assert_eq!((result[0].start, result[0].end), (7, 18));
        assert_eq!(result[0].step, 5);
        assert_values(&result[0], &[Some(5.0); 3]);
    }

    #[test]
    fn points_start_with_the_window_and_end_before_it() {
        let result = Samples::new().run("identity(\"a.b\")", 7, 127);
        assert_eq!(result[0].name, "a.b");
        assert_eq!(result[0].path_expression, "identity(\"a.b\")");
        assert_values(&result[0], &[Some(7.0), Some(67.0)]);
        let result = Samples::new().run("randomWalk(\"w\",50)", 0, 101);
        assert_eq!(result[0].values.len(), 3);
    }

    #[test]
    fn walk_starts_at_zero_and_takes_small_steps() {
        let walk = Samples::new().run("randomWalk(\"w\")", 0, 60_000).remove(0);
        assert_eq!((walk.values[0], walk.values.len()), (0.0, 1_000));
        let steps = walk.values.windows(2).map(|pair| pair[1] - pair[0]);
        assert!(steps.clone().all(|step| step.abs() <= 0.5));
        assert!(steps.filter(|step| *step > 0.0).count() > 300);
    }

    #[test]
    fn absurd_steps_and_lengths_are_errors() {
        let run = |target: &str, until: i64| Samples::new().try_run(target, 0, until);
        assert!(run("randomWalk(\"w\",0)", 60).is_err());
        assert!(run("randomWalk(\"w\",-60)", 60).is_err());
        assert!(run("randomWalk(\"w\",1)", 1 << 40).is_err());
        assert!(run("constantLine(\"x\")", 60).is_err());
        assert!(run("constantLine()", 60).is_err());
    }
}

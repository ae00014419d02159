//! `delay`: every point some steps later, on the same grid.

use super::SERIES;
use crate::functions::{
    Call, EvaluationError, Function, Group, Kind, Parameter, Reach, Series, Signature, parallel,
};

/// See the signature.
pub(super) struct Delay;

static SIGNATURE: Signature = Signature {
    names: &["delay"],
    group: Group::Transform,
    usage: "(seriesList, steps)",
    description: "Moves every point a number of steps later, or earlier when that is negative; \
                  nulls follow behind. Zero steps leave no points at all.",
    parameters: &[SERIES, Parameter::required("steps", Kind::Integer)],
    aggregator: false,
};

impl Function for Delay {
    fn signature(&self) -> &Signature {
        &SIGNATURE
    }

    fn keeps_grid(&self) -> bool {
        true
    }

    fn reach(&self, call: &Call<'_>) -> Reach {
        match call.integer("steps").map(usize::try_from) {
            Ok(Ok(steps)) if steps > 0 => Reach::Points(steps),
            _ => Reach::Unbounded,
        }
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let all = call.series("seriesList")?;
        let steps = call.integer("steps")?;
        Ok(parallel::map(all, |mut series| {
            shift(series.values_mut(), steps);
            series.tags.set("delay", steps.to_string());
            series.rename(format!("delay({},{steps})", series.name));
            series
        }))
    }
}

fn shift(values: &mut Vec<f64>, steps: i64) {
    if steps == 0 {
        // The reference keeps everything up to the last zero points, which is nothing.
        values.clear();
        return;
    }
    let distance = usize::try_from(steps.unsigned_abs()).unwrap_or(usize::MAX);
    let distance = distance.min(values.len());
    let kept = values.len() - distance;
    if steps < 0 {
        values.copy_within(distance.., 0);
        values[kept..].fill(f64::NAN);
    } else {
        values.copy_within(..kept, distance);
        values[..distance].fill(f64::NAN);
    }
}

#[cfg(test)]
mod tests {
    use crate::functions::testing::{Samples, assert_values};

    #[test]
    fn zero_steps_leave_nothing() {
        let samples = Samples::new().with("a", 10, 10, &[1.0, 2.0]);
        assert_values(&samples.run("delay(a,0)", 0, 600)[0], &[]);
    }

    #[test]
    fn nulls_follow_the_points() {
        let samples = Samples::new().with("a", 10, 10, &[1.0, 2.0, 3.0]);
        for (steps, values) in [
            ("1", [None, Some(1.0), Some(2.0)]),
            ("-1", [Some(2.0), Some(3.0), None]),
            ("3", [None; 3]),
            ("-100", [None; 3]),
        ] {
            let result = samples.run(&format!("delay(a,{steps})"), 0, 600);
            assert_eq!(result[0].name, format!("delay(a,{steps})"));
            assert_eq!(result[0].tags.get("delay"), Some(steps));
            assert_values(&result[0], &values);
        }
        assert!(samples.try_run("delay(a,1.5)", 0, 600).is_err());
    }
}

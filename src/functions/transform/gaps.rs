//! Filling gaps from their edges: `keepLastValue` and `interpolate`.
//!
//! Both leave a gap alone entirely when it is longer than the limit.

use super::SERIES;
use crate::functions::{
    Call, EvaluationError, Function, Group, Kind, Literal, Parameter, Series, Signature, parallel,
};

const PARAMETERS: &[Parameter] = &[
    SERIES,
    Parameter::optional("limit", Kind::IntOrInf).default(Literal::Float(f64::INFINITY)),
];

/// `keepLastValue`.
pub(super) struct KeepLastValue;

static KEEP_LAST_VALUE: Signature = Signature {
    names: &["keepLastValue"],
    group: Group::Transform,
    usage: "(seriesList, limit=inf)",
    description: "Fills nulls with the last known value before them, in gaps of at most limit points.",
    parameters: PARAMETERS,
    aggregator: false,
};

impl Function for KeepLastValue {
    fn signature(&self) -> &Signature {
        &KEEP_LAST_VALUE
    }

    fn keeps_grid(&self) -> bool {
        true
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        fill(call, "keepLastValue", keep_last)
    }
}

/// `interpolate`.
pub(super) struct Interpolate;

static INTERPOLATE: Signature = Signature {
    names: &["interpolate"],
    group: Group::Transform,
    usage: "(seriesList, limit=inf)",
    description: "Fills nulls with a straight line between the known values around them, in gaps of \
                  at most limit points.",
    parameters: PARAMETERS,
    aggregator: false,
};

impl Function for Interpolate {
    fn signature(&self) -> &Signature {
        &INTERPOLATE
    }

    fn keeps_grid(&self) -> bool {
        true
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        fill(call, "interpolate", draw_line)
    }
}

fn fill(
    call: &Call<'_>,
    name: &str,
    fill_gap: fn(&mut [f64], f64, Option<f64>),
) -> Result<Vec<Series>, EvaluationError> {
    let limit = call.number("limit")?;
    Ok(parallel::map(call.series("seriesList")?, |mut series| {
        fill_gaps(series.values_mut(), limit, fill_gap);
        series.rename(format!("{name}({})", series.name));
        series
    }))
}

/// Hands every gap behind a known value to `fill_gap`, with the values before and behind it; a gap at
/// the end has none behind.
fn fill_gaps(values: &mut [f64], limit: f64, fill_gap: fn(&mut [f64], f64, Option<f64>)) {
    let mut last_known: Option<usize> = None;
    for position in 0..=values.len() {
        let behind = values.get(position).copied();
        if behind.is_some_and(f64::is_nan) {
            continue;
        }
        if let Some(known) = last_known {
            let gap = known + 1..position;
            if !gap.is_empty() && gap.len() as f64 <= limit {
                let before = values[known];
                fill_gap(&mut values[gap], before, behind);
            }
        }
        last_known = Some(position);
    }
}

fn keep_last(gap: &mut [f64], before: f64, _behind: Option<f64>) {
    gap.fill(before);
}

fn draw_line(gap: &mut [f64], before: f64, behind: Option<f64>) {
    let Some(behind) = behind else { return };
    let steps = (gap.len() + 1) as f64;
    for (position, value) in gap.iter_mut().enumerate() {
        *value = before + (position + 1) as f64 * (behind - before) / steps;
    }
}

#[cfg(test)]
mod tests {
    use crate::functions::testing::{Samples, assert_values};

    const NULL: f64 = f64::NAN;

    fn check(target: &str, expected: &[Option<f64>]) {
        let values = [NULL, 1.0, NULL, 3.0, NULL, NULL, 6.0, NULL];
        let samples = Samples::new().with("a", 10, 10, &values);
        assert_values(&samples.run(target, 0, 600)[0], expected);
    }

    #[test]
    fn last_value_is_kept_in_short_gaps_only() {
        let all = [1.0, 1.0, 3.0, 3.0, 3.0, 6.0, 6.0].map(Some);
        let mut expected = vec![None];
        expected.extend(all);
        check("keepLastValue(a)", &expected);
        check("keepLastValue(a,\"inf\")", &expected);
        (expected[4], expected[5]) = (None, None);
        check("keepLastValue(a,1)", &expected);
        (expected[2], expected[7]) = (None, None);
        check("keepLastValue(a,0)", &expected);
    }

    #[test]
    fn line_needs_both_ends() {
        let mut expected = vec![None];
        expected.extend([1.0, 2.0, 3.0, 4.0, 5.0, 6.0].map(Some));
        expected.push(None);
        check("interpolate(a)", &expected);
        (expected[4], expected[5]) = (None, None);
        check("interpolate(a,limit=1)", &expected);
    }
}

//! Differences between neighbouring points: the arithmetic of `derivative`, `nonNegativeDerivative`
//! and `perSecond`, and the last two themselves.

use super::SERIES;
use crate::functions::rounding::round_to;
use crate::functions::{
    Call, EvaluationError, Function, Group, Kind, Parameter, Reach, Series, Signature, parallel,
};

/// Decimals that `perSecond` keeps.
const RATE_DECIMALS: i32 = 6;

/// Replaces every value by its difference from the one before it; null when either is.
pub(super) fn differences(values: &mut [f64]) {
    let mut previous = f64::NAN;
    for value in values {
        let current = *value;
        *value = current - previous;
        previous = current;
    }
}

/// Where a counter starts over, as far as the caller knows.
#[derive(Clone, Copy)]
struct Wrap {
    max: Option<f64>,
    min: Option<f64>,
}

impl Wrap {
    fn of(call: &Call<'_>) -> Result<Self, EvaluationError> {
        Ok(Self {
            max: call.optional_number("maxValue")?,
            min: call.optional_number("minValue")?,
        })
    }

    /// Replaces every value by what the counter gained.
    fn gains(self, values: &mut [f64]) {
        let mut previous = f64::NAN;
        for value in values {
            let current = if self.holds(*value) { *value } else { f64::NAN };
            *value = self.gain(previous, current);
            previous = current;
        }
    }

    /// Values that the counter cannot have count as unknown.
    fn holds(self, value: f64) -> bool {
        self.max.is_none_or(|max| value <= max) && self.min.is_none_or(|min| value >= min)
    }

    fn gain(self, previous: f64, current: f64) -> f64 {
        if current >= previous || previous.is_nan() || current.is_nan() {
            return current - previous;
        }
        match (self.max, self.min) {
            (Some(max), min) => max + 1.0 + current - previous - min.unwrap_or(0.0),
            (None, Some(min)) => current - min,
            (None, None) => f64::NAN,
        }
    }
}

const PARAMETERS: &[Parameter] = &[
    SERIES,
    Parameter::optional("maxValue", Kind::Float),
    Parameter::optional("minValue", Kind::Float),
];

/// `nonNegativeDerivative`.
pub(super) struct NonNegativeDerivative;

static NON_NEGATIVE_DERIVATIVE: Signature = Signature {
    names: &["nonNegativeDerivative"],
    group: Group::Transform,
    usage: "(seriesList, maxValue=None, minValue=None)",
    description: "The difference of every point from the one before it, for counters that sometimes \
                  start over: a fall gives null, or what was gained if the counter wraps at maxValue \
                  or begins again at minValue.",
    parameters: PARAMETERS,
    aggregator: false,
};

impl Function for NonNegativeDerivative {
    fn signature(&self) -> &Signature {
        &NON_NEGATIVE_DERIVATIVE
    }

    fn keeps_grid(&self) -> bool {
        true
    }

    fn reach(&self, _call: &Call<'_>) -> Reach {
        Reach::Points(1)
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let wrap = Wrap::of(call)?;
        Ok(parallel::map(call.series("seriesList")?, |mut series| {
            wrap.gains(series.values_mut());
            finish(series, "nonNegativeDerivative")
        }))
    }
}

/// `perSecond`.
pub(super) struct PerSecond;

static PER_SECOND: Signature = Signature {
    names: &["perSecond"],
    group: Group::Transform,
    usage: "(seriesList, maxValue=None, minValue=None)",
    description: "What a counter gained in a second: nonNegativeDerivative divided by the step, \
                  rounded to six decimals.",
    parameters: PARAMETERS,
    aggregator: false,
};

impl Function for PerSecond {
    fn signature(&self) -> &Signature {
        &PER_SECOND
    }

    fn keeps_grid(&self) -> bool {
        true
    }

    fn reach(&self, _call: &Call<'_>) -> Reach {
        Reach::Points(1)
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let wrap = Wrap::of(call)?;
        Ok(parallel::map(call.series("seriesList")?, |mut series| {
            let seconds = series.step as f64;
            let values = series.values_mut();
            wrap.gains(values);
            for gain in values {
                *gain = round_to(*gain / seconds, RATE_DECIMALS);
            }
            finish(series, "perSecond")
        }))
    }
}

fn finish(mut series: Series, name: &str) -> Series {
    series.tags.set(name, "1");
    series.rename(format!("{name}({})", series.name));
    series
}

#[cfg(test)]
mod tests {
    use crate::functions::testing::{Samples, assert_values};

    const NULL: f64 = f64::NAN;

    fn check(target: &str, values: &[f64], expected: &[Option<f64>]) {
        let samples = Samples::new().with("a", 10, 10, values);
        assert_values(&samples.run(target, 0, 600)[0], expected);
    }

    #[test]
    fn difference_needs_both_neighbours() {
        let values = [1.0, 4.0, NULL, 9.0, 7.0];
        check(
            "derivative(a)",
            &values,
            &[None, Some(3.0), None, None, Some(-2.0)],
        );
        check(
            "nonNegativeDerivative(a)",
            &values,
            &[None, Some(3.0), None, None, None],
        );
    }

    #[test]
    fn counter_wraps_at_its_greatest_value() {
        let values = [250.0, 4.0];
        check("nonNegativeDerivative(a,255)", &values, &[None, Some(10.0)]);
        check(
            "nonNegativeDerivative(a,255,2)",
            &values,
            &[None, Some(8.0)],
        );
        check(
            "nonNegativeDerivative(a,None,1)",
            &values,
            &[None, Some(3.0)],
        );
    }

    #[test]
    fn impossible_value_breaks_the_chain() {
        let values = [1.0, 300.0, 5.0, 7.0];
        let expected = [None, None, None, Some(2.0)];
        check("nonNegativeDerivative(a,255)", &values, &expected);
        check(
            "nonNegativeDerivative(a,minValue=0)",
            &[1.0, -5.0, 5.0, 7.0],
            &expected,
        );
    }

    #[test]
    fn rate_is_rounded_to_six_decimals() {
        check(
            "perSecond(a)",
            &[0.0, 1.0 / 3.0, 10.0],
            &[None, Some(0.033_333), Some(0.966_667)],
        );
    }
}

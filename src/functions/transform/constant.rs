//! Functions that combine every value with one number: `add`, `offset`, `pow`, `scaleToSeconds`.
//!
//! Each prints the number in its own way: `%d` or `%g`.

use super::SERIES;
use super::unary::finite;
use crate::functions::rounding::round_to;
use crate::functions::{
    Call, EvaluationError, Function, Group, Kind, Parameter, Reach, Series, Signature, number_text,
    parallel,
};

/// Decimals that `scaleToSeconds` keeps.
const RATE_DECIMALS: i32 = 6;

/// One such function.
pub(super) struct WithConstant {
    signature: Signature,
    parameter: &'static str,
    /// How the name prints the number.
    print: fn(f64) -> Option<String>,
    /// What becomes of the values; the step comes last.
    rewrite: fn(&mut [f64], f64, i64),
}

pub(super) static ADD: WithConstant = WithConstant {
    signature: Signature {
        names: &["add"],
        group: Group::Transform,
        usage: "(seriesList, constant)",
        description: "Adds a constant to every point.",
        parameters: &[SERIES, Parameter::required("constant", Kind::Float)],
        aggregator: false,
    },
    parameter: "constant",
    print: number_text::integer,
    rewrite: add,
};

pub(super) static OFFSET: WithConstant = WithConstant {
    signature: Signature {
        names: &["offset"],
        group: Group::Transform,
        usage: "(seriesList, factor)",
        description: "Adds a constant to every point.",
        parameters: &[SERIES, Parameter::required("factor", Kind::Float)],
        aggregator: false,
    },
    parameter: "factor",
    print: general,
    rewrite: add,
};

pub(super) static POW: WithConstant = WithConstant {
    signature: Signature {
        names: &["pow"],
        group: Group::Transform,
        usage: "(seriesList, factor)",
        description: "Raises every point to a power; null where that has no finite result.",
        parameters: &[SERIES, Parameter::required("factor", Kind::Float)],
        aggregator: false,
    },
    parameter: "factor",
    print: general,
    rewrite: power,
};

pub(super) static SCALE_TO_SECONDS: WithConstant = WithConstant {
    signature: Signature {
        names: &["scaleToSeconds"],
        group: Group::Transform,
        usage: "(seriesList, seconds)",
        description: "Every point as it would be if a step were as long as the seconds given, \
                      rounded to six decimals: series of any retention become comparable.",
        parameters: &[SERIES, Parameter::required("seconds", Kind::Float)],
        aggregator: false,
    },
    parameter: "seconds",
    print: number_text::integer,
    rewrite: scale_to_seconds,
};

impl Function for WithConstant {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn keeps_grid(&self) -> bool {
        true
    }

    fn reach(&self, _call: &Call<'_>) -> Reach {
        Reach::Points(0)
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let all = call.series("seriesList")?;
        let constant = call.number(self.parameter)?;
        let printed = (self.print)(constant).ok_or_else(|| {
            let parameter = self.parameter;
            call.error(format!("parameter \"{parameter}\" must be a finite number"))
        })?;
        let (name, tag) = (self.signature.names[0], number_text::repr(constant));
        Ok(parallel::map(all, |mut series| {
            let step = series.step;
            (self.rewrite)(series.values_mut(), constant, step);
            series.tags.set(name, tag.as_str());
            series.rename(format!("{name}({},{printed})", series.name));
            series
        }))
    }
}

fn general(number: f64) -> Option<String> {
    Some(number_text::general(number))
}

fn add(values: &mut [f64], constant: f64, _step: i64) {
    for value in values {
        *value += constant;
    }
}

fn power(values: &mut [f64], exponent: f64, _step: i64) {
    for value in values {
        // Anything to the power of zero is one, but not a null.
        if !value.is_nan() {
            let raised = value.powf(exponent);
            *value = if exponent.is_finite() {
                finite(raised, *value)
            } else {
                raised
            };
        }
    }
}

fn scale_to_seconds(values: &mut [f64], seconds: f64, step: i64) {
    let factor = seconds / step as f64;
    for value in values {
        *value = round_to(*value * factor, RATE_DECIMALS);
    }
}

#[cfg(test)]
mod tests {
    use crate::functions::testing::{Samples, assert_values};

    const NULL: f64 = f64::NAN;

    fn samples() -> Samples {
        Samples::new().with("a.b", 60, 60, &[4.0, NULL, -2.0, 0.0])
    }

    #[test]
    fn constant_is_printed_as_each_function_does() {
        for (target, name, tag, value) in [
            ("add(a.*,2.75)", "add(a.b,2)", "2.75", "add"),
            ("offset(a.*,2.75)", "offset(a.b,2.75)", "2.75", "offset"),
            ("pow(a.*,2)", "pow(a.b,2)", "2.0", "pow"),
            (
                "scaleToSeconds(a.*,90.5)",
                "scaleToSeconds(a.b,90)",
                "90.5",
                "scaleToSeconds",
            ),
        ] {
            let result = samples().run(target, 0, 600);
            assert_eq!(result[0].name, name);
            assert_eq!(result[0].path_expression, name);
            assert_eq!(result[0].tags.get(value), Some(tag));
        }
    }

    #[test]
    fn values_follow_the_constant() {
        let run = |target: &str| samples().run(target, 0, 600).remove(0);
        let added = [Some(5.5), None, Some(-0.5), Some(1.5)];
        assert_values(&run("add(a.*,1.5)"), &added);
        assert_values(&run("offset(a.*,1.5)"), &added);
        let scaled = [Some(0.066_667), None, Some(-0.033_333), Some(0.0)];
        assert_values(&run("scaleToSeconds(a.*,1)"), &scaled);
    }

    #[test]
    fn power_without_a_finite_result_is_null() {
        let run = |target: &str| samples().run(target, 0, 600).remove(0);
        assert_values(&run("pow(a.*,0.5)"), &[Some(2.0), None, None, Some(0.0)]);
        assert_values(&run("pow(a.*,-1)"), &[Some(0.25), None, Some(-0.5), None]);
        assert_values(&run("pow(a.*,0)"), &[Some(1.0), None, Some(1.0), Some(1.0)]);
        assert_values(&run("pow(a.*,2000)"), &[None, None, None, Some(0.0)]);
    }

    #[test]
    fn infinity_cannot_be_printed_as_a_whole_number() {
        assert!(samples().try_run("add(a.*,inf)", 0, 600).is_err());
        assert!(samples().try_run("offset(a.*,inf)", 0, 600).is_ok());
    }
}

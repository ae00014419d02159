//! Functions without arguments that rewrite each series by itself.
//!
//! They differ in the tag they leave and in what they do to the values, so a table says it all; the
//! loops over values stand in small functions of their own, which the compiler sees whole.

use super::{SERIES, delta};
use crate::functions::{
    Call, EvaluationError, Function, Group, Reach, Series, Signature, parallel,
};

/// One such function.
pub(in crate::functions) struct Unary {
    signature: Signature,
    /// What the tag with the function's name holds; some leave none.
    tag: Option<&'static str>,
    rewrite: fn(&mut [f64]),
    reach: Reach,
}

impl Unary {
    /// A function of the group "Transform"; see the fields.
    pub(in crate::functions) const fn new(
        names: &'static [&'static str],
        tag: Option<&'static str>,
        rewrite: fn(&mut [f64]),
        description: &'static str,
    ) -> Self {
        let signature = Signature {
            names,
            group: Group::Transform,
            usage: "(seriesList)",
            description,
            parameters: &[SERIES],
            aggregator: false,
        };
        Self {
            signature,
            tag,
            rewrite,
            reach: Reach::Unbounded,
        }
    }

    /// The same function, of which it is known how far its values reach.
    pub(in crate::functions) const fn reaching(mut self, points: usize) -> Self {
        self.reach = Reach::Points(points);
        self
    }

    /// The same function in another group.
    pub(in crate::functions) const fn in_group(mut self, group: Group) -> Self {
        self.signature.group = group;
        self
    }
}

pub(super) static ABSOLUTE: Unary = Unary::new(
    &["absolute"],
    Some("1"),
    |values| each(values, f64::abs),
    "The absolute value of every point.",
)
.reaching(0);

pub(super) static DERIVATIVE: Unary = Unary::new(
    &["derivative"],
    Some("1"),
    delta::differences,
    "The difference of every point from the one before it: what a running total has gained in a \
     step. Steps of different lengths are not evened out; perSecond does that.",
)
.reaching(1);

pub(super) static EXP: Unary = Unary::new(
    &["exp"],
    Some("e"),
    |values| each(values, |value| finite(value.exp(), value)),
    "Raises e to the power of every point.",
)
.reaching(0);

pub(super) static INTEGRAL: Unary = Unary::new(
    &["integral"],
    Some("1"),
    integrate,
    "The running sum of the points, starting from zero.",
);

pub(super) static INVERT: Unary = Unary::new(
    &["invert"],
    Some("1"),
    |values| each(values, |value| finite(1.0 / value, value)),
    "One divided by every point; null where that is zero.",
)
.reaching(0);

pub(super) static IS_NOT_NULL: Unary = Unary::new(
    &["isNotNull"],
    Some("1"),
    |values| each(values, |value| f64::from(u8::from(!value.is_nan()))),
    "Another name of isNonNull.",
)
.in_group(Group::Custom)
.reaching(0);

pub(super) static IS_NON_NULL: Unary = Unary::new(
    &["isNonNull"],
    Some("1"),
    |values| each(values, |value| f64::from(u8::from(!value.is_nan()))),
    "1 for every point that is known and 0 for every null: summed up, it counts the series that are \
     alive.",
)
.reaching(0);

pub(super) static LOGIT: Unary = Unary::new(
    &["logit"],
    Some("logit"),
    |values| {
        each(values, |value| {
            finite(positive_logarithm(value / (1.0 - value)), value)
        })
    },
    "The logit function, log(x / (1 - x)), of every point; null outside of 0 to 1.",
)
.reaching(0);

pub(super) static MIN_MAX: Unary = Unary::new(
    &["minMax"],
    None,
    stretch,
    "Stretches every series so that its least point is 0 and its greatest 1.",
);

pub(super) static SIGMOID: Unary = Unary::new(
    &["sigmoid"],
    Some("sigmoid"),
    |values| each(values, |value| 1.0 / (1.0 + (-value).exp())),
    "The sigmoid function, 1 / (1 + exp(-x)), of every point.",
)
.reaching(0);

pub(super) static SQUARE_ROOT: Unary = Unary::new(
    &["squareRoot"],
    Some("1"),
    |values| each(values, f64::sqrt),
    "The square root of every point; null for negative ones.",
)
.reaching(0);

impl Function for Unary {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn keeps_grid(&self) -> bool {
        true
    }

    fn reach(&self, _call: &Call<'_>) -> Reach {
        self.reach
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let name = self.signature.names[0];
        Ok(parallel::map(call.series("seriesList")?, |mut series| {
            (self.rewrite)(series.values_mut());
            if let Some(tag) = self.tag {
                series.tags.set(name, tag);
            }
            series.rename(format!("{name}({})", series.name));
            series
        }))
    }
}

#[inline]
fn each(values: &mut [f64], work: impl Fn(f64) -> f64) {
    for value in values {
        *value = work(*value);
    }
}

/// Null for what a finite value became infinite by: the reference's arithmetic refuses it.
#[inline]
pub(super) fn finite(result: f64, of: f64) -> f64 {
    if result.is_infinite() && of.is_finite() {
        f64::NAN
    } else {
        result
    }
}

/// The natural logarithm; null of zero and of negative values.
#[inline]
pub(super) fn positive_logarithm(value: f64) -> f64 {
    if value > 0.0 { value.ln() } else { f64::NAN }
}

fn integrate(values: &mut [f64]) {
    let mut sum = 0.0;
    for value in values {
        if !value.is_nan() {
            sum += *value;
            *value = sum;
        }
    }
}

fn stretch(values: &mut [f64]) {
    use crate::functions::aggregation::{greatest, least};
    let (low, range) = (least(values), greatest(values) - least(values));
    if range == 0.0 {
        each(values, |value| if value.is_nan() { value } else { 0.0 });
    } else {
        each(values, |value| (value - low) / range);
    }
}

#[cfg(test)]
mod tests {
    use crate::functions::testing::{Samples, assert_values};

    const NULL: f64 = f64::NAN;

    fn check(function: &str, values: &[f64], expected: &[Option<f64>]) {
        let samples = Samples::new().with("a.b", 60, 60, values);
        let result = samples.run(&format!("{function}(a.*)"), 0, 600);
        assert_eq!(result[0].name, format!("{function}(a.b)"));
        assert_eq!(result[0].path_expression, result[0].name);
        assert_values(&result[0], expected);
    }

    #[test]
    fn nulls_stay_null() {
        for function in ["absolute", "exp", "integral", "invert", "logit", "minMax"] {
            check(function, &[NULL, NULL], &[None, None]);
        }
        check("isNonNull", &[NULL, 0.0], &[Some(0.0), Some(1.0)]);
    }

    #[test]
    fn what_has_no_finite_result_is_null() {
        check("invert", &[0.0, 4.0], &[None, Some(0.25)]);
        check("exp", &[800.0, 0.0, -800.0], &[None, Some(1.0), Some(0.0)]);
        check("squareRoot", &[-1.0, 9.0], &[None, Some(3.0)]);
        check(
            "logit",
            &[0.0, 1.0, 2.0, 0.5],
            &[None, None, None, Some(0.0)],
        );
        check(
            "sigmoid",
            &[-800.0, 0.0, 800.0],
            &[Some(0.0), Some(0.5), Some(1.0)],
        );
    }

    #[test]
    fn integral_carries_its_sum_over_nulls() {
        check("integral", &[1.0, NULL, 2.0], &[Some(1.0), None, Some(3.0)]);
    }

    #[test]
    fn constant_is_stretched_to_zero() {
        check("minMax", &[5.0, NULL, 5.0], &[Some(0.0), None, Some(0.0)]);
        check(
            "minMax",
            &[2.0, 4.0, 3.0],
            &[Some(0.0), Some(1.0), Some(0.5)],
        );
    }

    #[test]
    fn tags_are_the_functions_own() {
        let samples = Samples::new().with("a", 60, 60, &[1.0]);
        let tag = |function: &str| {
            let result = samples.run(&format!("{function}(a)"), 0, 60);
            result[0].tags.get(function).map(str::to_owned)
        };
        assert_eq!(tag("exp").as_deref(), Some("e"));
        assert_eq!(tag("logit").as_deref(), Some("logit"));
        assert_eq!(tag("absolute").as_deref(), Some("1"));
        assert_eq!(tag("minMax"), None);
    }
}

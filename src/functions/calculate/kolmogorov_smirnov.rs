//! `kolmogorovSmirnovTest2`: whether two series look like samples of the same distribution.

use std::f64::consts::PI;

use super::pearson::{PAIR_PARAMETERS, compare_windows};
use crate::functions::{Call, EvaluationError, Function, Group, Series, Signature};

/// See the signature.
pub(super) struct KolmogorovSmirnovTest2;

static SIGNATURE: Signature = Signature {
    names: &["kolmogorovSmirnovTest2", "ksTest2"],
    group: Group::Custom,
    usage: "(series, otherSeries, windowSize)",
    description: "The two-sample test of Kolmogorov and Smirnov over the last windowSize points: the \
                  probability, from 0 to 1, of a difference like theirs between samples of one \
                  distribution. Small values mean that the series differ.",
    parameters: PAIR_PARAMETERS,
    aggregator: false,
};

impl Function for KolmogorovSmirnovTest2 {
    fn signature(&self) -> &Signature {
        &SIGNATURE
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        // As in carbonapi, one point more than the window must have gone by.
        compare_windows(call, "kolmogorovSmirnovTest2", 2, probability)
    }
}

fn probability(one: &[f64], other: &[f64]) -> f64 {
    let (one, other) = (sorted(one), sorted(other));
    if one.is_empty() || other.is_empty() {
        return f64::NAN;
    }
    let (count, other_count) = (one.len() as f64, other.len() as f64);
    let scale = (count * other_count / (count + other_count)).sqrt();
    tail(scale * distance(&one, &other))
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut known: Vec<f64> = values
        .iter()
        .copied()
        .filter(|value| !value.is_nan())
        .collect();
    known.sort_by(f64::total_cmp);
    known
}

/// The greatest distance between the two empirical distributions.
fn distance(one: &[f64], other: &[f64]) -> f64 {
    let share = |sample: &[f64], value: f64| {
        sample.partition_point(|known| *known <= value) as f64 / sample.len() as f64
    };
    let places = one.iter().chain(other);
    places
        .map(|&value| (share(one, value) - share(other, value)).abs())
        .fold(0.0, f64::max)
}

/// The chance that the statistic is greater than `z`: Kolmogorov's series, in the form that converges
/// fast on its side of the middle (Marsaglia, Tsang, Wang: "Evaluating Kolmogorov's Distribution", 2003).
fn tail(z: f64) -> f64 {
    const MIDDLE: f64 = 1.18;
    if z <= 0.0 {
        return 1.0;
    }
    if z < MIDDLE {
        let term = |odd: f64| (-(odd * PI / z).powi(2) / 8.0).exp();
        let below = (2.0 * PI).sqrt() / z * [1.0, 3.0, 5.0, 7.0].map(term).iter().sum::<f64>();
        return 1.0 - below;
    }
    let term = |k: f64| (-2.0 * (k * z).powi(2)).exp();
    2.0 * (term(1.0) - term(2.0) + term(3.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::functions::testing::Samples;

    #[test]
    fn statistic_is_kolmogorovs() {
        // Tables give 0.05 at 1.3581 and 0.9639 at 0.5.
        assert!((tail(1.3581) - 0.05).abs() < 1e-4);
        assert!((tail(0.5) - 0.9639).abs() < 1e-4);
        assert!((tail(1.18) - tail(1.179_999)).abs() < 1e-5);
        assert_eq!(distance(&[1.0, 2.0], &[1.0, 2.0]), 0.0);
        assert_eq!(distance(&[1.0, 2.0], &[3.0, 4.0]), 1.0);
        assert_eq!(distance(&[1.0, 1.0, 2.0, 3.0], &[1.0, 2.0, 2.0, 3.0]), 0.25);
    }

    #[test]
    fn equal_windows_are_certainly_alike() {
        let values = [1.0, 2.0, 3.0, f64::NAN];
        let samples = Samples::new()
            .with("a", 60, 60, &values)
            .with("b", 60, 60, &values);
        let result = samples.run("ksTest2(a,b,2)", 0, 240);
        assert_eq!(result[0].name, "kolmogorovSmirnovTest2(a,b,2)");
        assert!(result[0].values[1].is_nan());
        assert_eq!(result[0].values[2..], [1.0, 1.0]);
    }
}

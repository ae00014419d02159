//! `stdev`: the standard deviation over a moving number of points.

use std::hint::black_box;

use crate::functions::{
    Call, EvaluationError, Function, Group, Kind, Literal, Parameter, Series, Signature, parallel,
};

/// See the signature.
pub(super) struct Stdev;

static SIGNATURE: Signature = Signature {
    names: &["stdev"],
    group: Group::Calculate,
    usage: "(seriesList, points, windowTolerance=0.1)",
    description: "The population standard deviation of the last points, null where fewer of them \
                  than the share windowTolerance are known.",
    parameters: &[
        Parameter::required("seriesList", Kind::SeriesList),
        Parameter::required("points", Kind::Integer),
        Parameter::optional("windowTolerance", Kind::Float).default(Literal::Float(0.1)),
    ],
    aggregator: false,
};

impl Function for Stdev {
    fn signature(&self) -> &Signature {
        &SIGNATURE
    }

    fn keeps_grid(&self) -> bool {
        true
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let all = call.series("seriesList")?;
        let points = call.integer("points")?;
        let window = usize::try_from(points)
            .map_err(|_| call.error(format!("points must not be negative, not {points}")))?;
        let tolerance = call.number("windowTolerance")?;
        Ok(parallel::map(all, |series| {
            let mut result = series.with_values(moving(&series.values, window, tolerance));
            result.rename(format!("stdev({},{points})", series.name));
            result.tags.set("stdev", points.to_string());
            result
        }))
    }
}

/// Sums that points enter and leave, in the order of the reference so that rounding agrees.
fn moving(values: &[f64], window: usize, tolerance: f64) -> Vec<f64> {
    let (mut known, mut sum, mut squares) = (0.0, 0.0, 0.0);
    let deviation = |(position, &value): (usize, &f64)| {
        if position >= window {
            let left = values[position - window];
            if !left.is_nan() {
                known -= 1.0;
                sum -= left;
                squares -= squared(left);
            }
        }
        if !value.is_nan() {
            known += 1.0;
            sum += value;
            squares += squared(value);
        }
        if known > 0.0 && known / window as f64 >= tolerance {
            // Rounding may leave a negative variance: null, as the square root has no value.
            (known * squares - squared(sum)).sqrt() / known
        } else {
            f64::NAN
        }
    };
    values.iter().enumerate().map(deviation).collect()
}

/// A square as the C library's `pow` rounds it, which the reference calls: one in a thousand differs from
/// the product in its last bit, and where the difference of large sums is small that bit shows.
fn squared(value: f64) -> f64 {
    // Of a constant exponent the compiler would make a product.
    value.powf(black_box(2.0))
}

#[cfg(test)]
mod tests {
    use crate::functions::testing::{Samples, assert_values};

    #[test]
    fn window_moves_and_needs_its_share_of_values() {
        let values = [2.0, 4.0, f64::NAN, f64::NAN, 5.0];
        let samples = Samples::new().with("a", 60, 60, &values);
        let result = samples.run("stdev(a,2,0.5)", 0, 300);
        assert_eq!(result[0].name, "stdev(a,2)");
        assert_eq!(result[0].tags.get("stdev"), Some("2"));
        let expected = [Some(0.0), Some(1.0), Some(0.0), None, Some(0.0)];
        assert_values(&result[0], &expected);
        assert_values(&samples.run("stdev(a,0)", 0, 300)[0], &[None; 5]);
        assert!(samples.try_run("stdev(a,-1)", 0, 300).is_err());
    }

    /// With the C library that the reference runs on.
    #[cfg(target_env = "gnu")]
    #[test]
    fn squares_are_those_of_the_reference() {
        assert_eq!(super::squared(95.97), 9210.2409);
        assert_ne!(super::squared(95.97), 95.97 * 95.97);
        assert_eq!(super::squared(-3.0), 9.0);
    }
}

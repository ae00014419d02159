//! `pearson`: how two series move together over a moving window.

use crate::functions::normalize::normalize;
use crate::functions::{
    Call, EvaluationError, Function, Group, Kind, Pace, Parameter, Series, Signature,
};

/// See the signature.
pub(super) struct Pearson;

static SIGNATURE: Signature = Signature {
    names: &["pearson"],
    group: Group::Custom,
    usage: "(series, otherSeries, windowSize)",
    description: "Pearson's coefficient of correlation, from -1 to 1, of two series over the last \
                  windowSize points; a time at which either is null does not count.",
    parameters: PAIR_PARAMETERS,
    aggregator: false,
};

/// What this function and the test of Kolmogorov and Smirnov take.
pub(super) const PAIR_PARAMETERS: &[Parameter] = &[
    Parameter::required("series", Kind::SeriesList),
    Parameter::required("otherSeries", Kind::SeriesList),
    Parameter::required("windowSize", Kind::Integer),
];

impl Function for Pearson {
    fn signature(&self) -> &Signature {
        &SIGNATURE
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        compare_windows(call, "pearson", 1, correlation)
    }
}

/// Compares the last points of two single series, at each time from the window's `windowSize`th point
/// on; `lead` is the number of points of the first full window that counts.
pub(super) fn compare_windows(
    call: &Call<'_>,
    function: &str,
    lead: usize,
    compare: impl Fn(&[f64], &[f64]) -> f64,
) -> Result<Vec<Series>, EvaluationError> {
    let one = single(call, "series")?;
    let other = single(call, "otherSeries")?;
    let size = call.integer("windowSize")?;
    let Some(size) = usize::try_from(size).ok().filter(|size| *size > 0) else {
        return Err(call.error(format!("windowSize must be at least 1, not {size}")));
    };
    let (Some(one), Some(other)) = (one, other) else {
        return Ok(Vec::new());
    };
    let name = format!("{function}({},{},{size})", one.name, other.name);
    let Some(both) = normalize(vec![one, other]) else {
        return Ok(Vec::new());
    };
    let (first, second) = (&both.series[0].values, &both.series[1].values);
    let points = first.len().min(second.len());
    let mut pace = Pace::default();
    let compare_at = |position: usize| {
        let end = position + 1;
        match end.checked_sub(size) {
            Some(start) if end + 1 >= size + lead && pace.goes_on(size) => {
                compare(&first[start..end], &second[start..end])
            }
            _ => f64::NAN,
        }
    };
    let values = (0..points).map(compare_at).collect();
    let mut result = both.series[0].with_values(values);
    result.end = result.start + result.step * points as i64;
    result.rename(name);
    Ok(vec![result])
}

/// The one series of a parameter, or none.
fn single(call: &Call<'_>, parameter: &str) -> Result<Option<Series>, EvaluationError> {
    let mut all = call.series(parameter)?;
    if all.len() > 1 {
        let count = all.len();
        return Err(call.error(format!("{parameter} must be one series, not {count}")));
    }
    Ok(all.pop())
}

/// Pearson's coefficient over the places where both have a value; NaN when one of them is constant.
pub(in crate::functions) fn correlation(one: &[f64], other: &[f64]) -> f64 {
    let known = |(one, other): &(&f64, &f64)| !one.is_nan() && !other.is_nan();
    let pairs = || one.iter().zip(other).filter(known);
    let count = pairs().count() as f64;
    let (sum, other_sum) = pairs().fold((0.0, 0.0), |sums, (one, other)| {
        (sums.0 + one, sums.1 + other)
    });
    let (mean, other_mean) = (sum / count, other_sum / count);
    let (mut together, mut variance, mut other_variance) = (0.0, 0.0, 0.0);
    for (one, other) in pairs() {
        let (off, other_off) = (one - mean, other - other_mean);
        together += off * other_off;
        variance += off * off;
        other_variance += other_off * other_off;
    }
    let scale = variance.sqrt() * other_variance.sqrt();
    if scale == 0.0 {
        f64::NAN
    } else {
        together / scale
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::functions::testing::Samples;

    #[test]
    fn windows_that_move_alike_give_one() {
        let samples = Samples::new()
            .with("a", 60, 60, &[1.0, 2.0, 3.0, 3.0])
            .with("b", 60, 60, &[2.0, 4.0, 6.0, 6.0]);
        let result = samples.run("pearson(a,b,3)", 0, 240);
        assert_eq!(result[0].name, "pearson(a,b,3)");
        let values = &result[0].values;
        assert!(values[0].is_nan() && values[1].is_nan());
        assert!((values[2] - 1.0).abs() < 1e-12 && (values[3] - 1.0).abs() < 1e-9);
    }

    #[test]
    fn constant_has_no_correlation_and_lists_are_refused() {
        assert!(correlation(&[1.0, 1.0], &[1.0, 2.0]).is_nan());
        let falling = correlation(&[1.0, f64::NAN, 2.0], &[2.0, 9.0, 1.0]);
        assert!((falling + 1.0).abs() < 1e-12);
        let samples = Samples::new()
            .with("a.1", 60, 60, &[1.0])
            .with("a.2", 60, 60, &[1.0]);
        let refused = samples.try_run("pearson(a.*,a.1,3)", 0, 60).unwrap_err();
        assert!(refused.to_string().contains("one series, not 2"));
        assert!(samples.try_run("pearson(a.1,a.1,0)", 0, 60).is_err());
    }
}

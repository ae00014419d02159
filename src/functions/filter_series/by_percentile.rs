//! `averageOutsidePercentile` and `removeBetweenPercentile`: series that stand out from the others.

use crate::functions::aggregation::mean;
use crate::functions::percentile::percentile;
use crate::functions::{
    Call, EvaluationError, Function, Group, Kind, Parameter, Series, Signature, rows,
};

const PARAMETERS: &[Parameter] = &[
    Parameter::required("seriesList", Kind::SeriesList),
    Parameter::required("n", Kind::Float),
];

/// The percentage as given or, below 50, its mirror image: both name the same two limits.
fn upper_percent(call: &Call<'_>) -> Result<f64, EvaluationError> {
    let n = call.number("n")?;
    if !(0.0..=100.0).contains(&n) {
        return Err(call.error(format!("n must be a percentage from 0 to 100, not {n}")));
    }
    Ok(if n < 50.0 { 100.0 - n } else { n })
}

/// The lower and upper limit among the values of a row; NaN, which nothing is between, when the row
/// has no values.
fn limits(row: &[f64], percent: f64) -> (f64, f64) {
    let at = |percent| percentile(row, percent, false).unwrap_or(f64::NAN);
    (at(100.0 - percent), at(percent))
}

/// `averageOutsidePercentile`.
pub(super) struct AverageOutsidePercentile;

static AVERAGE_OUTSIDE: Signature = Signature {
    names: &["averageOutsidePercentile"],
    group: Group::FilterSeries,
    usage: "(seriesList, n)",
    description: "Leaves out the series whose average lies between the nth percentile of all \
                  averages and its mirror image.",
    parameters: PARAMETERS,
    aggregator: false,
};

impl Function for AverageOutsidePercentile {
    fn signature(&self) -> &Signature {
        &AVERAGE_OUTSIDE
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let all = call.series("seriesList")?;
        let averages: Vec<f64> = all.iter().map(|series| mean(&series.values)).collect();
        let (low, high) = limits(&averages, upper_percent(call)?);
        let outside = |(series, average): (Series, f64)| {
            let between = low < average && average < high;
            (!between).then_some(series)
        };
        Ok(all.into_iter().zip(averages).filter_map(outside).collect())
    }
}

/// `removeBetweenPercentile`.
pub(super) struct RemoveBetweenPercentile;

static REMOVE_BETWEEN: Signature = Signature {
    names: &["removeBetweenPercentile"],
    group: Group::FilterSeries,
    usage: "(seriesList, n)",
    description: "Leaves out the series that never leave the band between the nth percentile of \
                  all series at the same time and its mirror image.",
    parameters: PARAMETERS,
    aggregator: false,
};

impl Function for RemoveBetweenPercentile {
    fn signature(&self) -> &Signature {
        &REMOVE_BETWEEN
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let mut all = call.series("seriesList")?;
        let percent = upper_percent(call)?;
        let columns: Vec<&[f64]> = all.iter().map(|series| series.values.as_slice()).collect();
        let low = rows::map_rows(&columns, |row| limits(row, percent).0);
        let high = rows::map_rows(&columns, |row| limits(row, percent).1);
        all.retain(|series| {
            let mut places = series.values.iter().zip(low.iter().zip(&high));
            places.any(|(value, (low, high))| {
                let between = low < value && value < high;
                !value.is_nan() && !between
            })
        });
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use crate::functions::testing::Samples;

    fn samples() -> Samples {
        (0_u8..5).fold(Samples::new(), |samples, level| {
            let value = f64::from(level);
            samples.with(&format!("s.l{level}"), 60, 60, &[value, value])
        })
    }

    fn kept(target: &str) -> Vec<String> {
        let result = samples().run(target, 0, 120);
        result
            .into_iter()
            .map(|series| series.name.into())
            .collect()
    }

    #[test]
    fn percentage_and_its_mirror_image_are_the_same() {
        let outside = ["s.l0", "s.l1", "s.l4"];
        assert_eq!(kept("averageOutsidePercentile(s.*,80)"), outside);
        assert_eq!(kept("averageOutsidePercentile(s.*,20)"), outside);
        assert_eq!(kept("removeBetweenPercentile(s.*,20)"), outside);
    }

    #[test]
    fn impossible_percentage_is_an_error() {
        let error = samples().try_run("removeBetweenPercentile(s.*,101)", 0, 120);
        assert!(error.unwrap_err().to_string().contains("0 to 100"));
    }
}

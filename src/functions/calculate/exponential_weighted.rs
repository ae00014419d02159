//! carbonapi's `exponentialWeightedMovingAverage`, whose weight is given and not computed from a window.

use crate::functions::{
    Call, EvaluationError, Function, Group, Kind, Literal, Parameter, Series, Signature,
    number_text, parallel,
};

/// See the signature.
pub(super) struct ExponentialWeightedMovingAverage;

static SIGNATURE: Signature = Signature {
    names: &["exponentialWeightedMovingAverage", "ewma"],
    group: Group::Custom,
    usage: "(seriesList, alpha)",
    description: "An average that begins at the first value and moves towards each later one by the \
                  share alpha of the distance. Nulls stay and do not count.",
    parameters: &[
        Parameter::required("seriesList", Kind::SeriesList),
        Parameter::required("alpha", Kind::Float).suggestions(&[
            Literal::Float(0.1),
            Literal::Float(0.5),
            Literal::Float(0.7),
        ]),
    ],
    aggregator: false,
};

impl Function for ExponentialWeightedMovingAverage {
    fn signature(&self) -> &Signature {
        &SIGNATURE
    }

    fn keeps_grid(&self) -> bool {
        true
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let all = call.series("seriesList")?;
        let alpha = call.number("alpha")?;
        let text = number_text::general(alpha);
        Ok(parallel::map(all, |mut series| {
            smooth(series.values_mut(), alpha);
            series.rename(format!("ewma({},{text})", series.name));
            series
        }))
    }
}

fn smooth(values: &mut [f64], alpha: f64) {
    let mut average = f64::NAN;
    for value in values.iter_mut().filter(|value| !value.is_nan()) {
        average = if average.is_nan() {
            *value
        } else {
            alpha * *value + (1.0 - alpha) * average
        };
        *value = average;
    }
}

#[cfg(test)]
mod tests {
    use crate::functions::testing::Samples;

    #[test]
    fn average_moves_towards_each_value() {
        let samples = Samples::new().with("a", 60, 60, &[0.0, 1.0, f64::NAN, 1.0]);
        let result = samples.run("ewma(a,0.9)", 0, 240);
        assert_eq!(result[0].name, "ewma(a,0.9)");
        let values = &result[0].values;
        assert_eq!((values[0], values[1]), (0.0, 0.9));
        assert!(values[2].is_nan() && (values[3] - 0.99).abs() < 1e-12);
    }
}

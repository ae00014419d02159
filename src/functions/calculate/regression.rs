//! `linearRegression`: the straight line through a series by least squares.

use crate::functions::{
    Call, EvaluationError, Function, Group, Kind, Parameter, Series, Signature, Window,
};
use crate::target;

/// See the signature.
pub(super) struct LinearRegression;

static SIGNATURE: Signature = Signature {
    names: &["linearRegression"],
    group: Group::Calculate,
    usage: "(seriesList, startSourceAt=None, endSourceAt=None)",
    description: "The line of least squares through the values between startSourceAt and \
                  endSourceAt (the window's own ends unless given), drawn over the window.",
    parameters: &[
        Parameter::required("seriesList", Kind::SeriesList),
        Parameter::optional("startSourceAt", Kind::Date),
        Parameter::optional("endSourceAt", Kind::Date),
    ],
    aggregator: false,
};

impl Function for LinearRegression {
    fn signature(&self) -> &Signature {
        &SIGNATURE
    }

    fn windows(&self, call: &Call<'_>) -> Result<Vec<Window>, EvaluationError> {
        Ok(vec![call.window(), source_window(call)?])
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let source_window = source_window(call)?;
        let all = call.series("seriesList")?;
        let sources = call.series_in("seriesList", source_window)?;
        let ends = format!("{}, {}", source_window.from, source_window.until);
        let line = |(series, source): (Series, Series)| {
            let (factor, offset) = least_squares(&source)?;
            let value =
                |slot: usize| offset + (series.start + slot as i64 * series.step) as f64 * factor;
            let values = (0..series.values.len()).map(value).collect();
            let name = format!("linearRegression({}, {ends})", series.name);
            let grid = (series.start, series.end, series.step);
            let mut result = call.fresh(name, grid, values);
            result.tags = series.tags;
            result.tags.set("linearRegressions", ends.as_str());
            result.x_files_factor = series.x_files_factor;
            Some(result)
        };
        Ok(all.into_iter().zip(sources).filter_map(line).collect())
    }
}

fn source_window(call: &Call<'_>) -> Result<Window, EvaluationError> {
    let window = call.window();
    let time = |parameter, otherwise| match call.optional_string(parameter)? {
        None => Ok(otherwise),
        Some(text) => target::parse_at_time(&text, call.now(), call.timezone())
            .map_err(|error| call.error(format!("parameter \"{parameter}\": {error}"))),
    };
    Ok(Window {
        from: time("startSourceAt", window.from)?,
        until: time("endSourceAt", window.until)?,
        ..window
    })
}

/// The rise a second and the value at the epoch; `None` when fewer than two values are known.
fn least_squares(series: &Series) -> Option<(f64, f64)> {
    let (mut count, mut slots, mut values) = (0.0, 0.0, 0.0);
    let (mut slots_squared, mut slots_values) = (0.0, 0.0);
    for (slot, value) in series.values.iter().enumerate() {
        if !value.is_nan() {
            let slot = slot as f64;
            count += 1.0;
            slots += slot;
            values += value;
            slots_squared += slot * slot;
            slots_values += slot * value;
        }
    }
    let denominator = count * slots_squared - slots * slots;
    if denominator == 0.0 {
        return None;
    }
    let factor = (count * slots_values - slots * values) / denominator / series.step as f64;
    let offset = (slots_squared * values - slots_values * slots) / denominator
        - factor * series.start as f64;
    Some((factor, offset))
}

#[cfg(test)]
mod tests {
    use crate::functions::testing::{Samples, assert_values};

    fn samples() -> Samples {
        Samples::new()
            .with("a", 60, 60, &[1.0, f64::NAN, 3.0, 4.0, 0.0])
            .with("one", 60, 60, &[1.0])
    }

    #[test]
    fn line_goes_through_the_source_and_on() {
        let result = samples().run("linearRegression(a,'0','240')", 60, 300);
        assert_eq!(result[0].name, "linearRegression(a, 0, 240)");
        assert_eq!(result[0].tags.get("linearRegressions"), Some("0, 240"));
        assert_values(&result[0], &[Some(2.0), Some(3.0), Some(4.0), Some(5.0)]);
    }

    #[test]
    fn single_value_has_no_line() {
        assert!(samples().run("linearRegression(one)", 0, 60).is_empty());
        let error = samples().try_run("linearRegression(a,'when')", 0, 60);
        assert!(error.unwrap_err().to_string().contains("startSourceAt"));
    }
}

//! `timeSlice`: only the points between two times.

use super::SERIES;
use crate::functions::{
    Call, EvaluationError, Function, Group, Kind, Literal, Parameter, Series, Signature, parallel,
};
use crate::target::parse_at_time;

/// See the signature.
pub(super) struct TimeSlice;

static SIGNATURE: Signature = Signature {
    names: &["timeSlice"],
    group: Group::Transform,
    usage: "(seriesList, startSliceAt, endSliceAt='now')",
    description: "Keeps the points between two times, both included, and makes the others null.",
    parameters: &[
        SERIES,
        Parameter::required("startSliceAt", Kind::Date),
        Parameter::optional("endSliceAt", Kind::Date).default(Literal::String("now")),
    ],
    aggregator: false,
};

impl Function for TimeSlice {
    fn signature(&self) -> &Signature {
        &SIGNATURE
    }

    fn keeps_grid(&self) -> bool {
        true
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let all = call.series("seriesList")?;
        let (start, end) = (time(call, "startSliceAt")?, time(call, "endSliceAt")?);
        // The reference counts from the start of the window, whatever the grid of the series is.
        let origin = call.window().from;
        Ok(parallel::map(all, |mut series| {
            let (mut now, step) = (origin, series.step);
            for value in series.values_mut() {
                if now < start || now > end {
                    *value = f64::NAN;
                }
                now += step;
            }
            series.tags.set("timeSliceStart", start.to_string());
            series.tags.set("timeSliceEnd", end.to_string());
            series.name = format!("timeSlice({}, {start}, {end})", series.name).into();
            series
        }))
    }
}

fn time(call: &Call<'_>, parameter: &str) -> Result<i64, EvaluationError> {
    parse_at_time(&call.string(parameter)?, call.now(), call.timezone())
        .map_err(|error| call.error(format!("parameter \"{parameter}\": {error}")))
}

#[cfg(test)]
mod tests {
    use crate::functions::testing::{Samples, assert_values};

    fn samples() -> Samples {
        Samples::new().with("a", 10, 10, &[1.0, 2.0, 3.0, 4.0, 5.0])
    }

    #[test]
    fn slice_is_counted_from_the_windows_start() {
        let result = samples().run("timeSlice(a,\"10\",\"30\")", 0, 50);
        assert_eq!(result[0].name, "timeSlice(a, 10, 30)");
        assert_eq!(result[0].path_expression, "a");
        assert_eq!(result[0].tags.get("timeSliceEnd"), Some("30"));
        assert_values(&result[0], &[None, Some(2.0), Some(3.0), Some(4.0), None]);
    }

    #[test]
    fn slice_ends_now_unless_told_otherwise() {
        let result = samples().run("timeSlice(a,\"-20s\")", 0, 50);
        assert_eq!(result[0].name, "timeSlice(a, 30, 50)");
        assert!(
            samples()
                .try_run("timeSlice(a,\"some day\")", 0, 50)
                .is_err()
        );
        assert!(samples().try_run("timeSlice(a)", 0, 50).is_err());
    }
}

//! `baseline` and `baselineAberration`, as carbonapi has them: what is usual at this time, and how far
//! from it a series is.

use std::collections::HashMap;

use crate::functions::aggregation::mean;
use crate::functions::rows;
use crate::functions::transform::time_shift::{END, FIRST, StackedShift, UNIT, stacked_shifts};
use crate::functions::{
    Aggregation, Call, EvaluationError, Function, Group, Kind, Parameter, Series, Signature, Window,
};

const PARAMETERS: &[Parameter] = &[
    Parameter::required("seriesList", Kind::SeriesList),
    UNIT,
    FIRST,
    END,
    Parameter::optional("maxAbsentPercent", Kind::Float),
    Parameter::optional("minAvg", Kind::Float),
];

const USAGE: &str =
    "(seriesList, timeShiftUnit, timeShiftStart, timeShiftEnd, [maxAbsentPercent, minAvg])";

/// `baseline`.
pub(super) struct Baseline;

static BASELINE: Signature = Signature {
    names: &["baseline"],
    group: Group::Custom,
    usage: USAGE,
    description: "The median of a series at other times: shifted by the unit times every number from \
                  timeShiftStart up to, but not including, timeShiftEnd, without 0. Left out when \
                  more than maxAbsentPercent of its points are null or its mean is below minAvg.",
    parameters: PARAMETERS,
    aggregator: false,
};

impl Function for Baseline {
    fn signature(&self) -> &Signature {
        &BASELINE
    }

    fn windows(&self, call: &Call<'_>) -> Result<Vec<Window>, EvaluationError> {
        Ok(shifts(call)?
            .into_iter()
            .map(|shift| shift.window)
            .collect())
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let limits = Limits::of(call)?;
        let baselines = groups(call)?.into_iter().map(|group| median(&group));
        let wanted = baselines.filter(|baseline| limits.allow(&baseline.values));
        let rename = |mut series: Series| {
            series.rename(format!("baseline({})", series.name));
            series
        };
        Ok(wanted.map(rename).collect())
    }
}

/// `baselineAberration`.
pub(super) struct BaselineAberration;

static BASELINE_ABERRATION: Signature = Signature {
    names: &["baselineAberration"],
    group: Group::Custom,
    usage: USAGE,
    description: "Every series divided by its baseline: 1.1 is ten percent above what is usual.",
    parameters: PARAMETERS,
    aggregator: false,
};

impl Function for BaselineAberration {
    fn signature(&self) -> &Signature {
        &BASELINE_ABERRATION
    }

    fn windows(&self, call: &Call<'_>) -> Result<Vec<Window>, EvaluationError> {
        let mut windows = Baseline.windows(call)?;
        windows.push(call.window());
        Ok(windows)
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let limits = Limits::of(call)?;
        let current = call.series("seriesList")?;
        let current: HashMap<&str, &Series> =
            current.iter().map(|one| (one.name.as_str(), one)).collect();
        let mut results = Vec::new();
        for baseline in groups(call)?.into_iter().map(|group| median(&group)) {
            let Some(current) = current.get(baseline.name.as_str()) else {
                continue;
            };
            if limits.allow(&baseline.values) {
                results.push(aberration(baseline, &current.values));
            }
        }
        Ok(results)
    }
}

/// The shifts, of which none is the present.
fn shifts(call: &Call<'_>) -> Result<Vec<StackedShift>, EvaluationError> {
    let mut shifts = stacked_shifts(call)?;
    shifts.retain(|shift| shift.window != call.window());
    Ok(shifts)
}

/// The series of all shifts by name, moved to the call's own window; names in the order they are met.
fn groups(call: &Call<'_>) -> Result<Vec<Vec<Series>>, EvaluationError> {
    let mut groups: Vec<Vec<Series>> = Vec::new();
    let mut positions = HashMap::new();
    for StackedShift {
        seconds, window, ..
    } in shifts(call)?
    {
        for mut series in call.series_in("seriesList", window)? {
            series.start -= seconds;
            series.end -= seconds;
            let position = *positions.entry(series.name.clone()).or_insert(groups.len());
            match groups.get_mut(position) {
                Some(group) => group.push(series),
                None => groups.push(vec![series]),
            }
        }
    }
    Ok(groups)
}

/// The median of every row, with the first series' grid and names.
fn median(group: &[Series]) -> Series {
    let columns: Vec<&[f64]> = group.iter().map(|one| one.values.as_slice()).collect();
    let mut values = rows::aggregate(&columns, Aggregation::Median, 0.0);
    values.truncate(columns[0].len());
    group[0].with_values(values)
}

/// Divides by the baseline; a baseline of zero stays zero.
fn aberration(mut baseline: Series, current: &[f64]) -> Series {
    for (position, usual) in baseline.values_mut().iter_mut().enumerate() {
        let value = current.get(position).copied().unwrap_or(f64::NAN);
        if value.is_nan() || *usual != 0.0 {
            *usual = value / *usual;
        }
    }
    baseline.rename(format!("baselineAberration({})", baseline.name));
    baseline
}

/// Which baselines say too little to be shown.
struct Limits {
    absent_percent_max: Option<f64>,
    average_min: Option<f64>,
}

impl Limits {
    fn of(call: &Call<'_>) -> Result<Self, EvaluationError> {
        Ok(Self {
            absent_percent_max: call.optional_number("maxAbsentPercent")?,
            average_min: call.optional_number("minAvg")?,
        })
    }

    fn allow(&self, baseline: &[f64]) -> bool {
        let absent = baseline.iter().filter(|value| value.is_nan()).count();
        let absent_percent = 100.0 * absent as f64 / baseline.len() as f64;
        // Without any point there is no mean, and the mean refuses nothing.
        let average = mean(baseline);
        self.absent_percent_max
            .is_none_or(|max| absent_percent <= max)
            && (average.is_nan() || self.average_min.is_none_or(|min| average >= min))
    }
}

#[cfg(test)]
mod tests {
    use crate::functions::testing::{Samples, assert_values};

    const NULL: f64 = f64::NAN;

    /// Three spans of 30 seconds before the one from 100 to 130.
    fn samples() -> Samples {
        let values = [1.0, 2.0, NULL, 3.0, 0.0, NULL, 8.0, 0.0, 5.0, 6.0, 7.0, 8.0];
        Samples::new().with("a", 20, 10, &values)
    }

    #[test]
    fn baseline_is_the_median_of_the_shifts() {
        let result = samples().run("baseline(a,\"30s\",0,4)", 100, 130);
        assert_eq!(result[0].name, "baseline(a)");
        assert_eq!((result[0].start, result[0].end), (110, 140));
        assert_values(&result[0], &[Some(3.0), Some(0.0), Some(5.0)]);
    }

    #[test]
    fn aberration_is_a_fraction_of_the_baseline() {
        let result = samples().run("baselineAberration(a,\"30s\",1,4)", 100, 130);
        assert_eq!(result[0].name, "baselineAberration(a)");
        assert_values(&result[0], &[Some(2.0), Some(0.0), Some(8.0 / 5.0)]);
    }

    #[test]
    fn baselines_that_say_too_little_are_left_out() {
        let run = |limits: &str| {
            let target = format!("baseline(a,\"30s\",2,3,{limits})");
            samples().run(&target, 100, 130).len()
        };
        // The points of that shift are 3, 0 and a null.
        assert_eq!(run("34"), 1);
        assert_eq!(run("33"), 0);
        assert_eq!(run("100,1.5"), 1);
        assert_eq!(run("none,1.6"), 0);
    }

    #[test]
    fn nothing_to_compare_with_is_nothing() {
        assert!(
            samples()
                .run("baseline(a,\"30s\",0,1)", 100, 130)
                .is_empty()
        );
        assert!(
            samples()
                .try_run("baseline(a,\"5m\",0,1)", 100, 130)
                .is_err()
        );
        assert!(
            samples()
                .try_run("baseline(a,\"1s\",0,9999)", 100, 130)
                .is_err()
        );
    }
}

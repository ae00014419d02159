//! `slo` and `sloErrorBudget`, as carbonapi has them: how much of the time a series kept a promise.

use std::collections::HashMap;

use super::SERIES;
use super::summarize::positive_interval;
use crate::functions::series::points_between;
use crate::functions::{
    Call, EvaluationError, Function, Group, Kind, Literal, Parameter, Series, Signature, Window,
    parallel,
};

const INTERVAL: Parameter = Parameter::required("interval", Kind::Interval).suggestions(&[
    Literal::String("10min"),
    Literal::String("1h"),
    Literal::String("1d"),
]);
const METHOD: Parameter = Parameter::required("method", Kind::String).options(&[
    Literal::String("above"),
    Literal::String("aboveOrEqual"),
    Literal::String("below"),
    Literal::String("belowOrEqual"),
]);
const VALUE: Parameter = Parameter::required("value", Kind::Float);
const OBJECTIVE: Parameter = Parameter::required("objective", Kind::Float);

/// `slo`.
pub(super) struct Slo;

static SLO: Signature = Signature {
    names: &["slo"],
    group: Group::Custom,
    usage: "(seriesList, interval, method, value)",
    description: "The share of the known points of each interval that lie above or below a value. A \
                  window shorter than the interval is answered with the whole interval before its \
                  end.",
    parameters: &[SERIES, INTERVAL, METHOD, VALUE],
    aggregator: false,
};

impl Function for Slo {
    fn signature(&self) -> &Signature {
        &SLO
    }

    fn windows(&self, call: &Call<'_>) -> Result<Vec<Window>, EvaluationError> {
        windows(call)
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        evaluate(call, None)
    }
}

/// `sloErrorBudget`.
pub(super) struct SloErrorBudget;

static SLO_ERROR_BUDGET: Signature = Signature {
    names: &["sloErrorBudget"],
    group: Group::Custom,
    usage: "(seriesList, interval, method, value, objective)",
    description: "The seconds of each interval by which the share of slo exceeds an objective, below \
                  zero where it falls short.",
    parameters: &[SERIES, INTERVAL, METHOD, VALUE, OBJECTIVE],
    aggregator: false,
};

impl Function for SloErrorBudget {
    fn signature(&self) -> &Signature {
        &SLO_ERROR_BUDGET
    }

    fn windows(&self, call: &Call<'_>) -> Result<Vec<Window>, EvaluationError> {
        windows(call)
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        evaluate(call, Some(call.number("objective")?))
    }
}

fn windows(call: &Call<'_>) -> Result<Vec<Window>, EvaluationError> {
    let mut windows = vec![call.window()];
    windows.extend(wider_window(call)?);
    Ok(windows)
}

/// The window that holds a whole interval, if the call's own does not.
fn wider_window(call: &Call<'_>) -> Result<Option<Window>, EvaluationError> {
    let (_, interval) = positive_interval(call, "interval")?;
    let missing = interval - (call.window().until - call.window().from);
    Ok((missing > 0).then(|| call.window().widened(missing)))
}

fn evaluate(call: &Call<'_>, objective: Option<f64>) -> Result<Vec<Series>, EvaluationError> {
    let (text, interval) = positive_interval(call, "interval")?;
    let method = call.string("method")?;
    let value = call.number("value")?;
    let keeps = promise(call, &method)?;
    let all = call.series("seriesList")?;
    let mut wider = HashMap::new();
    if let Some(window) = wider_window(call)? {
        for series in call.series_in("seriesList", window)? {
            wider.entry(series.name.clone()).or_insert(series);
        }
    }
    parallel::try_map(all, |series| {
        let buckets = points_between(series.start, series.end, interval);
        call.check_points(buckets)?;
        let source = wider.get(&series.name).unwrap_or(&series);
        let values = if series.step > interval {
            vec![f64::NAN; buckets]
        } else {
            let shares = shares(source, interval, |point| keeps(point, value));
            let figure = |(share, seconds): (f64, i64)| match objective {
                Some(objective) => (share - objective) * seconds as f64,
                None => share,
            };
            // Not from the shares by value: the values would keep their room, which is twice as large.
            shares.iter().copied().take(buckets).map(figure).collect()
        };
        let mut result = series.with_values(values);
        result.step = interval;
        result.end = series.start + buckets as i64 * interval;
        let name = &series.name;
        result.rename(match objective {
            Some(objective) => {
                format!("sloErrorBudget({name}, {text}, {method}, {value}, {objective})")
            }
            None => format!("slo({name}, {text}, {method}, {value})"),
        });
        Ok(result)
    })
}

/// What a method asks of a point and the value.
fn promise(call: &Call<'_>, method: &str) -> Result<fn(f64, f64) -> bool, EvaluationError> {
    Ok(match method {
        "above" => |point, value| point > value,
        "aboveOrEqual" => |point, value| point >= value,
        "below" => |point, value| point < value,
        "belowOrEqual" => |point, value| point <= value,
        _ => {
            let problem =
                format!("parameter \"method\" must be \"above\" or such, not \"{method}\"");
            return Err(call.error(problem));
        }
    })
}

/// For every interval from the first point on, the share of the known points that keep the promise,
/// and how many seconds it covers: fewer at the end.
fn shares(series: &Series, interval: i64, keeps: impl Fn(f64) -> bool) -> Vec<(f64, i64)> {
    let mut shares = Vec::new();
    let (mut kept, mut known, mut points) = (0_u32, 0_u32, 0_u32);
    let mut time = series.start;
    let (mut bucket_start, mut bucket_end) = (time, time + interval);
    for &point in series.values.iter() {
        points += 1;
        known += u32::from(!point.is_nan());
        kept += u32::from(!point.is_nan() && keeps(point));
        time += series.step;
        if time >= bucket_end {
            shares.push((f64::from(kept) / f64::from(known), interval));
            (kept, known, points) = (0, 0, 0);
            (bucket_start, bucket_end) = (time, bucket_end + interval);
        }
    }
    if points > 0 {
        shares.push((f64::from(kept) / f64::from(known), time - bucket_start));
    }
    shares
}

#[cfg(test)]
mod tests {
    use crate::functions::testing::{Samples, assert_values};

    const NULL: f64 = f64::NAN;

    fn samples() -> Samples {
        let values = [1.0, 2.0, 3.0, NULL, NULL, NULL, 7.0, 0.0, 8.0];
        Samples::new().with("a", 5, 5, &values)
    }

    #[test]
    fn share_counts_known_points_only() {
        let result = samples().run("slo(a, \"10s\", \"above\", 1.5)", 0, 600);
        assert_eq!(result[0].name, "slo(a, 10s, above, 1.5)");
        assert_eq!(
            (result[0].start, result[0].end, result[0].step),
            (5, 55, 10)
        );
    }

    #[test]
    fn budget_is_measured_in_seconds() {
        let target = "sloErrorBudget(a, \"10s\", \"aboveOrEqual\", 2, 0.75)";
        let result = samples().run(target, 0, 45);
        assert_eq!(
            result[0].name,
            "sloErrorBudget(a, 10s, aboveOrEqual, 2, 0.75)"
        );
        let expected = [Some(-2.5), Some(2.5), None, Some(-2.5), Some(1.25)];
        assert_values(&result[0], &expected);
    }

    #[test]
    fn short_window_is_answered_with_the_whole_interval() {
        let result = samples().run("slo(a,\"20s\",\"below\",5)", 35, 45);
        assert_eq!((result[0].start, result[0].step), (40, 20));
        // The points of the 20 seconds to 45: null, 7, 0 and 8.
        assert_values(&result[0], &[Some(1.0 / 3.0)]);
    }

    #[test]
    fn intervals_shorter_than_a_step_know_nothing() {
        let result = samples().run("slo(a,\"4s\",\"below\",5)", 0, 15);
        assert_values(&result[0], &[None; 4]);
        assert!(
            samples()
                .try_run("slo(a,\"4s\",\"near\",5)", 0, 15)
                .is_err()
        );
        assert!(
            samples()
                .try_run("slo(a,\"0s\",\"below\",5)", 0, 15)
                .is_err()
        );
    }
}

//! `smartSummarize`: an aggregation over buckets that begin with the window, or with a unit of the
//! calendar.

use super::SERIES;
use super::alignment::Unit;
use super::summarize::{Buckets, FUNC, INTERVAL, positive_interval};
use crate::functions::{
    Call, EvaluationError, Function, Group, Kind, Literal, Parameter, Series, Signature, Value,
    Window, parallel,
};

/// See the signature.
pub(super) struct SmartSummarize;

static SIGNATURE: Signature = Signature {
    names: &["smartSummarize"],
    group: Group::Transform,
    usage: "(seriesList, intervalString, func='sum', alignTo=None)",
    description: "Makes one point of all within an interval. The first begins with the window, or \
                  with the unit that alignTo names: the window then begins there. Weeks may be \
                  followed by their first day, 1 for Monday. True and false mean nothing anymore.",
    parameters: &[
        SERIES,
        INTERVAL,
        FUNC,
        Parameter::optional("alignTo", Kind::String).options(&[
            Literal::Boolean(false),
            Literal::Null,
            Literal::Boolean(true),
            Literal::String("days"),
            Literal::String("hours"),
            Literal::String("minutes"),
            Literal::String("months"),
            Literal::String("seconds"),
            Literal::String("weeks"),
            Literal::String("years"),
        ]),
    ],
    aggregator: false,
};

impl Function for SmartSummarize {
    fn signature(&self) -> &Signature {
        &SIGNATURE
    }

    fn windows(&self, call: &Call<'_>) -> Result<Vec<Window>, EvaluationError> {
        Ok(vec![aligned_window(call)?])
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let all = call.series_in("seriesList", aligned_window(call)?)?;
        let (text, interval) = positive_interval(call, "intervalString")?;
        if all.is_empty() {
            return Ok(all);
        }
        let (func, aggregation) = (call.string("func")?, call.aggregation("func")?);
        parallel::try_map(all, |series| {
            let buckets = Buckets {
                start: series.start,
                end: series.end,
                interval,
            };
            call.check_points(buckets.count())?;
            let mut result = series.with_values(buckets.aggregate(&series, aggregation));
            (result.end, result.step) = (buckets.aligned_end(), interval);
            result.tags.set("smartSummarize", text.as_str());
            result.tags.set("smartSummarizeFunction", func.as_str());
            result.rename(format!(
                "smartSummarize({}, \"{text}\", \"{func}\")",
                series.name
            ));
            Ok(result)
        })
    }
}

fn aligned_window(call: &Call<'_>) -> Result<Window, EvaluationError> {
    let window = call.window();
    let text = match call.value("alignTo")? {
        None | Some(Value::Boolean(_)) => return Ok(window),
        Some(other) => other.text().unwrap_or_default(),
    };
    let unit = Unit::parse(&text).ok_or_else(|| {
        call.error(format!(
            "parameter \"alignTo\" must be a unit such as \"days\", not \"{text}\""
        ))
    })?;
    let from = unit
        .floor(window.from, call.timezone())
        .unwrap_or(window.from);
    Ok(Window { from, ..window })
}

#[cfg(test)]
mod tests {
    use crate::functions::testing::{Samples, assert_values};

    fn samples() -> Samples {
        let values: Vec<f64> = (1..=20).map(f64::from).collect();
        Samples::new().with("a", 10, 10, &values)
    }

    #[test]
    fn buckets_begin_with_the_first_point() {
        let result = samples().run("smartSummarize(a,\"40s\")", 25, 110);
        assert_eq!(result[0].name, "smartSummarize(a, \"40s\", \"sum\")");
        assert_eq!((result[0].start, result[0].end), (30, 150));
        assert_values(&result[0], &[18.0, 34.0, 11.0].map(Some));
    }

    #[test]
    fn window_begins_with_the_unit() {
        let result = samples().run("smartSummarize(a,\"1min\",\"max\",\"minutes\")", 75, 130);
        assert_eq!((result[0].start, result[0].end), (70, 190));
        assert_values(&result[0], &[12.0, 13.0].map(Some));
        let ignored = samples().run("smartSummarize(a,\"1min\",\"max\",true)", 75, 130);
        assert_eq!(ignored[0].start, 80);
    }

    #[test]
    fn unit_must_be_one() {
        let run = |unit: &str| {
            let target = format!("smartSummarize(a,\"1min\",\"max\",{unit})");
            samples().try_run(&target, 0, 60)
        };
        assert!(run("\"1d\"").is_err());
        assert!(run("5").is_err());
        assert!(run("none").is_ok());
    }
}

//! `aggregateLine` and `nPercentile`: one number of each series as a line.

use crate::functions::percentile::percentile;
use crate::functions::{
    Aggregation, Call, EvaluationError, Function, Group, Kind, Literal, Parameter, Series,
    Signature, number_text, parallel,
};

const SERIES: Parameter = Parameter::required("seriesList", Kind::SeriesList);

/// `aggregateLine`.
pub(super) struct AggregateLine;

static AGGREGATE_LINE: Signature = Signature {
    names: &["aggregateLine"],
    group: Group::Calculate,
    usage: "(seriesList, func='average', keepStep=False)",
    description: "A horizontal line at an aggregation of each series: three points across the \
                  window, or one for each of the series' own with keepStep.",
    parameters: &[
        SERIES,
        Parameter::optional("func", Kind::AggFunc).default(Literal::String("average")),
        Parameter::optional("keepStep", Kind::Boolean).default(Literal::Boolean(false)),
    ],
    aggregator: false,
};

impl Function for AggregateLine {
    fn signature(&self) -> &Signature {
        &AGGREGATE_LINE
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let all = call.series("seriesList")?;
        let aggregation = call.aggregation("func")?;
        let keep_step = call.boolean("keepStep")?;
        let line = |series: Series| {
            let value = aggregation.apply(&series.values);
            let shown = if value.is_nan() {
                "None".to_owned()
            } else {
                number_text::general(value)
            };
            let name = format!("aggregateLine({}, {shown})", series.name);
            if keep_step {
                let mut line = series.with_values(vec![value; series.values.len()]);
                line.rename(name);
                line
            } else {
                across_window(call, name, value, aggregation)
            }
        };
        Ok(all.into_iter().map(line).collect())
    }
}

/// Three points from the window's start to its end, as `constantLine` has them. The `name` tag is the
/// bare number.
fn across_window(call: &Call<'_>, name: String, value: f64, aggregation: Aggregation) -> Series {
    let window = call.window();
    let grid = (window.from, window.until, (window.until - window.from) / 2);
    let tag = match aggregation {
        _ if value.is_nan() => "None".to_owned(),
        Aggregation::Count => format!("{value}"),
        _ => number_text::repr(value),
    };
    let mut line = call.fresh(tag, grid, vec![value; 3]);
    line.rename(name);
    line
}

/// `nPercentile`.
pub(super) struct NPercentile;

static N_PERCENTILE: Signature = Signature {
    names: &["nPercentile"],
    group: Group::Calculate,
    usage: "(seriesList, n)",
    description: "A line at the nth percentile of each series' own values.",
    parameters: &[SERIES, Parameter::required("n", Kind::Float)],
    aggregator: false,
};

impl Function for NPercentile {
    fn signature(&self) -> &Signature {
        &N_PERCENTILE
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let mut all = call.series("seriesList")?;
        let n = call.number("n")?;
        if n == 0.0 {
            return Err(call.error("n must not be 0"));
        }
        all.retain(|series| series.values.iter().any(|value| !value.is_nan()));
        parallel::try_map(all, |series| {
            let shown = number_text::general(n);
            let outside = || call.error(format!("there is no percentile {shown}"));
            let value = percentile(&series.values, n, false).ok_or_else(outside)?;
            let points = usize::try_from((series.end - series.start) / series.step).unwrap_or(0);
            let mut line = series.with_values(vec![value; points]);
            line.rename(format!("nPercentile({}, {shown})", series.name));
            line.tags.set("nPercentile", number_text::repr(n));
            Ok(line)
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::functions::testing::{Samples, assert_values};

    fn samples() -> Samples {
        Samples::new()
            .with("a", 60, 60, &[1.0, f64::NAN, 4.0])
            .with("b", 60, 60, &[f64::NAN; 3])
    }

    #[test]
    fn line_crosses_the_window_or_keeps_the_step() {
        let result = samples().run("aggregateLine({a,b},'max')", 0, 180);
        assert_eq!(result[0].name, "aggregateLine(a, 4)");
        assert_eq!(result[0].tags.get("name"), Some("4.0"));
        assert_values(&result[0], &[Some(4.0); 3]);
        assert_eq!(result[1].name, "aggregateLine(b, None)");
        let result = samples().run("aggregateLine(a,keepStep=true)", 0, 180);
        assert_eq!((result[0].start, result[0].step), (60, 60));
        assert_values(&result[0], &[Some(2.5); 3]);
        // Null is no function, though there is a default.
        assert!(samples().try_run("aggregateLine(a,none)", 0, 180).is_err());
    }

    #[test]
    fn series_without_values_has_no_percentile() {
        let result = samples().run("nPercentile({a,b},50)", 0, 180);
        assert_eq!(result.len(), 1);
        assert_eq!(result[0].name, "nPercentile(a, 50)");
        assert_values(&result[0], &[Some(4.0); 3]);
        assert!(samples().try_run("nPercentile(a,0)", 0, 180).is_err());
        assert!(samples().try_run("nPercentile(a,200)", 0, 180).is_err());
    }
}

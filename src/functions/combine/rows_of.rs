//! `percentileOfSeries`, `powSeries`, `countSeries`: rows combined in ways of their own.

use crate::functions::normalize::{normalize, path_expressions};
use crate::functions::percentile::percentile;
use crate::functions::{
    Call, EvaluationError, Function, Group, Kind, Literal, Parameter, Reach, Series, Signature,
    Value, number_text, rows,
};

/// `percentileOfSeries`.
pub(super) struct PercentileOfSeries;

static PERCENTILE_OF_SERIES: Signature = Signature {
    names: &["percentileOfSeries"],
    group: Group::Combine,
    usage: "(seriesList, n, interpolate=False)",
    description: "The nth percentile of all series at each time.",
    parameters: &[
        Parameter::required("seriesList", Kind::SeriesList),
        Parameter::required("n", Kind::Float),
        Parameter::optional("interpolate", Kind::Boolean).default(Literal::Boolean(false)),
    ],
    aggregator: false,
};

impl Function for PercentileOfSeries {
    fn signature(&self) -> &Signature {
        &PERCENTILE_OF_SERIES
    }

    fn reach(&self, _call: &Call<'_>) -> Reach {
        Reach::Points(0)
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let all = call.series("seriesList")?;
        let n = call.number("n")?;
        let shown = number_text::general(n);
        if n.is_nan() || n <= 0.0 {
            return Err(call.error(format!("n must be above 0, not {shown}")));
        }
        let interpolate = call.boolean("interpolate")?;
        let Some(all) = normalize(all) else {
            return Ok(Vec::new());
        };
        // As in the reference, nothing of nothing is asked for beyond the greatest value.
        let known = |series: &Series| series.values.iter().any(|value| !value.is_nan());
        if n > 100.0 && all.series.iter().any(known) {
            return Err(call.error(format!("n must be at most 100, not {shown}")));
        }
        let path = &all.series[0].path_expression;
        let name = format!("percentileOfSeries({path},{shown})");
        let values = rows::map_rows(&all.columns(), |row| {
            percentile(row, n, interpolate).unwrap_or(f64::NAN)
        });
        Ok(vec![call.fresh(
            name,
            (all.start, all.end, all.step),
            values,
        )])
    }
}

/// `powSeries`.
pub(super) struct PowSeries;

static POW_SERIES: Signature = Signature {
    names: &["powSeries"],
    group: Group::Combine,
    usage: "(*seriesLists)",
    description: "The first series to the power of the second, that to the power of the third, and \
                  so on; null where any of them is.",
    parameters: &[Parameter::required("seriesList", Kind::SeriesList).multiple()],
    aggregator: true,
};

impl Function for PowSeries {
    fn signature(&self) -> &Signature {
        &POW_SERIES
    }

    fn reach(&self, _call: &Call<'_>) -> Reach {
        Reach::Points(0)
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let Some(all) = normalize(call.series("seriesList")?) else {
            return Ok(Vec::new());
        };
        let names: Vec<&str> = all
            .series
            .iter()
            .map(|series| series.name.as_str())
            .collect();
        call.claim_name(&all.series[0], names.iter().map(|name| name.len()).sum())?;
        let name = format!("powSeries({})", names.join(","));
        let values = rows::map_rows(&all.columns(), |row| {
            row.iter().copied().reduce(power).unwrap_or(f64::NAN)
        });
        Ok(vec![call.fresh(
            name,
            (all.start, all.end, all.step),
            values,
        )])
    }
}

/// Null for what has no real or no finite result, which Python reports as an error.
fn power(base: f64, exponent: f64) -> f64 {
    // Rust's 1^NaN and NaN^0 are 1; here a null makes the result null.
    if base.is_nan() || exponent.is_nan() || (base == 0.0 && exponent < 0.0) {
        return f64::NAN;
    }
    let result = base.powf(exponent);
    let overflows = result.is_infinite() && base.is_finite() && exponent.is_finite();
    if overflows { f64::NAN } else { result }
}

/// `countSeries`.
pub(super) struct CountSeries;

static COUNT_SERIES: Signature = Signature {
    names: &["countSeries"],
    group: Group::Combine,
    usage: "(*seriesLists)",
    description: "A line at the number of series, with or without values.",
    parameters: &[Parameter::optional("seriesLists", Kind::SeriesList).multiple()],
    aggregator: true,
};

impl Function for CountSeries {
    fn signature(&self) -> &Signature {
        &COUNT_SERIES
    }

    fn reach(&self, _call: &Call<'_>) -> Reach {
        Reach::Points(0)
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let lists = call.series_lists("seriesLists")?;
        if lists.is_empty() {
            let mut line = call.invoke("constantLine", vec![Value::Integer(0)])?;
            for series in &mut line {
                series.name = "0".into();
                series.tags.set("name", "0");
                series.path_expression = "countSeries()".into();
            }
            return Ok(line);
        }
        let Some(all) = normalize(lists.into_iter().flatten().collect()) else {
            return Ok(Vec::new());
        };
        let name = format!("countSeries({})", path_expressions(&all.series));
        let rows = all.columns().iter().map(|column| column.len()).max();
        let values = vec![all.series.len() as f64; rows.unwrap_or(0)];
        Ok(vec![call.fresh(
            name,
            (all.start, all.end, all.step),
            values,
        )])
    }
}

#[cfg(test)]
mod tests {
    use crate::functions::testing::{Samples, assert_values};

    fn samples() -> Samples {
        Samples::new()
            .with("s.a", 60, 60, &[2.0, 1e300, 0.0])
            .with("s.b", 60, 60, &[3.0, 2.0, -1.0])
            .with("s.c", 60, 60, &[f64::NAN; 3])
    }

    #[test]
    fn powers_without_a_finite_value_are_null() {
        let result = samples().run("powSeries(s.a,s.b)", 0, 180);
        assert_eq!(result[0].name, "powSeries(s.a,s.b)");
        assert_values(&result[0], &[Some(8.0), None, None]);
        assert_values(&samples().run("powSeries(s.*)", 0, 180)[0], &[None; 3]);
    }

    #[test]
    fn series_count_with_or_without_values() {
        let result = samples().run("countSeries(s.*)", 0, 180);
        assert_eq!(result[0].name, "countSeries(s.*)");
        assert_values(&result[0], &[Some(3.0); 3]);
    }

    #[test]
    fn percentile_is_taken_of_each_row() {
        let result = samples().run("percentileOfSeries(s.*,50)", 0, 60);
        assert_eq!(result[0].name, "percentileOfSeries(s.*,50)");
        assert_values(&result[0], &[Some(3.0)]);
        for n in ["0", "-1", "100.5"] {
            let target = format!("percentileOfSeries(s.*,{n})");
            assert!(samples().try_run(&target, 0, 60).is_err(), "{target}");
        }
        let nothing = samples().run("percentileOfSeries(s.c,101)", 0, 180);
        assert_values(&nothing[0], &[None; 3]);
    }
}

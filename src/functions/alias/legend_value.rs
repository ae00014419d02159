//! `legendValue`: aggregations of a series' values in its legend.

use crate::functions::aggregation::Aggregation;
use crate::functions::{
    Call, EvaluationError, Function, Group, Kind, Literal, Parameter, Series, Signature,
    number_text,
};

/// See the signature.
pub(super) struct LegendValue;

static SIGNATURE: Signature = Signature {
    names: &["legendValue"],
    group: Group::Alias,
    usage: "(seriesList, *valueTypes)",
    description: "Adds aggregations of the values to the legend, such as \"avg\", \"max\" or \
                  \"last\". A final \"si\" or \"binary\" prints them in columns with a unit prefix.",
    parameters: &[
        Parameter::required("seriesList", Kind::SeriesList),
        Parameter::optional("valuesTypes", Kind::String)
            .multiple()
            .options(VALUE_TYPES),
    ],
    aggregator: false,
};

/// What `/functions` lists: the aggregations by all their names, and the two systems of prefixes.
const VALUE_TYPES: &[Literal] = &[
    Literal::String("average"),
    Literal::String("averageSeries"),
    Literal::String("avg"),
    Literal::String("avgSeries"),
    Literal::String("avg_zero"),
    Literal::String("avg_zeroSeries"),
    Literal::String("binary"),
    Literal::String("count"),
    Literal::String("countSeries"),
    Literal::String("current"),
    Literal::String("currentSeries"),
    Literal::String("diff"),
    Literal::String("diffSeries"),
    Literal::String("last"),
    Literal::String("lastSeries"),
    Literal::String("max"),
    Literal::String("maxSeries"),
    Literal::String("median"),
    Literal::String("medianSeries"),
    Literal::String("min"),
    Literal::String("minSeries"),
    Literal::String("multiply"),
    Literal::String("multiplySeries"),
    Literal::String("range"),
    Literal::String("rangeOf"),
    Literal::String("rangeOfSeries"),
    Literal::String("rangeSeries"),
    Literal::String("si"),
    Literal::String("stddev"),
    Literal::String("stddevSeries"),
    Literal::String("sum"),
    Literal::String("sumSeries"),
    Literal::String("total"),
    Literal::String("totalSeries"),
];

/// Unit prefixes and what they stand for, greatest first.
type Prefixes = [(&'static str, f64)];

const SI: &Prefixes = &[("P", 1e15), ("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)];

const BINARY: &Prefixes = &[
    ("Pi", 1_125_899_906_842_624.0),
    ("Ti", 1_099_511_627_776.0),
    ("Gi", 1_073_741_824.0),
    ("Mi", 1_048_576.0),
    ("Ki", 1_024.0),
];

impl Function for LegendValue {
    fn signature(&self) -> &Signature {
        &SIGNATURE
    }

    fn keeps_grid(&self) -> bool {
        true
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let mut all = call.series("seriesList")?;
        let mut types = call.strings("valuesTypes")?;
        let prefixes = match types.last().map(String::as_str) {
            Some("si") => Some(SI),
            Some("binary") => Some(BINARY),
            Some(_) => None,
            None => return Err(call.error("parameter \"valuesTypes\" is missing")),
        };
        if prefixes.is_some() {
            types.pop();
        }
        for series in &mut all {
            for value_type in &types {
                series.name = match prefixes {
                    None => format!(
                        "{} ({value_type}: {})",
                        series.name,
                        plain(series, value_type)
                    )
                    .into(),
                    Some(prefixes) => format!(
                        "{:<20}{value_type:<5}{:<10}",
                        series.name,
                        prefixed(series, value_type, prefixes)
                    )
                    .into(),
                };
            }
        }
        Ok(all)
    }
}

const UNKNOWN: &str = "(?)";

fn plain(series: &Series, value_type: &str) -> String {
    match Aggregation::parse(value_type) {
        None => UNKNOWN.to_owned(),
        Some(Aggregation::Count) => format!("{}", Aggregation::Count.apply(&series.values)),
        Some(aggregation) => {
            let value = aggregation.apply(&series.values);
            if value.is_nan() {
                "None".to_owned()
            } else {
                number_text::repr(value)
            }
        }
    }
}

fn prefixed(series: &Series, value_type: &str, prefixes: &Prefixes) -> String {
    let Some(aggregation) = Aggregation::parse(value_type) else {
        return UNKNOWN.to_owned();
    };
    let value = aggregation.apply(&series.values);
    if value.is_nan() {
        return "None".to_owned();
    }
    let fitting = prefixes.iter().find(|(_, size)| value.abs() >= *size);
    let (prefix, size) = fitting.copied().unwrap_or(("", 1.0));
    let scaled = value / size;
    // What is whole but for rounding noise is shown as whole.
    let whole = scaled - scaled.floor() < 1e-11 && value > 1.0;
    let scaled = if whole { scaled.floor() } else { scaled };
    format!("{scaled:.2}{prefix}")
}

#[cfg(test)]
mod tests {
    use crate::functions::testing::Samples;

    fn legend(arguments: &str) -> String {
        let samples = Samples::new()
            .with("a", 60, 60, &[1500.0, 2500.0, f64::NAN])
            .with("empty", 60, 60, &[f64::NAN]);
        samples.run(&format!("legendValue({arguments})"), 0, 180)[0]
            .name
            .to_string()
    }

    #[test]
    fn values_stand_in_parentheses() {
        assert_eq!(
            legend("a,\"avg\",\"count\",\"what\""),
            "a (avg: 2000.0) (count: 2) (what: (?))"
        );
        assert_eq!(legend("empty,\"max\""), "empty (max: None)");
    }

    #[test]
    fn unit_prefixes_come_in_columns() {
        assert_eq!(
            legend("a,\"last\",\"si\""),
            "a                   last 2.50k     "
        );
        assert_eq!(
            legend("a,\"last\",\"binary\""),
            "a                   last 2.44Ki    "
        );
    }
}

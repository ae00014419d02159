//! `aggregate` and its short forms: one series from all, row by row.

use super::short_form::{LongForm, ShortForm};
use crate::functions::normalize::{normalize, path_expressions};
use crate::functions::{
    Aggregation, Call, Cancellation, EvaluationError, Function, Group, Kind, Parameter, Reach,
    Series, Signature, rows,
};

/// Aggregates series into one with the function of this name, which may carry the suffix `Series`
/// as in `sumSeries`. No series give `None`.
///
/// # Errors
/// When there is no aggregation of that name.
pub(in crate::functions) fn aggregate(
    call: &Call<'_>,
    series: Vec<Series>,
    function: &str,
    x_files_factor: f64,
) -> Result<Option<Series>, EvaluationError> {
    let function = function.strip_suffix("Series").unwrap_or(function);
    let aggregation = Aggregation::parse(function)
        .ok_or_else(|| call.error(format!("\"{function}\" is not an aggregation function")))?;
    // Grouping functions come here once a group.
    Cancellation::check_current()?;
    let Some(all) = normalize(series) else {
        return Ok(None);
    };
    let name = format!("{function}Series({})", path_expressions(&all.series));
    let values = rows::aggregate(&all.columns(), aggregation, x_files_factor);
    let mut result = Series::new(name, all.start, all.end, all.step, values);
    result.x_files_factor = x_files_factor;
    result.tags = common_tags(&all.series);
    if result.tags.get("name").is_none() {
        result.tags.set("name", result.name.as_str());
    }
    result.tags.set("aggregatedBy", function);
    Ok(Some(result))
}

/// The tags that all series have with the same value.
fn common_tags(series: &[Series]) -> crate::metric::Tags {
    let mut tags = series
        .first()
        .map(|first| first.tags.clone())
        .unwrap_or_default();
    for other in series.iter().skip(1) {
        tags.retain_common(&other.tags);
    }
    tags
}

/// `aggregate` itself.
pub(super) struct Aggregate;

static AGGREGATE: Signature = Signature {
    names: &["aggregate"],
    group: Group::Combine,
    usage: "(seriesList, func, xFilesFactor=None)",
    description: "Combines all series into one with an aggregation function. A row needs the share \
                  of known values that xFilesFactor asks for.",
    parameters: &[
        Parameter::required("seriesList", Kind::SeriesList),
        Parameter::required("func", Kind::AggFunc),
        Parameter::optional("xFilesFactor", Kind::Float),
    ],
    aggregator: false,
};

impl Function for Aggregate {
    fn signature(&self) -> &Signature {
        &AGGREGATE
    }

    fn reach(&self, _call: &Call<'_>) -> Reach {
        Reach::Points(0)
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let series = call.series("seriesList")?;
        let function = call.string("func")?;
        let factor = call.x_files_factor_or("xFilesFactor")?;
        Ok(aggregate(call, series, &function, factor)?
            .into_iter()
            .collect())
    }
}

const SHORT: LongForm = LongForm {
    usage: "(*seriesLists)",
    parameters: &[Parameter::required("seriesLists", Kind::SeriesList).multiple()],
    combine: |call, function| {
        let series = call.series("seriesLists")?;
        let result = aggregate(call, series, function, call.x_files_factor())?;
        Ok(result.into_iter().collect())
    },
};

pub(super) static AVERAGE_SERIES: ShortForm = SHORT.of(
    &["averageSeries", "avg"],
    "average",
    "The mean of all series at each time.",
);
pub(super) static COUNT: ShortForm = SHORT
    .of(
        &["count"],
        "count",
        "The number of series with a value at each time; countSeries counts those without as well.",
    )
    .custom();
pub(super) static DIFF_SERIES: ShortForm = SHORT.of(
    &["diffSeries"],
    "diff",
    "The first series less all others at each time.",
);
pub(super) static MAX_SERIES: ShortForm = SHORT.of(
    &["maxSeries"],
    "max",
    "The greatest value of all series at each time.",
);
pub(super) static MIN_SERIES: ShortForm = SHORT.of(
    &["minSeries"],
    "min",
    "The least value of all series at each time.",
);
pub(super) static MULTIPLY: ShortForm = SHORT.of(
    &["multiply"],
    "multiply",
    "The product of all series at each time; unlike multiplySeries it makes a new series of a single one.",
)
.custom();
pub(super) static DIFF: ShortForm = SHORT
    .of(&["diff"], "diff", "The short form of diffSeries.")
    .custom();
pub(super) static MAX: ShortForm = SHORT
    .of(&["max"], "max", "The short form of maxSeries.")
    .custom();
pub(super) static MIN: ShortForm = SHORT
    .of(&["min"], "min", "The short form of minSeries.")
    .custom();
pub(super) static STDDEV: ShortForm = SHORT
    .of(&["stddev"], "stddev", "The short form of stddevSeries.")
    .custom();
pub(super) static RANGE_OF_SERIES: ShortForm = SHORT.of(
    &["rangeOfSeries"],
    "rangeOf",
    "The greatest less the least value of all series at each time.",
);
pub(super) static STDDEV_SERIES: ShortForm = SHORT.of(
    &["stddevSeries"],
    "stddev",
    "The population standard deviation of all series at each time.",
);
pub(super) static SUM_SERIES: ShortForm = SHORT.of(
    &["sumSeries", "sum"],
    "sum",
    "The sum of all series at each time.",
);

/// `multiplySeries`, which gives a single series back as it is.
pub(super) struct MultiplySeries;

static MULTIPLY_SERIES: ShortForm = SHORT.of(
    &["multiplySeries"],
    "multiply",
    "The product of all series at each time; null where any of them is.",
);

impl Function for MultiplySeries {
    fn signature(&self) -> &Signature {
        &MULTIPLY_SERIES.signature
    }

    fn reach(&self, _call: &Call<'_>) -> Reach {
        Reach::Points(0)
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let mut lists = call.series_lists("seriesLists")?;
        if lists.len() == 1 && lists[0].len() == 1 {
            return Ok(lists.swap_remove(0));
        }
        let series = lists.into_iter().flatten().collect();
        let factor = call.x_files_factor();
        let product = aggregate(call, series, MULTIPLY_SERIES.function, factor)?;
        Ok(product.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use crate::functions::testing::{Samples, assert_values};

    fn samples() -> Samples {
        Samples::new()
            .with("a;dc=x;host=1", 60, 60, &[1.0, f64::NAN, 3.0])
            .with("a;dc=x;host=2", 60, 60, &[10.0, f64::NAN, f64::NAN])
            .with("b", 60, 120, &[5.0, 7.0])
    }

    #[test]
    fn rows_skip_nulls_and_names_print_paths_once() {
        let result = samples().run("sumSeries(a*,a;dc=x;host=1)", 0, 180);
        assert_eq!(result.len(), 1);
        assert_eq!(result[0].name, "sumSeries(a*,a;dc=x;host=1)");
        assert_values(&result[0], &[Some(12.0), None, Some(6.0)]);
        let result = samples().run("sum(a*,a*)", 0, 180);
        assert_eq!(result[0].name, "sumSeries(a*)");
    }

    #[test]
    fn common_tags_stay() {
        let result = samples().run("averageSeries(a*)", 0, 180);
        let tags: Vec<_> = result[0].tags.iter().collect();
        assert_eq!(
            tags,
            [("aggregatedBy", "average"), ("dc", "x"), ("name", "a")]
        );
        let result = samples().run("averageSeries(a*,b)", 0, 180);
        assert_eq!(result[0].tags.get("name"), Some("averageSeries(a*,b)"));
    }

    #[test]
    fn steps_are_made_common() {
        let result = samples().run("maxSeries(a;dc=x;host=1,b)", 0, 240);
        assert_eq!(
            (result[0].start, result[0].end, result[0].step),
            (60, 300, 120)
        );
        assert_values(&result[0], &[Some(5.0), Some(7.0)]);
    }

    #[test]
    fn x_files_factor_asks_for_a_share_of_each_row() {
        let result = samples().run("aggregate(a*,\"sumSeries\",0.6)", 0, 180);
        assert_eq!(result[0].name, "sumSeries(a*)");
        assert_values(&result[0], &[Some(11.0), None, None]);
    }

    #[test]
    fn single_factor_stays_as_it_is() {
        let result = samples().run("multiplySeries(b)", 0, 240);
        assert_eq!(result[0].name, "b");
        let result = samples().run("multiplySeries(b,b)", 0, 240);
        assert_eq!(result[0].name, "multiplySeries(b)");
    }

    #[test]
    fn nothing_aggregates_to_nothing() {
        assert!(samples().run("sumSeries(none.*)", 0, 180).is_empty());
        assert!(samples().try_run("aggregate(a*,\"mode\")", 0, 180).is_err());
    }
}

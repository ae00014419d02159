//! `sortBy` and its short forms: series in the order of one number each.

use crate::functions::aggregation::{greatest, least};
use crate::functions::{
    Aggregation, Call, Cancellation, EvaluationError, Function, Group, Kind, Literal, Parameter,
    Series, Signature,
};

const SERIES: Parameter = Parameter::required("seriesList", Kind::SeriesList);

/// `sortBy`.
pub(super) struct SortBy;

static SORT_BY: Signature = Signature {
    names: &["sortBy"],
    group: Group::Sorting,
    usage: "(seriesList, func='average', reverse=False)",
    description: "Sorts by an aggregation of each series' values, least first unless reverse is \
                  set. A series without values counts as minus infinity.",
    parameters: &[
        SERIES,
        Parameter::optional("func", Kind::AggFunc).default(Literal::String("average")),
        Parameter::optional("reverse", Kind::Boolean).default(Literal::Boolean(false)),
    ],
    aggregator: false,
};

impl Function for SortBy {
    fn signature(&self) -> &Signature {
        &SORT_BY
    }

    fn keeps_grid(&self) -> bool {
        true
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let all = call.series("seriesList")?;
        let aggregation = call.aggregation("func")?;
        let reverse = call.boolean("reverse")?;
        Ok(sorted(all, |values| aggregation.apply(values), reverse))
    }
}

/// `sortByTotal`.
pub(super) struct SortByTotal;

static SORT_BY_TOTAL: Signature = Signature {
    names: &["sortByTotal"],
    group: Group::Sorting,
    usage: "(seriesList)",
    description: "Sorts by the sum of each series' values, greatest first.",
    parameters: &[SERIES],
    aggregator: false,
};

impl Function for SortByTotal {
    fn signature(&self) -> &Signature {
        &SORT_BY_TOTAL
    }

    fn keeps_grid(&self) -> bool {
        true
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let all = call.series("seriesList")?;
        Ok(sorted(all, |values| Aggregation::Sum.apply(values), true))
    }
}

/// `sortByMaxima`.
pub(super) struct SortByMaxima;

static SORT_BY_MAXIMA: Signature = Signature {
    names: &["sortByMaxima"],
    group: Group::Sorting,
    usage: "(seriesList)",
    description: "Sorts by the greatest value of each series, greatest first.",
    parameters: &[SERIES],
    aggregator: false,
};

impl Function for SortByMaxima {
    fn signature(&self) -> &Signature {
        &SORT_BY_MAXIMA
    }

    fn keeps_grid(&self) -> bool {
        true
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        Ok(sorted(call.series("seriesList")?, greatest, true))
    }
}

/// `sortByMinima`.
pub(super) struct SortByMinima;

static SORT_BY_MINIMA: Signature = Signature {
    names: &["sortByMinima"],
    group: Group::Sorting,
    usage: "(seriesList)",
    description: "Sorts by the least value of each series, least first, and leaves out the series \
                  that never rise above zero.",
    parameters: &[SERIES],
    aggregator: false,
};

impl Function for SortByMinima {
    fn signature(&self) -> &Signature {
        &SORT_BY_MINIMA
    }

    fn keeps_grid(&self) -> bool {
        true
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let mut all = call.series("seriesList")?;
        all.retain(|series| greatest(&series.values) > 0.0);
        Ok(sorted(all, least, false))
    }
}

/// Stable in both directions: equals keep their order, as Python's `sort(reverse=True)` has it. A query
/// that was cancelled gets any order.
pub(crate) fn sorted(all: Vec<Series>, key: impl Fn(&[f64]) -> f64, reverse: bool) -> Vec<Series> {
    let key_of = |series: Series| {
        if Cancellation::check_current().is_err() {
            return (0.0, series);
        }
        let key = key(&series.values);
        let key = if key.is_nan() { f64::NEG_INFINITY } else { key };
        (key, series)
    };
    let mut keyed: Vec<(f64, Series)> = all.into_iter().map(key_of).collect();
    keyed.sort_by(|(left, _), (right, _)| {
        let order = left
            .partial_cmp(right)
            .expect("NaN was replaced by minus infinity");
        if reverse { order.reverse() } else { order }
    });
    keyed.into_iter().map(|(_, series)| series).collect()
}

#[cfg(test)]
mod tests {
    use crate::functions::testing::Samples;

    fn order(target: &str) -> Vec<String> {
        let samples = Samples::new()
            .with("s.a", 60, 60, &[1.0, 5.0])
            .with("s.b", 60, 60, &[f64::NAN, f64::NAN])
            .with("s.c", 60, 60, &[4.0, 4.0])
            .with("s.d", 60, 60, &[-1.0, -2.0])
            .with("s.e", 60, 60, &[5.0, 1.0]);
        let result = samples.run(target, 0, 120);
        result
            .into_iter()
            .map(|series| series.name.into())
            .collect()
    }

    #[test]
    fn series_without_values_come_first_and_equals_keep_their_order() {
        assert_eq!(order("sortBy(s.*)"), ["s.b", "s.d", "s.a", "s.e", "s.c"]);
        assert_eq!(
            order("sortBy(s.*,\"max\",true)"),
            ["s.a", "s.e", "s.c", "s.d", "s.b"]
        );
        assert_eq!(
            order("sortByMaxima(s.*)"),
            ["s.a", "s.e", "s.c", "s.d", "s.b"]
        );
        assert_eq!(
            order("sortByTotal(s.*)"),
            ["s.c", "s.a", "s.e", "s.d", "s.b"]
        );
    }

    #[test]
    fn minima_leave_out_what_never_rises_above_zero() {
        assert_eq!(order("sortByMinima(s.*)"), ["s.a", "s.e", "s.c"]);
    }
}

//! `limit`, `unique`, `removeEmptySeries`, `mostDeviant`: fewer series by position, name, values or
//! deviation.

use std::collections::HashSet;

use super::rank::first_of;
use crate::functions::aggregation::{enough_known, known_count, variance};
use crate::functions::sorting::sorted;
use crate::functions::{
    Call, EvaluationError, Function, Group, Kind, Parameter, Reach, Series, Signature,
};

const SERIES: Parameter = Parameter::required("seriesList", Kind::SeriesList);
const COUNT: Parameter = Parameter::required("n", Kind::Integer);

/// `limit`.
pub(super) struct Limit;

static LIMIT: Signature = Signature {
    names: &["limit"],
    group: Group::FilterSeries,
    usage: "(seriesList, n)",
    description: "The first n series.",
    parameters: &[SERIES, COUNT],
    aggregator: false,
};

impl Function for Limit {
    fn signature(&self) -> &Signature {
        &LIMIT
    }

    fn reach(&self, _call: &Call<'_>) -> Reach {
        Reach::Points(0)
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let mut all = call.series("seriesList")?;
        let keep = first_of(call.integer("n")?, all.len());
        all.truncate(keep);
        Ok(all)
    }
}

/// `unique`.
pub(super) struct Unique;

static UNIQUE: Signature = Signature {
    names: &["unique"],
    group: Group::FilterSeries,
    usage: "(*seriesLists)",
    description: "Of series with the same legend the first.",
    parameters: &[Parameter::required("seriesLists", Kind::SeriesList).multiple()],
    aggregator: false,
};

impl Function for Unique {
    fn signature(&self) -> &Signature {
        &UNIQUE
    }

    fn reach(&self, _call: &Call<'_>) -> Reach {
        Reach::Points(0)
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let mut all = call.series("seriesLists")?;
        let mut seen = HashSet::new();
        all.retain(|series| seen.insert(series.name.clone()));
        Ok(all)
    }
}

/// `removeEmptySeries`.
pub(super) struct RemoveEmptySeries;

static REMOVE_EMPTY_SERIES: Signature = Signature {
    names: &["removeEmptySeries"],
    group: Group::FilterSeries,
    usage: "(seriesList, xFilesFactor=None)",
    description: "Leaves out the series without values, or with a smaller share of them than \
                  xFilesFactor.",
    parameters: &[SERIES, Parameter::optional("xFilesFactor", Kind::Float)],
    aggregator: false,
};

impl Function for RemoveEmptySeries {
    fn signature(&self) -> &Signature {
        &REMOVE_EMPTY_SERIES
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let mut all = call.series("seriesList")?;
        let factor = call.optional_number("xFilesFactor")?.unwrap_or(0.0);
        all.retain(|series| enough_known(known_count(&series.values), series.values.len(), factor));
        Ok(all)
    }
}

/// carbonapi's `removeZeroSeries`.
pub(super) struct RemoveZeroSeries;

static REMOVE_ZERO_SERIES: Signature = Signature {
    names: &["removeZeroSeries"],
    group: Group::Custom,
    usage: "(seriesList, xFilesFactor=None)",
    description: "Leaves out the series without any value but zeros, or with a smaller share of \
                  others than xFilesFactor.",
    parameters: REMOVE_EMPTY_SERIES.parameters,
    aggregator: false,
};

impl Function for RemoveZeroSeries {
    fn signature(&self) -> &Signature {
        &REMOVE_ZERO_SERIES
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let mut all = call.series("seriesList")?;
        let factor = call.optional_number("xFilesFactor")?.unwrap_or(0.0);
        all.retain(|series| {
            let counts = |value: &&f64| !value.is_nan() && **value != 0.0;
            let known = series.values.iter().filter(counts).count();
            enough_known(known, series.values.len(), factor)
        });
        Ok(all)
    }
}

/// `mostDeviant`.
pub(super) struct MostDeviant;

static MOST_DEVIANT: Signature = Signature {
    names: &["mostDeviant"],
    group: Group::FilterSeries,
    usage: "(seriesList, n)",
    description: "The n series that vary most around their own average, by standard deviation.",
    parameters: &[SERIES, COUNT],
    aggregator: false,
};

impl Function for MostDeviant {
    fn signature(&self) -> &Signature {
        &MOST_DEVIANT
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let mut all = call.series("seriesList")?;
        all.retain(|series| known_count(&series.values) > 0);
        // Not by its root, which makes some that differ alike.
        let mut all = sorted(all, variance, true);
        let keep = first_of(call.integer("n")?, all.len());
        all.truncate(keep);
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use crate::functions::testing::Samples;

    fn kept(target: &str) -> Vec<String> {
        let samples = Samples::new()
            .with("s.a", 60, 60, &[1.0, 1.0])
            .with("s.b", 60, 60, &[f64::NAN, f64::NAN])
            .with("s.c", 60, 60, &[1.0, 9.0])
            .with("s.d", 60, 60, &[f64::NAN, 4.0]);
        let result = samples.run(target, 0, 120);
        result
            .into_iter()
            .map(|series| series.name.into())
            .collect()
    }

    #[test]
    fn limit_is_a_slice() {
        assert_eq!(kept("limit(s.*,2)"), ["s.a", "s.b"]);
        assert_eq!(kept("limit(s.*,-3)"), ["s.a"]);
        assert_eq!(kept("limit(s.*,0)"), Vec::<String>::new());
    }

    #[test]
    fn same_legend_stays_once() {
        assert_eq!(kept("unique(s.{c,a},s.a,s.c)"), ["s.a", "s.c"]);
    }

    #[test]
    fn series_without_enough_values_go() {
        assert_eq!(kept("removeEmptySeries(s.*)"), ["s.a", "s.c", "s.d"]);
        assert_eq!(kept("removeEmptySeries(s.*,0.6)"), ["s.a", "s.c"]);
    }

    #[test]
    fn series_of_zeros_go() {
        let samples =
            Samples::new()
                .with("s.a", 60, 60, &[0.0, f64::NAN])
                .with("s.b", 60, 60, &[0.0, -1.0]);
        let kept = |target: &str| samples.run(target, 0, 120).len();
        assert_eq!(kept("removeZeroSeries(s.*)"), 1);
        assert_eq!(kept("removeZeroSeries(s.*,0.6)"), 0);
    }

    #[test]
    fn most_deviant_comes_first_and_empty_series_never() {
        assert_eq!(kept("mostDeviant(s.*,9)"), ["s.c", "s.a", "s.d"]);
        // Variances of 0.16 and one bit more, whose roots are the same.
        let samples = Samples::new()
            .with("t.a", 60, 60, &[2.0, 2.0, 2.0, 2.0, 1.0])
            .with("t.b", 60, 60, &[0.0, 0.0, 0.0, 0.0, 1.0]);
        let sorted = samples.run("mostDeviant(t.*,2)", 0, 300);
        assert_eq!([&sorted[0].name, &sorted[1].name], ["t.b", "t.a"]);
    }
}

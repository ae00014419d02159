//! `divideSeries` and `divideSeriesLists`: quotients of series.

use crate::functions::normalize::normalize;
use crate::functions::{
    Call, EvaluationError, Function, Group, Kind, Parameter, Reach, Series, Signature,
};

/// One number by another; null where there is no quotient.
pub(super) fn quotient(dividend: f64, divisor: f64) -> f64 {
    if divisor == 0.0 {
        f64::NAN
    } else {
        dividend / divisor
    }
}

/// Applies `combine` to two columns row by row; the shorter one goes on with nulls.
pub(super) fn zip_longest(
    left: &[f64],
    right: &[f64],
    combine: impl Fn(f64, f64) -> f64,
) -> Vec<f64> {
    let at = |values: &[f64], row: usize| values.get(row).copied().unwrap_or(f64::NAN);
    (0..left.len().max(right.len()))
        .map(|row| combine(at(left, row), at(right, row)))
        .collect()
}

fn divide(
    call: &Call<'_>,
    dividend: Series,
    divisor: Series,
) -> Result<Option<Series>, EvaluationError> {
    let name = format!("divideSeries({},{})", dividend.name, divisor.name);
    call.claim_growth(&dividend, name.len(), divisor.values.len())?;
    let Some(both) = normalize(vec![dividend, divisor]) else {
        return Ok(None);
    };
    let columns = both.columns();
    let values = zip_longest(columns[0], columns[1], quotient);
    let grid = (both.start, both.end, both.step);
    Ok(Some(call.fresh(name, grid, values)))
}

/// `divideSeries`.
pub(super) struct DivideSeries;

static DIVIDE_SERIES: Signature = Signature {
    names: &["divideSeries"],
    group: Group::Combine,
    usage: "(dividendSeriesList, divisorSeries)",
    description: "Each series divided by exactly one other.",
    parameters: &[
        Parameter::required("dividendSeriesList", Kind::SeriesList),
        Parameter::required("divisorSeries", Kind::SeriesList),
    ],
    aggregator: false,
};

impl Function for DivideSeries {
    fn signature(&self) -> &Signature {
        &DIVIDE_SERIES
    }

    fn reach(&self, _call: &Call<'_>) -> Reach {
        Reach::Points(0)
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let dividends = call.series("dividendSeriesList")?;
        let divisors = call.series("divisorSeries")?;
        match &divisors[..] {
            [] => Ok(dividends.into_iter().map(without_divisor).collect()),
            [divisor] => dividends
                .into_iter()
                .filter_map(|dividend| divide(call, dividend, divisor.clone()).transpose())
                .collect(),
            _ => Err(call.error(format!(
                "divisorSeries must be exactly 1 series, not {}",
                divisors.len()
            ))),
        }
    }
}

fn without_divisor(mut dividend: Series) -> Series {
    dividend.rename(format!("divideSeries({},MISSING)", dividend.name));
    dividend.values_mut().fill(f64::NAN);
    dividend
}

/// `divideSeriesLists`.
pub(super) struct DivideSeriesLists;

static DIVIDE_SERIES_LISTS: Signature = Signature {
    names: &["divideSeriesLists"],
    group: Group::Combine,
    usage: "(dividendSeriesList, divisorSeriesList)",
    description: "Each series of the first list divided by its partner in the second.",
    parameters: &[
        Parameter::required("dividendSeriesList", Kind::SeriesList),
        Parameter::required("divisorSeriesList", Kind::SeriesList),
    ],
    aggregator: false,
};

impl Function for DivideSeriesLists {
    fn signature(&self) -> &Signature {
        &DIVIDE_SERIES_LISTS
    }

    fn reach(&self, _call: &Call<'_>) -> Reach {
        Reach::Points(0)
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let dividends = call.series("dividendSeriesList")?;
        let divisors = call.series("divisorSeriesList")?;
        if dividends.len() != divisors.len() {
            let problem = format!(
                "takes two lists of one length, not {} and {} series",
                dividends.len(),
                divisors.len()
            );
            return Err(call.error(problem));
        }
        dividends
            .into_iter()
            .zip(divisors)
            .filter_map(|(dividend, divisor)| divide(call, dividend, divisor).transpose())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::functions::testing::{Samples, assert_values};

    fn samples() -> Samples {
        Samples::new()
            .with("a.1", 60, 60, &[6.0, 6.0, f64::NAN])
            .with("a.2", 60, 60, &[9.0, 9.0, 9.0])
            .with("b", 60, 60, &[3.0, 0.0])
    }

    #[test]
    fn division_by_zero_and_by_nothing_is_null() {
        let result = samples().run("divideSeries(a.*,b)", 0, 180);
        assert_eq!(result[0].name, "divideSeries(a.1,b)");
        assert_values(&result[0], &[Some(2.0), None, None]);
        assert_values(&result[1], &[Some(3.0), None, None]);
    }

    #[test]
    fn missing_divisor_leaves_nulls() {
        let result = samples().run("divideSeries(a.2,no.such)", 0, 180);
        assert_eq!(result[0].name, "divideSeries(a.2,MISSING)");
        assert_values(&result[0], &[None; 3]);
        let error = samples().try_run("divideSeries(b,a.*)", 0, 180);
        assert!(error.unwrap_err().to_string().contains("not 2"));
    }
}

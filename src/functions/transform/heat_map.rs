//! `heatMap`, as carbonapi has it: counters of buckets that include each other, taken apart.

use super::SERIES;
use crate::functions::{Call, EvaluationError, Function, Group, Series, Signature};

/// The rows without nulls that decide the order.
const ROWS_WEIGHED: usize = 5;

/// See the signature.
pub(super) struct HeatMap;

static SIGNATURE: Signature = Signature {
    names: &["heatMap"],
    group: Group::Custom,
    usage: "(seriesList)",
    description: "Sorts the series by the sum of their first five rows without nulls and gives the \
                  difference of each from the one before it, one series less than there were. Of \
                  counters that include each other, as histograms have them, these are the buckets.",
    parameters: &[SERIES],
    aggregator: false,
};

impl Function for HeatMap {
    fn signature(&self) -> &Signature {
        &SIGNATURE
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let mut all = call.series("seriesList")?;
        for series in all.iter().skip(1) {
            if !have_one_grid(series, &all[0]) {
                let (name, other) = (&series.name, &all[0].name);
                return Err(call.error(format!("\"{name}\" and \"{other}\" differ in their times")));
            }
        }
        sort_by_weight(&mut all);
        let mut all = all.into_iter();
        let Some(mut before) = all.next() else {
            return Ok(Vec::new());
        };
        // Each goes as soon as it was subtracted.
        let differences = all.map(|series| {
            let result = difference(&series, &before);
            before = series;
            result
        });
        Ok(differences.collect())
    }
}

fn have_one_grid(one: &Series, other: &Series) -> bool {
    let grid = |series: &Series| (series.start, series.end, series.step, series.values.len());
    grid(one) == grid(other)
}

fn sort_by_weight(all: &mut Vec<Series>) {
    let rows = 0..all.first().map_or(0, |series| series.values.len());
    let is_full = |row: &usize| all.iter().all(|series| !series.values[*row].is_nan());
    let weighed: Vec<usize> = rows.filter(is_full).take(ROWS_WEIGHED).collect();
    let weight = |series: &Series| {
        let values: Vec<f64> = weighed.iter().map(|row| series.values[*row]).collect();
        values.iter().sum::<f64>()
    };
    let mut keyed: Vec<(f64, Series)> = all
        .drain(..)
        .map(|series| (weight(&series), series))
        .collect();
    keyed.sort_by(|(left, _), (right, _)| left.total_cmp(right));
    all.extend(keyed.into_iter().map(|(_, series)| series));
}

fn difference(series: &Series, before: &Series) -> Series {
    let pairs = series.values.iter().zip(before.values.iter());
    let mut result = series.with_values(pairs.map(|(value, less)| value - less).collect());
    result.rename(format!("heatMap({},{})", series.name, before.name));
    result
}

#[cfg(test)]
mod tests {
    use crate::functions::testing::{Samples, assert_values};

    const NULL: f64 = f64::NAN;

    #[test]
    fn neighbours_in_the_order_of_weight_are_subtracted() {
        let samples = Samples::new()
            .with("a.large", 1, 1, &[9.0, NULL, 7.0])
            .with("a.middle", 1, 1, &[4.0, 2.0, 5.0])
            .with("a.small", 1, 1, &[1.0, 1.0, 1.0])
            .with("b", 2, 1, &[1.0, 1.0, 1.0])
            .with("c", 1, 1, &[1.0, 1.0, 1.0]);
        let result = samples.run("heatMap(a.*)", 0, 600);
        assert_eq!(result.len(), 2);
        assert_eq!(result[0].name, "heatMap(a.middle,a.small)");
        assert_values(&result[0], &[Some(3.0), Some(1.0), Some(4.0)]);
        assert_eq!(result[1].name, "heatMap(a.large,a.middle)");
        assert_values(&result[1], &[Some(5.0), None, Some(2.0)]);
        assert!(samples.run("heatMap(a.small)", 0, 600).is_empty());
        assert!(samples.run("heatMap(missing)", 0, 600).is_empty());
        assert!(samples.try_run("heatMap({b,c})", 0, 600).is_err());
    }
}

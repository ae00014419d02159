//! `asPercent`: each series as a share of a total.

use std::collections::HashMap;

use super::divide::{quotient, zip_longest};
use super::grouping::by_key;
use crate::functions::node::{self, Node};
use crate::functions::normalize::{Normalized, normalize, path_expressions};
use crate::functions::{
    Aggregation, Call, EvaluationError, Function, Group, Kind, Parameter, Reach, Series, Signature,
    Value, rows,
};

/// See the signature.
pub(super) struct AsPercent;

static SIGNATURE: Signature = Signature {
    names: &["asPercent", "pct"],
    group: Group::Combine,
    usage: "(seriesList, total=None, *nodes)",
    description: "Each series as a percentage of a total: of the sum of all, of a number, of one \
                  series, or of a list of as many series, paired by name. With nodes, series and \
                  totals are matched by those nodes or tags.",
    parameters: &[
        Parameter::required("seriesList", Kind::SeriesList),
        Parameter::optional("total", Kind::Any),
        Parameter::optional("nodes", Kind::NodeOrTag).multiple(),
    ],
    aggregator: true,
};

impl Function for AsPercent {
    fn signature(&self) -> &Signature {
        &SIGNATURE
    }

    fn reach(&self, _call: &Call<'_>) -> Reach {
        Reach::Points(0)
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let all = call.series("seriesList")?;
        // Before anything is given: an error in it is one of the call.
        let total = call.value("total")?;
        let nodes = call.nodes("nodes")?;
        let grids: Vec<Grid> = all.iter().map(Grid::of).collect();
        let Some(rows) = all.first().map(|first| first.values.len()) else {
            return Ok(Vec::new());
        };
        let total = match total {
            // Brought to one step with the totals, once.
            Some(Value::Series(totals)) if nodes.is_empty() => {
                return of_series(call, all, totals, &grids);
            }
            other => other,
        };
        let Some(all) = normalize(all) else {
            return Ok(Vec::new());
        };
        match total {
            None if nodes.is_empty() => of_sum(call, all, &grids),
            None => of_group_sums(call, all.series, &nodes),
            Some(Value::Series(totals)) => of_matched_totals(call, all.series, totals, &nodes),
            Some(other) if nodes.is_empty() => of_number(call, all.series, (&other, rows), &grids),
            Some(_) => Err(call.error("with nodes, total must be a list of series or nothing")),
        }
    }
}

/// Where a series stood before it was brought to the common step. Shares of one total keep that, and with it
/// a step that is not theirs, as the reference has it.
#[derive(Clone, Copy)]
struct Grid {
    start: i64,
    end: i64,
    step: i64,
}

impl Grid {
    fn of(series: &Series) -> Self {
        Self {
            start: series.start,
            end: series.end,
            step: series.step,
        }
    }
}

fn percent(part: f64, whole: f64) -> f64 {
    quotient(part, whole) * 100.0
}

fn of_sum(
    call: &Call<'_>,
    all: Normalized,
    grids: &[Grid],
) -> Result<Vec<Series>, EvaluationError> {
    let text = format!("sumSeries({})", path_expressions(&all.series));
    let total = rows::aggregate(&all.columns(), Aggregation::Sum, 0.0);
    shares_of(call, all.series, grids, &text, &total)
}

fn of_number(
    call: &Call<'_>,
    all: Vec<Series>,
    (total, rows): (&Value, usize),
    grids: &[Grid],
) -> Result<Vec<Series>, EvaluationError> {
    let (Some(number), Some(text)) = (total.number(), total.text()) else {
        return Err(call.error("total must be a number or a list of series"));
    };
    shares_of(call, all, grids, &text, &vec![number; rows])
}

fn shares_of(
    call: &Call<'_>,
    all: Vec<Series>,
    grids: &[Grid],
    total: &str,
    whole: &[f64],
) -> Result<Vec<Series>, EvaluationError> {
    let share = |(series, grid): (Series, &Grid)| {
        let name = format!("asPercent({},{total})", series.name);
        call.claim_growth(&series, name.len(), whole.len())?;
        let values = zip_longest(&series.values, whole, percent);
        Ok(call.fresh(name, (grid.start, grid.end, grid.step), values))
    };
    all.into_iter().zip(grids).map(share).collect()
}

fn of_series(
    call: &Call<'_>,
    mut all: Vec<Series>,
    mut totals: Vec<Series>,
    grids: &[Grid],
) -> Result<Vec<Series>, EvaluationError> {
    if totals.len() == all.len() {
        all.sort_by(|left, right| left.name.cmp(&right.name));
        totals.sort_by(|left, right| left.name.cmp(&right.name));
        let pairs = all.into_iter().zip(totals);
        return pairs
            .filter_map(|(series, total)| share_of_total(call, series, total).transpose())
            .collect();
    }
    if totals.len() != 1 {
        return Err(call.error(format!(
            "total must be a number, 1 series or as many as seriesList has ({}), not {}",
            all.len(),
            totals.len()
        )));
    }
    all.extend(totals);
    let Some(mut normalized) = normalize(all) else {
        return Ok(Vec::new());
    };
    let Some(total) = normalized.series.pop() else {
        return Ok(Vec::new());
    };
    shares_of(call, normalized.series, grids, &total.name, &total.values)
}

fn share_of_total(
    call: &Call<'_>,
    series: Series,
    total: Series,
) -> Result<Option<Series>, EvaluationError> {
    let name = format!("asPercent({},{})", series.name, total.name);
    call.claim_growth(&series, name.len(), total.values.len())?;
    let Some(both) = normalize(vec![series, total]) else {
        return Ok(None);
    };
    let columns = both.columns();
    let values = zip_longest(columns[0], columns[1], percent);
    let grid = (both.start, both.end, both.step);
    Ok(Some(call.fresh(name, grid, values)))
}

/// The total of a group: its only series, or the sum of all.
fn total_of(call: &Call<'_>, mut group: Vec<Series>) -> Option<Series> {
    if group.len() == 1 {
        return group.pop();
    }
    let name = format!("sumSeries({})", path_expressions(&group));
    let all = normalize(group)?;
    let values = rows::aggregate(&all.columns(), Aggregation::Sum, 0.0);
    Some(call.fresh(name, (all.start, all.end, all.step), values))
}

fn of_group_sums(
    call: &Call<'_>,
    all: Vec<Series>,
    nodes: &[Node],
) -> Result<Vec<Series>, EvaluationError> {
    let mut results = Vec::with_capacity(all.len());
    for (_, group) in by_key(all, |series| node::key(series, nodes)) {
        if let Some(total) = total_of(call, group.clone()) {
            for series in group {
                results.extend(share_of_total(call, series, total.clone())?);
            }
        }
    }
    Ok(results)
}

fn of_matched_totals(
    call: &Call<'_>,
    all: Vec<Series>,
    totals: Vec<Series>,
    nodes: &[Node],
) -> Result<Vec<Series>, EvaluationError> {
    let key = |series: &Series| node::key(series, nodes);
    let groups = by_key(all, key);
    let total_groups = by_key(totals, key);
    let keys: Vec<String> = total_groups.iter().map(|(key, _)| key.clone()).collect();
    let mut totals: HashMap<String, Series> = total_groups
        .into_iter()
        .filter_map(|(key, group)| Some((key, total_of(call, group)?)))
        .collect();
    let mut results = Vec::new();
    for (key, group) in groups {
        match totals.remove(&key) {
            Some(total) => {
                for series in group {
                    results.extend(share_of_total(call, series, total.clone())?);
                }
            }
            None => results.extend(group.into_iter().map(|series| without_total(call, &series))),
        }
    }
    // Totals that no series asked for come last, in their own order.
    let unused = keys.iter().filter_map(|key| totals.remove(key));
    results.extend(unused.map(|total| without_series(call, &total)));
    Ok(results)
}

fn without_total(call: &Call<'_>, series: &Series) -> Series {
    let name = format!("asPercent({},MISSING)", series.name);
    nulls_like(call, name, series)
}

fn without_series(call: &Call<'_>, total: &Series) -> Series {
    let name = format!("asPercent(MISSING,{})", total.name);
    nulls_like(call, name, total)
}

fn nulls_like(call: &Call<'_>, name: String, series: &Series) -> Series {
    let values = vec![f64::NAN; series.values.len()];
    call.fresh(name, (series.start, series.end, series.step), values)
}

#[cfg(test)]
mod tests {
    use crate::functions::testing::{Samples, assert_values};

    fn samples() -> Samples {
        Samples::new()
            .with("s.a.used", 60, 60, &[1.0, f64::NAN])
            .with("s.b.used", 60, 60, &[3.0, 2.0])
            .with("s.a.size", 60, 60, &[4.0, 4.0])
            .with("s.c.size", 60, 60, &[0.0, 5.0])
    }

    #[test]
    fn total_may_be_the_sum_a_number_or_series() {
        let result = samples().run("asPercent(s.*.used)", 0, 120);
        assert_eq!(result[0].name, "asPercent(s.a.used,sumSeries(s.*.used))");
        assert_values(&result[0], &[Some(25.0), None]);
        let result = samples().run("asPercent(s.b.used,50)", 0, 120);
        assert_eq!(result[0].name, "asPercent(s.b.used,50)");
        assert_values(&result[0], &[Some(6.0), Some(4.0)]);
        let result = samples().run("asPercent(s.*.used,s.*.size)", 0, 120);
        assert_eq!(result[1].name, "asPercent(s.b.used,s.c.size)");
        assert_values(&result[1], &[None, Some(40.0)]);
    }

    #[test]
    fn shares_of_one_total_keep_the_step_of_their_series() {
        let samples = Samples::new()
            .with("m.fine", 60, 60, &[1.0, 3.0, 5.0, 7.0])
            .with("m.coarse", 120, 120, &[4.0, 12.0]);
        let fine = |target: &str| {
            let all = samples.run(target, 0, 360);
            let fine = all.into_iter().find(|one| one.name.contains("(m.fine,"));
            fine.expect("it is among them")
        };
        let result = fine("asPercent(m.*,m.coarse)");
        assert_eq!((result.start, result.end, result.step), (60, 300, 60));
        assert_values(&result, &[Some(50.0), Some(50.0)]);
        let result = fine("asPercent(m.*)");
        assert_eq!((result.step, result.values.len()), (60, 2));
        // A pair is one grid.
        let result = fine("asPercent(m.fine,m.coarse)");
        assert_eq!((result.start, result.end, result.step), (60, 300, 120));
        // One step is found for all, not first one for those that are shared.
        let three = Samples::new()
            .with("p.a", 60, 60, &[1.0, 2.0, 3.0, f64::NAN, 5.0, 6.0])
            .with("p.b", 120, 120, &[2.0; 3])
            .with("t", 180, 360, &[10.0]);
        let result = three.run("asPercent(p.*,t)", 0, 600).remove(0);
        assert_eq!(result.name, "asPercent(p.a,t)");
        assert_values(&result, &[Some(34.0)]);
        // A number is repeated as often as the first series has points.
        let result = fine("asPercent(group(m.fine,m.coarse),4)");
        assert_values(&result, &[Some(50.0), Some(150.0), None, None]);
    }

    #[test]
    fn nodes_match_series_and_totals() {
        let result = samples().run("asPercent(s.*.used,s.*.size,1)", 0, 120);
        let names: Vec<_> = result.iter().map(|series| series.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "asPercent(s.a.used,s.a.size)",
                "asPercent(s.b.used,MISSING)",
                "asPercent(MISSING,s.c.size)"
            ]
        );
    }

    #[test]
    fn other_numbers_of_totals_are_an_error() {
        let error = samples().try_run("asPercent(s.*.*,s.*.used)", 0, 120);
        assert!(error.unwrap_err().to_string().contains("(4), not 2"));
        assert!(samples().try_run("asPercent(s.*.*,5,1)", 0, 120).is_err());
    }
}

//! `meta=true`: json in Metrictank's shape, where each series says which archive it came from.
//!
//! Grafana draws a notice from it when points are rolled up, and fills its inspector. A series'
//! lineage is told by its path expression: the reads whose leaf stands in it. Functions that build
//! new series leave no such trace; their series are said to come from everything that was read.

use std::collections::HashMap;

use serde::Serialize;

use super::super::error::{ApiError, ApiResult};
use super::super::{Services, State, reply};
use super::question::Question;
use super::walk;
use crate::catalog::FindOptions;
use crate::evaluate::{ReadReport, Rendered, Statistics, consolidate};
use crate::format::{Format, Json, Wrapped};
use crate::functions::Series;
use crate::functions::aggregation::Aggregation;
use crate::metric::{AggregationMethod, Retention, Rollup};

/// The version of the shape.
const SHAPE_VERSION: &str = "v0.1";

/// Where a part of a series came from.
#[derive(Clone, Serialize)]
struct Lineage {
    #[serde(rename = "schema-name")]
    schema_name: String,
    #[serde(rename = "schema-retentions")]
    schema_retentions: String,
    #[serde(rename = "archive-read")]
    archive_read: usize,
    #[serde(rename = "archive-interval")]
    archive_interval: i64,
    /// Points that became one when steps were made equal.
    #[serde(rename = "aggnum-norm")]
    normalised: i64,
    /// Points that became one for `maxDataPoints`.
    #[serde(rename = "aggnum-rc")]
    consolidated: i64,
    #[serde(rename = "consolidator-normfetch")]
    rollup: &'static str,
    #[serde(rename = "consolidator-rc")]
    consolidator: &'static str,
    count: usize,
}

#[derive(Serialize)]
struct Numbers {
    #[serde(rename = "executeplan.resolve-series.ms")]
    resolve_ms: f64,
    #[serde(rename = "executeplan.get-targets.ms")]
    fetch_ms: f64,
    #[serde(rename = "executeplan.plan-run.ms")]
    run_ms: f64,
    #[serde(rename = "executeplan.series-fetch.count")]
    series_fetched: usize,
    #[serde(rename = "executeplan.points-fetch.count")]
    points_fetched: usize,
    #[serde(rename = "executeplan.points-return.count")]
    points_returned: usize,
}

pub(super) async fn answer(state: &State, rendered: Rendered, question: Question) -> ApiResult {
    let services = state.clone();
    let made = state
        .lookups
        .run(move || shape(&services, rendered, question));
    made.await?
}

fn shape(services: &Services, rendered: Rendered, question: Question) -> ApiResult {
    let Rendered {
        mut series,
        statistics,
    } = rendered;
    let steps: Vec<i64> = series.iter().map(|each| each.step).collect();
    consolidate(&mut series, &question.whole_request(0));
    let sources = Sources::of(services, &statistics);
    let members = series
        .iter()
        .zip(steps)
        .map(|(each, step)| sources.members(each, step))
        .collect::<ApiResult<Vec<_>>>()?;
    let before = opening(&statistics, &series)?;
    let json = Json::new(question.json).with_members(members);
    let encoder = Wrapped::new(before, walk(json, series), b"}");
    Ok(match question.callback {
        Some(callback) => {
            let encoder = Wrapped::in_callback(callback, encoder);
            question.outlet.stream(reply::JAVASCRIPT, encoder)
        }
        None => question.outlet.stream(Format::Json.content_type(), encoder),
    })
}

fn to_json(value: &impl Serialize) -> ApiResult<Vec<u8>> {
    serde_json::to_vec(value).map_err(|error| ApiError::internal(error.to_string()))
}

fn opening(statistics: &Statistics, series: &[Series]) -> ApiResult<Vec<u8>> {
    let milliseconds = |time: std::time::Duration| time.as_secs_f64() * 1e3;
    let numbers = Numbers {
        resolve_ms: milliseconds(statistics.plan_time),
        fetch_ms: milliseconds(statistics.fetch_time),
        run_ms: milliseconds(statistics.evaluate_time),
        series_fetched: statistics.series_read(),
        points_fetched: statistics.points_read(),
        points_returned: series.iter().map(|each| each.values.len()).sum(),
    };
    let mut out = format!("{{\"version\":\"{SHAPE_VERSION}\",\"meta\":{{\"stats\":").into_bytes();
    out.extend(to_json(&numbers)?);
    out.extend_from_slice(b"},\"series\":");
    Ok(out)
}

/// Everything that was read, with the schema of its first series.
struct Sources<'a> {
    reads: Vec<(&'a ReadReport, Option<Schema>)>,
}

/// How the points of a leaf are kept.
#[derive(Clone)]
struct Schema {
    retentions: String,
    rollup: Rollup,
}

impl<'a> Sources<'a> {
    fn of(services: &Services, statistics: &'a Statistics) -> Self {
        let mut known: HashMap<&str, Option<Schema>> = HashMap::new();
        let reads = statistics.reads.iter().map(|read| {
            let path = read.path_expression.as_str();
            let schema = known
                .entry(path)
                .or_insert_with(|| schema_of(services, path));
            (read, schema.clone())
        });
        Self {
            reads: reads.collect(),
        }
    }

    /// The members of one series: its step, and its lineage.
    fn members(&self, series: &Series, step: i64) -> ApiResult<Vec<u8>> {
        let stands_in = |read: &ReadReport| series.path_expression.contains(&read.path_expression);
        let traced = self.reads.iter().any(|(read, _)| stands_in(read));
        let mut lineage = Vec::new();
        for (read, schema) in &self.reads {
            if !traced || stands_in(read) {
                let archives = read.archives.iter();
                lineage.extend(archives.map(|(archive_step, archive)| {
                    lineage_of(series, step, read, schema.as_ref(), *archive_step, *archive)
                }));
            }
        }
        let mut out = format!("\"interval\":{},\"meta\":", series.step).into_bytes();
        out.extend(to_json(&lineage)?);
        Ok(out)
    }
}

fn lineage_of(
    series: &Series,
    step: i64,
    read: &ReadReport,
    schema: Option<&Schema>,
    archive_step: i64,
    archive: usize,
) -> Lineage {
    let retentions = schema
        .map(|schema| schema.retentions.clone())
        .unwrap_or_default();
    Lineage {
        schema_name: retentions.clone(),
        schema_retentions: retentions,
        archive_read: archive,
        archive_interval: archive_step,
        normalised: (step / archive_step.max(1)).max(1),
        consolidated: (series.step / step.max(1)).max(1),
        rollup: schema.map_or("NoneConsolidator", |schema| {
            rollup_name(schema.rollup.method)
        }),
        consolidator: consolidator_name(series.consolidation),
        count: read.series,
    }
}

/// The schema of the first series that a leaf names.
fn schema_of(services: &Services, path: &str) -> Option<Schema> {
    // A `seriesByTag` call is no pattern and finds nothing here; its series have no schema told.
    let found = services.catalog.find(path, FindOptions::LEAVES).ok()?;
    let (retention, rollup) = services.catalog.definition(found.first()?.series?)?;
    Some(Schema {
        retentions: retentions_text(&retention),
        rollup,
    })
}

/// `10s:6h,1min:7d`, as operators write it and Grafana reads it.
fn retentions_text(retention: &Retention) -> String {
    let archives = retention.archives().iter().map(|archive| {
        let step = duration_text(i64::from(archive.step));
        format!("{step}:{}", duration_text(archive.retention()))
    });
    archives.collect::<Vec<_>>().join(",")
}

fn duration_text(seconds: i64) -> String {
    const UNITS: [(i64, &str); 4] = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    let fits = |(unit, _): &&(i64, &str)| seconds % unit == 0;
    let (unit, name) = UNITS.iter().find(fits).unwrap_or(&(1, "s"));
    format!("{}{name}", seconds / unit)
}

fn rollup_name(method: AggregationMethod) -> &'static str {
    match method {
        AggregationMethod::Average | AggregationMethod::AvgZero => "AverageConsolidator",
        AggregationMethod::Sum => "SumConsolidator",
        AggregationMethod::Last => "LastConsolidator",
        AggregationMethod::Max | AggregationMethod::AbsMax => "MaximumConsolidator",
        AggregationMethod::Min | AggregationMethod::AbsMin => "MinimumConsolidator",
        AggregationMethod::First => "FirstConsolidator",
        AggregationMethod::Count => "CountConsolidator",
        AggregationMethod::Median | AggregationMethod::Percentile(_) => "MedianConsolidator",
    }
}

fn consolidator_name(aggregation: Aggregation) -> &'static str {
    match aggregation {
        Aggregation::Sum => "SumConsolidator",
        Aggregation::Max => "MaximumConsolidator",
        Aggregation::Min => "MinimumConsolidator",
        Aggregation::Last => "LastConsolidator",
        Aggregation::First => "FirstConsolidator",
        Aggregation::Count => "CountConsolidator",
        Aggregation::Median => "MedianConsolidator",
        _ => "AverageConsolidator",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retentions_are_written_as_operators_write_them() {
        let retention = Retention::parse("10s:6h,1m:7d,10m:1y").unwrap();
        assert_eq!(retentions_text(&retention), "10s:6h,1min:7d,10min:365d");
        assert_eq!(duration_text(90), "90s");
    }
}

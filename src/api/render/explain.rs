//! `explain=1`: what a query read and how long each part took, in place of its points.

use serde::Serialize;

use super::super::error::ApiResult;
use super::super::parameters::Parameters;
use super::super::reply;
use super::question::Question;
use crate::evaluate::{ReadReport, Rendered, Statistics};

#[derive(Serialize)]
struct Explanation<'a> {
    targets: &'a [String],
    from: i64,
    until: i64,
    now: i64,
    reads: Vec<Read<'a>>,
    #[serde(rename = "seriesRead")]
    series_read: usize,
    #[serde(rename = "pointsRead")]
    points_read: usize,
    #[serde(rename = "bytesRead")]
    bytes_read: usize,
    calls: usize,
    #[serde(rename = "memoryPeak")]
    memory_peak: usize,
    cache: Cache,
    #[serde(rename = "milliseconds")]
    times: Times,
    result: Outcome,
}

#[derive(Serialize)]
struct Read<'a> {
    #[serde(rename = "pathExpression")]
    path_expression: &'a str,
    from: i64,
    until: i64,
    series: usize,
    points: usize,
    archives: Vec<Archive>,
}

#[derive(Serialize)]
struct Archive {
    archive: usize,
    step: i64,
}

/// Milliseconds a part.
#[derive(Serialize)]
struct Times {
    plan: f64,
    fetch: f64,
    evaluate: f64,
    consolidate: f64,
}

/// What the incremental cache was good for.
#[derive(Serialize)]
struct Cache {
    #[serde(rename = "partsRefreshed")]
    parts_refreshed: usize,
    #[serde(rename = "partsComputed")]
    parts_computed: usize,
    #[serde(rename = "pointsKept")]
    points_kept: usize,
}

#[derive(Serialize)]
struct Outcome {
    series: usize,
    points: usize,
}

pub(super) fn answer(
    rendered: &Rendered,
    question: &Question,
    parameters: &Parameters,
) -> ApiResult {
    let statistics = &rendered.statistics;
    let points_read = statistics.points_read();
    let explanation = Explanation {
        targets: &question.targets,
        from: question.window.from,
        until: question.window.until,
        now: question.window.now,
        reads: statistics.reads.iter().map(Read::of).collect(),
        series_read: statistics.series_read(),
        points_read,
        bytes_read: points_read * size_of::<f64>(),
        calls: statistics.calls,
        memory_peak: statistics.memory_peak,
        cache: Cache {
            parts_refreshed: statistics.cache.refreshed,
            parts_computed: statistics.cache.computed,
            points_kept: statistics.cache.points_kept,
        },
        times: Times::of(statistics),
        result: Outcome {
            series: rendered.series.len(),
            points: rendered.series.iter().map(|each| each.values.len()).sum(),
        },
    };
    reply::json(&explanation, parameters)
}

impl<'a> Read<'a> {
    fn of(report: &'a ReadReport) -> Self {
        let archives = report.archives.iter();
        Self {
            path_expression: &report.path_expression,
            from: report.window.from,
            until: report.window.until,
            series: report.series,
            points: report.points,
            archives: archives
                .map(|(step, archive)| Archive {
                    archive: *archive,
                    step: *step,
                })
                .collect(),
        }
    }
}

impl Times {
    fn of(statistics: &Statistics) -> Self {
        let milliseconds = |time: std::time::Duration| time.as_secs_f64() * 1e3;
        Self {
            plan: milliseconds(statistics.plan_time),
            fetch: milliseconds(statistics.fetch_time),
            evaluate: milliseconds(statistics.evaluate_time),
            consolidate: milliseconds(statistics.consolidate_time),
        }
    }
}

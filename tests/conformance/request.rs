//! A case's parameters made a request, and series printed as json, as the API does both.

use plumbago::evaluate::RenderRequest;
use plumbago::functions::{Series, Window};
use plumbago::target::{Variables, parse_at_time, time_zone};
use serde_json::{Map, Value, json};

use crate::corpus::Case;
use crate::fixture::NOW;

/// A case as the engine takes it.
pub(crate) struct CaseRequest {
    pub(crate) render: RenderRequest,
    no_null_points: bool,
}

/// Reads the parameters.
///
/// # Errors
/// Why the API would refuse them.
pub(crate) fn of(case: &Case) -> Result<CaseRequest, String> {
    let parameters = case.parameters();
    let text = |name: &str| parameters.get(name).and_then(last_text);
    let zone = text("tz")
        .and_then(|name| time_zone(&name))
        .unwrap_or(jiff::tz::TimeZone::UTC);
    let time = |name: &str, default: &str, now: i64| {
        let text = text(name).unwrap_or_else(|| default.to_owned());
        parse_at_time(&text, now, &zone).map_err(|error| error.to_string())
    };
    let now = time("now", "now", NOW)?;
    let (from, until) = (time("from", "-1d", now)?, time("until", "now", now)?);
    if from == until {
        return Err("the time range is empty".to_owned());
    }
    let window = Window {
        from: from.min(until),
        until: from.max(until),
        now,
    };
    if text("cacheTimeout").is_some_and(|seconds| seconds.parse::<i64>().is_err()) {
        return Err("cacheTimeout is no number".to_owned());
    }
    let targets = parameters
        .get("target")
        .or_else(|| parameters.get("target[]"));
    let mut render = RenderRequest::new(targets.map(all_texts).unwrap_or_default(), window);
    render.timezone = zone;
    if let Some(factor) = text("xFilesFactor") {
        render.x_files_factor = factor
            .trim()
            .parse()
            .map_err(|_| "xFilesFactor is no number")?;
    }
    render.max_data_points = match text("maxDataPoints").map(|text| text.parse::<u64>()) {
        Some(Ok(0)) => return Err("maxDataPoints is 0".to_owned()),
        Some(Ok(points)) => Some(points),
        _ => None,
    };
    render.variables = variables(parameters);
    let no_null_points = parameters.contains_key("noNullPoints");
    Ok(CaseRequest {
        render,
        no_null_points,
    })
}

fn variables(parameters: &Map<String, Value>) -> Variables {
    let mut variables = Variables::new();
    for (key, value) in parameters {
        let name = key
            .strip_prefix("template[")
            .and_then(|rest| rest.strip_suffix(']'));
        if let (Some(name), Some(text)) = (name, last_text(value)) {
            variables.set(name, plumbago::target::Value::String(text));
        }
    }
    variables
}

fn all_texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(values) => values.iter().filter_map(last_text).collect(),
        other => last_text(other).into_iter().collect(),
    }
}

fn last_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Array(values) => values.last().and_then(last_text),
        Value::Null => None,
        other => Some(other.to_string()),
    }
}

impl CaseRequest {
    /// The answer as the corpus writes it, infinities as text.
    pub(crate) fn print(&self, all: &[Series]) -> Value {
        // Series without points show only beside others that have some.
        let is_empty = all.iter().all(|series| series.values.is_empty());
        let shown = all.iter().filter(|_| !is_empty);
        let printed = shown.filter_map(|series| self.print_series(series));
        Value::Array(printed.collect())
    }

    fn print_series(&self, series: &Series) -> Option<Value> {
        let times =
            (series.start..=series.end).step_by(usize::try_from(series.step).expect("a step"));
        let points = series.values.iter().zip(times);
        let points = points.filter(|(value, _)| !(self.no_null_points && value.is_nan()));
        let points: Vec<Value> = points
            .map(|(&value, time)| json!([number(value), time]))
            .collect();
        if self.no_null_points && points.is_empty() {
            return None;
        }
        let tags: Map<String, Value> = series
            .tags
            .iter()
            .map(|(tag, value)| (tag.to_owned(), json!(value)))
            .collect();
        Some(json!({"target": series.name.as_str(), "tags": tags, "datapoints": points}))
    }
}

fn number(value: f64) -> Value {
    if value == f64::INFINITY {
        json!("__inf__")
    } else if value == f64::NEG_INFINITY {
        json!("__-inf__")
    } else if value.is_nan() {
        Value::Null
    } else {
        json!(value)
    }
}

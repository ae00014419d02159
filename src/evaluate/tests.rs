//! Whole requests on the memory engine: what is read, how often, and what a request may not do.

use std::sync::Arc;

use super::*;
use crate::catalog::Catalog;
use crate::events::EventLog;
use crate::fetch::ReadLimits;
use crate::functions::Window;
use crate::metric::{Retention, Rollup, name};
use crate::storage::memory::MemoryStore;
use crate::storage::{SeriesDefinition, Store};
use crate::target::Variables;

const NOW: i64 = 1_750_000_000;

/// Series with a point every ten seconds of the last ten minutes; the value of each is its age.
fn engine(names: &[&str]) -> Engine {
    let series: Vec<_> = names.iter().map(|&name| (name, "10s:1h,1m:1d")).collect();
    engine_of(&series)
}

/// The same with retentions of their own; of several points in a slot the last one counts.
fn engine_of(series: &[(&str, &str)]) -> Engine {
    let catalog = Arc::new(Catalog::in_memory());
    let store = MemoryStore::new(1);
    let mut writer = store.writer(0);
    for (name, retention) in series {
        let retention = Arc::new(Retention::parse(retention).unwrap());
        let hash = name::hash(name.as_bytes());
        let id = catalog
            .create(name, hash, &retention, Rollup::default())
            .unwrap();
        let (name, rollup) = ((*name).into(), Rollup::default());
        writer
            .define(&SeriesDefinition {
                id,
                name,
                retention,
                rollup,
            })
            .unwrap();
        for age in (0..60).rev().map(|slot: i64| slot * 10) {
            writer.store(id, NOW - age, age as f64, NOW).unwrap();
        }
    }
    let source = Source {
        catalog,
        store: Arc::new(store),
    };
    Engine::new(source, Arc::new(EventLog::in_memory()))
}

fn request(targets: &[&str]) -> RenderRequest {
    let window = Window {
        from: NOW - 60,
        until: NOW,
        now: NOW,
    };
    RenderRequest::new(
        targets.iter().map(|&target| target.to_owned()).collect(),
        window,
    )
}

fn names(rendered: &Rendered) -> Vec<&str> {
    rendered
        .series
        .iter()
        .map(|series| series.name.as_str())
        .collect()
}

#[test]
fn targets_keep_their_order_and_blank_ones_are_skipped() {
    let engine = engine(&["a.x", "a.y", "b"]);
    let rendered = engine
        .render(&request(&["b", " ", "a.*", "none", "sumSeries(a.*)"]))
        .unwrap();
    assert_eq!(names(&rendered), ["b", "a.x", "a.y", "sumSeries(a.*)"]);
    assert_eq!(rendered.series[0].values.len(), 6);
    assert_eq!(rendered.series[3].values[0], 100.0);
}

#[test]
fn widened_windows_are_read_in_the_first_batch() {
    let engine = engine(&["a.x", "a.y"]);
    let target = "movingAverage(scale(a.*,2),3)";
    let rendered = engine.render(&request(&[target, "a.x"])).unwrap();
    let mut windows: Vec<i64> = rendered
        .statistics
        .reads
        .iter()
        .map(|read| read.window.from)
        .collect();
    windows.sort_unstable();
    assert_eq!(windows, [NOW - 90, NOW - 60]);
    assert_eq!(rendered.statistics.series_read(), 3);
}

#[test]
fn windows_in_points_count_the_steps_of_the_series_that_are_left() {
    let engine = engine_of(&[("fast", "10s:1h"), ("slow", "1m:1h")]);
    let first = |inner: &str| {
        let target = format!("movingAverage({inner},1)");
        let rendered = engine.render(&request(&[&target])).unwrap();
        rendered.series[0].values[0]
    };
    assert_eq!(first("fast"), 50.0);
    assert_eq!(first("group(fast,slow)"), 100.0);
    assert_eq!(first("exclude(group(fast,slow),\"slow\")"), 50.0);
    let none = engine.render(&request(&["movingAverage(maximumAbove(fast,60),\"2min\")"]));
    assert_eq!(none.unwrap().series.len(), 0);
}

#[test]
fn leaf_that_is_used_twice_is_read_once() {
    let engine = engine(&["a.x"]);
    let rendered = engine
        .render(&request(&["scale(a.x,10)", "a.x", "scale(a.x,100)"]))
        .unwrap();
    let firsts: Vec<f64> = rendered
        .series
        .iter()
        .map(|series| series.values[0])
        .collect();
    assert_eq!(firsts, [500.0, 50.0, 5000.0]);
    assert_eq!(rendered.statistics.reads.len(), 1);
}

#[test]
fn templates_of_the_request_override_those_of_the_target() {
    let engine = engine(&["a.x", "a.y"]);
    let mut request = request(&["template(scale(a.$node,$1),node=\"x\")"]);
    request.variables = [("node", "y"), ("1", "3")]
        .into_iter()
        .collect::<Variables>();
    let rendered = engine.render(&request).unwrap();
    assert_eq!(names(&rendered), ["scale(a.y,3)"]);
}

#[test]
fn series_by_tag_prints_its_call() {
    let engine = engine(&["cpu;dc=east", "cpu;dc=west", "mem;dc=east"]);
    let target = "seriesByTag('name=cpu', 'dc=~.*')";
    let rendered = engine
        .render(&request(&[target, &format!("sumSeries({target})")]))
        .unwrap();
    let sum = format!("sumSeries({target})");
    assert_eq!(names(&rendered), ["cpu;dc=east", "cpu;dc=west", &sum]);
    let error = engine
        .render(&request(&["seriesByTag('dc=~.*')"]))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadRequest);
}

#[test]
fn many_targets_answer_as_each_alone() {
    let engine = engine(&["a.x", "a.y", "a.z"]);
    let targets: Vec<String> = (0..40)
        .map(|factor| format!("scale(a.*,{factor})"))
        .collect();
    let all: Vec<&str> = targets.iter().map(String::as_str).collect();
    let together = engine.render(&request(&all)).unwrap();
    let alone = all
        .iter()
        .flat_map(|&target| engine.render(&request(&[target])).unwrap().series);
    for (one, other) in together.series.iter().zip(alone) {
        assert_eq!((&one.name, &one.values), (&other.name, &other.values));
    }
}

#[test]
fn points_are_consolidated_to_the_limit() {
    let engine = engine(&["a.x"]);
    let mut request = request(&["a.x"]);
    request.max_data_points = Some(3);
    let rendered = engine.render(&request).unwrap();
    assert!(rendered.series[0].values.len() <= 3);
    assert_eq!(rendered.series[0].step, 20);
}

#[test]
fn limits_are_checked_before_anything_is_read() {
    let engine = engine(&["a.x", "a.y"]);
    let mut request = request(&["a.*"]);
    request.limits.reads = ReadLimits {
        series_max: 1,
        points_max: 1000,
        ..ReadLimits::default()
    };
    let error = engine.render(&request).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    assert!(error.to_string().contains("more than 1 series"), "{error}");
    request.limits.reads = ReadLimits {
        series_max: 10,
        points_max: 11,
        ..ReadLimits::default()
    };
    let error = engine.render(&request).unwrap_err();
    assert!(error.to_string().contains("12 points"), "{error}");
}

#[test]
fn nested_windows_cannot_run_for_ever() {
    let engine = engine(&["a.x"]);
    let target = (0..40).fold("a.x".to_owned(), |inner, _| {
        format!("movingAverage(scale({inner},2),1)")
    });
    let mut request = request(&[&target]);
    request.limits.calls_max = 10_000;
    let error = engine.render(&request).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
}

#[test]
fn cancelled_query_stops() {
    let engine = engine(&["a.x"]);
    let request = request(&["scale(a.x,1)"]);
    request.cancellation.cancel();
    let error = engine.render(&request).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
}

#[test]
fn bad_targets_are_named() {
    let engine = engine(&["a.x"]);
    for target in [
        "nosuch(a.x)",
        "scale(a.x)",
        "scale(scale(a.x,\"x\"),2)",
        "(",
        "template($v,v=5)",
    ] {
        let error = engine.render(&request(&["a.x", target])).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BadRequest, "{target}");
        assert_eq!(error.target.as_deref(), Some(target));
    }
}

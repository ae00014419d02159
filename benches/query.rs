//! Render requests on the memory engine: what evaluation itself costs, without disk and without HTTP.
//!
//! ```text
//! cargo bench --bench query
//! ```
//!
//! "Day" is a thousand series of 24 hours at 10 s; "hour" is ten thousand series of one hour.

use std::sync::{Arc, LazyLock};

use divan::Bencher;
use plumbago::catalog::Catalog;
use plumbago::evaluate::{Engine, RenderRequest, Source};
use plumbago::events::EventLog;
use plumbago::functions::Window;
use plumbago::metric::{Retention, Rollup, name};
use plumbago::storage::memory::MemoryStore;
use plumbago::storage::{SeriesDefinition, Store};

const NOW: i64 = 1_750_000_000;
const STEP: i64 = 10;

fn main() {
    divan::main();
}

static DAY: LazyLock<Engine> = LazyLock::new(|| engine(1_000, 8_640));
static HOUR: LazyLock<Engine> = LazyLock::new(|| engine(10_000, 360));

/// Series `host.rackRR.webNNNNN.cpu` with a point in every slot.
fn engine(series: usize, points: i64) -> Engine {
    let catalog = Arc::new(Catalog::in_memory());
    let store = MemoryStore::new(1);
    let mut writer = store.writer(0);
    let retention = Retention::parse("10s:25h").expect("a retention");
    let retention = Arc::new(retention);
    for number in 0..series {
        let name = format!("host.rack{:02}.web{number:05}.cpu", number % 40);
        let hash = name::hash(name.as_bytes());
        let rollup = Rollup::default();
        let id = catalog
            .create(&name, hash, &retention, rollup)
            .expect("a canonical name");
        let retention = Arc::clone(&retention);
        let definition = SeriesDefinition {
            id,
            name: name.into(),
            retention,
            rollup,
        };
        writer.define(&definition).expect("memory has room");
        for slot in 0..points {
            let value = ((slot * 7919 + number as i64 * 104_729) % 10_007) as f64 / 100.0;
            let stored = writer.store(id, NOW - (points - 1 - slot) * STEP, value, NOW);
            stored.expect("the point is within the retention");
        }
    }
    let source = Source {
        catalog,
        store: Arc::new(store),
    };
    Engine::new(source, Arc::new(EventLog::in_memory()))
}

fn request(targets: Vec<String>, points: i64) -> RenderRequest {
    let window = Window {
        from: NOW - points * STEP,
        until: NOW,
        now: NOW,
    };
    RenderRequest::new(targets, window)
}

fn run(bencher: Bencher<'_, '_>, engine: &Engine, request: RenderRequest) {
    bencher.bench(|| {
        let rendered = engine.render(&request).expect("the target is right");
        assert!(!rendered.series.is_empty());
        rendered
    });
}

#[divan::bench(sample_count = 10, args = [
    "host.*.*.cpu",
    "scale(host.*.*.cpu,2)",
    "sumSeries(host.*.*.cpu)",
    "averageSeries(host.*.*.cpu)",
    "maxSeries(host.*.*.cpu)",
    "stddevSeries(host.*.*.cpu)",
    "aggregate(host.*.*.cpu,'median')",
    "sumSeries(scale(host.*.*.cpu,2))",
    "movingAverage(host.*.*.cpu,60)",
    "movingMedian(host.*.*.cpu,60)",
])]
fn day(bencher: Bencher<'_, '_>, target: &str) {
    // An hour is left for windows that begin earlier.
    run(bencher, &DAY, request(vec![target.to_owned()], 8_280));
}

#[divan::bench(sample_count = 10, args = [
    "host.*.*.cpu",
    "alias(host.*.*.cpu,'x')",
    "groupByNode(host.*.*.cpu,1,'sum')",
    "aliasByNode(host.*.*.cpu,1,2)",
    "aliasSub(host.*.*.cpu,'(^.*$)','\\1 A')",
    "summarize(host.*.*.cpu,'5min','avg')",
    "asPercent(host.*.*.cpu)",
    "highestAverage(host.*.*.cpu,10)",
])]
fn hour(bencher: Bencher<'_, '_>, target: &str) {
    run(bencher, &HOUR, request(vec![target.to_owned()], 360));
}

#[divan::bench(sample_count = 10)]
fn day_for_a_panel(bencher: Bencher<'_, '_>) {
    let mut request = request(vec!["host.*.*.cpu".to_owned()], 8_640);
    request.max_data_points = Some(1_000);
    run(bencher, &DAY, request);
}

#[divan::bench(sample_count = 10)]
fn dashboard_of_200_targets(bencher: Bencher<'_, '_>) {
    let target = |number: i64| {
        format!(
            "sumSeries(scale(host.rack{:02}.web000*.cpu,{number}))",
            number % 40
        )
    };
    let mut request = request((0..200).map(target).collect(), 8_640);
    request.max_data_points = Some(1_000);
    run(bencher, &DAY, request);
}

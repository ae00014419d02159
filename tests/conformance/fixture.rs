//! The corpus' data set in the memory engine, as its own loader sends it point by point.

use std::sync::Arc;

use plumbago::catalog::Catalog;
use plumbago::evaluate::{Engine, Source};
use plumbago::events::{EventLog, NewEvent};
use plumbago::metric::{AggregationMethod, Retention, Rollup, name};
use plumbago::storage::memory::MemoryStore;
use plumbago::storage::{SeriesDefinition, ShardWriter, Store};
use serde_json::Value;

use crate::corpus::Corpus;

/// The time at which the data ends and the recorded server stood.
pub(crate) const NOW: i64 = 1_750_000_000;

/// An engine over the whole data set.
pub(crate) fn engine(corpus: &Corpus) -> Engine {
    let catalog = Arc::new(Catalog::in_memory());
    let store = MemoryStore::new(1);
    let mut writer = store.writer(0);
    for series in corpus.lines("fixture.jsonl") {
        load(&catalog, writer.as_mut(), &series);
    }
    let events = EventLog::in_memory();
    let meta = corpus.object("fixture.meta.json");
    assert_eq!(meta["now"], NOW);
    for event in meta["events"].as_array().expect("events") {
        events
            .append(event_of(event))
            .expect("an event of the fixture is kept");
    }
    Engine::new(
        Source {
            catalog,
            store: Arc::new(store),
        },
        Arc::new(events),
    )
}

fn load(catalog: &Catalog, writer: &mut dyn ShardWriter, series: &Value) {
    let text = |key: &str| {
        series[key]
            .as_str()
            .unwrap_or_else(|| panic!("{key} is text"))
    };
    let retention = Arc::new(Retention::parse(text("retention")).expect("a retention"));
    let rollup = Rollup {
        method: AggregationMethod::parse(text("aggregationMethod")).expect("a method"),
        x_files_factor: series["xFilesFactor"].as_f64().expect("a factor") as f32,
    };
    let name = text("name");
    let hash = name::hash(name.as_bytes());
    let id = catalog
        .create(name, hash, &retention, rollup)
        .expect("a canonical name");
    let definition = SeriesDefinition {
        id,
        name: name.into(),
        retention,
        rollup,
    };
    writer.define(&definition).expect("memory has room");
    for point in series["points"].as_array().expect("points") {
        let timestamp = point[0].as_i64().expect("a time");
        let value = point[1].as_f64().expect("a number");
        let stored = writer.store(id, timestamp, value, NOW);
        assert_eq!(stored, Ok(()), "{name} at {timestamp}");
    }
}

fn event_of(event: &Value) -> NewEvent {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let tags = match &event["tags"] {
        Value::String(words) => words.split_whitespace().map(str::to_owned).collect(),
        list => list.as_array().into_iter().flatten().map(text).collect(),
    };
    NewEvent {
        when: event["when"].as_i64().expect("a time"),
        what: text(&event["what"]),
        tags,
        data: text(&event["data"]),
    }
}

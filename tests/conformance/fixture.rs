//! The corpus' data set in an engine, point by point as the corpus' own loader sends it.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use plumbago::catalog::Catalog;
use plumbago::clock::Clock;
use plumbago::evaluate::{Engine, Source};
use plumbago::events::{EventLog, NewEvent};
use plumbago::metric::{AggregationMethod, Retention, Rollup, name};
use plumbago::storage::memory::MemoryStore;
use plumbago::storage::strata::{Strata, StrataConfig};
use plumbago::storage::whisper::{Tree, WhisperConfig, WhisperStore};
use plumbago::storage::{Maintenance, SeriesDefinition, ShardWriter, Store};
use serde_json::Value;
use tempfile::TempDir;

use crate::corpus::Corpus;

/// The time at which the data ends and the recorded server stood.
pub(crate) const NOW: i64 = 1_750_000_000;

/// The slice of time that maintenance gets at once.
const MAINTENANCE: Duration = Duration::from_millis(100);

/// An engine over the whole data set in memory.
pub(crate) fn in_memory(corpus: &Corpus) -> Engine {
    engine(corpus, Arc::new(MemoryStore::new(1)))
}

/// An engine over the whole data set in a folder of the native engine, which goes with the guard.
pub(crate) fn on_strata(corpus: &Corpus) -> (Engine, TempDir) {
    let folder = tempfile::tempdir().expect("a folder for the store");
    let config = StrataConfig {
        shards: 2,
        background: false,
        ..StrataConfig::new(folder.path())
    };
    let store = Strata::open(&config).expect("a new store opens");
    (engine(corpus, Arc::new(store)), folder)
}

/// An engine over the recorded tree of Whisper files, unpacked into a folder, which goes with the guard.
pub(crate) fn on_whisper(corpus: &Corpus) -> (Engine, TempDir) {
    let folder = tempfile::tempdir().expect("a folder for the tree");
    let config = whisper(folder.path());
    std::fs::create_dir(&config.tree).expect("a folder of its own");
    let unpacked = Command::new("tar")
        .arg("xzf")
        .arg(corpus.path("fixture-whisper.tar.gz"))
        .arg("-C")
        .arg(&config.tree)
        .status();
    assert!(
        unpacked.is_ok_and(|status| status.success()),
        "tar unpacks the tree"
    );
    let tree = Tree {
        root: config.tree.clone(),
        tagged_names: config.tagged_names,
        dialect: config.dialect,
    };
    let catalog = Arc::new(Catalog::in_memory());
    let files = tree.scan().files;
    let names = corpus.lines("fixture.jsonl");
    assert_eq!(files.len(), names.len(), "each series has a file");
    // The files of tagged series do not tell their names.
    for series in &names {
        let name = series["name"].as_str().expect("a series has a name");
        let path = tree.path_of(name).expect("a name with a file");
        assert!(files.contains(&path), "{path} is in the tree");
        let (retention, rollup) = tree.definition(&path).expect("a sound file");
        let created = catalog.create(
            name,
            name::hash(name.as_bytes()),
            &Arc::new(retention),
            rollup,
        );
        created.expect("a canonical name");
    }
    let store = WhisperStore::open(config, catalog.definitions()).expect("the tree opens");
    let source = Source {
        catalog,
        store: Arc::new(store),
    };
    (Engine::new(source, Arc::new(events(corpus))), folder)
}

/// An engine over the whole data set in a new tree, written to its files or still on the way to them.
pub(crate) fn into_whisper(corpus: &Corpus, is_written: bool) -> (Engine, TempDir) {
    let folder = tempfile::tempdir().expect("a folder for the store");
    let config = WhisperConfig {
        write_delay_max_s: if is_written { 0 } else { 3600 },
        ..whisper(folder.path())
    };
    let store = WhisperStore::open(config, []).expect("a new store opens");
    (engine(corpus, Arc::new(store)), folder)
}

fn whisper(folder: &Path) -> WhisperConfig {
    WhisperConfig {
        shards: 2,
        background: false,
        clock: Clock::manual(NOW),
        ..WhisperConfig::new(folder)
    }
}

fn engine(corpus: &Corpus, store: Arc<dyn Store>) -> Engine {
    let catalog = Arc::new(Catalog::in_memory());
    let shards = store.shards();
    let mut writers: Vec<_> = (0..shards).map(|shard| store.writer(shard)).collect();
    for series in corpus.lines("fixture.jsonl") {
        let name = series["name"].as_str().expect("a series has a name");
        let hash = name::hash(name.as_bytes());
        let writer = &mut writers[name::shard_of(hash, shards)];
        load(&catalog, writer.as_mut(), name, &series);
    }
    for writer in &mut writers {
        let mut maintain = || {
            writer
                .maintain(NOW, MAINTENANCE)
                .expect("the store is sound")
        };
        while maintain() == Maintenance::Pending {}
    }
    let source = Source { catalog, store };
    Engine::new(source, Arc::new(events(corpus)))
}

fn load(catalog: &Catalog, writer: &mut dyn ShardWriter, name: &str, series: &Value) {
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
    writer.define(&definition).expect("there is room");
    for point in series["points"].as_array().expect("points") {
        let timestamp = point[0].as_i64().expect("a time");
        let value = point[1].as_f64().expect("a number");
        let stored = writer.store(id, timestamp, value, NOW);
        assert_eq!(stored, Ok(()), "{name} at {timestamp}");
    }
}

fn events(corpus: &Corpus) -> EventLog {
    let log = EventLog::in_memory();
    let meta = corpus.object("fixture.meta.json");
    assert_eq!(meta["now"], NOW);
    for event in meta["events"].as_array().expect("events") {
        log.append(event_of(event))
            .expect("an event of the fixture is kept");
    }
    log
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

//! The native engine's hot paths: a store, a sync of one tick, a fetch of a day, opening.
//!
//! `cargo bench --bench ring`. Series arrive as agents send them: groups of 250 neighbours in a
//! shuffled order. Folders are in the system's temporary folder; set `TMPDIR` to choose the disk.

use std::sync::Arc;
use std::time::Duration;

use divan::Bencher;
use divan::counter::ItemsCount;
use plumbago::metric::{Retention, Rollup, SeriesId};
use plumbago::storage::strata::{Strata, StrataConfig};
use plumbago::storage::{SeriesDefinition, ShardWriter, Store, TimeRange};

const START: i64 = 1_700_000_000 / 7200 * 7200;
const AGENT: u32 = 250;

fn main() {
    divan::main();
}

struct Load {
    store: Strata,
    writer: Box<dyn ShardWriter>,
    order: Vec<SeriesId>,
    now: i64,
    _folder: tempfile::TempDir,
}

impl Load {
    fn new(series: u32) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let config = StrataConfig {
            shards: 1,
            ..StrataConfig::new(folder.path())
        };
        let store = Strata::open(&config).expect("an empty folder opens");
        let mut writer = store.writer(0);
        let retention = Arc::new(Retention::parse("10s:1d,1m:7d").expect("a valid retention"));
        for id in 0..series {
            define(&mut *writer, id, &retention);
        }
        Self {
            store,
            writer,
            order: shuffled_agents(series),
            now: START,
            _folder: folder,
        }
    }

    /// Stores one step of every series.
    fn tick(&mut self) {
        self.now += 10;
        for &id in &self.order {
            let value = f64::from(id.0 % 1000) + (self.now / 10 % 100) as f64;
            self.writer
                .store(id, self.now, value, self.now)
                .expect("a point of now is stored");
        }
        self.writer
            .maintain(self.now, Duration::from_millis(1))
            .expect("a healthy store");
    }
}

fn define(writer: &mut dyn ShardWriter, id: u32, retention: &Arc<Retention>) {
    let definition = SeriesDefinition {
        id: SeriesId(id),
        name: Arc::from("bench"),
        retention: Arc::clone(retention),
        rollup: Rollup::default(),
    };
    writer.define(&definition).expect("a series is defined");
}

fn shuffled_agents(series: u32) -> Vec<SeriesId> {
    let agents = series / AGENT;
    // A stride that shares no factor with the number of agents visits each once.
    let stride = (agents / 2 + 1..).find(|stride| gcd(*stride, agents) == 1);
    let stride = stride.expect("some number is coprime");
    (0..agents)
        .map(|turn| (u64::from(turn) * u64::from(stride) % u64::from(agents)) as u32)
        .flat_map(|agent| (0..AGENT).map(move |place| SeriesId(agent * AGENT + place)))
        .collect()
}

fn gcd(one: u32, other: u32) -> u32 {
    if other == 0 {
        one
    } else {
        gcd(other, one % other)
    }
}

/// Nanoseconds a store: the time of a tick over its points.
#[divan::bench(args = [100_000, 1_000_000], sample_count = 20, sample_size = 1)]
fn store(bencher: Bencher, series: u32) {
    let mut load = Load::new(series);
    load.tick();
    bencher
        .counter(ItemsCount::new(series))
        .bench_local(|| load.tick());
}

/// A sync after one tick of all series.
#[divan::bench(args = [100_000, 1_000_000], sample_count = 10, sample_size = 1)]
fn sync(bencher: Bencher, series: u32) {
    let load = std::cell::RefCell::new(Load::new(series));
    load.borrow_mut().tick();
    bencher
        .with_inputs(|| load.borrow_mut().tick())
        .bench_local_values(|()| load.borrow().store.sync());
}

/// A day of one series at 10 s, 1,000 series in the store: 70 blocks and the ring.
#[divan::bench]
fn fetch_day(bencher: Bencher) {
    let mut load = Load::new(1000);
    for _ in 0..8640 {
        load.tick();
    }
    let range = TimeRange {
        from: load.now - 86_400,
        until: load.now,
        now: load.now,
    };
    let mut id = 0;
    bencher.counter(ItemsCount::new(8640u32)).bench_local(|| {
        id = (id + 37) % 1000;
        load.store.fetch(SeriesId(id), range)
    });
}

/// Days of history of 500 series, a series after the other, through the late road: seconds a point.
#[divan::bench(sample_count = 3, sample_size = 1)]
fn backfill(bencher: Bencher) {
    const SERIES: u32 = 500;
    const STEPS: i64 = 8000;
    bencher
        .counter(ItemsCount::new(SERIES as usize * STEPS as usize))
        .with_inputs(|| Load::new(SERIES))
        .bench_local_values(|mut load| {
            for id in 0..SERIES {
                for step in 0..STEPS {
                    let (time, value) = (START - 85_000 + step * 10, step as f64);
                    load.writer
                        .store(SeriesId(id), time, value, START)
                        .expect("a point within retention is stored");
                }
            }
            load
        });
}

/// Opening a store of a million series, every one of them defined again.
#[divan::bench(sample_count = 3, sample_size = 1)]
fn open_million(bencher: Bencher) {
    let mut load = Load::new(1_000_000);
    load.tick();
    let folder = load._folder;
    drop((load.store, load.writer));
    let config = StrataConfig {
        shards: 1,
        ..StrataConfig::new(folder.path())
    };
    let retention = Arc::new(Retention::parse("10s:1d,1m:7d").expect("a valid retention"));
    bencher.bench_local(|| {
        let store = Strata::open(&config).expect("the folder opens again");
        let mut writer = store.writer(0);
        for id in 0..1_000_000 {
            define(&mut *writer, id, &retention);
        }
        (store, writer)
    });
}

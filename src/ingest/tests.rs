mod control;

use std::collections::BTreeMap;

use parking_lot::Mutex;

use super::*;
use crate::metric::name::hash;
use crate::metric::{Refusal, Retention, Rollup, SeriesId};
use crate::queue::{QueueLimits, Router};
use crate::storage::{
    Fetched, Maintenance, Selection, SeriesDefinition, ShardWriter, StoreError, StoreHealth,
    StoreStatistics, TimeRange,
};
use crate::telemetry::refused::Peer;

const NOW: i64 = 1_700_000_000;
const PATIENCE: Duration = Duration::from_secs(20);
const PEER: Peer = Peer::Own("test");

/// A store that remembers, and refuses on demand.
#[derive(Default)]
struct Remembering {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    defined: BTreeMap<u32, String>,
    points: Vec<(SeriesId, i64, f64)>,
    refuses: Option<Refusal>,
    refuses_series: bool,
    panics: bool,
}

struct Writer(Arc<Remembering>);

impl ShardWriter for Writer {
    fn define(&mut self, series: &SeriesDefinition) -> Result<(), StoreError> {
        let mut state = self.0.state.lock();
        if state.refuses_series {
            return Err(StoreError::Poisoned("no room".to_owned()));
        }
        state.defined.insert(series.id.0, series.name.to_string());
        Ok(())
    }

    fn store(
        &mut self,
        series: SeriesId,
        timestamp: i64,
        value: f64,
        _now: i64,
    ) -> Result<(), Refusal> {
        let mut state = self.0.state.lock();
        assert!(!state.panics, "the test wants it so");
        assert!(state.defined.contains_key(&series.0), "{series:?}");
        match state.refuses {
            Some(reason) => Err(reason),
            None => {
                state.points.push((series, timestamp, value));
                Ok(())
            }
        }
    }

    fn forget(&mut self, series: &[SeriesId]) {
        let mut state = self.0.state.lock();
        for id in series {
            assert!(state.defined.remove(&id.0).is_some(), "{id:?}");
        }
    }

    fn maintain(&mut self, _now: i64, _budget: Duration) -> Result<Maintenance, StoreError> {
        Ok(Maintenance::Idle)
    }
}

struct Handle(Arc<Remembering>, usize);

impl Store for Handle {
    fn engine(&self) -> &'static str {
        "remembering"
    }

    fn shards(&self) -> usize {
        self.1
    }

    fn writer(&self, _shard: usize) -> Box<dyn ShardWriter> {
        Box::new(Writer(Arc::clone(&self.0)))
    }

    fn fetch(&self, _: SeriesId, _: TimeRange) -> Result<Option<Fetched>, StoreError> {
        Ok(None)
    }

    fn select(&self, _: SeriesId, _: TimeRange) -> Option<Selection> {
        None
    }

    fn definition(&self, _: SeriesId) -> Option<(Arc<Retention>, Rollup)> {
        None
    }

    fn sync(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn health(&self) -> StoreHealth {
        StoreHealth::default()
    }

    fn statistics(&self) -> StoreStatistics {
        StoreStatistics::default()
    }
}

struct Bench {
    store: Arc<Remembering>,
    ingest: Ingest,
    workers: Workers,
}

fn bench_with(shards: usize, limits: QueueLimits, catalog: Catalog) -> Bench {
    let store = Arc::new(Remembering::default());
    let telemetry = Arc::new(IngestTelemetry::new(shards));
    let ingest = Ingest {
        catalog: Arc::new(catalog),
        store: Arc::new(Handle(Arc::clone(&store), shards)),
        schemas: Arc::new(ArcSwap::from_pointee(Schemas::default())),
        clock: Clock::manual(NOW),
        routes: Routes::new(limits, &telemetry),
        telemetry,
    };
    let workers = start_workers(&ingest).unwrap();
    Bench {
        store,
        ingest,
        workers,
    }
}

fn bench(shards: usize) -> Bench {
    bench_with(shards, QueueLimits::default(), Catalog::in_memory())
}

impl Bench {
    fn send(&self, points: &[(&str, i64, f64)]) {
        let mut router = Router::new(Arc::clone(&self.ingest.routes));
        for (name, timestamp, value) in points {
            router.push(name.as_bytes(), *timestamp, *value, PEER);
        }
        router.try_send();
        assert!(router.is_empty());
    }

    /// Waits until the workers have gone through every batch that was sent: an order is followed
    /// between batches.
    fn until_worked_off(&self) {
        self.until("queues empty", |_| self.ingest.routes.points_queued() == 0);
        for shard in 0..self.ingest.routes.shards() {
            self.workers.controls().forget(shard, Vec::new()).unwrap();
        }
    }

    fn until(&self, what: &str, holds: impl Fn(&State) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !holds(&self.store.state.lock()) {
            assert!(Instant::now() < deadline, "never: {what}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn refused(&self, reason: Refusal) -> u64 {
        let shards = self.ingest.telemetry.shards();
        shards.iter().map(|shard| shard.refused.get(reason)).sum()
    }

    fn until_refused(&self, reason: Refusal, count: u64) {
        self.until("refused", |_| self.refused(reason) == count);
    }

    fn stored(&self) -> u64 {
        let shards = self.ingest.telemetry.shards();
        let counts = shards.iter().map(|shard| &shard.points);
        counts
            .map(|count| count.load(std::sync::atomic::Ordering::Relaxed))
            .sum()
    }

    /// Ends the workers and gives back the store's memory: series by name and points.
    fn end(self) -> Vec<(String, i64, f64)> {
        self.ingest.routes.close();
        self.workers.join(PATIENCE).unwrap();
        let state = self.store.state.lock();
        let points = state.points.iter();
        points
            .map(|(series, timestamp, value)| {
                (state.defined[&series.0].clone(), *timestamp, *value)
            })
            .collect()
    }
}

#[test]
fn new_series_are_created_once_and_their_points_stored_in_order() {
    let bench = bench(1);
    bench.send(&[("a", NOW, 1.0), ("b", NOW, 2.0), ("a", NOW + 60, 3.0)]);
    bench.send(&[("b", NOW, 4.0)]);
    let catalog = Arc::clone(&bench.ingest.catalog);
    let telemetry = Arc::clone(&bench.ingest.telemetry);
    let points = bench.end();
    let expected = [("a", 0, 1.0), ("b", 0, 2.0), ("a", 60, 3.0), ("b", 0, 4.0)]
        .map(|(name, offset, value)| (name.to_owned(), NOW + offset, value));
    assert_eq!(points, expected);
    assert_eq!(catalog.len(), 2);
    let created = &telemetry.shard(0).series_created;
    assert_eq!(created.load(std::sync::atomic::Ordering::Relaxed), 2);
}

#[test]
fn everything_sent_before_the_close_is_stored_over_all_shards() {
    let bench = bench(3);
    let names: Vec<_> = (0..5_000)
        .map(|series| format!("series.{series}"))
        .collect();
    for chunk in names.chunks(100) {
        let points: Vec<_> = chunk.iter().map(|name| (name.as_str(), NOW, 1.0)).collect();
        bench.send(&points);
    }
    let telemetry = Arc::clone(&bench.ingest.telemetry);
    let mut stored: Vec<_> = bench.end().into_iter().map(|(name, _, _)| name).collect();
    stored.sort();
    let mut names = names;
    names.sort();
    assert_eq!(stored, names);
    for shard in telemetry.shards() {
        assert!(shard.points.load(std::sync::atomic::Ordering::Relaxed) > 1_000);
    }
}

#[test]
fn series_of_the_catalog_are_defined_before_the_start_returns() {
    let catalog = Catalog::in_memory();
    let retention = Arc::new(Retention::parse("10s:1d").unwrap());
    for name in ["old.one", "old.two"] {
        let hash = hash(name.as_bytes());
        catalog
            .create(name, hash, &retention, Rollup::default())
            .unwrap();
    }
    let bench = bench_with(2, QueueLimits::default(), catalog);
    assert_eq!(bench.store.state.lock().defined.len(), 2);
    bench.send(&[("old.two", NOW, 1.0)]);
    let catalog = Arc::clone(&bench.ingest.catalog);
    assert_eq!(bench.end(), [("old.two".to_owned(), NOW, 1.0)]);
    assert_eq!(catalog.len(), 2);
}

#[test]
fn what_the_store_refuses_is_counted_and_shown() {
    let bench = bench(1);
    bench.send(&[("a", NOW, 1.0)]);
    bench.until("stored", |state| state.points.len() == 1);
    bench.store.state.lock().refuses = Some(Refusal::TooOld);
    bench.send(&[("a", 5, 2.5)]);
    bench.until_refused(Refusal::TooOld, 1);
    bench.until_worked_off();
    let shown = bench.ingest.telemetry.refused().snapshot();
    assert_eq!(
        (shown[0].line.as_str(), shown[0].peer.as_str()),
        ("a 2.5 5", "test")
    );
    assert_eq!(bench.end().len(), 1);
}

#[test]
fn point_that_no_archive_could_hold_creates_no_series() {
    let bench = bench(1);
    let week = 7 * 86_400;
    bench.send(&[("old", NOW - week, 1.0), ("new", NOW + week, 1.0)]);
    bench.until_refused(Refusal::TooOld, 1);
    bench.until_refused(Refusal::TooFarInFuture, 1);
    bench.send(&[("just", NOW - week + 1, 1.0)]);
    let catalog = Arc::clone(&bench.ingest.catalog);
    assert_eq!(bench.end().len(), 1);
    assert_eq!(catalog.len(), 1);
}

#[test]
fn series_without_room_is_refused_while_known_ones_go_on() {
    let bench = bench(1);
    bench.send(&[("known", NOW, 1.0)]);
    bench.until("stored", |state| state.points.len() == 1);
    bench.store.state.lock().refuses_series = true;
    bench.send(&[("new", NOW, 1.0), ("newer", NOW, 1.0), ("known", NOW, 2.0)]);
    bench.until_refused(Refusal::StoreRefused, 2);
    bench.until("stored", |state| state.points.len() == 2);
    bench.store.state.lock().refuses_series = false;
    // Creation is tried again after its pause.
    let deadline = Instant::now() + PATIENCE;
    while bench.stored() < 3 {
        assert!(Instant::now() < deadline);
        bench.send(&[("new", NOW, 3.0)]);
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(bench.end().contains(&("new".to_owned(), NOW, 3.0)));
}

#[test]
fn points_wait_while_the_store_takes_nothing_and_are_stored_when_it_does() {
    let bench = bench(1);
    bench.send(&[("a", NOW, 1.0)]);
    bench.until("stored", |state| state.points.len() == 1);
    bench.store.state.lock().refuses = Some(Refusal::StoreRefused);
    bench.send(&[("a", NOW + 60, 2.0), ("a", NOW + 120, 3.0)]);
    let deferred = Arc::clone(bench.ingest.telemetry.shard(0));
    bench.until("deferred", |_| {
        deferred
            .points_deferred
            .load(std::sync::atomic::Ordering::Relaxed)
            == 2
    });
    bench.store.state.lock().refuses = None;
    bench.until("stored", |state| state.points.len() == 3);
    bench.until("counted", |_| bench.stored() == 3);
    assert_eq!(bench.refused(Refusal::StoreRefused), 0);
    let values: Vec<_> = bench.end().iter().map(|(_, _, value)| *value).collect();
    assert_eq!(values, [1.0, 2.0, 3.0]);
}

/// Sends more than may wait; returns how many points that were.
fn overwhelm(bench: &Bench) -> u64 {
    let mut router = Router::new(Arc::clone(&bench.ingest.routes));
    let mut sent = 0;
    let deadline = Instant::now() + PATIENCE;
    loop {
        while !router.is_full() {
            router.push(b"a", NOW, sent as f64, PEER);
            sent += 1;
        }
        router.try_send();
        let stalls = &bench.ingest.telemetry.shard(0).stalls;
        let is_stalled = stalls.load(std::sync::atomic::Ordering::Relaxed) > 0;
        if router.is_full() && is_stalled {
            return sent - router.discard_full(|_, _| {});
        }
        assert!(Instant::now() < deadline, "the shard never stood still");
    }
}

#[test]
fn shard_stands_still_when_too_many_wait_and_loses_none() {
    let bench = bench(1);
    bench.send(&[("a", NOW, -1.0)]);
    bench.until("stored", |state| state.points.len() == 1);
    bench.store.state.lock().refuses = Some(Refusal::StoreRefused);
    let sent = overwhelm(&bench);
    assert_eq!(bench.refused(Refusal::StoreRefused), 0);
    bench.store.state.lock().refuses = None;
    let values: Vec<_> = bench.end().iter().map(|(_, _, value)| *value).collect();
    assert_eq!(values.len() as u64, sent + 1);
    let gap = values.windows(2).find(|pair| pair[1] - pair[0] != 1.0);
    assert_eq!(gap, None);
}

#[test]
fn end_does_not_wait_for_a_store_that_takes_nothing() {
    let bench = bench(1);
    bench.send(&[("a", NOW, -1.0)]);
    bench.until("stored", |state| state.points.len() == 1);
    bench.store.state.lock().refuses = Some(Refusal::StoreRefused);
    let sent = overwhelm(&bench);
    let telemetry = Arc::clone(&bench.ingest.telemetry);
    assert_eq!(bench.end().len(), 1);
    assert_eq!(telemetry.shard(0).refused.get(Refusal::StoreRefused), sent);
}

#[test]
fn removed_series_is_created_anew_by_its_next_point() {
    let bench = bench(1);
    bench.send(&[("a", NOW, 1.0)]);
    bench.until("stored", |state| state.points.len() == 1);
    let first = bench.ingest.catalog.id("a").unwrap();
    bench.ingest.catalog.remove(&[first]).unwrap();
    bench.send(&[("a", NOW, 2.0)]);
    bench.until("stored", |state| state.points.len() == 2);
    let second = bench.ingest.catalog.id("a").unwrap();
    assert_ne!(first, second);
    assert_eq!(bench.store.state.lock().points[1].0, second);
    bench.end();
}

#[test]
fn schemas_can_be_swapped_while_it_runs() {
    use crate::metric::schema::{NamePattern, SchemaRule};
    let bench = bench(1);
    bench.send(&[("a", NOW, 1.0)]);
    bench.until("stored", |state| state.points.len() == 1);
    let retention = Arc::new(Retention::parse("1s:1h").unwrap());
    let rule = SchemaRule {
        name: "all".to_owned(),
        pattern: NamePattern::new("").unwrap(),
        retention: Arc::clone(&retention),
    };
    let schemas = Schemas::new(vec![rule], Vec::new());
    bench.ingest.schemas.store(Arc::new(schemas));
    bench.send(&[("b", NOW, 1.0)]);
    bench.until("stored", |state| state.points.len() == 2);
    let catalog = Arc::clone(&bench.ingest.catalog);
    let definition = |name| catalog.definition(catalog.id(name).unwrap()).unwrap().0;
    assert_eq!(definition("b"), retention);
    assert_ne!(definition("a"), retention);
    bench.end();
}

#[test]
fn worker_that_panics_is_named_at_the_end() {
    let bench = bench(1);
    bench.send(&[("a", NOW, 1.0)]);
    bench.until("stored", |state| state.points.len() == 1);
    bench.store.state.lock().panics = true;
    bench.send(&[("a", NOW, 1.0)]);
    let late = bench.workers.join(PATIENCE).unwrap_err();
    assert_eq!(late, ["shard-0 (panicked)"]);
}

#[test]
fn worker_that_is_late_is_named() {
    let bench = bench(2);
    let late = bench.workers.join(Duration::from_millis(1)).unwrap_err();
    assert_eq!(late, ["shard-0", "shard-1"]);
    bench.ingest.routes.close();
}

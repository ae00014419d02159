//! A large deletion beside ingest: how long it takes, and how long it keeps a point waiting, as JSON.
//!
//! `cargo bench --bench deletion`. `DELETION_SERIES` series (1,000,000) have a minute of points; half of
//! them are deleted by one pattern while a sender probes the other half: it sends a batch and waits until the
//! workers have stored it. `probe_longest_ms` is the longest such wait during the deletion, to be
//! compared with the one before it; `memory_*_bytes` is what the process has resident.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use plumbago::catalog::Catalog;
use plumbago::clock::Clock;
use plumbago::ingest::{self, Ingest, Workers};
use plumbago::lifecycle::{self, Lifecycle, Selection};
use plumbago::metric::schema::{NamePattern, SchemaRule, Schemas};
use plumbago::metric::{Retention, SeriesId};
use plumbago::queue::{QueueLimits, Router, Routes};
use plumbago::storage::Store;
use plumbago::storage::strata::{Strata, StrataConfig};
use plumbago::telemetry::ingest::IngestTelemetry;
use plumbago::telemetry::refused::Peer;

const START: i64 = 1_700_000_000 / 7200 * 7200;
const TICKS: i64 = 6;
/// Series of one probe.
const PROBE: usize = 100;
const SHARDS: usize = 2;

/// What the deletion works on.
struct House {
    lifecycle: Lifecycle,
    ingest: Ingest,
    workers: Workers,
    clock: Clock,
    _folder: tempfile::TempDir,
}

fn main() {
    let series = std::env::var("DELETION_SERIES").ok();
    let series = series.and_then(|text| text.parse().ok());
    let series: usize = series.unwrap_or(1_000_000);
    let house = House::start();
    house.fill(series);
    let routes = &house.ingest.routes;
    let idle = longest_probe(routes, Instant::now() + Duration::from_secs(3), None);
    let before = resident_bytes();
    let (taken, probe) = house.delete_half(series / 2);
    println!(
        "{{\"series\": {series}, \"deleted\": {}, \"seconds\": {:.3}, \
         \"probe_idle_longest_ms\": {:.3}, \"probe_longest_ms\": {:.3}, \
         \"store_stall_longest_ms\": {:.3}, \"memory_before_bytes\": {before}, \
         \"memory_after_bytes\": {}}}",
        series / 2,
        taken.as_secs_f64(),
        idle.as_secs_f64() * 1e3,
        probe.as_secs_f64() * 1e3,
        house.ingest.store.statistics().longest_stall_us as f64 / 1e3,
        resident_bytes()
    );
    house.ingest.routes.close();
    let ended = house.workers.join(Duration::from_secs(60));
    ended.expect("workers end");
}

impl House {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let config = StrataConfig {
            shards: SHARDS,
            ..StrataConfig::new(folder.path())
        };
        let store = Strata::open(&config).expect("an empty folder opens");
        let (catalog, _) = Catalog::open(folder.path()).expect("an empty folder opens");
        let telemetry = Arc::new(IngestTelemetry::new(SHARDS));
        let clock = Clock::manual(START);
        let ingest = Ingest {
            catalog: Arc::new(catalog),
            store: Arc::new(store),
            schemas: Arc::new(ArcSwap::from_pointee(schemas())),
            clock: clock.clone(),
            routes: Routes::new(QueueLimits::default(), &telemetry),
            telemetry,
        };
        let workers = ingest::start_workers(&ingest).expect("threads");
        let lifecycle = Lifecycle::new(lifecycle::Parts {
            catalog: Arc::clone(&ingest.catalog),
            store: Arc::clone(&ingest.store),
            controls: workers.controls(),
            schemas: Arc::clone(&ingest.schemas),
            clock: clock.clone(),
        });
        Self {
            lifecycle,
            ingest,
            workers,
            clock,
            _folder: folder,
        }
    }

    /// Half of the series are called `gone`, half `kept`.
    fn fill(&self, series: usize) {
        let names: Vec<String> = (0..series / 2)
            .flat_map(|number| ["gone", "kept"].map(|half| name(half, number)))
            .collect();
        for tick in 1..=TICKS {
            self.clock.set(START + tick * 10);
            send(&self.ingest.routes, &names, START + tick * 10);
        }
        settle(&self.ingest.routes);
        self.ingest.store.sync().expect("a sync");
    }

    /// Deletes one half; answers how long it took and the longest wait of a probe meanwhile.
    fn delete_half(&self, expected: usize) -> (Duration, Duration) {
        let (is_over, routes) = (AtomicBool::new(false), &self.ingest.routes);
        let lifecycle = &self.lifecycle;
        std::thread::scope(|scope| {
            let is_over = &is_over;
            let prober = scope.spawn(move || {
                let end = Instant::now() + Duration::from_secs(600);
                longest_probe(routes, end, Some(is_over))
            });
            let started = Instant::now();
            let selection = Selection {
                patterns: vec!["gone.**".to_owned()],
                regexes: Vec::new(),
            };
            let deleted = lifecycle.delete(&selection, false, 0, &lifecycle.new_stop());
            assert_eq!(deleted.expect("a deletion").deleted, expected);
            let taken = started.elapsed();
            // Columns are cleared in the maintenance that follows.
            wait_until_let_go(&*self.ingest.store);
            is_over.store(true, Ordering::Relaxed);
            (taken, prober.join().expect("the prober ends"))
        })
    }
}

fn schemas() -> Schemas {
    let rule = SchemaRule {
        name: "all".to_owned(),
        pattern: NamePattern::new("").expect("a pattern"),
        retention: Arc::new(Retention::parse("10s:6h,1m:7d").expect("a retention")),
    };
    Schemas::new(vec![rule], Vec::new())
}

fn name(half: &str, number: usize) -> String {
    format!("{half}.host{:05}.metric{:02}", number / 50, number % 50)
}

fn send(routes: &Arc<Routes>, names: &[String], timestamp: i64) {
    let mut router = Router::new(Arc::clone(routes));
    for names in names.chunks(1000) {
        for name in names {
            router.push(name.as_bytes(), timestamp, 1.0, Peer::Own("bench"));
        }
        while !router.is_empty() {
            router.try_send();
            std::thread::yield_now();
        }
    }
}

fn settle(routes: &Routes) {
    while routes.points_queued() > 0 {
        std::thread::sleep(Duration::from_micros(100));
    }
}

/// Sends small batches one after the other and answers the longest time until one was taken.
fn longest_probe(routes: &Arc<Routes>, end: Instant, is_over: Option<&AtomicBool>) -> Duration {
    let names: Vec<String> = (0..PROBE).map(|number| name("kept", number * 7)).collect();
    let mut longest = Duration::ZERO;
    while Instant::now() < end && !is_over.is_some_and(|over| over.load(Ordering::Relaxed)) {
        let started = Instant::now();
        send(routes, &names, START + TICKS * 10);
        settle(routes);
        longest = longest.max(started.elapsed());
        std::thread::sleep(Duration::from_millis(1));
    }
    longest
}

/// Waits until no worker has anything left of the first series, and a little longer.
fn wait_until_let_go(store: &dyn Store) {
    while store.definition(SeriesId(0)).is_some() {
        std::thread::sleep(Duration::from_millis(10));
    }
    std::thread::sleep(Duration::from_secs(5));
}

fn resident_bytes() -> u64 {
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok());
    pages.unwrap_or(0) * rustix::param::page_size() as u64
}

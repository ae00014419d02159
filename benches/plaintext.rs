//! What a plaintext line costs on its way in: parsed, parsed and sorted by shard, and all the way
//! through a queue and a worker into a store that keeps nothing.
//!
//! `cargo bench --bench plaintext` prints the time for all [`LINES`] lines and, as items a second, the
//! lines; 1 s / items is the cost of a line. The lines are those of agents with 100 series each.

#![allow(clippy::unwrap_used, missing_docs)]

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use arc_swap::ArcSwap;
use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use plumbago::catalog::Catalog;
use plumbago::clock::Clock;
use plumbago::ingest::{Ingest, start_workers};
use plumbago::metric::Refusal;
use plumbago::metric::schema::Schemas;
use plumbago::protocol::{Limits, Plaintext, Sink};
use plumbago::queue::{QueueLimits, Router, Routes};
use plumbago::telemetry::ingest::IngestTelemetry;
use plumbago::telemetry::refused::Peer;

#[path = "../tests/support/null_store.rs"]
mod null_store;

use null_store::NullStore;

const LINES: usize = 100_000;
const NOW: i64 = 1_700_000_000;
/// What a busy connection reads at once.
const READ_BYTES: usize = 64 * 1024;

fn main() {
    divan::main();
}

fn lines() -> Vec<u8> {
    let mut text = String::new();
    for series in 0..LINES {
        let (host, metric) = (series / 100, series % 100);
        let value = (series * 7919 % 100_000) as f64 / 100.0;
        writeln!(
            text,
            "servers.web{host:05}.system.cpu{metric:02}.user {value} {NOW}"
        )
        .unwrap();
    }
    text.into_bytes()
}

/// Takes points and forgets them.
struct Forgetful(f64);

impl Sink for Forgetful {
    fn point(&mut self, name: &[u8], timestamp: i64, value: f64) {
        black_box((name, timestamp));
        self.0 += value;
    }

    fn refuse(&mut self, reason: Refusal, line: &[u8]) {
        panic!("{reason}: {}", String::from_utf8_lossy(line));
    }

    fn is_full(&self) -> bool {
        false
    }
}

/// Sorts points by shard, as a receiver does.
struct Routing(Router);

impl Sink for Routing {
    fn point(&mut self, name: &[u8], timestamp: i64, value: f64) {
        self.0.push(name, timestamp, value, Peer::Unix);
    }

    fn refuse(&mut self, reason: Refusal, line: &[u8]) {
        panic!("{reason}: {}", String::from_utf8_lossy(line));
    }

    fn is_full(&self) -> bool {
        self.0.is_full()
    }
}

/// Decodes all lines in pieces as a connection reads them; `full` empties the sink.
fn decode<S: Sink>(lines: &[u8], sink: &mut S, mut full: impl FnMut(&mut S)) {
    let mut decoder = Plaintext::new(Limits::default());
    let (mut at, mut end) = (0, 0);
    while end < lines.len() {
        end = (end + READ_BYTES).min(lines.len());
        loop {
            let decoded = decoder.decode(&lines[at..end], NOW, sink);
            at += decoded.consumed;
            if !decoded.has_more {
                break;
            }
            full(sink);
        }
    }
    full(sink);
}

#[divan::bench]
fn parse(bencher: Bencher) {
    let lines = lines();
    bencher
        .counter(ItemsCount::new(LINES))
        .counter(BytesCount::of_slice(&lines))
        .bench(|| {
            let mut sink = Forgetful(0.0);
            decode(&lines, &mut sink, |_| {});
            sink.0
        });
}

#[divan::bench(args = [1, 2, 8])]
fn parse_and_split(bencher: Bencher, shards: usize) {
    let lines = lines();
    let routes = Routes::new(QueueLimits::default(), &IngestTelemetry::new(shards));
    bencher
        .counter(ItemsCount::new(LINES))
        .counter(BytesCount::of_slice(&lines))
        .bench_local(|| {
            let mut sink = Routing(Router::new(Arc::clone(&routes)));
            decode(&lines, &mut sink, |sink| {
                sink.0.try_send();
                for shard in 0..shards {
                    while let Some(batch) = routes.queue(shard).pop() {
                        routes.pool().put(batch);
                    }
                }
            });
        });
}

#[divan::bench(args = [1, 2])]
fn whole_road_to_a_null_store(bencher: Bencher, shards: usize) {
    let lines = lines();
    let telemetry = Arc::new(IngestTelemetry::new(shards));
    let routes = Routes::new(QueueLimits::default(), &telemetry);
    let ingest = Ingest {
        catalog: Arc::new(Catalog::in_memory()),
        store: Arc::new(NullStore { shards }),
        schemas: Arc::new(ArcSwap::from_pointee(Schemas::default())),
        clock: Clock::manual(NOW),
        routes: Arc::clone(&routes),
        telemetry: Arc::clone(&telemetry),
    };
    let workers = start_workers(&ingest).unwrap();
    let stored = || -> u64 {
        let shards = telemetry.shards().iter();
        shards
            .map(|shard| shard.points.load(Ordering::Relaxed))
            .sum()
    };
    let mut expected = 0;
    let mut run = || {
        let mut sink = Routing(Router::new(Arc::clone(&routes)));
        decode(&lines, &mut sink, |sink| {
            while !sink.0.is_empty() {
                sink.0.try_send();
                if !sink.0.is_empty() {
                    std::thread::yield_now();
                }
            }
        });
        expected += LINES as u64;
        while stored() < expected {
            std::thread::yield_now();
        }
    };
    // Creates the series.
    run();
    bencher
        .counter(ItemsCount::new(LINES))
        .counter(BytesCount::of_slice(&lines))
        .bench_local(run);
    routes.close();
    workers.join(Duration::from_secs(10)).unwrap();
}

//! The write road allocates nothing in the steady state: counted by the allocator itself, over the
//! real decoder, queues and workers, with a store that only counts.
//!
//! One test: the counter is the whole process's, so tests running beside it would be counted too.

#![allow(clippy::unwrap_used)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use plumbago::catalog::Catalog;
use plumbago::clock::Clock;
use plumbago::ingest::{Ingest, start_workers};
use plumbago::metric::schema::Schemas;
use plumbago::queue::{QueueLimits, Routes};
use plumbago::receiver;
use plumbago::receiver::tcp::{self, TcpSettings};
use plumbago::telemetry::ingest::IngestTelemetry;
use plumbago::telemetry::refused::Peer;

#[path = "support/null_store.rs"]
mod null_store;

use null_store::NullStore;

const NOW: i64 = 1_700_000_000;
const SERIES: usize = 2_000;
const STEPS: usize = 50;
const SHARDS: usize = 2;
const ROUNDS: usize = 4;
const PATIENCE: Duration = Duration::from_secs(60);

struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call is passed on to the system's allocator unchanged; counting does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promises are those that the system's allocator asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// One step of every series.
fn lines() -> Vec<u8> {
    let mut lines = String::new();
    for series in 0..SERIES {
        let host = series / 100;
        writeln!(
            lines,
            "servers.web{host:04}.cpu.{series}.load {series}.25 {NOW}"
        )
        .unwrap();
    }
    lines.into_bytes()
}

/// Fills the pool with batches that have grown to their full size, so that how many of them happen to
/// be under way at once does not matter.
fn stock(routes: &Routes) {
    let mut batches: Vec<_> = (0..64).map(|_| routes.pool().take()).collect();
    let name = [b'n'; 64];
    for batch in &mut batches {
        for _ in 0..1_200 {
            batch.push(0, &name, 0, 0.0, Peer::Unix);
        }
    }
    for batch in batches {
        routes.pool().put(batch);
    }
}

fn stored(telemetry: &IngestTelemetry) -> u64 {
    let shards = telemetry.shards().iter();
    shards
        .map(|shard| shard.points.load(Ordering::Relaxed))
        .sum()
}

fn wait_for(telemetry: &IngestTelemetry, points: u64) {
    let deadline = Instant::now() + PATIENCE;
    while stored(telemetry) < points {
        assert!(Instant::now() < deadline, "points are missing");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_hundred_thousand_lines_over_tcp_cost_no_allocation() {
    let telemetry = Arc::new(IngestTelemetry::new(SHARDS));
    // Few enough batches under way for the pool to hold them all.
    let limits = QueueLimits {
        points_max: 8 * 1024,
        batches_max: 12,
    };
    let routes = Routes::new(limits, &telemetry);
    let ingest = Ingest {
        catalog: Arc::new(Catalog::in_memory()),
        store: Arc::new(NullStore { shards: SHARDS }),
        schemas: Arc::new(ArcSwap::from_pointee(Schemas::default())),
        clock: Clock::manual(NOW),
        routes: Arc::clone(&routes),
        telemetry: Arc::clone(&telemetry),
    };
    let workers = start_workers(&ingest).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        // What the runtime itself grows once a thread is then grown by the warm-up.
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let context = receiver::Context::new(routes, Arc::clone(&telemetry), Clock::manual(NOW));
    let address = runtime.block_on(async {
        let settings = TcpSettings::new("tcp", "127.0.0.1:0".parse().unwrap());
        tcp::start(settings, &context).unwrap()
    });
    let mut client = std::net::TcpStream::connect(address).unwrap();
    let lines = lines();

    // Creates the series, grows the tables, lends the first buffers, and leaves half a line behind.
    let (head, rest) = lines.split_at(lines.len() - 10);
    client.write_all(head).unwrap();
    wait_for(&telemetry, SERIES as u64 - 1);
    client.write_all(rest).unwrap();
    let mut sent = SERIES as u64;
    let mut send_and_wait = || {
        for _ in 0..STEPS {
            client.write_all(&lines).unwrap();
        }
        sent += (STEPS * SERIES) as u64;
        wait_for(&telemetry, sent);
    };
    send_and_wait();
    stock(&context.routes);

    // What a line or a batch costs, every round costs. A busy machine may let the runtime or the pool
    // grow once more in one round, so the best of a few counts.
    let mut round = || {
        let before = ALLOCATIONS.load(Ordering::SeqCst);
        send_and_wait();
        ALLOCATIONS.load(Ordering::SeqCst) - before
    };
    let allocations: Vec<u64> = (0..ROUNDS).map(|_| round()).collect();
    assert!(
        allocations.contains(&0),
        "{allocations:?} in {} lines each",
        STEPS * SERIES
    );

    drop(client);
    runtime.block_on(context.drain(PATIENCE)).unwrap();
    context.routes.close();
    workers.join(PATIENCE).unwrap();
}

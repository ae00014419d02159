//! What the native engine writes and keeps: bytes a point to the disk and in blocks, as JSON.
//!
//! `cargo bench --bench footprint`. Two loads:
//! - *hour*: `FOOTPRINT_SERIES` series (100,000) send a counter every 10 s for an hour; agents of 250
//!   keep their phase within the interval, and the store syncs every second. `written_bytes` is what
//!   the kernel counts as dirtied for this process (`/proc/self/io`): every page that goes to the
//!   device, once each time it goes. The longest stall is the longest time that a single store or
//!   a maintenance kept the shard's worker, locks and waiting included, while sealing, merging and the
//!   flushing of late points (one point in 200 comes half an hour late) run beside it.
//! - *blocks*: 5,000 series x 2,160 steps, a quarter each of counters, constants, two-decimal walks and
//!   random floats, sealed, merged, and measured as files; and the same without the random floats.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use plumbago::metric::{Retention, Rollup, SeriesId};
use plumbago::storage::strata::{Strata, StrataConfig};
use plumbago::storage::{SeriesDefinition, ShardWriter, Store};

const START: i64 = 1_700_000_000 / 7200 * 7200;
const AGENT: u32 = 250;
/// How late the late points of the hour are: past what the ring has open.
const LATE_S: i64 = 1800;

fn main() {
    println!("{}", hour());
    println!("{}", blocks(true));
    println!("{}", blocks(false));
}

fn open(folder: &Path, series: u32, retention: &str) -> (Strata, Box<dyn ShardWriter>) {
    let config = StrataConfig {
        shards: 1,
        ..StrataConfig::new(folder)
    };
    let store = Strata::open(&config).expect("an empty folder opens");
    let mut writer = store.writer(0);
    let retention = Arc::new(Retention::parse(retention).expect("a valid retention"));
    for id in 0..series {
        let definition = SeriesDefinition {
            id: SeriesId(id),
            name: Arc::from("footprint"),
            retention: Arc::clone(&retention),
            rollup: Rollup::default(),
        };
        writer.define(&definition).expect("a series is defined");
    }
    (store, writer)
}

fn hour() -> String {
    let series = std::env::var("FOOTPRINT_SERIES").ok();
    let series: u32 = series.and_then(|text| text.parse().ok()).unwrap_or(100_000);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (store, mut writer) = open(folder.path(), series, "10s:6h,1m:7d,10m:1y");
    let before = written_bytes();
    let mut points = 0u64;
    let (mut store_stall, mut maintain_stall) = (Duration::ZERO, Duration::ZERO);
    for second in 0..3600 {
        let now = START + second;
        for agent in (0..series / AGENT).filter(|agent| i64::from(agent % 10) == second % 10) {
            for id in agent * AGENT..(agent + 1) * AGENT {
                let value = f64::from(id) + (second / 10) as f64 * f64::from(id % 7);
                let late = points % 200 == 199 && second > LATE_S;
                let time = if late { now - LATE_S } else { now };
                let started = Instant::now();
                let stored = writer.store(SeriesId(id), time, value, now);
                // The first minute gives columns to new series, which is not what is measured.
                if second > 60 {
                    store_stall = store_stall.max(started.elapsed());
                }
                stored.expect("a point of now is stored");
                points += 1;
            }
        }
        let started = Instant::now();
        writer
            .maintain(now, Duration::from_millis(2))
            .expect("a healthy store");
        maintain_stall = maintain_stall.max(started.elapsed());
        store.sync().expect("a sync");
    }
    let written = written_bytes() - before;
    format!(
        "{{\"load\":\"hour\",\"series\":{series},\"points\":{points},\"written_bytes\":{written},\
         \"written_bytes_per_point\":{:.2},\"written_limit\":20,\"longest_maintenance_us\":{},\"longest_store_us\":{},\"stall_limit_us\":10000}}",
        written as f64 / points as f64,
        maintain_stall.as_micros(),
        store_stall.as_micros()
    )
}

fn blocks(with_random: bool) -> String {
    let (series, steps) = (5000u32, 2160i64);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (store, mut writer) = open(folder.path(), series, "10s:1d");
    let mut random = 88_172_645_463_325_252u64;
    let mut next = move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    let kinds = if with_random { 4 } else { 3 };
    let mut state: Vec<f64> = (0..series)
        .map(|_| (next() % 10_000) as f64 / 100.0)
        .collect();
    let mut points = 0u64;
    for step in 0..steps {
        let now = START + step * 10;
        for id in 0..series {
            let value = &mut state[id as usize];
            match id % kinds {
                0 => *value = value.trunc() + (next() % 1000) as f64,
                1 => {}
                2 => *value = ((*value * 100.0).round() + (next() % 101) as f64 - 50.0) / 100.0,
                _ => *value = (next() >> 11) as f64 / (1u64 << 53) as f64,
            }
            let stored = writer.store(SeriesId(id), now, *value, now);
            stored.expect("a point of now is stored");
            points += 1;
        }
        let _ = writer.maintain(now, Duration::from_millis(2));
    }
    // A clock past the grace seals the last span; then the merging is waited for.
    let sealed = START + steps * 10 + 2000;
    let mut former = 0;
    loop {
        let _ = writer.maintain(sealed, Duration::from_millis(2));
        std::thread::sleep(Duration::from_secs(2));
        let now = block_bytes(folder.path());
        if now == former {
            break;
        }
        former = now;
    }
    drop(store);
    format!(
        "{{\"load\":\"blocks\",\"random_floats\":{with_random},\"points\":{points},\
         \"block_bytes\":{former},\"bytes_per_point\":{:.3}}}",
        former as f64 / points as f64
    )
}

fn block_bytes(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else {
        return 0;
    };
    let sizes = entries.flatten().map(|entry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => block_bytes(&entry.path()),
        Ok(meta) if entry.path().extension().is_some_and(|kind| kind == "block") => meta.len(),
        _ => 0,
    });
    sizes.sum()
}

fn written_bytes() -> u64 {
    let text = fs::read_to_string("/proc/self/io").unwrap_or_default();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("write_bytes: "));
    line.and_then(|number| number.parse().ok()).unwrap_or(0)
}

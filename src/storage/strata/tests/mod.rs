//! The engine as its callers see it: store, fetch, seal, reopen.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

mod against_whisper;
mod carry_over;
mod crash;
mod import;
mod life;
mod look;
mod reference;
mod schedule;
mod settled;
mod steps;
mod trouble;
mod verify;
mod whisper_model;

use super::layout::{GRACE_SLOTS, SPAN_SLOTS};
use super::{Strata, StrataConfig};
use crate::metric::{Refusal, Retention, Rollup, SeriesId};
use crate::storage::{SeriesDefinition, ShardWriter, Store, TimeRange};

const START: i64 = 1_700_000_000 / 7200 * 7200;

struct Bench {
    store: Strata,
    writer: Box<dyn ShardWriter>,
}

impl Bench {
    fn open(path: &Path, retention: &str, series: u32) -> Self {
        Self::over(Strata::open(&config(path)).unwrap(), retention, series)
    }

    fn over(store: Strata, retention: &str, series: u32) -> Self {
        let mut writer = store.writer(0);
        let retention = Arc::new(Retention::parse(retention).unwrap());
        for id in 0..series {
            writer.define(&definition(id, &retention)).unwrap();
        }
        Self { store, writer }
    }

    fn store(&mut self, id: u32, timestamp: i64, value: f64) -> Result<(), Refusal> {
        self.writer.store(SeriesId(id), timestamp, value, timestamp)
    }

    fn maintain(&mut self, now: i64) {
        self.writer.maintain(now, Duration::from_secs(1)).unwrap();
    }

    fn values(&self, id: u32, from: i64, until: i64, now: i64) -> Vec<f64> {
        let range = TimeRange { from, until, now };
        let fetched = self.store.fetch(SeriesId(id), range).unwrap();
        fetched.unwrap().values
    }
}

/// One shard, all work done in `maintain`, and tables that fill up soon.
fn config(path: &Path) -> StrataConfig {
    StrataConfig {
        shards: 1,
        background: false,
        late_records: 1000,
        clock_votes: 0,
        ..StrataConfig::new(path)
    }
}

fn definition(id: u32, retention: &Arc<Retention>) -> SeriesDefinition {
    SeriesDefinition {
        id: SeriesId(id),
        name: format!("series.{id}").into(),
        retention: Arc::clone(retention),
        rollup: Rollup::default(),
    }
}

fn value(id: u32, timestamp: i64) -> f64 {
    f64::from(id) * 1000.0 + (timestamp / 10 % 977) as f64
}

/// Stores `steps` steps of 10 s for `series` series, maintaining as a daemon would.
fn fill(bench: &mut Bench, series: u32, steps: i64) -> i64 {
    for step in 0..steps {
        let now = START + step * 10;
        for id in 0..series {
            bench.store(id, now, value(id, now)).unwrap();
        }
        bench.maintain(now);
    }
    START + (steps - 1) * 10
}

#[test]
fn every_point_is_read_back_across_ring_and_blocks_and_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::open(folder.path(), "10s:6h", 5);
    let last = fill(&mut bench, 5, 1000);
    let check = |bench: &Bench| {
        for id in 0..5 {
            let values = bench.values(id, START - 10, last, last);
            let expected: Vec<f64> = (0..1000).map(|s| value(id, START + s * 10)).collect();
            assert_eq!(values, expected);
        }
    };
    check(&bench);
    assert!(bench.store.statistics().blocks_sealed >= 6);
    bench.store.sync().unwrap();
    drop(bench);
    let bench = Bench::open(folder.path(), "10s:6h", 5);
    check(&bench);
    assert_eq!(bench.store.health().damaged, []);
}

#[test]
fn last_value_of_a_slot_wins() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::open(folder.path(), "10s:6h", 1);
    for value in [1.0, 2.0, -0.0] {
        bench.store(0, START + 3, value).unwrap();
    }
    let values = bench.values(0, START - 1, START + 3, START + 3);
    assert_eq!(values[0].to_bits(), (-0.0f64).to_bits());
}

#[test]
fn points_out_of_the_window_are_refused_by_reason() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::open(folder.path(), "10s:1h", 1);
    let mut store = |timestamp, value| {
        let series = SeriesId(0);
        bench.writer.store(series, timestamp, value, START)
    };
    assert_eq!(store(START + 60, 1.0), Ok(()));
    assert_eq!(store(START + 70, 1.0), Err(Refusal::TooFarInFuture));
    assert_eq!(store(START - 3600, 1.0), Err(Refusal::TooOld));
    assert_eq!(store(-1, 1.0), Err(Refusal::BadTimestamp));
    assert_eq!(store(START, f64::NAN), Err(Refusal::Nan));
    let unknown = bench.writer.store(SeriesId(9), START, 1.0, START);
    assert_eq!(unknown, Err(Refusal::StoreRefused));
}

#[test]
fn coarse_archives_answer_at_every_moment_and_after_being_rolled_up() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::open(folder.path(), "10s:1h,1m:1d", 2);
    for step in 0..1500 {
        let now = START + step * 10;
        bench.store(1, now, step as f64).unwrap();
        bench.maintain(now);
        let oldest = (now - 86_000).max(START);
        let values = bench.values(1, oldest - 60, now, now + 1);
        if step % 97 == 0 && now > START + 3600 {
            for (minute, value) in values.iter().enumerate() {
                let known = (step + 1 - 6 * minute as i64).min(6);
                let mean = 6.0 * minute as f64 + (known - 1) as f64 / 2.0;
                let expected = if known < 3 { f64::NAN } else { mean };
                assert!(
                    *value == expected || value.is_nan() && expected.is_nan(),
                    "step {step} minute {minute}: {value} not {expected}"
                );
            }
        }
    }
    let coarse = folder.path().join("strata/shard-0/family-0/archive-1");
    assert!(std::fs::read_dir(coarse).unwrap().count() >= 1);
}

#[test]
fn blocks_that_fell_out_of_retention_leave_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::open(folder.path(), "10s:1h", 1);
    fill(&mut bench, 1, 3000);
    let archive = folder.path().join("strata/shard-0/family-0/archive-0");
    let blocks = std::fs::read_dir(archive)
        .unwrap()
        .filter(|entry| {
            let name = entry.as_ref().unwrap().file_name();
            name.to_string_lossy().ends_with(".block")
        })
        .count();
    assert!((2..=5).contains(&blocks), "{blocks}");
}

#[test]
fn clock_that_leaps_days_ahead_keeps_what_was_there() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::open(folder.path(), "10s:30d", 1);
    let last = fill(&mut bench, 1, 200);
    drop(bench);
    let later = last + 5 * 86_400;
    let mut bench = Bench::open(folder.path(), "10s:30d", 1);
    bench.store(0, later, 7.0).unwrap();
    bench.maintain(later);
    let values = bench.values(0, START - 10, last, later);
    assert_eq!(values[0], value(0, START));
    assert_eq!(values[199], value(0, last));
    assert_eq!(bench.values(0, later - 10, later, later), [7.0]);
}

#[test]
fn column_of_a_dead_series_is_given_to_another_without_its_past() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::open(folder.path(), "10s:6h", 600);
    for id in 0..512 {
        bench.store(id, START, 1.0).unwrap();
    }
    let window = SPAN_SLOTS * 3 + GRACE_SLOTS;
    for step in 1..window {
        let now = START + step * 10;
        bench.store(511, now, 2.0).unwrap();
        bench.maintain(now);
        bench.store.sync().unwrap();
    }
    let now = START + window * 10;
    for id in 512..600 {
        bench.store(id, now, 3.0).unwrap();
    }
    let archive = folder.path().join("strata/shard-0/family-0/archive-0");
    assert!(!archive.join("ring-00001.ring").exists());
    assert_eq!(bench.values(0, START - 10, START, now), [1.0]);
    let fresh = bench.values(512, START - 10, now, now);
    assert_eq!(fresh.iter().filter(|value| !value.is_nan()).count(), 1);
    bench.store(0, now, 4.0).unwrap();
    assert_eq!(bench.values(0, now - 10, now, now), [4.0]);
}

#[test]
fn readers_never_miss_a_point_while_spans_are_sealed() {
    let folder = tempfile::tempdir().unwrap();
    let store = Strata::open(&StrataConfig {
        shards: 1,
        ..StrataConfig::new(folder.path())
    })
    .unwrap();
    let retention = Arc::new(Retention::parse("10s:1d").unwrap());
    let mut writer = store.writer(0);
    writer.define(&definition(0, &retention)).unwrap();
    let newest = std::sync::atomic::AtomicI64::new(START - 10);
    let steps = 5 * SPAN_SLOTS;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for step in 0..steps {
                let now = START + step * 10;
                writer.store(SeriesId(0), now, step as f64, now).unwrap();
                newest.store(now, std::sync::atomic::Ordering::SeqCst);
                writer.maintain(now, Duration::from_millis(1)).unwrap();
            }
        });
        let mut until = START - 10;
        while until < START + (steps - 1) * 10 {
            until = newest.load(std::sync::atomic::Ordering::SeqCst);
            let range = TimeRange {
                from: START - 10,
                until,
                now: until,
            };
            let fetched = store.fetch(SeriesId(0), range).unwrap().unwrap();
            for (step, value) in fetched.values.iter().enumerate() {
                if START + step as i64 * 10 <= until {
                    assert_eq!(*value, step as f64, "until {until}");
                }
            }
        }
    });
}

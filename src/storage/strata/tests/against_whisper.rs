//! Random schedules: at every moment every archive answers what a Whisper file would hold.

use std::path::Path;
use std::sync::Arc;

use super::whisper_model::WhisperModel;
use super::{Bench, START};
use crate::metric::{AggregationMethod, Retention, Rollup, SeriesId};
use crate::storage::{SeriesDefinition, Store, TimeRange};

const SERIES: u32 = 3;

/// A small generator whose whole state is its seed, so that a failure reruns from it.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: i64) -> i64 {
        (self.next() % bound as u64) as i64
    }

    fn chance(&mut self, one_in: i64) -> bool {
        self.below(one_in) == 0
    }
}

fn rollup(random: &mut Random) -> Rollup {
    let methods = [
        "average", "sum", "last", "max", "min", "avg_zero", "absmax", "first", "count",
    ];
    let factors = [0.0, 0.3, 0.5, 1.0];
    Rollup {
        method: AggregationMethod::parse(methods[random.below(9) as usize]).unwrap(),
        x_files_factor: factors[random.below(4) as usize],
    }
}

struct Schedule {
    random: Random,
    seed: u64,
    retention: Arc<Retention>,
    rollup: Rollup,
    bench: Bench,
    models: Vec<WhisperModel>,
    now: i64,
}

impl Schedule {
    fn new(folder: &Path, retention: &str, seed: u64) -> Self {
        let mut random = Random(seed);
        let retention = Arc::new(Retention::parse(retention).unwrap());
        let rollup = rollup(&mut random);
        let models = (0..SERIES)
            .map(|_| WhisperModel::new(&retention, rollup))
            .collect();
        let bench = open(folder, &retention, rollup);
        Self {
            random,
            seed,
            retention,
            rollup,
            bench,
            models,
            now: START,
        }
    }

    fn run(mut self, folder: &Path, events: usize) {
        for event in 0..events {
            match self.random.below(100) {
                0 => self.now += self.random.below(self.retention.longest() / 2),
                1..=3 => self.now += self.random.below(3000),
                4..=50 => self.now += self.random.below(30),
                _ => {}
            }
            self.store_one();
            if self.random.chance(3) {
                self.bench.maintain(self.now);
            }
            if self.random.chance(40) {
                self.flush();
            }
            if self.random.chance(150) {
                self.bench.store.sync().unwrap();
                drop(self.bench);
                self.bench = open(folder, &self.retention, self.rollup);
            }
            if event % 7 == 0 {
                self.compare(event);
            }
        }
        assert_eq!(self.bench.store.health().damaged, []);
    }

    fn store_one(&mut self) {
        let age = match self.random.below(10) {
            0 => self.random.below(self.retention.longest()),
            1 => self
                .random
                .below(self.retention.archives()[0].retention() + 100),
            2 | 3 => self.random.below(600),
            _ => 0,
        };
        let series = self.random.below(i64::from(SERIES)) as u32;
        let timestamp = self.now - age;
        let value = self.random.below(1000) as f64 / 4.0 - 50.0;
        let is_stored = self.models[series as usize].update(timestamp, value, self.now);
        if is_stored {
            let stored = self
                .bench
                .writer
                .store(SeriesId(series), timestamp, value, self.now);
            assert_eq!(stored, Ok(()), "seed {} age {age}", self.seed);
        }
    }

    fn flush(&mut self) {
        for group in self.bench.store.shared.all_groups() {
            group.late.freeze_when_due(self.now, 0, 0);
            group.work_through(self.now);
        }
    }

    fn compare(&self, event: usize) {
        for series in 0..SERIES {
            for archive in 0..self.retention.archives().len() {
                self.compare_archive(event, series, archive);
            }
        }
    }

    fn compare_archive(&self, event: usize, series: u32, archive: usize) {
        let reach = self.retention.archives()[archive].retention();
        let range = TimeRange {
            from: self.now - reach,
            until: self.now,
            now: self.now,
        };
        let fetched = self
            .bench
            .store
            .fetch(SeriesId(series), range)
            .unwrap()
            .unwrap();
        assert_eq!(fetched.archive, archive);
        for (slot, value) in fetched.values.iter().enumerate() {
            let time = fetched.start + slot as i64 * i64::from(fetched.step);
            let expected = self.models[series as usize].value(archive, time);
            let is_same =
                value.to_bits() == expected.to_bits() || value.is_nan() && expected.is_nan();
            assert!(
                is_same,
                "seed {} event {event} series {series} archive {archive} now-{}: {value}, not {expected} ({:?})",
                self.seed,
                self.now - time,
                self.rollup
            );
        }
    }
}

fn open(folder: &Path, retention: &Arc<Retention>, rollup: Rollup) -> Bench {
    let mut bench = Bench::open(folder, "1s:1s", 0);
    for id in 0..SERIES {
        let definition = SeriesDefinition {
            id: SeriesId(id),
            name: format!("series.{id}").into(),
            retention: Arc::clone(retention),
            rollup,
        };
        bench.writer.define(&definition).unwrap();
    }
    bench
}

fn run_seeds(retention: &str, seeds: std::ops::Range<u64>, events: usize) {
    for seed in seeds {
        let folder = tempfile::tempdir().unwrap();
        Schedule::new(folder.path(), retention, seed).run(folder.path(), events);
    }
}

#[test]
fn three_archives_answer_as_whisper_does() {
    run_seeds("10s:2h,1m:6h,10m:2d", 0..2, 800);
}

#[test]
fn archives_shorter_than_the_ring_answer_as_whisper_does() {
    run_seeds("1s:2m,10s:10m,1m:2h", 100..102, 800);
    run_seeds("10s:10m,10m:1d", 200..201, 800);
}

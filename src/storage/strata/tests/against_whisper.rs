//! Random schedules: at every moment every archive answers what a Whisper file would hold.
//!
//! It is compared with a model after every few events, and with the reference package itself: what a
//! schedule told the engine and what the engine answered is written down for
//! `storage-format/vectors/whisper_reference.py`, which does the same with real files. The schedules
//! keep away from the two traps of the reference in which it loses points: those of the future, and
//! those whose age is exactly a retention. `PLUMBAGO_WHISPER_LISTS` runs more of them.

use std::path::Path;
use std::sync::Arc;

use super::reference::Transcript;
use super::whisper_model::WhisperModel;
use super::{Bench, START, config};
use crate::metric::{AggregationMethod, Retention, Rollup, SeriesId};
use crate::storage::strata::Strata;
use crate::storage::strata::simulation::{Faults, Random, SimulatedDisk};
use crate::storage::{SeriesDefinition, Store, TimeRange};

const SERIES: u32 = 3;

/// Whisper's eight methods.
const METHODS: [&str; 8] = [
    "average", "sum", "last", "max", "min", "avg_zero", "absmax", "absmin",
];
/// Those that Whisper does not know: their values are the model's, that is `AggregationMethod`'s.
const FURTHER: [&str; 5] = ["first", "count", "median", "p95", "p999"];
const FACTORS: [f32; 5] = [0.0, 0.25, 0.3, 0.5, 1.0];

struct Schedule {
    random: Random,
    seed: u64,
    retention: Arc<Retention>,
    rollup: Rollup,
    disk: SimulatedDisk,
    bench: Bench,
    models: Vec<WhisperModel>,
    now: i64,
    /// The greatest `now` so far.
    latest: i64,
    transcript: Transcript,
}

impl Schedule {
    fn new(retention: &str, method: &str, seed: u64) -> Self {
        let mut random = Random(seed);
        let retention = Arc::new(Retention::parse(retention).unwrap());
        let rollup = Rollup {
            method: AggregationMethod::parse(method).unwrap(),
            x_files_factor: FACTORS[random.below(5) as usize],
        };
        let models = (0..SERIES)
            .map(|_| WhisperModel::new(&retention, rollup))
            .collect();
        let disk = SimulatedDisk::new(seed, Faults::default());
        let bench = open(&disk, &retention, rollup);
        let mut transcript = Transcript::default();
        for series in 0..SERIES {
            transcript.create(&format!("{seed}-{series}"), &retention, rollup);
        }
        Self {
            random,
            seed,
            retention,
            rollup,
            disk,
            bench,
            models,
            now: START,
            latest: START,
            transcript,
        }
    }

    /// Runs so many events and answers what Whisper must agree to.
    fn run(mut self, events: usize) -> Transcript {
        for event in 0..events {
            match self.random.below(100) {
                0 => self.now += self.random.below(self.retention.longest() / 2),
                1..=3 => self.now += self.random.below(3000),
                4..=50 => self.now += self.random.below(30),
                51 => self.now -= self.random.below(30),
                _ => {}
            }
            self.latest = self.latest.max(self.now);
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
                self.disk = self.disk.after_restart(self.seed, Faults::default());
                self.bench = open(&self.disk, &self.retention, self.rollup);
            }
            if event % 7 == 0 {
                self.compare(event);
            }
        }
        assert_eq!(self.bench.store.health().damaged, []);
        self.transcript
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
            let name = format!("{}-{series}", self.seed);
            self.transcript.update(&name, self.now, timestamp, value);
        }
    }

    fn flush(&mut self) {
        for group in self.bench.store.shared.all_groups() {
            group.late.freeze_when_due(self.now, 0, 0);
            group.work_through(self.now);
            while group.merge_one() {}
        }
    }

    fn compare(&mut self, event: usize) {
        for series in 0..SERIES {
            for archive in 0..self.retention.archives().len() {
                self.compare_archive(event, series, archive);
            }
        }
    }

    fn compare_archive(&mut self, event: usize, series: u32, archive: usize) {
        let reach = self.retention.archives()[archive].retention();
        // What was over when the clock showed more does not come back when it shows less.
        let range = TimeRange {
            from: self.latest - reach,
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
        if event.is_multiple_of(56) {
            let name = format!("{}-{series}", self.seed);
            self.transcript.fetch(&name, range, &fetched);
        }
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

fn open(disk: &SimulatedDisk, retention: &Arc<Retention>, rollup: Rollup) -> Bench {
    let store = Strata::open_on(Arc::new(disk.clone()), &config(Path::new("/data"))).unwrap();
    let mut bench = Bench::over(store, "1s:1s", 0);
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

/// How many seeds: few by default, as many as `PLUMBAGO_WHISPER_LISTS` says on demand.
fn seeds(default: u64) -> u64 {
    let wanted = std::env::var("PLUMBAGO_WHISPER_LISTS");
    wanted
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(default)
}

fn run(
    retention: &str,
    methods: &[&str],
    seeds: std::ops::Range<u64>,
    events: usize,
) -> Transcript {
    let mut transcript = Transcript::default();
    for seed in seeds {
        let method = methods[seed as usize % methods.len()];
        transcript.append(Schedule::new(retention, method, seed).run(events));
    }
    transcript
}

#[test]
fn three_archives_answer_as_whisper_does() {
    run("10s:2h,1m:6h,10m:2d", &METHODS, 0..seeds(8), 500).judge();
}

#[test]
fn two_archives_answer_as_whisper_does() {
    run("1m:5h,15m:4d", &METHODS, 4000..4000 + seeds(8), 500).judge();
}

#[test]
fn archives_shorter_than_the_ring_answer_as_whisper_does() {
    run("1s:2m,10s:10m,1m:2h", &METHODS, 1000..1000 + seeds(8), 500).judge();
    run("10s:10m,10m:1d", &METHODS, 2000..2000 + seeds(8), 500).judge();
    run("10s:10m,10m:1d", &METHODS, 203..204, 1200).judge();
}

#[test]
fn methods_that_whisper_lacks_answer_as_the_model_does() {
    run("1s:2m,10s:10m,1m:2h", &FURTHER, 3000..3000 + seeds(5), 500);
}

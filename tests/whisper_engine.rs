//! The whisper engine against the reference package: random points through the engine, written out,
//! killed and opened again at random moments, leave the files that PyPI's `whisper` makes of the same
//! writes, byte for byte; and what a query saw before a write is what the reference reads after it.
//!
//! `tests/install.sh` installs the package; without it this fails. `PLUMBAGO_SEED` chooses other runs and
//! `PLUMBAGO_RUNS` how many.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use plumbago::clock::Clock;
use plumbago::metric::{AggregationMethod, Retention, Rollup, SeriesId};
use plumbago::storage::whisper::{TaggedNames, WhisperConfig, WhisperStore};
use plumbago::storage::{Fetched, Maintenance, SeriesDefinition, ShardWriter, Store, TimeRange};
use plumbago_storage_format::whisper::relative_path;

const SEED: u64 = 1;
const RUNS: u64 = 6;
const OPERATIONS: u64 = 250;

/// A multiple of every step.
const EPOCH: i64 = 1_699_999_200;
/// The longest time from one operation to the next, and that a point waits.
const PAUSE_MAX_S: i64 = 8;
const WAIT_MAX_S: i64 = 24;

/// Name, archives as the engine and as the reference read them, method, factor. The retention of each
/// archive is a multiple of the next step: elsewhere rolling up can run into a trap of the reference.
const SERIES: [(&str, &str, &str, AggregationMethod, f32); 5] = [
    (
        "a.average",
        "10s:10m,1m:1h",
        "10:60,60:60",
        AggregationMethod::Average,
        0.5,
    ),
    (
        "a.b.sum",
        "1s:1m,1m:1h,10m:4h",
        "1:60,60:60,600:24",
        AggregationMethod::Sum,
        0.0,
    ),
    (
        "t.last;host=a;mount=b",
        "10s:5m,30s:20m",
        "10:30,30:40",
        AggregationMethod::Last,
        0.25,
    ),
    ("least", "1m:2h", "60:120", AggregationMethod::Min, 0.5),
    (
        "t.zero;k=v",
        "10s:10m,1m:1h",
        "10:60,60:60",
        AggregationMethod::AvgZero,
        1.0,
    ),
];

/// xorshift64*: a seed makes a run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: i64) -> i64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let word = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        (word % limit.max(1) as u64) as i64
    }
}

/// One run: the engine, and what the reference is to be told.
struct Run {
    folder: tempfile::TempDir,
    random: Random,
    now: i64,
    written: i64,
    store: WhisperStore,
    writer: Box<dyn ShardWriter>,
    /// What waits, by series and interval.
    waiting: Vec<BTreeMap<i64, f64>>,
    operations: String,
    /// The answers that are expected to the operations that ask, by their lines.
    expected: Vec<(usize, String)>,
}

fn definitions() -> Vec<SeriesDefinition> {
    let mut all = Vec::new();
    for (id, (name, retention, _, method, x_files_factor)) in (0..).zip(SERIES) {
        all.push(SeriesDefinition {
            id: SeriesId(id),
            name: name.into(),
            retention: Arc::new(Retention::parse(retention).unwrap()),
            rollup: Rollup {
                method,
                x_files_factor,
            },
        });
    }
    all
}

fn open(folder: &Path, now: i64) -> (WhisperStore, Box<dyn ShardWriter>) {
    let config = WhisperConfig {
        shards: 1,
        background: false,
        clock: Clock::manual(now),
        // So that a write finds something due at any time.
        write_delay_max_s: 0,
        open_files_max: 2,
        ..WhisperConfig::new(folder)
    };
    let store = WhisperStore::open(config, definitions()).unwrap();
    let writer = store.writer(0);
    (store, writer)
}

impl Run {
    fn new(seed: u64) -> Self {
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        let folder = folder.unwrap();
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let now = EPOCH + random.below(100_000);
        let (store, writer) = open(folder.path(), now);
        Self {
            folder,
            random,
            now,
            written: now,
            store,
            writer,
            waiting: vec![BTreeMap::new(); SERIES.len()],
            operations: String::new(),
            expected: Vec::new(),
        }
    }

    fn tell(&mut self, operation: &str) {
        let _ = writeln!(self.operations, "{operation}");
    }

    /// The answer to the operation told last.
    fn expect(&mut self, answer: String) {
        let line = self.operations.lines().count() - 1;
        self.expected.push((line, answer));
    }

    fn step(&mut self) {
        self.now += self.random.below(PAUSE_MAX_S + 1);
        if self.now - self.written >= WAIT_MAX_S - PAUSE_MAX_S {
            self.write_out();
        }
        match self.random.below(16) {
            0 => self.write_out(),
            1 => self.ask(),
            2 => self.kill(),
            _ => self.store(),
        }
    }

    fn store(&mut self) {
        let id = self.random.below(SERIES.len() as i64) as usize;
        let age = match self.random.below(8) {
            0 => self.random.below(8000),
            1 => self.random.below(900),
            _ => self.random.below(25),
        };
        let timestamp = self.now - age;
        let definition = &definitions()[id];
        let is_at_an_edge = definition.retention.archives().iter().any(|archive| {
            let past = age - archive.retention();
            (-WAIT_MAX_S - i64::from(archive.step)..=i64::from(archive.step)).contains(&past)
        });
        if is_at_an_edge {
            return;
        }
        // Sums of eighths are exact, whichever way an interpreter adds.
        let value = (self.random.below(2000) - 1000) as f64 / 8.0;
        let series = SeriesId(id as u32);
        let is_held = age < definition.retention.longest();
        let stored = self.writer.store(series, timestamp, value, self.now);
        assert_eq!(stored.is_ok(), is_held, "an age of {age} s");
        if is_held {
            let step = i64::from(definition.retention.finest().step);
            self.waiting[id].insert(timestamp - timestamp % step, value);
        }
    }

    fn write_out(&mut self) {
        while self
            .writer
            .maintain(self.now, Duration::from_secs(60))
            .unwrap()
            == Maintenance::Pending
        {}
        self.store.sync().unwrap();
        self.written = self.now;
        for id in 0..SERIES.len() {
            let points = std::mem::take(&mut self.waiting[id]);
            if points.is_empty() {
                continue;
            }
            self.open_for(id);
            let mut operation = format!("many {}", self.now);
            for (time, value) in points {
                let _ = write!(operation, " {time}:{:016x}", value.to_bits());
            }
            self.tell(&operation);
        }
    }

    /// Makes the reference's file at its first use.
    fn open_for(&mut self, id: usize) {
        let (name, _, archives, method, factor) = SERIES[id];
        let name = name.replace(';', "_");
        let create = format!("open {name}\ncreate {method} {factor} {archives}\n");
        let is_new = !self.operations.contains(&create);
        if is_new {
            self.operations += &create;
        } else {
            self.tell(&format!("open {name}"));
        }
    }

    /// A query before the write sees what the reference reads after it.
    fn ask(&mut self) {
        let id = self.random.below(SERIES.len() as i64) as usize;
        let past = [60, 600, 4000, 9000][self.random.below(4) as usize];
        let from = self.now - self.random.below(past);
        let until = from + self.random.below(self.now - from + 1);
        let range = TimeRange {
            from,
            until,
            now: self.now,
        };
        // As the engine learns the time: by a point that comes, or a look at what is due.
        let fetched = self.store.fetch(SeriesId(id as u32), range).unwrap();
        let is_waiting = !self.waiting[id].is_empty();
        self.write_out();
        let name = SERIES[id].0.replace(';', "_");
        if is_waiting || self.operations.contains(&format!("open {name}\n")) {
            self.open_for(id);
            self.tell(&format!("fetch {} {from} {until}", self.now));
            self.expect(fetched.map_or_else(|| "none".to_owned(), |fetched| text(&fetched)));
        }
    }

    /// A kill runs no destructor: the old store is forgotten, and the new one reads its journal.
    fn kill(&mut self) {
        let (store, writer) = open(self.folder.path(), self.now);
        let (old, old_writer) = (
            std::mem::replace(&mut self.store, store),
            std::mem::replace(&mut self.writer, writer),
        );
        std::mem::forget((old, old_writer));
    }

    fn finish(mut self) {
        self.write_out();
        for (id, (name, ..)) in SERIES.iter().enumerate() {
            let path = relative_path(name, TaggedNames::Hash).unwrap();
            let path = self.folder.path().join("whisper").join(path);
            let Ok(bytes) = std::fs::read(&path) else {
                continue;
            };
            self.open_for(id);
            self.tell("bytes");
            let hex = bytes.iter().map(|byte| format!("{byte:02x}"));
            self.expect(hex.collect());
        }
        let answers = reference(&self.operations);
        let operations: Vec<&str> = self.operations.lines().collect();
        assert!(self.expected.len() >= SERIES.len());
        for (line, expected) in &self.expected {
            let operation = operations[*line];
            assert!(
                &answers[*line] == expected,
                "{operation}: the reference answers\n{}\nand the engine\n{expected}",
                answers[*line]
            );
        }
    }
}

/// As the reference's driver prints an answer.
fn text(fetched: &Fetched) -> String {
    let end = fetched.start + fetched.values.len() as i64 * i64::from(fetched.step);
    let mut text = format!("{} {end} {}", fetched.start, fetched.step);
    for value in &fetched.values {
        match value.is_nan() {
            true => text.push_str(" -"),
            false => {
                let _ = write!(text, " {:016x}", value.to_bits());
            }
        }
    }
    text
}

/// The reference's answers, a line each.
fn reference(operations: &str) -> Vec<String> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let python = root.join("target/test-tools/python/bin/python");
    assert!(python.exists(), "run tests/install.sh");
    let mut child = Command::new(python)
        .arg(root.join("storage-format/vectors/whisper_reference.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut stdin, input) = (child.stdin.take().unwrap(), operations.to_owned());
    let feeder = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap().unwrap();
    assert!(output.status.success(), "the reference failed");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

#[test]
fn files_of_the_engine_are_those_of_the_reference() {
    let seed = setting("PLUMBAGO_SEED", SEED);
    for seed in seed..seed + setting("PLUMBAGO_RUNS", RUNS) {
        println!("PLUMBAGO_SEED={seed} PLUMBAGO_RUNS=1");
        let mut run = Run::new(seed);
        for _ in 0..OPERATIONS {
            run.step();
        }
        run.finish();
    }
}

//! Whisper files against the reference package, operation by operation and byte by byte.
//!
//! The golden lists in `vectors/` need nothing. The random ones drive the package itself through
//! `vectors/whisper_reference.py`; `tests/install.sh` installs it, and without it they fail.
//! `PLUMBAGO_WHISPER_SEED` chooses other lists and `PLUMBAGO_WHISPER_LISTS` how many.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "whisper/operations.rs"]
mod operations;
#[path = "whisper/scripts.rs"]
mod scripts;

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use plumbago_storage_format::whisper::{Dialect, Header};

const SEED: u64 = 0x5eed;
const LISTS: u64 = 60;
const OPERATIONS: u64 = 40;
const METHODS: [&str; 8] = [
    "average", "sum", "last", "max", "min", "avg_zero", "absmax", "absmin",
];
const FACTORS: [&str; 5] = ["0", "0.25", "0.3", "0.5", "1"];

/// Steps and points, finest first. The retention of each is a multiple of the next step, or shorter
/// than the next retention by that step: elsewhere rolling up can run into the trap as well.
const LAYOUTS: [&[(i64, i64)]; 6] = [
    &[(1, 60)],
    &[(10, 6), (60, 5)],
    &[(1, 20), (5, 12), (20, 10)],
    &[(10, 30), (30, 20), (300, 24)],
    &[(60, 7), (300, 5), (900, 6), (3_600, 4)],
    &[(1, 60), (60, 60), (3_600, 24)],
];

/// A point in time, a multiple of every step.
const EPOCH: i64 = 1_699_999_200;

fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors")
}

fn python() -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/test-tools/python/bin/python");
    assert!(
        path.exists(),
        "{} is missing: run tests/install.sh",
        path.display()
    );
    path
}

fn reference(operations: &str) -> Vec<String> {
    let mut child = Command::new(python())
        .arg(vectors().join("whisper_reference.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the interpreter starts");
    let mut stdin = child.stdin.take().expect("it is piped");
    let input = operations.to_owned();
    let feeder = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().expect("it answers");
    assert!(
        output.status.success(),
        "the reference failed: is whisper 1.1.10 installed? run tests/install.sh"
    );
    feeder.join().expect("no panic").expect("it reads all");
    let text = String::from_utf8(output.stdout).expect("its answers are ASCII");
    text.lines().map(str::to_owned).collect()
}

fn assert_same(operations: &str, expected: &[String], title: &str) {
    let found = operations::run(operations);
    let mut context = String::new();
    for (number, operation) in operations.lines().enumerate() {
        let _ = writeln!(context, "{operation}");
        assert_eq!(
            found[number],
            expected[number],
            "{title}, operation {}:\n{context}",
            number + 1
        );
    }
    assert_eq!(found.len(), expected.len(), "{title}: answers");
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ word >> 31
    }

    fn below(&mut self, limit: i64) -> i64 {
        (self.next() % limit.max(1) as u64) as i64
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as i64) as usize]
    }

    /// A value whose sums are exact, whichever way an interpreter adds.
    fn value(&mut self) -> String {
        let value = match self.below(12) {
            0 => 0.0,
            1 => -0.0,
            2 => f64::INFINITY,
            3 => 1e300,
            _ => (self.below(2_000) - 1_000) as f64 / 8.0,
        };
        format!("{:016x}", value.to_bits())
    }
}

/// One list of operations on files of one layout.
struct List {
    random: Random,
    layout: &'static [(i64, i64)],
    now: i64,
    text: String,
}

impl List {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let layout = random.of(&LAYOUTS);
        let now = EPOCH + random.below(100_000);
        let mut list = Self {
            random,
            layout,
            now,
            text: String::new(),
        };
        list.create("other");
        list.create("one");
        list
    }

    fn create(&mut self, name: &str) {
        let specs: Vec<String> = self
            .layout
            .iter()
            .map(|(step, points)| format!("{step}:{points}"))
            .collect();
        let (method, factor) = (self.random.of(&METHODS), self.random.of(&FACTORS));
        let specs = specs.join(",");
        let _ = writeln!(self.text, "open {name}\ncreate {method} {factor} {specs}");
    }

    fn longest(&self) -> i64 {
        self.layout
            .iter()
            .map(|(step, points)| step * points)
            .max()
            .unwrap()
    }

    /// A time at which the reference and this crate must agree: not that of a slot's next turn, and
    /// not of an interval to come.
    fn time(&mut self) -> i64 {
        loop {
            let (step, points) = self.random.of(self.layout);
            let span = match self.random.below(4) {
                0 => step * points * 2,
                1 => step * 3,
                2 => self.longest() + 2 * step,
                _ => step * points,
            };
            let time = self.now - self.random.below(span);
            if !self.is_trap(time) {
                return time;
            }
        }
    }

    fn is_trap(&self, time: i64) -> bool {
        let age = self.now - time;
        self.layout.iter().any(|(step, points)| {
            let slots = self.now.div_euclid(*step) - time.div_euclid(*step);
            age <= step * points && slots >= *points
        })
    }

    fn operate(&mut self) {
        self.now += match self.random.below(6) {
            0 => 0,
            1 => self.random.below(3 * self.longest()),
            _ => self.random.below(3 * self.layout[0].0),
        };
        let now = self.now;
        match self.random.below(10) {
            0..=2 => {
                let (time, value) = (self.time(), self.random.value());
                let _ = write!(self.text, "update {now} {time} {value}");
            }
            3..=6 => self.many(),
            7 => self.rare(),
            _ => {
                let from = now - self.random.below(2 * self.longest()) + self.random.below(50);
                let until = from + self.random.below(now + 20 - from).max(-3);
                let _ = write!(self.text, "fetch {now} {from} {until}");
            }
        }
        self.text.push_str("\nbytes\n");
    }

    fn many(&mut self) {
        let _ = write!(self.text, "many {}", self.now);
        let count = self.random.below(40) + 1;
        if self.random.below(2) == 0 {
            for _ in 0..count {
                self.push_point(|list| list.time());
            }
            return;
        }
        // A run of neighbours, as a daemon writes them.
        let step = self.layout[0].0;
        for index in (0..count).rev() {
            if !self.is_trap(self.now - index * step) {
                self.push_point(|list| list.now - index * step);
            }
        }
    }

    fn push_point(&mut self, time: impl Fn(&mut Self) -> i64) {
        let (time, value) = (time(self), self.random.value());
        let _ = write!(self.text, " {time}:{value}");
    }

    fn rare(&mut self) {
        let now = self.now;
        match self.random.below(6) {
            0 => {
                let _ = write!(self.text, "method {}", self.random.of(&METHODS));
            }
            1 => {
                let _ = write!(
                    self.text,
                    "factor {}",
                    self.random.of(&["0", "0.5", "0.7", "1.5"])
                );
            }
            2 => {
                let time = now + 1 + self.random.below(100);
                let _ = write!(self.text, "update {now} {time} 3ff0000000000000");
            }
            3 => {
                let name = self.random.of(&["one", "other"]);
                let _ = write!(self.text, "open {name}");
            }
            4 => {
                let until = now - self.random.below(self.longest()) * self.random.below(2);
                let which = self.random.of(&["all", "both"]);
                let source = self.random.of(&["one", "other"]);
                let _ = write!(self.text, "diff {now} {until} {which} {source}");
            }
            _ => {
                let from = now - self.random.below(2 * self.longest());
                let until = from + self.random.below(now - from);
                let source = self.random.of(&["one", "other"]);
                let _ = write!(self.text, "merge {now} {from} {until} {source}");
            }
        }
    }
}

fn setting(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(value) => value.parse().expect("a whole number"),
        Err(_) => default,
    }
}

#[test]
fn random_lists_of_operations_give_the_bytes_and_answers_of_the_reference() {
    let seed = setting("PLUMBAGO_WHISPER_SEED", SEED);
    let texts: Vec<String> = (0..setting("PLUMBAGO_WHISPER_LISTS", LISTS))
        .map(|number| {
            let mut list = List::new(seed.wrapping_add(number.wrapping_mul(0xd6e8_feb8_6659_fd93)));
            (0..OPERATIONS).for_each(|_| list.operate());
            list.text
        })
        .collect();
    // One process for all: names are made unique by the list's number.
    let named = |(number, text): (usize, &String)| {
        let renamed = text.replace("open o", &format!("open {number}-o"));
        let words = renamed.lines().map(|line| match line.rsplit_once(' ') {
            Some((merge, source)) if line.starts_with("merge") || line.starts_with("diff") => {
                format!("{merge} {number}-{source}\n")
            }
            _ => format!("{line}\n"),
        });
        words.collect::<String>()
    };
    let texts: Vec<String> = texts.iter().enumerate().map(named).collect();
    let answers = reference(&texts.concat());
    let mut answers = answers.as_slice();
    for (number, text) in texts.iter().enumerate() {
        let (own, others) = answers.split_at(text.lines().count().min(answers.len()));
        assert_same(text, own, &format!("seed {seed}, list {number}"));
        answers = others;
    }
    assert!(answers.is_empty());
}

/// What a value is in the operations.
const ONE: &str = "3ff0000000000000";

#[test]
fn a_point_of_the_future_costs_the_reference_an_old_one_and_us_nothing() {
    let (now, old, future) = (EPOCH + 55, EPOCH, EPOCH + 60);
    let text = format!(
        "open future\ncreate sum 0 10:6\nupdate {old} {old} {ONE}\nmany {now} {future}:{ONE}\n\
         fetch {now} {} {now}\n",
        old - 5
    );
    let (theirs, ours) = (reference(&text), operations::run(&text));
    let range = format!("{old} {future} 10");
    assert_eq!(theirs[4], format!("{range} - - - - - -"));
    assert_eq!(ours[4], format!("{range} {ONE} - - - - -"));
}

#[test]
fn a_point_as_old_as_the_retention_costs_the_reference_the_newest_and_us_nothing() {
    let (now, old) = (EPOCH + 60, EPOCH);
    let text = format!(
        "open old\ncreate sum 0 10:6\nupdate {now} {now} {ONE}\nmany {now} {old}:{ONE}\n\
         fetch {now} {old} {now}\n"
    );
    let (theirs, ours) = (reference(&text), operations::run(&text));
    let range = format!("{} {} 10", old + 10, now + 10);
    assert_eq!(theirs[4], format!("{range} - - - - - -"));
    assert_eq!(ours[4], format!("{range} - - - - - {ONE}"));
}

#[test]
fn archives_are_refused_as_the_reference_refuses_them() {
    let mut text = String::new();
    for (number, archives) in [
        "60:10",
        "60:10,10:6",
        "10:6,60:10,300:12",
        "10:6,10:60",
        "10:6,25:60",
        "10:60,60:10",
        "10:5,60:10",
        "10:6,60:2",
        "10:6,60:1",
        "1:4000000000,2:4000000000",
    ]
    .iter()
    .enumerate()
    {
        for factor in ["0", "1", "1.5", "-0.5"] {
            let _ = writeln!(
                text,
                "open {number}{factor}\ncreate max {factor} {archives}"
            );
        }
    }
    // The reference begins the file before it finds that a number does not fit.
    assert_same(&text, &reference(&text), "archives");
}

#[test]
fn golden_operations_have_the_answers_that_the_reference_gave() {
    let read = |name: &str| std::fs::read_to_string(vectors().join(name)).expect(name);
    let operations = read("whisper-operations.txt");
    let answers: Vec<String> = read("whisper-answers.txt")
        .lines()
        .map(str::to_owned)
        .collect();
    assert!(answers.len() > 100, "the list is long");
    assert_same(&operations, &answers, "golden operations");
}

#[test]
fn golden_files_are_read_and_written_back() {
    for method in METHODS {
        let file = std::fs::read(vectors().join(format!("whisper-{method}.wsp"))).expect(method);
        let header = Header::parse(&file, Dialect::Reference).expect(method);
        assert_eq!(header.method().name(), method);
        assert_eq!(header.encode(), file[..header.header_bytes()]);
        assert_eq!(header.file_bytes(), file.len() as u64);
        header.check_rules().expect(method);
        let stored = header.slots(&file, 0).expect(method);
        assert!(
            stored.filter(|slot| slot.timestamp_s > 0).count() > 8,
            "{method}"
        );
    }
}

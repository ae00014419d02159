//! The reference package `whisper` from PyPI as a judge: what was done, what was answered, and what
//! its files answer to the same.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::metric::{Retention, Rollup};
use crate::storage::{Fetched, TimeRange};

/// Operations in the language of `storage-format/vectors/whisper_reference.py`, and the answer that is
/// expected of each.
#[derive(Default)]
pub(super) struct Transcript {
    operations: String,
    expected: Vec<String>,
    /// The file that the operations are about.
    open: String,
}

impl Transcript {
    fn operation(&mut self, name: &str, operation: &str, answer: String) {
        if self.open != name {
            let _ = writeln!(self.operations, "open {name}");
            self.expected.push("ok".into());
            name.clone_into(&mut self.open);
        }
        let _ = writeln!(self.operations, "{operation}");
        self.expected.push(answer);
    }

    /// A file is made.
    pub(super) fn create(&mut self, name: &str, retention: &Retention, rollup: Rollup) {
        let archives = retention.archives().iter();
        let archives: Vec<String> = archives
            .map(|archive| format!("{}:{}", archive.step, archive.points))
            .collect();
        let Rollup {
            method,
            x_files_factor,
        } = rollup;
        let method = match method.to_string() {
            // The reference cannot have it, and nobody asks for its judgement.
            name if name.starts_with('p') => "average".into(),
            name if ["first", "count", "median"].contains(&&*name) => "average".into(),
            name => name,
        };
        let operation = format!("create {method} {x_files_factor} {}", archives.join(","));
        self.operation(name, &operation, "ok".into());
    }

    /// A point is stored.
    pub(super) fn update(&mut self, name: &str, now: i64, time: i64, value: f64) {
        let operation = format!("update {now} {time} {:016x}", value.to_bits());
        self.operation(name, &operation, "ok".into());
    }

    /// A range was read, with that answer.
    pub(super) fn fetch(&mut self, name: &str, range: TimeRange, fetched: &Fetched) {
        let TimeRange { from, until, now } = range;
        let Fetched {
            start,
            step,
            values,
            ..
        } = fetched;
        let end = start + values.len() as i64 * i64::from(*step);
        let mut answer = format!("{start} {end} {step}");
        for value in values {
            if value.is_nan() {
                answer.push_str(" -");
            } else {
                let _ = write!(answer, " {:016x}", value.to_bits());
            }
        }
        self.operation(name, &format!("fetch {now} {from} {until}"), answer);
    }

    /// Adds what another one has.
    pub(super) fn append(&mut self, other: Self) {
        self.operations.push_str(&other.operations);
        self.expected.extend(other.expected);
        self.open = other.open;
    }

    /// Lets the reference do the same.
    ///
    /// # Panics
    /// When it answers anything else, or is not installed.
    pub(super) fn judge(self) {
        let answers = reference(self.operations.clone());
        let lines = self.operations.lines().zip(answers.lines());
        for (number, ((operation, found), expected)) in lines.zip(&self.expected).enumerate() {
            if found != expected {
                let before: Vec<&str> = self.operations.lines().take(number).collect();
                let last = before.iter().rposition(|line| line.starts_with("open"));
                panic!(
                    "operation {number} on \"{}\": {operation}\nwhisper: {found}\nhere:    {expected}",
                    before[last.unwrap_or(0)]
                );
            }
        }
        assert_eq!(answers.lines().count(), self.expected.len());
    }
}

fn reference(operations: String) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = root.join("target/test-tools/python/bin/python");
    let script = root.join("storage-format/vectors/whisper_reference.py");
    let started = Command::new(&python)
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut child = started.unwrap_or_else(|error| {
        panic!("{}: {error}: run tests/install.sh", python.display());
    });
    let mut stdin = child.stdin.take().unwrap();
    let feeder = std::thread::spawn(move || stdin.write_all(operations.as_bytes()));
    let output = child.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "whisper 1.1.10 does not run: run tests/install.sh"
    );
    feeder.join().unwrap().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

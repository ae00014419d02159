//! A tree that the reference package writes to while tools work on it.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::harness::{Home, hours_ago};

const METRICS: usize = 8;
const ROUNDS: i64 = 400;

/// Writes a point to each file in turn, round by round, and tells each round that is over; ends when
/// it is told to.
const WRITER: &str = "
import sys, threading, whisper
whisper.LOCK = sys.argv[4] == 'locks'
stop = threading.Event()
threading.Thread(target=lambda: (sys.stdin.readline(), stop.set()), daemon=True).start()
start, metrics, rounds = (int(word) for word in sys.argv[1:4])
for number in range(rounds):
    for metric in range(metrics):
        whisper.update('tree/%d.wsp' % metric, number + 1, start + number * 10)
    print(number, flush=True)
    if stop.is_set():
        break
";

struct Writer {
    child: Child,
    stdin: ChildStdin,
    rounds: BufReader<ChildStdout>,
}

impl Writer {
    fn start(home: &Home, start: i64, locks: &str) -> Self {
        let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-tools/python/bin");
        let mut command = Command::new(tools.join("python"));
        command.args(["-c", WRITER, &start.to_string()]);
        command.args([&METRICS.to_string(), &ROUNDS.to_string(), locks]);
        command.current_dir(home.path("."));
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("run tests/install.sh");
        Self {
            stdin: child.stdin.take().unwrap(),
            rounds: BufReader::new(child.stdout.take().unwrap()),
            child,
        }
    }

    /// Waits for the end of one more round.
    fn round(&mut self) {
        let mut line = String::new();
        self.rounds.read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "the writer ended early");
    }

    /// Ends the writer; how many rounds it wrote.
    fn stop(mut self) -> i64 {
        // It may have written all rounds and gone.
        let _ = self.stdin.write_all(b"stop\n");
        let rounds = self.rounds.lines().map(Result::unwrap);
        let last: i64 = rounds.last().unwrap_or_default().parse().unwrap();
        assert!(self.child.wait().unwrap().success());
        last + 1
    }
}

fn assert_all_there(home: &Home, start: i64, rounds: i64) {
    let expected: Vec<(i64, f64)> = (0..rounds)
        .map(|number| (start + number * 10, (number + 1) as f64))
        .collect();
    for metric in 0..METRICS {
        let points = home.points(&format!("tree/{metric}.wsp"), 0);
        assert_eq!(points, expected, "metric {metric}");
    }
}

#[test]
fn points_that_come_meanwhile_are_kept_by_every_tool() {
    work_on_a_live_tree("locks", "--lock");
}

#[test]
fn points_that_come_meanwhile_are_kept_where_nobody_locks() {
    work_on_a_live_tree("none", "");
}

fn work_on_a_live_tree(locks: &str, flag: &str) {
    let home = Home::new();
    let start = hours_ago(5);
    for metric in 0..METRICS {
        home.write(
            &format!("tree/{metric}.wsp"),
            &[(10, 4_320), (60, 2_000)],
            &[],
        );
    }
    fs::write(
        home.path("one.conf"),
        "[all]\npattern = .*\nretentions = 10s:1d,1m:2d\n",
    )
    .unwrap();
    fs::write(
        home.path("two.conf"),
        "[all]\npattern = .*\nretentions = 10s:2d,1m:3d\n",
    )
    .unwrap();
    let mut writer = Writer::start(&home, start, locks);
    for _ in 0..3 {
        writer.round();
        for command in [
            "auto-resize --nobackup --schemas one.conf tree",
            "set-xfilesfactor tree 0.1",
            "auto-resize --nobackup --aggregate --schemas two.conf tree",
            "set-aggregation-method tree max",
            "convert --sparse tree",
        ] {
            home.run(&format!("{command} {flag}")).expect(0);
        }
    }
    let rounds = writer.stop();
    assert_all_there(&home, start, rounds);
}

#[test]
fn a_live_tree_is_filled_and_merged_in_place() {
    let home = Home::new();
    let start = hours_ago(5);
    let archives = &[(10, 8_640), (60, 2_000)];
    for metric in 0..METRICS {
        home.write(&format!("tree/{metric}.wsp"), archives, &[]);
        let source = [(start + ROUNDS * 10, 8.0)];
        home.write(&format!("source/{metric}.wsp"), archives, &source);
    }
    let mut writer = Writer::start(&home, start, "locks");
    for _ in 0..3 {
        writer.round();
        home.run("fill --lock source tree").expect(0);
        home.run("merge --lock source tree").expect(0);
    }
    let rounds = writer.stop();
    for metric in 0..METRICS {
        let points = home.points(&format!("tree/{metric}.wsp"), 0);
        assert_eq!(points.len() as i64, rounds + 1, "metric {metric}");
        assert!(points.contains(&(start + ROUNDS * 10, 8.0)));
    }
}

//! kill -9 under load: every point that a query had shown is there after the next start.

use std::collections::HashMap;
use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::daemon::{Daemon, Home, now, wait_for};
use crate::push::TEN_SECONDS;

const SERIES: usize = 40;

/// The points of all series that a query shows, by name and time.
type Shown = HashMap<(String, i64), f64>;

fn shown(daemon: &Daemon, from: i64) -> Shown {
    let query = format!(
        "/render?format=json&target=crash.*&from={from}&until={}",
        now() + 60
    );
    let answer = daemon.get_json(&query);
    let mut shown = Shown::new();
    for series in answer.as_array().unwrap() {
        let name = series["target"].as_str().unwrap();
        for point in series["datapoints"].as_array().unwrap() {
            if let Some(value) = point[0].as_f64() {
                shown.insert((name.to_owned(), point[1].as_i64().unwrap()), value);
            }
        }
    }
    shown
}

/// Writes each slot of the last minutes once, round by round, until told to stop or cut off. A value
/// tells its slot and series, so a point in the wrong place is seen too.
fn write_load(mut stream: TcpStream, round: i64, start: i64, stop: &AtomicBool) {
    for step in 0.. {
        let mut text = String::new();
        for number in 0..SERIES {
            // Some series are new in each round: creation is part of the load.
            let name = number as i64 + round * 10;
            let timestamp = start + step % 60 * 10;
            text += &format!("crash.s{name} {name}.{} {timestamp}\n", step % 60);
        }
        if stream.write_all(text.as_bytes()).is_err() || stop.load(Ordering::Relaxed) {
            return;
        }
    }
}

#[test]
fn every_point_that_was_shown_survives_kill_nine() {
    check_survival(&[]);
}

/// Some points die in the cache, some on the way to their file, some in it.
#[test]
fn every_point_that_was_shown_survives_kill_nine_in_whisper_files() {
    let sets = [
        "storage.engine=whisper",
        "storage.whisper.write_delay_max=1s",
        "storage.whisper.open_files_max=8",
    ];
    check_survival(&sets);
}

fn check_survival(sets: &[&str]) {
    let home = Home::new();
    let start = now() / 10 * 10 - 900;
    let mut known = Shown::new();
    for round in 0..4 {
        let daemon = home.start(&[&[TEN_SECONDS, "storage.sync_interval=50ms"], sets].concat());
        let after = shown(&daemon, start - 10);
        for (point, value) in &known {
            assert_eq!(
                after.get(point),
                Some(value),
                "{point:?} was shown in round {round}"
            );
        }
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let stream = daemon.connect();
            scope.spawn(|| write_load(stream, round, start, &stop));
            let enough = known.len() + 200 * (1 + usize::try_from(round).unwrap());
            wait_for("the load to be shown", || {
                known = shown(&daemon, start - 10);
                (known.len() >= enough.min(SERIES * 60)).then_some(())
            });
            // The writer is still at work: the daemon dies with points in every stage.
            daemon.kill();
            stop.store(true, Ordering::Relaxed);
        });
    }
    assert!(known.len() > 1000);
    for ((name, timestamp), value) in known {
        let number: f64 = name.trim_start_matches("crash.s").parse().unwrap();
        let step = (timestamp - start) / 10;
        let expected: f64 = format!("{number}.{step}").parse().unwrap();
        assert_eq!(value, expected, "{name} at {timestamp}");
    }
}

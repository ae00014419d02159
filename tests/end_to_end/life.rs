//! Series that are deleted, expire, or move to another retention, with the daemon at work, stopped, or
//! killed in the middle.

use std::collections::HashMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use serde_json::Value;

use crate::daemon::{BINARY, Daemon, Home, now, wait_for};
use crate::push::TEN_SECONDS;

/// A schema with more archives than [`TEN_SECONDS`].
const LONGER: &str =
    r#"schema=[{ name = "all", pattern = "", retentions = "10s:8h,1m:7d,10m:1y" }]"#;
/// Few enough points for the daemon's own metrics to stay out of the way.
const QUIET: &str = "telemetry.interval=0s";

fn data(home: &Home) -> String {
    home.path("data").display().to_string()
}

fn plumbago(arguments: &[&str]) -> Output {
    let mut command = Command::new(BINARY);
    command.args(arguments).stdin(Stdio::null());
    command.output().unwrap()
}

/// The JSON that a tool answers; it must have succeeded.
fn answer(arguments: &[&str]) -> Value {
    let output = plumbago(&[arguments, &["--json"]].concat());
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {errors}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The one line of a tool that could not do its work.
fn complaint(arguments: &[&str]) -> String {
    let output = plumbago(arguments);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    text
}

/// Points by series and time, as a render shows those of a branch.
fn shown(daemon: &Daemon, target: &str, from: i64) -> HashMap<(String, i64), f64> {
    let until = now() + 60;
    let query = format!("/render?format=json&target={target}&from={from}&until={until}");
    let mut points = HashMap::new();
    for series in daemon.get_json(&query).as_array().unwrap() {
        let name = series["target"].as_str().unwrap();
        for point in series["datapoints"].as_array().unwrap() {
            if let Some(value) = point[0].as_f64() {
                points.insert((name.to_owned(), point[1].as_i64().unwrap()), value);
            }
        }
    }
    points
}

fn lines(branch: &str, series: i64, slots: std::ops::Range<i64>, start: i64) -> String {
    let mut text = String::new();
    for slot in slots {
        for number in 0..series {
            text += &format!("{branch}.s{number} {number}.{slot} {}\n", start + slot * 10);
        }
    }
    text
}

#[test]
fn deletion_under_load_takes_what_matches_and_loses_nothing_else() {
    let home = Home::new();
    let daemon = home.start(&[TEN_SECONDS, QUIET]);
    let (series, start) = (100, now() / 10 * 10 - 1000);
    daemon.send_tcp(&(lines("kept", series, 0..30, start) + &lines("gone", series, 0..30, start)));
    wait_for("the first points", || {
        (shown(&daemon, "*.*", start - 10).len() == 6000).then_some(())
    });
    let (stop, sent) = (AtomicBool::new(false), AtomicI64::new(30));
    let folder = data(&home);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut stream = daemon.connect();
            while !stop.load(Ordering::Relaxed) || sent.load(Ordering::Relaxed) < 60 {
                let slot = sent.load(Ordering::Relaxed).min(59);
                for branch in ["kept", "gone"] {
                    let text = lines(branch, series, slot..slot + 1, start);
                    stream.write_all(text.as_bytes()).unwrap();
                }
                sent.fetch_add(1, Ordering::Relaxed);
            }
        });
        let deleted = answer(&["delete", "--data", &folder, "gone.*"]);
        assert_eq!(
            (&deleted["matched"], &deleted["deleted"]),
            (&100.into(), &100.into())
        );
        stop.store(true, Ordering::Relaxed);
    });
    daemon.send_tcp(&lines("gone", series, 60..62, start));
    let is_settled = || {
        let kept = shown(&daemon, "kept.*", start - 10);
        let last = shown(&daemon, "gone.*", start + 590);
        (kept.len() == 6000 && last.len() == 200).then_some(kept)
    };
    let kept = wait_for("all points", is_settled);
    for slot in 0..60 {
        assert_eq!(
            kept[&("kept.s7".to_owned(), start + slot * 10)],
            format!("7.{slot}").parse::<f64>().unwrap()
        );
    }
    let old = shown(&daemon, "gone.*", start - 10);
    assert!(
        old.keys().all(|(_, time)| *time >= start + 300),
        "a deleted name has no past"
    );
    assert_eq!(
        plumbago(&["delete", "--data", &folder, "nobody.*"])
            .status
            .code(),
        Some(1)
    );
    // Nothing comes back with a restart.
    daemon.kill();
    let daemon = home.start(&[TEN_SECONDS, QUIET]);
    assert_eq!(shown(&daemon, "gone.*", start - 10), old);
    assert_eq!(shown(&daemon, "kept.*", start - 10), kept);
}

#[test]
fn retention_moves_under_load_and_a_kill_in_the_middle_leaves_each_series_whole() {
    let home = Home::new();
    let (series, start) = (150, now() / 10 * 10 - 1800);
    let daemon = home.start(&[TEN_SECONDS, QUIET]);
    daemon.send_tcp(&lines("life", series, 0..100, start));
    wait_for("the first points", || {
        (shown(&daemon, "life.*", start - 10).len() == 15_000).then_some(())
    });
    daemon.kill();
    let folder = data(&home);
    let mut known = HashMap::new();
    for round in 0..6 {
        let daemon = home.start(&[LONGER, QUIET, "storage.sync_interval=50ms"]);
        let after = shown(&daemon, "life.*", start - 10);
        for (point, value) in &known {
            assert_eq!(
                after.get(point),
                Some(value),
                "{point:?} was shown in round {round}"
            );
        }
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let mut stream = daemon.connect();
            let stop = &stop;
            scope.spawn(move || {
                let slot = 100 + round;
                let text = lines("life", series, slot..slot + 1, start);
                while !stop.load(Ordering::Relaxed) && stream.write_all(text.as_bytes()).is_ok() {}
            });
            let mut apply = Command::new(BINARY);
            apply.args(["retention", "apply", "--quiet", "--data", &folder]);
            let mut apply = apply
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            known = shown(&daemon, "life.*", start - 10);
            // Each round a little further into the move.
            std::thread::sleep(Duration::from_millis(60 * round as u64));
            daemon.kill();
            stop.store(true, Ordering::Relaxed);
            apply.wait().unwrap();
        });
    }
    assert!(known.len() >= 15_000);
    let daemon = home.start(&[LONGER, QUIET]);
    answer(&["retention", "apply", "--data", &folder]);
    let plan = answer(&["retention", "plan", "--data", &folder]);
    assert_eq!(
        (&plan["matched"], &plan["examined"]),
        (&0.into(), &series.into())
    );
    let after = shown(&daemon, "life.*", start - 10);
    for (point, value) in &known {
        assert_eq!(after.get(point), Some(value), "{point:?}");
    }
    assert_eq!(
        daemon.get_json("/health")["damaged"],
        Value::Array(Vec::new())
    );
}

#[test]
fn tools_work_on_a_stopped_folder_as_on_a_running_one() {
    let home = Home::new();
    let start = now() / 10 * 10 - 600;
    let daemon = home.start(&[TEN_SECONDS, QUIET]);
    daemon.send_tcp(&lines("a", 5, 0..40, start));
    wait_for("the points", || {
        (shown(&daemon, "a.*", start - 10).len() == 200).then_some(())
    });
    daemon.stop();
    let folder = data(&home);
    let planned = answer(&["delete", "--data", &folder, "-n", "a.s[01]"]);
    assert_eq!(planned["names"], serde_json::json!(["a.s0", "a.s1"]));
    assert_eq!(
        answer(&["delete", "--data", &folder, "a.s[01]"])["deleted"],
        2
    );
    let expired = answer(&["expire", "--data", &folder, "--older-than", "1m", "a.s2"]);
    assert_eq!(
        (&expired["examined"], &expired["expired"]),
        (&1.into(), &1.into())
    );
    assert_eq!(answer(&["expire", "--data", &folder])["expired"], 0);
    let rules = complaint(&["retention", "plan", "--data", &folder]);
    assert!(rules.contains("--config"), "{rules}");
    let applied = answer(&["retention", "apply", "--data", &folder, "--set", LONGER]);
    assert_eq!(applied["moved"], 2);
    let daemon = home.start(&[LONGER, QUIET]);
    let points = shown(&daemon, "a.*", start - 10);
    assert_eq!(points.len(), 80);
    assert_eq!(points[&("a.s4".to_owned(), start + 30)], 4.3);
}

#[test]
fn what_cannot_be_done_is_told_in_one_line() {
    let home = Home::new();
    let daemon = home.start(&[QUIET]);
    let folder = data(&home);
    let missing = home.path("nothing").display().to_string();
    let none = complaint(&["delete", "--data", &missing, "x"]);
    assert!(none.contains(&missing), "{none}");
    let outside = home.path("").display().to_string();
    assert!(complaint(&["expire", "--data", &outside]).contains("not a data folder"));
    assert!(complaint(&["delete", "--data", &folder, "--regex", "("]).contains("\"(\""));
    assert!(complaint(&["delete", "--data", &folder, "seriesByTag('x')"]).contains("\"x\""));
    // Nobody answers and yet the folder is locked: its socket is gone.
    std::fs::remove_file(Path::new(&folder).join("control.sock")).unwrap();
    let busy = complaint(&["delete", "--data", &folder, "x"]);
    assert!(busy.contains("in use by another process"), "{busy}");
    assert!(busy.contains(&daemon.pid().to_string()), "{busy}");
}

#[test]
fn admin_routes_answer_on_the_port_only_when_they_are_switched_on() {
    let home = Home::new();
    let daemon = home.start(&[TEN_SECONDS, QUIET]);
    let post = |daemon: &Daemon, route: &str, form: &str| {
        let request = ureq::post(daemon.url(route))
            .config()
            .http_status_as_error(false)
            .build();
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let mut response = request.send(form).unwrap();
        let body = response.body_mut().read_to_string().unwrap();
        (response.status().as_u16(), body)
    };
    assert_eq!(post(&daemon, "/admin/delete", "pattern=**").0, 404);
    daemon.stop();
    let daemon = home.start(&[TEN_SECONDS, QUIET, "api.admin=true"]);
    daemon.send_tcp(&lines("a", 3, 0..1, now() / 10 * 10));
    wait_for("the points", || {
        (shown(&daemon, "a.*", now() - 60).len() == 3).then_some(())
    });
    let (status, body) = post(&daemon, "/admin/delete", "pattern=a.s0&dryrun=true");
    assert_eq!(status, 400, "{body}");
    assert!(body.contains("dryrun"), "{body}");
    let (status, body) = post(&daemon, "/admin/delete", "pattern=a.s0&dry_run=true");
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (status, &body["matched"], &body["deleted"]),
        (200, &1.into(), &0.into())
    );
    assert_eq!(shown(&daemon, "a.*", now() - 60).len(), 3);
    assert_eq!(post(&daemon, "/admin/delete", "").0, 400);
    let (status, body) = post(&daemon, "/admin/delete", "pattern=a.s0");
    assert_eq!(status, 200, "{body}");
    assert_eq!(shown(&daemon, "a.*", now() - 60).len(), 2);
    for route in [
        "/admin/expire",
        "/admin/retention/plan",
        "/admin/retention/apply",
    ] {
        assert_eq!(post(&daemon, route, "").0, 200, "{route}");
    }
    assert_eq!(daemon.get_json("/admin/progress")["running"], Value::Null);
    assert_eq!(post(&daemon, "/admin/expire", "older_than=30").0, 400);
}

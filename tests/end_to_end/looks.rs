//! The tools on a data folder: stopped, at work, damaged, none at all, and one that may not be read.

use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use serde_json::{Value, json};

use crate::daemon::{BINARY, Daemon, Home, known_points, now, run, wait_for};

const SCHEMA: &str = "schema=[{name='all', pattern='', retentions='10s:1h,1m:1d'}]";
const SERIES: i64 = 30;
/// Slots of ten seconds that [`stopped`] fills.
const STEPS: i64 = 40;

/// A tool with these arguments, the folder in the place of `@`: exit code and both outputs.
fn tool(home: &Home, arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(BINARY);
    let data = home.path("data");
    for argument in arguments {
        match *argument {
            "@" => command.arg(&data),
            other => command.arg(other),
        };
    }
    // Not `run`, which reads nothing before the end: a dump is longer than a pipe.
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr),
    )
}

/// Ends the load, also when the test fails meanwhile.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

/// The output of a tool that must not fail.
fn told(home: &Home, arguments: &[&str]) -> String {
    let (code, stdout, stderr) = tool(home, arguments);
    assert_eq!((code, stderr.as_str()), (0, ""), "{arguments:?}: {stdout}");
    stdout
}

fn told_json(home: &Home, arguments: &[&str]) -> Value {
    serde_json::from_str(&told(home, arguments)).unwrap()
}

/// The problems that `verify` tells, as paths below the data folder.
fn damaged_paths(home: &Home) -> Vec<String> {
    let (code, stdout, stderr) = tool(home, &["verify", "--json", "@"]);
    let report: Value = serde_json::from_str(&stdout).unwrap_or_else(|_| panic!("{stderr}"));
    let data = home.path("data");
    let damage = report["damage"].as_array().unwrap().iter();
    let paths: Vec<String> = damage
        .map(|damage| {
            let path = Path::new(damage["path"].as_str().unwrap());
            path.strip_prefix(&data).unwrap().display().to_string()
        })
        .collect();
    assert_eq!(code, i32::from(!paths.is_empty()), "{stdout}");
    paths
}

fn value(series: i64, time: i64) -> f64 {
    series as f64 + (time / 10 % 97) as f64 / 100.0
}

fn lines(series: i64, times: impl Iterator<Item = i64>) -> String {
    let line = |time| format!("look.s{series} {} {time}\n", value(series, time));
    times.map(line).collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found.sort();
    found
}

/// What must not change when a folder is looked at.
fn state(folder: &Path) -> Vec<(PathBuf, u64, i64, Vec<u8>)> {
    let files = files(folder).into_iter().map(|path| {
        let file = fs::metadata(&path).unwrap();
        let bytes = fs::read(&path).unwrap();
        (path, file.ino(), file.mtime_nsec(), bytes)
    });
    files.collect()
}

fn file_like(home: &Home, ending: &str) -> Option<PathBuf> {
    let found = files(&home.path("data"));
    let mut found = found.into_iter();
    found.find(|path| path.to_string_lossy().ends_with(ending))
}

/// A folder with sealed blocks, an event, and points in ring and late log, and the last time in it.
fn stopped(home: &Home) -> i64 {
    let last = 1_750_000_000;
    let first = last - (STEPS - 1) * 10;
    let sets = [SCHEMA, "storage.shards=1"];
    let daemon = home.start_with(&sets, &["--at", &last.to_string()]);
    for series in 0..SERIES {
        daemon.send_tcp(&lines(series, (0..STEPS).map(|step| first + step * 10)));
    }
    stored(&daemon, SERIES * STEPS);
    let event = json!({"what": "deploy", "tags": "look", "when": last});
    ureq::post(&daemon.url("/events/"))
        .send(event.to_string())
        .unwrap();
    daemon.stop();
    // Twenty minutes later the rows are sealed, and points of that time are late ones.
    let later = (last + 2400).to_string();
    let daemon = home.start_with(&sets, &["--at", &later]);
    wait_for("a block", || file_like(home, ".block"));
    daemon.send_tcp(&format!(
        "look.late 7 {}\nlook.new 8 {}\n",
        last + 10,
        last + 2400
    ));
    stored(&daemon, 2);
    daemon.stop();
    last
}

fn stored(daemon: &Daemon, points: i64) {
    wait_for("all points to be stored", || {
        let stored = daemon.metric("plumbago_store_points_stored_total", "");
        (stored >= points as f64).then_some(())
    });
}

#[test]
fn stopped_folder_tells_what_the_daemon_answers_and_is_left_as_it_is() {
    let home = Home::new();
    let last = stopped(&home);
    let before = state(&home.path("data"));
    let report = told_json(&home, &["info", "--json", "@"]);
    assert_eq!(report["series"], SERIES + 2);
    assert_eq!(report["daemon"], Value::Null);
    assert_eq!(report["damaged"], json!([]));
    assert_eq!(report["families"][0]["series"], SERIES + 2);
    assert!(report["families"][0]["archives"][0]["blocks"].as_u64() >= Some(1));
    assert_eq!(report["groups"][0]["late_points"], 1);

    let series = told_json(&home, &["info", "--json", "@", "look.s7"]);
    assert_eq!(series["archives"][0]["points"], STEPS);
    assert_eq!(series["archives"][0]["last"], last);
    assert_eq!(series["aggregation_method"], "average");

    let stats = told_json(&home, &["stats", "--json", "--now", &last.to_string(), "@"]);
    assert_eq!(stats["series"], SERIES + 2);
    assert_eq!(stats["churn"]["begun_last_day"], SERIES + 2);
    assert_eq!(stats["newest"], last + 2400);
    let du = told_json(&home, &["du", "--json", "--depth", "2", "@"]);
    assert_eq!(du["total"]["series"], SERIES + 2);
    let nodes = du["nodes"].as_array().unwrap();
    let bytes: u64 = nodes
        .iter()
        .map(|node| node["bytes"].as_u64().unwrap())
        .sum();
    assert_eq!(Some(bytes), du["total"]["bytes"].as_u64());
    assert_eq!(damaged_paths(&home), Vec::<String>::new());

    let now = (last + 2400).to_string();
    let from = (last - 1000).to_string();
    let fetch = [
        "fetch", "--json", "--now", &now, "--from", &from, "@", "look.*",
    ];
    let fetched = told(&home, &fetch);
    let dumped = told(&home, &["dump", "--format", "plain", "@"]);
    assert!(state(&home.path("data")) == before);

    let daemon = home.start_with(&[SCHEMA], &["--at", &now]);
    for line in fetched.lines() {
        let fetched: Value = serde_json::from_str(line).unwrap();
        let name = fetched["name"].as_str().unwrap();
        let answer = daemon.get_json(&format!("/render?format=json&target={name}&from={from}"));
        let points = answer[0]["datapoints"].as_array().unwrap().iter();
        let values: Vec<Value> = points.map(|point| point[0].clone()).collect();
        assert_eq!(fetched["values"], Value::Array(values), "{name}");
    }
    daemon.stop();
    dump_is_taken_by_another_daemon(&dumped, last);
}

fn dump_is_taken_by_another_daemon(dumped: &str, last: i64) {
    assert_eq!(dumped.lines().count() as i64, SERIES * STEPS + 2);
    let other = Home::new();
    let daemon = other.start_with(&[SCHEMA], &["--at", &(last + 2400).to_string()]);
    daemon.send_tcp(dumped);
    stored(&daemon, SERIES * STEPS + 2);
    for series in [0, SERIES - 1] {
        let query = format!(
            "/render?format=json&target=look.s{series}&from={}",
            last - 1000
        );
        let points = known_points(&daemon.get_json(&query));
        let times = (0..STEPS).map(|step| last - (STEPS - 1 - step) * 10);
        let expected: Vec<_> = times.map(|time| (time, value(series, time))).collect();
        assert_eq!(points, expected);
    }
    daemon.stop();
}

/// Points of all slots of the last half hour, over and over.
fn load(mut stream: TcpStream, start: i64, stop: &AtomicBool) {
    while !stop.load(Relaxed) {
        for series in 0..SERIES {
            let times = (0..180).map(|step| start + step * 10);
            if stream.write_all(lines(series, times).as_bytes()).is_err() {
                return;
            }
        }
    }
}

#[test]
fn folder_at_work_can_be_looked_into_by_every_tool() {
    let home = Home::new();
    let daemon = home.start(&[SCHEMA, "storage.shards=2", "storage.sync_interval=50ms"]);
    let start = now() / 10 * 10 - 1800;
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _stop = Stop(&stop);
        scope.spawn(|| load(daemon.connect(), start, &stop));
        wait_for("the first points", || {
            (daemon.metric("plumbago_store_points_stored_total", "") >= 10_000.0).then_some(())
        });
        for _ in 0..3 {
            assert_eq!(damaged_paths(&home), Vec::<String>::new());
            let report = told_json(&home, &["info", "--json", "@"]);
            assert_eq!(report["daemon"], daemon.pid());
            let from = (start - 10).to_string();
            let until = (start + 1790).to_string();
            let fetch = ["fetch", "--from", &from, "--until", &until, "@", "look.s3"];
            for line in told(&home, &fetch).lines() {
                let (time, found) = line.split_once('\t').unwrap();
                let time: i64 = time.parse().unwrap();
                assert_eq!(found.parse(), Ok(value(3, time)), "at {time}");
            }
            told(&home, &["stats", "@"]);
            told(&home, &["du", "@"]);
            told(&home, &["dump", "--format", "csv", "@", "look.s1*"]);
        }
    });
    daemon.stop();
    assert_eq!(damaged_paths(&home), Vec::<String>::new());
}

#[test]
fn damage_of_each_kind_of_file_is_told_with_its_path_and_exit_code_one() {
    let home = Home::new();
    stopped(&home);
    let cases = [
        (".block", 100),
        ("ring-00000.ring", 9),
        ("late-00000000.log", 4096),
        ("manifest", 20),
        ("families", 30),
        ("meta", 25),
        ("events.log", 12),
        ("log-00000001", 60),
    ];
    for (ending, at) in cases {
        let path = file_like(&home, ending).unwrap_or_else(|| panic!("no {ending}"));
        let whole = fs::read(&path).unwrap();
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        fs::write(&path, &bytes).unwrap();
        let relative = path.strip_prefix(home.path("data")).unwrap();
        let told = damaged_paths(&home);
        assert!(
            told.contains(&relative.display().to_string()),
            "{ending}: {told:?}"
        );
        let (code, stdout, _) = tool(&home, &["verify", "@"]);
        assert_eq!(code, 1);
        let line = format!("damaged: {}", path.display());
        assert!(
            stdout.contains(&line) && stdout.contains("  cost: "),
            "{stdout}"
        );
        fs::write(&path, &whole).unwrap();
    }
    assert_eq!(damaged_paths(&home), Vec::<String>::new());
}

#[test]
fn damage_that_a_start_set_aside_is_told_by_health_and_verify_alike() {
    let home = Home::new();
    let last = stopped(&home);
    for ending in ["late-00000000.log", "manifest"] {
        let path = file_like(&home, ending).unwrap();
        let mut bytes = fs::read(&path).unwrap();
        bytes[9] ^= 0x10;
        fs::write(&path, &bytes).unwrap();
    }
    // The second start finds only what the first one set aside.
    for _ in 0..2 {
        let at = (last + 2400).to_string();
        let daemon = home.start_with(&[SCHEMA], &["--at", &at]);
        let health = daemon.get_json("/health");
        let told = health["damaged"].as_array().unwrap().iter();
        let mut told: Vec<String> = told
            .map(|damaged| {
                let path = Path::new(damaged["path"].as_str().unwrap());
                let relative = path.strip_prefix(home.path("data")).unwrap();
                relative.display().to_string()
            })
            .collect();
        told.sort();
        let mut verified = damaged_paths(&home);
        verified.sort();
        assert_eq!(told, verified);
        assert_eq!(told.len(), 2);
        assert!(
            told.iter().all(|path| path.ends_with(".damaged")),
            "{told:?}"
        );
        daemon.stop();
    }
}

#[test]
fn folder_without_a_point_has_no_damage_and_no_series() {
    let home = Home::new();
    home.start(&[]).stop();
    assert_eq!(damaged_paths(&home), Vec::<String>::new());
    assert_eq!(told_json(&home, &["info", "--json", "@"])["series"], 0);
    assert_eq!(told_json(&home, &["stats", "--json", "@"])["points"], 0);
    assert_eq!(told_json(&home, &["du", "--json", "@"])["nodes"], json!([]));
    assert_eq!(told(&home, &["dump", "@"]), "");
}

#[test]
fn wrong_paths_flags_and_names_are_one_line_and_exit_code_two() {
    let home = Home::new();
    home.start(&[]).stop();
    let empty = home.path("empty");
    fs::create_dir(&empty).unwrap();
    let empty = empty.display().to_string();
    let cases: [(&[&str], &str); 11] = [
        (
            &["verify", "/no/such/folder"],
            "/no/such/folder: cannot be read",
        ),
        (&["verify", &empty], "is a folder, not a data folder"),
        (
            &["stats", "/dev/null"],
            "/dev/null: is neither a file nor a folder",
        ),
        (&["fetch", "@"], "name the series to fetch"),
        (&["fetch", "@", "no.such"], "no series matches \"no.such\""),
        (&["info", "@", "a.{b"], "a.{b"),
        (
            &["dump", "@", "--from", "lunchish"],
            "--from: unknown time or day `lunchish`",
        ),
        (
            &["dump", "@", "--from", "now", "--until", "-1h"],
            "is later than --until",
        ),
        (
            &["stats", "@", "--stale", "lunchish"],
            "--stale: unknown time or day",
        ),
        (
            &["fetch", "@", "x", "--tz", "Mars"],
            "there is no time zone \"Mars\"",
        ),
        (
            &["du", "@", "--depth", "deep"],
            "invalid value 'deep' for '--depth",
        ),
    ];
    for (arguments, expected) in cases {
        let (code, stdout, stderr) = tool(&home, arguments);
        assert_eq!((code, stdout.as_str()), (2, ""), "{arguments:?}: {stderr}");
        assert!(stderr.contains(expected), "{arguments:?}: {stderr}");
    }
}

#[test]
fn folder_may_be_read_by_a_stranger_with_the_right_to_and_by_no_other() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let home = Home::new();
    stopped(&home);
    let data = home.path("data");
    fs::set_permissions(home.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    let as_stranger = |verb: &str| {
        // The build folder may be closed to others.
        let binary = home.path("plumbago");
        fs::copy(BINARY, &binary).unwrap();
        let mut command = Command::new(binary);
        command.arg(verb).arg(&data).uid(65_534).gid(65_534);
        let (status, _, stderr) = run(command);
        (status.code().unwrap(), stderr)
    };
    for verb in ["info", "verify", "stats", "du"] {
        assert_eq!(as_stranger(verb), (0, String::new()), "{verb}");
    }
    let block = file_like(&home, ".block").unwrap();
    fs::set_permissions(&block, fs::Permissions::from_mode(0o600)).unwrap();
    let (code, stderr) = as_stranger("verify");
    assert_eq!(code, 2);
    let expected = format!("plumbago: {}: read: Permission denied", block.display());
    assert!(stderr.starts_with(&expected), "{stderr}");
    fs::set_permissions(&data, fs::Permissions::from_mode(0o700)).unwrap();
    for verb in ["info", "verify", "stats", "du", "dump"] {
        let (code, stderr) = as_stranger(verb);
        assert_eq!(code, 2);
        assert!(stderr.contains("Permission denied"), "{verb}: {stderr}");
        assert_eq!(stderr.lines().count(), 1);
    }
}

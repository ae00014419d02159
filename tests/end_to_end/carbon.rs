//! A tree that real carbon-cache wrote, taken over and given back.
//!
//! carbon-cache 1.1.10 writes a tree; the daemon serves it and writes on; what the reference's own
//! tools and graphite-web read from it then is what the daemon answered; and carbon-cache goes on.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use plumbago_storage_format::whisper::{Dialect, Header, TaggedNames, relative_path};
use serde_json::Value;

use crate::clients::tool;
use crate::daemon::{Daemon, Home, free_port, now, run, wait_for};

const SCHEMAS: &str = "[coarse]
pattern = ^coarse\\.
retentions = 1m:1d
[all]
pattern = .*
retentions = 10s:1h,1m:1d
";

const AGGREGATION: &str = "[sums]
pattern = \\.count$
xFilesFactor = 0
aggregationMethod = sum
[maxima]
pattern = \\.max$
xFilesFactor = 0.3
aggregationMethod = max
";

const NAMES: [&str; 5] = [
    "app.web01.cpu",
    "app.web01.requests.count",
    "app.web02.latency.max",
    "coarse.metric",
    "disk.used;host=web01;mount=data",
];

/// A carbon-cache on a folder, killed when it is dropped.
struct CarbonCache {
    child: Child,
    port: u16,
    log: PathBuf,
}

impl CarbonCache {
    fn start(home: &Home, tree: &Path) -> Self {
        let conf = home.path("carbon");
        fs::create_dir_all(&conf).unwrap();
        fs::write(conf.join("storage-schemas.conf"), SCHEMAS).unwrap();
        fs::write(conf.join("storage-aggregation.conf"), AGGREGATION).unwrap();
        let port = free_port();
        let settings = format!(
            "[cache]
STORAGE_DIR = {home}
CONF_DIR = {conf}
LOG_DIR = {home}
PID_DIR = {home}
LOCAL_DATA_DIR = {tree}
LINE_RECEIVER_INTERFACE = 127.0.0.1
LINE_RECEIVER_PORT = {port}
PICKLE_RECEIVER_INTERFACE = 127.0.0.1
PICKLE_RECEIVER_PORT = {}
CACHE_QUERY_INTERFACE = 127.0.0.1
CACHE_QUERY_PORT = {}
ENABLE_UDP_LISTENER = False
ENABLE_TAGS = False
CARBON_METRIC_INTERVAL = 0
MAX_CREATES_PER_MINUTE = inf
MAX_UPDATES_PER_SECOND = inf
",
            free_port(),
            free_port(),
            home = home.path("").display(),
            conf = conf.display(),
            tree = tree.display(),
        );
        fs::write(conf.join("carbon.conf"), settings).unwrap();
        let path = home.path("carbon.log");
        let log = fs::File::create(&path).unwrap();
        let child = Command::new(tool("carbon/bin/carbon-cache.py"))
            .arg(format!("--config={}", conf.join("carbon.conf").display()))
            .arg(format!("--pidfile={}", home.path("carbon.pid").display()))
            .args(["--nodaemon", "start"])
            .env("GRAPHITE_ROOT", home.path(""))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let log = path;
        let cache = Self { child, port, log };
        wait_for("carbon-cache to listen", || {
            TcpStream::connect(("127.0.0.1", port)).ok()
        });
        cache
    }

    fn send(&self, text: &str) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
    }
}

impl Drop for CarbonCache {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = fs::read_to_string(&self.log).unwrap_or_default();
            eprintln!("--- log of carbon-cache\n{log}");
        }
    }
}

fn value(series: usize, time: i64) -> f64 {
    (time / 10 % 100) as f64 + series as f64 * 1000.0
}

/// One line a series and ten seconds.
fn lines(from: i64, until: i64) -> String {
    let mut lines = String::new();
    for time in (from..until).step_by(10) {
        for (series, name) in NAMES.iter().enumerate() {
            lines += &format!("{name} {} {time}\n", value(series, time));
        }
    }
    lines
}

fn file_of(tree: &Path, name: &str) -> PathBuf {
    tree.join(relative_path(name, TaggedNames::Hash).unwrap())
}

/// The newest interval of the finest archive.
fn newest(tree: &Path, name: &str) -> Option<i64> {
    let bytes = fs::read(file_of(tree, name)).ok()?;
    let header = Header::parse(&bytes, Dialect::Reference).ok()?;
    let points = header.points(&bytes, 0, now()).ok()?;
    points.last().map(|point| point.0)
}

/// Waits until the files have everything up to a time.
fn wait_until_written(tree: &Path, last: i64) {
    wait_for("the files to be written", || {
        let is_written = |name: &&str| {
            let step = if name.starts_with("coarse") { 60 } else { 10 };
            newest(tree, name) == Some(last - last % step)
        };
        NAMES.iter().all(is_written).then_some(())
    });
}

/// Known points by time.
type Points = BTreeMap<i64, f64>;

fn points(document: &Value) -> Points {
    let points = document.as_array().unwrap().iter();
    let known = points.filter_map(|point| Some((point[1].as_i64()?, point[0].as_f64()?)));
    known.collect()
}

fn rendered(daemon: &Daemon, name: &str, from: i64, until: i64) -> Points {
    let query = format!("/render?format=json&target={name}&from={from}&until={until}");
    let answer = daemon.get_json(&query);
    assert_eq!(answer.as_array().unwrap().len(), 1, "{name}: {answer}");
    points(&answer[0]["datapoints"])
}

/// What the reference's own tool reads.
fn fetched(tree: &Path, name: &str, from: i64, until: i64) -> Points {
    let mut command = Command::new(tool("python/bin/whisper-fetch.py"));
    command
        .arg("--json")
        .arg(format!("--from={from}"))
        .arg(format!("--until={until}"))
        .arg(file_of(tree, name));
    let (status, stdout, stderr) = run(command);
    assert!(status.success(), "{stderr}");
    let answer: Value = serde_json::from_str(&stdout).unwrap();
    let (start, step) = (
        answer["start"].as_i64().unwrap(),
        answer["step"].as_i64().unwrap(),
    );
    let values = answer["values"].as_array().unwrap().iter();
    (start..)
        .step_by(step as usize)
        .zip(values)
        .filter_map(|(time, value)| Some((time, value.as_f64()?)))
        .collect()
}

/// What graphite-web draws from the tree.
fn drawn(home: &Home, tree: &Path, from: i64, until: i64) -> BTreeMap<String, Points> {
    let script =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/whisper/graphite_render.py");
    let mut command = Command::new(tool("graphite-web/bin/python"));
    command
        .arg(script)
        .arg(home.path("graphite-web"))
        .arg(tree)
        .args([from.to_string(), until.to_string()])
        .args(NAMES);
    let (status, stdout, stderr) = run(command);
    assert!(status.success(), "{stderr}");
    let answer: Value = serde_json::from_str(stdout.lines().last().unwrap()).unwrap();
    let series = answer.as_array().unwrap().iter();
    series
        .map(|one| {
            let name = one["target"].as_str().unwrap().to_owned();
            (name, points(&one["datapoints"]))
        })
        .collect()
}

#[test]
fn tree_of_carbon_cache_is_taken_over_and_given_back() {
    let home = Home::new();
    let tree = home.path("whisper");
    fs::create_dir_all(&tree).unwrap();
    let end = now() / 60 * 60;
    let (begin, middle) = (end - 1800, end - 600);
    {
        let carbon = CarbonCache::start(&home, &tree);
        carbon.send(&lines(begin, middle));
        wait_until_written(&tree, middle - 10);
    }
    // The rule files are there, and the tree goes before them.
    let schemas = home.path("carbon/storage-schemas.conf");
    let sets = [
        "storage.engine=whisper".to_owned(),
        format!("storage.whisper.path={}", tree.display()),
        format!("storage.schemas_file={}", schemas.display()),
        "telemetry.interval=0s".to_owned(),
    ];
    let sets: Vec<&str> = sets.iter().map(String::as_str).collect();
    let daemon = home.start(&sets);
    let found = daemon.get_json("/metrics/find?query=app.web01.*");
    assert_eq!(found.as_array().unwrap().len(), 2, "{found}");
    let plain = NAMES.iter().filter(|name| !name.contains(';'));
    for name in plain.clone() {
        let answer = rendered(&daemon, name, begin - 1, end);
        assert_eq!(answer, fetched(&tree, name, begin - 1, end), "{name}");
        assert!(answer.len() >= 20, "{name}: {answer:?}");
    }
    // It writes on, and answers before a file has it.
    daemon.send_tcp(&lines(middle, end));
    let ranges = [begin - 1, end - 7200];
    wait_for("the points to be shown", || {
        let shown = NAMES.map(|name| rendered(&daemon, name, begin - 1, end));
        let is_last = |points: &Points| {
            points
                .last_key_value()
                .is_some_and(|(time, _)| *time >= end - 60)
        };
        shown.iter().all(is_last).then_some(())
    });
    let answers = ranges.map(|from| NAMES.map(|name| rendered(&daemon, name, from, end)));
    daemon.stop();
    for (from, answers) in ranges.into_iter().zip(&answers) {
        let drawn = drawn(&home, &tree, from, end);
        for (name, answer) in NAMES.iter().zip(answers) {
            assert_eq!(answer, &fetched(&tree, name, from, end), "{name}");
            assert_eq!(drawn.get(*name), Some(answer), "{name}, by graphite-web");
        }
    }
    // All that both were sent is there.
    for (series, name) in NAMES
        .iter()
        .enumerate()
        .filter(|(_, name)| !name.starts_with("coarse"))
    {
        let expected: Points = (begin..end)
            .step_by(10)
            .map(|time| (time, value(series, time)))
            .collect();
        assert_eq!(fetched(&tree, name, begin - 1, end - 1), expected, "{name}");
    }
    give_back(&home, &tree, end);
}

/// carbon-cache goes on where the daemon has stopped.
fn give_back(home: &Home, tree: &Path, end: i64) {
    let before: Vec<_> = NAMES
        .map(|name| fs::read(file_of(tree, name)).unwrap().len())
        .to_vec();
    let carbon = CarbonCache::start(home, tree);
    let next = end - end % 60;
    let mut text = String::new();
    for name in NAMES {
        text += &format!("{name} 7 {next}\n");
    }
    carbon.send(&text);
    wait_until_written(tree, next);
    drop(carbon);
    let after: Vec<_> = NAMES
        .map(|name| fs::read(file_of(tree, name)).unwrap().len())
        .to_vec();
    assert_eq!(before, after);
    for name in NAMES {
        assert_eq!(
            fetched(tree, name, next - 1, next + 9).get(&next),
            Some(&7.0),
            "{name}"
        );
    }
}

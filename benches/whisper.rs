//! The whisper engine under load, measured on the real binary: CPU and bytes written a point.
//!
//! ```text
//! cargo bench --bench whisper
//! cargo bench --bench whisper -- --series 20000 --steps 60 --set storage.whisper.write_delay_max=10s
//! ```
//!
//! A daemon with an empty tree gets every series of one step, then of the next, over one TCP
//! connection, until it has them all; then it is stopped, which writes everything to the files and
//! syncs what the journal needs. What the process used from start to end is printed as one JSON object, user
//! and system time of all threads, and the bytes that it caused to be written, creation of the files
//! included. At last some files are read back with their header and compared.

#![allow(
    clippy::unwrap_used,
    reason = "a measurement that cannot go on is over"
)]

use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clap::Parser;
use plumbago_storage_format::whisper::{Dialect, Header};
use rustix::process::{Pid, Signal};

const STEP_S: i64 = 10;
const POLL: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(600);

/// Load of one step after another on a new tree.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many series.
    #[arg(long, default_value_t = 20_000)]
    series: usize,
    /// How many steps of ten seconds.
    #[arg(long, default_value_t = 60)]
    steps: usize,
    /// Milliseconds from one step to the next; 0 sends as fast as the daemon reads.
    #[arg(long, default_value_t = 0)]
    pause_ms: u64,
    /// Settings of the daemon, as in `plumbago serve --set`.
    #[arg(long = "set")]
    sets: Vec<String>,
    /// Where the data folder is made.
    #[arg(long)]
    folder: Option<PathBuf>,
    /// What cargo adds.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    let arguments = Arguments::parse();
    let folder = match &arguments.folder {
        Some(folder) => tempfile::tempdir_in(folder),
        None => tempfile::tempdir(),
    };
    let folder = folder.unwrap();
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs() as i64;
    let last = now - now % STEP_S;
    let first = last - (arguments.steps as i64 - 1) * STEP_S;
    let mut daemon = start(&arguments, folder.path());
    let ready = wait_until_ready(folder.path());
    let started = Instant::now();
    send(
        &arguments,
        ready["receivers"]["tcp"].as_str().unwrap(),
        first,
    );
    let points = (arguments.series * arguments.steps) as f64;
    let api = ready["api"].as_str().unwrap();
    let stored = wait_until_stored(api, points);
    let seconds_until_stored = started.elapsed().as_secs_f64();
    let pid = Pid::from_child(&daemon);
    rustix::process::kill_process(pid, Signal::TERM).unwrap();
    let usage = wait_for_end(&mut daemon);
    check(&arguments, folder.path(), first);
    let each = |amount: f64| amount / stored;
    let report = serde_json::json!({
        "series": arguments.series,
        "steps": arguments.steps,
        "points": points,
        "points_per_second_accepted": points / seconds_until_stored,
        "points_per_second_until_written": points / started.elapsed().as_secs_f64(),
        "cpu_us_per_point": each(usage.user_us + usage.system_us),
        "cpu_user_us_per_point": each(usage.user_us),
        "cpu_system_us_per_point": each(usage.system_us),
        "bytes_written_per_point": each(usage.bytes_written),
    });
    println!("{}", serde_json::to_string_pretty(&report).unwrap());
}

fn start(arguments: &Arguments, folder: &Path) -> Child {
    let schemas = folder.join("storage-schemas.conf");
    fs::write(&schemas, "[all]\npattern = .*\nretentions = 10s:6h,1m:7d\n").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_plumbago"));
    command
        .arg("serve")
        .arg("--ready-file")
        .arg(folder.join("ready.json"));
    let sets = [
        "storage.engine=whisper".to_owned(),
        format!("storage.path={}", folder.join("data").display()),
        format!("storage.schemas_file={}", schemas.display()),
        "receiver.tcp.listen=127.0.0.1:0".to_owned(),
        "receiver.udp.enabled=false".to_owned(),
        "api.listen=127.0.0.1:0".to_owned(),
        "telemetry.interval=0s".to_owned(),
        "shutdown.phase_deadline=5m".to_owned(),
    ];
    for set in sets.iter().chain(&arguments.sets) {
        command.arg("--set").arg(set);
    }
    let log = fs::File::create(folder.join("log")).unwrap();
    command.stdin(Stdio::null()).stderr(log).spawn().unwrap()
}

fn wait_until_ready(folder: &Path) -> serde_json::Value {
    wait_for("the daemon to be ready", || {
        let text = fs::read(folder.join("ready.json")).ok()?;
        serde_json::from_slice(&text).ok()
    })
}

fn name(series: usize) -> String {
    format!("load.host{:05}.metric{:02}", series / 20, series % 20)
}

fn value(series: usize, step: usize) -> f64 {
    (series % 1000) as f64 + step as f64 * 0.25
}

fn send(arguments: &Arguments, address: &str, first: i64) {
    let mut stream = TcpStream::connect(address).unwrap();
    let mut lines = Vec::new();
    for step in 0..arguments.steps {
        lines.clear();
        for series in 0..arguments.series {
            let time = first + step as i64 * STEP_S;
            writeln!(lines, "{} {} {time}", name(series), value(series, step)).unwrap();
        }
        stream.write_all(&lines).unwrap();
        std::thread::sleep(Duration::from_millis(arguments.pause_ms));
    }
}

fn wait_until_stored(api: &str, points: f64) -> f64 {
    wait_for("all points to be stored", || {
        let url = format!("http://{api}/metrics");
        let metrics = ureq::get(&url)
            .call()
            .ok()?
            .body_mut()
            .read_to_string()
            .ok()?;
        let stored = metrics.lines().filter_map(|line| {
            let rest = line.strip_prefix("plumbago_store_points_stored_total")?;
            rest.rsplit(' ').next()?.parse::<f64>().ok()
        });
        let stored: f64 = stored.sum();
        (stored >= points).then_some(stored)
    })
}

/// What a process used in all.
struct Usage {
    user_us: f64,
    system_us: f64,
    bytes_written: f64,
}

/// Waits for the end; the children of this process are the daemon alone.
fn wait_for_end(daemon: &mut Child) -> Usage {
    let io = PathBuf::from(format!("/proc/{}/io", daemon.id()));
    let mut bytes_written = 0.0;
    let status = wait_for("the daemon to end", || {
        // Its last moments write nothing: the journal is gone by then.
        if let Ok(text) = fs::read_to_string(&io) {
            bytes_written = number_after(&text, "write_bytes:").unwrap_or(bytes_written);
        }
        daemon.try_wait().unwrap()
    });
    assert!(status.success(), "the daemon ended with {status}");
    let (user_us, system_us) = children_times_us();
    Usage {
        user_us,
        system_us,
        bytes_written,
    }
}

/// User and system time of the children that have ended, by `/proc/self/stat`.
fn children_times_us() -> (f64, f64) {
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    let fields: Vec<&str> = fields.split(' ').collect();
    let us = |field: usize| fields[field].parse::<f64>().unwrap() / TICKS_PER_SECOND * 1e6;
    (us(13), us(14))
}

fn number_after(text: &str, key: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    line.trim().parse().ok()
}

/// Every hundredth file holds what was sent.
fn check(arguments: &Arguments, folder: &Path, first: i64) {
    let last = first + (arguments.steps as i64 - 1) * STEP_S;
    for series in (0..arguments.series).step_by(100) {
        let relative = format!("data/whisper/{}.wsp", name(series).replace('.', "/"));
        let bytes = fs::read(folder.join(relative)).unwrap();
        let header = Header::parse(&bytes, Dialect::Reference).unwrap();
        let points = header.points(&bytes, 0, last).unwrap();
        let expected = (0..arguments.steps).map(|step| {
            let time = first + step as i64 * STEP_S;
            (time, value(series, step))
        });
        assert_eq!(points, expected.collect::<Vec<_>>(), "{}", name(series));
    }
}

fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} for {what}");
        std::thread::sleep(POLL);
    }
}

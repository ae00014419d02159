//! Load, end to end: sends many series over several TCP connections into a daemon, waits until
//! every point can be read back, and reports what that cost as JSON.
//!
//! `cargo bench --bench load` starts a daemon of its own on a temporary folder with ports chosen by the
//! system. `-- --help` lists the sizes, and how to point it at a daemon that runs already. It ends with
//! a failure when a point is missing or wrong.
//!
//! `-- --queries 50` has so many clients ask heavy questions over all series meanwhile; their CPU time is then
//! part of the server's. `-- --series 500 --step 60 --backfill-days 90` sends months of history instead.
//!
//! The generator is made to be cheap, so that on a small machine the figures are the daemon's: all
//! lines are formatted beforehand and only the ten digits of the time and the last digits of the value are
//! written anew for each step. Server CPU comes from `/proc/PID/stat` (user and system, all threads),
//! from before the first byte until after the store has been synced; bytes written from
//! `/proc/PID/io`, memory from `/proc/PID/smaps_rollup`.

#![allow(missing_docs)]

mod check;
mod daemon;
mod generator;
mod queries;
mod usage;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clap::Parser;
use serde::Serialize;

use daemon::Daemon;
use generator::Load;
use queries::{Answers, Queries};
use usage::Usage;

/// Anything that ends the run is said in one line.
type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// How much to send, and where.
#[derive(Debug, Parser)]
#[command(name = "load")]
struct Arguments {
    /// Series to send.
    #[arg(long, default_value_t = 100_000)]
    series: usize,
    /// Points of each series.
    #[arg(long, default_value_t = 60)]
    steps: usize,
    /// Seconds between two points of a series.
    #[arg(long, default_value_t = 10)]
    step: i64,
    /// Send so many days of history up to now instead of --steps, the series one after the other in
    /// random order, each with its oldest point first.
    #[arg(long, value_name = "DAYS")]
    backfill_days: Option<i64>,
    /// TCP connections that send side by side, each its own share of the series.
    #[arg(long, default_value_t = 4)]
    connections: usize,
    /// Seconds to wait after the last point is stored, so that syncs and write-back are counted.
    #[arg(long, default_value_t = 3.0)]
    settle: f64,
    /// Clients that ask heavy questions over all series while points are sent.
    #[arg(long, default_value_t = 0)]
    queries: usize,
    /// Further settings for the daemon that is started, as in `serve --set`.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    sets: Vec<String>,
    /// The daemon to start; the one built with this tool by default.
    #[arg(long, value_name = "PATH")]
    binary: Option<PathBuf>,
    /// Keep data here instead of in a temporary folder.
    #[arg(long, value_name = "PATH")]
    data: Option<PathBuf>,
    /// Use a running daemon: its plaintext port. Needs --api and --pid as well; new series must get
    /// an archive of --step seconds there.
    #[arg(long, value_name = "HOST:PORT", requires_all = ["api", "pid"])]
    connect: Option<String>,
    /// The running daemon's HTTP address.
    #[arg(long, value_name = "HOST:PORT")]
    api: Option<String>,
    /// The running daemon's process number.
    #[arg(long)]
    pid: Option<u32>,
    /// What `cargo bench` passes to every bench.
    #[arg(long, hide = true)]
    bench: bool,
}

/// What is printed.
#[derive(Debug, Serialize)]
struct Report {
    series: usize,
    steps: usize,
    connections: usize,
    points: u64,
    seconds_until_sent: f64,
    seconds_until_stored: f64,
    points_per_second: f64,
    server_cpu_us_per_point: f64,
    server_cpu_user_us_per_point: f64,
    server_cpu_system_us_per_point: f64,
    bytes_written_per_point: f64,
    anonymous_bytes_before: u64,
    anonymous_bytes_after: u64,
    anonymous_bytes_per_series: f64,
    resident_bytes_after: u64,
    /// The most that was seen in samples until all was stored.
    anonymous_bytes_peak: u64,
    queries_answered: u64,
    queries_refused: u64,
    queries_failed: u64,
    points_missing: u64,
    points_wrong: u64,
    seconds_to_read_back: f64,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(report) => {
            let json = serde_json::to_string_pretty(&report);
            println!("{}", json.expect("numbers have a JSON form"));
            let is_whole = report.points_missing == 0
                && report.points_wrong == 0
                && report.queries_failed == 0;
            ExitCode::from(u8::from(!is_whole))
        }
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Outcome<Report> {
    let daemon = Daemon::of(arguments)?;
    let load = Load {
        series: arguments.series,
        steps: arguments.steps(),
        step: arguments.step,
        first: first_step(arguments)?,
        is_history: arguments.backfill_days.is_some(),
    };
    // The idle daemon's first housekeeping is not the load's cost.
    std::thread::sleep(Duration::from_millis(500));
    let stored_before = daemon.points_stored()?;
    let before = Usage::of(daemon.pid())?;
    let watch = usage::Watch::start(daemon.pid());
    let started = Instant::now();
    let queries = (arguments.queries > 0).then(|| Queries::start(arguments.queries, &daemon));
    generator::send(&load, daemon.plaintext(), arguments.connections)?;
    let seconds_until_sent = started.elapsed().as_secs_f64();
    daemon.wait_until_stored(stored_before + load.points())?;
    let seconds_until_stored = started.elapsed().as_secs_f64();
    let answers = queries.map_or_else(Answers::default, Queries::finish);
    let anonymous_bytes_peak = watch.stop();
    std::thread::sleep(Duration::from_secs_f64(arguments.settle));
    let after = Usage::of(daemon.pid())?;

    let reading = Instant::now();
    let found = check::read_back(&load, daemon.api())?;
    let seconds_to_read_back = reading.elapsed().as_secs_f64();
    daemon.stop()?;

    let points = load.points();
    let each = |total: f64| total / points as f64;
    let user_us = (after.user_seconds - before.user_seconds) * 1e6;
    let system_us = (after.system_seconds - before.system_seconds) * 1e6;
    Ok(Report {
        series: load.series,
        steps: load.steps,
        connections: arguments.connections,
        points,
        seconds_until_sent,
        seconds_until_stored,
        points_per_second: points as f64 / seconds_until_stored,
        server_cpu_us_per_point: each(user_us + system_us),
        server_cpu_user_us_per_point: each(user_us),
        server_cpu_system_us_per_point: each(system_us),
        bytes_written_per_point: each((after.bytes_written - before.bytes_written) as f64),
        anonymous_bytes_before: before.anonymous_bytes,
        anonymous_bytes_after: after.anonymous_bytes,
        anonymous_bytes_per_series: after.anonymous_bytes as f64 / load.series as f64,
        resident_bytes_after: after.resident_bytes,
        anonymous_bytes_peak: anonymous_bytes_peak.max(answers.anonymous_bytes_peak),
        queries_answered: answers.answered,
        queries_refused: answers.refused,
        queries_failed: answers.failed,
        points_missing: found.missing,
        points_wrong: found.wrong,
        seconds_to_read_back,
    })
}

/// The time of the first step, so that the last one is the current one.
fn first_step(arguments: &Arguments) -> Outcome<i64> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs() as i64;
    let last = now - now.rem_euclid(arguments.step);
    Ok(last - (arguments.steps() as i64 - 1) * arguments.step)
}

impl Arguments {
    /// Points of each series.
    fn steps(&self) -> usize {
        let days = self.backfill_days;
        days.map_or(self.steps, |days| (days * 86_400 / self.step) as usize)
    }

    /// Days that the daemon keeps: a day more than what is sent.
    fn retention_days(&self) -> i64 {
        self.backfill_days.map_or(1, |days| days + 1)
    }
}

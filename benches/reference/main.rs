//! The daemon against graphite-web from PyPI, over HTTP, on the same Whisper files, in one run; and a
//! dashboard's refresh against its first query.
//!
//! ```text
//! tests/install.sh
//! cargo bench --bench reference
//! cargo bench --bench reference -- --without-reference
//! ```
//!
//! Eleven thousand full files are written and imported into a data folder; both servers answer the
//! same requests in turns, and the answers are compared value by value. `noCache` keeps the caches of
//! both out of the first table. Times are the least of several runs, from the request to the last byte,
//! of answers that are not compressed, but for one that says so.
//! The run fails when an answer differs, or a limit of the last column is passed.

#![allow(missing_docs)]

mod answers;
mod servers;
mod tree;

use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Parser;
use servers::{Coding, Server};
use tree::STEP;

/// Anything that ends the run is said in one line.
type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// At most this share of graphite-web's time.
const SHARE_MAX: f64 = 1.0 / 20.0;
/// At most this share of a first query's time for a refresh.
const REFRESH_SHARE_MAX: f64 = 1.0 / 10.0;
/// Refreshes, and first queries beside them: a refresh is so short that a few runs say little.
const REFRESHES: i64 = 25;
/// Seconds for which refreshes follow the clock; the data ends so much before now.
const REFRESHES_S: i64 = (REFRESHES + 1) * STEP;

#[derive(Debug, Parser)]
#[command(name = "reference")]
struct Arguments {
    /// Runs of the daemon for each question of the first table; graphite-web gets one or two.
    #[arg(long, default_value_t = 7)]
    runs: usize,
    /// Leave graphite-web out.
    #[arg(long)]
    without_reference: bool,
    /// Cargo says this to every bench.
    #[arg(long, hide = true)]
    bench: bool,
}

/// One question.
struct Case {
    name: &'static str,
    targets: Vec<String>,
    /// Seconds back from the end.
    length: i64,
    points_max: Option<&'static str>,
}

fn case(name: &'static str, target: &str, length: i64, points_max: Option<&'static str>) -> Case {
    Case {
        name,
        targets: vec![target.to_owned()],
        length,
        points_max,
    }
}

const DAY: i64 = 86_400;

fn cases() -> Vec<Case> {
    vec![
        case(
            "sumSeries, 1,000 series x 24 h",
            "sumSeries(day.*.*.cpu)",
            DAY,
            Some("1000"),
        ),
        dashboard(),
        case(
            "groupByNode, 10,000 series",
            "groupByNode(hour.*.*.cpu,1,'sum')",
            3_600,
            Some("1000"),
        ),
        case(
            "movingMedian, 25 series x 24 h",
            "movingMedian(day.rack07.*.cpu,60)",
            DAY,
            Some("1000"),
        ),
        case(
            "aliasSub wrapping, 10,000 series",
            r#"aliasSub(hour.*.*.cpu,"(^.*$)","\1 A")"#,
            600,
            Some("1000"),
        ),
        case(
            // 125 series.
            "json of 1 M points",
            "day.rack0[0-4].*.cpu",
            DAY,
            None,
        ),
    ]
}

/// Two hundred targets, each of 25 series, as panels of a rack are.
fn dashboard() -> Case {
    let target = |number: usize| {
        let rack = number % 40;
        match number / 40 {
            0 => format!("sumSeries(day.rack{rack:02}.*.cpu)"),
            1 => format!("averageSeries(day.rack{rack:02}.*.cpu)"),
            2 => format!("maxSeries(day.rack{rack:02}.*.cpu)"),
            3 => format!("scale(sumSeries(day.rack{rack:02}.*.cpu),0.01)"),
            _ => format!("alias(minSeries(day.rack{rack:02}.*.cpu),'least')"),
        }
    };
    Case {
        name: "dashboard of 200 targets x 24 h",
        targets: (0..200).map(target).collect(),
        length: DAY,
        points_max: Some("1000"),
    }
}

impl Case {
    fn ask(
        &self,
        server: &Server,
        end: i64,
        is_fresh: bool,
        coding: Coding,
    ) -> Outcome<(Duration, Vec<u8>)> {
        let (from, until) = ((end - self.length).to_string(), end.to_string());
        let mut form: Vec<(&str, &str)> =
            vec![("format", "json"), ("from", &from), ("until", &until)];
        form.extend(
            self.targets
                .iter()
                .map(|target| ("target", target.as_str())),
        );
        form.extend(self.points_max.map(|points| ("maxDataPoints", points)));
        if is_fresh {
            form.push(("noCache", "1"));
        }
        server.render(&form, coding)
    }

    /// The least time of several runs, and the answer.
    fn measure(
        &self,
        server: &Server,
        end: i64,
        runs: usize,
        coding: Coding,
    ) -> Outcome<(Duration, Vec<u8>)> {
        let mut best = self.ask(server, end, true, coding)?;
        for _ in 1..runs {
            let next = self.ask(server, end, true, coding)?;
            if next.0 < best.0 {
                best = next;
            }
        }
        Ok(best)
    }
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("reference: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Outcome<bool> {
    let folder = tempfile::TempDir::with_prefix("plumbago-reference-")?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs() as i64;
    let newest = now - now % STEP;
    tree::write(&folder.path().join("whisper"), newest)?;
    let end = newest - REFRESHES_S;
    let own = Server::plumbago(folder.path())?;
    let mut is_good = true;
    if !arguments.without_reference {
        is_good &= compare(arguments, &own, &Server::graphite_web(folder.path())?, end)?;
    }
    is_good &= refresh(&own, end)?;
    memory(&own)?;
    Ok(is_good)
}

fn compare(arguments: &Arguments, own: &Server, reference: &Server, end: i64) -> Outcome<bool> {
    println!(
        "{:34} {:>12} {:>14} {:>8} {:>8}",
        "", "plumbago ms", "graphite-web ms", "ratio", "limit"
    );
    let mut is_good = true;
    for case in cases() {
        let (own_time, own_answer) = case.measure(own, end, arguments.runs, Coding::Plain)?;
        let (mut time, answer) = case.ask(reference, end, true, Coding::Plain)?;
        if time < Duration::from_secs(20) {
            time = time.min(case.ask(reference, end, true, Coding::Plain)?.0);
        }
        answers::compare(&own_answer, &answer)
            .map_err(|error| format!("{}: {error}", case.name))?;
        is_good &= line(case.name, own_time, time, SHARE_MAX);
    }
    Ok(is_good)
}

/// Every refresh is ten seconds later than the one before, as a dashboard's is.
fn refresh(own: &Server, end: i64) -> Outcome<bool> {
    println!(
        "\n{:34} {:>12} {:>14} {:>8} {:>8}",
        "", "refresh ms", "first query ms", "ratio", "limit"
    );
    let mut is_good = true;
    let mut all = cases();
    all.retain(|case| case.length == DAY && case.points_max.is_some());
    for case in all {
        if case.targets.len() == 1 {
            is_good &= refresh_case(&case, own, end, Coding::Plain, 1.0)?;
            continue;
        }
        for coding in [Coding::Plain, Coding::Gzip] {
            is_good &= refresh_case(&case, own, end, coding, REFRESH_SHARE_MAX)?;
        }
    }
    Ok(is_good)
}

fn refresh_case(case: &Case, own: &Server, end: i64, coding: Coding, limit: f64) -> Outcome<bool> {
    let (cold, _) = case.measure(own, end, REFRESHES as usize, coding)?;
    case.ask(own, end, false, coding)?;
    // One after the other, as a dashboard asks; the answers are compared when none is timed any more.
    let mut best = Duration::MAX;
    let mut answers = Vec::new();
    for number in 1..=REFRESHES {
        let later = end + number * STEP;
        let (time, answer) = case.ask(own, later, false, coding)?;
        best = best.min(time);
        answers.push((later, answer));
    }
    for (later, answer) in answers {
        let (_, fresh) = case.ask(own, later, true, coding)?;
        if coding.expand(answer)? != coding.expand(fresh)? {
            return Err(format!("{}: a refresh differs from a first query", case.name).into());
        }
    }
    let name = match coding {
        Coding::Plain => case.name.to_owned(),
        Coding::Gzip => format!("{}, gzip", case.name),
    };
    Ok(line(&name, best, cold, limit))
}

fn line(name: &str, own: Duration, other: Duration, limit: f64) -> bool {
    let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
    let ratio = own.as_secs_f64() / other.as_secs_f64();
    let verdict = if ratio <= limit { "" } else { "  TOO MUCH" };
    println!(
        "{name:34} {:>12.1} {:>14.1} {:>8} {:>8}{verdict}",
        milliseconds(own),
        milliseconds(other),
        format!("1/{:.1}", 1.0 / ratio),
        format!("1/{:.0}", 1.0 / limit)
    );
    ratio <= limit
}

/// What the daemon holds after all of it.
fn memory(own: &Server) -> Outcome<()> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", own.pid()))?;
    println!();
    for key in ["VmHWM", "RssAnon"] {
        let value = status
            .lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
        println!("{key:8} {}", value.unwrap_or("unknown").trim());
    }
    Ok(())
}

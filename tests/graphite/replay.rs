//! The recorded cases through HTTP, on each engine, judged by the corpus' own checker.
//!
//! The checker's table, with passed and failed for each function and group, is written to
//! `target/conformance/ENGINE.txt`. A case may only fail when `../conformance/divergences.txt` says why.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::daemon::Home;
use crate::subject;

/// The files whose cases do not write, then the one whose cases do.
const READING: [&str; 3] = [
    "cases-render-functions.jsonl",
    "cases-render-topics.jsonl",
    "cases-metadata.jsonl",
];
const WRITING: &str = "cases-stateful.jsonl";

#[test]
fn every_case_is_answered_by_strata() {
    let Some(corpus) = subject::corpus() else {
        return;
    };
    let home = Home::new();
    subject::on_strata(&corpus, &home).stop();
    replay(&corpus, &home, &[], "strata");
}

/// Starts of a daemon until it answers within the second that its clock was told.
const STARTS_MAX: usize = 5;

fn replay(corpus: &Path, home: &Home, sets: &[&str], engine: &str) {
    let files = |names: &[&str]| -> Vec<String> {
        let paths = names.iter().map(|name| subject::file(corpus, name));
        paths.collect()
    };
    let report = |part: &str| format!("{engine}{part}");
    let frozen = [home.write("frozen.jsonl", &frozen_cases(corpus))];
    let mut wrong = Vec::new();
    for _ in 0..STARTS_MAX {
        let daemon = subject::start(home, sets);
        wrong = ask(
            corpus,
            &daemon.url(""),
            home,
            &report("-clock"),
            &frozen,
            &[],
        );
        daemon.stop();
        if wrong.is_empty() {
            break;
        }
    }
    let daemon = subject::start(home, sets);
    let mut ask = |part: &str, names: &[&str], options: &[&str]| {
        let (base, report) = (daemon.url(""), report(part));
        wrong.extend(ask(corpus, &base, home, &report, &files(names), options));
    };
    ask("", &READING, &["--skip-frozen"]);
    ask("-stateful", &[WRITING], &[]);
    daemon.stop();
    assert!(wrong.is_empty(), "{engine}: {}", wrong.join("\n"));
}

/// The lines of the cases that only a standing clock answers as recorded; so few are read and asked
/// within the second that the checker's tolerance leaves.
fn frozen_cases(corpus: &Path) -> String {
    let texts = READING.map(|name| std::fs::read_to_string(subject::file(corpus, name)).unwrap());
    let is_frozen =
        |line: &&str| serde_json::from_str::<Value>(line).unwrap()["frozen_clock"] == true;
    let lines = texts.iter().flat_map(|text| text.lines());
    lines
        .filter(is_frozen)
        .map(|line| format!("{line}\n"))
        .collect()
}

/// Asks the cases of some files; what is not as expected.
pub(crate) fn ask(
    corpus: &Path,
    base: &str,
    home: &Home,
    report: &str,
    files: &[String],
    options: &[&str],
) -> Vec<String> {
    let failures = home.path("failures.json").display().to_string();
    let mut arguments = vec!["--base-url", base, "--failures", &failures, "--show", "0"];
    arguments.extend(options);
    arguments.push("--cases");
    arguments.extend(files.iter().map(String::as_str));
    let table = subject::check(corpus, &arguments, true);
    write_report(report, &table);
    let failures = std::fs::read_to_string(failures).unwrap();
    let failures: Vec<Value> = serde_json::from_str(&failures).unwrap();
    let on_purpose = divergences();
    let failures = failures.iter().filter_map(|failure| {
        let id = failure["id"].as_str()?;
        let reason = failure["reason"].as_str().unwrap_or_default();
        (!on_purpose.contains(id)).then(|| format!("{id}: {}\n    {reason}", failure["url"]))
    });
    failures.collect()
}

/// Writes the table to a file and prints its last line.
fn write_report(name: &str, table: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/conformance");
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join(format!("{name}.txt"));
    std::fs::write(&path, table).unwrap();
    let total = table.lines().find(|line| line.starts_with("TOTAL"));
    println!(
        "{name}: {} ({})",
        total.unwrap_or("no total"),
        path.display()
    );
}

fn divergences() -> BTreeSet<&'static str> {
    let lines = include_str!("../conformance/divergences.txt").lines();
    let entries = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    entries.filter_map(|line| line.split(' ').next()).collect()
}

//! The recorded cases through HTTP, on each engine, judged by the corpus' own checker.
//!
//! The checker's table, with passed and failed for each function and group, is written to
//! `target/conformance/ENGINE.txt`. A case may only fail when `../conformance/divergences.txt` says why.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::daemon::{Home, wait_for};
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

#[test]
fn every_case_is_answered_by_whisper() {
    let Some(corpus) = subject::corpus() else {
        return;
    };
    let home = Home::new();
    let tree = home.path("whisper");
    subject::unpack_whisper(&corpus, &tree);
    let sets = [
        "storage.engine=whisper".to_owned(),
        format!("storage.whisper.path={}", tree.display()),
    ];
    let sets = sets.each_ref().map(String::as_str);
    load_events_and_tags(&corpus, &home, &sets);
    // The walk of the tree takes the files of the names that are registered now.
    let daemon = subject::start(&home, &sets);
    wait_for("the tagged files", || {
        let found = daemon
            .get_json("/render?target=seriesByTag('name=requests')&format=json&now=1750000000");
        (found.as_array().unwrap().len() == 12).then_some(())
    });
    daemon.stop();
    replay(&corpus, &home, &sets, "whisper");
}

#[test]
fn every_case_is_answered_by_strata_after_an_import() {
    let Some(corpus) = subject::corpus() else {
        return;
    };
    let home = Home::new();
    let tree = home.path("whisper");
    subject::unpack_whisper(&corpus, &tree);
    subject::import(&corpus, &home, &tree);
    load_events_and_tags(&corpus, &home, &[]);
    replay(&corpus, &home, &[], "strata-imported");
}

fn load_events_and_tags(corpus: &Path, home: &Home, sets: &[&str]) {
    let daemon = subject::start(home, sets);
    subject::load_events(corpus, &daemon.url(""));
    subject::load_tags(corpus, &daemon.url(""));
    daemon.stop();
}

/// Answers are kept for an hour and every case is asked twice: the second answer is a kept one, made into
/// the format that is asked for as the first was. Media types are compared too.
#[test]
fn every_case_is_answered_alike_from_what_is_kept() {
    let Some(corpus) = subject::corpus() else {
        return;
    };
    let home = Home::new();
    subject::on_strata(&corpus, &home).stop();
    let daemon = subject::start(&home, &["api.response_cache=1h"]);
    let hits = || daemon.metric("plumbago_cache_hits_total", "cache=\"response\"");
    let files = READING.map(|name| subject::file(&corpus, name));
    let options = ["--skip-frozen", "--strict-content-type"];
    for report in ["strata-fresh", "strata-kept"] {
        let before = hits();
        let base = daemon.url("");
        let wrong = ask(&corpus, &base, &home, report, &files, &options);
        assert!(wrong.is_empty(), "{report}: {}", wrong.join("\n"));
        println!("{report}: {} answers were kept ones", hits() - before);
    }
    assert!(hits() > 1_000.0, "{} answers were kept ones", hits());
    daemon.stop();
}

/// Asks all files of cases; those that write come last.
fn replay(corpus: &Path, home: &Home, sets: &[&str], engine: &str) {
    let daemon = subject::start(home, sets);
    let files = |names: &[&str]| -> Vec<String> {
        let paths = names.iter().map(|name| subject::file(corpus, name));
        paths.collect()
    };
    let frozen = [home.write("frozen.jsonl", &frozen_cases(corpus))];
    let mut wrong = Vec::new();
    let mut ask = |part: &str, files: &[String], options: &[&str]| {
        let (base, report) = (daemon.url(""), format!("{engine}{part}"));
        wrong.extend(ask(corpus, &base, home, &report, files, options));
    };
    ask("-clock", &frozen, &[]);
    ask("", &files(&READING), &["--skip-frozen"]);
    ask("-stateful", &files(&[WRITING]), &[]);
    daemon.stop();
    assert!(wrong.is_empty(), "{engine}: {}", wrong.join("\n"));
}

/// The cases that only a standing clock answers as recorded. The daemon's runs, so renders that do not
/// say what time it is are told.
fn frozen_cases(corpus: &Path) -> String {
    let texts = READING.map(|name| std::fs::read_to_string(subject::file(corpus, name)).unwrap());
    let lines = texts.iter().flat_map(|text| text.lines());
    let frozen = lines.filter(|line| line.contains("\"frozen_clock\""));
    let told = frozen.map(|line| {
        let mut case: Value = serde_json::from_str(line).unwrap();
        if case["endpoint"] == "/render" && case["params"].get("now").is_none() {
            case["params"]["now"] = subject::NOW.to_string().into();
        }
        format!("{case}\n")
    });
    told.collect()
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

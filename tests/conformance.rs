//! Every `/render` case of the conformance corpus against the engine, without a daemon.
//!
//! The corpus is looked for in `../shared/conformance` beside the project, or where the variable
//! `PLUMBAGO_CONFORMANCE` says. Without it this test fails, because nothing was shown; set the variable
//! to `none` to go without. Variables that choose cases, for those who write functions:
//!
//! - `FUNCTION=scale,offset`: only cases that use one of these;
//! - `CASE=render/timespec`: only cases whose id contains this.
//!
//! ```text
//! FUNCTION=scale cargo test --test conformance -- --nocapture
//! ```
//!
//! `tests/conformance/divergences.txt` lists the cases in which the answer differs on purpose, each
//! with its reason; a case there that passes is reported as well, so that the list can only be right. Its
//! headings are the rows of README.md's compatibility page.

#[path = "conformance/compare.rs"]
mod compare;
#[path = "conformance/corpus.rs"]
mod corpus;
#[path = "conformance/fixture.rs"]
mod fixture;
#[path = "conformance/request.rs"]
mod request;
#[path = "conformance/signatures.rs"]
mod signatures;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use corpus::{Case, Corpus};
use plumbago::evaluate::{Engine, ErrorKind};
use plumbago::functions::registry;
use rayon::prelude::*;

/// Failures that are printed with their first difference.
const FAILURES_SHOWN: usize = 40;

/// What became of a case.
enum Outcome {
    Passed,
    Failed(String),
    /// It uses a function that is not registered.
    Missing(String),
}

#[test]
fn corpus_is_answered_as_graphite_does_from_memory() {
    if let Some(corpus) = Corpus::locate() {
        check(&corpus, &fixture::in_memory(&corpus));
    }
}

#[test]
fn corpus_is_answered_as_graphite_does_from_strata() {
    if let Some(corpus) = Corpus::locate() {
        let (engine, _folder) = fixture::on_strata(&corpus);
        check(&corpus, &engine);
    }
}

/// From the files that the reference recorded its answers on, as they are.
#[test]
fn corpus_is_answered_as_graphite_does_from_its_own_whisper_files() {
    if let Some(corpus) = Corpus::locate() {
        let (engine, _folder) = fixture::on_whisper(&corpus);
        check(&corpus, &engine);
    }
}

/// From files that the engine made itself, and from points that are not in their files yet.
#[test]
fn corpus_is_answered_as_graphite_does_from_whisper_files_of_ours() {
    if let Some(corpus) = Corpus::locate() {
        for is_written in [false, true] {
            let (engine, _folder) = fixture::into_whisper(&corpus, is_written);
            check(&corpus, &engine);
        }
    }
}

#[test]
fn readme_and_the_list_tell_of_the_same_divergences() {
    let readme = include_str!("../README.md").lines();
    let table = readme.skip_while(|line| !line.starts_with("| what | the reference |"));
    let rows = table.skip(2).map_while(|line| line.strip_prefix("| "));
    let rows: Vec<_> = rows.filter_map(|row| row.split(" | ").next()).collect();
    assert!(!rows.is_empty(), "README.md has no table of divergences");
    let list = include_str!("conformance/divergences.txt");
    let headings = list.lines().filter_map(|line| line.strip_prefix("## "));
    assert_eq!(headings.collect::<Vec<_>>(), rows);
    for section in list.split("\n## ").skip(1) {
        assert!(
            section.lines().filter(|line| !line.is_empty()).count() > 1,
            "neither a case nor why there is none: {section}"
        );
    }
}

#[test]
fn cases_that_differ_on_purpose_are_in_the_corpus() {
    let Some(corpus) = Corpus::locate() else {
        return;
    };
    let known = corpus.ids();
    let listed = corpus::divergences();
    let unknown: Vec<_> = listed.keys().filter(|id| !known.contains(**id)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

/// Each case is asked again, when results of it are kept and only the end of its window is computed.
#[test]
fn corpus_is_answered_as_graphite_does_from_kept_results() {
    if let Some(corpus) = Corpus::locate() {
        let (engine, _folder) = fixture::on_strata(&corpus);
        let engine = engine.with_cache(256 << 20);
        for _ in 0..2 {
            check(&corpus, &engine);
        }
        let numbers = engine.cache_numbers();
        assert!(numbers.hits > 100, "{numbers:?}");
    }
}

fn check(corpus: &Corpus, engine: &Engine) {
    let cases = corpus.render_cases();
    assert!(!cases.is_empty(), "no case was chosen");
    let outcomes: Vec<Outcome> = cases.par_iter().map(|case| run(engine, case)).collect();
    let wrong = report(&cases, &outcomes);
    let (wrong, total) = (wrong.len(), cases.len());
    assert_eq!(wrong, 0, "{wrong} of {total} cases are not as expected");
}

fn run(engine: &Engine, case: &Case) -> Outcome {
    let policy = case.policy();
    // Names that the registry will never have are cases of unknown functions.
    let missing = case
        .functions()
        .find(|name| corpus::is_known_name(name) && registry::find(name).is_none());
    if let Some(missing) = missing {
        return Outcome::Missing(missing.to_owned());
    }
    match answer(engine, case) {
        Ok(got) => match case.judge_answer(&got) {
            None => Outcome::Passed,
            Some(reason) => Outcome::Failed(reason),
        },
        Err(error) if case.wants_error() => {
            drop(error);
            Outcome::Passed
        }
        Err(_) if policy == "lenient" || policy == "undefined" || policy == "error" => {
            Outcome::Passed
        }
        Err(error) => Outcome::Failed(format!("expected an answer, got the error: {error}")),
    }
}

fn answer(engine: &Engine, case: &Case) -> Result<serde_json::Value, String> {
    let request = request::of(case)?;
    match engine.render(&request.render) {
        Ok(rendered) => Ok(request.print(&rendered.series)),
        Err(error) => {
            assert_ne!(error.kind(), ErrorKind::Store, "{}: {error}", case.id());
            Err(error.to_string())
        }
    }
}

/// Prints a table by group and the first differences; gives the cases that are not as expected.
fn report(cases: &[Case], outcomes: &[Outcome]) -> Vec<String> {
    let divergences = corpus::divergences();
    let mut groups: BTreeMap<&str, [usize; 3]> = BTreeMap::new();
    let mut missing: BTreeMap<&str, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for (case, outcome) in cases.iter().zip(outcomes) {
        let counts = groups.entry(case.group()).or_default();
        let listed = divergences.contains_key(case.id());
        match outcome {
            Outcome::Passed => counts[0] += 1,
            Outcome::Failed(_) => counts[1] += 1,
            Outcome::Missing(name) => {
                counts[2] += 1;
                *missing.entry(name).or_default() += 1;
            }
        }
        match outcome {
            Outcome::Passed if listed => wrong.push(format!(
                "{}: is listed as a divergence and passes",
                case.id()
            )),
            Outcome::Missing(name) => {
                wrong.push(format!("{}: {name} is not registered", case.id()))
            }
            Outcome::Failed(reason) if !listed => {
                wrong.push(format!("{}: {}\n    {reason}", case.id(), case.target()));
            }
            _ => {}
        }
    }
    print_report(&groups, &missing, &wrong);
    wrong
}

fn print_report(
    groups: &BTreeMap<&str, [usize; 3]>,
    missing: &BTreeMap<&str, usize>,
    wrong: &[String],
) {
    let mut table = String::from("passed failed missing group\n");
    let mut sums = [0; 3];
    for (group, counts) in groups {
        for (sum, count) in sums.iter_mut().zip(counts) {
            *sum += count;
        }
        let [passed, failed, missing] = counts;
        let _ = writeln!(table, "{passed:6} {failed:6} {missing:7} {group}");
    }
    let _ = writeln!(table, "{:6} {:6} {:7} in all", sums[0], sums[1], sums[2]);
    println!("{table}");
    if !missing.is_empty() {
        println!("not registered, by the cases that wait for it: {missing:?}");
    }
    for line in wrong.iter().take(FAILURES_SHOWN) {
        println!("{line}");
    }
    if wrong.len() > FAILURES_SHOWN {
        println!("… and {} more", wrong.len() - FAILURES_SHOWN);
    }
}

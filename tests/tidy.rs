//! The house rules that a machine can check: who imports whom, where outside crates and `unsafe`
//! live, and how large files and functions may grow.
//!
//! The tables below are the map. A change that breaks a rule either moves the code or changes the
//! table in the same commit, where a reviewer sees it. Exceptions to sizes are a ratchet: an entry
//! may shrink, and must go once its file or function fits.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "tidy/source.rs"]
mod source;

use std::collections::BTreeSet;

use source::SourceFile;

const FILE_LINES_MAX: usize = 600;
const FUNCTION_LINES_MAX: usize = 70;

/// Files that are longer than the limit, with the lines they may have.
const LONG_FILES: &[(&str, usize)] = &[];

/// Functions that are longer than the limit: file, name, the lines they may have.
const LONG_FUNCTIONS: &[(&str, &str, usize)] = &[];

/// Files that may hold `unsafe` code; each block says why it is sound.
const UNSAFE_HOMES: &[&str] = &[
    // One call into the allocator, to give memory back after heavy queries.
    "src/evaluate/threads.rs",
    "src/receiver/datagrams.rs",
    "src/storage/map.rs",
    // A lease, which no crate here has.
    "src/tool/writers.rs",
];

/// Which rooms a room may import, beside itself. Tests inside a room are free.
const IMPORTS: &[(&str, &[&str])] = &[
    ("metric", &[]),
    ("cache", &[]),
    ("clock", &[]),
    ("telemetry", &["metric"]),
    ("protocol", &["metric"]),
    ("queue", &["metric", "protocol", "telemetry"]),
    (
        "receiver",
        &["metric", "clock", "telemetry", "protocol", "queue"],
    ),
    // It speaks of series as storage defines them, and storage knows nothing of it.
    ("catalog", &["metric", "telemetry", "storage"]),
    ("events", &["telemetry"]),
    ("storage", &["metric", "clock", "telemetry"]),
    (
        "ingest",
        &[
            "metric",
            "clock",
            "telemetry",
            "protocol",
            "queue",
            "catalog",
            "storage",
        ],
    ),
    // It removes and moves series on both roads, and speaks to the workers for it.
    (
        "lifecycle",
        &[
            "metric",
            "clock",
            "telemetry",
            "queue",
            "catalog",
            "storage",
            "ingest",
            "target",
        ],
    ),
    ("target", &["metric"]),
    ("functions", &["metric", "target"]),
    ("fetch", &["metric", "catalog", "storage", "functions"]),
    (
        "plan",
        &[
            "metric",
            "catalog",
            "storage",
            "target",
            "functions",
            "fetch",
        ],
    ),
    (
        "evaluate",
        &[
            "metric",
            "cache",
            "storage",
            "events",
            "target",
            "functions",
            "plan",
            "fetch",
        ],
    ),
    ("format", &["metric", "functions"]),
    (
        "api",
        &[
            "metric",
            "cache",
            "clock",
            "telemetry",
            "catalog",
            "events",
            "storage",
            "lifecycle",
            "target",
            "functions",
            "plan",
            "fetch",
            "evaluate",
            "format",
        ],
    ),
    ("config", &["metric"]),
    // Times on its command line are those of targets.
    (
        "tool",
        &[
            "metric",
            "clock",
            "protocol",
            "config",
            "catalog",
            "events",
            "storage",
            "lifecycle",
            "target",
        ],
    ),
    (
        "daemon",
        &[
            "metric",
            "clock",
            "telemetry",
            "protocol",
            "queue",
            "receiver",
            "catalog",
            "events",
            "storage",
            "ingest",
            // `--at` is written as `from` and `until` are.
            "target",
            "lifecycle",
            "fetch",
            "evaluate",
            "api",
            "config",
            "tool",
        ],
    ),
    ("main", &[]),
    ("lib", &[]),
];

/// Everywhere.
const ANY: &[&str] = &["*"];

/// In which rooms an outside crate may be named. `format-crate` stands for `storage-format/`.
const CRATE_HOMES: &[(&str, &[&str])] = &[
    ("arc_swap", ANY),
    ("axum", &["api"]),
    ("bytes", &["receiver", "protocol", "format", "api"]),
    ("clap", &["daemon", "tool"]),
    ("clap_complete", &["daemon"]),
    ("clap_mangen", &["daemon"]),
    (
        "crc32fast",
        &["format-crate", "catalog", "events", "storage"],
    ),
    ("crossbeam", &["queue", "ingest", "storage"]),
    ("fancy_regex", &["metric", "functions"]),
    ("fast_float2", &["protocol"]),
    ("flate2", &["api", "tool"]),
    ("foldhash", ANY),
    ("hashbrown", ANY),
    ("http_body", &["api"]),
    ("hyper", &["api"]),
    ("hyper_util", &["api"]),
    ("indicatif", &["tool"]),
    ("itoa", &["format"]),
    (
        "jiff",
        &[
            "target",
            "functions",
            "plan",
            "evaluate",
            "format",
            "api",
            "config",
            "daemon",
            "tool",
        ],
    ),
    ("libc", &["receiver", "storage", "tool", "evaluate"]),
    ("memchr", ANY),
    ("memmap2", &["storage"]),
    ("parking_lot", ANY),
    ("parquet", &["tool"]),
    ("plumbago_storage_format", &["catalog", "storage", "tool"]),
    (
        "rayon",
        &["evaluate", "fetch", "functions", "storage", "tool"],
    ),
    (
        "regex",
        &["metric", "functions", "target", "catalog", "plan", "tool"],
    ),
    ("roaring", &["catalog"]),
    (
        "rustix",
        &[
            "receiver",
            "storage",
            "catalog",
            "telemetry",
            "config",
            "evaluate",
            "daemon",
            "tool",
        ],
    ),
    ("zmij", &["format"]),
    ("sha2", &["format-crate"]),
    (
        "serde",
        &[
            "events",
            "lifecycle",
            "config",
            "api",
            "format",
            "functions",
            "tool",
        ],
    ),
    ("serde_json", &["events", "api", "format", "daemon", "tool"]),
    ("serde_path_to_error", &["config"]),
    ("signal_hook", &["tool"]),
    ("smol_str", &["metric", "functions", "fetch"]),
    ("socket2", &["receiver"]),
    ("thiserror", ANY),
    ("tokio", &["receiver", "api", "daemon"]),
    ("tokio_util", &["receiver", "api", "daemon"]),
    ("toml", &["config", "daemon"]),
    ("tower_http", &["api"]),
    ("tracing", ANY),
    ("tracing_subscriber", &["daemon"]),
    ("xxhash_rust", &["metric"]),
    ("zstd", &["format-crate", "storage", "tool"]),
];

#[test]
fn imports_go_downhill_only() {
    let mut wrong = Vec::new();
    // In storage-format/, `crate::` is that crate, which imports nothing of the daemon by its manifest.
    let daemon = source::product().filter(|file| file.room != "format-crate");
    for file in daemon {
        let Some((_, allowed)) = IMPORTS.iter().find(|(room, _)| *room == file.room) else {
            wrong.push(format!(
                "{}: the room \"{}\" is not in IMPORTS",
                file.path, file.room
            ));
            continue;
        };
        for imported in file.imported_rooms() {
            if imported != file.room && !allowed.contains(&imported.as_str()) {
                wrong.push(format!("{}: imports crate::{imported}", file.path));
            }
        }
    }
    report("imports that the map does not have", &wrong);
}

#[test]
fn import_map_has_no_circle() {
    let mut done: BTreeSet<&str> = BTreeSet::new();
    while done.len() < IMPORTS.len() {
        let free: Vec<_> = IMPORTS
            .iter()
            .filter(|(room, needs)| {
                !done.contains(room) && needs.iter().all(|need| done.contains(need))
            })
            .map(|(room, _)| *room)
            .collect();
        let left = IMPORTS.iter().filter(|(room, _)| !done.contains(room));
        let left: Vec<_> = left.map(|(room, _)| *room).collect();
        assert!(!free.is_empty(), "these rooms import each other: {left:?}");
        done.extend(free);
    }
}

#[test]
fn outside_crates_stay_in_their_homes() {
    let mut wrong = Vec::new();
    for file in source::product() {
        for (name, homes) in CRATE_HOMES {
            let allowed = homes == &ANY || homes.contains(&file.room.as_str());
            if !allowed && file.names_crate(name) {
                wrong.push(format!(
                    "{}: names {name}, which lives in {homes:?}",
                    file.path
                ));
            }
        }
    }
    report("outside crates away from home", &wrong);
}

#[test]
fn every_dependency_has_a_home() {
    let homeless: Vec<_> = source::dependencies()
        .into_iter()
        .filter(|name| !CRATE_HOMES.iter().any(|(known, _)| known == name))
        .collect();
    report("dependencies without an entry in CRATE_HOMES", &homeless);
}

#[test]
fn unsafe_code_stays_in_its_files() {
    let mut wrong = Vec::new();
    for file in source::product() {
        let expected = UNSAFE_HOMES.contains(&file.path.as_str());
        match (file.has_word("unsafe"), expected) {
            (true, false) => wrong.push(format!("{}: unsafe outside UNSAFE_HOMES", file.path)),
            (false, true) => wrong.push(format!("{}: in UNSAFE_HOMES without need", file.path)),
            _ => {}
        }
    }
    report("unsafe code", &wrong);
}

#[test]
fn files_stay_short() {
    let mut wrong = Vec::new();
    for file in source::everything() {
        let lines = file.text.lines().count();
        let exception = LONG_FILES.iter().find(|(path, _)| *path == file.path);
        match exception {
            None if lines > FILE_LINES_MAX => {
                wrong.push(format!("{}: {lines} lines, split it by idea", file.path));
            }
            Some((_, allowed)) if lines > *allowed => {
                wrong.push(format!(
                    "{}: grew from {allowed} to {lines} lines",
                    file.path
                ));
            }
            Some(_) if lines <= FILE_LINES_MAX => {
                wrong.push(format!(
                    "{}: fits now, take it out of LONG_FILES",
                    file.path
                ));
            }
            _ => {}
        }
    }
    report("file sizes", &wrong);
}

#[test]
fn functions_stay_short() {
    let mut wrong = Vec::new();
    let mut excused = BTreeSet::new();
    for file in source::everything() {
        for function in file.functions() {
            if function.lines <= FUNCTION_LINES_MAX {
                continue;
            }
            let place = format!("{}:{} {}", file.path, function.line, function.name);
            let exception = LONG_FUNCTIONS
                .iter()
                .find(|(path, name, _)| *path == file.path && *name == function.name);
            match exception {
                Some((path, name, allowed)) if function.lines <= *allowed => {
                    excused.insert((*path, *name));
                }
                _ => wrong.push(format!("{place}: {} lines", function.lines)),
            }
        }
    }
    let stale = LONG_FUNCTIONS
        .iter()
        .filter(|(path, name, _)| !excused.contains(&(*path, *name)));
    wrong.extend(
        stale.map(|(path, name, _)| {
            format!("{path} {name}: fits now, take it out of LONG_FUNCTIONS")
        }),
    );
    report("function sizes", &wrong);
}

#[test]
fn every_module_says_what_it_is() {
    let without: Vec<_> = source::product()
        .filter(|file| !file.text.starts_with("//!"))
        .map(|file| file.path.clone())
        .collect();
    report("files that do not open with //!", &without);
}

#[test]
fn nothing_is_left_undone() {
    let mut wrong = Vec::new();
    for file in source::everything() {
        for word in ["todo", "unimplemented", "dbg"] {
            if file.code.contains(&format!("{word}!(")) {
                wrong.push(format!("{}: {word}!", file.path));
            }
        }
    }
    report("unfinished code", &wrong);
}

#[test]
fn no_module_is_a_drawer() {
    let drawers = [
        "util", "utils", "common", "helper", "helpers", "manager", "misc",
    ];
    let wrong: Vec<_> = source::everything()
        .iter()
        .map(|file| file.path.clone())
        .filter(|path| {
            path.split('/')
                .any(|part| drawers.contains(&part.trim_end_matches(".rs")))
        })
        .collect();
    report("modules named for no idea", &wrong);
}

fn report(title: &str, wrong: &[String]) {
    assert!(wrong.is_empty(), "{title}:\n  {}", wrong.join("\n  "));
}

/// The measures are only as good as the reading of the source.
mod reading {
    use super::SourceFile;

    fn file(text: &str) -> SourceFile {
        SourceFile::new("src/api/x.rs".to_owned(), text.to_owned())
    }

    #[test]
    fn comments_strings_and_characters_are_not_code() {
        let file = file(
            "// crate::a\n/* crate::b /* */ unsafe */\nlet x = \"crate::c \\\" unsafe\";\nlet y = r#\"crate::d \"unsafe\"\"#;\nlet z = ('\"', '\\'', 'a');\nfn f<'a>() { crate::e::f() }\n",
        );
        assert_eq!(file.imported_rooms().into_iter().collect::<Vec<_>>(), ["e"]);
        assert!(!file.has_word("unsafe"));
    }

    #[test]
    fn grouped_imports_are_taken_apart() {
        let file = file("use crate::{a::{x, y}, b, c::d as e};\nuse crate::f::g;\n");
        assert_eq!(
            file.imported_rooms().into_iter().collect::<Vec<_>>(),
            ["a", "b", "c", "f"]
        );
    }

    #[test]
    fn test_modules_are_left_out() {
        let file = file(
            "fn f() {}\n#[cfg(test)]\nmod tests {\n    use crate::a;\n    fn g() { { } }\n}\nfn h() { crate::b(); }\n",
        );
        assert_eq!(file.imported_rooms().into_iter().collect::<Vec<_>>(), ["b"]);
    }

    #[test]
    fn functions_are_measured_to_their_last_brace() {
        let file = file(
            "trait T {\n    fn declared(&self) -> [u8; 4];\n}\npub(super) const fn f(\n    g: impl Fn(u8),\n) -> [u8; 2] {\n    let s = \"}\";\n    { }\n}\n",
        );
        let functions: Vec<_> = file
            .functions()
            .into_iter()
            .map(|function| (function.name, function.line, function.lines))
            .collect();
        assert_eq!(functions, [("f".to_owned(), 4, 6)]);
    }

    #[test]
    fn outside_crate_is_known_by_its_path() {
        let file = file("use tokio::net;\nlet my_tokio = 1;\nlet x = serde_json::to_string(1);\n");
        assert!(file.names_crate("tokio") && file.names_crate("serde_json"));
        assert!(!file.names_crate("serde") && !file.names_crate("json"));
    }
}

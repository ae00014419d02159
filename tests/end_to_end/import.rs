//! `plumbago import`: trees and dumps into a data folder that a daemon then serves.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use plumbago_storage_format::whisper::{
    ArchiveSpec, Dialect, Header, Method, TaggedNames, relative_path,
};
use serde_json::Value;

use crate::daemon::{BINARY, Home, now, run, wait_for};

/// 10s:1h, 1m:6h, 10m:2d.
pub(crate) const ARCHIVES: [ArchiveSpec; 3] = [
    ArchiveSpec {
        step_s: 10,
        points: 360,
    },
    ArchiveSpec {
        step_s: 60,
        points: 360,
    },
    ArchiveSpec {
        step_s: 600,
        points: 288,
    },
];

/// The value of a series at a time.
pub(crate) fn value(series: u32, time: i64) -> f64 {
    f64::from(series) * 1000.0 + (time / 10 % 720) as f64 / 4.0
}

/// A Whisper file as carbon would have written it, point by point in the order of time.
pub(crate) fn write_series(root: &Path, metric: &str, series: u32, now: i64) -> PathBuf {
    let header = Header::new(&ARCHIVES, Method::Average, 0.3, Dialect::Reference).unwrap();
    let mut image = header.image();
    let age = |from: i64, until: i64, step: i64| {
        let times = (now - from..now - until).step_by(step as usize);
        times.map(move |time| (time - time % step, value(series, time - time % step)))
    };
    let points = age(170_000, 21_000, 600)
        .chain(age(21_000, 3500, 60))
        .chain(age(3500, 0, 10));
    let points: Vec<(i64, f64)> = points.collect();
    header.update_many(&mut image, &points, now).unwrap();
    let path = root.join(relative_path(metric, TaggedNames::Hash).unwrap());
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, image).unwrap();
    path
}

fn tree(home: &Home, series: u32) -> PathBuf {
    let root = home.path("whisper");
    let now = now();
    for number in 0..series {
        write_series(&root, &format!("tree.s{number}"), number, now);
    }
    root
}

fn import(home: &Home, source: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    command
        .arg("import")
        .arg(source)
        .arg("--into")
        .arg(home.path("data"));
    command.args(arguments).stdin(Stdio::null());
    command
}

/// Runs an import that answers as JSON; the exit code and the answer.
fn answer(home: &Home, source: &Path, arguments: &[&str]) -> (i32, Value, String) {
    let arguments: Vec<&str> = arguments.iter().copied().chain(["--json"]).collect();
    let (status, out, error) = run(import(home, source, &arguments));
    let value = serde_json::from_str(&out).unwrap_or(Value::Null);
    (status.code().unwrap(), value, error)
}

#[test]
fn a_tree_is_imported_verified_and_served() {
    let home = Home::new();
    let root = tree(&home, 12);
    let tagged = "disk.used;host=a;mount=b.c";
    write_series(&root, tagged, 50, now());
    write_series(&root, "not.named;x=y", 51, now());
    fs::write(
        root.join("tree/short.wsp"),
        &fs::read(root.join("tree/s1.wsp")).unwrap()[..900],
    )
    .unwrap();
    fs::write(root.join("tree/damaged.wsp"), [7; 5000]).unwrap();
    let names = home.write("names", &format!("{tagged}\n"));

    let (code, report, error) = answer(&home, &root, &["--verify", "--names", &names]);
    assert_eq!(code, 2, "{error}");
    assert!(
        error.contains("short.wsp: ") && error.contains("damaged.wsp: "),
        "{error}"
    );
    assert!(error.contains("2 of 17 failed"), "{error}");
    assert_eq!(report["imported"]["files"], 13, "{report}");
    assert_eq!(report["verified"]["differing"], 0, "{report} {error}");
    assert_eq!(report["verified"]["series"], 13);
    assert_eq!(report["unnamed"].as_array().unwrap().len(), 1);
    assert_eq!(report["failed"].as_array().unwrap().len(), 2);

    fs::remove_file(root.join("tree/short.wsp")).unwrap();
    fs::remove_file(root.join("tree/damaged.wsp")).unwrap();
    let (code, report, error) = answer(&home, &root, &["--verify", "--names", &names]);
    assert_eq!(
        (code, report["doneBefore"].as_u64()),
        (1, Some(13)),
        "{error}"
    );
    assert_eq!(report["imported"]["points"], 0, "{report}");
    assert_eq!(report["verified"]["differing"], 0, "{report} {error}");

    let daemon = home.start(&[]);
    for (query, number) in [("tree.s7", 7), (tagged, 50)] {
        let points = daemon.points(query, 1800);
        assert!(points.len() > 170, "{query}: {}", points.len());
        for (time, found) in points {
            assert_eq!(found, value(number, time), "{query} at {time}");
        }
    }
    let old = daemon.points("tree.s3", 100_000);
    assert!(old.len() > 150, "{}", old.len());
    daemon.stop();
}

#[test]
fn an_import_that_is_killed_goes_on_and_doubles_nothing() {
    let home = Home::new();
    let root = tree(&home, 400);
    let mut child = import(&home, &root, &["--memory", "1", "--threads", "2"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let state = wait_for("the first batch", || {
        let names = fs::read_dir(home.path("data")).ok()?;
        let mut names = names.flatten().map(|entry| entry.path());
        names.find(|path| {
            let is_state = path.extension().is_some_and(|end| end == "state");
            is_state && fs::read_to_string(path).is_ok_and(|text| text.lines().count() > 1)
        })
    });
    child.kill().unwrap();
    child.wait().unwrap();
    let done = fs::read_to_string(state).unwrap().lines().count() - 1;
    let (code, report, error) = answer(&home, &root, &["--verify"]);
    assert_eq!(code, 0, "{error}");
    assert_eq!(report["doneBefore"].as_u64(), Some(done as u64), "{report}");
    assert_eq!(
        report["imported"]["files"].as_u64(),
        Some(400 - done as u64)
    );
    assert_eq!(report["verified"]["series"], 400);
    assert_eq!(report["verified"]["differing"], 0, "{report} {error}");
}

#[test]
fn files_that_grew_are_imported_again() {
    let home = Home::new();
    let root = tree(&home, 3);
    assert_eq!(answer(&home, &root, &[]).0, 0);
    // What carbon wrote after the import; ten minutes on it is another coarse window.
    let (before, later) = (now(), now() + 700);
    let path = root.join("tree/s1.wsp");
    let mut image = fs::read(&path).unwrap();
    let header = Header::parse(&image, Dialect::Reference).unwrap();
    let times = (before..later).step_by(10).map(|time| time - time % 10);
    let points: Vec<(i64, f64)> = times.map(|time| (time, value(1, time))).collect();
    header.update_many(&mut image, &points, later).unwrap();
    fs::write(&path, image).unwrap();
    let at = later.to_string();
    let (code, report, error) = answer(&home, &root, &["--overwrite", "--verify", "--at", &at]);
    assert_eq!(code, 0, "{report} {error}");
    let (code, report, error) = answer(&home, &root, &["--overwrite", "--at", &at]);
    assert_eq!(
        (code, report["doneBefore"].as_u64()),
        (0, Some(3)),
        "{error}"
    );
}

#[test]
fn names_are_chosen_and_replaced() {
    let home = Home::new();
    let root = tree(&home, 5);
    write_series(&root, "other.x", 1, now());
    let arguments = [
        "--include",
        "tree.*",
        "--exclude",
        "tree.s[12]",
        "--rename",
        "^tree\\.s(\\d)",
        "new.$1",
    ];
    let (code, report, error) = answer(&home, &root, &arguments);
    assert_eq!(code, 0, "{error}");
    assert_eq!(
        (
            report["imported"]["files"].as_u64(),
            report["leftOut"].as_u64()
        ),
        (Some(3), Some(3))
    );
    let daemon = home.start(&[]);
    let found = daemon.get("/metrics/find?query=new.*&format=completer");
    for name in ["new.0", "new.3", "new.4"] {
        assert!(found.contains(name), "{found}");
    }
    daemon.stop();
    let clash = ["--rename", "s\\d", "same"];
    let (code, _, error) = answer(&home, &root, &clash);
    assert_eq!(code, 2, "{error}");
    assert!(error.contains("s0.wsp is tree.same as well"), "{error}");
}

#[test]
fn rules_give_the_history_other_archives() {
    let home = Home::new();
    let root = tree(&home, 2);
    let schemas = home.write(
        "schemas.conf",
        "[all]\npattern = .*\nretentions = 1m:1h,5m:1d\n",
    );
    let set = format!("storage.schemas_file={schemas}");
    let arguments = ["--rules", "--verify", "--set", &set];
    let (code, report, error) = answer(&home, &root, &arguments);
    assert_eq!(code, 0, "{report} {error}");
    assert_eq!(report["verified"]["differing"], 0);
    let daemon = home.start(&[]);
    let points = daemon.points("tree.s1", 7200);
    assert_eq!(points[1].0 - points[0].0, 300);
    daemon.stop();
}

#[test]
fn wrong_folders_and_flags_say_so_and_change_nothing() {
    let home = Home::new();
    let root = tree(&home, 2);
    let refusal = |source: &Path, into: &Path, arguments: &[&str]| {
        let mut command = Command::new(BINARY);
        command
            .arg("import")
            .arg(source)
            .arg("--into")
            .arg(into)
            .args(arguments);
        let (status, _, error) = run(command);
        assert_eq!(status.code(), Some(2), "{error}");
        error
    };
    let data = home.path("data");
    assert!(refusal(&home.path("none"), &data, &[]).contains("none: cannot be read"));
    assert!(refusal(&root, &root, &[]).contains("neither empty nor a data folder"));
    let file = root.join("tree/s0.wsp");
    assert!(refusal(&root, &file.join("x"), &[]).contains("s0.wsp/x"));
    assert!(refusal(&file, &data, &[]).contains("has no name of its own"));
    assert!(refusal(&root, &data, &["--rename", "(", "x"]).contains("--rename (: "));
    assert!(refusal(&root, &data, &["--mix", "most"]).contains("--mix"));
    assert!(refusal(&root, &data, &["--names", "/no/such/list"]).contains("/no/such/list"));
    assert!(!data.exists());
    let daemon = home.start(&[]);
    let error = refusal(&root, &data, &[]);
    assert!(error.contains("in use by another process"), "{error}");
    assert!(error.contains("stop the daemon"), "{error}");
    daemon.stop();
}

#[test]
fn a_dry_run_tells_and_writes_nothing() {
    let home = Home::new();
    let root = tree(&home, 30);
    let (code, report, error) = answer(&home, &root, &["--dry-run"]);
    assert_eq!(code, 0, "{error}");
    assert_eq!(report["files"], 30);
    let points = report["estimate"]["points"].as_u64().unwrap();
    assert!((25_000..31_000).contains(&points), "{report}");
    assert!(report["estimate"]["diskBytes"].as_u64().unwrap() < 8 * points);
    assert!(!home.path("data").exists());
}

fn gzip(text: &str) -> Vec<u8> {
    let mut child = Command::new("gzip")
        .arg("-c")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    child.wait_with_output().unwrap().stdout
}

#[test]
fn dumps_of_lines_are_imported_once_and_served() {
    let home = Home::new();
    let newest = now() / 60 * 60 - 60;
    let lines = |name: &str, value: i64| -> String {
        let times = (0..60).map(|minute| newest - minute * 60);
        times
            .map(|time| format!("{name} {value} {time}\n"))
            .collect()
    };
    let dump = home.path("dump.gz");
    fs::write(&dump, gzip(&(lines("line.a", 1) + "bad line here now\n"))).unwrap();
    let (code, report, error) = answer(&home, &dump, &[]);
    assert_eq!(code, 1, "{error}");
    assert!(error.contains("bad line here now"), "{error}");
    assert_eq!(report["imported"]["points"], 60, "{report}");
    assert_eq!(report["imported"]["refused"], 1, "{report}");
    let (code, report, _) = answer(&home, &dump, &[]);
    assert_eq!(
        (code, report["imported"]["points"].as_u64()),
        (0, Some(0)),
        "{report}"
    );

    // The input of a moment is newer than the cache.
    let folder = home.path("carbon");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("input.5.1000"), lines("line.b", 3)).unwrap();
    fs::write(folder.join("cache.5.1000"), lines("line.b", 2)).unwrap();
    let (code, report, error) = answer(&home, &folder, &[]);
    assert_eq!(
        (code, report["imported"]["points"].as_u64()),
        (0, Some(120)),
        "{error}"
    );
    let (code, _, error) = answer(&home, &folder, &["--verify"]);
    assert_eq!(code, 2);
    assert!(error.contains("--verify is for trees"), "{error}");

    let mut child = import(&home, Path::new("-"), &[])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(lines("line.c", 4).as_bytes())
        .unwrap();
    assert!(child.wait().unwrap().success());

    let daemon = home.start(&[]);
    for (name, value) in [("line.a", 1.0), ("line.b", 3.0), ("line.c", 4.0)] {
        let points = daemon.points(name, 1800);
        assert!(points.len() >= 25, "{name}: {points:?}");
        assert!(
            points.iter().all(|point| point.1 == value),
            "{name}: {points:?}"
        );
    }
    daemon.stop();
}

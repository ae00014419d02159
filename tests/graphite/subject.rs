//! The daemon under test with the corpus' data set, and the corpus' own tool.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::daemon::{BINARY, Daemon, Home, run, wait_for};

/// The time at which the data ends.
pub(crate) const NOW: i64 = 1_750_000_000;

/// The folder of the corpus; `None` when the environment says to go without.
pub(crate) fn corpus() -> Option<PathBuf> {
    let folder = match std::env::var("PLUMBAGO_CONFORMANCE") {
        Ok(choice) if choice == "none" => {
            println!("nothing was compared: PLUMBAGO_CONFORMANCE=none");
            return None;
        }
        Ok(choice) => PathBuf::from(choice),
        Err(_) => Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/conformance"),
    };
    let folder = folder.canonicalize();
    Some(folder.expect("a corpus: set PLUMBAGO_CONFORMANCE to its folder, or to \"none\""))
}

/// A file of the corpus as text.
pub(crate) fn file(corpus: &Path, name: &str) -> String {
    corpus.join("visible").join(name).display().to_string()
}

/// Runs the corpus' tool, which must succeed unless `may_fail`; its output.
pub(crate) fn check(corpus: &Path, arguments: &[&str], may_fail: bool) -> String {
    let output = Command::new("python3")
        .arg(corpus.join("check.py"))
        .args(arguments)
        .output()
        .expect("python3 runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        may_fail || output.status.success(),
        "check.py {arguments:?}: {text}{stderr}"
    );
    text
}

/// Sends tags and events over HTTP, as the corpus' README says.
pub(crate) fn load_events(corpus: &Path, base: &str) {
    let meta = file(corpus, "fixture.meta.json");
    check(corpus, &["--load-events", base, "--meta", &meta], false);
}

/// Registers the tagged series of the data set.
pub(crate) fn load_tags(corpus: &Path, base: &str) {
    let fixture = file(corpus, "fixture.jsonl");
    check(corpus, &["--load-tags", base, "--fixture", &fixture], false);
}

/// Unpacks the recorded Whisper tree to `folder`.
pub(crate) fn unpack_whisper(corpus: &Path, folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    let tar = file(corpus, "fixture-whisper.tar.gz");
    let folder = folder.display().to_string();
    check(
        corpus,
        &["--whisper-dir", &folder, "--whisper-tar", &tar],
        false,
    );
}

/// A daemon whose clock stands where the data ends, and which stores nothing about itself: the reference
/// has no such series.
pub(crate) fn start(home: &Home, sets: &[&str]) -> Daemon {
    let sets = [sets, &["telemetry.interval=0s"]].concat();
    home.start_with(&sets, &["--at", &NOW.to_string()])
}

/// The native engine, loaded through the plaintext protocol; the events over HTTP.
pub(crate) fn on_strata(corpus: &Path, home: &Home) -> Daemon {
    let conf = corpus.join("visible/fixture-carbon-conf");
    let schemas = format!(
        "storage.schemas_file={}",
        conf.join("storage-schemas.conf").display()
    );
    let aggregation = format!(
        "storage.aggregation_file={}",
        conf.join("storage-aggregation.conf").display()
    );
    let daemon = start(home, &[&schemas, &aggregation]);
    let address = daemon.receiver("tcp").to_string();
    let fixture = file(corpus, "fixture.jsonl");
    check(corpus, &["--load", &address, "--fixture", &fixture], false);
    let sent = points_of(corpus);
    wait_for("every point to be stored", || {
        (daemon.metric("plumbago_shard_points_total", "") >= sent).then_some(())
    });
    load_events(corpus, &daemon.url(""));
    daemon
}

/// Imports a Whisper tree into the data folder of `home`, as of the time at which the data ends. The
/// names of tagged series cannot be read from their files' names.
pub(crate) fn import(corpus: &Path, home: &Home, tree: &Path) {
    let fixture = std::fs::read_to_string(file(corpus, "fixture.jsonl")).unwrap();
    let series = fixture.lines().map(|line| {
        let series: serde_json::Value = serde_json::from_str(line).unwrap();
        series["name"].as_str().unwrap().to_owned()
    });
    let tagged: Vec<String> = series.filter(|name| name.contains(';')).collect();
    let names = home.write("names", &tagged.join("\n"));
    let mut command = Command::new(BINARY);
    command
        .arg("import")
        .arg(tree)
        .arg("--into")
        .arg(home.path("data"));
    command.args(["--at", &NOW.to_string(), "--names", &names]);
    let (status, stdout, stderr) = run(command);
    assert!(status.success(), "import: {stdout}{stderr}");
}

fn points_of(corpus: &Path) -> f64 {
    let text = std::fs::read_to_string(file(corpus, "fixture.meta.json")).unwrap();
    let meta: serde_json::Value = serde_json::from_str(&text).unwrap();
    meta["points"].as_f64().unwrap()
}

//! `plumbago export`: what was imported comes out again, for the reference package and for people.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::daemon::{BINARY, Home, now, run};
use crate::import::{value, write_series};

/// Every archive of two files at one time, as the reference reads them.
const COMPARE: &str = "
import sys, whisper
one, other, now = sys.argv[1], sys.argv[2], int(sys.argv[3])
infos = [whisper.info(path) for path in (one, other)]
assert infos[0]['aggregationMethod'] == infos[1]['aggregationMethod'], infos
assert infos[0]['xFilesFactor'] == infos[1]['xFilesFactor'], infos
known = 0
for archive in infos[0]['archives']:
    span = archive['retention']
    read = [whisper.fetch(path, now - span, now, now) for path in (one, other)]
    assert read[0] == read[1], (archive, read)
    known += sum(value is not None for value in read[0][1])
print(known)
";

fn plumbago(arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(BINARY);
    command.args(arguments);
    let (status, out, error) = run(command);
    (status.code().unwrap(), out, error)
}

/// A data folder with an imported tree; the tree's folder and the data folder.
fn imported(home: &Home, at: i64) -> (String, String) {
    let root = home.path("whisper");
    for number in 0..6 {
        write_series(&root, &format!("tree.s{number}"), number, at);
    }
    write_series(&root, "disk;host=a", 9, at);
    let names = home.write("names", "disk;host=a\n");
    let (root, data) = (
        root.display().to_string(),
        home.path("data").display().to_string(),
    );
    let at = at.to_string();
    let arguments = [
        "import", &root, "--into", &data, "--at", &at, "--names", &names,
    ];
    let (code, _, error) = plumbago(&arguments);
    assert_eq!(code, 0, "{error}");
    (root, data)
}

fn files(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            match entry.path() {
                path if path.is_dir() => folders.push(path),
                path if path.extension().is_some_and(|end| end == "wsp") => found.push(path),
                _ => {}
            }
        }
    }
    found.sort();
    found
}

#[test]
fn a_tree_that_was_imported_comes_out_as_the_reference_read_it() {
    let home = Home::new();
    let at = now();
    let (root, data) = imported(&home, at);
    let out = home.path("out");
    let (target, at) = (out.display().to_string(), at.to_string());
    let (code, _, error) = plumbago(&["export", &data, &target, "--now", &at]);
    assert_eq!(code, 0, "{error}");
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-tools/python/bin/python");
    assert!(python.exists(), "run tests/install.sh first");
    let originals = files(Path::new(&root));
    assert_eq!(originals.len(), 7);
    for original in originals {
        let exported = out.join(original.strip_prefix(&root).unwrap());
        let mut command = Command::new(&python);
        command
            .args(["-c", COMPARE])
            .arg(&original)
            .arg(exported)
            .arg(&at);
        let (status, known, error) = run(command);
        assert!(status.success(), "{}: {error}", original.display());
        assert!(known.trim().parse::<u32>().unwrap() > 900, "{known}");
    }
    assert_eq!(
        fs::read_to_string(out.join("tagged-names.txt")).unwrap(),
        "disk;host=a\n"
    );

    let (code, _, error) = plumbago(&["export", &data, &target]);
    assert_eq!(code, 2);
    assert!(
        error.contains("is not empty: go on with --resume"),
        "{error}"
    );
    fs::remove_file(out.join("tree/s3.wsp")).unwrap();
    let resumed = plumbago(&["export", &data, &target, "--resume", "--json"]);
    let answer: Value = serde_json::from_str(&resumed.1).unwrap();
    assert_eq!(
        (answer["series"].as_u64(), answer["left"].as_u64()),
        (Some(1), Some(6))
    );
}

#[test]
fn points_are_written_as_lines_and_come_in_again() {
    let home = Home::new();
    let at = now();
    let (_, data) = imported(&home, at);
    // The daemon may run beside it.
    let daemon = home.start(&[]);
    let at_text = at.to_string();
    let include = ["--include", "tree.s[12]", "--now", &at_text];
    let export = |target: &Path, more: &[&str]| {
        let target = target.display().to_string();
        let arguments = [&["export", data.as_str(), &target][..], &include, more].concat();
        plumbago(&arguments)
    };
    let csv = home.path("points.csv");
    let (code, _, error) = export(&csv, &["--archive", "0"]);
    assert_eq!(code, 0, "{error}");
    let text = fs::read_to_string(&csv).unwrap();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("metric,timestamp,value"));
    let mut count = 0;
    for line in lines {
        let fields: Vec<&str> = line.split(',').collect();
        let number = fields[0].strip_prefix("tree.s").unwrap().parse().unwrap();
        let (time, found): (i64, f64) = (fields[1].parse().unwrap(), fields[2].parse().unwrap());
        assert_eq!(found, value(number, time), "{line}");
        count += 1;
    }
    assert!((680..=720).contains(&count), "{count}");
    let (code, _, error) = export(&csv, &[]);
    assert_eq!(code, 2);
    assert!(error.contains("points.csv: cannot be written"), "{error}");
    assert_eq!(export(&csv, &["--overwrite"]).0, 0);
    let (code, out, error) = export(Path::new("-"), &[]);
    assert_eq!(code, 0, "{error}");
    assert_eq!(
        out.lines().count(),
        fs::read_to_string(&csv).unwrap().lines().count() - 1
    );

    let parquet = home.path("points.parquet");
    assert_eq!(export(&parquet, &[]).0, 0);
    let bytes = fs::read(&parquet).unwrap();
    assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"));
    let (code, _, error) = export(&parquet, &["--format", "whisper", "--archive", "1"]);
    assert_eq!(code, 2);
    assert!(error.contains("--archive is for points"), "{error}");
    let (code, _, error) = export(&parquet, &["--archive", "7", "--overwrite"]);
    assert_eq!(code, 2);
    assert!(
        error.contains("no series has more than 3 archives"),
        "{error}"
    );
    daemon.stop();

    // What came out as lines goes into another folder.
    let dump = home.path("lines.txt.gz");
    assert_eq!(export(&dump, &[]).0, 0);
    let other = home.path("other").display().to_string();
    let dump = dump.display().to_string();
    let schemas = home.write(
        "s.conf",
        "[a]\npattern = .*\nretentions = 10s:1h,1m:6h,10m:2d\n",
    );
    let set = format!("storage.schemas_file={schemas}");
    let (code, _, error) = plumbago(&["import", &dump, "--into", &other, "--set", &set]);
    assert_eq!(code, 0, "{error}");
    let again = plumbago(&["export", &other, "-", "--archive", "0", "--now", &at_text]).1;
    let before = export(Path::new("-"), &["--archive", "0"]).1;
    assert_eq!(again.lines().count(), before.lines().count());
}

//! Wrong flags, wrong files, and what the system refuses: one line that says what and where.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use crate::harness::{Home, hours_ago, is_root};

const ARCHIVES: &[(u32, u32)] = &[(60, 1_440), (3_600, 720)];

/// Every subcommand that takes one Whisper file, with what else it needs.
const ON_A_FILE: [&str; 11] = [
    "info FILE",
    "dump FILE",
    "fetch FILE",
    "update FILE N:1",
    "resize FILE 60:7d",
    "merge FILE FILE",
    "fill FILE FILE",
    "diff FILE FILE",
    "set-aggregation-method FILE sum",
    "set-xfilesfactor FILE 0.1",
    "convert --sparse FILE",
];

#[test]
fn a_missing_file_and_what_is_no_whisper_file_are_named() {
    let home = Home::new();
    home.write("whole.wsp", ARCHIVES, &[(hours_ago(2), 1.0)]);
    let whole = fs::read(home.path("whole.wsp")).unwrap();
    fs::write(home.path("short.wsp"), &whole[..whole.len() - 1]).unwrap();
    fs::write(home.path("empty.wsp"), "").unwrap();
    fs::write(
        home.path("text.wsp"),
        "not a whisper file, but some text ".repeat(9),
    )
    .unwrap();
    for command in ON_A_FILE {
        for name in ["missing.wsp", "short.wsp", "empty.wsp", "text.wsp"] {
            let answer = home.run(&command.replace("FILE", name));
            assert_eq!(answer.code, Some(2), "{command} {name}: {answer:?}");
            assert!(answer.stderr.contains(name), "{command} {name}: {answer:?}");
            assert!(answer.stderr.starts_with("plumbago: "), "{answer:?}");
            assert!(answer.stdout.is_empty() || !answer.stdout.contains(name));
        }
    }
    let names = ["empty.wsp", "short.wsp", "text.wsp", "whole.wsp"];
    assert_eq!(home.names("."), names, "nothing is left behind");
    assert_eq!(
        fs::read(home.path("short.wsp")).unwrap().len(),
        whole.len() - 1
    );
}

#[test]
fn wrong_arguments_are_named() {
    let home = Home::new();
    home.write("a.wsp", ARCHIVES, &[(hours_ago(2), 1.0)]);
    home.write("tree/b.wsp", &[(10, 60)], &[]);
    let before = fs::read(home.path("a.wsp")).unwrap();
    for (arguments, expected) in [
        ("info a.wsp colour", &["colour", "xFilesFactor"][..]),
        ("info tree", &["tree", "Whisper file"]),
        ("dump a.wsp --archive 2", &["a.wsp", "no archive 2"]),
        ("dump a.wsp --format csv", &["a.wsp", "--format"]),
        ("fetch a.wsp --from soonish", &["--from", "soonish"]),
        ("fetch a.wsp --from now --until -1h", &["--from", "--until"]),
        ("fetch a.wsp --from 0 --until 1", &["a.wsp", "outside"]),
        ("fetch a.wsp --pretty --time-format %!", &["--time-format"]),
        ("fetch a.wsp --tz Moon/Base", &["--tz", "Moon/Base"]),
        ("create", &["PATH"]),
        ("create new.wsp", &["new.wsp", "archives"]),
        ("create new.wsp 10s", &["10s"]),
        ("create new.wsp 10s:6h 15s:7d", &["10s:6h,15s:7d"]),
        ("create new.wsp 10s:6h --xFilesFactor 2", &["2", "0 to 1"]),
        (
            "create new.wsp 10s:6h --aggregationMethod mean",
            &["mean", "absmax"],
        ),
        (
            "create new.wsp 10s:6h --aggregationMethod first",
            &["first"],
        ),
        ("create new.wsp 10s:6h --sparse --fallocate", &["--sparse"]),
        ("create a.wsp 10s:6h", &["a.wsp", "--overwrite"]),
        ("create no/such/new.wsp 10s:6h", &["no/such"]),
        ("update a.wsp 12", &["\"12\"", "TIMESTAMP:VALUE"]),
        ("update a.wsp 12:nan", &["12:nan"]),
        ("resize a.wsp", &["STEP:RETENTION"]),
        ("resize a.wsp 1m:1d 90s:7d", &["1m:1d,90s:7d"]),
        ("resize a.wsp 1m:1d --newfile a.wsp", &["a.wsp", "--force"]),
        ("merge a.wsp tree", &["tree"]),
        ("merge a.wsp tree/b.wsp", &["b.wsp", "resize"]),
        ("diff a.wsp tree/b.wsp", &["archives", "differ"]),
        ("set-xfilesfactor a.wsp 1.5", &["1.5"]),
        ("set-aggregation-method a.wsp p99", &["p99"]),
        (
            "list tree --pattern {a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}",
            &["--pattern", "alternatives"],
        ),
        ("stale tree --older-than soon", &["soon", "30d"]),
        ("stale tree --delete --move x", &["--move"]),
        ("find-corrupt tree --threads many", &["many"]),
        ("validate-schemas", &["--config", "--schemas"]),
        ("validate-schemas --schemas no.conf", &["no.conf"]),
        ("auto-resize tree", &["--config"]),
        ("auto-resize --root a/b tree nowhere", &["nowhere"]),
        ("convert a.wsp", &["--from", "--sparse"]),
        ("path a..b", &["a..b"]),
        ("list /dev/null", &["/dev/null"]),
    ] {
        let answer = home.run(arguments);
        assert_eq!(answer.code, Some(2), "{arguments}: {answer:?}");
        answer.expect_refusal(expected);
    }
    assert_eq!(fs::read(home.path("a.wsp")).unwrap(), before);
    assert_eq!(home.names("."), ["a.wsp", "tree/b.wsp"]);
}

#[test]
fn points_without_a_place_are_told() {
    let home = Home::new();
    home.write("a.wsp", ARCHIVES, &[]);
    let time = hours_ago(2);
    let answer = home.run(&format!("update a.wsp {time}:1 7:2 4000000000:3"));
    assert_eq!(answer.code, Some(1));
    let said = "1 points stored, 1 too old for its archives, 1 in the future";
    assert!(answer.stderr.contains(said), "{answer:?}");
    assert_eq!(home.points("a.wsp", 0), [(time, 1.0)]);
}

#[test]
fn files_that_may_not_be_read_or_written_are_named() {
    let home = Home::new();
    home.write("secret.wsp", ARCHIVES, &[]);
    home.write("fixed.wsp", ARCHIVES, &[]);
    let set = |name: &str, mode| {
        fs::set_permissions(home.path(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    set("secret.wsp", 0o000);
    set("fixed.wsp", 0o444);
    let denied = "Permission denied";
    home.run_as_nobody("info secret.wsp")
        .expect_refusal(&["secret.wsp", denied]);
    home.run_as_nobody("info fixed.wsp").expect(0);
    for command in [
        "update FILE N:1",
        "set-xfilesfactor FILE 0.1",
        "fill FILE FILE",
    ] {
        let answer = home.run_as_nobody(&command.replace("FILE", "fixed.wsp"));
        answer.expect_refusal(&["fixed.wsp", denied]);
    }
}

#[test]
fn a_folder_that_may_not_be_written_leaves_the_file_as_it_was() {
    let home = Home::new();
    home.write("tree/a.wsp", ARCHIVES, &[(hours_ago(2), 1.0)]);
    home.run_as_nobody("--version").expect(0);
    let before = fs::read(home.path("tree/a.wsp")).unwrap();
    fs::set_permissions(home.path("tree"), fs::Permissions::from_mode(0o555)).unwrap();
    for command in [
        "resize tree/a.wsp 60:7d",
        "create tree/b.wsp 60:7d",
        "convert --sparse tree/a.wsp",
    ] {
        let answer = home.run_as_nobody(command);
        answer.expect_refusal(&["tree/", "Permission denied"]);
    }
    assert_eq!(home.names("tree"), ["a.wsp"]);
    assert_eq!(fs::read(home.path("tree/a.wsp")).unwrap(), before);
}

/// Needs root, who alone may give files away and mount.
#[test]
fn a_full_disk_leaves_the_file_as_it_was() {
    if !is_root() {
        eprintln!("not root: left out");
        return;
    }
    let home = Home::new();
    fs::create_dir(home.path("disk")).unwrap();
    let mount = |command: &str, arguments: &[&str]| {
        let mut command = std::process::Command::new(command);
        let status = command.args(arguments).arg(home.path("disk")).status();
        status.is_ok_and(|status| status.success())
    };
    if !mount("mount", &["-t", "tmpfs", "-o", "size=128k", "tmpfs"]) {
        eprintln!("no mount: left out");
        return;
    }
    home.write("disk/a.wsp", ARCHIVES, &[(hours_ago(2), 1.0)]);
    let before = fs::read(home.path("disk/a.wsp")).unwrap();
    let resized = home.run("resize disk/a.wsp 10s:7d");
    let created = home.run("create disk/b.wsp 10s:7d");
    let reserved = home.run("create disk/c.wsp --fallocate 10s:7d");
    let names = home.names("disk");
    let after = fs::read(home.path("disk/a.wsp")).unwrap();
    assert!(mount("umount", &[]));
    for answer in [resized, created, reserved] {
        answer.expect_refusal(&["disk/", "No space left"]);
    }
    assert_eq!(names, ["a.wsp"]);
    assert!(after == before);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    use std::io::Read;
    let home = Home::new();
    home.write("a.wsp", &[(60, 100_000)], &[]);
    let mut command = home.command("dump a.wsp");
    command.stdout(std::process::Stdio::piped());
    let mut child = command
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut [0; 10]).unwrap();
    drop(stdout);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    assert!(output.stderr.is_empty(), "{output:?}");
}

#[test]
fn a_link_is_followed_and_stays_a_link() {
    let home = Home::new();
    home.write("real/a.wsp", ARCHIVES, &[(hours_ago(2), 1.0)]);
    symlink("real/a.wsp", home.path("link.wsp")).unwrap();
    home.run("resize --nobackup link.wsp 60:7d").expect(0);
    assert!(
        fs::symlink_metadata(home.path("link.wsp"))
            .unwrap()
            .is_symlink()
    );
    assert_eq!(home.points("real/a.wsp", 0), [(hours_ago(2), 1.0)]);
    assert_eq!(home.names("real"), ["a.wsp"]);
}

#[test]
fn a_file_that_a_daemon_keeps_open_is_not_replaced() {
    let home = Home::new();
    home.write("a.wsp", ARCHIVES, &[(hours_ago(2), 1.0)]);
    let before = fs::read(home.path("a.wsp")).unwrap();
    let daemon = fs::File::options()
        .write(true)
        .open(home.path("a.wsp"))
        .unwrap();
    for flag in ["", "--lock"] {
        home.run(&format!("resize {flag} a.wsp 60:7d"))
            .expect_refusal(&["a.wsp", "keeps it open", "daemon"]);
    }
    assert_eq!(home.names("."), ["a.wsp"]);
    assert_eq!(fs::read(home.path("a.wsp")).unwrap(), before);
    drop(daemon);
    home.run("resize --nobackup a.wsp 60:7d").expect(0);
}

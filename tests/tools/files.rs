//! One file: owner and mode, backups, locks, dialects, room on the disk.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::process::Stdio;
use std::time::{Duration, Instant};

use plumbago_storage_format::whisper::{Dialect, Header, Method};

use crate::harness::{Answer, Home, NOBODY, header, hours_ago, is_root};

const ARCHIVES: &[(u32, u32)] = &[(60, 1_440), (3_600, 720)];

#[test]
fn a_resized_file_keeps_owner_mode_and_points_and_leaves_a_backup() {
    let home = Home::new();
    let points = [(hours_ago(3), 1.0), (hours_ago(2), 2.5)];
    home.write("a.wsp", ARCHIVES, &points);
    let before = fs::read(home.path("a.wsp")).unwrap();
    fs::set_permissions(home.path("a.wsp"), fs::Permissions::from_mode(0o640)).unwrap();
    if is_root() {
        chown(home.path("a.wsp"), Some(NOBODY), Some(NOBODY)).unwrap();
    }
    let owner = fs::metadata(home.path("a.wsp")).unwrap();
    home.run("resize a.wsp 1m:7d 1h:1y").expect(0);
    let now = fs::metadata(home.path("a.wsp")).unwrap();
    assert_eq!(now.mode() & 0o7777, 0o640);
    assert_eq!((now.uid(), now.gid()), (owner.uid(), owner.gid()));
    assert_eq!(home.points("a.wsp", 0), points);
    assert_eq!(fs::read(home.path("a.wsp.bak")).unwrap(), before);
    // Again: the backup is that of the last run, as with whisper-resize.
    let middle = fs::read(home.path("a.wsp")).unwrap();
    home.run("resize a.wsp 1m:8d").expect(0);
    assert_eq!(fs::read(home.path("a.wsp.bak")).unwrap(), middle);
    fs::remove_file(home.path("a.wsp.bak")).unwrap();
    home.run("resize --nobackup a.wsp 1m:9d").expect(0);
    assert_eq!(home.names("."), ["a.wsp"]);
}

#[test]
fn an_owner_that_cannot_be_kept_is_no_reason_to_lose_it() {
    if !is_root() {
        eprintln!("not root: left out");
        return;
    }
    let home = Home::new();
    home.write("tree/a.wsp", ARCHIVES, &[(hours_ago(2), 1.0)]);
    fs::set_permissions(home.path("tree"), fs::Permissions::from_mode(0o777)).unwrap();
    let before = fs::metadata(home.path("tree/a.wsp")).unwrap();
    let answer = home.run_as_nobody("resize tree/a.wsp 60:7d");
    answer.expect_refusal(&["tree/a.wsp", "owner"]);
    assert_eq!(
        fs::metadata(home.path("tree/a.wsp")).unwrap().ino(),
        before.ino()
    );
    assert_eq!(home.names("tree"), ["a.wsp"]);
}

#[test]
fn a_new_file_beside_leaves_the_old_one_alone() {
    let home = Home::new();
    home.write("a.wsp", ARCHIVES, &[(hours_ago(2), 1.0)]);
    let before = fs::read(home.path("a.wsp")).unwrap();
    home.run("resize --newfile b.wsp a.wsp 1h:30d").expect(0);
    home.run("resize --newfile b.wsp --force a.wsp 1h:60d --aggregate --xFilesFactor 0")
        .expect(0);
    assert_eq!(fs::read(home.path("a.wsp")).unwrap(), before);
    assert_eq!(home.points("b.wsp", 0), [(hours_ago(2), 1.0)]);
    assert_eq!(home.names("."), ["a.wsp", "b.wsp"]);
}

#[test]
fn a_sparse_file_stays_sparse_and_room_is_changed_when_asked() {
    let home = Home::new();
    home.run("create --sparse a.wsp 1s:2d").expect(0);
    let taken = || fs::metadata(home.path("a.wsp")).unwrap().blocks() * 512;
    let full = 2 * 86_400 * 12;
    assert!(taken() < full / 10);
    home.run("resize --nobackup a.wsp 1s:3d").expect(0);
    assert!(taken() < full / 10);
    home.run("convert --written a.wsp").expect(0);
    assert!(taken() >= full);
    home.run("convert --sparse a.wsp").expect(0);
    assert!(taken() < full / 10);
}

#[test]
fn created_files_replace_others_only_when_asked() {
    let home = Home::new();
    home.write("a.wsp", ARCHIVES, &[(hours_ago(2), 1.0)]);
    fs::set_permissions(home.path("a.wsp"), fs::Permissions::from_mode(0o600)).unwrap();
    home.run("create --overwrite a.wsp 1m:1d").expect(0);
    assert_eq!(home.points("a.wsp", 0), []);
    assert_eq!(
        fs::metadata(home.path("a.wsp")).unwrap().mode() & 0o777,
        0o600
    );
}

#[test]
fn only_who_asks_waits_for_a_lock() {
    let home = Home::new();
    home.write("a.wsp", ARCHIVES, &[]);
    let held = fs::File::open(home.path("a.wsp")).unwrap();
    held.lock().unwrap();
    let (early, late) = (hours_ago(3), hours_ago(2));
    home.run(&format!("update a.wsp {early}:1")).expect(0);
    let mut command = home.command(&format!("update --lock a.wsp {late}:2"));
    let waiting = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let waiting = waiting.unwrap();
    wait_for_lock(waiting.id());
    assert_eq!(home.points("a.wsp", 0), [(early, 1.0)]);
    held.unlock().unwrap();
    Answer::of(waiting.wait_with_output().unwrap()).expect(0);
    assert_eq!(home.points("a.wsp", 0), [(early, 1.0), (late, 2.0)]);
    for command in [
        "resize --lock --nobackup a.wsp 60:3d",
        "set-xfilesfactor --lock a.wsp 0",
        "merge --lock a.wsp a.wsp",
        "fill --lock a.wsp a.wsp",
        "convert --lock --sparse a.wsp",
    ] {
        home.run(command).expect(0);
    }
    assert_eq!(home.points("a.wsp", 0), [(early, 1.0), (late, 2.0)]);
}

/// Waits until the kernel tells that the process waits for a lock.
fn wait_for_lock(process: u32) {
    let deadline = Instant::now() + Duration::from_secs(30);
    let process = process.to_string();
    let is_waiting = || {
        let locks = fs::read_to_string("/proc/locks").unwrap();
        locks
            .lines()
            .any(|line| line.contains("->") && line.split_whitespace().any(|word| word == process))
    };
    while !is_waiting() {
        assert!(Instant::now() < deadline, "it does not wait for the lock");
        std::thread::yield_now();
    }
}

#[test]
fn files_of_all_methods_are_read_changed_and_resized() {
    let home = Home::new();
    let time = hours_ago(2);
    for method in [
        "average", "sum", "last", "max", "min", "avg_zero", "absmax", "absmin",
    ] {
        let name = format!("{method}.wsp");
        home.run(&format!(
            "create {name} 1m:1d 1h:30d --aggregationMethod {method} --xFilesFactor 0"
        ))
        .expect(0);
        let field = home
            .run(&format!("info {name} aggregationMethod"))
            .expect(0);
        assert_eq!(field.trim(), method);
        home.run(&format!("update {name} {time}:-6 {}:3", time + 60))
            .expect(0);
        home.run(&format!(
            "resize --nobackup --aggregate {name} 1m:2d 1h:60d"
        ))
        .expect(0);
        let expected = match method {
            "average" => -1.5,
            "sum" => -3.0,
            "last" | "max" | "absmin" => 3.0,
            "min" | "absmax" => -6.0,
            _ => -3.0 / 60.0,
        };
        assert_eq!(home.points(&name, 1), [(time, expected)], "{method}");
        assert_eq!(home.points(&name, 0).len(), 2);
    }
}

#[test]
fn the_dialect_says_what_the_numbers_six_to_eight_mean() {
    let home = Home::new();
    home.run("create a.wsp 1m:1d 1h:30d --aggregationMethod first --xFilesFactor 0 --dialect go")
        .expect(0);
    let method = |flags: &str| home.run(&format!("info a.wsp aggregationMethod {flags}"));
    assert_eq!(method("--dialect go").expect(0), "first\n");
    assert_eq!(method("").expect(0), "avg_zero\n");
    let time = hours_ago(2);
    home.run(&format!(
        "update --dialect go a.wsp {time}:5 {}:7",
        time + 60
    ))
    .expect(0);
    assert_eq!(home.points("a.wsp", 1), [(time, 5.0)]);
    home.run("set-aggregation-method --dialect go a.wsp absmax")
        .expect_refusal(&["a.wsp", "absmax"]);
    home.run("convert --from go --to reference a.wsp")
        .expect_refusal(&["a.wsp", "first", "--method"]);
    home.run("convert --from go --to reference --method max a.wsp")
        .expect(0);
    assert_eq!(method("").expect(0), "max\n");
    assert_eq!(home.points("a.wsp", 0).len(), 2);
    // The first five numbers are the same in both.
    assert_eq!(home.run("convert --from go a.wsp").expect(0), "");
}

#[test]
fn a_method_of_compressed_files_is_changed_before_anything_is_written() {
    let home = Home::new();
    let mut file = header(ARCHIVES).image();
    file[3] = 7;
    fs::write(home.path("mix.wsp"), file).unwrap();
    let update = format!("update --dialect go mix.wsp {}:1", hours_ago(2));
    home.run(&update).expect_refusal(&["mix.wsp", "mix"]);
    home.run("set-aggregation-method --dialect go mix.wsp last")
        .expect(0);
    home.run(&update).expect(0);
    let file = fs::read(home.path("mix.wsp")).unwrap();
    let header = Header::parse(&file, Dialect::Reference).unwrap();
    assert_eq!(header.method(), Method::Last);
}

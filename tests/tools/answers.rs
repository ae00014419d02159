//! The same answers, and the same bytes, as the Python scripts.

use std::fs;

use serde_json::Value;

use crate::harness::{Home, hours_ago, now};

const ARCHIVES: &[(u32, u32)] = &[(60, 1_440), (600, 1_008), (3_600, 720)];

/// Two files that differ in some points.
fn home() -> Home {
    let home = Home::new();
    let start = hours_ago(6);
    let values = [1.5, 0.0, -0.0, 2e-7, 1e300, 123_456_789.25, -3.0, 0.1];
    let slots = (0..120).filter(|slot| slot % 7 != 0);
    let points: Vec<(i64, f64)> = slots
        .map(|slot| (start + slot * 60, values[slot as usize % values.len()]))
        .collect();
    home.write("a.wsp", ARCHIVES, &points);
    let others: Vec<(i64, f64)> = points
        .iter()
        .filter(|point| point.0 % 1_800 != 0)
        .map(|point| (point.0, point.1 + f64::from(point.0 % 600 == 0)))
        .collect();
    home.write("b.wsp", ARCHIVES, &others);
    home
}

#[track_caller]
fn assert_same(home: &Home, script: &str, tool: &str, arguments: &str) {
    let theirs = home.script(script, arguments);
    let ours = home.run(&format!("{tool} {arguments}"));
    assert_eq!(theirs.code, Some(0), "{script} {arguments}: {theirs:?}");
    assert_eq!(ours.stdout, theirs.stdout, "{tool} {arguments}");
}

#[track_caller]
fn assert_same_json(home: &Home, script: &str, tool: &str, arguments: &str) {
    let theirs = home.script(script, arguments).expect(0);
    let ours = home.run(&format!("{tool} {arguments}")).stdout;
    let [ours, theirs] = [ours, theirs].map(|text| serde_json::from_str::<Value>(&text).unwrap());
    assert_eq!(ours, theirs, "{tool} {arguments}");
}

#[test]
fn info_answers_as_whisper_info() {
    let home = home();
    assert_same(&home, "whisper-info.py", "info", "a.wsp");
    assert_same(&home, "whisper-info.py", "info", "--json a.wsp");
    for field in [
        "maxRetention",
        "xFilesFactor",
        "aggregationMethod",
        "fileSize",
    ] {
        assert_same(&home, "whisper-info.py", "info", &format!("a.wsp {field}"));
    }
    home.run("set-xfilesfactor a.wsp 0.3").expect(0);
    assert_same(&home, "whisper-info.py", "info", "--json a.wsp");
}

#[test]
fn dump_answers_as_whisper_dump() {
    let home = home();
    for arguments in [
        "a.wsp",
        "--raw a.wsp",
        "--pretty a.wsp",
        "--pretty --time-format %Y-%m-%dT%H:%M:%S a.wsp",
    ] {
        assert_same(&home, "whisper-dump.py", "dump", arguments);
    }
}

#[test]
fn fetch_answers_as_whisper_fetch() {
    let home = home();
    let (from, until) = (hours_ago(7), hours_ago(3));
    for range in [
        format!("--from {from} --until {until}"),
        format!("--from {} --until {until}", hours_ago(100)),
        format!("--from {} --until {until}", hours_ago(400)),
        format!("--from {until} --until {until}"),
    ] {
        for form in ["", "--pretty", "--pretty -t %d.%m.%y"] {
            assert_same(
                &home,
                "whisper-fetch.py",
                "fetch",
                &format!("{range} {form} a.wsp"),
            );
        }
        assert_same_json(
            &home,
            "whisper-fetch.py",
            "fetch",
            &format!("{range} --json a.wsp"),
        );
    }
}

/// The script gives the values that are left the times of others.
#[test]
fn a_value_keeps_its_time_when_others_are_dropped() {
    let home = home();
    let range = format!("--from {} --until {}", hours_ago(7), hours_ago(3));
    let theirs = home.script(
        "whisper-fetch.py",
        &format!("{range} --drop empty --json a.wsp"),
    );
    let theirs: Value = serde_json::from_str(&theirs.expect(0)).unwrap();
    let ours = home.run(&format!("fetch {range} --drop empty --json a.wsp"));
    let ours: Value = serde_json::from_str(&ours.expect(0)).unwrap();
    assert_eq!(ours["values"], theirs["values"]);
    let times = ours["timestamps"].as_array().unwrap();
    let values = ours["values"].as_array().unwrap();
    let pairs = times.iter().zip(values);
    let pairs: Vec<(i64, f64)> = pairs
        .map(|(time, value)| (time.as_i64().unwrap(), value.as_f64().unwrap()))
        .collect();
    let stored = home.points("a.wsp", 0).into_iter();
    let stored: Vec<(i64, f64)> = stored.filter(|point| point.1 != 0.0).collect();
    assert_eq!(pairs, stored);
    let text = home
        .run(&format!("fetch {range} --drop nulls a.wsp"))
        .expect(0);
    assert_eq!(text.lines().count(), home.points("a.wsp", 0).len());
    assert!(text.starts_with(&format!("{}\t", home.points("a.wsp", 0)[0].0)));
}

#[test]
fn diff_answers_as_whisper_diff_and_with_its_exit_code() {
    let home = home();
    let until = hours_ago(5);
    for flags in [
        String::new(),
        "--columns".to_owned(),
        "--columns --no-headers".to_owned(),
        "--summary".to_owned(),
        "--summary --columns".to_owned(),
        "--ignore-empty".to_owned(),
        format!("--until {until}"),
    ] {
        assert_same(
            &home,
            "whisper-diff.py",
            "diff",
            &format!("{flags} a.wsp b.wsp"),
        );
    }
    for flags in ["--json", "--json --summary", "--json --ignore-empty"] {
        assert_same_json(
            &home,
            "whisper-diff.py",
            "diff",
            &format!("{flags} a.wsp b.wsp"),
        );
    }
    home.run("diff a.wsp b.wsp").expect(1);
    home.run("diff a.wsp a.wsp").expect(0);
}

#[test]
fn estimates_are_those_of_whisper_create() {
    let home = Home::new();
    for archives in ["10s:6h,1m:7d,10m:1y", "60:1440", "1s:1d 1m:30d"] {
        let arguments = format!("--estimate {archives}");
        assert_same(&home, "whisper-create.py", "create", &arguments);
    }
}

/// The same work by the script on one file and by ours on another must give one file's bytes.
#[track_caller]
fn assert_same_bytes(home: &Home, script: &str, tool: &str, arguments: &str) {
    fs::copy(home.path("a.wsp"), home.path("theirs.wsp")).unwrap();
    fs::copy(home.path("a.wsp"), home.path("ours.wsp")).unwrap();
    home.script(script, &arguments.replace("FILE", "theirs.wsp"))
        .expect(0);
    home.run(&format!("{tool} {}", arguments.replace("FILE", "ours.wsp")))
        .expect(0);
    let [ours, theirs] = ["ours.wsp", "theirs.wsp"].map(|name| fs::read(home.path(name)).unwrap());
    assert!(ours == theirs, "{tool} {arguments}: the bytes differ");
}

#[test]
fn changed_files_have_the_bytes_of_the_scripts() {
    let home = home();
    let late = hours_ago(5) + 120;
    for method in ["sum", "last", "max", "min", "avg_zero", "absmax", "absmin"] {
        let name = "set-aggregation-method";
        let script = "whisper-set-aggregation-method.py";
        assert_same_bytes(&home, script, name, &format!("FILE {method}"));
        assert_same_bytes(&home, script, name, &format!("FILE {method} 0.25"));
    }
    assert_same_bytes(
        &home,
        "whisper-set-xfilesfactor.py",
        "set-xfilesfactor",
        "FILE 0.7",
    );
    assert_same_bytes(
        &home,
        "whisper-update.py",
        "update",
        &format!("FILE {late}:7.25"),
    );
    let points = format!("FILE {late}:7.25 {}:1e5 {}:-2", late + 60, late + 600);
    assert_same_bytes(&home, "whisper-update.py", "update", &points);
    assert_same_bytes(&home, "whisper-merge.py", "merge", "b.wsp FILE");
    let range = format!(
        "--from {} --until {} b.wsp FILE",
        hours_ago(6),
        hours_ago(5)
    );
    assert_same_bytes(&home, "whisper-merge.py", "merge", &range);
    for archives in ["60:2d 10m:14d", "5m:3d 1h:90d", "30s:1d 1m:2d 1h:1y"] {
        let arguments = format!("FILE {archives} --xFilesFactor 0 --aggregationMethod max");
        assert_same_bytes(&home, "whisper-resize.py", "resize", &arguments);
    }
}

#[test]
fn created_files_have_the_bytes_of_the_script() {
    let home = Home::new();
    let archives = "10s:1h 1m:1d --xFilesFactor 0.2 --aggregationMethod absmax";
    home.script("whisper-create.py", &format!("theirs.wsp {archives}"))
        .expect(0);
    let theirs = fs::read(home.path("theirs.wsp")).unwrap();
    for (name, flag) in [("w", ""), ("s", "--sparse"), ("f", "--fallocate")] {
        let said = home
            .run(&format!("create {name}.wsp {archives} {flag}"))
            .expect(0);
        assert_eq!(
            said,
            format!("Created: {name}.wsp ({} bytes)\n", theirs.len())
        );
        assert!(fs::read(home.path(&format!("{name}.wsp"))).unwrap() == theirs);
    }
}

#[test]
fn a_raw_dump_is_read_back() {
    let home = home();
    home.run("create copy.wsp 60:1440 600:1008 3600:720")
        .expect(0);
    let dump = home.run("dump --raw --archive 0 a.wsp").expect(0);
    fs::write(home.path("dump.txt"), dump).unwrap();
    let mut update = home.command("update copy.wsp");
    update.stdin(fs::File::open(home.path("dump.txt")).unwrap());
    assert!(update.output().unwrap().status.success());
    home.run("diff a.wsp copy.wsp").expect(0);
    let range = format!("--from {} --until {}", hours_ago(6), now());
    let some = home
        .run(&format!("dump --raw --archive 0 {range} copy.wsp"))
        .expect(0);
    assert_eq!(some.lines().count(), home.points("a.wsp", 0).len());
}

//! Trees: by rules, by age, by damage, and two of them beside each other.

use std::fs::{self, FileTimes};
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::harness::{Home, header, hours_ago};

const ARCHIVES: &[(u32, u32)] = &[(60, 1_440), (3_600, 720)];

fn age(home: &Home, name: &str, days: u64) {
    let time = SystemTime::now() - Duration::from_secs(days * 86_400);
    let file = fs::File::options()
        .write(true)
        .open(home.path(name))
        .unwrap();
    file.set_times(FileTimes::new().set_modified(time)).unwrap();
}

#[test]
fn metrics_are_listed_and_their_paths_and_room_are_told() {
    let home = Home::new();
    for name in ["servers/web1/load.wsp", "servers/web2/load.wsp", "up.wsp"] {
        home.write(&format!("tree/{name}"), ARCHIVES, &[]);
    }
    fs::write(home.path("tree/up.wsp.bak"), "").unwrap();
    let all = "servers.web1.load\nservers.web2.load\nup\n";
    assert_eq!(home.run("list tree").expect(0), all);
    assert_eq!(
        home.run("list tree --pattern servers.*.load --regex web2")
            .expect(0),
        "servers.web2.load\n"
    );
    assert_eq!(
        home.run("list tree --paths --pattern up").expect(0),
        "tree/up.wsp\n"
    );
    let json: Value = serde_json::from_str(&home.run("list tree --json").expect(0)).unwrap();
    assert_eq!(json[2], "up");
    assert_eq!(
        home.run("path servers.web1.load up --root tree").expect(0),
        "tree/servers/web1/load.wsp\ntree/up.wsp\n"
    );
    assert_eq!(
        home.run("path --reverse --root tree tree/servers/web1/load.wsp")
            .expect(0),
        "servers.web1.load\n"
    );
    let tagged = home.run("path a;b=c").expect(0);
    assert!(tagged.starts_with("_tagged/"), "{tagged}");
    let du = home.run("du --json tree").expect(0);
    let du: Value = serde_json::from_str(&du).unwrap();
    let bytes = header(ARCHIVES).file_bytes();
    assert_eq!(du["total"]["length_bytes"], 3 * bytes);
    assert_eq!(du["nodes"][0]["node"], "servers");
    assert_eq!(du["nodes"][0]["series"], 2);
    let du = home
        .run("du --depth 2 --sort name --limit 1 tree")
        .expect(0);
    assert!(du.contains("servers.web1") && du.contains("(all)"), "{du}");
    assert!(!du.contains("web2"), "{du}");
}

/// Carbon's two files in `conf/`.
fn write_rules(home: &Home) {
    fs::create_dir(home.path("conf")).unwrap();
    let schemas = "[servers]\npattern = ^servers\\.\nretentions = 1m:7d,1h:1y\n\
        [rest]\npattern = .*\nretentions = 60:1440,3600:720\n";
    fs::write(home.path("conf/storage-schemas.conf"), schemas).unwrap();
    let aggregation = "[sums]\npattern = \\.count$\nxFilesFactor = 0\naggregationMethod = sum\n\
        [all]\npattern = .*\nxFilesFactor = 0.5\naggregationMethod = average\n";
    fs::write(home.path("conf/storage-aggregation.conf"), aggregation).unwrap();
}

#[test]
fn a_tree_is_held_against_its_rules_and_resized_by_them() {
    let home = Home::new();
    write_rules(&home);
    let points = [(hours_ago(3), 1.0), (hours_ago(2), 2.0)];
    for name in ["servers/a", "servers/b", "other/x", "other/x/count"] {
        home.write(&format!("tree/{name}.wsp"), ARCHIVES, &points);
    }
    let report = home
        .run("validate-schemas conf --tree tree --json")
        .expect(1);
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["schemas"][0]["name"], "servers");
    assert_eq!(report["schemas"][0]["metrics"], 2);
    let wanted = header(&[(60, 10_080), (3_600, 8_760)]).file_bytes();
    assert_eq!(report["schemas"][0]["file_bytes"], wanted);
    let own = header(ARCHIVES).file_bytes();
    assert_eq!(report["tree"]["present_bytes"], 4 * own);
    assert_eq!(report["tree"]["wanted_bytes"], 2 * own + 2 * wanted);
    assert_eq!(report["tree"]["differing"].as_object().unwrap().len(), 3);
    assert_eq!(home.run("validate-schemas conf").code, Some(0));

    let before = home.names("tree");
    let dry = home.run("auto-resize --dry-run tree conf").expect(0);
    assert!(
        dry.contains("servers.a: 60s:1440,3600s:720 -> 60s:10080,3600s:8760"),
        "{dry}"
    );
    assert!(
        dry.contains("other.x.count: average -> sum, xFilesFactor 0.5 -> 0"),
        "{dry}"
    );
    assert!(dry.contains("3 of 4 files would change"), "{dry}");
    assert_eq!(home.names("tree"), before);

    let done = home.run("auto-resize tree conf").expect(0);
    assert!(done.contains("3 of 4 files changed"), "{done}");
    let names = home.names("tree");
    let backups: Vec<&String> = names.iter().filter(|name| name.ends_with(".bak")).collect();
    assert_eq!(backups, ["servers/a.wsp.bak", "servers/b.wsp.bak"]);
    for name in ["servers/a", "servers/b", "other/x", "other/x/count"] {
        assert_eq!(
            home.points(&format!("tree/{name}.wsp"), 0),
            points,
            "{name}"
        );
    }
    home.run("validate-schemas conf --tree tree").expect(0);
    let again = home.run("auto-resize tree conf").expect(0);
    assert!(again.contains("0 of 4 files changed"), "{again}");
}

#[test]
fn rules_are_those_of_the_daemons_configuration_too() {
    let home = Home::new();
    home.write("tree/a/b.wsp", ARCHIVES, &[]);
    let config = "[[schema]]\nname = \"a\"\npattern = \"^a\\\\.\"\nretentions = \"1m:2d\"\n";
    fs::write(home.path("config.toml"), config).unwrap();
    let dry = home
        .run("auto-resize --dry-run --config config.toml --root tree tree/a")
        .expect(0);
    assert!(dry.contains("a.b: 60s:1440,3600s:720 -> 60s:2880"), "{dry}");
}

#[test]
fn what_is_corrupt_is_found_and_moved_or_deleted() {
    let home = Home::new();
    let whole = header(ARCHIVES);
    let mut uneven = whole.image();
    whole
        .update(&mut uneven, hours_ago(2), 1.0, hours_ago(2))
        .unwrap();
    let mut cut = uneven.clone();
    cut.truncate(1_000);
    let start = whole.header_bytes();
    uneven[start + 3] ^= 1;
    let mut long = whole.image();
    long.push(0);
    home.write("tree/whole.wsp", ARCHIVES, &[(hours_ago(2), 1.0)]);
    for (name, bytes) in [
        ("uneven", uneven),
        ("long", long),
        ("cut", cut.clone()),
        ("empty", Vec::new()),
        (
            "compressed",
            b"whisper_compressed and what follows".to_vec(),
        ),
    ] {
        fs::write(home.path(&format!("tree/{name}.wsp")), bytes).unwrap();
        age(&home, &format!("tree/{name}.wsp"), 1);
    }
    fs::write(home.path("tree/young.wsp"), &cut).unwrap();
    let found = home.run("find-corrupt tree").expect(1);
    for text in [
        "cut.wsp: whisper archive",
        "empty.wsp: whisper header",
        "long.wsp: 1 bytes after the last archive",
        "uneven.wsp: archive 0, slot 0: timestamp",
        "young.wsp",
        "5 of 7 files are corrupt",
    ] {
        assert!(found.contains(text), "{text} is not in: {found}");
    }
    let quick = home.run("find-corrupt --header-only --json tree").expect(1);
    assert_eq!(quick.lines().count(), 3, "{quick}");

    home.run("find-corrupt --move aside tree").expect(1);
    assert_eq!(
        home.names("aside"),
        ["cut.wsp", "empty.wsp", "long.wsp", "uneven.wsp"]
    );
    assert_eq!(
        home.names("tree"),
        ["compressed.wsp", "whole.wsp", "young.wsp"]
    );
    home.run("find-corrupt --delete aside").expect(1);
    assert!(home.names("aside").is_empty());
    let left = home.run("find-corrupt --delete tree").expect(1);
    assert!(
        left.contains("young.wsp") && left.contains("left alone"),
        "{left}"
    );
    assert_eq!(home.names("tree").len(), 3);
    fs::remove_file(home.path("tree/young.wsp")).unwrap();
    home.run("find-corrupt tree aside").expect(0);
}

#[test]
fn stale_metrics_are_listed_and_removed_by_their_newest_point() {
    let home = Home::new();
    home.write("tree/fresh.wsp", ARCHIVES, &[(hours_ago(1), 1.0)]);
    home.write("tree/old.wsp", ARCHIVES, &[(hours_ago(20), 1.0)]);
    home.write("tree/older.wsp", ARCHIVES, &[(hours_ago(100), 1.0)]);
    home.write("tree/never.wsp", ARCHIVES, &[]);
    age(&home, "tree/never.wsp", 9);
    home.write("tree/created.wsp", ARCHIVES, &[]);
    // When the file was changed says nothing.
    age(&home, "tree/fresh.wsp", 90);

    let stale = home.run("stale tree").expect(0);
    assert_eq!(stale, format!("never\t-\nolder\t{}\n", hours_ago(100)));
    let fresh = home
        .run("stale --reverse --paths --older-than 10h tree")
        .expect(0);
    assert_eq!(fresh, "tree/created.wsp\ntree/fresh.wsp\n");
    let json = home.run("stale --older-than 1d --json tree").expect(0);
    let lines: Vec<Value> = json
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines[1]["metric"], "older");
    assert_eq!(lines[1]["newest"], hours_ago(100));

    home.run("stale --older-than 10h --delete --dry-run tree")
        .expect(0);
    assert_eq!(home.names("tree").len(), 5);
    home.run("stale --older-than 10h --move aside --pattern old* tree")
        .expect(0);
    assert_eq!(home.names("aside"), ["old.wsp", "older.wsp"]);
    home.run("stale --older-than 10h --delete tree").expect(0);
    assert_eq!(home.names("tree"), ["created.wsp", "fresh.wsp"]);
}

#[test]
fn a_tree_is_filled_from_its_replica_and_compared_with_it() {
    let home = Home::new();
    let times: Vec<i64> = (0..60).map(|minute| hours_ago(3) + minute * 60).collect();
    let all: Vec<(i64, f64)> = times.iter().map(|&time| (time, 2.0)).collect();
    let some: Vec<(i64, f64)> = times[..40].iter().map(|&time| (time, 4.0)).collect();
    home.write("replica/a.wsp", ARCHIVES, &all);
    home.write("replica/deep/b.wsp", ARCHIVES, &all);
    home.write("tree/a.wsp", ARCHIVES, &some);
    let differing = home.run("diff replica tree").expect(1);
    assert!(differing.contains("deep.b: is missing"), "{differing}");
    assert!(differing.contains("2 of 2 metrics differ"), "{differing}");
    let filled = home.run("backfill replica tree").expect(0);
    assert_eq!(filled, "Filled: 2 files, 20 points, 1 files copied\n");
    let expected: Vec<(i64, f64)> = some.iter().chain(&all[40..]).copied().collect();
    assert_eq!(home.points("tree/a.wsp", 0), expected);
    // The hour is made anew of what is there now.
    let hour = (4.0 * 40.0 + 2.0 * 20.0) / 60.0;
    assert_eq!(home.points("tree/a.wsp", 1), [(hours_ago(3), hour)]);
    home.run("merge replica tree").expect(0);
    home.run("diff replica tree").expect(0);
    // Other archives are no obstacle for a fill.
    home.run("create coarse.wsp 5m:7d --xFilesFactor 0")
        .expect(0);
    home.run("fill replica/a.wsp coarse.wsp").expect(0);
    assert_eq!(home.points("coarse.wsp", 0).len(), 12);
}

#[test]
fn methods_of_a_tree_are_changed_by_pattern_and_a_bad_file_stops_no_other() {
    let home = Home::new();
    for name in ["a/count", "b/count", "b/load"] {
        home.write(&format!("tree/{name}.wsp"), ARCHIVES, &[]);
    }
    fs::write(home.path("tree/a/count.wsp"), "broken").unwrap();
    let answer = home.run("set-aggregation-method --pattern *.count tree sum 0");
    answer.expect_refusal(&["a/count.wsp", "1 of 2 failed"]);
    let method = |name: &str| {
        home.run(&format!("info tree/{name}.wsp aggregationMethod"))
            .expect(0)
    };
    assert_eq!(
        (method("b/count"), method("b/load")),
        ("sum\n".to_owned(), "average\n".to_owned())
    );
}

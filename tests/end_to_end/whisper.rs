//! A tree of Whisper files under the real binary: other tools' files, damage, history beneath strata.

use std::fs;
use std::path::{Path, PathBuf};

use plumbago_storage_format::whisper::{ArchiveSpec, Dialect, Header, Method};

use crate::daemon::{Daemon, Home, last_minute, now, wait_for};
use crate::push::TEN_SECONDS;

/// A file with a point a minute of the ten before `time`, as another tool would make it.
fn make_file(tree: &Path, relative: &str, value: f64, time: i64) {
    let archives = [
        ArchiveSpec {
            step_s: 60,
            points: 1440,
        },
        ArchiveSpec {
            step_s: 600,
            points: 1440,
        },
    ];
    let header = Header::new(&archives, Method::Max, 0.0, Dialect::Reference).unwrap();
    let mut bytes = header.image();
    let points: Vec<_> = (1..=10)
        .map(|minute| (time - minute * 60, value + minute as f64))
        .collect();
    header.update_many(&mut bytes, &points, now()).unwrap();
    let path = tree.join(relative);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

fn found(daemon: &Daemon, query: &str) -> usize {
    let found = daemon.get_json(&format!("/metrics/find?query={query}"));
    found.as_array().unwrap().len()
}

fn wait_until_found(daemon: &Daemon, query: &str, count: usize) {
    wait_for(query, || (found(daemon, query) == count).then_some(()));
}

struct Tree {
    home: Home,
    tree: PathBuf,
}

impl Tree {
    fn new() -> Self {
        let home = Home::new();
        let tree = home.path("tree");
        fs::create_dir_all(&tree).unwrap();
        Self { home, tree }
    }

    fn start(&self, more: &[&str]) -> Daemon {
        let path = format!("storage.whisper.path={}", self.tree.display());
        let sets = [
            "storage.engine=whisper",
            &path,
            "telemetry.interval=0s",
            TEN_SECONDS,
        ];
        self.home.start(&[&sets, more].concat())
    }
}

#[test]
fn files_that_other_tools_make_and_remove_come_and_go_at_a_hang_up() {
    let tree = Tree::new();
    let time = last_minute();
    make_file(&tree.tree, "old/a.wsp", 100.0, time);
    make_file(&tree.tree, "old/b.wsp", 200.0, time);
    fs::write(tree.tree.join("old/broken.wsp"), "no file of Whisper's").unwrap();
    let daemon = tree.start(&[]);
    assert_eq!(found(&daemon, "old.*"), 2, "known when it says it is ready");
    assert_eq!(daemon.points("old.a", 1200).len(), 10);
    make_file(&tree.tree, "new/c.wsp", 300.0, time);
    fs::remove_file(tree.tree.join("old/b.wsp")).unwrap();
    daemon.signal("HUP");
    wait_until_found(&daemon, "new.c", 1);
    wait_until_found(&daemon, "old.*", 1);
    assert_eq!(daemon.points("new.c", 1200)[0].1, 310.0);
    daemon.stop();
    // Changes while it was away are found by the walk behind the start.
    make_file(&tree.tree, "new/d.wsp", 400.0, time);
    let daemon = tree.start(&[]);
    assert_eq!(found(&daemon, "new.c"), 1);
    wait_until_found(&daemon, "new.*", 2);
    assert!(daemon.log().contains("a file of the tree is left out"));
    daemon.stop();
}

#[test]
fn damaged_file_is_reported_and_the_rest_serves() {
    let tree = Tree::new();
    let time = last_minute();
    make_file(&tree.tree, "a.wsp", 0.0, time);
    make_file(&tree.tree, "b.wsp", 0.0, time);
    let daemon = tree.start(&["storage.whisper.write_delay_max=1s"]);
    let path = tree.tree.join("a.wsp");
    fs::write(&path, "torn").unwrap();
    daemon.send_tcp(&format!("a 7 {time}\nb 8 {time}\n"));
    wait_for("the damage to be reported", || {
        let health = daemon.get_json("/health");
        let damaged = health["damaged"].as_array().unwrap();
        let text = damaged.first()?.to_string();
        (damaged.len() == 1 && text.contains("a.wsp")).then_some(())
    });
    daemon.wait_for_points("a", 120, &[(time, 7.0)]);
    wait_for("its point", || {
        (daemon.points("b", 120).last() == Some(&(time, 8.0))).then_some(())
    });
    assert_eq!(daemon.metric("plumbago_store_files_unusable", ""), 1.0);
    daemon.stop();
    assert_eq!(fs::read(&path).unwrap(), b"torn", "it is left as it is");
}

#[test]
fn history_of_an_old_tree_answers_beneath_the_native_store() {
    let tree = Tree::new();
    let time = last_minute();
    make_file(&tree.tree, "old/a.wsp", 100.0, time);
    let before = fs::read(tree.tree.join("old/a.wsp")).unwrap();
    let fallback = format!("storage.fallback_whisper={}", tree.tree.display());
    for round in 0..2 {
        let daemon = tree.home.start(&[&fallback, TEN_SECONDS]);
        wait_until_found(&daemon, "old.a", 1);
        // The file's archives, not those of the rules.
        let info = daemon.get_json("/render?target=old.a&from=-15min&format=json");
        let points = info[0]["datapoints"].as_array().unwrap();
        assert_eq!(
            points[1][1].as_i64().unwrap() - points[0][1].as_i64().unwrap(),
            60
        );
        let known = daemon.points_between("old.a", time - 660, time);
        assert_eq!(known.len(), 10 + round, "{known:?}");
        assert_eq!(known[9], (time - 60, 101.0));
        if round == 0 {
            daemon.send_tcp(&format!("old.a 9 {time}\n"));
        }
        wait_for("the new point beside the old ones", || {
            let known = daemon.points_between("old.a", time - 660, time);
            (known.len() == 11 && known[10] == (time, 9.0)).then_some(())
        });
        daemon.stop();
    }
    assert!(fs::read(tree.tree.join("old/a.wsp")).unwrap() == before);
}

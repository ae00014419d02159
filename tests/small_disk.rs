//! The native engine on real file systems that are full to the last byte: a tmpfs of a few megabytes
//! and an ext4 in a file. New series are refused first, nothing stored is lost, a restart on the full
//! disk serves, and with room again all goes on by itself.
//!
//! Only root may mount. Where the test may not, it says so and leaves the file system out; the same is
//! then only injected (`storage::strata` on its simulated disk).

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use plumbago::metric::{Refusal, Retention, Rollup, SeriesId};
use plumbago::storage::strata::{Strata, StrataConfig};
use plumbago::storage::{SeriesDefinition, ShardWriter, Store, TimeRange};

const START: i64 = 1_700_000_000 / 7200 * 7200;
const SERIES: u32 = 40;
const ROOM_MIN: u64 = 256 << 10;

/// A mounted file system, unmounted in the end.
struct Mount {
    point: PathBuf,
    _parent: tempfile::TempDir,
}

impl Mount {
    fn tmpfs() -> Option<Self> {
        let parent = tempfile::tempdir().unwrap();
        Self::new(parent, |point| {
            run("mount", &["-t", "tmpfs", "-o", "size=6m", "none", point])
        })
    }

    fn ext4() -> Option<Self> {
        let parent = tempfile::tempdir().unwrap();
        let image = parent.path().join("image");
        File::create(&image).unwrap().set_len(32 << 20).unwrap();
        let image = image.to_str().unwrap().to_owned();
        // Without blocks reserved for root, or the test as root would not see it full.
        let made = run("mkfs.ext4", &["-q", "-F", "-m", "0", &image]);
        Self::new(parent, |point| {
            made && run("mount", &["-o", "loop", &image, point])
        })
    }

    fn new(parent: tempfile::TempDir, mount: impl FnOnce(&str) -> bool) -> Option<Self> {
        let point = parent.path().join("mounted");
        fs::create_dir(&point).unwrap();
        mount(point.to_str().unwrap()).then_some(Self {
            point,
            _parent: parent,
        })
    }

    /// Takes all room that is left; answers the file that has it.
    fn fill(&self) -> PathBuf {
        let path = self.point.join("filler");
        let mut file = File::create(&path).unwrap();
        for size in [1 << 16, 1 << 12, 1] {
            while file.write_all(&vec![7; size]).is_ok() {}
        }
        // What the file system holds back for writes on the way is taken as well.
        let _ = file.sync_all();
        while file.write_all(&[7; 512]).is_ok() {}
        path
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        run("umount", &[self.point.to_str().unwrap()]);
    }
}

fn run(program: &str, arguments: &[&str]) -> bool {
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap());
    let output = Command::new(program)
        .args(arguments)
        .env("PATH", path)
        .output();
    output.is_ok_and(|output| output.status.success())
}

struct Bench {
    store: Strata,
    writer: Box<dyn ShardWriter>,
    retention: Arc<Retention>,
}

impl Bench {
    fn open(folder: &Path) -> Self {
        let config = StrataConfig {
            shards: 1,
            background: false,
            room_min_bytes: ROOM_MIN,
            ..StrataConfig::new(folder)
        };
        let store = Strata::open(&config).unwrap();
        let mut bench = Self {
            writer: store.writer(0),
            store,
            retention: Arc::new(Retention::parse("10s:2h").unwrap()),
        };
        for id in 0..SERIES {
            bench.define(id).unwrap();
        }
        bench
    }

    fn define(&mut self, id: u32) -> Result<(), plumbago::storage::StoreError> {
        self.writer.define(&SeriesDefinition {
            id: SeriesId(id),
            name: Arc::from("small"),
            retention: Arc::clone(&self.retention),
            rollup: Rollup::default(),
        })
    }

    /// Stores one step; answers how many points were taken.
    fn step(&mut self, step: i64, known: &mut Vec<(u32, i64)>) -> usize {
        let now = START + step * 10;
        let before = known.len();
        for id in 0..SERIES {
            match self.writer.store(SeriesId(id), now, value(id, now), now) {
                Ok(()) => known.push((id, now)),
                Err(reason) => assert_eq!(reason, Refusal::StoreRefused),
            }
        }
        // A full disk shows in the health; what fails is tried again.
        let _ = self.writer.maintain(now, Duration::from_millis(5));
        known.len() - before
    }

    /// Reads every known point, and once all slots that there are, also those without a row.
    fn check(&self, known: &[(u32, i64)], now: i64) {
        for id in 0..SERIES {
            let (from, until) = (now - 7200, now);
            let range = TimeRange { from, until, now };
            let fetched = self.store.fetch(SeriesId(id), range).unwrap().unwrap();
            assert_eq!(fetched.values.len(), 720);
        }
        for &(id, time) in known {
            let range = TimeRange {
                from: time - 10,
                until: time,
                now,
            };
            let fetched = self.store.fetch(SeriesId(id), range).unwrap().unwrap();
            assert_eq!(fetched.values, [value(id, time)], "series {id} at {time}");
        }
    }
}

fn value(id: u32, time: i64) -> f64 {
    f64::from(id) * 1000.0 + (time / 10 % 977) as f64
}

fn live_through_a_full_disk(mount: &Mount) {
    let data = mount.point.join("data");
    fs::create_dir(&data).unwrap();
    let mut bench = Bench::open(&data);
    let mut known = Vec::new();
    for step in 0..100 {
        assert_eq!(bench.step(step, &mut known), SERIES as usize);
    }
    bench.store.sync().unwrap();

    let filler = mount.fill();
    let mut refused = 0;
    for step in 100..420 {
        refused += usize::from(bench.step(step, &mut known) == 0);
    }
    assert!(refused > 0, "the disk was never full");
    assert!(bench.store.health().disk_full);
    assert_eq!(bench.store.health().write_failure, None);
    assert!(bench.define(SERIES).is_err());
    let now = START + 4190;
    bench.check(&known, now);

    // A new process on the full disk: it reads what there is, and dies of no hole.
    drop(bench);
    let mut bench = Bench::open(&data);
    bench.check(&known, now);
    bench.step(420, &mut known);
    assert_eq!(bench.store.health().damaged, []);

    fs::remove_file(filler).unwrap();
    for step in 421..440 {
        bench.step(step, &mut known);
    }
    assert!(!bench.store.health().disk_full);
    assert_eq!(bench.step(440, &mut known), SERIES as usize);
    bench.define(SERIES).unwrap();
    bench.store.sync().unwrap();
    bench.check(&known, START + 4400);
}

#[test]
fn full_tmpfs_refuses_new_series_loses_nothing_and_recovers_alone() {
    match Mount::tmpfs() {
        Some(mount) => live_through_a_full_disk(&mount),
        None => println!("left out: this user may not mount a tmpfs"),
    }
}

#[test]
fn full_ext4_refuses_new_series_loses_nothing_and_recovers_alone() {
    match Mount::ext4() {
        Some(mount) => live_through_a_full_disk(&mount),
        None => println!("left out: this user may not mount an ext4 image"),
    }
}

//! Looking at a store: what the next start would show, byte for byte unchanged, beside a writer too.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::{Bench, START, config, definition, fill, value};
use crate::metric::{Retention, SeriesId};
use crate::storage::strata::Strata;
use crate::storage::strata::inspect::Inspection;
use crate::storage::{Store, TimeRange};

const RETENTION: &str = "10s:1h,1m:1d";

fn look(path: &Path, series: u32) -> Inspection {
    let inspection = Inspection::open(path).unwrap();
    let retention = Arc::new(Retention::parse(RETENTION).unwrap());
    for id in 0..series {
        assert!(inspection.define(&definition(id, &retention)).unwrap());
    }
    inspection
}

/// Every file with its bytes.
pub(super) fn content(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(content(&path)),
            false => found.push((path.clone(), fs::read(&path).unwrap())),
        }
    }
    found.sort();
    found
}

/// Two hours of three series with late points of both archives, left as a killed process leaves it.
pub(super) fn left_behind(path: &Path) -> i64 {
    let mut bench = Bench::open(path, RETENTION, 3);
    let last = fill(&mut bench, 3, 720);
    let mut late = |ago: i64| {
        let time = last - ago;
        let stored = bench.writer.store(SeriesId(1), time, -1.5, last);
        stored.unwrap();
    };
    late(2000);
    late(5000);
    last
}

/// The same folder with a leftover of each kind and an unfinished clearing.
fn with_leftovers(path: &Path) {
    let group = path.join("strata/shard-0/family-0");
    fs::write(group.join("manifest.tmp"), b"half").unwrap();
    fs::write(group.join("archive-0/12-00000099.block"), b"unnamed").unwrap();
    let manifest = group.join("manifest");
    let bytes = fs::read(&manifest).unwrap();
    let mut decoded = plumbago_storage_format::manifest::Manifest::decode(&bytes).unwrap();
    decoded.cleared -= 120;
    fs::write(&manifest, decoded.encode()).unwrap();
}

fn ranges(last: i64) -> impl Iterator<Item = TimeRange> {
    let range = move |(from, until)| TimeRange {
        from: last - from,
        until: last - until,
        now: last,
    };
    [
        (3_500, 0),
        (1_999, 1_000),
        (7_190, 0),
        (80_000, 20),
        (60, 0),
    ]
    .into_iter()
    .map(range)
}

#[test]
fn look_shows_what_the_next_start_shows_and_changes_no_byte() {
    let folder = tempfile::tempdir().unwrap();
    let last = left_behind(folder.path());
    with_leftovers(folder.path());
    let before = content(folder.path());
    let inspection = look(folder.path(), 3);
    let seen: Vec<_> = (0..3)
        .flat_map(|id| ranges(last).map(move |range| (id, range)))
        .map(|(id, range)| inspection.fetch(SeriesId(id), range).unwrap().unwrap())
        .collect();
    assert_eq!(inspection.damaged(), []);
    drop(inspection);
    assert!(content(folder.path()) == before);

    let bench = Bench::open(folder.path(), RETENTION, 3);
    let mut seen = seen.into_iter();
    for id in 0..3 {
        for range in ranges(last) {
            let expected = bench.store.fetch(SeriesId(id), range).unwrap().unwrap();
            let seen = seen.next().unwrap();
            assert_eq!((seen.start, seen.step), (expected.start, expected.step));
            let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&seen.values), bits(&expected.values), "{id} {range:?}");
        }
    }
}

#[test]
fn look_at_damage_names_the_files_and_leaves_them() {
    let folder = tempfile::tempdir().unwrap();
    left_behind(folder.path());
    let group = folder.path().join("strata/shard-0/family-0");
    for name in ["manifest", "archive-0/ring-00000.ring", "late-00000000.log"] {
        let path = group.join(name);
        let mut bytes = fs::read(&path).unwrap();
        bytes[3] ^= 1;
        fs::write(&path, bytes).unwrap();
    }
    let before = content(folder.path());
    let damaged = look(folder.path(), 3).damaged();
    let names: Vec<_> = damaged
        .iter()
        .map(|(path, _)| path.strip_prefix(&group).unwrap().to_str().unwrap())
        .collect();
    assert_eq!(
        names,
        ["manifest", "archive-0/ring-00000.ring", "late-00000000.log"]
    );
    assert!(content(folder.path()) == before);
}

#[test]
fn look_beside_a_writer_never_shows_a_value_of_another_slot() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::open(folder.path(), RETENTION, 3);
    let first = fill(&mut bench, 3, 300);
    let inspection = look(folder.path(), 3);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut answers = 0;
            while !done.load(Relaxed) || answers == 0 {
                for id in 0..3 {
                    let range = TimeRange {
                        from: START - 10,
                        until: first,
                        now: START + 3500,
                    };
                    let found = inspection.fetch(SeriesId(id), range).unwrap().unwrap();
                    for (step, found) in found.values.iter().enumerate() {
                        let time = START + step as i64 * 10;
                        assert_eq!(*found, value(id, time), "series {id} step {step}");
                    }
                    answers += 1;
                }
            }
        });
        // Seals, merges and gives every row to later slots, more than once.
        for step in 300..1_500 {
            let now = START + step * 10;
            for id in 0..3 {
                bench.store(id, now, value(id, now)).unwrap();
            }
            // Blocks of the hour looked at stay: the writer's clock is held back for them.
            bench.maintain(now.min(START + 3500 + (step - 300)));
        }
        done.store(true, Relaxed);
        reader.join().unwrap();
    });
    assert_eq!(inspection.damaged(), []);
}

#[test]
fn series_of_a_retention_that_the_store_has_not_is_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    left_behind(folder.path());
    let inspection = Inspection::open(folder.path()).unwrap();
    let other = Arc::new(Retention::parse("1s:1m").unwrap());
    assert!(!inspection.define(&definition(7, &other)).unwrap());
    assert_eq!(inspection.place(SeriesId(7)), None);
    assert_eq!(inspection.held(SeriesId(7)).unwrap(), []);
}

#[test]
fn look_counts_what_blocks_ring_and_late_log_hold_of_a_series() {
    let folder = tempfile::tempdir().unwrap();
    let last = left_behind(folder.path());
    let inspection = look(folder.path(), 3);
    let archives = inspection.archives(SeriesId(1)).unwrap();
    assert_eq!(archives.len(), 2);
    let finest = archives[0];
    assert_eq!(finest.late_points, 1);
    assert_eq!(archives[1].late_points, 1);
    assert_eq!(finest.sealed_points + finest.ring_points, 720);
    assert!(finest.blocks >= 4 && finest.bytes > 0, "{finest:?}");
    let held = inspection.held(SeriesId(1)).unwrap();
    assert!(held[0].start <= START && held[0].end > last);
    let mut points = 0;
    let counted: Result<(), crate::storage::StoreError> =
        inspection.for_each_point(SeriesId(1), held[0], |time, found| {
            assert!(found == value(1, time) || found == -1.5, "{time}");
            points += 1;
            Ok(())
        });
    counted.unwrap();
    assert_eq!(points, 720);
    let groups = inspection.groups().unwrap();
    assert_eq!(groups.len(), 1);
    assert_eq!(groups[0].late_points, 2);
    assert_eq!(groups[0].ring.unwrap().columns_used, 3);
    let blocks: usize = groups[0].archives.iter().map(|a| a.blocks).sum();
    assert!(blocks >= finest.blocks);
}

#[test]
fn folder_without_a_store_is_refused_and_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let error = Inspection::open(folder.path()).unwrap_err().to_string();
    assert!(error.contains("meta: open"), "{error}");
    assert!(content(folder.path()).is_empty());
    // A store that was never written to is an empty one.
    drop(Strata::open(&config(folder.path())).unwrap());
    let inspection = Inspection::open(folder.path()).unwrap();
    assert!(inspection.groups().unwrap().is_empty());
}

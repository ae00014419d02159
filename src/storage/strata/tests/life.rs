//! Series that go: their columns, late points and blocks.

use std::path::Path;

use super::{Bench, START, config, definition, fill, value};
use crate::metric::SeriesId;
use crate::storage::strata::Strata;
use crate::storage::{Store, suite};

#[test]
fn suite_of_life_and_death_passes() {
    let folder = tempfile::tempdir().unwrap();
    suite::run(&Strata::open(&config(folder.path())).unwrap());
}

fn ids(range: std::ops::Range<u32>) -> Vec<SeriesId> {
    range.map(SeriesId).collect()
}

/// Bytes of the block files of the finest archive.
fn block_bytes(folder: &Path) -> u64 {
    let archive = folder.join("strata/shard-0/family-0/archive-0");
    let files = std::fs::read_dir(archive).unwrap().flatten();
    let blocks = files.filter(|file| !file.file_name().to_string_lossy().ends_with(".ring"));
    blocks.map(|file| file.metadata().unwrap().len()).sum()
}

#[test]
fn column_of_a_forgotten_series_is_given_again_after_a_sync_and_without_its_past() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::open(folder.path(), "10s:6h", 1100);
    for id in 0..512 {
        bench.store(id, START, 1.0).unwrap();
    }
    bench.writer.forget(&ids(0..500));
    bench.maintain(START);
    bench.store.sync().unwrap();
    for id in 600..1100 {
        bench.store(id, START + 10, 3.0).unwrap();
    }
    let archive = folder.path().join("strata/shard-0/family-0/archive-0");
    assert!(!archive.join("ring-00001.ring").exists());
    let known = |bench: &Bench, id| {
        let values = bench.values(id, START - 100, START + 10, START + 10);
        values.iter().filter(|value| !value.is_nan()).count()
    };
    assert!((600..1100).all(|id| known(&bench, id) == 1));
    assert!((500..512).all(|id| known(&bench, id) == 1));
    // Without a sync in between the columns rest.
    bench.writer.forget(&ids(600..700));
    bench.maintain(START + 10);
    bench.store(512, START + 10, 1.0).unwrap();
    assert!(archive.join("ring-00001.ring").exists());
}

#[test]
fn series_removed_before_the_store_was_opened_gives_up_its_column() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::open(folder.path(), "10s:6h", 512);
    for id in 0..512 {
        bench.store(id, START, 1.0).unwrap();
    }
    bench.store.sync().unwrap();
    drop(bench);
    // The catalog knows only the first of them by now.
    let mut bench = Bench::open(folder.path(), "10s:6h", 1);
    bench.maintain(START);
    bench.store.sync().unwrap();
    let retention = bench.store.definition(SeriesId(0)).unwrap().0;
    for id in 1000..1511 {
        bench.writer.define(&definition(id, &retention)).unwrap();
        bench.store(id, START + 10, 2.0).unwrap();
    }
    let archive = folder.path().join("strata/shard-0/family-0/archive-0");
    assert!(!archive.join("ring-00001.ring").exists());
    assert_eq!(bench.values(0, START - 10, START, START + 10), [1.0]);
    let values = bench.values(1200, START - 10, START + 10, START + 10);
    assert_eq!(values.iter().filter(|value| !value.is_nan()).count(), 1);
}

#[test]
fn blocks_that_are_mostly_dead_are_rewritten_and_the_living_keep_every_point() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::open(folder.path(), "10s:6h", 100);
    let last = fill(&mut bench, 100, 700);
    let before = block_bytes(folder.path());
    let all = bench.store.usage(&ids(0..100)).unwrap();
    assert_eq!(all[0].slots % 100, 0);
    bench.writer.forget(&ids(10..100));
    for _ in 0..20 {
        bench.maintain(last);
    }
    let after = block_bytes(folder.path());
    assert!(after < before / 5, "{after} of {before} bytes are left");
    for id in 0..10 {
        let values = bench.values(id, START - 10, last, last);
        let expected: Vec<f64> = (0..700).map(|step| value(id, START + step * 10)).collect();
        assert_eq!(values, expected);
    }
    // Few that go are not worth a rewrite.
    bench.writer.forget(&ids(0..3));
    for _ in 0..5 {
        bench.maintain(last);
    }
    assert_eq!(block_bytes(folder.path()), after);
    bench.store.sync().unwrap();
    drop(bench);
    let bench = Bench::open(folder.path(), "10s:6h", 10);
    assert_eq!(bench.values(9, START - 10, START, last), [value(9, START)]);
    assert_eq!(bench.store.health().damaged, []);
}

#[test]
fn late_points_of_a_forgotten_series_reach_no_patch() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::open(folder.path(), "10s:6h", 2);
    let last = fill(&mut bench, 2, 400);
    for id in 0..2 {
        let old = last - 3000;
        bench.writer.store(SeriesId(id), old, 5.0, last).unwrap();
    }
    bench.writer.forget(&[SeriesId(1)]);
    bench.maintain(last + 4000);
    bench.store.sync().unwrap();
    drop(bench);
    // Somebody who would still know the id must find nothing new.
    let bench = Bench::open(folder.path(), "10s:6h", 2);
    let at = (last - 3000).div_euclid(10) * 10;
    let late = |id| bench.values(id, at - 10, at, last)[0];
    assert_eq!(late(0), 5.0);
    assert_ne!(late(1), 5.0);
}

#[test]
fn newest_point_is_found_in_ring_blocks_and_late_table() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::open(folder.path(), "10s:6h,1m:2d", 4);
    let mut last = fill(&mut bench, 3, 300);
    // Series 1 and 2 fall silent; 2 sends something late.
    for _ in 0..700 {
        last += 10;
        bench.store(0, last, 1.0).unwrap();
        bench.maintain(last);
    }
    let silent = START + 299 * 10;
    bench
        .writer
        .store(SeriesId(2), silent + 30, 1.0, last)
        .unwrap();
    let slots = |bench: &Bench, now| -> Vec<Option<i64>> {
        let newest = bench.store.newest(&ids(0..4), now).unwrap();
        newest.iter().map(|found| found.map(|n| n.slot)).collect()
    };
    let expected = [Some(last), Some(silent), Some(silent + 30), None];
    assert_eq!(slots(&bench, last), expected);
    bench.store.sync().unwrap();
    drop(bench);
    let bench = Bench::open(folder.path(), "10s:6h,1m:2d", 4);
    assert_eq!(slots(&bench, last), expected);
    let later = silent + 2 * 86_400 + 20;
    assert_eq!(slots(&bench, later)[1..3], [None, Some(silent + 30)]);
}

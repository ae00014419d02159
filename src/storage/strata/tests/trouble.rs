//! A full disk and damaged files: refused, reported, survived.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Bench, START, config, definition, fill, value};
use crate::metric::{Refusal, Retention, Rollup, SeriesId};
use crate::storage::strata::read::{SeriesReader, Slots};
use crate::storage::strata::simulation::{Faults, SimulatedDisk};
use crate::storage::strata::{Existing, ImportedArchive, ImportedSeries, Strata};
use crate::storage::{Store, StoreError};

fn on_simulated(faults: Faults) -> (SimulatedDisk, Bench) {
    let disk = SimulatedDisk::new(1, faults);
    let store = Strata::open_on(Arc::new(disk.clone()), &config(Path::new("/data"))).unwrap();
    let bench = Bench::over(store, "10s:6h", 4);
    (disk, bench)
}

#[test]
fn full_disk_keeps_known_series_as_long_as_it_can_and_recovers_alone() {
    let (disk, mut bench) = on_simulated(Faults::default());
    let mut last = fill(&mut bench, 3, 300);
    disk.set_full(true);
    let mut stored = Vec::new();
    for _ in 0..400 {
        last += 10;
        if bench.store(0, last, 5.0).is_ok() {
            stored.push(last);
        }
        bench.maintain(last);
    }
    assert!(bench.store.health().disk_full);
    assert_eq!(bench.store.health().write_failure, None);
    assert!(stored.len() > 50, "{} points were taken", stored.len());
    assert!(stored.len() < 300, "{} points were taken", stored.len());
    assert_eq!(bench.store(3, last, 1.0), Err(Refusal::StoreRefused));
    let retention = Arc::new(Retention::parse("10s:6h").unwrap());
    let error = bench
        .writer
        .define(&definition(77, &retention))
        .unwrap_err();
    assert!(matches!(error, StoreError::Io { .. }), "{error}");

    disk.set_full(false);
    bench.maintain(last + 10);
    bench.store(0, last + 10, 6.0).unwrap();
    bench.store(3, last + 10, 7.0).unwrap();
    assert!(!bench.store.health().disk_full);
    for time in stored {
        assert_eq!(bench.values(0, time - 10, time, last + 10), [5.0], "{time}");
    }
}

#[test]
fn failed_sync_stops_writes_but_not_reads() {
    let (disk, mut bench) = on_simulated(Faults::default());
    let last = fill(&mut bench, 3, 50);
    disk.break_next();
    let error = bench.store.sync().unwrap_err();
    let health = bench.store.health();
    assert_eq!(health.write_failure, Some(error.to_string()));
    assert_eq!(bench.store(0, last + 10, 1.0), Err(Refusal::StoreRefused));
    assert!(matches!(bench.store.sync(), Err(StoreError::Poisoned(_))));
    assert_eq!(bench.values(2, last - 10, last, last), [value(2, last)]);
}

fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path.to_string_lossy().ends_with(ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 0x10;
    fs::write(path, bytes).unwrap();
}

/// A stopped folder with blocks, ring and late points of three series, and its last time.
fn stopped_folder(folder: &Path) -> i64 {
    let mut bench = Bench::open(folder, "10s:6h", 3);
    let last = fill(&mut bench, 3, 400);
    let late = START + 100 * 10;
    bench.writer.store(SeriesId(1), late, -1.0, last).unwrap();
    bench.store.sync().unwrap();
    last
}

/// Opens the folder again; every value must be what was stored or absent. Answers how many are absent.
fn absent_after_reopening(folder: &Path, last: i64) -> (usize, Strata) {
    let bench = Bench::open(folder, "10s:6h", 3);
    let mut absent = 0;
    for id in 0..3 {
        for (step, found) in bench.values(id, START - 10, last, last).iter().enumerate() {
            let time = START + step as i64 * 10;
            let is_late = id == 1 && step == 100 && *found == -1.0;
            if found.is_nan() {
                absent += 1;
            } else {
                assert!(
                    *found == value(id, time) || is_late,
                    "series {id} step {step}"
                );
            }
        }
    }
    (absent, bench.store)
}

#[test]
fn damaged_block_costs_only_itself_and_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let last = stopped_folder(folder.path());
    let blocks = files(folder.path(), ".block");
    assert!(!blocks.is_empty());
    let length = fs::metadata(&blocks[0]).unwrap().len() as usize;
    flip(&blocks[0], length / 2);
    let (absent, store) = absent_after_reopening(folder.path(), last);
    assert!((1..=3 * 240).contains(&absent), "{absent}");
    assert_eq!(store.health().damaged.len(), 1, "{:?}", store.health());
}

#[test]
fn block_with_a_damaged_head_is_set_aside_by_name_and_the_rest_serves() {
    let folder = tempfile::tempdir().unwrap();
    let last = stopped_folder(folder.path());
    let blocks = files(folder.path(), ".block");
    flip(&blocks[0], 30);
    let (absent, store) = absent_after_reopening(folder.path(), last);
    assert!((1..=3 * 240).contains(&absent), "{absent}");
    store.shared.all_groups()[0].work_through(last);
    let aside = files(folder.path(), ".damaged");
    let health = store.health().damaged;
    assert_eq!(health.len(), 1, "{health:?}");
    assert_eq!(aside, [health[0].0.clone()]);
    assert!(!health[0].1.is_empty());
    assert!(!blocks[0].exists());
    drop(store);
    // The manifest no longer names it: the next opening neither misses nor sweeps it.
    let (again, store) = absent_after_reopening(folder.path(), last);
    assert_eq!(again, absent);
    let remembered: Vec<_> = (store.health().damaged.into_iter())
        .map(|(path, _)| path)
        .collect();
    assert_eq!(remembered, aside);
    assert_eq!(files(folder.path(), ".damaged"), aside);
}

#[test]
fn statistics_are_what_the_disk_holds_also_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let last = stopped_folder(folder.path());
    let bench = Bench::open(folder.path(), "10s:6h", 3);
    let statistics = bench.store.statistics();
    assert_eq!(statistics.points_pending, 1);
    let kinds = [".block", ".ring", ".log"];
    let found = kinds.iter().flat_map(|kind| files(folder.path(), kind));
    let bytes: u64 = found.map(|path| disk_bytes(&path)).sum();
    let told = statistics.bytes_on_disk;
    // Blocks are told by their length.
    assert!(
        told.abs_diff(bytes) * 20 <= bytes,
        "{told} bytes told, {bytes} found"
    );
    drop(bench);
    let (_, store) = absent_after_reopening(folder.path(), last);
    assert_eq!(store.statistics().bytes_on_disk, told);
}

fn disk_bytes(path: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(path).unwrap().blocks() * 512
}

#[test]
fn missing_block_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let last = stopped_folder(folder.path());
    fs::remove_file(&files(folder.path(), ".block")[0]).unwrap();
    let (absent, store) = absent_after_reopening(folder.path(), last);
    assert!(absent > 0);
    assert!(!store.health().damaged.is_empty());
}

#[test]
fn damaged_manifest_is_set_aside_and_rebuilt_from_the_blocks() {
    let folder = tempfile::tempdir().unwrap();
    let last = stopped_folder(folder.path());
    flip(&files(folder.path(), "manifest")[0], 20);
    let (absent, store) = absent_after_reopening(folder.path(), last);
    assert_eq!(absent, 0);
    assert!(store.health().damaged[0].0.ends_with("manifest.damaged"));
}

#[test]
fn damaged_panel_is_set_aside_and_costs_the_ring_alone() {
    let folder = tempfile::tempdir().unwrap();
    let last = stopped_folder(folder.path());
    flip(&files(folder.path(), ".ring")[0], 9);
    let (absent, store) = absent_after_reopening(folder.path(), last);
    assert!((1..=3 * 256).contains(&absent), "{absent}");
    assert_eq!(store.health().damaged.len(), 1);
}

#[test]
fn damaged_late_segment_is_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    let last = stopped_folder(folder.path());
    flip(&files(folder.path(), ".log")[0], 3);
    let (absent, store) = absent_after_reopening(folder.path(), last);
    assert_eq!(absent, 0);
    assert_eq!(store.health().damaged.len(), 1);
}

#[test]
fn damaged_table_of_families_keeps_the_store_shut() {
    let folder = tempfile::tempdir().unwrap();
    stopped_folder(folder.path());
    flip(&files(folder.path(), "families")[0], 25);
    let error = Strata::open(&config(folder.path())).unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
}

#[test]
fn clock_far_ahead_for_a_moment_costs_nothing() {
    // A point that only the wrong clock has a row for waits for some seconds, and is then refused.
    const WAITS: Refusal = Refusal::StoreRefused;
    const AHEAD: Refusal = Refusal::TooFarInFuture;
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(folder.path());
    config.clock_votes = 8;
    let mut bench = Bench::over(Strata::open(&config).unwrap(), "10s:6h", 3);
    let mut last = fill(&mut bench, 3, 400);
    let wrong = last + 10 * 365 * 86_400;
    // Senders go on with the right time; the daemon's own metric has the wrong one.
    for _ in 0..20 {
        last += 10;
        for id in 0..3 {
            let stored = bench
                .writer
                .store(SeriesId(id), last, value(id, last), wrong);
            assert!(matches!(stored, Ok(()) | Err(WAITS | AHEAD)), "{stored:?}");
        }
        let own = bench.writer.store(SeriesId(2), wrong, 1.0, wrong);
        assert!(matches!(own, Err(WAITS | AHEAD)), "{own:?}");
        bench.maintain(wrong);
    }
    bench.maintain(last);
    for id in 0..3 {
        bench.store(id, last, value(id, last)).unwrap();
        let values = bench.values(id, START - 10, START + 3990, last);
        let expected: Vec<f64> = (0..400).map(|s| value(id, START + s * 10)).collect();
        assert_eq!(values, expected);
        assert_eq!(bench.values(id, last - 10, last, last), [value(id, last)]);
    }
    assert_eq!(bench.store.statistics().points_late, 0);
}

#[test]
fn late_points_of_many_groups_together_stay_within_the_budget() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(folder.path());
    config.late_points_max = 800;
    let mut bench = Bench::over(Strata::open(&config).unwrap(), "10s:1d", 0);
    for id in 0..8 {
        let retention = Arc::new(Retention::parse(&format!("{}s:1d", 10 + id)).unwrap());
        bench.writer.define(&definition(id, &retention)).unwrap();
    }
    let mut most = 0;
    for point in 0..300 {
        for id in 0..8 {
            let time = START - 80_000 + point * 200;
            let stored = bench.writer.store(SeriesId(id), time, 1.0, START);
            assert_eq!(stored, Ok(()));
        }
        most = most.max(bench.store.statistics().points_pending);
    }
    assert_eq!(bench.store.statistics().points_late, 2400);
    assert!((400..=900).contains(&most), "{most} points waited");
    for id in 0..8 {
        let values = bench.values(id, START - 80_100, START, START);
        let known = values.iter().filter(|value| !value.is_nan()).count();
        assert_eq!(known, 300, "series {id}");
    }
}

/// Puts links to themselves in the place of files, which cannot be opened, for `trouble`.
fn while_unreadable(paths: &[PathBuf], trouble: impl FnOnce()) {
    for path in paths {
        fs::rename(path, path.with_extension("away")).unwrap();
        symlink(path.file_name().unwrap(), path).unwrap();
    }
    trouble();
    for path in paths {
        fs::rename(path.with_extension("away"), path).unwrap();
    }
}

#[test]
fn import_that_cannot_read_a_block_is_refused_and_covers_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::open(folder.path(), "10s:6h", 2);
    let last = fill(&mut bench, 2, 600);
    bench.store.sync().unwrap();
    drop(bench);
    let bench = Bench::open(folder.path(), "10s:6h", 2);
    let other = |id| ImportedSeries {
        id: SeriesId(id),
        is_new: false,
        archives: vec![ImportedArchive {
            start: START,
            values: vec![-1.0; 600],
        }],
    };
    while_unreadable(&files(folder.path(), ".block"), || {
        let refused = bench.store.import(&[other(0)], Existing::Keep, last);
        let message = refused.unwrap_err().to_string();
        assert!(message.contains(".block"), "{message}");
    });
    let both = [other(0), other(1)];
    let imported = bench.store.import(&both, Existing::Keep, last).unwrap();
    assert_eq!((imported.points, imported.points_there), (0, 1200));
    for id in 0..2 {
        let expected: Vec<f64> = (0..600).map(|step| value(id, START + step * 10)).collect();
        assert_eq!(bench.values(id, START - 10, last, last), expected);
    }
}

#[test]
fn reader_whose_blocks_were_replaced_meanwhile_looks_again_and_reports_no_damage() {
    let folder = tempfile::tempdir().unwrap();
    let last = stopped_folder(folder.path());
    // Opened anew: no block is mapped yet.
    let bench = Bench::open(folder.path(), "10s:6h", 3);
    let group = Arc::clone(&bench.store.shared.all_groups()[0]);
    let former = group.view.load_full();
    group.work_through(last + 8 * 3600);
    assert!(files(folder.path(), ".block").is_empty());
    let mut reader = SeriesReader {
        group: &group,
        view: &former,
        series: SeriesId(0),
        column: None,
        rollup: Rollup::default(),
        late: &[],
        scratch: Vec::new(),
        failure: None,
        is_stale: false,
    };
    let slots = Slots {
        archive: 0,
        first: START / 10,
        count: 240,
    };
    reader.archive(slots);
    assert!(reader.is_stale);
    assert_eq!(bench.store.health().damaged, []);
    let values = group.read(SeriesId(0), Rollup::default(), slots);
    assert!(values.iter().all(|value| value.is_nan()));
    assert_eq!(bench.store.health().damaged, []);
}

#[test]
fn read_that_passes_over_an_unreadable_block_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let last = stopped_folder(folder.path());
    // Opened anew: no block is mapped yet.
    let bench = Bench::open(folder.path(), "10s:6h", 3);
    let read = || bench.values(0, START - 10, START + 990, last);
    while_unreadable(&files(folder.path(), ".block"), || {
        assert!(read().iter().all(|value| value.is_nan()));
    });
    let failed = bench.store.reads_failed();
    assert!(failed > 0);
    assert!(read().iter().all(|value| !value.is_nan()));
    assert_eq!(bench.store.reads_failed(), failed);
}

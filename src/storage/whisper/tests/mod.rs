//! The engine as its callers see it: store, fetch, write out, reopen, remove.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

mod against_memory;
mod trouble;

use super::{FallbackStore, Tree, TreeOwner, WhisperConfig, WhisperStore};
use crate::clock::Clock;
use crate::metric::{AggregationMethod, Refusal, Retention, Rollup, SeriesId};
use crate::storage::memory::MemoryStore;
use crate::storage::{NewestPoint, SeriesDefinition, ShardWriter, Store, TimeRange, suite};

/// A multiple of all steps.
const START: i64 = 1_700_000_000 / 7200 * 7200;

/// A store of one shard, all of its work done in `maintain`, with its writer.
struct Bench {
    store: WhisperStore,
    writer: Box<dyn ShardWriter>,
}

impl Bench {
    fn open(folder: &Path) -> Self {
        Self::with(folder, |_| {}, &[])
    }

    fn with(
        folder: &Path,
        change: impl FnOnce(&mut WhisperConfig),
        known: &[SeriesDefinition],
    ) -> Self {
        let mut config = WhisperConfig {
            shards: 1,
            background: false,
            clock: Clock::manual(START),
            ..WhisperConfig::new(folder)
        };
        change(&mut config);
        let store = WhisperStore::open(config, known.iter().cloned()).unwrap();
        let writer = store.writer(0);
        Self { store, writer }
    }

    fn define(&mut self, series: &SeriesDefinition) {
        self.writer.define(series).unwrap();
    }

    fn store(&mut self, id: u32, timestamp: i64, value: f64) -> Result<(), Refusal> {
        self.store_at(id, timestamp, value, timestamp)
    }

    fn store_at(&mut self, id: u32, timestamp: i64, value: f64, now: i64) -> Result<(), Refusal> {
        self.writer.store(SeriesId(id), timestamp, value, now)
    }

    /// Lets the time pass at which everything stored until `now` is due, and writes it.
    fn write_out(&mut self, now: i64) {
        while self.writer.maintain(now, Duration::from_secs(60)).unwrap()
            == crate::storage::Maintenance::Pending
        {}
    }

    fn drain(&self) {
        self.store.drain(Instant::now() + Duration::from_secs(60));
    }

    /// The known values, with their times.
    fn values(&self, id: u32, from: i64, until: i64, now: i64) -> Vec<(i64, f64)> {
        known_values(&self.store, id, from, until, now)
    }

    fn pending(&self) -> u64 {
        self.store.statistics().points_pending
    }
}

fn known_values(store: &dyn Store, id: u32, from: i64, until: i64, now: i64) -> Vec<(i64, f64)> {
    let range = TimeRange { from, until, now };
    let fetched = store.fetch(SeriesId(id), range).unwrap().unwrap();
    let slots = (fetched.start..).step_by(fetched.step as usize);
    let known = slots
        .zip(fetched.values)
        .filter(|(_, value)| !value.is_nan());
    known.collect()
}

fn series(id: u32, name: &str, retention: &str) -> SeriesDefinition {
    SeriesDefinition {
        id: SeriesId(id),
        name: name.into(),
        retention: Arc::new(Retention::parse(retention).unwrap()),
        rollup: Rollup::default(),
    }
}

fn tree(folder: &Path) -> Tree {
    let config = WhisperConfig::new(folder);
    Tree {
        root: config.tree,
        tagged_names: config.tagged_names,
        dialect: config.dialect,
    }
}

fn journal_segments(folder: &Path) -> usize {
    let folder = WhisperConfig::new(folder).journal_folder;
    fs::read_dir(folder).unwrap().count()
}

#[test]
fn suite_of_all_stores_passes() {
    let folder = new_folder();
    suite::run(&Bench::open_without_writer(folder.path()));
}

impl Bench {
    fn open_without_writer(folder: &Path) -> WhisperStore {
        let config = WhisperConfig {
            shards: 1,
            background: false,
            ..WhisperConfig::new(folder)
        };
        WhisperStore::open(config, []).unwrap()
    }
}

#[test]
fn point_is_readable_at_once_and_in_its_file_after_the_delay() {
    let folder = new_folder();
    let mut bench = Bench::open(folder.path());
    bench.define(&series(0, "a.b", "10s:1h,1m:1d"));
    let path = folder.path().join("whisper/a/b.wsp");
    for slot in 0..6 {
        bench.store(0, START + slot * 10, slot as f64).unwrap();
    }
    let fine: Vec<_> = (0..6)
        .map(|slot| (START + slot * 10, slot as f64))
        .collect();
    let now = START + 59;
    for is_written in [false, true] {
        assert_eq!(path.exists(), is_written);
        assert_eq!(bench.values(0, START - 1, now, now), fine);
        assert_eq!(bench.values(0, START - 7200, now, now), [(START, 2.5)]);
        bench.write_out(now);
    }
    assert_eq!((bench.pending(), bench.store.statistics().updates), (0, 1));
}

#[test]
fn last_value_of_a_slot_wins_whenever_it_is_written() {
    let folder = new_folder();
    let mut bench = Bench::open(folder.path());
    bench.define(&series(0, "a", "10s:1h"));
    for (offset, value) in [(7, 1.0), (3, 2.0), (5, -0.0)] {
        bench.store_at(0, START + offset, value, START + 9).unwrap();
        if value > 1.0 {
            bench.write_out(START + 100);
        }
    }
    let values = bench.values(0, START - 1, START + 9, START + 9);
    assert_eq!(values.len(), 1);
    assert_eq!(values[0].1.to_bits(), (-0.0f64).to_bits());
}

#[test]
fn point_of_the_near_future_waits_for_its_time_and_takes_no_old_slot() {
    let folder = new_folder();
    let mut bench = Bench::with(folder.path(), |config| config.write_delay_max_s = 0, &[]);
    bench.define(&series(0, "a", "10s:10m"));
    let oldest = START - 590;
    bench.store_at(0, oldest, 1.0, START).unwrap();
    bench.write_out(START);
    bench.store_at(0, START + 10, 2.0, START).unwrap();
    bench.write_out(START + 5);
    assert_eq!(bench.pending(), 1, "its interval has not begun");
    let values = bench.values(0, START - 600, START + 5, START + 5);
    assert_eq!(values, [(oldest, 1.0)]);
    assert_eq!(
        bench.store_at(0, START + 100, 2.0, START),
        Err(Refusal::TooFarInFuture)
    );
    bench.write_out(START + 70);
    assert_eq!(bench.pending(), 0);
    let values = bench.values(0, START, START + 70, START + 70);
    assert_eq!(values, [(START + 10, 2.0)]);
}

#[test]
fn killed_store_has_every_point_when_it_is_opened_again() {
    let folder = new_folder();
    let known = [series(0, "a.b", "10s:1h"), series(1, "c;k=v", "10s:1h")];
    let mut bench = Bench::open(folder.path());
    known.iter().for_each(|series| bench.define(series));
    for slot in 0..20 {
        for id in 0..2 {
            bench
                .store(id, START + slot * 10, f64::from(id) + 1.0)
                .unwrap();
        }
        if slot == 9 {
            bench.write_out(START + 200);
        }
    }
    // A kill runs no destructor.
    std::mem::forget(bench);
    for _ in 0..2 {
        let bench = Bench::with(folder.path(), |_| {}, &known);
        for id in 0..2 {
            let values = bench.values(id, START - 1, START + 200, START + 200);
            let expected = (0..20).map(|slot| (START + slot * 10, f64::from(id) + 1.0));
            assert_eq!(values, expected.collect::<Vec<_>>());
        }
        std::mem::forget(bench);
    }
    let mut bench = Bench::with(folder.path(), |_| {}, &known);
    bench.write_out(START + 300);
    bench.drain();
    assert_eq!((bench.pending(), journal_segments(folder.path())), (0, 0));
}

#[test]
fn journal_that_is_replayed_late_replaces_no_rolled_up_value() {
    let folder = new_folder();
    let known = [series(0, "a", "10s:10m,1m:1d")];
    let mut bench = Bench::open(folder.path());
    bench.define(&known[0]);
    for slot in 0..6 {
        bench.store(0, START + slot * 10, slot as f64).unwrap();
    }
    bench.write_out(START + 100);
    // Unwritten: it holds the segment of the others.
    bench.store(0, START + 100, 9.0).unwrap();
    std::mem::forget(bench);
    let later = START + 1200;
    let clock = Clock::manual(later);
    let mut bench = Bench::with(folder.path(), |config| config.clock = clock, &known);
    assert_eq!(bench.pending(), 1);
    bench.write_out(later);
    let values = bench.values(0, START - 60, later, later);
    assert_eq!(values, [(START, 2.5), (START + 60, 9.0)]);
}

#[test]
fn segments_of_the_journal_go_once_their_points_are_written() {
    let folder = new_folder();
    let mut bench = Bench::open(folder.path());
    bench.define(&series(0, "a", "10s:1h"));
    for minute in 0..30 {
        let now = START + minute * 60;
        bench.store(0, now, 1.0).unwrap();
        bench.write_out(now);
        bench.store.sync().unwrap();
        assert!(journal_segments(folder.path()) <= 2, "minute {minute}");
    }
}

#[test]
fn point_that_cannot_be_written_holds_no_segment_for_ever() {
    let folder = new_folder();
    let mut bench = Bench::open(folder.path());
    bench.define(&series(0, "good", "10s:1h"));
    fs::write(folder.path().join("whisper/bad.wsp"), "no whisper file").unwrap();
    bench.define(&series(1, "bad", "10s:1h"));
    bench.store(1, START, 1.0).unwrap();
    for minute in 0..40 {
        let now = START + minute * 60;
        bench.store(0, now, 1.0).unwrap();
        bench.write_out(now);
        bench.store.sync().unwrap();
        assert!(journal_segments(folder.path()) <= 11, "minute {minute}");
    }
    assert_eq!(bench.values(1, START - 1, START, START), [(START, 1.0)]);
    std::mem::forget(bench);
    let known = [series(0, "good", "10s:1h"), series(1, "bad", "10s:1h")];
    let bench = Bench::with(folder.path(), |_| {}, &known);
    assert_eq!(bench.values(1, START - 1, START, START), [(START, 1.0)]);
}

#[test]
fn creations_wait_for_their_turn_and_lose_nothing() {
    let folder = new_folder();
    let limit = |config: &mut WhisperConfig| config.creates_per_minute_max = 2;
    let mut bench = Bench::with(folder.path(), limit, &[]);
    for id in 0..5 {
        bench.define(&series(id, &format!("n{id}"), "10s:1h"));
        bench.store(id, START, 1.0).unwrap();
    }
    bench.write_out(START + 100);
    let statistics = bench.store.statistics();
    assert_eq!(
        (statistics.series_created, statistics.creations_waiting),
        (2, 3)
    );
    assert_eq!(statistics.points_pending, 3);
    for id in 0..5 {
        assert_eq!(bench.values(id, START - 1, START, START).len(), 1);
    }
    bench.drain();
    assert_eq!(bench.store.statistics().series_created, 5);
    assert_eq!(bench.pending(), 0);
}

#[test]
fn full_cache_refuses_points_until_some_are_written() {
    let folder = new_folder();
    let limit = |config: &mut WhisperConfig| config.cache_bytes_max = 4000;
    let mut bench = Bench::with(folder.path(), limit, &[]);
    bench.define(&series(0, "a", "10s:1d"));
    bench.define(&series(1, "b", "10s:1d"));
    let mut stored = 0;
    while bench.store(0, START + stored * 10, 1.0).is_ok() {
        stored += 1;
    }
    assert!((100..400).contains(&stored), "{stored}");
    assert_eq!(bench.store(1, START, 1.0), Err(Refusal::StoreRefused));
    // Long before the delay: a cache that is half full is written out.
    bench.write_out(START + 1 + stored * 10 - 10);
    assert_eq!(bench.store(1, START, 1.0), Ok(()));
    let values = bench.values(0, START - 1, START + 5000, START + 5000);
    assert_eq!(values.len() as i64, stored);
}

#[test]
fn what_the_file_says_goes_before_what_the_rules_say() {
    let folder = new_folder();
    let mut bench = Bench::open(folder.path());
    let mut old = series(0, "a.b", "1m:1d");
    old.rollup.method = AggregationMethod::Max;
    bench.define(&old);
    bench.store(0, START, 4.0).unwrap();
    bench.drain();
    drop(bench);
    // The catalog has lost it, and the rules have changed since.
    let mut bench = Bench::open(folder.path());
    bench.define(&series(5, "a.b", "10s:1h"));
    let (retention, rollup) = bench.store.definition(SeriesId(5)).unwrap();
    assert_eq!(*retention, *old.retention);
    assert_eq!(rollup, old.rollup);
    let redefined = bench.store.take_redefined();
    assert_eq!((redefined.len(), redefined[0].id), (1, SeriesId(5)));
    assert_eq!(bench.values(5, START - 1, START, START), [(START, 4.0)]);
    // And whisper-set-aggregation-method is noticed.
    let path = folder.path().join("whisper/a/b.wsp");
    let mut bytes = fs::read(&path).unwrap();
    bytes[3] = 2;
    fs::write(&path, bytes).unwrap();
    bench.store(5, START + 60, 1.0).unwrap();
    bench.write_out(START + 200);
    let (_, rollup) = bench.store.definition(SeriesId(5)).unwrap();
    assert_eq!(rollup.method, AggregationMethod::Sum);
}

#[test]
fn forgotten_series_takes_its_file_and_empty_folders_along() {
    let folder = new_folder();
    let mut bench = Bench::open(folder.path());
    for (id, name) in [(0, "a.b.c"), (1, "a.d")] {
        bench.define(&series(id, name, "10s:1h"));
        bench.store(id, START, 1.0).unwrap();
    }
    bench.drain();
    bench.writer.forget(&[SeriesId(0)]);
    let root = folder.path().join("whisper");
    assert!(!root.join("a/b").exists() && root.join("a/d.wsp").exists());
    bench.writer.forget(&[SeriesId(1)]);
    assert_eq!(fs::read_dir(&root).unwrap().count(), 0);
}

#[test]
fn series_whose_file_was_removed_by_hand_is_gone_but_one_with_points_is_not() {
    let folder = new_folder();
    let mut bench = Bench::open(folder.path());
    for id in 0..3 {
        bench.define(&series(id, &format!("n{id}"), "10s:1h"));
    }
    bench.store(0, START, 1.0).unwrap();
    bench.store(1, START, 1.0).unwrap();
    bench.write_out(START + 100);
    let root = folder.path().join("whisper");
    for id in 0..2 {
        fs::remove_file(root.join(format!("n{id}.wsp"))).unwrap();
    }
    bench.store(1, START + 110, 1.0).unwrap();
    let gone = [0, 1, 2].map(|id| bench.store.is_gone(SeriesId(id)));
    assert_eq!(gone, [true, false, false]);
    assert_eq!(bench.store(0, START + 110, 1.0), Err(Refusal::StoreRefused));
    bench.write_out(START + 200);
    assert!(root.join("n1.wsp").exists());
}

#[test]
fn history_of_an_old_tree_shows_through_the_store_above() {
    let folder = new_folder();
    let mut old = Bench::open(folder.path());
    for (id, name) in [(0, "a.b"), (1, "t;k=v")] {
        old.define(&series(id, name, "10s:1h,1m:1d"));
        for slot in 0..12 {
            old.store(id, START + slot * 10, 1.0).unwrap();
        }
    }
    old.drain();
    drop(old);
    let before = fs::read(folder.path().join("whisper/a/b.wsp")).unwrap();
    let store = FallbackStore::new(Arc::new(MemoryStore::new(1)), tree(folder.path()));
    let mut writer = store.writer(0);
    // Only the tree has it.
    let found = series(7, "a.b", "10s:1h,1m:1d");
    store.adopt(&found, "a/b.wsp");
    let now = START + 130;
    assert_eq!(known_values(&store, 7, START - 1, now, now).len(), 12);
    let coarse = known_values(&store, 7, START - 7200, now, now);
    assert_eq!(coarse, [(START, 1.0), (START + 60, 1.0)]);
    // Both have it: what the upper store has goes first.
    writer.define(&found).unwrap();
    writer.store(SeriesId(7), START + 120, 5.0, now).unwrap();
    writer.store(SeriesId(7), START + 10, 6.0, now).unwrap();
    let values = known_values(&store, 7, START - 1, now, now);
    assert_eq!(values.len(), 13);
    assert_eq!(
        (values[1], values[12]),
        ((START + 10, 6.0), (START + 120, 5.0))
    );
    // A tagged series is found by its name, and another retention fills by step.
    writer.define(&series(8, "t;k=v", "1m:2d")).unwrap();
    let values = known_values(&store, 8, START - 60, now, now);
    assert_eq!(values, [(START, 1.0), (START + 60, 1.0)]);
    writer.define(&series(9, "t;k=w", "30s:2d")).unwrap();
    assert_eq!(known_values(&store, 9, START - 60, now, now), []);
    let after = fs::read(folder.path().join("whisper/a/b.wsp")).unwrap();
    assert!(before == after, "nothing is written to the old tree");
}

#[test]
fn history_beneath_is_there_before_the_first_walk_is_over() {
    let folder = new_folder();
    let mut old = Bench::open(folder.path());
    old.define(&series(0, "a.b", "10s:1h,1m:1d"));
    old.store(0, START, 1.0).unwrap();
    old.drain();
    drop(old);
    let store = FallbackStore::new(Arc::new(MemoryStore::new(1)), tree(folder.path()));
    let mut writer = store.writer(0);
    for (id, name) in [(7, "a.b"), (8, "a.without")] {
        writer.define(&series(id, name, "10s:1h,1m:1d")).unwrap();
    }
    let now = START + 130;
    let values = |id| known_values(&store, id, START - 1, now, now);
    assert_eq!(values(7), [(START, 1.0)]);
    assert_eq!(values(8), []);
    store.found(SeriesId(7), "a/b.wsp");
    store.walked();
    assert_eq!(values(7), [(START, 1.0)]);
    writer.forget(&[SeriesId(7)]);
    assert_eq!(store.newest(&[SeriesId(7)], now).unwrap(), [None]);
}

#[test]
fn newest_point_of_a_series_may_be_in_the_old_tree() {
    let folder = new_folder();
    let mut old = Bench::open(folder.path());
    for (id, name) in [(0, "a.b"), (1, "a.c"), (2, "a.d"), (3, "a.e")] {
        old.define(&series(id, name, "10s:1h,1m:1d"));
        for slot in 0..6 {
            old.store(id, START + slot * 10, 1.0).unwrap();
        }
    }
    old.drain();
    drop(old);
    let store = FallbackStore::new(Arc::new(MemoryStore::new(1)), tree(folder.path()));
    let mut writer = store.writer(0);
    let now = START + 130;
    for (id, name, path) in [
        (0, "a.b", "a/b.wsp"),
        (1, "a.c", "a/c.wsp"),
        (2, "a.d", "a/d.wsp"),
        (3, "a.e", "a/e.wsp"),
        (4, "a.f", "a/f.wsp"),
    ] {
        let found = series(id, name, "10s:1h,1m:1d");
        store.adopt(&found, path);
        if id > 0 {
            writer.define(&found).unwrap();
        }
    }
    // Above, one is older than in the tree and one newer.
    writer.store(SeriesId(1), START, 5.0, now).unwrap();
    writer.store(SeriesId(2), START + 120, 5.0, now).unwrap();
    fs::write(folder.path().join("whisper/a/e.wsp"), "damaged").unwrap();
    let ids = [0, 1, 2, 3, 4, 9].map(SeriesId);
    let at = |slot, step| Some(NewestPoint { slot, step });
    let expected = [
        at(START + 50, 10),
        at(START + 50, 10),
        at(START + 120, 10),
        // What a damaged file hides may be new.
        at(now, 1),
        None,
        None,
    ];
    assert_eq!(store.newest(&ids, now).unwrap(), expected);
    // Only the coarse archive has it by now, and then none.
    let newest = store.newest(&ids[..1], now + 7200).unwrap();
    assert_eq!(newest, [at(START, 60)]);
    assert_eq!(store.newest(&ids[..1], now + 90_000).unwrap(), [None]);
}

/// A folder in memory where there is such a place: the engine syncs whole file systems.
fn new_folder() -> tempfile::TempDir {
    let memory = tempfile::tempdir_in("/dev/shm");
    memory.or_else(|_| tempfile::tempdir()).unwrap()
}

/// A file of a folder's tree.
fn file(folder: &Path, relative: &str) -> PathBuf {
    folder.join("whisper").join(relative)
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

//! The classic engine: files that are there take points as ever, files that cannot be made wait, and only
//! when the journal has no place left points are refused.

use std::fs;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use plumbago::clock::Clock;
use plumbago::metric::{Refusal, Retention, Rollup, SeriesId};
use plumbago::storage::whisper::{WhisperConfig, WhisperStore};
use plumbago::storage::{Maintenance, SeriesDefinition, ShardWriter, Store, TimeRange};

use crate::mount::Mount;

const START: i64 = 1_700_000_000 / 7200 * 7200;
const SERIES: u32 = 40;
/// Steps before the disk is full, and how many come after at most: all are within the retention.
const STEPS: i64 = 100;
const FULL_STEPS: i64 = 520;

struct Bench {
    store: WhisperStore,
    writer: Box<dyn ShardWriter>,
}

/// Half of the age at which the journal's segments go: the first is to be there when the disk is full.
const WRITE_DELAY_S: i64 = 4_000;

/// A point that was accepted.
type Known = (u32, i64);

impl Bench {
    /// The store with so many series known.
    fn open(folder: &Path, series: u32) -> Self {
        let config = WhisperConfig {
            shards: 1,
            background: false,
            clock: Clock::manual(START),
            write_delay_max_s: WRITE_DELAY_S,
            ..WhisperConfig::new(folder)
        };
        let store = WhisperStore::open(config, (0..series).map(definition)).unwrap();
        let writer = store.writer(0);
        Self { store, writer }
    }

    /// A new store that has taken and written all points of the first steps; they too.
    fn after_steps(folder: &Path) -> (Self, Vec<Known>) {
        fs::create_dir(folder).unwrap();
        let mut bench = Self::open(folder, SERIES);
        let mut known = Vec::new();
        for step in 0..STEPS {
            assert_eq!(bench.step(step, 0..SERIES, &mut known), 0);
        }
        (bench, known)
    }

    /// Stores one step of series and writes out what can be; answers how many points were refused.
    fn step(&mut self, step: i64, series: Range<u32>, known: &mut Vec<Known>) -> usize {
        let refused = self.store_step(step, series, known);
        self.write_out(START + step * 10);
        refused
    }

    fn store_step(&mut self, step: i64, series: Range<u32>, known: &mut Vec<Known>) -> usize {
        let now = START + step * 10;
        let mut refused = 0;
        for id in series {
            match self.writer.store(SeriesId(id), now, value((id, now)), now) {
                Ok(()) => known.push((id, now)),
                Err(reason) => {
                    assert_eq!(reason, Refusal::StoreRefused);
                    refused += 1;
                }
            }
        }
        refused
    }

    /// Lets the time pass at which everything stored until `now` is due, and writes it.
    fn write_out(&mut self, now: i64) {
        let budget = Duration::from_secs(60);
        while self.writer.maintain(now + WRITE_DELAY_S, budget).unwrap() == Maintenance::Pending {}
    }

    fn pending(&self) -> u64 {
        self.store.statistics().points_pending
    }

    fn read(&self, (id, time): Known, now: i64) -> f64 {
        let range = TimeRange {
            from: time - 10,
            until: time,
            now,
        };
        let fetched = self.store.fetch(SeriesId(id), range).unwrap().unwrap();
        fetched.values[0]
    }

    fn check(&self, known: &[Known], now: i64) {
        for &point in known {
            assert_eq!(self.read(point, now), value(point), "{point:?}");
        }
    }

    /// The same, but for points of files that the health names as unusable: those are not shown.
    fn check_or_named(&self, known: &[Known], now: i64) {
        for &point in known {
            let found = self.read(point, now);
            let damaged = self.store.health().damaged;
            let name = format!("s{}.wsp", point.0);
            let is_named = damaged.iter().any(|(path, reason)| {
                path.ends_with(&name) && reason.contains("Input/output error")
            });
            let is_right = found == value(point) || (found.is_nan() && is_named);
            assert!(is_right, "{found} for {point:?}; unusable: {damaged:?}");
        }
    }
}

fn definition(id: u32) -> SeriesDefinition {
    SeriesDefinition {
        id: SeriesId(id),
        name: format!("small.s{id}").into(),
        retention: Arc::new(Retention::parse("10s:2h").unwrap()),
        rollup: Rollup::default(),
    }
}

fn value((id, time): Known) -> f64 {
    f64::from(id) * 1000.0 + (time / 10 % 977) as f64
}

fn live_through_a_full_disk(mount: &Mount) {
    let data = mount.point.join("data");
    let (mut bench, mut known) = Bench::after_steps(&data);
    assert_eq!(bench.pending(), 0);
    bench.store.sync().unwrap();

    let filler = mount.fill();
    // A new series has no file, but its points are taken and shown; the others go on.
    bench.writer.define(&definition(SERIES)).unwrap();
    assert_eq!(bench.step(STEPS, 0..SERIES + 1, &mut known), 0);
    assert!(bench.store.health().disk_full);
    assert_eq!(bench.pending(), 1);
    let mut step = STEPS;
    let mut refused = 0;
    while refused == 0 {
        step += 1;
        assert!(step < STEPS + FULL_STEPS, "the disk was never full");
        refused = bench.step(step, 0..SERIES + 1, &mut known);
    }
    assert!(bench.store.health().write_failure.is_some());
    let now = START + step * 10;
    bench.check(&known, now);

    // New processes on the full disk: what waits stays in the segments where it is.
    for _ in 0..2 {
        drop(bench);
        bench = Bench::open(&data, SERIES + 1);
        bench.check(&known, now);
        bench.write_out(now);
        assert_eq!(bench.store.health().damaged, []);
        assert!(bench.pending() > 0);
        bench.check(&known, now);
    }

    fs::remove_file(filler).unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while bench.pending() > 0 {
        assert!(Instant::now() < deadline, "there is room, and points wait");
        bench.write_out(now + 10);
        std::thread::yield_now();
    }
    assert_eq!(bench.step(step + 1, 0..SERIES + 1, &mut known), 0);
    let health = bench.store.health();
    assert_eq!((health.disk_full, health.write_failure), (false, None));
    bench.store.sync().unwrap();
    drop(bench);
    let bench = Bench::open(&data, SERIES + 1);
    assert_eq!(bench.pending(), 0);
    bench.check(&known, now + 10);
}

/// The file system fails at once, as one does whose device is gone: every system call answers EIO.
fn live_through_a_failing_disk(mount: &Mount) {
    let data = mount.point.join("data");
    let (mut bench, mut known) = Bench::after_steps(&data);
    // These are durable in their files, the next ones in the journal.
    bench.store.drain(Instant::now() + Duration::from_secs(60));
    assert_eq!(bench.store_step(STEPS, 0..SERIES, &mut known), 0);
    bench.store.sync().unwrap();

    mount.fail();
    let now = START + STEPS * 10;
    // Points may be taken until a sync fails, and none after; nothing is read that is not there.
    let mut unsure = Vec::new();
    bench.step(STEPS + 1, 0..SERIES, &mut unsure);
    assert!(bench.store.sync().is_err());
    assert_eq!(
        bench.step(STEPS + 2, 0..SERIES, &mut unsure),
        SERIES as usize
    );
    let health = bench.store.health();
    let failure = health.write_failure.unwrap();
    assert!(failure.contains("Input/output error"), "{failure}");
    bench.check_or_named(&known, now);

    // The disk is back: all is there that a sync had covered.
    drop(bench);
    mount.mount_again();
    let mut bench = Bench::open(&data, SERIES);
    bench.check(&known, now);
    assert_eq!(bench.store.health().damaged, []);
    assert_eq!(bench.step(STEPS + 3, 0..SERIES, &mut known), 0);
    bench.store.sync().unwrap();
    bench.check(&known, now + 30);
}

#[test]
fn failing_ext4_stops_the_store_and_loses_nothing_that_was_synced() {
    if let Some(mount) = Mount::ext4(32) {
        live_through_a_failing_disk(&mount);
    }
}

#[test]
fn full_tmpfs_makes_new_files_wait_loses_nothing_and_recovers_alone() {
    if let Some(mount) = Mount::tmpfs() {
        live_through_a_full_disk(&mount);
    }
}

#[test]
fn full_ext4_makes_new_files_wait_loses_nothing_and_recovers_alone() {
    // Too small for the journal's largest segments, which would take all steps.
    if let Some(mount) = Mount::ext4(8) {
        live_through_a_full_disk(&mount);
    }
}

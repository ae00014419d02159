//! The native engine: new series are refused first.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use plumbago::metric::{Refusal, Retention, Rollup, SeriesId};
use plumbago::storage::strata::{Strata, StrataConfig};
use plumbago::storage::{SeriesDefinition, ShardWriter, Store, TimeRange};

use crate::mount::Mount;

const START: i64 = 1_700_000_000 / 7200 * 7200;
const SERIES: u32 = 40;
const ROOM_MIN: u64 = 256 << 10;

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
    if let Some(mount) = Mount::tmpfs() {
        live_through_a_full_disk(&mount);
    }
}

#[test]
fn full_ext4_refuses_new_series_loses_nothing_and_recovers_alone() {
    if let Some(mount) = Mount::ext4(32) {
        live_through_a_full_disk(&mount);
    }
}

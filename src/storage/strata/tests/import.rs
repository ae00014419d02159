//! The bulk road: what is imported is answered slot by slot, in every archive, and stays so while
//! spans are sealed, rolled up, merged and the store is opened again; a power loss leaves all or
//! nothing of a batch.
//!
//! The coarse values here are random and have nothing to do with the fine ones. `PLUMBAGO_SCHEDULES`
//! and `PLUMBAGO_SEED` as for the crash schedules.

use std::path::Path;
use std::sync::Arc;

use super::crash::number;
use super::{Bench, START, config, definition};
use crate::metric::{Retention, SeriesId};
use crate::storage::strata::simulation::{Faults, Random, SimulatedDisk, SyncKind};
use crate::storage::strata::{
    Existing, Imported, ImportedArchive, ImportedSeries, RecentPoint, Strata, StrataConfig,
};
use crate::storage::{Store, StoreError, TimeRange};

const SERIES: u32 = 5;
const RETENTIONS: [&str; 4] = [
    "10s:1h,1m:6h",
    "10s:2h",
    "1s:4m,1m:2h,10m:1d",
    "10s:10m,1m:3h,10m:3d",
];

/// Every archive of every series: start, step, values.
type State = Vec<Vec<(i64, i64, Vec<f64>)>>;

struct Trial {
    random: Random,
    retention: Arc<Retention>,
    disk: SimulatedDisk,
    now: i64,
}

fn open(disk: &SimulatedDisk, retention: &Arc<Retention>) -> Result<Bench, StoreError> {
    let config = StrataConfig {
        late_records: 400,
        room_min_bytes: 0,
        ..config(Path::new("/data"))
    };
    let store = Strata::open_on(Arc::new(disk.clone()), &config)?;
    let mut writer = store.writer(0);
    for id in 0..SERIES {
        writer.define(&definition(id, retention))?;
    }
    Ok(Bench { store, writer })
}

impl Trial {
    fn new(seed: u64, faults: Faults) -> Self {
        let mut random = Random(seed);
        let text = RETENTIONS[random.below(RETENTIONS.len() as i64) as usize];
        Self {
            retention: Arc::new(Retention::parse(text).unwrap()),
            disk: SimulatedDisk::new(seed, faults),
            now: START + random.below(90_000),
            random,
        }
    }

    /// Lives for a while: points of the series below `series`, and what maintenance they need.
    fn live(&mut self, bench: &mut Bench, steps: i64, series: u32) {
        let step = i64::from(self.retention.finest().step);
        for _ in 0..steps {
            self.now += step;
            for id in 0..series {
                if self.random.chance(2) {
                    // A disk without power refuses; the judgement comes at the end.
                    let _ = bench.store(id, self.now, self.random.next() as u32 as f64);
                }
            }
            if self.random.chance(8) {
                let budget = std::time::Duration::from_secs(1);
                let _ = bench.writer.maintain(self.now, budget);
            }
        }
    }

    /// Random archives, with gaps, some of them empty.
    fn archives(&mut self) -> Vec<ImportedArchive> {
        let archives = self.retention.archives().to_vec();
        let archives = archives.iter().map(|archive| {
            let step = i64::from(archive.step);
            let start = (self.now - archive.retention()).div_euclid(step) * step + step;
            let density = 1 + self.random.below(5);
            let values = (0..archive.points).map(|_| match self.random.below(5) < density {
                true => self.random.next() as u32 as f64,
                false => f64::NAN,
            });
            ImportedArchive {
                start,
                values: values.collect(),
            }
        });
        archives.collect()
    }

    fn import(&mut self, is_new: bool) -> Vec<ImportedSeries> {
        let ids: Vec<u32> = (0..SERIES).filter(|_| !self.random.chance(4)).collect();
        let series = ids.into_iter().map(|id| ImportedSeries {
            id: SeriesId(id),
            is_new,
            archives: self.archives(),
        });
        series.collect()
    }

    fn state(&self, bench: &Bench) -> State {
        (0..SERIES).map(|id| self.archives_of(bench, id)).collect()
    }

    fn archives_of(&self, bench: &Bench, id: u32) -> Vec<(i64, i64, Vec<f64>)> {
        let archives = self.retention.archives().iter();
        let read = archives.map(|archive| {
            let range = TimeRange {
                from: self.now - archive.retention(),
                until: self.now,
                now: self.now,
            };
            let fetched = bench.store.fetch(SeriesId(id), range).unwrap().unwrap();
            (fetched.start, i64::from(fetched.step), fetched.values)
        });
        read.collect()
    }
}

fn store_recent(bench: &mut Bench, recent: &[RecentPoint], now: i64) {
    for point in recent {
        let stored = bench
            .writer
            .store(point.id, point.timestamp, point.value, now);
        assert_eq!(stored, Ok(()), "{point:?} at {now}");
    }
}

fn is_same(one: f64, other: f64) -> bool {
    one.to_bits() == other.to_bits() || one.is_nan() && other.is_nan()
}

/// What was brought for a slot, NaN where nothing was.
fn brought(series: &[ImportedSeries], id: usize, archive: usize, time: i64, step: i64) -> f64 {
    let series = series.iter().find(|series| series.id.0 as usize == id);
    let archive = series.and_then(|series| series.archives.get(archive));
    let value = archive.and_then(|archive| {
        let at = usize::try_from((time - archive.start).div_euclid(step)).ok()?;
        archive.values.get(at).copied()
    });
    value.unwrap_or(f64::NAN)
}

/// Checks the store against what it was before and what was brought.
fn check_taken(trial: &Trial, before: &State, series: &[ImportedSeries], after: &State) {
    let is_known =
        |(_, _, values): &(i64, i64, Vec<f64>)| values.iter().any(|value| !value.is_nan());
    let had: Vec<bool> = before
        .iter()
        .map(|archives| archives.iter().any(is_known))
        .collect();
    for (id, archives) in after.iter().enumerate() {
        for (archive, (start, step, values)) in archives.iter().enumerate() {
            for (at, value) in values.iter().enumerate() {
                let time = start + at as i64 * step;
                let there = before[id][archive].2[at];
                let brought = brought(series, id, archive, time, *step);
                let is_open = archive > 0 && time + step > trial.now;
                // A coarse value that is computed follows the fine ones of both.
                let is_computed = archive > 0 && (!there.is_nan() || brought.is_nan() && had[id]);
                if is_open || is_computed {
                    continue;
                }
                let expected = if there.is_nan() { brought } else { there };
                assert!(
                    is_same(*value, expected),
                    "series {id} archive {archive} now-{}: {value}, not {expected}",
                    trial.now - time
                );
            }
        }
    }
}

/// Checks that nothing older than `until` has changed.
fn check_unchanged(trial: &Trial, before: &State, after: &State, until: i64, what: &str) {
    for (id, archives) in after.iter().enumerate() {
        for (archive, (start, step, values)) in archives.iter().enumerate() {
            let (former_start, _, former) = &before[id][archive];
            for (at, value) in values.iter().enumerate() {
                let time = start + at as i64 * step;
                let Some(former) = usize::try_from((time - former_start) / step)
                    .ok()
                    .and_then(|at| former.get(at))
                else {
                    continue;
                };
                assert!(
                    time + step > until || is_same(*value, *former),
                    "{what}: series {id} archive {archive} now-{}: {value}, not {former}",
                    trial.now - time
                );
            }
        }
    }
}

fn take(
    trial: &mut Trial,
    bench: &mut Bench,
    series: &[ImportedSeries],
) -> Result<Imported, StoreError> {
    let imported = bench.store.import(series, Existing::Keep, trial.now)?;
    store_recent(bench, &imported.recent, trial.now);
    Ok(imported)
}

fn seeds(default: u64) -> std::ops::Range<u64> {
    let first = number("PLUMBAGO_SEED", 0);
    first..first + number("PLUMBAGO_SCHEDULES", default)
}

#[test]
fn imported_archives_are_answered_as_brought_and_stay_so() {
    for seed in seeds(16) {
        eprintln!("seed {seed}");
        let mut trial = Trial::new(seed, Faults::default());
        let mut bench = open(&trial.disk, &trial.retention).unwrap();
        let is_new = seed % 2 == 0;
        let steps = trial.random.below(600);
        // Series that have nothing yet stand beside such as live.
        trial.live(&mut bench, steps, if is_new { 0 } else { SERIES - 2 });
        bench.maintain(trial.now);
        let before = trial.state(&bench);
        let series = trial.import(is_new);
        take(&mut trial, &mut bench, &series).unwrap();
        let mut after = trial.state(&bench);
        check_taken(&trial, &before, &series, &after);
        let imported_at = trial.now;
        for round in 0..4 {
            trial.live(&mut bench, 130, SERIES - 1);
            bench.maintain(trial.now);
            if round % 2 == 1 {
                bench.store.sync().unwrap();
                drop(bench);
                trial.disk = trial.disk.after_restart(seed, Faults::default());
                bench = open(&trial.disk, &trial.retention).unwrap();
            }
            let later = trial.state(&bench);
            check_unchanged(&trial, &after, &later, imported_at, "later");
            after = later;
        }
        assert_eq!(bench.store.health().damaged, []);
    }
}

#[test]
fn a_second_import_of_the_same_writes_nothing() {
    for seed in seeds(8) {
        eprintln!("seed {seed}");
        let mut trial = Trial::new(seed, Faults::default());
        let mut bench = open(&trial.disk, &trial.retention).unwrap();
        let mut series = trial.import(true);
        let first = take(&mut trial, &mut bench, &series).unwrap();
        assert!(first.points > 0 || series.is_empty());
        let after = trial.state(&bench);
        series.iter_mut().for_each(|series| series.is_new = false);
        let second = take(&mut trial, &mut bench, &series).unwrap();
        assert_eq!((second.points, second.recent.len()), (0, 0));
        check_unchanged(&trial, &after, &trial.state(&bench), i64::MAX, "second");
    }
}

#[test]
fn what_is_replaced_takes_the_place_of_what_was_there() {
    for seed in seeds(8) {
        eprintln!("seed {seed}");
        let mut trial = Trial::new(seed, Faults::default());
        let mut bench = open(&trial.disk, &trial.retention).unwrap();
        trial.live(&mut bench, 400, SERIES);
        bench.maintain(trial.now);
        let series = trial.import(false);
        let (existing, now) = (Existing::Replace, trial.now);
        let imported = bench.store.import(&series, existing, now).unwrap();
        store_recent(&mut bench, &imported.recent, now);
        for (id, archives) in trial.state(&bench).iter().enumerate() {
            for (archive, (start, step, values)) in archives.iter().enumerate() {
                for (at, value) in values.iter().enumerate() {
                    let time = start + at as i64 * step;
                    let expected = brought(&series, id, archive, time, *step);
                    let is_open = archive > 0 && time + step > now;
                    assert!(
                        is_open || expected.is_nan() || is_same(*value, expected),
                        "series {id} archive {archive} now-{}: {value}",
                        now - time
                    );
                }
            }
        }
    }
}

/// An import that the power fails in: all or nothing of it is there afterwards, and a second one
/// completes it.
fn power_loss(seed: u64, lying_sync: Option<SyncKind>) -> Result<(), String> {
    let mut trial = Trial::new(seed, Faults::default());
    // As long as there is power: without it a read passes over the blocks that it cannot map.
    let (before, series) = {
        let mut bench = open(&trial.disk, &trial.retention).unwrap();
        let steps = trial.random.below(300);
        trial.live(&mut bench, steps, 2);
        bench.maintain(trial.now);
        bench.store.sync().unwrap();
        (trial.state(&bench), trial.import(false))
    };
    // Opening takes some 12 operations, the import and its maintenance up to 150 more.
    let faults = Faults {
        power_off_at: Some(Random(!seed).next() % 160),
        lying_sync,
        ..Faults::default()
    };
    trial.disk = trial.disk.after_restart(seed, faults);
    let mut is_done = false;
    if let Ok(mut bench) = open(&trial.disk, &trial.retention) {
        let imported = bench.store.import(&series, Existing::Keep, trial.now);
        is_done = imported.is_ok();
        bench.maintain_if_possible(trial.now);
    }
    trial.disk = trial.disk.after_power_loss(seed, Faults::default());
    let mut bench = open(&trial.disk, &trial.retention)
        .map_err(|error| format!("seed {seed}: does not open: {error}"))?;
    let found = trial.state(&bench);
    let damaged = bench.store.health().damaged;
    if !damaged.is_empty() {
        return Err(format!("seed {seed}: damaged {damaged:?}"));
    }
    let view = bench.store.shared.all_groups()[0].view.load_full();
    let mut rolled_s: Vec<i64> = (view.archives.iter().zip(trial.retention.archives()))
        .map(|(archive, state)| archive.rolled * i64::from(state.step))
        .collect();
    rolled_s[0] = view.low * i64::from(trial.retention.finest().step);
    let taken = judge_all_or_nothing(&before, &series, &found, &rolled_s)
        .map_err(|what| format!("seed {seed}: {what}"))?;
    if is_done && taken == Some(false) {
        return Err(format!("seed {seed}: it was confirmed and is not there"));
    }
    take(&mut trial, &mut bench, &series).map_err(|error| error.to_string())?;
    check_taken(&trial, &before, &series, &trial.state(&bench));
    Ok(())
}

/// True when the sealed part of the import is there, false when nothing of it is; `None` when it had
/// no such part.
fn judge_all_or_nothing(
    before: &State,
    series: &[ImportedSeries],
    found: &State,
    rolled_s: &[i64],
) -> Result<Option<bool>, String> {
    let (mut taken, mut missing) = (0, 0);
    for (id, archives) in found.iter().enumerate() {
        for (archive, (start, step, values)) in archives.iter().enumerate() {
            for (at, value) in values.iter().enumerate() {
                let time = start + at as i64 * step;
                let there = before[id][archive].2[at];
                let expected = brought(series, id, archive, time, *step);
                if time + step > rolled_s[archive] || !there.is_nan() || expected.is_nan() {
                    continue;
                }
                match value.is_nan() {
                    true => missing += 1,
                    false if is_same(*value, expected) => taken += 1,
                    false => return Err(format!("series {id} archive {archive}: {value}")),
                }
            }
        }
    }
    match (taken, missing) {
        (0, 0) => Ok(None),
        (_, 0) => Ok(Some(true)),
        (0, _) => Ok(Some(false)),
        _ => Err(format!("{taken} values are there and {missing} are not")),
    }
}

impl Bench {
    fn maintain_if_possible(&mut self, now: i64) {
        // Without power it fails, and that is what is tested.
        let _ = self.writer.maintain(now, std::time::Duration::from_secs(1));
    }
}

#[test]
fn power_loss_in_an_import_leaves_all_or_nothing_of_it() {
    for seed in seeds(60) {
        if let Err(what) = power_loss(seed, None) {
            panic!("{what}");
        }
    }
}

#[test]
fn a_sync_that_lies_in_an_import_is_noticed() {
    for kind in [SyncKind::Block, SyncKind::Manifest] {
        let found = (0..400).find(|seed| power_loss(*seed, Some(kind)).is_err());
        assert!(found.is_some(), "nobody missed the syncs of {kind:?}");
    }
}

#[test]
fn a_full_disk_refuses_an_import_and_keeps_what_was_there() {
    for seed in seeds(20) {
        let mut trial = Trial::new(seed, Faults::default());
        let mut bench = open(&trial.disk, &trial.retention).unwrap();
        trial.live(&mut bench, 200, 3);
        bench.maintain(trial.now);
        bench.store.sync().unwrap();
        let series = trial.import(false);
        drop(bench);
        let faults = Faults {
            full: Some((20 + Random(seed).next() % 30, 400)),
            ..Faults::default()
        };
        trial.disk = trial.disk.after_restart(seed, faults);
        let Ok(bench) = open(&trial.disk, &trial.retention) else {
            continue;
        };
        let before = trial.state(&bench);
        let refused = bench.store.import(&series, Existing::Keep, trial.now);
        assert!(refused.is_err(), "seed {seed}");
        assert_eq!(bench.store.health().write_failure, None, "seed {seed}");
        check_unchanged(&trial, &before, &trial.state(&bench), trial.now, "refused");
        drop(bench);
        trial.disk = trial.disk.after_restart(seed, Faults::default());
        let mut bench = open(&trial.disk, &trial.retention).unwrap();
        take(&mut trial, &mut bench, &series).unwrap();
        check_taken(&trial, &before, &series, &trial.state(&bench));
    }
}

#[test]
fn a_series_that_was_not_defined_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::open(folder.path(), "10s:1h", 1);
    let unknown = ImportedSeries {
        id: SeriesId(7),
        is_new: true,
        archives: Vec::new(),
    };
    let error = bench.store.import(&[unknown], Existing::Keep, START);
    let message = error.unwrap_err().to_string();
    assert!(message.contains("not defined"), "{message}");
}

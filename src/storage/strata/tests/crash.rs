//! Seeded crash schedules on the simulated disk: whatever a sync confirmed is there afterwards, and
//! nothing is there that was not sent.
//!
//! A schedule stores points, turns the clock, syncs, flushes, merges and restarts until the power
//! fails at a chosen operation; then the store is opened on what survived and every slot of every
//! archive is judged. `PLUMBAGO_SCHEDULES=20000` runs as many, `PLUMBAGO_SEED=51` begins there; a
//! failure names its seed.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use super::whisper_model::WhisperModel;
use super::{Bench, START, config};
use crate::metric::{Retention, Rollup, SeriesId};
use crate::storage::strata::Strata;
use crate::storage::strata::simulation::{Faults, Random, SimulatedDisk, SyncKind};
use crate::storage::{Fetched, SeriesDefinition, Store, StoreError, TimeRange};

const SERIES: u32 = 4;
const RETENTIONS: [&str; 3] = ["10s:1h,1m:6h", "10s:2h", "1s:4m,1m:2h,10m:1d"];

/// What was done since the last sync that completed.
#[derive(Default)]
struct Unconfirmed {
    /// By series and finest slot time, every value stored.
    values: HashMap<(u32, i64), Vec<f64>>,
    /// By series, every time stored to.
    times: HashSet<(u32, i64)>,
}

struct Schedule {
    random: Random,
    retention: Arc<Retention>,
    disk: SimulatedDisk,
    bench: Option<Bench>,
    models: Vec<WhisperModel>,
    confirmed: Vec<WhisperModel>,
    unconfirmed: Unconfirmed,
    /// What was refused: a store that failed half way may have left its point behind.
    doubtful: Unconfirmed,
    now: i64,
}

impl Unconfirmed {
    fn add(&mut self, series: u32, timestamp: i64, step: i64, value: f64) {
        let slot = (series, timestamp - timestamp.rem_euclid(step));
        self.values.entry(slot).or_default().push(value);
        self.times.insert((series, timestamp));
    }

    fn has_value(&self, series: u32, time: i64, value: f64) -> bool {
        let sent = self.values.get(&(series, time));
        sent.is_some_and(|sent| sent.contains(&value))
    }

    fn touches(&self, series: u32, mut times: std::ops::Range<i64>) -> bool {
        times.any(|at| self.times.contains(&(series, at)))
    }
}

impl Schedule {
    fn new(seed: u64, faults: Faults) -> Self {
        let mut random = Random(seed);
        let text = RETENTIONS[random.below(RETENTIONS.len() as i64) as usize];
        let retention = Arc::new(Retention::parse(text).unwrap());
        let rollup = Rollup::default();
        let models = || -> Vec<_> {
            (0..SERIES)
                .map(|_| WhisperModel::new(&retention, rollup))
                .collect()
        };
        let (models, confirmed) = (models(), models());
        let disk = SimulatedDisk::new(seed, faults);
        let bench = open(&disk, &retention).ok();
        Self {
            random,
            retention,
            disk,
            bench,
            models,
            confirmed,
            unconfirmed: Unconfirmed::default(),
            doubtful: Unconfirmed::default(),
            now: START,
        }
    }

    /// Runs until the power is off or the events are over.
    fn run(&mut self, events: usize) {
        for _ in 0..events {
            match self.random.below(60) {
                0 => self.now += self.random.below(self.retention.longest() / 2),
                1..=6 => self.now += self.random.below(2000),
                7..=40 => self.now += self.random.below(20),
                _ => {}
            }
            if self.disk.is_off() || self.bench.is_none() {
                return;
            }
            self.store_one();
            self.step();
        }
    }

    fn step(&mut self) {
        let (now, choice) = (self.now, self.random.below(30));
        let Some(bench) = &mut self.bench else { return };
        match choice {
            0..=8 => {
                let budget = std::time::Duration::from_secs(1);
                // What fails is the disk's doing; the judgement comes at the end.
                let _ = bench.writer.maintain(now, budget);
            }
            9..=11 => {
                let is_confirmed = bench.store.sync().is_ok() && !self.disk.is_off();
                self.confirm_if(is_confirmed);
            }
            12 => self.flush(),
            13 => self.restart(),
            _ => {}
        }
    }

    fn store_one(&mut self) {
        let age = match self.random.below(12) {
            0 => self.random.below(self.retention.longest()),
            1 => self.random.below(self.retention.finest().retention() + 100),
            2 | 3 => self.random.below(600),
            _ => 0,
        };
        let series = self.random.below(i64::from(SERIES)) as u32;
        let timestamp = self.now - age;
        let value = self.random.next() as u32 as f64;
        let mut trial = self.models[series as usize].clone();
        if !trial.update(timestamp, value, self.now) {
            return;
        }
        let Some(bench) = &mut self.bench else { return };
        let series_id = SeriesId(series);
        let stored = bench.writer.store(series_id, timestamp, value, self.now);
        let step = i64::from(self.retention.finest().step);
        if stored.is_ok() {
            self.unconfirmed.add(series, timestamp, step, value);
            self.models[series as usize] = trial;
        } else {
            self.doubtful.add(series, timestamp, step, value);
        }
    }

    fn flush(&mut self) {
        let Some(bench) = &self.bench else { return };
        for group in bench.store.shared.all_groups() {
            group.late.freeze_when_due(self.now, 0, 0);
            group.work_through(self.now);
            while !self.disk.is_off() && group.merge_one() {}
        }
    }

    fn confirm_if(&mut self, is_confirmed: bool) {
        if !is_confirmed {
            return;
        }
        self.confirmed = self.models.clone();
        self.unconfirmed = Unconfirmed::default();
    }

    /// The process is killed: what is in the kernel's pages stays.
    fn restart(&mut self) {
        self.bench = None;
        if self.disk.is_off() {
            return;
        }
        self.bench = open(&self.disk, &self.retention).ok();
    }

    /// Opens what survived and judges every slot of every archive; then goes on and syncs.
    fn recover_and_judge(mut self, seed: u64) -> Result<(), String> {
        self.bench = None;
        let disk = self.disk.after_power_loss(seed, Faults::default());
        let mut bench = open(&disk, &self.retention)
            .map_err(|error| format!("seed {seed}: does not open: {error}"))?;
        let health = bench.store.health();
        if !health.damaged.is_empty() {
            return Err(format!("seed {seed}: damaged {:?}", health.damaged));
        }
        self.judge(&bench)
            .map_err(|what| format!("seed {seed}: {what}"))?;
        self.now += 7;
        for series in 0..SERIES {
            let stored = bench.store(series, self.now, f64::from(series));
            stored.map_err(|reason| format!("seed {seed}: {reason} after recovery"))?;
        }
        bench.maintain(self.now);
        bench.store.sync().map_err(|error| error.to_string())?;
        drop(bench);
        let disk = disk.after_power_loss(seed + 1, Faults::default());
        let bench = open(&disk, &self.retention).map_err(|error| error.to_string())?;
        for series in 0..SERIES {
            let value = bench.values(series, self.now - 1, self.now, self.now)[0];
            let finest = bench.values(series, self.now - 10, self.now, self.now);
            if !finest.contains(&f64::from(series)) {
                return Err(format!("seed {seed}: {value} after the second recovery"));
            }
        }
        Ok(())
    }

    fn judge(&self, bench: &Bench) -> Result<(), String> {
        for series in 0..SERIES {
            for archive in 0..self.retention.archives().len() {
                let reach = self.retention.archives()[archive].retention();
                let range = TimeRange {
                    from: self.now - reach,
                    until: self.now,
                    now: self.now,
                };
                let fetched = bench.store.fetch(SeriesId(series), range);
                let fetched = fetched.map_err(|error| error.to_string())?;
                let fetched = fetched.ok_or("the series is unknown")?;
                self.judge_archive(series, archive, &fetched)?;
            }
        }
        Ok(())
    }

    fn judge_archive(&self, series: u32, archive: usize, fetched: &Fetched) -> Result<(), String> {
        for (slot, value) in fetched.values.iter().enumerate() {
            let step = i64::from(fetched.step);
            let time = fetched.start + slot as i64 * step;
            let expected = self.confirmed[series as usize].value(archive, time);
            if value.to_bits() == expected.to_bits() || value.is_nan() && expected.is_nan() {
                continue;
            }
            // A coarse value may mix confirmed and unconfirmed points of its window.
            let is_free = [&self.unconfirmed, &self.doubtful]
                .iter()
                .any(|sent| match archive {
                    0 => sent.has_value(series, time, *value),
                    _ => sent.touches(series, time..time + step),
                });
            if !is_free {
                return Err(format!(
                    "series {series} archive {archive} now-{}: {value}, but {expected} was confirmed",
                    self.now - time
                ));
            }
        }
        Ok(())
    }
}

fn open(disk: &SimulatedDisk, retention: &Arc<Retention>) -> Result<Bench, StoreError> {
    let mut config = config(Path::new("/data"));
    config.late_records = 200;
    let store = Strata::open_on(Arc::new(disk.clone()), &config)?;
    let mut writer = store.writer(0);
    for id in 0..SERIES {
        let definition = SeriesDefinition {
            id: SeriesId(id),
            name: "series".into(),
            retention: Arc::clone(retention),
            rollup: Rollup::default(),
        };
        writer.define(&definition)?;
    }
    Ok(Bench { store, writer })
}

/// A number from the environment.
pub(super) fn number(name: &str, default: u64) -> u64 {
    let wanted = std::env::var(name).ok();
    wanted.and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// One schedule with a power loss at an operation that the seed chooses.
fn power_loss(seed: u64, lying_sync: Option<SyncKind>) -> Result<(), String> {
    let faults = Faults {
        power_off_at: Some(20 + Random(!seed).next() % 600),
        lying_sync,
        ..Faults::default()
    };
    let mut schedule = Schedule::new(seed, faults);
    schedule.run(400);
    schedule.recover_and_judge(seed)
}

#[test]
fn power_loss_at_any_operation_loses_nothing_confirmed_and_invents_nothing() {
    let first = number("PLUMBAGO_SEED", 0);
    for seed in first..first + number("PLUMBAGO_SCHEDULES", 60) {
        if let Err(what) = power_loss(seed, None) {
            panic!("{what}");
        }
    }
}

#[test]
fn a_sync_that_lies_is_noticed_whatever_it_is_of() {
    let kinds = [
        SyncKind::Panel,
        SyncKind::LateSegment,
        SyncKind::Block,
        SyncKind::Manifest,
        SyncKind::Folder,
    ];
    for kind in kinds {
        let found = (0..400).find(|seed| power_loss(*seed, Some(kind)).is_err());
        assert!(found.is_some(), "nobody missed the syncs of {kind:?}");
    }
}

#[test]
fn an_operation_that_fails_loses_nothing_confirmed() {
    let first = number("PLUMBAGO_SEED", 0);
    for seed in first..first + number("PLUMBAGO_SCHEDULES", 30) {
        let faults = Faults {
            broken_at: Some(20 + Random(!seed).next() % 400),
            ..Faults::default()
        };
        let mut schedule = Schedule::new(seed, faults);
        schedule.run(300);
        if let Err(what) = schedule.recover_and_judge(seed) {
            panic!("{what}");
        }
    }
}

#[test]
fn a_disk_that_is_full_for_a_while_loses_nothing_confirmed() {
    let first = number("PLUMBAGO_SEED", 0);
    for seed in first..first + number("PLUMBAGO_SCHEDULES", 30) {
        let from = 20 + Random(!seed).next() % 300;
        let faults = Faults {
            full: Some((from, from + Random(seed).next() % 300)),
            ..Faults::default()
        };
        let mut schedule = Schedule::new(seed, faults);
        schedule.run(400);
        if let Err(what) = schedule.recover_and_judge(seed) {
            panic!("{what}");
        }
    }
}

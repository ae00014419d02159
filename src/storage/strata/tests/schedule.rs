//! One schedule on the simulated disk, and the judgement of what survived it.
//!
//! A schedule stores points, turns the clock, syncs, flushes, merges and restarts until a fault that
//! its seed chose strikes; then the store is opened on what survived and every slot of every archive is
//! judged: whatever a sync confirmed is there, and nothing is there that was not sent.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use plumbago_storage_format::manifest::Manifest;

use super::whisper_model::WhisperModel;
use super::{Bench, START, config, definition};
use crate::metric::{Retention, Rollup, SeriesId};
use crate::storage::strata::group::Group;
use crate::storage::strata::simulation::{Faults, Random, SimulatedDisk};
use crate::storage::strata::{Existing, ImportedArchive, ImportedSeries, Strata};
use crate::storage::{Fetched, Store, StoreError, TimeRange};

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

/// A store on a simulated disk, and what it was told.
pub(super) struct Schedule {
    random: Random,
    retention: Arc<Retention>,
    pub(super) disk: SimulatedDisk,
    pub(super) bench: Option<Bench>,
    /// By series, the id that the catalog has for it, and the next one that it would give. A catalog
    /// makes its changes durable before the store hears of them, so a crash does not touch these.
    ids: Vec<u32>,
    next_id: u32,
    models: Vec<WhisperModel>,
    confirmed: Vec<WhisperModel>,
    unconfirmed: Unconfirmed,
    /// What was refused: a store that failed half way may have left its point behind.
    doubtful: Unconfirmed,
    pub(super) now: i64,
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

    fn forget(&mut self, series: u32) {
        self.values.retain(|(its, _), _| *its != series);
        self.times.retain(|(its, _)| *its != series);
    }

    fn touches(&self, series: u32, mut times: Range<i64>) -> bool {
        times.any(|at| self.times.contains(&(series, at)))
    }
}

impl Schedule {
    /// A schedule whose retention the seed chooses.
    pub(super) fn new(seed: u64, faults: Faults) -> Self {
        let choice = Random(seed).below(RETENTIONS.len() as i64);
        Self::with_retention(RETENTIONS[choice as usize], seed, faults)
    }

    /// A schedule over given archives.
    pub(super) fn with_retention(text: &str, seed: u64, faults: Faults) -> Self {
        let random = Random(seed);
        let retention = Arc::new(Retention::parse(text).unwrap());
        let rollup = Rollup::default();
        let models = || -> Vec<_> {
            (0..SERIES)
                .map(|_| WhisperModel::new(&retention, rollup))
                .collect()
        };
        let (models, confirmed) = (models(), models());
        let disk = SimulatedDisk::new(seed, faults);
        let ids: Vec<u32> = (0..SERIES).collect();
        let bench = open(&disk, &retention, &ids).ok();
        Self {
            random,
            retention,
            disk,
            bench,
            ids,
            next_id: SERIES,
            models,
            confirmed,
            unconfirmed: Unconfirmed::default(),
            doubtful: Unconfirmed::default(),
            now: START,
        }
    }

    /// Runs until the power is off or the events are over.
    pub(super) fn run(&mut self, events: usize) {
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
        match self.random.below(30) {
            0..=8 => self.maintain(),
            9..=11 => self.sync(),
            12 => self.flush(),
            13 => self.restart(),
            14 if self.random.below(4) == 0 => {
                let series = self.random.below(i64::from(SERIES)) as u32;
                match self.random.below(2) {
                    0 => self.delete(series),
                    _ => self.move_to_a_new_id(series),
                }
            }
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
        self.store(series, age);
    }

    /// Stores a random value of a series `age` seconds ago, unless Whisper's traps are there.
    pub(super) fn store(&mut self, series: u32, age: i64) {
        let timestamp = self.now - age;
        let value = self.random.next() as u32 as f64;
        let model = &mut self.models[series as usize];
        if !model.takes(timestamp, self.now) {
            return;
        }
        let Some(bench) = &mut self.bench else { return };
        let series_id = SeriesId(self.ids[series as usize]);
        let stored = bench.writer.store(series_id, timestamp, value, self.now);
        let step = i64::from(self.retention.finest().step);
        if stored.is_ok() {
            self.unconfirmed.add(series, timestamp, step, value);
            model.update(timestamp, value, self.now);
        } else {
            self.doubtful.add(series, timestamp, step, value);
        }
    }

    /// Deletes a series; its name is made anew at once.
    pub(super) fn delete(&mut self, series: u32) {
        let Some(bench) = &mut self.bench else { return };
        let place = series as usize;
        let former = std::mem::replace(&mut self.ids[place], self.next_id);
        self.next_id += 1;
        bench.writer.forget(&[SeriesId(former)]);
        let made = bench
            .writer
            .define(&definition(self.ids[place], &self.retention));
        let empty = WhisperModel::new(&self.retention, Rollup::default());
        self.models[place] = empty.clone();
        self.confirmed[place] = empty;
        self.unconfirmed.forget(series);
        self.doubtful.forget(series);
        if made.is_err() {
            // A full disk: the name waits until there is room, as a restart finds it.
            self.restart();
        }
    }

    /// Copies a series' history under a new id and lets go of the former one, as a change of retention
    /// does. Whatever fails on the way leaves it as it was.
    pub(super) fn move_to_a_new_id(&mut self, series: u32) {
        let place = series as usize;
        let (from, to) = (self.ids[place], self.next_id);
        self.next_id += 1;
        if !self.copy(from, to) || self.disk.is_off() {
            return;
        }
        let Some(bench) = &mut self.bench else { return };
        if bench.store.sync().is_err() || self.disk.is_off() {
            bench.writer.forget(&[SeriesId(to)]);
            return;
        }
        // The sync confirmed all, under both ids.
        self.confirmed = self.models.clone();
        self.unconfirmed = Unconfirmed::default();
        self.ids[place] = to;
        bench.writer.forget(&[SeriesId(from)]);
    }

    /// True when all of it was taken.
    fn copy(&mut self, from: u32, to: u32) -> bool {
        let now = self.now;
        let Some(bench) = &mut self.bench else {
            return false;
        };
        if bench
            .writer
            .define(&definition(to, &self.retention))
            .is_err()
        {
            return false;
        }
        let archives = self.retention.archives().iter().map(|archive| {
            let range = TimeRange {
                from: now - archive.retention(),
                until: now,
                now,
            };
            let fetched = bench.store.fetch(SeriesId(from), range).ok()??;
            Some(ImportedArchive {
                start: fetched.start,
                values: fetched.values,
            })
        });
        let series = archives
            .collect::<Option<_>>()
            .map(|archives| ImportedSeries {
                id: SeriesId(to),
                is_new: true,
                archives,
            });
        let imported = series.and_then(|series| {
            let imported = bench.store.import(&[series], Existing::Keep, now);
            imported.ok()
        });
        let is_copied = imported.is_some_and(|imported| {
            imported.recent.iter().all(|point| {
                let stored = bench
                    .writer
                    .store(point.id, point.timestamp, point.value, now);
                stored.is_ok()
            })
        });
        if !is_copied {
            bench.writer.forget(&[SeriesId(to)]);
        }
        is_copied
    }

    /// Syncs, and takes note of what that confirms.
    pub(super) fn sync(&mut self) {
        let Some(bench) = &self.bench else { return };
        if bench.store.sync().is_ok() && !self.disk.is_off() {
            self.confirmed = self.models.clone();
            self.unconfirmed = Unconfirmed::default();
        }
    }

    /// A slice of what the writer does between batches.
    pub(super) fn maintain(&mut self) {
        let Some(bench) = &mut self.bench else { return };
        let budget = std::time::Duration::from_secs(1);
        // What fails is the disk's doing; the judgement comes at the end.
        let _ = bench.writer.maintain(self.now, budget);
    }

    /// Does something with every group, at the schedule's time.
    pub(super) fn each_group(&self, act: impl Fn(&Group, i64)) {
        let Some(bench) = &self.bench else { return };
        for group in bench.store.shared.all_groups() {
            act(&group, self.now);
        }
    }

    /// What the groups' manifests say.
    pub(super) fn manifests(&self) -> Vec<Option<Manifest>> {
        let groups = self
            .bench
            .iter()
            .flat_map(|bench| bench.store.shared.all_groups());
        groups
            .map(|group| group.work.lock().manifest.clone())
            .collect()
    }

    /// The series' columns in the ring.
    pub(super) fn columns(&self) -> Vec<Option<u32>> {
        let Some(bench) = &self.bench else {
            return Vec::new();
        };
        let table = &bench.store.shared.common.table;
        let ids = self.ids.iter();
        ids.map(|&id| table.get(SeriesId(id)).column).collect()
    }

    fn flush(&mut self) {
        self.each_group(|group, now| {
            group.late.freeze_when_due(now, 0, 0);
            group.work_through(now);
            while !self.disk.is_off() && group.merge_one() {}
        });
    }

    /// The process is killed: what is in the kernel's pages stays.
    pub(super) fn restart(&mut self) {
        self.bench = None;
        if self.disk.is_off() {
            return;
        }
        self.bench = open(&self.disk, &self.retention, &self.ids).ok();
    }

    /// Opens what survived and judges every slot of every archive; then goes on and syncs.
    pub(super) fn recover_and_judge(mut self, seed: u64) -> Result<(), String> {
        self.bench = None;
        let disk = self.disk.after_power_loss(seed, Faults::default());
        let mut bench = open(&disk, &self.retention, &self.ids)
            .map_err(|error| format!("seed {seed}: does not open: {error}"))?;
        let health = bench.store.health();
        if !health.damaged.is_empty() {
            return Err(format!("seed {seed}: damaged {:?}", health.damaged));
        }
        self.judge(&bench)
            .map_err(|what| format!("seed {seed}: {what}"))?;
        self.now += 7;
        for series in 0..SERIES {
            let id = self.ids[series as usize];
            let stored = bench.store(id, self.now, f64::from(series));
            stored.map_err(|reason| format!("seed {seed}: {reason} after recovery"))?;
        }
        bench.maintain(self.now);
        bench.store.sync().map_err(|error| error.to_string())?;
        drop(bench);
        let disk = disk.after_power_loss(seed + 1, Faults::default());
        let bench = open(&disk, &self.retention, &self.ids).map_err(|error| error.to_string())?;
        for series in 0..SERIES {
            let id = self.ids[series as usize];
            let value = bench.values(id, self.now - 1, self.now, self.now)[0];
            let finest = bench.values(id, self.now - 10, self.now, self.now);
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
                let fetched = bench
                    .store
                    .fetch(SeriesId(self.ids[series as usize]), range);
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

fn open(
    disk: &SimulatedDisk,
    retention: &Arc<Retention>,
    ids: &[u32],
) -> Result<Bench, StoreError> {
    let mut config = config(Path::new("/data"));
    config.late_records = 200;
    let store = Strata::open_on(Arc::new(disk.clone()), &config)?;
    let mut writer = store.writer(0);
    for &id in ids {
        writer.define(&definition(id, retention))?;
    }
    Ok(Bench { store, writer })
}

/// Runs a schedule for each number, on all processors, until one fails on each.
///
/// # Panics
/// With what failed.
pub(super) fn run_all(numbers: Range<u64>, run: impl Fn(u64) -> Result<(), String> + Sync) {
    let next = AtomicU64::new(numbers.start);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let failures: Vec<String> = std::thread::scope(|scope| {
        let work = || {
            let seeds = std::iter::from_fn(|| Some(next.fetch_add(1, Relaxed)));
            let mut seeds = seeds.take_while(|seed| *seed < numbers.end);
            seeds.find_map(|seed| run(seed).err())
        };
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let results = threads.into_iter().map(|thread| thread.join());
        results
            .filter_map(|result| result.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    assert!(failures.is_empty(), "{failures:#?}");
}

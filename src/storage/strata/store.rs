//! The store itself: opens the folder, hands out writers, answers fetches, syncs.
//!
//! Threads: [`Strata`] is shared by everyone. With `background` a named thread does the sealing and
//! what follows it; without, each writer does it in `maintain` (tests that want one order of events).

use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::sync::atomic::{AtomicBool, AtomicI64};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::{Condvar, Mutex, RwLock};

use super::disk::{Disk, RealDisk, failed};
use super::families::Families;
use super::group::{Common, Group, GroupPlace};
use super::health::{Counters, Health};
use super::late::{LateBudget, SEGMENT_RECORDS};
use super::maps::{MAPS_MAX, Maps};
use super::meta::read_or_make_meta;
use super::read::Slots;
use super::settled::Changes;
use super::table::SeriesTable;
use super::writer::Writer;
use crate::metric::{Retention, Rollup, SeriesId};
use crate::storage::{
    ArchiveUsage, Fetched, NewestPoint, Selection, SettledReads, ShardWriter, Store, StoreError,
    StoreHealth, StoreStatistics, TimeRange,
};

/// The time before any writer was told one.
const UNKNOWN_TIME: i64 = i64::MIN;
/// Seconds after which late points leave the table for a patch, however few they are.
const LATE_AGE_S: i64 = 3600;
/// How long the background thread sleeps when nobody wakes it.
const BACKGROUND_PAUSE: Duration = Duration::from_millis(500);

/// What the daemon decides about a store.
#[derive(Clone, Debug)]
pub struct StrataConfig {
    /// The data folder, which the caller has locked; the engine keeps to `strata/` in it.
    pub path: PathBuf,
    /// Shards of a folder that is new; an old one keeps the number that it was made with.
    pub shards: usize,
    /// Seconds ahead of the clock that a point may be.
    pub future_window_s: u32,
    /// Whether a thread seals in the background; otherwise the writers do it in `maintain`.
    pub background: bool,
    /// Late points of a group that are kept in memory; there may be twice as many for a moment.
    pub late_records: usize,
    /// Late points of all groups together that are kept in memory, about.
    pub late_points_max: usize,
    /// Points that must agree with a clock that leaps ahead before a writer follows it.
    pub clock_votes: u32,
    /// Free bytes below which no new series are taken; they are again above twice as many.
    pub room_min_bytes: u64,
}

impl StrataConfig {
    /// The defaults for a folder: a shard a processor, a minute ahead, sealing in the background.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            path: path.into(),
            shards: processors.min(16),
            future_window_s: 60,
            background: true,
            late_records: SEGMENT_RECORDS,
            late_points_max: 4 * SEGMENT_RECORDS,
            clock_votes: 32,
            room_min_bytes: 64 << 20,
        }
    }
}

/// The native engine, see the module's documentation.
#[derive(Debug)]
pub struct Strata {
    pub(super) shared: Arc<Shared>,
    background: Mutex<Vec<JoinHandle<()>>>,
}

/// What the store, its writers and its background threads share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) common: Arc<Common>,
    shards: usize,
    families: Mutex<Families>,
    /// By group number, `family * shards + shard`.
    groups: RwLock<Vec<Option<Arc<Group>>>>,
    writers_taken: Mutex<Vec<bool>>,
    /// By shard, the greatest time that its writer was told. Until then nothing structural is done
    /// with the shard's groups: only when every series was defined is an unknown one a dead one.
    now: Box<[AtomicI64]>,
    has_background: bool,
    room_min_bytes: u64,
    is_closing: AtomicBool,
    wake: Condvar,
    wake_lock: Mutex<()>,
}

impl Strata {
    /// How many reads have passed over a file that could not be read, though it is neither damaged nor
    /// missing: unmoved, it says that histories read meanwhile are whole.
    pub fn reads_failed(&self) -> u64 {
        self.shared.common.health.reads_failed()
    }

    /// Opens a store, or makes a new one.
    ///
    /// # Errors
    /// When the folder cannot be read or written, or one of the two tables without which nothing can
    /// be read (`meta`, `families`) is damaged. Other damage costs the damaged file alone.
    pub fn open(config: &StrataConfig) -> Result<Self, StoreError> {
        Self::open_on(Arc::new(RealDisk), config)
    }

    pub(super) fn open_on(disk: Arc<dyn Disk>, config: &StrataConfig) -> Result<Self, StoreError> {
        let folder = config.path.join("strata");
        disk.create_dir(&folder)
            .map_err(failed(&folder, "create folder"))?;
        disk.sync_dir(&config.path)
            .map_err(failed(&config.path, "sync folder"))?;
        let shards = read_or_make_meta(&*disk, &folder, config.shards)?;
        let families = Families::open(&*disk, &folder)?;
        let common = Arc::new(Common {
            disk,
            folder,
            table: SeriesTable::new(),
            rollups: RwLock::default(),
            health: Health::default(),
            counters: Counters::default(),
            maps: Arc::new(Maps::new(MAPS_MAX)),
            changes: Changes::default(),
            future_window_s: i64::from(config.future_window_s),
            late_records: config.late_records,
            late_budget: Arc::new(LateBudget::new(config.late_points_max)),
            clock_votes: config.clock_votes,
        });
        let shared = Arc::new(Shared {
            common,
            shards,
            families: Mutex::new(families),
            groups: RwLock::default(),
            writers_taken: Mutex::new(vec![false; shards]),
            now: (0..shards).map(|_| AtomicI64::new(UNKNOWN_TIME)).collect(),
            has_background: config.background,
            room_min_bytes: config.room_min_bytes,
            is_closing: AtomicBool::new(false),
            wake: Condvar::new(),
            wake_lock: Mutex::new(()),
        });
        shared.open_groups()?;
        let mut background = Vec::new();
        if config.background {
            background.push(spawn(&shared, "strata-seal", Shared::work_all)?);
            background.push(spawn(&shared, "strata-merge", Shared::merge_all)?);
        }
        Ok(Self {
            background: Mutex::new(background),
            shared,
        })
    }
}

/// Starts a named thread that does `work` whenever it is woken, and from time to time.
fn spawn(
    shared: &Arc<Shared>,
    name: &str,
    work: fn(&Shared),
) -> Result<JoinHandle<()>, StoreError> {
    let shared = Arc::clone(shared);
    let folder = shared.common.folder.clone();
    std::thread::Builder::new()
        .name(name.into())
        .spawn(move || shared.run_background(work))
        .map_err(failed(&folder, "start a thread for"))
}

impl Shared {
    fn open_groups(&self) -> Result<(), StoreError> {
        let families = self.families.lock();
        for family in 0..families.all().len() {
            for shard in 0..self.shards {
                self.open_group(family, shard, Arc::clone(&families.all()[family]))?;
            }
        }
        Ok(())
    }

    fn open_group(
        &self,
        family: usize,
        shard: usize,
        retention: Arc<Retention>,
    ) -> Result<Arc<Group>, StoreError> {
        let index = family * self.shards + shard;
        let too_many = || StoreError::Io {
            path: self.common.folder.clone(),
            action: "make another family",
            source: std::io::Error::other("too many different retentions"),
        };
        let place = GroupPlace {
            number: u16::try_from(index)
                .ok()
                .filter(|number| *number < u16::MAX)
                .ok_or_else(too_many)?,
            shard: shard as u32,
            family: family as u32,
            retention,
        };
        let group = Arc::new(Group::open(&self.common, place)?);
        let mut groups = self.groups.write();
        if groups.len() <= index {
            groups.resize_with(index + 1, || None);
        }
        groups[index] = Some(Arc::clone(&group));
        Ok(group)
    }

    /// The groups of one shard.
    pub(super) fn groups_of(&self, shard: u32) -> Vec<Arc<Group>> {
        let all = self.all_groups();
        let mine = all.into_iter().filter(|group| group.place.shard == shard);
        mine.collect()
    }

    /// The group of a retention in a shard, if there is one.
    pub(super) fn known_group(&self, shard: usize, retention: &Retention) -> Option<u16> {
        let families = self.families.lock();
        let family = families
            .all()
            .iter()
            .position(|known| **known == *retention)?;
        u16::try_from(family * self.shards + shard).ok()
    }

    /// Opens a group again and lets the one that was there go.
    ///
    /// # Errors
    /// As [`Group::open`].
    pub(super) fn reopen_group(&self, group: &Group) -> Result<Arc<Group>, StoreError> {
        let GroupPlace {
            shard,
            family,
            ref retention,
            ..
        } = group.place;
        self.common.table.forget_columns(group.place.number);
        self.open_group(family as usize, shard as usize, Arc::clone(retention))
    }

    /// A group that has been opened.
    pub(super) fn numbered_group(&self, number: u16) -> Option<Arc<Group>> {
        self.groups
            .read()
            .get(usize::from(number))
            .cloned()
            .flatten()
    }

    /// All retentions, in the order of their families.
    pub(super) fn retentions(&self) -> Vec<Arc<Retention>> {
        self.families.lock().all().to_vec()
    }

    /// How many shards there are.
    pub(super) fn shards(&self) -> usize {
        self.shards
    }

    pub(super) fn all_groups(&self) -> Vec<Arc<Group>> {
        self.groups.read().iter().flatten().cloned().collect()
    }

    /// The group of a retention in a shard, made if it is new.
    pub(super) fn group(
        &self,
        shard: u32,
        retention: &Arc<Retention>,
    ) -> Result<Arc<Group>, StoreError> {
        let mut families = self.families.lock();
        let family = families
            .number(self.common.disk.as_ref(), retention)
            .map_err(|error| self.common.health.judge(error))?;
        let index = family * self.shards + shard as usize;
        let known = self.groups.read().get(index).cloned().flatten();
        match known {
            Some(group) => Ok(group),
            None => self.open_group(family, shard as usize, Arc::clone(retention)),
        }
    }

    /// The number of a rollup, given if it is new.
    pub(super) fn rollup_number(&self, rollup: Rollup) -> Result<u16, StoreError> {
        let mut rollups = self.common.rollups.write();
        let known = rollups.iter().position(|known| *known == rollup);
        let number = known.unwrap_or_else(|| {
            rollups.push(rollup);
            rollups.len() - 1
        });
        u16::try_from(number)
            .ok()
            .filter(|number| *number < u16::MAX)
            .ok_or_else(|| StoreError::Io {
                path: self.common.folder.clone(),
                action: "make another rollup",
                source: std::io::Error::other("too many different rollups"),
            })
    }

    /// Refuses bulk writes while there is not the room that existing series need.
    pub(super) fn refuse_when_full(&self) -> Result<(), StoreError> {
        self.watch_room();
        match self.common.health.is_disk_full() {
            true => Err(self.full_disk()),
            false => Ok(()),
        }
    }

    /// The error of a series that a full disk keeps out.
    pub(super) fn full_disk(&self) -> StoreError {
        StoreError::Io {
            path: self.common.folder.clone(),
            action: "make a new series",
            source: std::io::ErrorKind::StorageFull.into(),
        }
    }

    /// Follows the clock of a writer: wakes the background thread, or does its work here.
    pub(super) fn follow(&self, shard: u32, now: i64) {
        // Release: who sees the time also sees every series that the writer defined before.
        let before = self.now[shard as usize].fetch_max(now, Release);
        if !self.has_background {
            self.work_all();
            self.merge_all();
        } else if now > before {
            self.wake.notify_all();
        }
    }

    /// Keeps watch over the room on the disk: what is left when new series are refused is for the
    /// rows and blocks of those that are there.
    fn watch_room(&self) {
        let common = &self.common;
        let Ok(free) = common.disk.free_bytes(&common.folder) else {
            return;
        };
        if free < self.room_min_bytes {
            common.health.set_disk_full(true);
        } else if free >= self.room_min_bytes.saturating_mul(2) {
            common.health.set_disk_full(false);
        }
    }

    fn work_all(&self) {
        self.watch_room();
        for group in self.all_groups() {
            if self.is_closing.load(Acquire) {
                return;
            }
            if let Some(now) = self.time_of(&group) {
                group.work_through(now);
            }
        }
    }

    /// What time a group's writer was told. `None` before the first time: nothing may be judged too
    /// old then, and no series gone.
    fn time_of(&self, group: &Group) -> Option<i64> {
        let now = self.now[group.place.shard as usize].load(Acquire);
        (now != UNKNOWN_TIME).then_some(now)
    }

    fn merge_all(&self) {
        for group in self.all_groups() {
            let mut more = self.time_of(&group).is_some();
            while more && !self.is_closing.load(Acquire) {
                more = group.merge_one();
            }
        }
    }

    fn run_background(&self, work: fn(&Self)) {
        while !self.is_closing.load(Acquire) {
            let done = std::panic::catch_unwind(AssertUnwindSafe(|| work(self)));
            if done.is_err() {
                // The panic was printed where it happened. Half-done work is safe on disk, but nobody
                // would finish it: better that points are refused with a reason than by a full ring.
                let name = std::thread::current().name().unwrap_or_default().to_owned();
                let reason = StoreError::Poisoned(format!("the thread {name} panicked"));
                self.common.health.poison(&reason);
                return;
            }
            let mut guard = self.wake_lock.lock();
            if !self.is_closing.load(Acquire) {
                self.wake.wait_for(&mut guard, BACKGROUND_PAUSE);
            }
        }
    }

    /// The group of a series and its rollup, once it was defined.
    pub(super) fn group_of(&self, series: SeriesId) -> Option<(Arc<Group>, Rollup)> {
        let entry = self.common.table.get(series);
        let rollup = self.common.rollup_of(series)?;
        let groups = self.groups.read();
        let group = groups.get(usize::from(entry.group?))?.clone()?;
        Some((group, rollup))
    }
}

impl Group {
    /// Does all structural work that is due: seals, rolls up, retires.
    ///
    /// Failures are in the store's health; a full disk is tried again at the next call.
    pub(super) fn work_through(&self, now: i64) {
        if self.common.health.is_poisoned() {
            return;
        }
        let mut work = self.work.lock();
        let done = (|| {
            self.set_aside_unusable(&mut work)?;
            while self.seal(&mut work)? {}
            while self.roll(&mut work)? {}
            let most = self.late_points_calm();
            self.late.freeze_when_due(now, LATE_AGE_S, most);
            self.flush(&mut work)?;
            self.retire(&mut work, now)
        })();
        if let Err(error) = done {
            self.common.health.note_unfinished(&error);
        }
    }

    /// Merges one window, if one has too many files and the disk has room for it.
    pub(super) fn merge_one(&self) -> bool {
        let health = &self.common.health;
        if health.is_poisoned() || health.is_disk_full() {
            return false;
        }
        self.merge().unwrap_or_else(|error| {
            health.note_unfinished(&error);
            false
        })
    }

    /// Seals all that is due and nothing else: what a writer without a free row waits for.
    pub(super) fn seal_through(&self) {
        let mut work = self.work.lock();
        while !self.common.health.is_poisoned() && matches!(self.seal(&mut work), Ok(true)) {}
    }
}

impl Store for Strata {
    fn engine(&self) -> &'static str {
        "strata"
    }

    fn shards(&self) -> usize {
        self.shared.shards
    }

    fn writer(&self, shard: usize) -> Box<dyn ShardWriter> {
        let mut taken = self.shared.writers_taken.lock();
        assert!(shard < taken.len(), "there is no shard {shard}");
        assert!(
            !taken[shard],
            "the writer of shard {shard} was taken before"
        );
        taken[shard] = true;
        Box::new(Writer::new(Arc::clone(&self.shared), shard as u32))
    }

    fn fetch(&self, series: SeriesId, range: TimeRange) -> Result<Option<Fetched>, StoreError> {
        let Some((group, rollup)) = self.shared.group_of(series) else {
            return Ok(None);
        };
        let Some(selection) = Selection::of(&group.place.retention, range) else {
            return Ok(None);
        };
        let slots = Slots {
            archive: selection.archive,
            first: selection.start.div_euclid(i64::from(selection.step)),
            count: selection.slots(),
        };
        Ok(Some(Fetched {
            archive: selection.archive,
            start: selection.start,
            step: selection.step,
            values: group.read(series, rollup, slots),
        }))
    }

    fn select(&self, series: SeriesId, range: TimeRange) -> Option<Selection> {
        let (group, _) = self.shared.group_of(series)?;
        Selection::of(&group.place.retention, range)
    }

    fn settled_reads(&self) -> Option<&dyn SettledReads> {
        Some(self)
    }

    fn definition(&self, series: SeriesId) -> Option<(Arc<Retention>, Rollup)> {
        let (group, rollup) = self.shared.group_of(series)?;
        Some((Arc::clone(&group.place.retention), rollup))
    }

    fn newest(
        &self,
        series: &[SeriesId],
        now: i64,
    ) -> Result<Vec<Option<NewestPoint>>, StoreError> {
        Ok(self.shared.newest(series, now))
    }

    fn bulk(&self) -> Option<&Strata> {
        Some(self)
    }

    fn usage(&self, series: &[SeriesId]) -> Result<Vec<ArchiveUsage>, StoreError> {
        self.shared.usage(series)
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.shared.common.health.check()?;
        for group in self.shared.all_groups() {
            group.sync().inspect_err(|error| {
                self.shared.common.health.poison(error);
            })?;
        }
        Ok(())
    }

    fn health(&self) -> StoreHealth {
        self.shared.common.health.report()
    }

    fn statistics(&self) -> StoreStatistics {
        let mut statistics = self.shared.common.counters.report();
        for group in self.shared.all_groups() {
            statistics.bytes_on_disk += group.disk_bytes();
            statistics.points_pending += group.late.count() as u64;
        }
        statistics
    }
}

impl Drop for Strata {
    fn drop(&mut self) {
        self.shared.is_closing.store(true, Release);
        {
            let _guard = self.shared.wake_lock.lock();
            self.shared.wake.notify_all();
        }
        for thread in self.background.lock().drain(..) {
            // A thread that panicked has nothing left to do, and said so on its own.
            let _ = thread.join();
        }
    }
}

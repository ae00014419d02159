//! The writing half of a shard: looks a series up, finds its cell, stores.
//!
//! `ingest`'s shard worker owns it. The steady state takes no lock, no system call and no allocation:
//! one load from the series table, one store to a mapped cell. What is rarer (a new column, a late
//! point, a clock that moved) leaves that road early.
//!
//! Threads: one [`Writer`] a shard, owned by one thread.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::time::{Duration, Instant};

use plumbago_storage_format::ring::{first_column, locate};

use super::clock::TrustedClock;
use super::forget::Clearing;
use super::group::Group;
use super::late::LatePoint;
use super::layout::ROW_SLOTS;
use super::panel::Panel;
use super::store::Shared;
use super::table::{Entry, SERIES_MAX};
use crate::metric::{Refusal, Retention, Rollup, SeriesId};
use crate::storage::{Maintenance, SeriesDefinition, ShardWriter, StoreError};

/// Columns whose idleness is checked in one slice of maintenance.
const IDLE_CHECKS_MAX: usize = 256;

/// The writer of one shard.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) shared: Arc<Shared>,
    shard: u32,
    /// By group number; only this shard's are there.
    pub(super) groups: Vec<Option<GroupWriter>>,
    /// The definition that came last: neighbours in the catalog mostly share it.
    last_retention: Option<(Arc<Retention>, u16)>,
    last_rollup: Option<(Rollup, u16)>,
    stored: u64,
    clock: TrustedClock,
    /// True until the first maintenance: the series that come by were there before.
    is_loading: bool,
}

/// A group as its writer sees it.
#[derive(Debug)]
pub(super) struct GroupWriter {
    pub(super) group: Arc<Group>,
    pub(super) panels: Vec<Arc<Panel>>,
    step: i64,
    /// The greatest time seen.
    now: i64,
    /// Slots from here up to `high` go straight to the ring.
    direct_from: i64,
    high: i64,
    /// The last timestamp and its slot: a batch mostly has one.
    last: (i64, i64),
    /// Free columns, the one to give first last.
    free: Vec<u32>,
    /// Panels that were there at opening: their free columns are scrubbed before one is given.
    unscrubbed: usize,
    /// Columns taken back, oldest first, and the sync that must pass before they are given again.
    pub(super) resting: VecDeque<(u32, u64)>,
    /// Columns of series that are gone.
    pub(super) clearing: Clearing,
}

impl Writer {
    /// The writer of `shard`.
    pub(super) fn new(shared: Arc<Shared>, shard: u32) -> Self {
        let clock = TrustedClock::new(shared.common.clock_votes);
        let mut writer = Self {
            shared,
            shard,
            groups: Vec::new(),
            last_retention: None,
            last_rollup: None,
            stored: 0,
            clock,
            is_loading: true,
        };
        for group in writer.shared.groups_of(shard) {
            writer.add_group(group);
        }
        writer
    }

    fn add_group(&mut self, group: Arc<Group>) {
        let number = usize::from(group.place.number);
        if self.groups.len() <= number {
            self.groups.resize_with(number + 1, || None);
        }
        if self.groups[number].is_none() {
            self.groups[number] = Some(GroupWriter::new(group));
        }
    }

    fn group_number(&mut self, retention: &Arc<Retention>) -> Result<u16, StoreError> {
        if let Some((last, number)) = &self.last_retention
            && Arc::ptr_eq(last, retention)
        {
            return Ok(*number);
        }
        let group = self.shared.group(self.shard, retention)?;
        let number = group.place.number;
        self.add_group(group);
        self.last_retention = Some((Arc::clone(retention), number));
        Ok(number)
    }

    fn rollup_number(&mut self, rollup: Rollup) -> Result<u16, StoreError> {
        if let Some((last, number)) = self.last_rollup
            && last == rollup
        {
            return Ok(number);
        }
        let number = self.shared.rollup_number(rollup)?;
        self.last_rollup = Some((rollup, number));
        Ok(number)
    }

    /// Everything that is not a plain store to an open row of a known column.
    #[cold]
    fn store_slowly(
        &mut self,
        series: SeriesId,
        timestamp: i64,
        value: f64,
        now: i64,
    ) -> Result<(), Refusal> {
        let common = &self.shared.common;
        if common.health.is_poisoned() {
            return Err(Refusal::StoreRefused);
        }
        let mut entry = common.table.get(series);
        let number = entry.group.map_or(usize::MAX, usize::from);
        let Some(Some(writer)) = self.groups.get_mut(number) else {
            return Err(Refusal::StoreRefused);
        };
        let slot = writer.check(timestamp, value, now)?;
        let age = now - timestamp;
        let archive = writer.group.layout.archive_for_age(age);
        let archive = archive.ok_or(Refusal::TooOld)?;
        if archive > 0 || slot < writer.direct_from {
            let rollup = common.rollup_of(series).unwrap_or_default();
            let slot = timestamp.div_euclid(writer.group.layout.archives()[archive].step);
            let late = LatePoint::new(archive, slot, value);
            // A window that has begun to leave its archive does not return with a clock put back.
            let latest = writer.now;
            writer
                .group
                .store_late(series, rollup, late, latest)
                .map_err(|_| Refusal::StoreRefused)?;
            common.counters.late.fetch_add(1, Relaxed);
            common.counters.points.fetch_add(1, Relaxed);
            return Ok(());
        }
        let column = match entry.column {
            Some(column) => column,
            None => writer.give_column(series, &mut entry)?,
        };
        writer.store_in_row(column, slot, value)?;
        common.counters.points.fetch_add(1, Relaxed);
        Ok(())
    }
}

impl GroupWriter {
    fn new(group: Arc<Group>) -> Self {
        let panels = group.panels.load_full().to_vec();
        let mut free = Vec::new();
        for (number, panel) in panels.iter().enumerate().rev() {
            for column in (0..panel.header().columns).rev() {
                if matches!(panel.owner(column), Ok(None)) {
                    free.push(first_column(number as u32) + column);
                }
            }
        }
        Self {
            step: group.layout.finest().step,
            unscrubbed: panels.len(),
            group,
            panels,
            now: i64::MIN,
            direct_from: i64::MAX,
            high: i64::MIN,
            last: (0, 0),
            free,
            resting: VecDeque::new(),
            clearing: Clearing::default(),
        }
    }

    #[inline]
    fn slot_of(&mut self, timestamp: i64) -> i64 {
        if self.last.0 != timestamp {
            self.last = (timestamp, timestamp.div_euclid(self.step));
        }
        self.last.1
    }

    /// Follows the clock: opens rows ahead of it and closes those that a seal waits for.
    #[cold]
    fn turn_to(&mut self, now: i64) {
        self.now = now;
        let group = &self.group;
        if !group.has_window() && group.begin(now).is_err() {
            return;
        }
        let open = group.layout.open_from(now).max(group.open.load(Relaxed));
        // Release: a seal that sees the new `open` also sees every store to the rows below it.
        group.open.store(open, Release);
        let now_slot = now.div_euclid(self.step);
        if now_slot >= group.cleared.load(Acquire) + ROW_SLOTS {
            // The daemon was down, or sealing fell far behind: nothing can be stored before rows are
            // free again, and waiting here is what slows the senders down.
            group.seal_through();
        }
        let ahead = group.layout.future_slots(group.common.future_window_s);
        let rows_end = group.cleared.load(Acquire) + ROW_SLOTS;
        self.high = (now_slot + ahead + 1).min(rows_end);
        // Before any store below it, and so before any `open` that lets a seal look.
        group.high_water.fetch_max(self.high, Release);
        self.direct_from = open.max(group.layout.aged_before(0, now));
    }

    fn check(&mut self, timestamp: i64, value: f64, now: i64) -> Result<i64, Refusal> {
        if timestamp <= 0 {
            return Err(Refusal::BadTimestamp);
        }
        if value.is_nan() {
            return Err(Refusal::Nan);
        }
        let slot = self.slot_of(timestamp);
        if slot >= self.high {
            let ahead = self
                .group
                .layout
                .future_slots(self.group.common.future_window_s);
            let is_due = slot <= now.div_euclid(self.step) + ahead;
            // A slot that the clock has reached but no row is free for: sealing does not get on.
            return Err(if is_due {
                Refusal::StoreRefused
            } else {
                Refusal::TooFarInFuture
            });
        }
        Ok(slot)
    }

    /// Gives a series its column: a free one, or the first of a new panel.
    fn give_column(&mut self, series: SeriesId, entry: &mut Entry) -> Result<u32, Refusal> {
        if self.group.common.health.is_disk_full() {
            return Err(Refusal::StoreRefused);
        }
        self.wake_resting();
        let column = match self.free.pop() {
            Some(column) => column,
            None => self.add_panel()?,
        };
        let (number, inside) = locate(column);
        if (number as usize) < self.unscrubbed {
            self.scrub()?;
        }
        self.panels[number as usize].set_owner(inside, Some(series.0));
        entry.column = Some(column);
        let is_set = self.group.common.table.set(series, *entry);
        debug_assert!(is_set, "the series was defined, so its id fits the table");
        self.group.common.counters.series.fetch_add(1, Relaxed);
        Ok(column)
    }

    /// Makes the panels that were there at opening fit to give columns from.
    fn scrub(&mut self) -> Result<(), Refusal> {
        let health = &self.group.common.health;
        for panel in &self.panels[..self.unscrubbed] {
            let scrubbed = panel.scrub_free_columns().and_then(|()| panel.sync());
            scrubbed.map_err(|error| {
                health.judge(error);
                Refusal::StoreRefused
            })?;
        }
        self.unscrubbed = 0;
        Ok(())
    }

    fn add_panel(&mut self) -> Result<u32, Refusal> {
        let group = &self.group;
        let number = self.panels.len() as u32;
        let folder = group.archive_folder(0);
        let panel = Panel::create(group.disk(), &folder, number, group.step(0));
        let panel = panel.map_err(|error| {
            group.common.health.judge(error);
            Refusal::StoreRefused
        })?;
        let first = first_column(number);
        self.free
            .extend((first + 1..first + panel.header().columns).rev());
        self.panels.push(Arc::new(panel));
        group.panels.store(Arc::new(self.panels.clone()));
        Ok(first)
    }

    fn store_in_row(&self, column: u32, slot: i64, value: f64) -> Result<(), Refusal> {
        let (number, inside) = locate(column);
        let panel = &self.panels[number as usize];
        let row = panel.row(slot);
        if !panel.is_reserved(row) {
            panel.reserve(row).map_err(|error| {
                self.group.common.health.judge(error);
                Refusal::StoreRefused
            })?;
        }
        panel.store(row, inside, value);
        Ok(())
    }

    /// Columns that rested through a whole sync may be given again, and before those that never were:
    /// the rows of full panels are the denser ones.
    fn wake_resting(&mut self) {
        while let Some(&(column, mark)) = self.resting.front() {
            if !self.group.is_synced(mark) {
                return;
            }
            self.resting.pop_front();
            self.free.push(column);
        }
    }

    /// Takes back columns that had no point in a whole window. True when more wait.
    fn take_back_idle(&mut self) -> bool {
        let mut idle = self.group.idle_columns.lock();
        let first = idle.len().saturating_sub(IDLE_CHECKS_MAX);
        let columns: Vec<u32> = idle.drain(first..).collect();
        let more = !idle.is_empty();
        drop(idle);
        for column in columns {
            self.take_back_if_empty(column);
        }
        more
    }

    fn take_back_if_empty(&mut self, column: u32) {
        let (number, inside) = locate(column);
        let panel = &self.panels[number as usize];
        let Ok(Some(owner)) = panel.owner(inside) else {
            return;
        };
        if !panel.is_column_empty(inside) {
            return;
        }
        let table = &self.group.common.table;
        let mut entry = table.get(SeriesId(owner));
        if entry.group.is_none() {
            // The series is gone: its column is being cleared, and freed then.
            return;
        }
        if entry.column == Some(column) && entry.group == Some(self.group.place.number) {
            entry.column = None;
            let is_set = table.set(SeriesId(owner), entry);
            debug_assert!(is_set, "an owner's id fits the table");
        }
        panel.set_owner(inside, None);
        self.resting.push_back((column, self.group.sync_mark()));
    }
}

impl ShardWriter for Writer {
    fn define(&mut self, series: &SeriesDefinition) -> Result<(), StoreError> {
        let table = &self.shared.common.table;
        let former = table.get(series.id);
        let mut entry = former;
        let is_new = entry.group.is_none() && !self.is_loading;
        if is_new && self.shared.common.health.is_disk_full() {
            return Err(self.shared.full_disk());
        }
        let group = self.group_number(&series.retention)?;
        let rollup = self.rollup_number(series.rollup)?;
        if entry.group != Some(group) {
            entry.group = Some(group);
            entry.column = None;
        }
        entry.rollup = Some(rollup);
        if self.shared.common.table.set(series.id, entry) {
            if entry != former {
                self.shared.common.changes.note(series.id);
            }
            return Ok(());
        }
        Err(StoreError::Io {
            path: self.shared.common.folder.clone(),
            action: "make room for another series",
            source: std::io::Error::other(format!("at most {SERIES_MAX} series")),
        })
    }

    #[inline]
    fn store(
        &mut self,
        series: SeriesId,
        timestamp: i64,
        value: f64,
        now: i64,
    ) -> Result<(), Refusal> {
        let common = &self.shared.common;
        let entry = common.table.get(series);
        let number = entry.group.map_or(usize::MAX, usize::from);
        let Some(Some(writer)) = self.groups.get_mut(number) else {
            return Err(Refusal::StoreRefused);
        };
        let trusted = match now > self.clock.latest() {
            true => self.clock.hear(now, Some((series, timestamp))),
            false => now,
        };
        if trusted > writer.now {
            writer.turn_to(trusted);
        }
        let slot = writer.slot_of(timestamp);
        let is_direct = slot >= writer.direct_from && slot < writer.high;
        if let Some(column) = entry.column
            && is_direct
            && !value.is_nan()
            && !common.health.is_poisoned()
        {
            let (number, inside) = locate(column);
            let panel = &writer.panels[number as usize];
            let row = panel.row(slot);
            if panel.is_reserved(row) {
                panel.store(row, inside, value);
                self.stored += 1;
                return Ok(());
            }
        }
        match self.store_slowly(series, timestamp, value, trusted) {
            // Whether the clock is right is still open: the point waits for the answer.
            Err(Refusal::TooFarInFuture) if self.clock.is_asking() && timestamp <= now => {
                Err(Refusal::StoreRefused)
            }
            done => done,
        }
    }

    fn takes_new_series(&self) -> Result<(), StoreError> {
        match self.shared.common.health.is_disk_full() {
            true => Err(self.shared.full_disk()),
            false => Ok(()),
        }
    }

    fn forget(&mut self, series: &[SeriesId]) {
        self.forget_all(series);
    }

    fn maintain(&mut self, now: i64, budget: Duration) -> Result<Maintenance, StoreError> {
        let started = Instant::now();
        if std::mem::take(&mut self.is_loading) {
            self.find_orphans();
        }
        let counters = &self.shared.common.counters;
        counters
            .points
            .fetch_add(std::mem::take(&mut self.stored), Relaxed);
        let now = self.clock.hear(now, None);
        let mut more = false;
        for writer in self.groups.iter_mut().flatten() {
            if now > writer.now {
                writer.turn_to(now);
            }
            if started.elapsed() < budget {
                more |= writer.take_back_idle();
                more |= writer.clear_columns(started + budget);
            } else {
                more = true;
            }
        }
        self.shared.follow(self.shard, now);
        let stall = started.elapsed().as_micros() as u64;
        counters.stall_us.fetch_max(stall, Relaxed);
        self.shared.common.health.check()?;
        Ok(if more {
            Maintenance::Pending
        } else {
            Maintenance::Idle
        })
    }
}

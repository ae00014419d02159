//! Storing a late point: into the late table, and on into the coarser archives where that cannot wait.
//!
//! A late point's coarse windows are mostly left to be computed when they are read, and rolled up at
//! the flush: the values are the same. Not so for an *aged* window, which has begun to leave the
//! finer archive. In a Whisper file some of its fine slots are overwritten by then, and points so
//! old that they skip the finer archive write to its coarse slot directly; the last of these wins.
//! There the coarse value is worked out at once, as Whisper does, and stored as a late point itself.
//!
//! Threads: the shard's writer.

use super::group::Group;
use super::late::{Appended, LatePoint, LogPlace};
use super::read::Slots;
use crate::metric::{Rollup, SeriesId};
use crate::storage::StoreError;

impl Group {
    /// Stores a late point of one archive.
    ///
    /// # Errors
    /// When the log cannot be written, or its table cannot be flushed to make room.
    pub(super) fn store_late(
        &self,
        series: SeriesId,
        rollup: Rollup,
        point: LatePoint,
        now: i64,
    ) -> Result<(), StoreError> {
        let mut point = point;
        loop {
            let archive = point.archive();
            if point.slot() >= self.layout.aged_before(archive, now) {
                return self.append_or_flush(series, point, now);
            }
            let layouts = self.layout.archives();
            let time = point.slot() * layouts[archive].step;
            let window = Slots {
                archive: archive + 1,
                first: time.div_euclid(layouts[archive + 1].step),
                count: 1,
            };
            let former = self.read(series, rollup, window)[0];
            self.append_or_flush(series, point, now)?;
            let fine = self.window_as_whisper(series, rollup, window);
            let computed = rollup.method.roll_up(&fine, rollup.x_files_factor);
            let value = computed.unwrap_or(former);
            if value.is_nan() && self.read(series, rollup, window)[0].is_nan() {
                return Ok(());
            }
            // A NaN here says that the slot has no value though enough finer ones are known by now.
            point = LatePoint::new(archive + 1, window.first, value);
            if computed.is_none() {
                return self.append_or_flush(series, point, now);
            }
        }
    }

    /// The finer slots of a coarse window as a Whisper file would have them: a slot is lost once the
    /// one that takes its place in the next round of the archive has a value.
    fn window_as_whisper(&self, series: SeriesId, rollup: Rollup, window: Slots) -> Vec<f64> {
        let layouts = self.layout.archives();
        let (finer, coarse) = (layouts[window.archive - 1], layouts[window.archive]);
        let ratio = coarse.step / finer.step;
        let slots = Slots {
            archive: window.archive - 1,
            first: window.first * ratio,
            count: ratio as usize,
        };
        let mut values = self.read(series, rollup, slots);
        let next_round = Slots {
            first: slots.first + finer.retention / finer.step,
            ..slots
        };
        let overwriting = self.read(series, rollup, next_round);
        for (value, next) in values.iter_mut().zip(overwriting) {
            if !next.is_nan() {
                *value = f64::NAN;
            }
        }
        values
    }

    /// Late points that are let be: half a table, or less while all groups together have many.
    pub(super) fn late_points_calm(&self) -> usize {
        let half = self.common.late_records / 2;
        half.min(self.common.late_budget.share(2))
    }

    /// Appends to log and table, and flushes when there is no room.
    ///
    /// # Errors
    /// When the log cannot be written, or its table cannot be flushed to make room.
    pub(super) fn append_or_flush(
        &self,
        series: SeriesId,
        point: LatePoint,
        now: i64,
    ) -> Result<(), StoreError> {
        let mut count = usize::MAX;
        // What a flush carries over stays: once nothing else is left, another would change nothing.
        while self.late.count() < count && self.late.count() > self.common.late_budget.share(1) {
            // Others may hold more, but each shard that adds to it sees to its own.
            self.common.health.check()?;
            count = self.late.count();
            self.late.freeze_when_due(now, i64::MIN, 0);
            self.flush(&mut self.work.lock())?;
        }
        while self.append_late(series, point, now)? == Appended::Full {
            // The flush did not keep up: waiting for it is what slows the senders down.
            self.common.health.check()?;
            self.flush(&mut self.work.lock())?;
        }
        Ok(())
    }

    /// Where the late log is.
    pub(super) fn log(&self) -> LogPlace<'_> {
        LogPlace {
            disk: self.disk(),
            folder: &self.folder,
            records: self.common.late_records,
        }
    }

    /// Appends to log and table, if there is room.
    fn append_late(
        &self,
        series: SeriesId,
        point: LatePoint,
        now: i64,
    ) -> Result<Appended, StoreError> {
        let record = point.record(series.0);
        let appended = self.late.append(self.log(), &record, now);
        self.common.changes.note(series);
        appended.map_err(|error| self.common.health.judge(error))
    }
}

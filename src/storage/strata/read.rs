//! Reading: one series, one archive, a range of slots; from blocks, ring and what is computed.
//!
//! `Store::fetch` chooses archive and range and asks here. The order in which sources cover one
//! another: base blocks, the ring, patches, late points. Slots of a coarse archive that were not
//! rolled up yet are computed from the finer one, so that the newest coarse point is there at once;
//! and so are those that late points of a finer archive fall in. Whisper rolls up at every update, so
//! what it holds is what a computation from the current finer values gives, or, where too few of
//! those are known, what the slot held before.
//!
//! Threads: any. Nothing is locked: a read takes a view, and takes another one should rows have been
//! sealed or a column have changed hands meanwhile.

use std::sync::Arc;
use std::sync::atomic::{Ordering::Acquire, fence};

use plumbago_storage_format::ring::locate;

use super::block::{self, Block};
use super::group::Group;
use super::late::LatePoint;
use super::view::{ArchiveView, View};
use crate::metric::{Rollup, SeriesId};
use crate::storage::StoreError;

/// What is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slots {
    /// The archive, 0 = finest.
    pub(super) archive: usize,
    /// The first slot.
    pub(super) first: i64,
    /// How many.
    pub(super) count: usize,
}

impl Group {
    /// The values of a series, NaN where there is none.
    pub(super) fn read(&self, series: SeriesId, rollup: Rollup, slots: Slots) -> Vec<f64> {
        loop {
            if let Some(values) = self.read_once(series, rollup, slots) {
                return values;
            }
        }
    }

    /// As [`Group::read`], for who is about to write where nothing is.
    ///
    /// # Errors
    /// When a block could not be read this time: what it holds is not lost. What a damaged or missing one
    /// held is, and is passed over.
    pub(super) fn read_or_fail(
        &self,
        series: SeriesId,
        rollup: Rollup,
        slots: Slots,
    ) -> Result<Vec<f64>, StoreError> {
        loop {
            if let Some((values, failure)) = self.attempt(series, rollup, slots) {
                return failure.map_or(Ok(values), Err);
            }
        }
    }

    /// One attempt at [`Group::read`]. `None` when rows were sealed or the column changed hands
    /// meanwhile, so that what was loaded may be of another slot or series, or when blocks were replaced.
    pub(super) fn read_once(
        &self,
        series: SeriesId,
        rollup: Rollup,
        slots: Slots,
    ) -> Option<Vec<f64>> {
        self.attempt(series, rollup, slots)
            .map(|(values, _)| values)
    }

    /// See [`Group::read_once`]; with the first block that could not be read this time.
    fn attempt(
        &self,
        series: SeriesId,
        rollup: Rollup,
        slots: Slots,
    ) -> Option<(Vec<f64>, Option<StoreError>)> {
        // Before the view: points that a flush takes from the table are then in the view's patches.
        let step = self.layout.archives()[slots.archive].step;
        let (from_s, end_s) = (
            slots.first * step,
            (slots.first + slots.count as i64) * step,
        );
        let late = self.late_points(series, slots.archive, from_s, end_s);
        let view = self.view.load_full();
        let mut reader = SeriesReader {
            group: self,
            view: &view,
            series,
            column: self.common.table.get(series).column,
            rollup,
            late: &late,
            scratch: Vec::new(),
            failure: None,
            is_stale: false,
        };
        let values = reader.archive(slots);
        if reader.is_stale {
            return None;
        }
        // The loads above stay above the checks below: seen unmoved, `low` says that no row was
        // cleared under them, and the owner that the column is still this series'.
        fence(Acquire);
        let is_current = self.current_low() == view.low && reader.owns_column();
        is_current.then_some((values, reader.failure))
    }

    /// Remembers that a block of a view cannot be read. False when the view is no longer the newest: a
    /// merge or retention may have removed the file, always after publishing the view without it.
    pub(super) fn note_unreadable(&self, view: &View, error: &StoreError) -> bool {
        let is_current = std::ptr::eq(view, Arc::as_ptr(&self.view.load_full()));
        if is_current {
            self.common.health.note_unreadable(error);
        }
        is_current
    }

    /// The late points of a series, up to an archive, whose times lie in `from_s .. end_s`.
    pub(super) fn late_points(
        &self,
        series: SeriesId,
        archive: usize,
        from_s: i64,
        end_s: i64,
    ) -> Vec<LatePoint> {
        let layouts = self.layout.archives();
        self.late.points_of(series.0, |point| {
            let time = point.slot() * layouts[point.archive()].step;
            point.archive() <= archive && (from_s..end_s).contains(&time)
        })
    }
}

/// Reads one series from one view.
pub(super) struct SeriesReader<'a> {
    pub(super) group: &'a Group,
    pub(super) view: &'a View,
    pub(super) series: SeriesId,
    /// Its column in the ring; `None` leaves the ring out.
    pub(super) column: Option<u32>,
    pub(super) rollup: Rollup,
    /// Its late points in the order they came; `&[]` leaves them out.
    pub(super) late: &'a [LatePoint],
    pub(super) scratch: Vec<f64>,
    /// The first block that could not be read, though nothing says that it is lost.
    pub(super) failure: Option<StoreError>,
    /// A block of the view is gone because a newer view has another in its place: what was read is of
    /// no use. Never so for the holder of `work`.
    pub(super) is_stale: bool,
}

impl SeriesReader<'_> {
    fn owns_column(&self) -> bool {
        let Some((number, column)) = self.column.map(locate) else {
            return true;
        };
        let panels = self.group.panels.load();
        let owner = panels.get(number as usize).map(|panel| panel.owner(column));
        // A damaged word will not mend by reading again.
        !matches!(owner, Some(Ok(owner)) if owner != Some(self.series.0))
    }

    /// The values of a range of one archive.
    pub(super) fn archive(&mut self, slots: Slots) -> Vec<f64> {
        let mut values = vec![f64::NAN; slots.count];
        let view = self.view;
        let Some(archive) = view.archives.get(slots.archive) else {
            return values;
        };
        let end = slots.first + slots.count as i64;
        self.overlay(archive.bases(slots.first, end), slots.first, &mut values);
        if slots.archive == 0 {
            self.overlay_ring(slots.first, &mut values);
        }
        self.overlay(archive.patches(), slots.first, &mut values);
        if slots.archive > 0 {
            self.compute_tail(archive, slots, &mut values);
            self.compute_pending(slots, &mut values);
        }
        for point in self
            .late
            .iter()
            .filter(|point| point.archive() == slots.archive)
        {
            let at = usize::try_from(point.slot() - slots.first);
            if let Some(slot) = at.ok().and_then(|at| values.get_mut(at)) {
                *slot = point.value;
            }
        }
        values
    }

    /// The slots of a coarse archive in `first .. end` that finer late points fall in, ascending,
    /// without those that have a late value of their own: it was stored or computed after them. A
    /// point that says that a slot has no value rolls nothing up.
    pub(super) fn pending_windows(&self, archive: usize, first: i64, end: i64) -> Vec<i64> {
        let layouts = self.group.layout.archives();
        let step = layouts[archive].step;
        let (mut windows, mut own) = (Vec::new(), Vec::new());
        for point in self.late {
            let window = (point.slot() * layouts[point.archive()].step).div_euclid(step);
            if point.archive() > archive || !(first..end).contains(&window) {
                continue;
            }
            if point.archive() == archive {
                own.push(window);
            } else if !point.value.is_nan() && windows.last() != Some(&window) {
                windows.push(window);
            }
        }
        windows.sort_unstable();
        windows.dedup();
        own.sort_unstable();
        windows.retain(|window| own.binary_search(window).is_err());
        windows
    }

    fn compute_pending(&mut self, slots: Slots, values: &mut [f64]) {
        let end = slots.first + slots.count as i64;
        let windows = self.pending_windows(slots.archive, slots.first, end);
        for run in windows.chunk_by(|one, next| one + 1 == *next) {
            let computed = self.roll_up(slots.archive, run[0], run.len());
            for (window, value) in run.iter().zip(computed) {
                if !value.is_nan() {
                    values[(window - slots.first) as usize] = value;
                }
            }
        }
    }

    fn overlay(&mut self, blocks: &[Arc<Block>], first: i64, values: &mut [f64]) {
        let end = first + values.len() as i64;
        for block in blocks.iter().filter(|block| block.overlaps(first, end)) {
            let read = block.overlay(self.series.0, first, values, &mut self.scratch);
            if let Err(error) = read {
                if !self.group.note_unreadable(self.view, &error) {
                    self.is_stale = true;
                    return;
                }
                if block::may_be_readable_later(&error) {
                    self.failure.get_or_insert(error);
                }
            }
        }
    }

    fn overlay_ring(&self, first: i64, values: &mut [f64]) {
        let Some((number, column)) = self.column.map(locate) else {
            return;
        };
        let panels = self.group.panels.load();
        let Some(panel) = panels.get(number as usize) else {
            return;
        };
        let end = (first + values.len() as i64).min(self.view.end);
        for slot in first.max(self.view.low)..end {
            let value = panel.load(panel.row(slot), column);
            if !value.is_nan() {
                values[(slot - first) as usize] = value;
            }
        }
    }

    /// Computes the slots that nothing has been rolled up into yet.
    fn compute_tail(&mut self, archive: &ArchiveView, slots: Slots, values: &mut [f64]) {
        let end = slots.first + slots.count as i64;
        let from = slots.first.max(archive.rolled);
        if from >= end {
            return;
        }
        let computed = self.roll_up(slots.archive, from, (end - from) as usize);
        let tail = &mut values[(from - slots.first) as usize..];
        for (slot, value) in tail.iter_mut().zip(computed) {
            if slot.is_nan() {
                *slot = value;
            }
        }
    }

    /// Rolls the finer archive up into slots of a coarse one, NaN where the factor is not reached.
    pub(super) fn roll_up(&mut self, archive: usize, first: i64, count: usize) -> Vec<f64> {
        let layouts = self.group.layout.archives();
        let ratio = layouts[archive].step / layouts[archive - 1].step;
        let fine = self.archive(Slots {
            archive: archive - 1,
            first: first * ratio,
            count: count * ratio as usize,
        });
        let Rollup {
            method,
            x_files_factor,
        } = self.rollup;
        fine.chunks_exact(ratio as usize)
            .map(|window| method.roll_up(window, x_files_factor).unwrap_or(f64::NAN))
            .collect()
    }
}

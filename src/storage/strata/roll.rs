//! Rolling up and retention: what follows when spans have been sealed.
//!
//! A coarse span is rolled up once the finer archive is complete beyond it; until then reads compute
//! it. Blocks whose time is over leave, oldest first, once no coarse span needs them.
//!
//! Threads: under the group's `work` lock, as `seal`.

use std::sync::Arc;

use plumbago_storage_format::manifest::{BlockEntry, Manifest};

use super::block::{self, Block};
use super::group::{Group, Work};
use super::late::LatePoint;
use super::read::SeriesReader;
use super::seal::BlockOutput;
use crate::metric::SeriesId;
use crate::storage::StoreError;

impl Group {
    /// Rolls up one span of one archive that is complete in the finer one. False when there is none.
    ///
    /// # Errors
    /// As [`Group::seal`].
    pub(super) fn roll(&self, work: &mut Work) -> Result<bool, StoreError> {
        for archive in 1..self.layout.archives().len() {
            if self.roll_archive(work, archive)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn roll_archive(&self, work: &mut Work, archive: usize) -> Result<bool, StoreError> {
        let Some(mut next) = work.manifest.clone() else {
            return Ok(false);
        };
        let [finer, coarse] = [archive - 1, archive].map(|at| self.layout.archives()[at]);
        let complete_s = match archive {
            1 => next.low * finer.step,
            _ => next.archives[archive - 1].rolled * finer.step,
        };
        let first = next.archives[archive].rolled;
        let end = first + coarse.span;
        if end * coarse.step > complete_s {
            return Ok(false);
        }
        let view = self.view.load_full();
        let fine = first * coarse.step / finer.step..end * coarse.step / finer.step;
        let sources: Vec<&Arc<Block>> = view.archives[archive - 1]
            .blocks
            .iter()
            .filter(|block| block.overlaps(fine.start, fine.end))
            .collect();
        let mut fresh = Vec::new();
        if sources.is_empty() {
            // Nothing up to the oldest block that is left: leap there.
            let blocks = view.archives[archive - 1].blocks.iter();
            let oldest = blocks
                .filter(|block| block.end_slot() > fine.start)
                .map(|block| block.entry().first_slot * finer.step)
                .min();
            let target_s = oldest.unwrap_or(complete_s).min(complete_s);
            let spans = (target_s / coarse.step - first) / coarse.span;
            next.archives[archive].rolled = first + spans.max(1) * coarse.span;
        } else {
            fresh = self.roll_span(work, archive, first, &sources)?;
            let entries = fresh.iter().map(|block| *block.entry());
            next.archives[archive].blocks.extend(entries);
            next.archives[archive].rolled = end;
        }
        self.commit(work, next, fresh)?;
        Ok(true)
    }

    fn roll_span(
        &self,
        work: &mut Work,
        archive: usize,
        first: i64,
        sources: &[&Arc<Block>],
    ) -> Result<Vec<Arc<Block>>, StoreError> {
        let mut ids = Vec::new();
        for block in sources {
            if let Err(error) = block.collect_ids(&mut ids) {
                self.common.health.note_unreadable(&error);
            }
        }
        ids.sort_unstable();
        ids.dedup();
        let view = self.view.load_full();
        let span = self.layout.archives()[archive].span;
        let mut output = BlockOutput::base(archive, first, span as u32);
        let mut blocks = Vec::new();
        for id in ids {
            let series = SeriesId(id);
            let Some(rollup) = self.common.rollup_of(series) else {
                // The catalog no longer knows the series: nobody can ask for it.
                continue;
            };
            let mut reader = SeriesReader {
                group: self,
                view: &view,
                series,
                column: None,
                rollup,
                late: &[],
                scratch: Vec::new(),
                failure: None,
                is_stale: false,
            };
            let mut values = reader.roll_up(archive, first, span as usize);
            self.keep_absent(series, archive, first, &mut values);
            let generation = &mut work.next_generation;
            output.push(self, generation, id, &values, &mut blocks)?;
        }
        output.finish(self, &mut blocks)?;
        Ok(blocks)
    }

    /// Takes out the windows of which a late point says that they have no value.
    fn keep_absent(&self, series: SeriesId, archive: usize, first: i64, values: &mut [f64]) {
        let says_absent = |point: LatePoint| point.archive() == archive && point.value.is_nan();
        for point in self.late.points_of(series.0, says_absent) {
            let at = usize::try_from(point.slot() - first);
            if let Some(value) = at.ok().and_then(|at| values.get_mut(at)) {
                *value = f64::NAN;
            }
        }
    }

    /// Removes the blocks whose time is over. False when there are none.
    ///
    /// # Errors
    /// When the manifest, or a patch that must come before, cannot be written.
    pub(super) fn retire(&self, work: &mut Work, now: i64) -> Result<bool, StoreError> {
        if self.expired(work, now).is_empty() {
            return Ok(false);
        }
        // Coarse windows of waiting late points are rolled up from what is about to leave. Points that
        // come from here on reach back no further than the horizon does. Twice: for the table that
        // may be frozen already, and for the one behind it.
        for _ in 0..2 {
            self.late.freeze_when_due(now, i64::MIN, 0);
            self.flush(work)?;
        }
        let gone = self.expired(work, now);
        let Some(mut next) = work.manifest.clone() else {
            return Ok(false);
        };
        for (archive, entry) in &gone {
            next.archives[*archive]
                .blocks
                .retain(|block| block != entry);
        }
        self.commit(work, next, Vec::new())?;
        for (archive, entry) in gone {
            self.remove_block(archive, &entry);
        }
        Ok(true)
    }

    fn expired(&self, work: &Work, now: i64) -> Vec<(usize, BlockEntry)> {
        let Some(manifest) = &work.manifest else {
            return Vec::new();
        };
        let archives = manifest.archives.iter().enumerate();
        let expired = archives.flat_map(|(archive, state)| {
            let horizon = self.horizon(manifest, archive, now);
            let blocks = state.blocks.iter();
            let over =
                move |block: &&BlockEntry| block.first_slot + i64::from(block.slots) <= horizon;
            blocks.filter(over).map(move |block| (archive, *block))
        });
        expired.collect()
    }

    /// Removes the file of a block that the manifest no longer names.
    pub(super) fn remove_block(&self, archive: usize, entry: &BlockEntry) {
        let path = self.archive_folder(archive).join(block::file_name(entry));
        // What cannot be removed now is swept at the next opening.
        let _ = self.disk().remove(&path);
    }

    /// Slots before this one are of no more use to an archive: they fell out of its retention, and
    /// every coarse slot that they belong to was rolled up and is no longer written to through them.
    fn horizon(&self, manifest: &Manifest, archive: usize, now: i64) -> i64 {
        let layouts = self.layout.archives();
        let this = layouts[archive];
        let oldest_s = now - this.retention;
        let horizon_s = match (layouts.get(archive + 1), manifest.archives.get(archive + 1)) {
            (Some(coarser), Some(state)) => {
                (oldest_s - coarser.step).min(state.rolled * coarser.step)
            }
            _ => oldest_s,
        };
        horizon_s.div_euclid(this.step)
    }
}

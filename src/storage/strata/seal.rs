//! Sealing: a span of the ring that the clock has left behind becomes blocks, then its rows are
//! cleared for the slots to come.
//!
//! The writer moves `open` first, so nobody stores to the rows meanwhile. Then, each step durable
//! before the next: block files, manifest with the new `low`, cleared rows, manifest with the new
//! `cleared`. `ring.md` says what a crash between any two of them leaves.
//!
//! Threads: under the group's `work` lock, on a background thread or, where there is none, on the
//! shard's worker.

use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use plumbago_storage_format::block::Writer;
use plumbago_storage_format::manifest::{BlockEntry, Manifest};
use plumbago_storage_format::ring::{first_column, locate};

use super::block::{self, BLOCK_BYTES, Block};
use super::disk::failed;
use super::group::{Group, Work};
use super::layout::{ROW_SLOTS, SPAN_SLOTS, align_down};
use super::panel::Panel;
use crate::storage::StoreError;

/// Neighbouring columns that are read together: the eight cells of a cache line.
const TILE: usize = 8;

impl Group {
    /// Seals the oldest span that is behind `open`. False when there is none.
    ///
    /// # Errors
    /// When a file cannot be written. A full disk leaves all as it was, to be tried again.
    pub(super) fn seal(&self, work: &mut Work) -> Result<bool, StoreError> {
        let Some(manifest) = work.manifest.clone() else {
            return Ok(false);
        };
        if manifest.cleared < manifest.low {
            self.clear(work, manifest)?;
            return Ok(true);
        }
        let open = self.open.load(Acquire);
        let low = manifest.low;
        if low >= open {
            return Ok(false);
        }
        let mut next = manifest;
        let mut fresh = Vec::new();
        if low >= self.high_water.load(Acquire) {
            // The clock leapt over slots that were never open: there is nothing in them.
            next.low = open;
        } else {
            next.low = (align_down(low, SPAN_SLOTS) + SPAN_SLOTS).min(open);
            let slots = (next.low - low) as u32;
            fresh = self.seal_span(work, low, slots)?;
            let entries = fresh.iter().map(|block| *block.entry());
            next.archives[0].blocks.extend(entries);
        }
        self.commit(work, next, fresh)?;
        Ok(true)
    }

    /// Clears the rows of what was sealed, durably, and so makes room for the slots to come.
    fn clear(&self, work: &mut Work, mut next: Manifest) -> Result<(), StoreError> {
        self.clear_rows(next.cleared, next.low)
            .map_err(|error| self.common.health.judge(error))?;
        next.cleared = next.low;
        let cleared = next.cleared;
        self.commit(work, next, Vec::new())?;
        self.cleared.store(cleared, Release);
        Ok(())
    }

    /// Writes the blocks of the ring's slots `first .. first + slots`.
    fn seal_span(
        &self,
        work: &mut Work,
        first: i64,
        slots: u32,
    ) -> Result<Vec<Arc<Block>>, StoreError> {
        let panels = self.panels.load_full();
        let mut columns = owned_columns(&panels)?;
        // A series that is gone has no use for a block; its column is being cleared.
        columns.retain(|&(owner, _)| self.common.is_known(owner));
        columns.sort_unstable();
        let mut tiles = Tiles::new(&panels, first, slots);
        let mut idle = Vec::new();
        let mut blocks = Vec::new();
        let mut output = BlockOutput::base(0, first, slots);
        let mut merged = Vec::new();
        for same_series in columns.chunk_by(|one, other| one.0 == other.0) {
            merged.clear();
            merged.resize(slots as usize, f64::NAN);
            for &(_, column) in same_series {
                let is_idle = !tiles.overlay(column, &mut merged);
                if is_idle || same_series.len() > 1 {
                    idle.push(column);
                }
            }
            let (id, generation) = (same_series[0].0, &mut work.next_generation);
            output.push(self, generation, id, &merged, &mut blocks)?;
        }
        output.finish(self, &mut blocks)?;
        *self.idle_columns.lock() = idle;
        Ok(blocks)
    }
}

/// Every taken column: whose it is, and the ring's number of it.
fn owned_columns(panels: &[Arc<Panel>]) -> Result<Vec<(u32, u32)>, StoreError> {
    let mut columns = Vec::new();
    for (number, panel) in panels.iter().enumerate() {
        for column in 0..panel.header().columns {
            if let Some(owner) = panel.owner(column)? {
                columns.push((owner, first_column(number as u32) + column));
            }
        }
    }
    Ok(columns)
}

/// Turns time-major rows into series, a cache line of columns at a time.
struct Tiles<'a> {
    panels: &'a [Arc<Panel>],
    first: i64,
    slots: usize,
    /// The panel and the first column of what `values` holds.
    held: Option<(u32, usize)>,
    values: Vec<f64>,
}

impl<'a> Tiles<'a> {
    fn new(panels: &'a [Arc<Panel>], first: i64, slots: u32) -> Self {
        assert!(i64::from(slots) <= ROW_SLOTS, "a span has a row a slot");
        Self {
            panels,
            first,
            slots: slots as usize,
            held: None,
            values: vec![f64::NAN; slots as usize * TILE],
        }
    }

    /// Lays a column's values over `out`; false when it has none.
    fn overlay(&mut self, column: u32, out: &mut [f64]) -> bool {
        let (panel, column) = locate(column);
        let start = column as usize / TILE * TILE;
        if self.held != Some((panel, start)) {
            self.turn(panel, start);
        }
        let series = &self.values[(column as usize - start) * self.slots..][..self.slots];
        let mut has_values = false;
        for (slot, value) in out.iter_mut().zip(series) {
            if !value.is_nan() {
                *slot = *value;
                has_values = true;
            }
        }
        has_values
    }

    fn turn(&mut self, number: u32, start: usize) {
        let panel = &self.panels[number as usize];
        for slot in 0..self.slots {
            let row = panel.row(self.first + slot as i64);
            for offset in 0..TILE {
                self.values[offset * self.slots + slot] = panel.load(row, (start + offset) as u32);
            }
        }
        self.held = Some((number, start));
    }
}

/// Writes series in the order of their ids into block files of at most a stripe each.
#[derive(Debug)]
pub(super) struct BlockOutput {
    archive: usize,
    first: i64,
    slots: u32,
    is_patch: bool,
    writer: Option<(BlockEntry, Writer)>,
}

impl BlockOutput {
    /// An output for base blocks.
    pub(super) fn base(archive: usize, first: i64, slots: u32) -> Self {
        Self {
            archive,
            first,
            slots,
            is_patch: false,
            writer: None,
        }
    }

    /// An output for patches.
    pub(super) fn patch(archive: usize, first: i64, slots: u32) -> Self {
        Self {
            is_patch: true,
            ..Self::base(archive, first, slots)
        }
    }

    /// Adds a series; begins and ends files as need be.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub(super) fn push(
        &mut self,
        group: &Group,
        next_generation: &mut u64,
        series: u32,
        values: &[f64],
        blocks: &mut Vec<Arc<Block>>,
    ) -> Result<(), StoreError> {
        if values.iter().all(|value| value.is_nan()) {
            return Ok(());
        }
        let (_, writer) = self.writer.get_or_insert_with(|| {
            let entry = BlockEntry {
                is_patch: self.is_patch,
                generation: *next_generation,
                first_slot: self.first,
                slots: self.slots,
                bytes: 0,
            };
            *next_generation += 1;
            let place = group.block_place(self.archive);
            (
                entry,
                block::writer(&entry, place, group.step(self.archive)),
            )
        });
        writer.push(series, values);
        if writer.bytes_so_far() >= BLOCK_BYTES {
            self.finish(group, blocks)?;
        }
        Ok(())
    }

    /// About how many bytes of the open file are held in memory.
    pub(super) fn bytes_pending(&self) -> usize {
        let writer = self.writer.as_ref();
        writer.map_or(0, |(_, writer)| writer.bytes_so_far())
    }

    /// Ends the file that is open, if one is, and makes it durable.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn finish(
        &mut self,
        group: &Group,
        blocks: &mut Vec<Arc<Block>>,
    ) -> Result<(), StoreError> {
        let Some((mut entry, writer)) = self.writer.take() else {
            return Ok(());
        };
        let bytes = writer.finish();
        entry.bytes = bytes.len() as u64;
        let folder = group.archive_folder(self.archive);
        let path = folder.join(block::file_name(&entry));
        if let Err(error) = group.disk().write(&path, &bytes) {
            // Best effort: no manifest names it, so opening sweeps what stays.
            let _ = group.disk().remove(&path);
            return Err(group.common.health.judge(failed(&path, "write")(error)));
        }
        let synced = group.disk().sync_dir(&folder);
        synced.map_err(|error| {
            group
                .common
                .health
                .judge(failed(&folder, "sync folder")(error))
        })?;
        let counters = &group.common.counters;
        counters.blocks.fetch_add(1, Relaxed);
        blocks.push(Arc::new(group.block(self.archive, entry)));
        Ok(())
    }
}

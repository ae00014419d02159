//! A group: the series of one family in one shard, with their ring and their blocks.
//!
//! `recover` opens what is on disk, `writer` stores through its panels, `read` answers from a [`View`] of it, `seal` and `roll` move
//! its spans from ring to blocks. The manifest (`manifest.md`) is its durable state.
//!
//! Threads: the shard's writer stores and moves `open` and `high`; whoever holds `work` (a background
//! thread, or the writer where there is none) changes the manifest and publishes views; everyone
//! reads. A view is never changed, only replaced.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicI64, AtomicU64};

use arc_swap::ArcSwap;
use parking_lot::{Mutex, RwLock};
use plumbago_storage_format::block::Place;
use plumbago_storage_format::manifest::{ArchiveManifest, BlockEntry, Manifest};

use super::block::Block;
use super::disk::{Disk, failed};
use super::health::{Counters, Health};
use super::late::{Late, LateBudget};
use super::layout::{Layout, ROW_SLOTS, align_down};
use super::maps::Maps;
use super::panel::Panel;
use super::settled::Changes;
use super::table::SeriesTable;
use super::view::{ArchiveView, View};
use crate::metric::{Retention, Rollup, SeriesId};
use crate::storage::StoreError;

/// The file name of the manifest.
pub(super) const MANIFEST_FILE: &str = "manifest";

/// What all groups of a store share.
#[derive(Debug)]
pub(super) struct Common {
    pub(super) disk: Arc<dyn Disk>,
    /// The folder that holds the shards.
    pub(super) folder: PathBuf,
    pub(super) table: SeriesTable,
    /// Every rollup that any series has; the position is its number in the table.
    pub(super) rollups: RwLock<Vec<Rollup>>,
    pub(super) health: Health,
    pub(super) counters: Counters,
    /// The block files that are mapped.
    pub(super) maps: Arc<Maps>,
    /// How often slots changed that caches take for final.
    pub(super) changes: Changes,
    /// Seconds ahead of the clock that points may be.
    pub(super) future_window_s: i64,
    /// Records of a late segment.
    pub(super) late_records: usize,
    /// What the late points of all groups may take.
    pub(super) late_budget: Arc<LateBudget>,
    /// See [`TrustedClock`](super::clock::TrustedClock).
    pub(super) clock_votes: u32,
}

impl Common {
    /// True for a series that was defined and not forgotten. Once the writer of a shard is at work
    /// nobody can ask for its other series any more.
    pub(super) fn is_known(&self, series: u32) -> bool {
        self.table.get(SeriesId(series)).rollup.is_some()
    }

    /// The rollup of a series, once it was defined.
    pub(super) fn rollup_of(&self, series: SeriesId) -> Option<Rollup> {
        let number = self.table.get(series).rollup?;
        self.rollups.read().get(usize::from(number)).copied()
    }
}

/// Where a group belongs and what its series keep.
#[derive(Clone, Debug)]
pub(super) struct GroupPlace {
    pub(super) number: u16,
    pub(super) shard: u32,
    pub(super) family: u32,
    pub(super) retention: Arc<Retention>,
}

/// The series of one family in one shard.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) place: GroupPlace,
    pub(super) layout: Layout,
    pub(super) common: Arc<Common>,
    pub(super) folder: PathBuf,
    /// Changed by the writer alone, which adds panels at the end.
    pub(super) panels: ArcSwap<Vec<Arc<Panel>>>,
    pub(super) view: ArcSwap<View>,
    /// The published view's `low`. Set after the view and before rows are cleared, so a reader that
    /// finds it unmoved after its loads saw no row being cleared.
    low: AtomicI64,
    /// Stores below this slot no longer reach the ring. Set by the writer, read by `seal`.
    pub(super) open: AtomicI64,
    /// Rows of all slots before this one were cleared, durably. Set by `seal`, read by the writer.
    pub(super) cleared: AtomicI64,
    /// Slots at and after this one were never open. Set by the writer, read by `seal`.
    pub(super) high_water: AtomicI64,
    /// The structural state; its holder seals, rolls up, flushes and merges.
    pub(super) work: Mutex<Work>,
    /// Held while a merge runs, outside of `work`.
    pub(super) merging: Mutex<()>,
    /// Points that the ring could not take.
    pub(super) late: Late,
    /// Columns without a point in the span sealed last, for the writer to take back.
    pub(super) idle_columns: Mutex<Vec<u32>>,
    /// How often series were forgotten: blocks are looked through for them once a time.
    forgotten: AtomicU64,
    syncs_started: AtomicU64,
    syncs_done: AtomicU64,
    sync_lock: Mutex<()>,
}

/// What only the holder of a group's lock changes.
#[derive(Debug, Default)]
pub(super) struct Work {
    /// The manifest as it is on disk; `None` until the first point says what time it is.
    pub(super) manifest: Option<Manifest>,
    /// The number of the next block file. It may run ahead of the manifest's: a number that a failed
    /// step used is not used again.
    pub(super) next_generation: u64,
}

impl Group {
    /// Opens a group's folder, makes it if need be, and enters its columns in the table.
    ///
    /// # Errors
    /// When the folder cannot be read or made. Damaged files are set aside instead.
    pub(super) fn open(common: &Arc<Common>, place: GroupPlace) -> Result<Self, StoreError> {
        let shard = common.folder.join(format!("shard-{}", place.shard));
        let folder = shard.join(format!("family-{}", place.family));
        let layout = Layout::new(&place.retention);
        let mut group = Self {
            layout,
            common: Arc::clone(common),
            folder,
            panels: ArcSwap::default(),
            view: ArcSwap::from_pointee(View {
                low: i64::MIN,
                end: i64::MIN,
                archives: Vec::new(),
            }),
            low: AtomicI64::new(i64::MIN),
            open: AtomicI64::new(i64::MIN),
            cleared: AtomicI64::new(i64::MIN),
            high_water: AtomicI64::new(i64::MIN),
            work: Mutex::default(),
            merging: Mutex::new(()),
            late: Late::new(&common.late_budget),
            idle_columns: Mutex::default(),
            // Some may have been before it was opened.
            forgotten: AtomicU64::new(1),
            syncs_started: AtomicU64::new(0),
            syncs_done: AtomicU64::new(0),
            sync_lock: Mutex::new(()),
            place,
        };
        group.make_folders()?;
        let manifest = group.read_manifest()?;
        group.open_panels()?;
        if let Some(manifest) = manifest {
            group.adopt(manifest)?;
        }
        Ok(group)
    }

    /// The folder of an archive.
    pub(super) fn archive_folder(&self, archive: usize) -> PathBuf {
        self.folder.join(format!("archive-{archive}"))
    }

    /// The disk.
    pub(super) fn disk(&self) -> &dyn Disk {
        &*self.common.disk
    }

    /// Where the blocks of an archive say that they belong.
    pub(super) fn block_place(&self, archive: usize) -> Place {
        Place {
            shard: self.place.shard,
            family: self.place.family,
            archive: archive as u32,
        }
    }

    /// Seconds a slot of an archive, as the formats have it.
    pub(super) fn step(&self, archive: usize) -> u32 {
        self.place.retention.archives()[archive].step
    }

    fn make_folders(&self) -> Result<(), StoreError> {
        for archive in 0..self.layout.archives().len() {
            let folder = self.archive_folder(archive);
            let made = self.disk().create_dir(&folder);
            made.map_err(failed(&folder, "create folder"))?;
        }
        let mut folder = self.folder.as_path();
        loop {
            let synced = self.disk().sync_dir(folder);
            synced.map_err(failed(folder, "sync folder"))?;
            match folder.parent() {
                Some(parent) if folder != self.common.folder => folder = parent,
                _ => return Ok(()),
            }
        }
    }

    /// The window begins: called at the first point, when the group learns what time it is.
    ///
    /// # Errors
    /// When the manifest cannot be written.
    pub(super) fn begin(&self, now: i64) -> Result<(), StoreError> {
        let mut work = self.work.lock();
        if work.manifest.is_some() {
            return Ok(());
        }
        let low = self.layout.open_from(now);
        let low_s = low * self.layout.finest().step;
        let archives = self
            .layout
            .archives()
            .iter()
            .map(|archive| ArchiveManifest {
                rolled: align_down(low_s.div_euclid(archive.step), archive.span),
                blocks: Vec::new(),
            });
        let manifest = Manifest {
            low,
            cleared: low,
            late_from: 0,
            next_generation: 1,
            archives: archives.collect(),
        };
        self.write_manifest(&manifest)
            .map_err(|error| self.common.health.judge(error))?;
        work.next_generation = manifest.next_generation;
        self.open.store(low, Release);
        self.cleared.store(low, Release);
        self.publish(&manifest, Vec::new());
        work.manifest = Some(manifest);
        Ok(())
    }

    /// The first slot that stores may still reach in the ring.
    pub(super) fn open_slot(&self) -> i64 {
        self.open.load(Acquire)
    }

    /// True when a series may have points outside of blocks: in the ring or among the late ones.
    pub(super) fn has_unsealed(&self, series: SeriesId) -> bool {
        let column = self.common.table.get(series).column;
        column.is_some() || !self.late.points_of(series.0, |_| true).is_empty()
    }

    /// True once the group has a window.
    pub(super) fn has_window(&self) -> bool {
        self.open.load(Relaxed) != i64::MIN
    }

    pub(super) fn write_manifest(&self, manifest: &Manifest) -> Result<(), StoreError> {
        let path = self.folder.join(MANIFEST_FILE);
        self.disk().replace(&path, &manifest.encode())
    }

    /// Makes `next` the durable state, then the visible one. `work` is this group's, locked.
    ///
    /// # Errors
    /// When the manifest cannot be written; the state is then as before, or the store is poisoned.
    pub(super) fn commit(
        &self,
        work: &mut Work,
        mut next: Manifest,
        fresh: Vec<Arc<Block>>,
    ) -> Result<(), StoreError> {
        next.next_generation = work.next_generation;
        self.write_manifest(&next)
            .map_err(|error| self.common.health.judge(error))?;
        self.publish(&next, fresh);
        work.manifest = Some(next);
        Ok(())
    }

    /// Replaces the view. Blocks that both the old view and the manifest have are carried over.
    pub(super) fn publish(&self, manifest: &Manifest, fresh: Vec<Arc<Block>>) {
        let former = self.view.load();
        let known = former.archives.iter().flat_map(|archive| &archive.blocks);
        // A generation is unique in the group, whatever the archive.
        let known: HashMap<u64, &Arc<Block>> = known
            .chain(&fresh)
            .map(|block| (block.entry().generation, block))
            .collect();
        let archives = manifest.archives.iter().enumerate();
        let archives = archives.map(|(archive, state)| {
            let block = |entry: &BlockEntry| match known.get(&entry.generation) {
                Some(block) => Arc::clone(block),
                None => Arc::new(self.block(archive, *entry)),
            };
            ArchiveView::new(state.rolled, state.blocks.iter().map(block).collect())
        });
        let view = View {
            low: manifest.low,
            end: manifest.cleared + ROW_SLOTS,
            archives: archives.collect(),
        };
        self.view.store(Arc::new(view));
        // Release: whoever sees the new `low` finds the view that goes with it.
        self.low.store(manifest.low, Release);
    }

    /// The block file of an entry.
    pub(super) fn block(&self, archive: usize, entry: BlockEntry) -> Block {
        let (folder, place) = (self.archive_folder(archive), self.block_place(archive));
        let common = &self.common;
        let step = self.step(archive);
        Block::new(&common.disk, &common.maps, &folder, entry, place, step)
    }

    /// The `low` of the newest view, see [`Group::low`](struct.Group.html).
    pub(super) fn current_low(&self) -> i64 {
        self.low.load(Acquire)
    }

    /// Zeroes the rows of the slots `from .. until` in every panel and makes that durable.
    pub(super) fn clear_rows(&self, from: i64, until: i64) -> Result<(), StoreError> {
        let until = until.min(from + ROW_SLOTS);
        let panels = self.panels.load_full();
        for panel in panels.iter() {
            let (start, end) = (panel.row(from), panel.row(until));
            if from < until && start < end {
                panel.clear_rows(start..end)?;
            } else if from < until {
                panel.clear_rows(start..panel.header().rows)?;
                panel.clear_rows(0..end)?;
            }
        }
        for panel in panels.iter() {
            panel.start_sync()?;
        }
        panels.iter().try_for_each(|panel| panel.sync())
    }

    /// Makes every store before the call durable.
    ///
    /// # Errors
    /// When the disk fails; the caller poisons the store.
    pub(super) fn sync(&self) -> Result<(), StoreError> {
        let _one_at_a_time = self.sync_lock.lock();
        let number = self.syncs_started.fetch_add(1, Relaxed) + 1;
        let panels = self.panels.load_full();
        for panel in panels.iter() {
            panel.start_sync()?;
        }
        for panel in panels.iter() {
            panel.sync()?;
        }
        for segment in self.late.segments() {
            segment.sync()?;
        }
        self.syncs_done.store(number, Release);
        Ok(())
    }

    /// Notes that series were forgotten, after the table says so.
    pub(super) fn note_forgotten(&self) {
        self.forgotten.fetch_add(1, Release);
    }

    /// How often series were forgotten.
    pub(super) fn times_forgotten(&self) -> u64 {
        self.forgotten.load(Acquire)
    }

    /// Bytes of its panels, blocks and late segments on the disk.
    pub(super) fn disk_bytes(&self) -> u64 {
        let view = self.view.load();
        let blocks = view.archives.iter().flat_map(|archive| &archive.blocks);
        let blocks: u64 = blocks.map(|block| block.entry().bytes).sum();
        let panels: u64 = self
            .panels
            .load()
            .iter()
            .map(|panel| panel.disk_bytes())
            .sum();
        blocks + panels + self.late.disk_bytes()
    }

    /// The number of the newest sync that has begun; what was stored before is surely durable once
    /// [`Group::is_synced`] with it.
    pub(super) fn sync_mark(&self) -> u64 {
        self.syncs_started.load(Relaxed)
    }

    /// True once a sync that began after the mark was taken is complete.
    pub(super) fn is_synced(&self, mark: u64) -> bool {
        self.syncs_done.load(Acquire) > mark
    }
}

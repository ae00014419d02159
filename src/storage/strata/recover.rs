//! Opening a group: manifest, panels, late log; leftovers swept, damage set aside.
//!
//! Each interrupted step of `seal`, `flush`, `merge` and `retire` is finished or undone here, as
//! `ring.md`, `late.md` and `manifest.md` argue.
//!
//! Threads: the one that opens the store, or the writer that makes a new group.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::Release;

use plumbago_storage_format::block::Reader;
use plumbago_storage_format::manifest::{ArchiveManifest, BlockEntry, Manifest};
use plumbago_storage_format::ring::{first_column, locate};

use super::disk::failed;
use super::group::{Group, MANIFEST_FILE, Work};
use super::late::segment_number;
use super::layout::{ROW_SLOTS, align_down};
use super::panel::{self, Panel};
use crate::metric::SeriesId;
use crate::storage::StoreError;

impl Group {
    pub(super) fn read_manifest(&self) -> Result<Option<Manifest>, StoreError> {
        let names = self.disk().list(&self.folder);
        let names = names.map_err(failed(&self.folder, "list"))?;
        if !names.iter().any(|name| name == MANIFEST_FILE) {
            // A new group has no blocks either; those of one that lost its manifest must not be swept.
            return self.rebuild_manifest();
        }
        let path = self.folder.join(MANIFEST_FILE);
        let bytes = self.disk().read(&path).map_err(failed(&path, "read"))?;
        let reason = match Manifest::decode(&bytes) {
            Ok(manifest) if manifest.archives.len() == self.layout.archives().len() => {
                return Ok(Some(manifest));
            }
            Ok(_) => "it has another number of archives".to_owned(),
            Err(error) => error.to_string(),
        };
        self.set_aside(&path, &reason)?;
        self.rebuild_manifest()
    }

    /// Remembers for `/health` what earlier starts set aside, as long as it lies there.
    fn tell_set_aside(&self, folder: &Path, names: &[String]) {
        for name in names.iter().filter(|name| name.ends_with(".damaged")) {
            let reason = "it was set aside as damaged before; remove it once it is of no use";
            self.common.health.add_damaged(&folder.join(name), reason);
        }
    }

    /// Renames a damaged file so that nothing reads it again, and remembers it for `/health`.
    fn set_aside(&self, path: &Path, reason: &str) -> Result<(), StoreError> {
        let mut name = path.as_os_str().to_owned();
        name.push(".damaged");
        let target = PathBuf::from(name);
        let renamed = self.disk().rename(path, &target);
        renamed.map_err(failed(path, "set aside"))?;
        self.common.health.add_damaged(&target, reason);
        Ok(())
    }

    /// Sets blocks aside of which nothing can be used, and goes on without them.
    ///
    /// # Errors
    /// When a file cannot be renamed, or the manifest not be written.
    pub(super) fn set_aside_unusable(&self, work: &mut Work) -> Result<(), StoreError> {
        let view = self.view.load_full();
        let blocks = view.archives.iter().flat_map(|archive| &archive.blocks);
        let unusable: Vec<_> = blocks.filter(|block| block.is_unusable()).collect();
        let Some(mut next) = work.manifest.clone().filter(|_| !unusable.is_empty()) else {
            return Ok(());
        };
        for block in &unusable {
            let reason = self.common.health.forget_damaged(block.path());
            self.set_aside(block.path(), &reason.unwrap_or_default())?;
        }
        for archive in &mut next.archives {
            let is_gone = |entry: &BlockEntry| unusable.iter().any(|gone| gone.entry() == entry);
            archive.blocks.retain(|entry| !is_gone(entry));
        }
        self.commit(work, next, Vec::new())
    }

    pub(super) fn open_panels(&mut self) -> Result<(), StoreError> {
        let folder = self.archive_folder(0);
        let names = self.disk().list(&folder).map_err(failed(&folder, "list"))?;
        let mut panels = Vec::new();
        loop {
            let number = panels.len() as u32;
            let name = panel::file_name(number);
            if !names.contains(&name) {
                break;
            }
            panels.push(Arc::new(self.open_panel(&folder, number)?));
        }
        for number in 0..panels.len() as u32 {
            self.enter_columns(&panels, number)?;
        }
        self.panels.store(Arc::new(panels));
        Ok(())
    }

    fn open_panel(&self, folder: &Path, number: u32) -> Result<Panel, StoreError> {
        let step = self.step(0);
        let reason = match Panel::open(self.disk(), folder, number, step) {
            Err(StoreError::Damaged { reason, .. }) => reason,
            other => return other,
        };
        self.set_aside(&folder.join(panel::file_name(number)), &reason)?;
        Panel::create(self.disk(), folder, number, step)
    }

    fn enter_columns(&self, panels: &[Arc<Panel>], number: u32) -> Result<(), StoreError> {
        let panel = &panels[number as usize];
        for column in 0..panel.header().columns {
            let Some(owner) = panel.owner(column)? else {
                continue;
            };
            let series = SeriesId(owner);
            let mut entry = self.common.table.get(series);
            if entry.column.is_some() {
                // A power loss can bring back an owner that had left: of the two columns the one
                // that was given back is empty. `seal` merges by id, should neither be.
                if panel.is_column_empty(column) {
                    panel.set_owner(column, None);
                    continue;
                }
                if entry.group == Some(self.place.number) {
                    release_if_empty(panels, entry.column);
                }
            }
            entry.group = Some(self.place.number);
            entry.column = Some(first_column(number) + column);
            if !self.common.table.set(series, entry) {
                panel.set_owner(column, None);
            }
        }
        Ok(())
    }

    /// Takes a manifest over as the state: finishes an interrupted clearing, sweeps leftovers.
    pub(super) fn adopt(&self, mut manifest: Manifest) -> Result<(), StoreError> {
        // A store that is only looked at has no rows to open: it leaves them and reads none of them.
        if manifest.cleared < manifest.low && !self.disk().is_read_only() {
            self.clear_rows(manifest.cleared, manifest.low)?;
            manifest.cleared = manifest.low;
            self.write_manifest(&manifest)?;
        }
        self.sweep(&manifest)?;
        let late_end = self.replay_late(&manifest)?;
        let mut work = self.work.lock();
        work.next_generation = manifest.next_generation;
        let rows_end = manifest.cleared + ROW_SLOTS;
        self.high_water.store(rows_end, Release);
        // A seal may have been under way: what is late already stays so, or an older late value would
        // cover a newer one in the ring.
        let patches = manifest.archives[0].blocks.iter();
        let patches_end = patches
            .filter(|block| block.is_patch)
            .map(|block| block.first_slot + i64::from(block.slots))
            .max();
        let open = manifest
            .low
            .max(late_end)
            .max(patches_end.unwrap_or(i64::MIN));
        self.open.store(open, Release);
        self.cleared.store(manifest.cleared, Release);
        self.publish(&manifest, Vec::new());
        work.manifest = Some(manifest);
        Ok(())
    }

    /// Replays the late log and removes the segments that were flushed. Answers the slot after the
    /// greatest one of the finest archive.
    fn replay_late(&self, manifest: &Manifest) -> Result<i64, StoreError> {
        let mut end = i64::MIN;
        self.late.begin_at(manifest.late_from);
        let names = self.disk().list(&self.folder);
        for name in names.map_err(failed(&self.folder, "list"))? {
            let Some(number) = segment_number(&name) else {
                continue;
            };
            let path = self.folder.join(&name);
            if number < manifest.late_from {
                let removed = self.disk().remove(&path);
                removed.map_err(failed(&path, "remove"))?;
                continue;
            }
            let now = manifest.low * self.layout.finest().step;
            match self.late.replay(self.disk(), path.clone(), now) {
                Ok(greatest) => end = end.max(greatest.map_or(i64::MIN, |slot| slot + 1)),
                Err(StoreError::Damaged { reason, .. }) => self.set_aside(&path, &reason)?,
                Err(error) => return Err(error),
            }
        }
        Ok(end)
    }

    /// Removes block files that the manifest does not name, and temporary files.
    fn sweep(&self, manifest: &Manifest) -> Result<(), StoreError> {
        let names = self.disk().list(&self.folder);
        let names = names.map_err(failed(&self.folder, "list"))?;
        self.tell_set_aside(&self.folder, &names);
        for name in names {
            if name.ends_with(".tmp") {
                let path = self.folder.join(name);
                let removed = self.disk().remove(&path);
                removed.map_err(failed(&path, "remove"))?;
            }
        }
        for (archive, state) in manifest.archives.iter().enumerate() {
            let folder = self.archive_folder(archive);
            let named: Vec<String> = state.blocks.iter().map(super::block::file_name).collect();
            let names = self.disk().list(&folder).map_err(failed(&folder, "list"))?;
            self.tell_set_aside(&folder, &names);
            for name in &names {
                let is_ours = name.ends_with(".block") || name.ends_with(".patch");
                if name.ends_with(".tmp") || is_ours && !named.contains(name) {
                    let path = folder.join(name);
                    let removed = self.disk().remove(&path);
                    removed.map_err(failed(&path, "remove"))?;
                }
            }
            for name in named.iter().filter(|name| !names.contains(name)) {
                let health = &self.common.health;
                health.add_damaged(&folder.join(name), "the file is missing");
            }
        }
        Ok(())
    }

    /// Rebuilds a manifest from the block files, after its file was damaged.
    fn rebuild_manifest(&self) -> Result<Option<Manifest>, StoreError> {
        let mut manifest = Manifest::default();
        for archive in 0..self.layout.archives().len() {
            let blocks = self.found_blocks(archive)?;
            let newest = blocks.iter().map(|block| block.generation).max();
            manifest.next_generation = manifest
                .next_generation
                .max(newest.map_or(1, |number| number + 1));
            let bases = blocks.iter().filter(|block| !block.is_patch);
            let end = bases
                .map(|base| base.first_slot + i64::from(base.slots))
                .max();
            manifest.archives.push(ArchiveManifest {
                rolled: end.unwrap_or(i64::MIN),
                blocks,
            });
        }
        let low = manifest.archives[0].rolled;
        if low == i64::MIN {
            // Nothing says which slots the rows belong to.
            return Ok(None);
        }
        manifest.low = low;
        manifest.cleared = low;
        let low_s = low * self.layout.finest().step;
        for (state, archive) in manifest.archives.iter_mut().zip(self.layout.archives()) {
            if state.rolled == i64::MIN {
                let first = low_s - archive.retention;
                state.rolled = align_down(first.div_euclid(archive.step), archive.span);
            }
        }
        self.write_manifest(&manifest)?;
        Ok(Some(manifest))
    }

    fn found_blocks(&self, archive: usize) -> Result<Vec<BlockEntry>, StoreError> {
        let folder = self.archive_folder(archive);
        let mut entries = Vec::new();
        for name in self.disk().list(&folder).map_err(failed(&folder, "list"))? {
            if !(name.ends_with(".block") || name.ends_with(".patch")) {
                continue;
            }
            let path = folder.join(&name);
            let bytes = self.disk().map(&path).map_err(failed(&path, "map"))?;
            match Reader::open(&bytes) {
                Ok(reader) => {
                    let span = reader.header().span;
                    entries.push(BlockEntry {
                        is_patch: name.ends_with(".patch"),
                        generation: span.sequence,
                        first_slot: span.first_slot_s.div_euclid(i64::from(span.step_s)),
                        slots: span.slots,
                        bytes: bytes.len() as u64,
                    });
                }
                Err(error) => self.set_aside(&path, &error.to_string())?,
            }
        }
        Ok(entries)
    }
}

/// Takes back the column that a series had before a later one was found for it.
fn release_if_empty(panels: &[Arc<Panel>], column: Option<u32>) {
    let Some((number, column)) = column.map(locate) else {
        return;
    };
    let panel = &panels[number as usize];
    if panel.is_column_empty(column) {
        panel.set_owner(column, None);
    }
}

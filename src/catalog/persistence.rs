//! A catalog on disk: opening, syncing, and the snapshot that lets the log start anew.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use plumbago_storage_format::catalog::{SeriesEntry, SnapshotBuilder};

use super::disk::{AppendFile, Disk, RealDisk};
use super::error::{CatalogError, failed};
use super::files::{self, Files};
use super::journal::{Journal, Sync, new_segment};
use super::recovery::{OpenReport, recover};
use super::stored::to_stored;
use super::{Catalog, ITERATION_CHUNK};
use crate::metric::SeriesId;

/// A snapshot is written out in pieces of about this size.
const PIECE_BYTES: usize = 1 << 20;

impl Catalog {
    /// Opens the catalog in a folder, which is made when there is none. The folder's lock is the
    /// caller's affair.
    ///
    /// # Errors
    /// When the disk fails, or what is on it is damaged so that series would be lost unseen; no
    /// file has been changed then.
    pub fn open(folder: &Path) -> Result<(Self, OpenReport), CatalogError> {
        Self::open_on(Arc::new(RealDisk), folder)
    }

    /// [`Catalog::open`] on any disk.
    pub(crate) fn open_on(
        disk: Arc<dyn Disk>,
        folder: &Path,
    ) -> Result<(Self, OpenReport), CatalogError> {
        let mut damaged = set_aside_before(&*disk, folder);
        let recovered = recover(&*disk, folder)?;
        damaged.extend(recovered.report.damaged.iter().cloned());
        let journal = Journal::new(disk, folder, recovered.end, recovered.next_id);
        let catalog = Self {
            damaged,
            ..Self::in_memory()
        };
        *catalog.index.write() = recovered.index;
        catalog.changes.lock().journal = Some(journal);
        Ok((catalog, recovered.report))
    }

    /// Makes all changes so far survive a power loss; cheap when there are none. Called before the
    /// store is synced, so that no durable point belongs to a series that is not.
    ///
    /// # Errors
    /// When the disk fails; the catalog then takes no more changes.
    pub fn sync(&self) -> Result<(), CatalogError> {
        self.sync_files(Journal::start_sync)
    }

    /// The last sync: gives back the ids that were reserved ahead, so that the next start begins
    /// right behind those that are in use. Changes after it are fine, and call for another.
    ///
    /// # Errors
    /// As [`Catalog::sync`].
    pub fn close(&self) -> Result<(), CatalogError> {
        self.sync_files(Journal::start_last_sync)
    }

    fn sync_files(
        &self,
        start: fn(&mut Journal, u32) -> Result<Sync, CatalogError>,
    ) -> Result<(), CatalogError> {
        let _syncing = self.syncing.lock();
        // Under the lock of changes: those counted here stand in what is synced.
        let (sync, removed) = {
            let mut changes = self.changes.lock();
            let next_id = self.index.read().next_id();
            let sync = match &mut changes.journal {
                Some(journal) => Some(start(journal, next_id.0)?),
                None => None,
            };
            (sync, self.removed())
        };
        if let Some(sync) = sync.filter(|sync| !sync.segments.is_empty()) {
            let result = sync.run();
            let mut changes = self.changes.lock();
            match &mut changes.journal {
                Some(journal) => journal.finish_sync(&sync, result)?,
                None => result?,
            }
        }
        self.removed_durably.fetch_max(removed, Ordering::Release);
        Ok(())
    }

    /// Writes a snapshot when the log has grown enough for it; answers whether it did. It takes
    /// its time and holds nobody up, so it belongs on a thread of its own, every few seconds.
    ///
    /// # Errors
    /// When the disk fails. The log is complete as it was; trying again later is fine.
    pub fn maintain(&self) -> Result<bool, CatalogError> {
        let changes = self.changes.lock();
        let is_due = changes
            .journal
            .as_ref()
            .is_some_and(Journal::is_snapshot_due);
        drop(changes);
        if is_due {
            self.snapshot()?;
        }
        Ok(is_due)
    }

    /// Writes a snapshot and drops the files that no recovery needs any more.
    ///
    /// # Errors
    /// As [`Catalog::maintain`].
    pub fn snapshot(&self) -> Result<(), CatalogError> {
        let _snapshotting = self.snapshotting.lock();
        let Some((disk, folder, number)) = self.switch_segment()? else {
            return Ok(());
        };
        // The segments before must be whole on disk before a snapshot stands for them.
        self.sync()?;
        let temporary = files::temporary_snapshot(&folder, number);
        let written = self.write_snapshot(&*disk, &temporary, number);
        let path = files::snapshot(&folder, number);
        let renamed = written.and_then(|bytes| {
            let renamed = disk.rename(&temporary, &path);
            renamed.map_err(failed(&path, "rename to")).map(|()| bytes)
        });
        let bytes = renamed.inspect_err(|_| {
            // Best effort: what stays behind is removed at the next opening.
            let _ = disk.remove(&temporary);
        })?;
        disk.sync_dir(&folder)
            .map_err(failed(&folder, "sync folder"))?;
        if let Some(journal) = &mut self.changes.lock().journal {
            journal.snapshot_finished(bytes);
        }
        drop_old(&*disk, &folder, number)
    }

    /// Begins a new segment, whose number the snapshot gets: it holds all that stands in the
    /// segments before, and may hold some of what comes after.
    fn switch_segment(&self) -> Result<Option<Place>, CatalogError> {
        let (disk, folder, number) = {
            let changes = self.changes.lock();
            let Some(journal) = &changes.journal else {
                return Ok(None);
            };
            let (disk, folder) = journal.place();
            (disk, folder, journal.number() + 1)
        };
        let segment = new_segment(&*disk, &folder, number)?;
        if let Some(journal) = &mut self.changes.lock().journal {
            journal.switch_to(number, segment);
        }
        Ok(Some((disk, folder, number)))
    }

    fn write_snapshot(
        &self,
        disk: &dyn Disk,
        path: &Path,
        number: u64,
    ) -> Result<u64, CatalogError> {
        let file = disk.append_to(path, true);
        let mut out = Pieces {
            file: file.map_err(failed(path, "create"))?,
            path,
            builder: SnapshotBuilder::new(number),
            written: 0,
        };
        let mut definitions = 0;
        let mut start = 0;
        loop {
            let end = {
                let index = self.index.read();
                for (number, (retention, rollup)) in index.definitions.since(definitions) {
                    out.builder
                        .definition(number, &to_stored(retention, *rollup));
                }
                definitions = index.definitions.len();
                let end = index.next_id().0.min(start + ITERATION_CHUNK);
                for id in start..end {
                    if let Some((name, definition, is_unregistered)) = index.stored(SeriesId(id)) {
                        out.builder.series(SeriesEntry {
                            id,
                            definition,
                            is_unregistered,
                            name: &name,
                        });
                    }
                }
                end
            };
            out.flush(PIECE_BYTES)?;
            if end == start {
                break;
            }
            start = end;
        }
        self.end_snapshot(&mut out)?;
        out.flush(0)?;
        out.file.sync().map_err(failed(path, "sync"))?;
        Ok(out.written)
    }

    fn end_snapshot(&self, out: &mut Pieces<'_>) -> Result<(), CatalogError> {
        let changes = self.changes.lock();
        let reserved = changes
            .journal
            .as_ref()
            .map_or(0, Journal::reserved_at_most);
        let index = self.index.read();
        for name in index.tags.registered_only() {
            out.builder.name(name);
        }
        out.builder.end(index.next_id().0.max(reserved));
        Ok(())
    }
}

/// Files of the catalog that an earlier start set aside; none when the folder is new.
fn set_aside_before(disk: &dyn Disk, folder: &Path) -> Vec<(PathBuf, String)> {
    let names = disk.list(folder).unwrap_or_default();
    let aside = names.iter().filter(|name| files::is_damaged(name));
    let reason = "it was set aside as damaged before; remove it once it is of no use";
    aside
        .map(|name| (folder.join(name), reason.to_owned()))
        .collect()
}

type Place = (Arc<dyn Disk>, PathBuf, u64);

/// A snapshot on its way to the disk.
struct Pieces<'p> {
    file: Arc<dyn AppendFile>,
    path: &'p Path,
    builder: SnapshotBuilder,
    written: u64,
}

impl Pieces<'_> {
    /// Writes what has gathered once it is more than `enough`.
    fn flush(&mut self, enough: usize) -> Result<(), CatalogError> {
        if self.builder.pending_bytes() > enough {
            let piece = self.builder.take();
            let appended = self.file.append(&piece);
            appended.map_err(failed(self.path, "append"))?;
            self.written += piece.len() as u64;
        }
        Ok(())
    }
}

/// Removes what is older than the snapshot before `number`: that one and its log stay, in case
/// the new one cannot be read.
fn drop_old(disk: &dyn Disk, folder: &Path, number: u64) -> Result<(), CatalogError> {
    let names = disk.list(folder).map_err(failed(folder, "list"))?;
    let files = Files::of(&names);
    let before = files.snapshots.iter().filter(|&&other| other < number);
    let Some(&previous) = before.max() else {
        return Ok(());
    };
    let snapshots = files
        .snapshots
        .iter()
        .map(|&old| (old, files::snapshot(folder, old)));
    let logs = files.logs.iter().map(|&old| (old, files::log(folder, old)));
    for (old, path) in snapshots.chain(logs) {
        if old < previous {
            disk.remove(&path).map_err(failed(&path, "remove"))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;

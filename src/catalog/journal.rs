//! The log that is being written: every change stands in it before it is made in memory.
//!
//! A record is handed to the operating system before the change is answered, so it survives the
//! process; [`super::Catalog::sync`] makes it survive the machine. Ids are reserved ahead in the
//! same way, durably, before they are given: one that was lost with the power is not given again.
//!
//! Threads: it stands behind the lock of changes. Syncs run outside that lock on the files that
//! [`Journal::start_sync`] hands out.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use plumbago_storage_format::catalog::Record;
use plumbago_storage_format::catalog::header::{self, Kind};

use super::disk::{AppendFile, Disk};
use super::error::{CatalogError, failed};
use super::files;

/// How many ids are reserved ahead at the least; at a crash so many are wasted.
const MARGIN_MIN: u32 = 256;
/// And at the most, when many series are created at once.
const MARGIN_MAX: u32 = 65_536;
/// A snapshot is not worth its while for less log than this.
const SNAPSHOT_LOG_BYTES_MIN: u64 = 8 << 20;

/// A file of the log with its path.
#[derive(Clone)]
pub(super) struct Segment {
    pub(super) path: PathBuf,
    pub(super) file: Arc<dyn AppendFile>,
}

/// What recovery found of the log, to go on from.
pub(super) struct LogEnd {
    pub(super) number: u64,
    pub(super) segment: Segment,
    pub(super) length: u64,
    pub(super) bytes_since_snapshot: u64,
    pub(super) snapshot_bytes: u64,
}

/// The log's end and what is still to be synced.
pub(super) struct Journal {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    number: u64,
    segment: Segment,
    length: u64,
    /// True when bytes of a failed write may stand behind `length`.
    is_torn: bool,
    /// Earlier segments with records that no sync has covered yet.
    earlier: Vec<Segment>,
    is_dirty: bool,
    /// Ids below are durably reserved.
    reserved: u32,
    /// Ids below are reserved once what is written is synced.
    reserved_when_synced: u32,
    margin: u32,
    bytes_since_snapshot: u64,
    snapshot_bytes: u64,
    failure: Option<String>,
}

/// Files to sync, and what to tell the journal then.
pub(super) struct Sync {
    pub(super) segments: Vec<Segment>,
    reserved: u32,
}

impl Journal {
    /// Goes on where recovery ended; all ids below `next_id` are taken.
    pub(super) fn new(disk: Arc<dyn Disk>, folder: &Path, end: LogEnd, next_id: u32) -> Self {
        Self {
            disk,
            folder: folder.to_owned(),
            number: end.number,
            segment: end.segment,
            length: end.length,
            is_torn: false,
            earlier: Vec::new(),
            is_dirty: false,
            reserved: next_id,
            reserved_when_synced: next_id,
            margin: MARGIN_MIN,
            bytes_since_snapshot: end.bytes_since_snapshot,
            snapshot_bytes: end.snapshot_bytes,
            failure: None,
        }
    }

    /// Writes frames to the end of the log, all or none.
    pub(super) fn append(&mut self, frames: &[u8]) -> Result<(), CatalogError> {
        self.check_health()?;
        self.repair()?;
        if let Err(source) = self.segment.file.append(frames) {
            self.is_torn = true;
            // If even this fails it is tried again before the next write.
            let _ = self.repair();
            return Err(failed(&self.segment.path, "append")(source));
        }
        self.length += frames.len() as u64;
        self.bytes_since_snapshot += frames.len() as u64;
        self.is_dirty = true;
        Ok(())
    }

    /// Takes away what a failed write left.
    fn repair(&mut self) -> Result<(), CatalogError> {
        if self.is_torn {
            let cut = self.segment.file.truncate(self.length);
            cut.map_err(failed(&self.segment.path, "cut after a failed write"))?;
            self.is_torn = false;
        }
        Ok(())
    }

    /// Makes sure that `id` may be given: syncs a reservation when it lies behind the last one.
    pub(super) fn reserve(&mut self, id: u32) -> Result<(), CatalogError> {
        if id < self.reserved {
            return Ok(());
        }
        self.append_reservation(id)?;
        self.margin = (self.margin * 2).min(MARGIN_MAX);
        let sync = self.unsynced()?;
        let result = sync.run();
        self.finish_sync(&sync, result)
    }

    fn append_reservation(&mut self, next_id: u32) -> Result<(), CatalogError> {
        let next = next_id.saturating_add(self.margin);
        let mut frame = Vec::new();
        Record::Reserve { next }.put(&mut frame);
        self.append(&frame)?;
        self.reserved_when_synced = next;
        Ok(())
    }

    /// Hands out what has to be synced, with a fresh reservation when the last one runs low.
    pub(super) fn start_sync(&mut self, next_id: u32) -> Result<Sync, CatalogError> {
        self.refresh_reservation(next_id);
        self.unsynced()
    }

    fn refresh_reservation(&mut self, next_id: u32) {
        if !self.is_dirty && self.earlier.is_empty() {
            self.margin = MARGIN_MIN;
        } else if self.reserved_when_synced.saturating_sub(next_id) < self.margin / 2 {
            // When it cannot be written the next creation says so; what is written can be synced.
            let _ = self.append_reservation(next_id);
        }
    }

    fn unsynced(&mut self) -> Result<Sync, CatalogError> {
        self.check_health()?;
        let mut segments = self.earlier.clone();
        if self.is_dirty {
            segments.push(self.segment.clone());
        }
        self.is_dirty = false;
        Ok(Sync {
            segments,
            reserved: self.reserved_when_synced,
        })
    }

    /// Takes note of how a sync went; one that failed ends all writing, since the kernel may have
    /// dropped what it could not write.
    pub(super) fn finish_sync(
        &mut self,
        sync: &Sync,
        result: Result<(), CatalogError>,
    ) -> Result<(), CatalogError> {
        match &result {
            Ok(()) => {
                self.reserved = self.reserved.max(sync.reserved);
                let synced = |old: &Segment| sync.segments.iter().any(|new| new.path == old.path);
                self.earlier.retain(|segment| !synced(segment));
            }
            Err(error) => self.failure = Some(error.to_string()),
        }
        result
    }

    /// As [`Journal::start_sync`], but gives back the ids that were reserved and not used: what a
    /// clean end writes.
    pub(super) fn start_last_sync(&mut self, next_id: u32) -> Result<Sync, CatalogError> {
        if self.reserved_when_synced != next_id {
            let mut frame = Vec::new();
            Record::Reserve { next: next_id }.put(&mut frame);
            self.append(&frame)?;
            self.reserved_when_synced = next_id;
            self.reserved = next_id;
        }
        self.unsynced()
    }

    /// Goes on in a new segment, which stands ready on the disk.
    pub(super) fn switch_to(&mut self, number: u64, segment: Segment) {
        let old = std::mem::replace(&mut self.segment, segment);
        self.earlier.push(old);
        self.number = number;
        self.length = header::BYTES as u64;
        self.is_torn = false;
        self.is_dirty = false;
        self.bytes_since_snapshot = 0;
    }

    /// True when the log has grown enough since the last snapshot.
    pub(super) fn is_snapshot_due(&self) -> bool {
        self.failure.is_none()
            && self.bytes_since_snapshot > self.snapshot_bytes.max(SNAPSHOT_LOG_BYTES_MIN)
    }

    /// Takes note of a finished snapshot.
    pub(super) fn snapshot_finished(&mut self, bytes: u64) {
        self.snapshot_bytes = bytes;
    }

    /// The number of the segment that is written to.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Where its files are.
    pub(super) fn place(&self) -> (Arc<dyn Disk>, PathBuf) {
        (self.disk.clone(), self.folder.clone())
    }

    /// All ids below are taken, reserved, or written as reserved.
    pub(super) fn reserved_at_most(&self) -> u32 {
        self.reserved_when_synced
    }

    fn check_health(&self) -> Result<(), CatalogError> {
        match &self.failure {
            Some(failure) => Err(CatalogError::Poisoned(failure.clone())),
            None => Ok(()),
        }
    }
}

impl Sync {
    /// Syncs the files.
    pub(super) fn run(&self) -> Result<(), CatalogError> {
        for segment in &self.segments {
            let synced = segment.file.sync();
            synced.map_err(failed(&segment.path, "sync"))?;
        }
        Ok(())
    }
}

/// Makes an empty segment, durable with its name.
pub(super) fn new_segment(
    disk: &dyn Disk,
    folder: &Path,
    number: u64,
) -> Result<Segment, CatalogError> {
    let path = files::log(folder, number);
    let make = || -> io::Result<Arc<dyn AppendFile>> {
        let file = disk.append_to(&path, true)?;
        let mut bytes = Vec::new();
        header::put(&mut bytes, Kind::Log, number);
        file.append(&bytes)?;
        file.sync()?;
        disk.sync_dir(folder)?;
        Ok(file)
    };
    let file = make().map_err(failed(&path, "create"))?;
    Ok(Segment { path, file })
}

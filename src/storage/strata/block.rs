//! A sealed block as the engine holds it: a map of an immutable file, and its place in time.
//!
//! The bytes are `storage-format`'s; `seal`, `roll` and `late` make blocks, `read` overlays them.
//!
//! Threads: immutable; any thread reads.

use std::fmt::Display;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, OnceLock};

use plumbago_storage_format::block::{Place, Reader, Span, Writer};
use plumbago_storage_format::codec::Encoded;
use plumbago_storage_format::manifest::BlockEntry;

use super::disk::Disk;
use crate::storage::StoreError;
use crate::storage::map::Bytes;

/// About the most bytes of one block file: it is put together in memory.
pub(super) const BLOCK_BYTES: usize = 8 << 20;

/// A block file and its manifest entry; mapped and checked at its first use, so that opening a store
/// costs nothing for the history that nobody reads.
#[derive(Debug)]
pub(super) struct Block {
    entry: BlockEntry,
    path: PathBuf,
    expected: Span,
    disk: Arc<dyn Disk>,
    bytes: OnceLock<Result<Bytes, String>>,
    found_damage: AtomicBool,
    /// [`Group::times_forgotten`](super::group::Group::times_forgotten) when it was last looked
    /// through for series that are gone.
    looked_through: AtomicU64,
}

/// The file name of a block.
pub(super) fn file_name(entry: &BlockEntry) -> String {
    let kind = if entry.is_patch { "patch" } else { "block" };
    format!("{}-{:08}.{kind}", entry.first_slot, entry.generation)
}

impl Block {
    /// The block of a manifest entry, in its archive's folder.
    pub(super) fn new(
        disk: &Arc<dyn Disk>,
        folder: &Path,
        entry: BlockEntry,
        place: Place,
        step: u32,
    ) -> Self {
        Self {
            entry,
            path: folder.join(file_name(&entry)),
            expected: span(&entry, place, step),
            disk: Arc::clone(disk),
            bytes: OnceLock::new(),
            found_damage: AtomicBool::new(false),
            looked_through: AtomicU64::new(0),
        }
    }

    /// Maps the file and checks that it is the block meant, once.
    ///
    /// # Errors
    /// `Damaged`, also when it cannot be read: what a first use found stays so until reopening.
    pub(super) fn reader(&self) -> Result<Reader<'_>, StoreError> {
        let bytes = self.bytes.get_or_init(|| self.map());
        let bytes = bytes.as_ref().map_err(|reason| self.damaged(reason))?;
        Reader::open_again(bytes).map_err(|error| self.damaged(&error))
    }

    fn map(&self) -> Result<Bytes, String> {
        let bytes = self
            .disk
            .map(&self.path)
            .map_err(|error| error.to_string())?;
        let reader = Reader::open(&bytes).map_err(|error| error.to_string())?;
        let found = reader.header().span;
        if found != self.expected {
            return Err(format!("it holds {found:?}, not {:?}", self.expected));
        }
        Ok(bytes)
    }

    /// The manifest entry.
    pub(super) fn entry(&self) -> &BlockEntry {
        &self.entry
    }

    /// The slot just after the last.
    pub(super) fn end_slot(&self) -> i64 {
        self.entry.first_slot + i64::from(self.entry.slots)
    }

    /// True when the block has one of the slots `first .. end`.
    pub(super) fn overlaps(&self, first: i64, end: i64) -> bool {
        self.entry.first_slot < end && first < self.end_slot()
    }

    /// Lays what the block has of a series over `out`, whose first value is that of slot `first`.
    /// `scratch` is room that is used again from call to call.
    ///
    /// # Errors
    /// `Damaged` when the series' bytes are not as written.
    pub(super) fn overlay(
        &self,
        series: u32,
        first: i64,
        out: &mut [f64],
        scratch: &mut Vec<f64>,
    ) -> Result<(), StoreError> {
        let from = first.max(self.entry.first_slot);
        let until = (first + out.len() as i64).min(self.end_slot());
        if from >= until {
            return Ok(());
        }
        let found = self.reader()?.series_checked(series);
        let found = found.map_err(|error| self.damaged(&error))?;
        if let Some(encoded) = found {
            let start = self.entry.first_slot;
            let inside = (from - start) as usize..(until - start) as usize;
            let out = &mut out[(from - first) as usize..(until - first) as usize];
            overlay(&encoded, inside, out, scratch);
        }
        Ok(())
    }

    /// Compares every checksum.
    ///
    /// # Errors
    /// `Damaged`, naming the first that fails.
    pub(super) fn check_all(&self) -> Result<(), StoreError> {
        match self.reader()?.verify().first() {
            None => Ok(()),
            Some(damage) => Err(self.damaged(&damage.error)),
        }
    }

    /// True when the file was found not to be what it should.
    pub(super) fn is_damaged(&self) -> bool {
        self.found_damage.load(Relaxed)
    }

    /// Adds the ids of all its series to `ids`.
    ///
    /// # Errors
    /// `Damaged` when the index is not as written.
    pub(super) fn collect_ids(&self, ids: &mut Vec<u32>) -> Result<(), StoreError> {
        for id in self.reader()?.ids() {
            ids.push(id.map_err(|error| self.damaged(&error))?);
        }
        Ok(())
    }

    /// True unless it was looked through since series were forgotten for the `times`-th time; it
    /// counts as looked through from now on.
    pub(super) fn start_look(&self, times: u64) -> bool {
        self.looked_through.swap(times, Relaxed) < times
    }

    /// The error of a damaged block, which is remembered.
    pub(super) fn damaged(&self, error: &dyn Display) -> StoreError {
        self.found_damage.store(true, Relaxed);
        StoreError::Damaged {
            path: self.path.clone(),
            reason: error.to_string(),
        }
    }
}

/// Lays the slots `inside` of an encoded series over `out`; absent ones leave what is there.
pub(super) fn overlay(
    encoded: &Encoded<'_>,
    inside: Range<usize>,
    out: &mut [f64],
    scratch: &mut Vec<f64>,
) {
    scratch.clear();
    scratch.resize(inside.len(), f64::NAN);
    encoded.decode_range(inside, scratch);
    for (slot, value) in out.iter_mut().zip(scratch.iter()) {
        if !value.is_nan() {
            *slot = *value;
        }
    }
}

/// What the block's header says for a manifest entry.
pub(super) fn span(entry: &BlockEntry, place: Place, step: u32) -> Span {
    Span {
        place,
        sequence: entry.generation,
        first_slot_s: entry.first_slot * i64::from(step),
        step_s: step,
        slots: entry.slots,
    }
}

/// A writer for the block of a manifest entry whose length is not known yet.
pub(super) fn writer(entry: &BlockEntry, place: Place, step: u32) -> Writer {
    Writer::new(span(entry, place, step))
}

//! A sealed block as the engine holds it: a map of an immutable file, and its place in time.
//!
//! The bytes are `storage-format`'s; `seal`, `roll` and `late` make blocks, `read` overlays them.
//!
//! Threads: the file is immutable; any thread reads, and holds the map that it reads from.

use std::fmt::Display;
use std::io::ErrorKind;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};

use plumbago_storage_format::block::{Place, Reader, Span, Writer};
use plumbago_storage_format::codec::Encoded;
use plumbago_storage_format::manifest::BlockEntry;

use super::disk::{Disk, failed};
use super::maps::{MapSlot, Maps};
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
    maps: Arc<Maps>,
    map: Arc<MapSlot>,
    /// Its header and index were checked: only the first map of a file is.
    is_checked: AtomicBool,
    /// Something in it is not as it was written.
    found_damage: AtomicBool,
    /// It is not the block that it should be, so nothing of it can be used.
    is_unusable: AtomicBool,
    /// It could not be mapped when it was tried last.
    is_unreadable: AtomicBool,
    /// [`Group::times_forgotten`](super::group::Group::times_forgotten) when it was last looked
    /// through for series that are gone.
    looked_through: AtomicU64,
}

/// A block's map, for as long as somebody reads from it.
pub(super) struct Mapped {
    bytes: Arc<Bytes>,
}

impl Mapped {
    /// The block.
    pub(super) fn reader(&self) -> Reader<'_> {
        Reader::open_again(&self.bytes).expect("its header was read when it was mapped first")
    }
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
        maps: &Arc<Maps>,
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
            maps: Arc::clone(maps),
            map: Arc::default(),
            is_checked: AtomicBool::new(false),
            found_damage: AtomicBool::new(false),
            is_unusable: AtomicBool::new(false),
            is_unreadable: AtomicBool::new(false),
            looked_through: AtomicU64::new(0),
        }
    }

    /// The map of the file, made and checked if need be.
    ///
    /// # Errors
    /// `Io` when it cannot be mapped; `Damaged` when it is not the block meant, which stays so until
    /// reopening.
    pub(super) fn mapped(&self) -> Result<Mapped, StoreError> {
        if let Some(bytes) = self.map.load_full() {
            return Ok(Mapped { bytes });
        }
        let mapped = self.disk.map(&self.path);
        self.is_unreadable.store(mapped.is_err(), Relaxed);
        let bytes = Arc::new(mapped.map_err(failed(&self.path, "map"))?);
        if !self.is_checked.load(Relaxed) {
            self.check(&bytes).map_err(|reason| {
                self.is_unusable.store(true, Relaxed);
                self.damaged(&reason)
            })?;
            self.is_checked.store(true, Relaxed);
        }
        self.maps.hold(&self.map, Arc::clone(&bytes));
        Ok(Mapped { bytes })
    }

    fn check(&self, bytes: &[u8]) -> Result<(), String> {
        let reader = Reader::open(bytes).map_err(|error| error.to_string())?;
        let found = reader.header().span;
        if found != self.expected {
            return Err(format!("it holds {found:?}, not {:?}", self.expected));
        }
        Ok(())
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
        let map = self.mapped()?;
        let found = map.reader().series_checked(series);
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
        match self.mapped()?.reader().verify().first() {
            None => Ok(()),
            Some(damage) => Err(self.damaged(&damage.error)),
        }
    }

    /// True when the file was found not to be what it should, or cannot be read.
    pub(super) fn is_damaged(&self) -> bool {
        self.found_damage.load(Relaxed) || self.is_unreadable.load(Relaxed)
    }

    /// True when nothing of it can be used: it is then set aside. A block of which some series are
    /// damaged goes on answering for the others.
    pub(super) fn is_unusable(&self) -> bool {
        self.is_unusable.load(Relaxed)
    }

    /// Where the file is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Adds the ids of all its series to `ids`.
    ///
    /// # Errors
    /// `Damaged` when the index is not as written.
    pub(super) fn collect_ids(&self, ids: &mut Vec<u32>) -> Result<(), StoreError> {
        for id in self.mapped()?.reader().ids() {
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

/// True for an error of the moment, such as too many open files: the block may be as it was written.
pub(super) fn may_be_readable_later(error: &StoreError) -> bool {
    matches!(error, StoreError::Io { source, .. } if source.kind() != ErrorKind::NotFound)
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

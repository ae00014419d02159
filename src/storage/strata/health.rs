//! What the whole store shares about its state: poison, a full disk, damaged files, counters.
//!
//! Threads: everyone sets and reads; flags are read once a point, so they are plain atomics.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU64};

use parking_lot::Mutex;

use crate::storage::{StoreError, StoreHealth, StoreStatistics};

use super::disk::is_full_disk;

/// Damaged files that are remembered; beyond that they are still set aside and skipped.
const DAMAGED_MAX: usize = 1000;

/// The state of a store.
#[derive(Debug, Default)]
pub(super) struct Health {
    poisoned: AtomicBool,
    disk_full: AtomicBool,
    reason: Mutex<Option<String>>,
    damaged: Mutex<Vec<(PathBuf, String)>>,
    /// Reads that passed over a file which may be readable another time.
    reads_failed: AtomicU64,
}

impl Health {
    /// True once the store stopped writing for good.
    #[inline]
    pub(super) fn is_poisoned(&self) -> bool {
        self.poisoned.load(Relaxed)
    }

    /// Stops all writing: what the disk holds is no longer known.
    pub(super) fn poison(&self, error: &StoreError) {
        let mut reason = self.reason.lock();
        reason.get_or_insert_with(|| error.to_string());
        self.poisoned.store(true, Release);
    }

    /// The error of a store that stopped, if it did.
    ///
    /// # Errors
    /// `Poisoned`.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        if !self.is_poisoned() {
            return Ok(());
        }
        let reason = self.reason.lock().clone().unwrap_or_default();
        Err(StoreError::Poisoned(reason))
    }

    /// Judges a failed write: a full disk passes, everything else stops the store.
    pub(super) fn judge(&self, error: StoreError) -> StoreError {
        if is_full_disk(&error) {
            self.set_disk_full(true);
        } else {
            self.poison(&error);
        }
        error
    }

    /// True while the disk is full.
    pub(super) fn is_disk_full(&self) -> bool {
        self.disk_full.load(Acquire)
    }

    /// Says whether the disk is full.
    pub(super) fn set_disk_full(&self, full: bool) {
        self.disk_full.store(full, Release);
    }

    /// Remembers a damaged file, once.
    pub(super) fn add_damaged(&self, path: &Path, reason: &str) {
        let mut damaged = self.damaged.lock();
        let is_known = damaged.iter().any(|(known, _)| known == path);
        if !is_known && damaged.len() < DAMAGED_MAX {
            damaged.push((path.to_owned(), reason.to_owned()));
        }
    }

    /// Forgets the damaged files in a folder, before it is opened again.
    pub(super) fn forget_below(&self, folder: &Path) {
        let mut damaged = self.damaged.lock();
        damaged.retain(|(path, _)| !path.starts_with(folder));
    }

    /// Forgets a damaged file that is about to get another name, and answers what was wrong with it.
    pub(super) fn forget_damaged(&self, path: &Path) -> Option<String> {
        let mut damaged = self.damaged.lock();
        let position = damaged.iter().position(|(known, _)| known == path)?;
        Some(damaged.swap_remove(position).1)
    }

    /// Remembers a failed read: damage costs one file, and the rest is served.
    pub(super) fn note_unreadable(&self, error: &StoreError) {
        match error {
            StoreError::Damaged { path, reason } => self.add_damaged(path, reason),
            StoreError::Io { path, source, .. } => {
                if source.kind() != ErrorKind::NotFound {
                    self.reads_failed.fetch_add(1, Relaxed);
                }
                self.add_damaged(path, &source.to_string());
            }
            StoreError::Poisoned(_) => {}
        }
    }

    /// How many reads have passed over a file that may be readable another time.
    pub(super) fn reads_failed(&self) -> u64 {
        self.reads_failed.load(Relaxed)
    }

    /// Remembers why structural work stopped half way: damage in what it read. Failed writes were
    /// judged where they happened.
    pub(super) fn note_unfinished(&self, error: &StoreError) {
        if matches!(error, StoreError::Damaged { .. }) {
            self.note_unreadable(error);
        }
    }

    /// For `/health`.
    pub(super) fn report(&self) -> StoreHealth {
        StoreHealth {
            write_failure: self.reason.lock().clone(),
            damaged: self.damaged.lock().clone(),
            disk_full: self.is_disk_full(),
        }
    }
}

/// What happened since the store was opened.
#[derive(Debug, Default)]
pub(super) struct Counters {
    /// Points stored, the late ones too.
    pub(super) points: AtomicU64,
    /// Points that took the late road.
    pub(super) late: AtomicU64,
    /// Series that got their first column.
    pub(super) series: AtomicU64,
    /// Blocks sealed or rolled up.
    pub(super) blocks: AtomicU64,
    /// The longest time a writer was kept from storing.
    pub(super) stall_us: AtomicU64,
}

impl Counters {
    /// For `/metrics`; what the groups know is added by the store.
    pub(super) fn report(&self) -> StoreStatistics {
        StoreStatistics {
            points_stored: self.points.load(Relaxed),
            points_late: self.late.load(Relaxed),
            series_created: self.series.load(Relaxed),
            blocks_sealed: self.blocks.load(Relaxed),
            longest_stall_us: self.stall_us.load(Relaxed),
            ..StoreStatistics::default()
        }
    }
}

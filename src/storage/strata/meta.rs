//! The small file that says that a folder is a store, and how many shards it has; see `tables.md`.
//!
//! Threads: the one that opens the store.

use std::path::Path;

use plumbago_storage_format::error::FormatError;
use plumbago_storage_format::tables::{SHARDS_MAX, decode_meta, encode_meta};

use super::disk::{Disk, failed};
use crate::storage::StoreError;

pub(super) const META_FILE: &str = "meta";

/// The number of shards of the folder; writes the file of a new one.
pub(super) fn read_or_make_meta(
    disk: &dyn Disk,
    folder: &Path,
    shards: usize,
) -> Result<usize, StoreError> {
    if let Some(shards) = read_meta(disk, folder)? {
        return Ok(shards);
    }
    let path = folder.join(META_FILE);
    let shards = shards.clamp(1, SHARDS_MAX);
    disk.replace(&path, &encode_meta(shards))?;
    Ok(shards)
}

/// The number of shards of the folder; `None` for a new one.
///
/// # Errors
/// `Io`, or `Damaged`: without it nobody knows which series is where.
pub(super) fn read_meta(disk: &dyn Disk, folder: &Path) -> Result<Option<usize>, StoreError> {
    let path = folder.join(META_FILE);
    let names = disk.list(folder).map_err(failed(folder, "list"))?;
    if !names.iter().any(|name| name == META_FILE) {
        return Ok(None);
    }
    let bytes = disk.read(&path).map_err(failed(&path, "read"))?;
    let damaged = |error: FormatError| StoreError::Damaged {
        path,
        reason: error.to_string(),
    };
    decode_meta(&bytes).map(Some).map_err(damaged)
}

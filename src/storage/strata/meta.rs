//! The small file that says that a folder is a store, and how many shards it has.
//!
//! Threads: the one that opens the store.

use std::path::Path;

use super::disk::{Disk, failed};
use crate::storage::StoreError;

pub(super) const META_FILE: &str = "meta";
const META_TITLE: &str = "plumbago strata 1";
/// More shards than this make no sense on any machine, and would make small files.
const SHARDS_MAX: usize = 256;

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
    disk.replace(&path, print_meta(shards).as_bytes())?;
    Ok(shards)
}

fn print_meta(shards: usize) -> String {
    let body = format!("{META_TITLE}\nshards {shards}\n");
    let checksum = crc32fast::hash(body.as_bytes());
    format!("{body}checksum {checksum:08x}\n")
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
    let text = String::from_utf8_lossy(&bytes);
    let shards = text
        .strip_prefix(META_TITLE)
        .and_then(|rest| rest.strip_prefix("\nshards "))
        .and_then(|rest| rest.lines().next()?.parse().ok())
        .filter(|shards| (1..=SHARDS_MAX).contains(shards))
        // The first releases wrote no checksum.
        .filter(|&shards| {
            text == print_meta(shards) || text.ends_with('\n') && text.lines().count() == 2
        });
    let damaged = || StoreError::Damaged {
        path,
        reason: format!("it does not say \"{META_TITLE}\", a number of shards, and its checksum"),
    };
    shards.map(Some).ok_or_else(damaged)
}

//! Letting go of the journal's segments.
//!
//! A segment may go when all of its points are in their files and these are durable. Millions of files
//! may have been written since, so the whole file system is synced, which takes as long as it takes:
//! this thread does nothing else, and the journal is synced by another.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::journal::{SegmentFile, failed};
use super::shard::{Shared, record_of};
use crate::storage::StoreError;

/// How often it is looked whether a segment may go.
const POLL: Duration = Duration::from_millis(500);

/// The thread.
pub(super) fn run(shared: &Shared) {
    while !shared.stopping.load(Relaxed) {
        // A failure has poisoned the store and was logged then.
        let _ = once(shared, shared.config.clock.now());
        std::thread::park_timeout(POLL);
    }
}

/// Removes what may go, and moves points on that keep an old segment.
///
/// # Errors
/// When the disk fails; the store is then poisoned.
pub(super) fn once(shared: &Shared, now: i64) -> Result<(), StoreError> {
    move_stuck_points(shared, now);
    segments(shared, now, false).inspect_err(|error| shared.poison(error))
}

/// Removes segments whose points are all in their files, once these are durable.
pub(super) fn segments(shared: &Shared, now: i64, is_end: bool) -> Result<(), StoreError> {
    let shards = shared.shards.iter();
    let done: Vec<Arc<SegmentFile>> = shards
        .flat_map(|shard| shard.state.lock().journal.take_done(now, is_end))
        .collect();
    if done.is_empty() {
        return Ok(());
    }
    sync_file_system(&shared.config.tree)?;
    done.iter().try_for_each(|segment| segment.remove())
}

/// Moves points on that keep an old segment: their file cannot be written, or not yet.
fn move_stuck_points(shared: &Shared, now: i64) {
    for shard in &shared.shards {
        let mut state = shard.state.lock();
        let state = &mut *state;
        let Some(stuck) = state.journal.stuck(now) else {
            continue;
        };
        let journal = &mut state.journal;
        state.cache.move_on(stuck, |id, point| {
            let segment = journal.append(&record_of(id, point), now).ok()?;
            journal.release(stuck);
            Some(segment)
        });
    }
}

/// Makes all files of a tree durable at once: the tree may have millions that were written.
#[cfg(target_os = "linux")]
fn sync_file_system(tree: &Path) -> Result<(), StoreError> {
    let root = File::open(tree).map_err(failed(tree, "open"))?;
    rustix::fs::syncfs(&root).map_err(|error| failed(tree, "sync the file system of")(error.into()))
}

#[cfg(not(target_os = "linux"))]
fn sync_file_system(tree: &Path) -> Result<(), StoreError> {
    let _ = File::open(tree).map_err(failed(tree, "open"))?;
    rustix::fs::sync();
    Ok(())
}

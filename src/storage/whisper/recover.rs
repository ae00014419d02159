//! Opening: what the journal has that the files may not.

use std::fs;
use std::sync::atomic::Ordering::Relaxed;

use plumbago_storage_format::journal::JournalRecord;

use super::cache::CachedPoint;
use super::journal::{self, Listing, OldSegment};
use super::open_file::OpenFile;
use super::series::Series;
use super::shard::{Shared, State, record_of};
use crate::metric::SeriesId;
use crate::storage::StoreError;

/// What was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Recovered {
    /// Points that wait to be written.
    pub(super) points: usize,
    /// Points of series that nobody knows, or that no archive holds any more.
    pub(super) dropped: usize,
}

/// Takes the points of all old segments into the caches and new segments, and removes the old ones. On a
/// disk without room for new ones the old ones stay until their points are written.
///
/// # Errors
/// When the journal's folder cannot be read or written.
pub(super) fn recover(shared: &Shared, now: i64) -> Result<Recovered, StoreError> {
    let Listing {
        segments: old,
        leftovers,
    } = journal::list(&shared.config.journal_folder)?;
    for path in leftovers {
        fs::remove_file(&path).map_err(journal::failed(&path, "remove"))?;
    }
    if let Some(newest) = old.last() {
        shared.segment_numbers.fetch_max(newest.number + 1, Relaxed);
    }
    let boot = journal::boot_number();
    let mut recovered = Recovered::default();
    let mut read = Vec::new();
    for segment in old {
        match journal::records(&segment.path) {
            Ok(records) => {
                let replay = |record: &&_| replay(shared, segment.number, record, boot, now);
                recovered.dropped += records.iter().filter(|record| !replay(record)).count();
                read.push(segment);
            }
            // It stays where it is, for somebody to look at.
            Err(StoreError::Damaged { path, reason }) => {
                tracing::error!(path = %path.display(), reason, "damaged journal segment");
                shared.damaged_segments.lock().push((path, reason));
            }
            Err(error) => return Err(error),
        }
    }
    for shard in &shared.shards {
        let ids = shard.state.lock().cache.ids();
        for id in ids {
            recovered.dropped += drop_old(shared, id, now);
        }
        let mut state = shard.state.lock();
        recovered.points += state.cache.points();
        match journal_again(&mut state, &read, now) {
            Err(StoreError::Io { source, .. }) if journal::is_full(&source) => {}
            journaled => journaled?,
        }
        for segment in state.journal.unsynced() {
            segment.sync()?;
        }
    }
    for OldSegment { path, .. } in keep_needed(shared, read, now)? {
        fs::remove_file(&path).map_err(journal::failed(&path, "remove"))?;
    }
    Ok(recovered)
}

/// Hands the segments that hold points of a cache to its journal, with those that came after them: an
/// older value of a slot must not outlive a newer one. Answers the others.
fn keep_needed(
    shared: &Shared,
    old: Vec<OldSegment>,
    now: i64,
) -> Result<Vec<OldSegment>, StoreError> {
    let mut done = Vec::new();
    let pending = shared.shards.iter();
    let pending = pending.map(|shard| shard.state.lock().cache.points_by_segment());
    let pending: Vec<_> = pending.collect();
    let mut keeps = vec![false; shared.shards.len()];
    for segment in old {
        let holders = (0..pending.len()).filter(|&at| pending[at].contains_key(&segment.number));
        match holders.collect::<Vec<_>>()[..] {
            [] if !keeps.get(segment.shard).is_some_and(|keeps| *keeps) => done.push(segment),
            [] => adopt(shared, &segment, 0, now)?,
            [shard] if shard == segment.shard => {
                keeps[shard] = true;
                adopt(shared, &segment, pending[shard][&segment.number], now)?;
            }
            // Of another number of shards: no journal alone can say when it may go.
            _ => return Err(journal::no_room(&segment.path)),
        }
    }
    Ok(done)
}

fn adopt(
    shared: &Shared,
    segment: &OldSegment,
    pending: usize,
    now: i64,
) -> Result<(), StoreError> {
    let mut state = shared.shards[segment.shard].state.lock();
    state.journal.adopt(segment, pending, now)
}

/// False when nobody knows the series.
fn replay(shared: &Shared, segment: u32, record: &JournalRecord, boot: u64, now: i64) -> bool {
    let Some(series) = shared.series.get(SeriesId(record.series)) else {
        return false;
    };
    let mut state = shared.shards[series.shard].state.lock();
    if let Some(written) = record.written_boot() {
        if written == boot && boot != 0 {
            state.cache.remove(series.id);
        }
        return true;
    }
    let step = series.with_definition(|known| i64::from(known.retention.finest().step));
    let interval = record.timestamp - record.timestamp.rem_euclid(step);
    let Ok(interval) = u32::try_from(interval) else {
        return false;
    };
    let point = CachedPoint {
        interval,
        segment,
        value: record.value,
    };
    // At once: they have waited already.
    state.cache.put(series.id, point, now);
    true
}

/// Puts what is left into new segments.
fn journal_again(state: &mut State, old: &[OldSegment], now: i64) -> Result<(), StoreError> {
    let journal = &mut state.journal;
    for segment in old {
        let mut failure = None;
        state.cache.move_on(segment.number, |id, point| {
            let appended = journal.append(&record_of(id, point), now);
            appended.map_err(|error| failure = Some(error)).ok()
        });
        failure.map_or(Ok(()), Err)?;
    }
    Ok(())
}

/// Drops points of a series that need not or cannot be written: those that have left the finest archive
/// and stand there, and those that no archive holds. Answers how many of the latter there were.
fn drop_old(shared: &Shared, id: SeriesId, now: i64) -> usize {
    let Some(series) = shared.series.get(id) else {
        return 0;
    };
    let shard = &shared.shards[series.shard];
    let old: Vec<CachedPoint> = {
        let state = shard.state.lock();
        let is_old = |point: &&CachedPoint| !is_held(&series, 0, point, now);
        state.cache.of(id).iter().filter(is_old).copied().collect()
    };
    if old.is_empty() {
        return 0;
    }
    let last = series.with_definition(|known| known.retention.archives().len() - 1);
    let (held, lost): (Vec<_>, Vec<_>) =
        (old.into_iter()).partition(|point| is_held(&series, last, point, now));
    let mut gone = written(shared, &series, &held, now);
    gone.extend(&lost);
    gone.sort_unstable_by_key(|point| point.interval);
    let mut state = shard.state.lock();
    // They stand in no new segment yet that would have to know.
    state.cache.confirm(id, &gone, now);
    lost.len()
}

fn is_held(series: &Series, archive: usize, point: &CachedPoint, now: i64) -> bool {
    series.with_definition(|known| {
        let archive = known.retention.archives()[archive];
        let step = i64::from(archive.step);
        let slots = now.div_euclid(step) - i64::from(point.interval).div_euclid(step);
        slots < i64::from(archive.points)
    })
}

/// Those of the points that were written before the end, as far as the file still tells.
fn written(shared: &Shared, series: &Series, points: &[CachedPoint], now: i64) -> Vec<CachedPoint> {
    let file = shared
        .path_of(series)
        .and_then(|path| shared.shards[series.shard].files.get(series.id, &path).ok());
    let Some(file) = file else {
        return Vec::new();
    };
    let is_there = |point: &&CachedPoint| was_written(series, &file, point, now);
    points.iter().filter(is_there).copied().collect()
}

/// A point stands in its slot of the finest archive, unless that was written again since. Then nobody
/// knows, and a coarse value that is there by now is not replaced.
fn was_written(series: &Series, file: &OpenFile, point: &CachedPoint, now: i64) -> bool {
    let Ok(Some(slot)) = file.slot_at(0, i64::from(point.interval)) else {
        return false;
    };
    if slot.timestamp_s <= point.interval {
        return slot.timestamp_s == point.interval && slot.value.to_bits() == point.value.to_bits();
    }
    let archives = series.definition().retention.archives().to_vec();
    let Some(coarse) = (1..archives.len()).find(|&coarse| is_held(series, coarse, point, now))
    else {
        return false;
    };
    let interval = i64::from(point.interval);
    let interval = interval - interval.rem_euclid(i64::from(archives[coarse].step));
    let slot = file.slot_at(coarse, interval);
    slot.is_ok_and(|slot| slot.is_some_and(|slot| i64::from(slot.timestamp_s) == interval))
}

//! Where points live: one trait for every engine, and Graphite's rule for what a fetch reads.
//!
//! `ingest` is above (its shard workers own the [`ShardWriter`]s), `fetch` reads through
//! [`Store::fetch`]. Engines: [`strata`] (native), [`whisper`] (a classic tree) and [`memory`]
//! (reference for tests); `tests/conformance.rs` asks both the same questions.
//!
//! Threads: a [`ShardWriter`] belongs to one shard worker and is never shared; everything on
//! [`Store`] may be called from any thread at any time and never blocks a writer for long.

pub mod damage;
pub mod folder;
mod map;
pub mod memory;
mod settled;
pub mod strata;
pub mod whisper;

#[cfg(test)]
mod suite;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::metric::{Refusal, Retention, Rollup, SeriesId};

pub use settled::{Settled, SettledReads};

/// What the catalog knows of a series that a store needs: its number, its name, its archives.
#[derive(Clone, Debug)]
pub struct SeriesDefinition {
    /// The catalog's number.
    pub id: SeriesId,
    /// The canonical name, tags included.
    pub name: Arc<str>,
    /// The archives; equal retentions make a family.
    pub retention: Arc<Retention>,
    /// How fine points become coarse ones.
    pub rollup: Rollup,
}

/// A half-open question in time: points with `from < slot <= until`, seen from `now`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimeRange {
    /// Exclusive, seconds since the epoch.
    pub from: i64,
    /// Inclusive, seconds since the epoch.
    pub until: i64,
    /// The time that ages are counted from: it chooses the archive.
    pub now: i64,
}

/// The slots of one archive that answer a [`TimeRange`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Selection {
    /// The archive's position, 0 = finest.
    pub archive: usize,
    /// The first slot, a multiple of the step.
    pub start: i64,
    /// The first slot that is no longer part of it.
    pub end: i64,
    /// Seconds between slots.
    pub step: u32,
}

impl Selection {
    /// Chooses as `whisper.fetch` does: the range is clipped to `[now - longest, now]`, the archive is
    /// the finest that reaches back to `from`, both ends are rounded down and moved up one step, and
    /// an empty range still reads one slot. `None` when the range lies wholly outside.
    ///
    /// `from` must not exceed `until`; a range that does is outside.
    pub fn of(retention: &Retention, range: TimeRange) -> Option<Self> {
        let oldest = range.now - retention.longest();
        if range.from > range.until || range.from > range.now || range.until < oldest {
            return None;
        }
        let from = range.from.max(oldest);
        let until = range.until.min(range.now);
        let archive = retention.covering(range.now - from);
        let step = retention.archives()[archive].step;
        let seconds = i64::from(step);
        let start = from - from.rem_euclid(seconds) + seconds;
        let mut end = until - until.rem_euclid(seconds) + seconds;
        if start == end {
            end += seconds;
        }
        Some(Self {
            archive,
            start,
            end,
            step,
        })
    }

    /// How many slots it has.
    pub fn slots(&self) -> usize {
        usize::try_from((self.end - self.start) / i64::from(self.step)).unwrap_or(0)
    }
}

/// What a fetch found: one value a slot, NaN where there is none.
#[derive(Clone, Debug, PartialEq)]
pub struct Fetched {
    /// The archive that answered, 0 = finest.
    pub archive: usize,
    /// The time of the first value.
    pub start: i64,
    /// Seconds between values.
    pub step: u32,
    /// The values.
    pub values: Vec<f64>,
}

/// The newest point of a series, as a survey of a store finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewestPoint {
    /// The time of its slot.
    pub slot: i64,
    /// Seconds of the slot: the point came in one of them.
    pub step: u32,
}

impl NewestPoint {
    /// The last second that the point can be of.
    pub fn latest(self) -> i64 {
        self.slot + i64::from(self.step) - 1
    }
}

/// What series take in one kind of archive, as a survey of a store finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArchiveUsage {
    /// Seconds a slot.
    pub step: u32,
    /// Slots that are stored, of all series together.
    pub slots: u64,
    /// Bytes that they take.
    pub bytes: u64,
}

/// Why a store could not do what it was asked. Bad input is a [`Refusal`], not an error.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The environment failed: a disk, a permission, a limit.
    #[error("{}: {action}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was being done, with the offset where there is one.
        action: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// What is on disk is not what its format says.
    #[error("{}: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it and where.
        reason: String,
    },
    /// The store stopped writing after an earlier failure; reads go on.
    #[error("the store takes no more writes since: {0}")]
    Poisoned(String),
}

/// How a store is doing, for `/health` and the self metrics.
#[derive(Clone, Debug, Default)]
pub struct StoreHealth {
    /// Why writes are refused, when they are.
    pub write_failure: Option<String>,
    /// Files set aside because they are damaged: path and reason.
    pub damaged: Vec<(PathBuf, String)>,
    /// True while a full disk keeps new series out.
    pub disk_full: bool,
}

/// Counters of a store since it was opened, for `/metrics` and `carbon.agents.*`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreStatistics {
    /// Points stored.
    pub points_stored: u64,
    /// Points that were older than the ring's window and took the late road.
    pub points_late: u64,
    /// Series created.
    pub series_created: u64,
    /// Blocks sealed.
    pub blocks_sealed: u64,
    /// Bytes of all files, as far as the store knows without a walk.
    pub bytes_on_disk: u64,
    /// The longest time that maintenance kept a shard from storing, in microseconds.
    pub longest_stall_us: u64,
    /// Points that wait in memory or in a late log to be placed.
    pub points_pending: u64,
    /// Writes of a series' points to its own file.
    pub updates: u64,
    /// Points that these wrote.
    pub points_written: u64,
    /// Series that wait until a file may be made for them.
    pub creations_waiting: u64,
    /// Series whose own file cannot be used.
    pub files_unusable: u64,
}

/// The shared half of an engine.
pub trait Store: Send + Sync + 'static {
    /// The engine's name in config: `strata`, `whisper`, `memory`.
    fn engine(&self) -> &'static str;

    /// How many shards it has; the worker of each takes its writer once.
    fn shards(&self) -> usize;

    /// The writing half of one shard.
    ///
    /// # Panics
    /// When the shard does not exist or its writer was taken before: two writers would race.
    fn writer(&self, shard: usize) -> Box<dyn ShardWriter>;

    /// Reads the slots that [`Selection::of`] chooses. `None` when the range lies wholly outside the
    /// retention or the store does not know the series.
    ///
    /// # Errors
    /// When a file cannot be read.
    fn fetch(&self, series: SeriesId, range: TimeRange) -> Result<Option<Fetched>, StoreError>;

    /// What [`Store::fetch`] would select, without reading; `plan` asks for steps this way.
    fn select(&self, series: SeriesId, range: TimeRange) -> Option<Selection>;

    /// What is known of slots that change no more; `None` for an engine that knows nothing of that.
    fn settled_reads(&self) -> Option<&dyn SettledReads> {
        None
    }

    /// The retention and rollup of a series.
    fn definition(&self, series: SeriesId) -> Option<(Arc<Retention>, Rollup)>;

    /// The newest point of each series within its retention, `None` for one that has none and for
    /// one that is not known. Where damage hides what a series has it counts as new.
    ///
    /// # Errors
    /// When a file cannot be read.
    fn newest(
        &self,
        series: &[SeriesId],
        now: i64,
    ) -> Result<Vec<Option<NewestPoint>>, StoreError> {
        let newest = series.iter().map(|&id| newest_by_fetching(self, id, now));
        newest.collect()
    }

    /// What series take on disk, by the step of the archives; empty where an engine cannot tell.
    ///
    /// # Errors
    /// When a file cannot be read.
    fn usage(&self, _series: &[SeriesId]) -> Result<Vec<ArchiveUsage>, StoreError> {
        Ok(Vec::new())
    }

    /// The native engine, for those who copy whole histories by its bulk road.
    fn bulk(&self) -> Option<&strata::Strata> {
        None
    }

    /// Says whether a series of this name could be kept; asked before one is created.
    ///
    /// # Errors
    /// `BadName`.
    fn check_name(&self, _name: &str) -> Result<(), Refusal> {
        Ok(())
    }

    /// Writes out what waits in memory for a better moment, as far as there is time until `deadline`;
    /// nothing is lost of the rest. Called once, at the end, when no writer stores any more.
    fn drain(&self, _deadline: Instant) {}

    /// Makes everything stored so far survive a power loss. The caller has synced the catalog first.
    ///
    /// # Errors
    /// When a sync fails; the store is then poisoned.
    fn sync(&self) -> Result<(), StoreError>;

    /// How it is doing.
    fn health(&self) -> StoreHealth;

    /// Its counters.
    fn statistics(&self) -> StoreStatistics;
}

/// The newest point of a series, by reading each archive whole.
fn newest_by_fetching<S: Store + ?Sized>(
    store: &S,
    series: SeriesId,
    now: i64,
) -> Result<Option<NewestPoint>, StoreError> {
    let Some((retention, _)) = store.definition(series) else {
        return Ok(None);
    };
    for archive in retention.archives() {
        let range = TimeRange {
            from: now - archive.retention(),
            until: now,
            now,
        };
        let Some(fetched) = store.fetch(series, range)? else {
            continue;
        };
        // A coarser archive may know a point that came when it was too old for the finer one, but
        // then that is the newest one only where the finer has none.
        if let Some(slot) = fetched.values.iter().rposition(|value| !value.is_nan()) {
            let step = fetched.step;
            let slot = fetched.start + slot as i64 * i64::from(step);
            return Ok(Some(NewestPoint { slot, step }));
        }
    }
    Ok(None)
}

/// The writing half of one shard: owned by one worker thread.
pub trait ShardWriter: Send {
    /// Whether a series that nobody knows yet would be taken. Asked before the catalog gives it an id,
    /// so that a name which cannot have points is not found.
    ///
    /// # Errors
    /// Why not: a full disk refuses new series first.
    fn takes_new_series(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Makes a series known before its first point. At start-up every series of the catalog comes
    /// by here again.
    ///
    /// # Errors
    /// When the series' place cannot be made (a full disk refuses new series first).
    fn define(&mut self, series: &SeriesDefinition) -> Result<(), StoreError>;

    /// Stores one point; visible to fetches when it returns. The last value for a slot wins.
    ///
    /// # Errors
    /// `TooFarInFuture`, `TooOld`, `BadTimestamp` or `StoreRefused`.
    fn store(
        &mut self,
        series: SeriesId,
        timestamp: i64,
        value: f64,
        now: i64,
    ) -> Result<(), Refusal>;

    /// Lets go of series for good; they are not known any more when this returns, and what they hold
    /// is given back in the maintenance that follows. Their ids never come again. The caller has
    /// made the removal durable in the catalog, so that a crash in between leaves nobody who asks
    /// for them.
    fn forget(&mut self, series: &[SeriesId]);

    /// Does a slice of the work that follows the clock (opening rows, sealing, rollups, late points)
    /// and returns soon after `budget`. Called between batches and when the shard is idle.
    ///
    /// # Errors
    /// When a write fails; the store is then poisoned or refuses new series.
    fn maintain(&mut self, now: i64, budget: Duration) -> Result<Maintenance, StoreError>;
}

/// Whether a [`ShardWriter`] wants more time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Maintenance {
    /// Nothing is left to do until the clock moves or points come.
    Idle,
    /// There is more to do; call again soon.
    Pending,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn select(from: i64, until: i64) -> Option<Selection> {
        let retention = Retention::parse("10s:1h,1m:1d").unwrap();
        Selection::of(
            &retention,
            TimeRange {
                from,
                until,
                now: 100_000,
            },
        )
    }

    #[test]
    fn ends_are_rounded_down_and_moved_up_one_step() {
        let selection = select(99_995, 99_999).unwrap();
        assert_eq!((selection.start, selection.end), (100_000, 100_010));
        let selection = select(99_981, 99_999).unwrap();
        assert_eq!(
            (selection.start, selection.end, selection.slots()),
            (99_990, 100_000, 1)
        );
    }

    #[test]
    fn one_second_too_early_falls_to_the_coarser_archive() {
        assert_eq!(select(96_400, 100_000).unwrap().archive, 0);
        assert_eq!(select(96_399, 100_000).unwrap().archive, 1);
    }

    #[test]
    fn range_outside_the_retention_selects_nothing() {
        assert_eq!(select(0, 100), None);
        assert_eq!(select(100_001, 100_010), None);
        assert_eq!(select(99_000, 98_000), None);
    }
}

//! The bulk road: whole archives of many series, written straight as block files.
//!
//! `plumbago import` brings what Whisper files hold, and a change of retention what a series had under
//! its former id. Going point by point through the late log would roll up and merge the same windows
//! again and again; here each series is compressed once into each block that it belongs to, and
//! the values stay as they were brought: nothing is rolled up from them that they do not say.
//!
//! ```text
//! Importer::push -> batch (window by window) -> block files -> Importer::commit -> one manifest a group
//! ```
//!
//! Where values go, by archive. *Boundary* is `low` in the finest archive and `rolled` in a coarse one:
//!
//! | slots | series without any block | series with blocks |
//! |---|---|---|
//! | below the boundary | base blocks | patches |
//! | finest: up to the open rows | patches | patches |
//! | finest: open rows | answered as [`RecentPoint`]s, for the shard's writer | the same |
//! | coarse: from the boundary on | patches, where they differ from what is computed | the same |
//!
//! So bases of one series never overlap in time, and no patch covers a row that is still stored to.
//! A coarse window that the present lies in is always computed: it is still being written to.
//!
//! Crash argument: files are written and synced first, then one manifest a group names them all. A
//! batch that was not committed left files that no manifest names, which opening removes. A batch
//! that is committed once more finds its values there and writes nothing ([`Existing::Keep`]).
//!
//! Threads: any; several importers may work side by side, also beside writers and readers. The
//! group's `work` lock is held for the commit alone.

mod batch;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use self::batch::{Batch, KnownSeries};
use super::store::Strata;
use crate::metric::SeriesId;
use crate::storage::StoreError;

/// What becomes of a slot that has a value already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Existing {
    /// It keeps it.
    #[default]
    Keep,
    /// The imported value takes its place. Not beside background merging: a merge that is under way
    /// may bring the former value back.
    Replace,
}

/// The values of one archive of a series, a value a slot without gaps; NaN where there is none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ImportedArchive {
    /// The time of the first value, a multiple of the archive's step.
    pub start: i64,
    /// The values.
    pub values: Vec<f64>,
}

/// One series to be taken over. The store knows it by [`ShardWriter::define`] already.
///
/// [`ShardWriter::define`]: crate::storage::ShardWriter::define
#[derive(Clone, Debug, PartialEq)]
pub struct ImportedSeries {
    /// The catalog's number.
    pub id: SeriesId,
    /// True when the caller knows that the store has nothing of it, since its id has just been
    /// given; otherwise what is there is read first.
    pub is_new: bool,
    /// Its archives, finest first; missing ones at the end are empty.
    pub archives: Vec<ImportedArchive>,
}

/// A value that belongs in the ring, where the shard's writer alone may store.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RecentPoint {
    /// The series.
    pub id: SeriesId,
    /// The time of its slot.
    pub timestamp: i64,
    /// The value.
    pub value: f64,
}

/// What an import took.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Imported {
    /// Values written to blocks.
    pub points: u64,
    /// Values that were there already, or that are computed from finer ones all the same.
    pub points_there: u64,
    /// Values outside of the retention, or of the future.
    pub points_outside: u64,
    /// Values for the caller to give to [`ShardWriter::store`], oldest first for each series.
    ///
    /// [`ShardWriter::store`]: crate::storage::ShardWriter::store
    pub recent: Vec<RecentPoint>,
}

/// A run of series on their way into blocks.
///
/// Within one batch (from commit to commit) the ids of a group must ascend.
#[derive(Debug)]
pub struct Importer<'a> {
    store: &'a Strata,
    existing: Existing,
    now: i64,
    /// By group number: what is not committed.
    batches: BTreeMap<u16, Batch>,
    /// By group number: which series have blocks; made when it is first asked.
    known: BTreeMap<u16, KnownSeries>,
    imported: Imported,
}

impl Strata {
    /// An importer that judges ages from `now`.
    pub fn importer(&self, existing: Existing, now: i64) -> Importer<'_> {
        Importer {
            store: self,
            existing,
            now,
            batches: BTreeMap::new(),
            known: BTreeMap::new(),
            imported: Imported::default(),
        }
    }

    /// Takes over a few series at once; durable when it returns, but for the recent points.
    ///
    /// # Errors
    /// As [`Importer::push`] and [`Importer::commit`].
    pub fn import(
        &self,
        series: &[ImportedSeries],
        existing: Existing,
        now: i64,
    ) -> Result<Imported, StoreError> {
        let mut in_order: Vec<&ImportedSeries> = series.iter().collect();
        in_order.sort_by_key(|series| series.id);
        let mut importer = self.importer(existing, now);
        for series in in_order {
            importer.push(series)?;
        }
        importer.commit()
    }
}

impl Importer<'_> {
    /// Adds a series to the batch.
    ///
    /// # Errors
    /// When the store does not know the series, takes no more writes, a block cannot be read that may
    /// hold values of it, or a file cannot be written: nothing of the batch may count then.
    pub fn push(&mut self, series: &ImportedSeries) -> Result<(), StoreError> {
        self.store.shared.common.health.check()?;
        let Some((group, rollup)) = self.store.shared.group_of(series.id) else {
            return Err(StoreError::Io {
                path: self.store.shared.common.folder.clone(),
                action: "import a series that was not defined",
                source: std::io::ErrorKind::NotFound.into(),
            });
        };
        let number = group.place.number;
        let known = match series.is_new {
            true => self.known.get_mut(&number),
            false => Some(match self.known.entry(number) {
                Entry::Occupied(entry) => entry.into_mut(),
                Entry::Vacant(entry) => entry.insert(KnownSeries::of(&group)?),
            }),
        };
        let batch = match self.batches.entry(number) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(Batch::begin(group, self.now)?),
        };
        let has_blocks = match known {
            Some(known) => !known.add(series.id),
            None => false,
        };
        batch.push(
            series,
            rollup,
            has_blocks,
            self.existing,
            &mut self.imported,
        )
    }

    /// About how many bytes the batch holds in memory; the caller commits when they are too many.
    pub fn bytes_pending(&self) -> usize {
        self.batches
            .values()
            .map(Batch::bytes_pending)
            .sum::<usize>()
            + self.imported.recent.len() * size_of::<RecentPoint>()
    }

    /// Writes what is left of the batch and makes all of it count, durably. Answers what was taken
    /// since the last commit.
    ///
    /// The caller has synced the catalog before: blocks must not outlive the names of their series.
    ///
    /// # Errors
    /// When a file cannot be written. What another group has committed by then stays.
    pub fn commit(&mut self) -> Result<Imported, StoreError> {
        self.store.shared.refuse_when_full()?;
        for batch in std::mem::take(&mut self.batches).into_values() {
            batch.commit()?;
        }
        Ok(std::mem::take(&mut self.imported))
    }
}

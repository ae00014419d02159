//! Names to ids and back, the glob tree, and the tag index: where the two roads meet.
//!
//! Ingest's shard workers look names up in their own [`NameTable`]s and come here for new series
//! only; fetch and the API find by pattern and by tag; the store takes its ids from here and
//! indexes by them. Ids are dense from zero and are never given twice, so what a store still holds
//! of a removed series can never show up in another.
//!
//! Threads: a [`Catalog`] is shared and every method may be called from any thread. Changes are
//! made one at a time (`changes`), are written to the log first, and then take the write lock of
//! the index for the moment of the insertion. Questions take the read lock. `changes` is always
//! locked before `index`.

mod arena;
mod children;
mod chunked;
mod components;
mod definitions;
mod error;
mod find;
mod index;
mod name_table;
mod tags;
mod tree;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock};

use crate::metric::pattern::Pattern;
use crate::metric::{Retention, Rollup, SeriesId, name};
use crate::storage::SeriesDefinition;
use index::{Index, is_tagged};
use tags::Completion;

pub use error::{CatalogError, FindError, TagError};
pub use find::{FindOptions, FoundNode};
pub use index::RemovedSeries;
pub use name_table::NameTable;
pub use tags::{TagValue, TaggedSeries};

/// The longest name that the catalog takes, whatever the protocol's limit.
pub const NAME_BYTES_MAX: usize = 1 << 16;

/// How many definitions an iteration reads under one lock.
const ITERATION_CHUNK: u32 = 1_024;

/// All series: shared by every room.
pub struct Catalog {
    index: RwLock<Index>,
    changes: Mutex<Changes>,
    created: AtomicU64,
    removed: AtomicU64,
}

/// What is locked while a change is made.
struct Changes;

impl Catalog {
    /// A catalog that is kept nowhere: the index of the whisper engine, and for tests.
    pub fn in_memory() -> Self {
        Self {
            index: RwLock::new(Index::new()),
            changes: Mutex::new(Changes),
            created: AtomicU64::new(0),
            removed: AtomicU64::new(0),
        }
    }

    /// Makes a series known; it can be found as soon as this returns. A name that is known keeps
    /// its id and its definition. `hash` is [`name::hash`] of the canonical name.
    ///
    /// # Errors
    /// When the log cannot be written, a table is full, or the name is not canonical. Nothing has
    /// changed then, and trying again is fine.
    pub fn create(
        &self,
        canonical_name: &str,
        hash: u64,
        retention: &Arc<Retention>,
        rollup: Rollup,
    ) -> Result<SeriesId, CatalogError> {
        debug_assert_eq!(hash, name::hash(canonical_name.as_bytes()));
        let _changes = self.changes.lock();
        let known = {
            let index = self.index.read();
            if let Some(id) = index.id(canonical_name) {
                return Ok(id);
            }
            index.check_room(canonical_name)?;
            index.definitions.find(retention, rollup)
        };
        let definition = match known {
            Some(number) => number,
            None => self.add_definition(retention, rollup)?,
        };
        let id = self.index.write().insert(canonical_name, definition);
        self.created.fetch_add(1, Ordering::Relaxed);
        Ok(id)
    }

    fn add_definition(
        &self,
        retention: &Arc<Retention>,
        rollup: Rollup,
    ) -> Result<u16, CatalogError> {
        let mut index = self.index.write();
        if !index.definitions.has_room() {
            return Err(CatalogError::Full("too many distinct retentions"));
        }
        Ok(index.definitions.add(retention, rollup))
    }

    /// Takes series out of the catalog; answers how many of the ids there were. The workers'
    /// tables learn it from [`Catalog::removed_since`].
    ///
    /// # Errors
    /// When the log cannot be written; nothing has changed then.
    pub fn remove(&self, ids: &[SeriesId]) -> Result<usize, CatalogError> {
        let _changes = self.changes.lock();
        let count = self.index.write().remove(ids);
        self.removed.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }

    /// Gives series another retention and rollup; ids that are none are passed over.
    ///
    /// # Errors
    /// When the log cannot be written or there are too many distinct definitions; nothing has
    /// changed then.
    pub fn redefine(
        &self,
        ids: &[SeriesId],
        retention: &Arc<Retention>,
        rollup: Rollup,
    ) -> Result<(), CatalogError> {
        let _changes = self.changes.lock();
        let known = self.index.read().definitions.find(retention, rollup);
        let definition = match known {
            Some(number) => number,
            None => self.add_definition(retention, rollup)?,
        };
        self.index.write().redefine(ids, definition);
        Ok(())
    }

    /// Makes all changes so far survive a power loss; cheap when there are none.
    ///
    /// # Errors
    /// When the disk fails; the catalog then takes no more changes.
    pub fn sync(&self) -> Result<(), CatalogError> {
        Ok(())
    }

    /// The id of a canonical name, tagged or not.
    pub fn id(&self, canonical_name: &str) -> Option<SeriesId> {
        self.index.read().id(canonical_name)
    }

    /// The canonical name of a series.
    pub fn name(&self, id: SeriesId) -> Option<Arc<str>> {
        self.index.read().name(id)
    }

    /// The retention and rollup of a series.
    pub fn definition(&self, id: SeriesId) -> Option<(Arc<Retention>, Rollup)> {
        self.index.read().definition(id)
    }

    /// True when the id stands for a series.
    pub fn contains(&self, id: SeriesId) -> bool {
        self.index.read().contains(id)
    }

    /// All series in the order of their ids; those that come while it runs may be left out.
    pub fn definitions(&self) -> impl Iterator<Item = SeriesDefinition> {
        let end = self.next_id().0;
        let starts = (0..end).step_by(ITERATION_CHUNK as usize);
        starts.flat_map(move |start| {
            let index = self.index.read();
            let ids = start..end.min(start.saturating_add(ITERATION_CHUNK));
            let definitions = ids.filter_map(|id| {
                let id = SeriesId(id);
                let (retention, rollup) = index.definition(id)?;
                Some(SeriesDefinition {
                    id,
                    name: index.name(id)?,
                    retention,
                    rollup,
                })
            });
            definitions.collect::<Vec<_>>()
        })
    }

    /// The name tables of the shard workers, filled: a name is in table [`name::shard_of`].
    pub fn name_tables(&self, shards: usize) -> Vec<NameTable> {
        let mut tables: Vec<_> = (0..shards).map(|_| NameTable::new()).collect();
        for series in self.definitions() {
            let hash = name::hash(series.name.as_bytes());
            tables[name::shard_of(hash, shards)].insert(hash, &series.name, series.id);
        }
        tables
    }

    /// How many series there are.
    pub fn len(&self) -> usize {
        self.index.read().count()
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The id that the next series gets: all ids are below it.
    pub fn next_id(&self) -> SeriesId {
        self.index.read().next_id()
    }

    /// How many series were created since it was opened.
    pub fn created(&self) -> u64 {
        self.created.load(Ordering::Relaxed)
    }

    /// How many series were removed since it was opened. A worker compares it with what it saw
    /// last, which is cheap, and asks [`Catalog::removed_since`] when it differs.
    pub fn removed(&self) -> u64 {
        self.removed.load(Ordering::Relaxed)
    }

    /// The series removed since `seen` of them were; all workers are told of all.
    pub fn removed_since(&self, seen: u64) -> Vec<RemovedSeries> {
        let seen = usize::try_from(seen).unwrap_or(usize::MAX);
        self.index.read().removed_since(seen).to_vec()
    }

    /// The names that match a pattern, sorted by name, without repeats. A pattern with a `;` is
    /// the canonical name of a tagged series and is looked up as it stands.
    ///
    /// # Errors
    /// When the pattern or the answer passes a limit.
    pub fn find(&self, pattern: &str, options: FindOptions) -> Result<Vec<FoundNode>, FindError> {
        if is_tagged(pattern) {
            let series = self.id(pattern).map(|id| FoundNode {
                path: pattern.into(),
                series: Some(id),
            });
            return Ok(series.into_iter().collect());
        }
        let pattern = Pattern::parse(pattern)?;
        find::find(&self.index.read().tree, &pattern, options)
    }

    /// The names that pass all tag expressions, sorted: `seriesByTag` and `/tags/findSeries`.
    /// A name without a series has been registered by hand and has no points.
    ///
    /// # Errors
    /// When an expression cannot be read, or all of them match the empty string.
    pub fn find_series(&self, expressions: &[&str]) -> Result<Vec<TaggedSeries>, TagError> {
        let index = self.index.read();
        let mut found = index.tags.find(expressions)?;
        for entry in found.iter_mut().filter(|entry| entry.series.is_none()) {
            entry.series = index.id(&entry.name);
        }
        Ok(found)
    }

    /// The tags whose names match a regex (anchored at the start), sorted, at most `limit`.
    ///
    /// # Errors
    /// When the regex cannot be read.
    pub fn tags(&self, filter: Option<&str>, limit: usize) -> Result<Vec<String>, TagError> {
        self.index.read().tags.tags(filter, limit)
    }

    /// The values of a tag that match a regex (anchored at the start), sorted, at most `limit`,
    /// with how many names have each; `None` for an unknown tag.
    ///
    /// # Errors
    /// When the regex cannot be read.
    pub fn tag_values(
        &self,
        tag: &str,
        filter: Option<&str>,
        limit: usize,
    ) -> Result<Option<Vec<TagValue>>, TagError> {
        self.index.read().tags.values(tag, filter, limit)
    }

    /// Tags that start with `prefix`, sorted; with expressions only those that a matching name has
    /// and no expression speaks of.
    ///
    /// # Errors
    /// When an expression cannot be read, or all of them match the empty string.
    pub fn complete_tags(
        &self,
        expressions: &[&str],
        prefix: &str,
        limit: usize,
    ) -> Result<Vec<String>, TagError> {
        self.index.read().tags.complete_tags(Completion {
            expressions,
            prefix,
            limit,
        })
    }

    /// Values of a tag that start with `prefix`, sorted; with expressions only those that a
    /// matching name has.
    ///
    /// # Errors
    /// When an expression cannot be read.
    pub fn complete_values(
        &self,
        tag: &str,
        expressions: &[&str],
        prefix: &str,
        limit: usize,
    ) -> Result<Vec<String>, TagError> {
        let completion = Completion {
            expressions,
            prefix,
            limit,
        };
        self.index.read().tags.complete_values(tag, completion)
    }

    /// Puts a canonical name into the tag index, whether or not there are points for it
    /// (`/tags/tagSeries`).
    ///
    /// # Errors
    /// When the log cannot be written or the name is not canonical; nothing has changed then.
    pub fn tag_series(&self, canonical_name: &str) -> Result<(), CatalogError> {
        let _changes = self.changes.lock();
        self.index.read().check_room(canonical_name)?;
        self.index.write().tags.insert(canonical_name);
        Ok(())
    }

    /// Takes a canonical name out of the tag index (`/tags/delSeries`); a series that has it keeps
    /// its points and can be read by its name. True when it was there.
    ///
    /// # Errors
    /// When the log cannot be written; nothing has changed then.
    pub fn untag_series(&self, canonical_name: &str) -> Result<bool, CatalogError> {
        let _changes = self.changes.lock();
        let mut index = self.index.write();
        let entry = index.tags.entry(canonical_name);
        let entry = entry.filter(|&entry| index.tags.is_indexed(entry));
        if let Some(entry) = entry {
            index.tags.remove(&[entry]);
        }
        Ok(entry.is_some())
    }
}

#[cfg(test)]
mod tests;

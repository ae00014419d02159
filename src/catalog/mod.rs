//! Names to ids and back, the glob tree, and the tag index: where the two roads meet.
//!
//! Ingest's shard workers look names up in their own [`NameTable`]s and come here for new series
//! only; fetch and the API find by pattern and by tag; the store takes its ids from here and
//! indexes by them. Ids are dense from zero and are never given twice, so what a store still holds
//! of a removed series can never show up in another.
//!
//! On disk it is a log of changes and now and then a snapshot (`storage-format/catalog.md`). A
//! change is handed to the operating system before it is answered, so it outlives the process;
//! [`Catalog::sync`] makes it outlive the machine.
//!
//! Threads: a [`Catalog`] is shared and every method may be called from any thread. Changes are
//! made one at a time (`changes`), are written to the log first, and then take the write lock of
//! the index for the moment of the insertion. Questions take the read lock. A sync and a snapshot
//! work on the disk without holding up either. Locks are taken in the order of the fields below,
//! from the last to the first.

mod arena;
mod changes;
mod children;
mod chunked;
mod components;
mod definitions;
mod disk;
mod error;
mod files;
mod find;
mod index;
mod inspect;
mod journal;
mod name_table;
mod persistence;
mod recovery;
mod removals;
mod replay;
mod stored;
mod tags;
mod tree;
mod verify;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock};

use crate::metric::pattern::Pattern;
use crate::metric::{Retention, Rollup, SeriesId, name};
use crate::storage::SeriesDefinition;
use changes::Changes;
use index::{Index, is_tagged};
use tags::Completion;
use tree::NodeId;

pub use changes::MovedSeries;
pub use error::{CatalogError, FindError, TagError};
pub use find::{FindOptions, FoundNode};
pub use name_table::NameTable;
pub use recovery::OpenReport;
pub use removals::{RemovalsSeen, RemovedSeries};
pub use tags::{TagValue, TaggedSeries};
pub use verify::verify;

/// The longest name that the catalog takes, whatever the protocol's limit.
pub const NAME_BYTES_MAX: usize = u16::MAX as usize;

/// How many definitions an iteration reads under one lock.
const ITERATION_CHUNK: u32 = 1_024;

/// All series: shared by every room.
pub struct Catalog {
    index: RwLock<Index>,
    changes: Mutex<Changes>,
    /// Held by a sync, so that none answers before what it relies on is done.
    syncing: Mutex<()>,
    /// Held by a snapshot.
    snapshotting: Mutex<()>,
    created: AtomicU64,
    removed: AtomicU64,
    removed_durably: AtomicU64,
    /// What was found damaged when it was opened.
    damaged: Vec<(PathBuf, String)>,
}

impl Catalog {
    /// A catalog that is kept nowhere, for tests and for engines with names of their own.
    pub fn in_memory() -> Self {
        Self {
            index: RwLock::new(Index::new()),
            changes: Mutex::new(Changes::default()),
            syncing: Mutex::new(()),
            snapshotting: Mutex::new(()),
            created: AtomicU64::new(0),
            removed: AtomicU64::new(0),
            removed_durably: AtomicU64::new(0),
            damaged: Vec::new(),
        }
    }

    /// Files that were found damaged when it was opened, and those that earlier starts set aside:
    /// path and reason.
    pub fn damaged(&self) -> &[(PathBuf, String)] {
        &self.damaged
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

    /// The names that were registered by hand (`/tags/tagSeries`) and have no series yet.
    pub fn registered_names(&self) -> Vec<String> {
        let index = self.index.read();
        index.tags.registered_only().map(str::to_owned).collect()
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
    /// last, which is cheap, and asks [`Catalog::removed_after`] when it differs.
    pub fn removed(&self) -> u64 {
        self.removed.load(Ordering::Relaxed)
    }

    /// How many of these removals no power loss can undo any more. Only then may a store let go of
    /// what it has of the series.
    pub fn removed_durably(&self) -> u64 {
        self.removed_durably.load(Ordering::Acquire)
    }

    /// Follows the removals from here on.
    pub fn follow_removals(&self) -> RemovalsSeen {
        self.index.write().removals.follow()
    }

    /// The series removed after those that `seen` stands for, which then stands for them too. All
    /// followers are told of all.
    pub fn removed_after(&self, seen: &mut RemovalsSeen) -> Vec<RemovedSeries> {
        let before = seen.count();
        let removed = self.removed_since(before);
        seen.advance(before + removed.len() as u64);
        removed
    }

    /// How many removals all followers have seen.
    pub fn removals_followed(&self) -> u64 {
        self.index.read().removals.seen_by_all()
    }

    fn removed_since(&self, seen: u64) -> Vec<RemovedSeries> {
        let seen = usize::try_from(seen).unwrap_or(usize::MAX);
        self.index.read().removals.since(seen)
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
        find::find(&self.index, &pattern, options)
    }

    /// Series whose names go on behind `branch` and a dot, in no order, at most `limit`. The lock is held
    /// meanwhile.
    pub fn series_below(&self, branch: &str, limit: usize) -> Vec<SeriesId> {
        let index = self.index.read();
        let node = match branch {
            "" => Some(NodeId::ROOT),
            branch => index.tree.node(branch),
        };
        let found = node.map(|node| index.tree.series_below(node, limit));
        found.into_iter().flatten().map(SeriesId).collect()
    }

    /// What [`Catalog::find_series`] gives, or `None` when it were more than `limit` names.
    ///
    /// # Errors
    /// When an expression cannot be read, or all of them match the empty string.
    pub fn find_series_within(
        &self,
        expressions: &[&str],
        limit: usize,
    ) -> Result<Option<Vec<TaggedSeries>>, TagError> {
        let index = self.index.read();
        let Some(mut found) = index.tags.find(expressions, limit)? else {
            return Ok(None);
        };
        for entry in found.iter_mut().filter(|entry| entry.series.is_none()) {
            entry.series = index.id(&entry.name);
        }
        Ok(Some(found))
    }

    /// The names that pass all tag expressions, sorted: `seriesByTag` and `/tags/findSeries`.
    /// A name without a series has been registered by hand and has no points.
    ///
    /// # Errors
    /// When an expression cannot be read, or all of them match the empty string.
    pub fn find_series(&self, expressions: &[&str]) -> Result<Vec<TaggedSeries>, TagError> {
        let found = self.find_series_within(expressions, usize::MAX)?;
        Ok(found.unwrap_or_default())
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
}

#[cfg(test)]
mod tests;

//! Everything the catalog knows, in memory: the tree, the tag index, and what each id stands for.
//!
//! [`super::Catalog`] holds it behind a lock; nothing here does input or output.

use std::sync::Arc;

use super::changes::MovedSeries;
use super::chunked::Chunked;
use super::definitions::Definitions;
use super::error::CatalogError;
use super::removals::{Removals, RemovedSeries};
use super::tags::TagIndex;
use super::tree::{NodeId, Tree};
use crate::metric::{Retention, Rollup, SeriesId, name};

/// Where a series is: a node of the tree, or, with this bit, an entry of the tag index.
const TAGGED: u32 = 1 << 31;
/// The place of an id without a series.
const GONE: u32 = u32::MAX;
/// Ids end here, so that the number above can stand for 'none'.
const IDS_MAX: u32 = u32::MAX - 1;

#[derive(Clone, Copy)]
struct Slot {
    place: u32,
    definition: u16,
}

/// How a claim to an id went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Claim {
    /// The name has the id now.
    Given,
    /// The name has it already, or has a later one.
    Held,
    /// Another name has it.
    Taken,
}

/// The catalog's content.
pub(super) struct Index {
    pub(super) tree: Tree,
    pub(super) tags: TagIndex,
    pub(super) definitions: Definitions,
    slots: Chunked<Slot>,
    count: usize,
    pub(super) removals: Removals,
}

impl Index {
    pub(super) fn new() -> Self {
        Self {
            tree: Tree::new(),
            tags: TagIndex::default(),
            definitions: Definitions::default(),
            slots: Chunked::default(),
            count: 0,
            removals: Removals::default(),
        }
    }

    /// The id of a canonical name.
    pub(super) fn id(&self, canonical_name: &str) -> Option<SeriesId> {
        if is_tagged(canonical_name) {
            let entry = self.tags.entry(canonical_name)?;
            return self.tags.series(entry);
        }
        let node = self.tree.node(canonical_name)?;
        self.tree.series(node).map(SeriesId)
    }

    /// The id that the next series gets.
    pub(super) fn next_id(&self) -> SeriesId {
        SeriesId(self.slots.len() as u32)
    }

    /// How many series there are.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Says whether a new name fits; after a yes [`Index::insert`] cannot fail.
    pub(super) fn check_room(&self, canonical_name: &str) -> Result<(), CatalogError> {
        check_name(canonical_name)?;
        if self.next_id().0 >= IDS_MAX {
            return Err(CatalogError::Full("all ids have been given"));
        }
        let has_room = if is_tagged(canonical_name) {
            self.tags.has_room()
        } else {
            self.tree.has_room(canonical_name)
        };
        match has_room {
            true => Ok(()),
            false => Err(CatalogError::Full("the table of names holds no more")),
        }
    }

    /// Gives a name the id that a snapshot or a log says it has.
    pub(super) fn claim(
        &mut self,
        id: SeriesId,
        canonical_name: &str,
        definition: u16,
    ) -> Result<Claim, CatalogError> {
        self.check_room(canonical_name)?;
        if id.0 >= IDS_MAX {
            return Err(CatalogError::Full("the id is beyond the last"));
        }
        if id < self.next_id() {
            match self.name(id) {
                Some(name) if *name == *canonical_name => return Ok(Claim::Held),
                Some(_) => return Ok(Claim::Taken),
                None if self.id(canonical_name) > Some(id) => return Ok(Claim::Held),
                None => {}
            }
        }
        self.skip_to(SeriesId(id.0 + 1));
        let (place, previous) = self.put(canonical_name, id);
        if let Some(previous) = previous {
            self.slots[previous.index()].place = GONE;
            self.count -= 1;
        }
        self.slots[id.index()] = Slot { place, definition };
        self.count += 1;
        Ok(Claim::Given)
    }

    /// Gives the next id to a name that has none.
    pub(super) fn insert(&mut self, canonical_name: &str, definition: u16) -> SeriesId {
        let id = self.next_id();
        let (place, _) = self.put(canonical_name, id);
        self.slots.push(Slot { place, definition });
        self.count += 1;
        id
    }

    /// Puts a name into the tree or the tag index; answers its place and the series it had.
    fn put(&mut self, canonical_name: &str, id: SeriesId) -> (u32, Option<SeriesId>) {
        if is_tagged(canonical_name) {
            let entry = self.tags.insert(canonical_name);
            let previous = self.tags.series(entry);
            self.tags.set_series(entry, Some(id));
            (entry | TAGGED, previous)
        } else {
            let (node, previous) = self.tree.insert(canonical_name, id.0);
            (node.0, previous.map(SeriesId))
        }
    }

    /// Passes over ids that are not to be given.
    pub(super) fn skip_to(&mut self, next: SeriesId) {
        while self.next_id() < next {
            self.slots.push(Slot {
                place: GONE,
                definition: 0,
            });
        }
    }

    /// True when the id stands for a series.
    pub(super) fn contains(&self, id: SeriesId) -> bool {
        self.slot(id).is_some()
    }

    fn slot(&self, id: SeriesId) -> Option<Slot> {
        let slot = self.slots.get(id.index()).copied();
        slot.filter(|slot| slot.place != GONE)
    }

    /// The canonical name of a series.
    pub(super) fn name(&self, id: SeriesId) -> Option<Arc<str>> {
        let place = self.slot(id)?.place;
        Some(match place & TAGGED {
            0 => self.tree.name(NodeId(place)).into(),
            _ => self.tags.name(place & !TAGGED),
        })
    }

    /// The retention and rollup of a series.
    pub(super) fn definition(&self, id: SeriesId) -> Option<(Arc<Retention>, Rollup)> {
        self.definitions.get(self.slot(id)?.definition).cloned()
    }

    /// Gives series another definition; ids that are none are passed over.
    pub(super) fn redefine(&mut self, ids: &[SeriesId], definition: u16) {
        for &id in ids {
            if self.contains(id) {
                self.slots[id.index()].definition = definition;
            }
        }
    }

    /// Takes series out; answers how many there were.
    pub(super) fn remove(&mut self, ids: &[SeriesId]) -> usize {
        let mut nodes = Vec::new();
        let mut entries = Vec::new();
        let before = self.count;
        for &id in ids {
            let Some(canonical_name) = self.name(id) else {
                continue;
            };
            let hash = name::hash(canonical_name.as_bytes());
            self.removals.push(RemovedSeries {
                id,
                hash,
                has_moved: false,
            });
            let place = std::mem::replace(&mut self.slots[id.index()].place, GONE);
            self.count -= 1;
            if place & TAGGED == 0 {
                nodes.push(NodeId(place));
                entries.extend(self.tags.entry(&canonical_name));
            } else {
                self.tags.set_series(place & !TAGGED, None);
                entries.push(place & !TAGGED);
            }
        }
        self.tree.remove(nodes);
        self.tags.remove(&entries);
        self.removals.trim();
        before - self.count
    }

    /// How many series have been removed: while it stays, nodes of the tree mean what they meant.
    pub(super) fn removals(&self) -> usize {
        self.removals.count()
    }

    /// Forgets what was removed while it was built.
    pub(super) fn forget_removed(&mut self) {
        self.removals.clear();
    }

    /// What a snapshot says of a series.
    pub(super) fn stored(&self, id: SeriesId) -> Option<(Arc<str>, u16, bool)> {
        let slot = self.slot(id)?;
        let is_unregistered =
            slot.place & TAGGED != 0 && !self.tags.is_indexed(slot.place & !TAGGED);
        Some((self.name(id)?, slot.definition, is_unregistered))
    }

    /// Gives a series another id, below the next one, and another definition.
    pub(super) fn rebind(&mut self, moves: &[MovedSeries], definition: u16) {
        for &MovedSeries { from, to } in moves {
            let Some(canonical_name) = self.name(from) else {
                continue;
            };
            let (place, previous) = self.put(&canonical_name, to);
            debug_assert_eq!(previous, Some(from));
            self.slots[from.index()].place = GONE;
            self.slots[to.index()] = Slot { place, definition };
            self.removals.push(RemovedSeries {
                id: from,
                hash: name::hash(canonical_name.as_bytes()),
                has_moved: true,
            });
        }
        self.removals.trim();
    }
}

/// True for a name that goes to the tag index and not to the tree.
pub(super) fn is_tagged(canonical_name: &str) -> bool {
    canonical_name.contains(';')
}

fn check_name(canonical_name: &str) -> Result<(), CatalogError> {
    let metric = canonical_name.split(';').next().unwrap_or_default();
    let is_good = canonical_name.len() <= super::NAME_BYTES_MAX
        && !metric.is_empty()
        && (is_tagged(canonical_name) || !canonical_name.split('.').any(str::is_empty));
    match is_good {
        true => Ok(()),
        false => {
            let start = canonical_name.chars().take(200).collect();
            Err(CatalogError::BadName(start))
        }
    }
}

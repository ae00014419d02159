//! Changes: each is written to the log, and only then made in memory.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use plumbago_storage_format::catalog::Record;

use super::Catalog;
use super::error::CatalogError;
use super::index::Index;
use super::journal::Journal;
use super::stored::to_stored;
use crate::metric::{Retention, Rollup, SeriesId, name};

/// What is locked while a change is made.
#[derive(Default)]
pub(super) struct Changes {
    /// Where changes are written; `None` for a catalog in memory only.
    pub(super) journal: Option<Journal>,
    /// Room to put records together.
    frames: Vec<u8>,
}

/// A series that gets another id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MovedSeries {
    /// The id it has.
    pub from: SeriesId,
    /// The id it gets, which [`Catalog::reserve`] has given.
    pub to: SeriesId,
}

/// A definition's number, and whether no series has had it yet.
struct Numbered {
    number: u16,
    is_new: bool,
}

impl Catalog {
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
        let mut changes = self.changes.lock();
        let (next_id, definition) = {
            let index = self.index.read();
            if let Some(id) = index.id(canonical_name) {
                return Ok(id);
            }
            index.check_room(canonical_name)?;
            (index.next_id(), numbered(&index, retention, rollup)?)
        };
        changes.reserve(next_id)?;
        changes.write(|frames| {
            define(&definition, retention, rollup, frames);
            let record = Record::Create {
                id: next_id.0,
                definition: definition.number,
                name: canonical_name,
            };
            record.put(frames);
        })?;
        let mut index = self.index.write();
        if definition.is_new {
            index.definitions.set(definition.number, retention, rollup);
        }
        let id = index.insert(canonical_name, definition.number);
        self.created.fetch_add(1, Ordering::Relaxed);
        Ok(id)
    }

    /// Takes series out of the catalog; answers how many of the ids there were. The workers'
    /// tables learn it from [`Catalog::removed_after`].
    ///
    /// # Errors
    /// When the log cannot be written; nothing has changed then.
    pub fn remove(&self, ids: &[SeriesId]) -> Result<usize, CatalogError> {
        let mut changes = self.changes.lock();
        let ids = self.known(ids);
        changes.write(|frames| {
            for id in &ids {
                Record::Remove { id: id.0 }.put(frames);
            }
        })?;
        let count = self.index.write().remove(&ids);
        self.removed.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }

    /// Gives `count` ids to the caller, durably: no series that is created gets one. They are the
    /// caller's for [`Catalog::rebind`], or are wasted.
    ///
    /// # Errors
    /// When the log cannot be written or there are no more ids; nothing has changed then.
    pub fn reserve(&self, count: usize) -> Result<Vec<SeriesId>, CatalogError> {
        let mut changes = self.changes.lock();
        let first = self.index.read().next_id();
        let end = u32::try_from(count).ok();
        let end = end.and_then(|count| first.0.checked_add(count));
        let end = end.filter(|&end| end < u32::MAX - 1);
        let end = end.ok_or(CatalogError::Full("all ids have been given"))?;
        if end > first.0 {
            changes.reserve(SeriesId(end - 1))?;
            self.index.write().skip_to(SeriesId(end));
        }
        Ok((first.0..end).map(SeriesId).collect())
    }

    /// Gives series another id and another definition, each in one step that a crash cannot halve;
    /// what a store has under the former id belongs to nobody then. Ids that are no series' are
    /// passed over. Followers of removals see the former ids go.
    ///
    /// On disk it is a *create* of a name that is there: the higher id has it (`catalog.md`).
    ///
    /// # Errors
    /// When the log cannot be written or there are too many distinct definitions; nothing has
    /// changed then.
    pub fn rebind(
        &self,
        moves: &[MovedSeries],
        retention: &Arc<Retention>,
        rollup: Rollup,
    ) -> Result<usize, CatalogError> {
        let mut changes = self.changes.lock();
        let (definition, named) = {
            let index = self.index.read();
            let named = moves.iter().filter_map(|&moved| {
                let (name, _, is_unregistered) = index.stored(moved.from)?;
                Some((moved, name, is_unregistered))
            });
            let named: Vec<_> = named.collect();
            (numbered(&index, retention, rollup)?, named)
        };
        changes.write(|frames| {
            define(&definition, retention, rollup, frames);
            for (moved, name, is_unregistered) in &named {
                let record = Record::Create {
                    id: moved.to.0,
                    definition: definition.number,
                    name,
                };
                record.put(frames);
                if *is_unregistered {
                    Record::Unregister { name }.put(frames);
                }
            }
        })?;
        let mut index = self.index.write();
        if definition.is_new {
            index.definitions.set(definition.number, retention, rollup);
        }
        let moves: Vec<MovedSeries> = named.iter().map(|(moved, _, _)| *moved).collect();
        index.rebind(&moves, definition.number);
        for (_, name, _) in named
            .iter()
            .filter(|(_, _, is_unregistered)| *is_unregistered)
        {
            if let Some(entry) = index.tags.entry(name) {
                index.tags.remove(&[entry]);
            }
        }
        self.removed
            .fetch_add(moves.len() as u64, Ordering::Relaxed);
        Ok(moves.len())
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
        let mut changes = self.changes.lock();
        let ids = self.known(ids);
        let definition = numbered(&self.index.read(), retention, rollup)?;
        changes.write(|frames| {
            define(&definition, retention, rollup, frames);
            for id in &ids {
                let record = Record::Redefine {
                    id: id.0,
                    definition: definition.number,
                };
                record.put(frames);
            }
        })?;
        let mut index = self.index.write();
        if definition.is_new {
            index.definitions.set(definition.number, retention, rollup);
        }
        index.redefine(&ids, definition.number);
        Ok(())
    }

    /// Puts a canonical name into the tag index, whether or not there are points for it
    /// (`/tags/tagSeries`).
    ///
    /// # Errors
    /// When the log cannot be written or the name is not canonical; nothing has changed then.
    pub fn tag_series(&self, canonical_name: &str) -> Result<(), CatalogError> {
        let mut changes = self.changes.lock();
        {
            let index = self.index.read();
            let entry = index.tags.entry(canonical_name);
            if entry.is_some_and(|entry| index.tags.is_indexed(entry)) {
                return Ok(());
            }
            index.check_room(canonical_name)?;
        }
        let name = canonical_name;
        changes.write(|frames| Record::Register { name }.put(frames))?;
        self.index.write().tags.insert(canonical_name);
        Ok(())
    }

    /// Takes a canonical name out of the tag index (`/tags/delSeries`); a series that has it keeps
    /// its points and can be read by its name. True when it was there.
    ///
    /// # Errors
    /// When the log cannot be written; nothing has changed then.
    pub fn untag_series(&self, canonical_name: &str) -> Result<bool, CatalogError> {
        let mut changes = self.changes.lock();
        let entry = {
            let tags = &self.index.read().tags;
            tags.entry(canonical_name)
                .filter(|&entry| tags.is_indexed(entry))
        };
        let Some(entry) = entry else {
            return Ok(false);
        };
        let name = canonical_name;
        changes.write(|frames| Record::Unregister { name }.put(frames))?;
        self.index.write().tags.remove(&[entry]);
        Ok(true)
    }

    /// Those of the ids that stand for a series, each once.
    fn known(&self, ids: &[SeriesId]) -> Vec<SeriesId> {
        let index = self.index.read();
        let known = ids.iter().copied().filter(|&id| index.contains(id));
        let mut known: Vec<_> = known.collect();
        known.sort_unstable();
        known.dedup();
        known
    }
}

impl Changes {
    /// Hands records to the operating system, all or none of them.
    fn write(&mut self, put: impl FnOnce(&mut Vec<u8>)) -> Result<(), CatalogError> {
        let Some(journal) = &mut self.journal else {
            return Ok(());
        };
        self.frames.clear();
        put(&mut self.frames);
        if self.frames.is_empty() {
            return Ok(());
        }
        let written = journal.append(&self.frames);
        // A removal of millions should not keep its room for ever.
        self.frames.shrink_to(1 << 16);
        written
    }

    /// Makes sure that an id was durably reserved before it is given.
    fn reserve(&mut self, id: SeriesId) -> Result<(), CatalogError> {
        match &mut self.journal {
            Some(journal) => journal.reserve(id.0),
            None => Ok(()),
        }
    }
}

/// The number of a definition, the next one when it is new.
fn numbered(
    index: &Index,
    retention: &Arc<Retention>,
    rollup: Rollup,
) -> Result<Numbered, CatalogError> {
    let definitions = &index.definitions;
    if let Some(number) = definitions.find(retention, rollup) {
        return Ok(Numbered {
            number,
            is_new: false,
        });
    }
    if !definitions.has_room() {
        return Err(CatalogError::Full("too many distinct retentions"));
    }
    Ok(Numbered {
        number: definitions.next_number(),
        is_new: true,
    })
}

/// Puts the record of a definition, if it is new.
fn define(definition: &Numbered, retention: &Retention, rollup: Rollup, frames: &mut Vec<u8>) {
    if definition.is_new {
        let record = Record::Definition {
            number: definition.number,
            definition: to_stored(retention, rollup),
        };
        record.put(frames);
    }
}

//! Building the index from what a snapshot and a log say.
//!
//! A snapshot is taken while changes go on, so the log behind it begins with changes that it may
//! hold already, in part. All of this is therefore idempotent: what is there already is passed
//! over, and where two series claim one name the one created later has it.

use std::sync::Arc;

use plumbago_storage_format::catalog::{Definition, Record, SeriesEntry};

use super::index::{Claim, Index};
use super::stored::from_stored;
use crate::metric::SeriesId;

/// An index that is being built.
pub(super) struct Replay {
    index: Index,
    reserved: u32,
    /// Removals gather, since taking many out of one branch at once is much cheaper.
    removed: Vec<SeriesId>,
}

impl Default for Replay {
    fn default() -> Self {
        Self {
            index: Index::new(),
            reserved: 0,
            removed: Vec::new(),
        }
    }
}

impl Replay {
    /// Makes a change; the error says why it makes no sense.
    pub(super) fn apply(&mut self, record: Record<'_>) -> Result<(), String> {
        if let Record::Remove { id } = record {
            self.removed.push(SeriesId(id));
            return Ok(());
        }
        self.flush();
        match record {
            Record::Definition { number, definition } => self.define(number, &definition),
            Record::Create {
                id,
                definition,
                name,
            } => self.load(SeriesEntry {
                id,
                definition,
                is_unregistered: false,
                name,
            }),
            Record::Redefine { id, definition } => {
                self.check_definition(definition)?;
                self.index.redefine(&[SeriesId(id)], definition);
                Ok(())
            }
            Record::Register { name } => self.register(name),
            Record::Unregister { name } => {
                if let Some(entry) = self.index.tags.entry(name) {
                    self.index.tags.remove(&[entry]);
                }
                Ok(())
            }
            Record::Reserve { next } => {
                self.reserved = next;
                Ok(())
            }
            Record::Remove { .. } => Ok(()),
        }
    }

    /// Makes the removals that have gathered.
    pub(super) fn flush(&mut self) {
        if !self.removed.is_empty() {
            let removed = std::mem::take(&mut self.removed);
            self.index.remove(&removed);
        }
    }

    /// Gives a definition its number.
    pub(super) fn define(&mut self, number: u16, definition: &Definition) -> Result<(), String> {
        let (retention, rollup) = from_stored(definition)?;
        let definitions = &mut self.index.definitions;
        definitions.set(number, &Arc::new(retention), rollup);
        Ok(())
    }

    fn check_definition(&self, number: u16) -> Result<(), String> {
        match self.index.definitions.is_known(number) {
            true => Ok(()),
            false => Err(format!(
                "a series refers to definition {number}, which is not there"
            )),
        }
    }

    /// Puts a series where it says that it is.
    pub(super) fn load(&mut self, entry: SeriesEntry<'_>) -> Result<(), String> {
        self.check_definition(entry.definition)?;
        let id = SeriesId(entry.id);
        let claim = self.index.claim(id, entry.name, entry.definition);
        match claim.map_err(|error| error.to_string())? {
            Claim::Taken => {
                return Err(format!(
                    "two names claim id {}: \"{}\" is left out",
                    id.0, entry.name
                ));
            }
            Claim::Held | Claim::Given => {}
        }
        if entry.is_unregistered
            && let Some(tagged) = self.index.tags.entry(entry.name)
        {
            self.index.tags.remove(&[tagged]);
        }
        Ok(())
    }

    /// Puts a name into the tag index.
    pub(super) fn register(&mut self, name: &str) -> Result<(), String> {
        self.index
            .check_room(name)
            .map_err(|error| error.to_string())?;
        self.index.tags.insert(name);
        Ok(())
    }

    /// Says that ids below `next` are not to be given.
    pub(super) fn reserve(&mut self, next: u32) {
        self.reserved = next;
    }

    /// The index, and the first id that may be given.
    pub(super) fn finish(mut self) -> (Index, u32) {
        self.flush();
        self.index.skip_to(SeriesId(self.reserved));
        self.index.forget_removed();
        let next_id = self.index.next_id().0;
        (self.index, next_id)
    }
}

//! The tag index: tag -> value -> series, and the questions that the tag endpoints ask.
//!
//! Only series with tags are in it, and names that were registered by hand (`/tags/tagSeries`)
//! whether or not points came for them. An *entry* is such a name; entries are numbered in the
//! order they come, so the lists of a value are sorted by themselves.

mod complete;
mod expression;
mod find;

use std::collections::BTreeMap;
use std::sync::Arc;

use hashbrown::HashTable;

use crate::metric::{SeriesId, name};

pub(super) use complete::Completion;
pub use complete::TagValue;

/// The number of an entry.
type EntryId = u32;

/// A name in the index.
struct Entry {
    name: Arc<str>,
    /// The series with this name, once there is one.
    series: Option<SeriesId>,
    /// True while the expressions see it.
    is_indexed: bool,
}

/// The values of one tag.
#[derive(Default)]
struct Values {
    by_value: BTreeMap<Box<str>, Vec<EntryId>>,
    /// All entries that have the tag.
    present: Vec<EntryId>,
}

/// Names by their tags.
#[derive(Default)]
pub(super) struct TagIndex {
    entries: Vec<Entry>,
    by_name: HashTable<EntryId>,
    tags: BTreeMap<Box<str>, Values>,
}

/// A name that the expressions chose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaggedSeries {
    /// The canonical name.
    pub name: Arc<str>,
    /// The series; `None` for a name that was registered by hand and has no points.
    pub series: Option<SeriesId>,
}

impl TaggedSeries {
    /// Its tags and values, `name` first.
    pub fn tags(&self) -> impl Iterator<Item = (&str, &str)> {
        pairs(&self.name)
    }
}

impl TagIndex {
    /// True when another name fits.
    pub(super) fn has_room(&self) -> bool {
        self.entries.len() < (u32::MAX >> 1) as usize
    }

    /// Puts a canonical name into the index; answers its entry, which never changes.
    pub(super) fn insert(&mut self, canonical_name: &str) -> u32 {
        let id = self.entry_or_new(canonical_name);
        if !self.entries[id as usize].is_indexed {
            self.entries[id as usize].is_indexed = true;
            for (tag, value) in pairs(canonical_name) {
                let values = get_or_new(&mut self.tags, tag);
                add(get_or_new(&mut values.by_value, value), id);
                add(&mut values.present, id);
            }
        }
        id
    }

    fn entry_or_new(&mut self, canonical_name: &str) -> EntryId {
        let hash = name::hash(canonical_name.as_bytes());
        if let Some(id) = self.entry(canonical_name) {
            return id;
        }
        let id = self.entries.len() as EntryId;
        self.entries.push(Entry {
            name: canonical_name.into(),
            series: None,
            is_indexed: false,
        });
        let entries = &self.entries;
        self.by_name.insert_unique(hash, id, |&id| {
            name::hash(entries[id as usize].name.as_bytes())
        });
        id
    }

    /// The entry of a name.
    pub(super) fn entry(&self, canonical_name: &str) -> Option<u32> {
        let hash = name::hash(canonical_name.as_bytes());
        let same = |&id: &EntryId| *self.entries[id as usize].name == *canonical_name;
        self.by_name.find(hash, same).copied()
    }

    /// The series of an entry.
    pub(super) fn series(&self, entry: u32) -> Option<SeriesId> {
        self.entries[entry as usize].series
    }

    /// The name of an entry.
    pub(super) fn name(&self, entry: u32) -> Arc<str> {
        self.entries[entry as usize].name.clone()
    }

    /// True when the expressions see the entry.
    pub(super) fn is_indexed(&self, entry: u32) -> bool {
        self.entries[entry as usize].is_indexed
    }

    /// Says which series has the entry's name.
    pub(super) fn set_series(&mut self, entry: u32, series: Option<SeriesId>) {
        self.entries[entry as usize].series = series;
    }

    /// Takes entries out of the index; names without a series are forgotten.
    pub(super) fn remove(&mut self, gone: &[u32]) {
        let mut by_pair: BTreeMap<(Box<str>, Box<str>), Vec<EntryId>> = BTreeMap::new();
        for &id in gone {
            let entry = &mut self.entries[id as usize];
            if std::mem::take(&mut entry.is_indexed) {
                for (tag, value) in pairs(&entry.name) {
                    let pair = (tag.into(), value.into());
                    by_pair.entry(pair).or_default().push(id);
                }
            }
            self.forget_without_series(id);
        }
        for ((tag, value), ids) in by_pair {
            self.remove_pair(&tag, &value, ids);
        }
    }

    fn forget_without_series(&mut self, id: EntryId) {
        let entry = &mut self.entries[id as usize];
        if entry.series.is_some() {
            return;
        }
        let hash = name::hash(entry.name.as_bytes());
        if let Ok(found) = self.by_name.find_entry(hash, |&other| other == id) {
            found.remove();
        }
        entry.name = Arc::from("");
    }

    fn remove_pair(&mut self, tag: &str, value: &str, mut ids: Vec<EntryId>) {
        ids.sort_unstable();
        let Some(values) = self.tags.get_mut(tag) else {
            return;
        };
        let keep = |id: &EntryId| ids.binary_search(id).is_err();
        values.present.retain(keep);
        if let Some(list) = values.by_value.get_mut(value) {
            list.retain(keep);
            if list.is_empty() {
                values.by_value.remove(value);
            }
        }
        if values.present.is_empty() {
            self.tags.remove(tag);
        }
    }

    /// The names that have no series, for the snapshot.
    pub(super) fn registered_only(&self) -> impl Iterator<Item = &str> {
        let entries = self.entries.iter();
        let only = entries.filter(|entry| entry.series.is_none() && entry.is_indexed);
        only.map(|entry| &*entry.name)
    }
}

/// What a map has for a key, new or known; the key is copied only when it is new.
fn get_or_new<'m, T: Default>(map: &'m mut BTreeMap<Box<str>, T>, key: &str) -> &'m mut T {
    if !map.contains_key(key) {
        map.insert(key.into(), T::default());
    }
    map.get_mut(key)
        .expect("it was just looked for or inserted")
}

/// Keeps a list sorted; the newest entry goes to its end.
fn add(list: &mut Vec<EntryId>, id: EntryId) {
    if list.last().is_none_or(|&last| last < id) {
        list.push(id);
    } else if let Err(place) = list.binary_search(&id) {
        list.insert(place, id);
    }
}

/// The tags of a canonical name, `name` among them, whose value loses leading tildes as in the
/// reference.
pub(super) fn pairs(canonical_name: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut parts = canonical_name.split(';');
    let metric = parts.next().unwrap_or_default().trim_start_matches('~');
    let tags = parts.filter_map(|part| part.split_once('='));
    std::iter::once(("name", metric)).chain(tags)
}

#[cfg(test)]
mod tests;

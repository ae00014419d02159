//! A shard worker's own table of the names it has seen: no locks, no sharing.
//!
//! The worker fills it from [`super::Catalog::name_tables`] at start and adds what it creates.
//! A lookup touches the table and the name, nothing else. The table is cut into many small ones
//! by the hash, so that growing one never stops the worker for long.

use hashbrown::HashTable;

use super::arena::Arena;
use crate::metric::{SeriesId, name};

const PARTS: usize = 64;
/// An id as seven-bit digits: what keeps the arena's text valid.
const ID_BYTES: usize = 5;

/// Names to ids, owned by one thread.
pub struct NameTable {
    parts: Vec<HashTable<u32>>,
    names: Arena,
}

impl Default for NameTable {
    fn default() -> Self {
        Self::new()
    }
}

impl NameTable {
    /// An empty table.
    pub fn new() -> Self {
        Self {
            parts: (0..PARTS).map(|_| HashTable::new()).collect(),
            names: Arena::default(),
        }
    }

    /// The id of a canonical name. `hash` is [`name::hash`] of it.
    #[inline]
    pub fn lookup(&self, hash: u64, name: &[u8]) -> Option<SeriesId> {
        let part = &self.parts[part_of(hash)];
        let found = part.find(hash, |&place| {
            self.names.get(place).as_bytes()[ID_BYTES..] == *name
        })?;
        Some(id_of(self.names.get(*found)))
    }

    /// Adds a name, or gives it another id.
    ///
    /// Past four gibibytes of names nothing is added any more: the worker then asks the catalog
    /// each time, which knows the name and answers the id that it has.
    pub fn insert(&mut self, hash: u64, name: &str, id: SeriesId) {
        self.remove(hash, name.as_bytes());
        let digits: [u8; ID_BYTES] =
            std::array::from_fn(|digit| (id.0 >> (7 * digit)) as u8 & 0x7f);
        let digits = std::str::from_utf8(&digits).expect("seven-bit digits are ASCII");
        let Some(place) = self.names.push(digits, name) else {
            return;
        };
        let names = &self.names;
        self.parts[part_of(hash)].insert_unique(hash, place, |&place| {
            name::hash(&names.get(place).as_bytes()[ID_BYTES..])
        });
    }

    /// Takes a name out and answers the id it had.
    pub fn remove(&mut self, hash: u64, name: &[u8]) -> Option<SeriesId> {
        let names = &self.names;
        let same = |&place: &u32| names.get(place).as_bytes()[ID_BYTES..] == *name;
        let entry = self.parts[part_of(hash)].find_entry(hash, same).ok()?;
        Some(id_of(names.get(entry.remove().0)))
    }

    /// Takes out whatever name with this hash has this id: what
    /// [`super::Catalog::removed_after`] tells a worker to do. True when there was one.
    pub fn forget(&mut self, hash: u64, id: SeriesId) -> bool {
        let names = &self.names;
        let same = |&place: &u32| id_of(names.get(place)) == id;
        match self.parts[part_of(hash)].find_entry(hash, same) {
            Ok(entry) => {
                entry.remove();
                true
            }
            Err(_) => false,
        }
    }

    /// How many names it holds.
    pub fn len(&self) -> usize {
        self.parts.iter().map(HashTable::len).sum()
    }

    /// True when it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn part_of(hash: u64) -> usize {
    // Bits that neither the choice of a shard nor the small tables look at.
    (hash >> 40) as usize % PARTS
}

fn id_of(entry: &str) -> SeriesId {
    let digits = entry.as_bytes()[..ID_BYTES].iter().enumerate();
    SeriesId(digits.fold(0, |id, (digit, &bits)| id | u32::from(bits) << (7 * digit)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(name: &str) -> u64 {
        name::hash(name.as_bytes())
    }

    #[test]
    fn names_are_found_with_their_ids_and_others_are_not() {
        let mut table = NameTable::new();
        let ids = [0, 1, 127, 128, 1 << 20, u32::MAX - 1];
        for id in ids {
            let name = format!("servers.web{id}.cpu");
            table.insert(hash(&name), &name, SeriesId(id));
        }
        for id in ids {
            let name = format!("servers.web{id}.cpu");
            assert_eq!(
                table.lookup(hash(&name), name.as_bytes()),
                Some(SeriesId(id))
            );
        }
        assert_eq!(table.lookup(hash("servers"), b"servers"), None);
        assert_eq!(table.len(), ids.len());
    }

    #[test]
    fn equal_hashes_do_not_confuse_names() {
        // No more than fit before a table grows, which would ask for the true hashes.
        let mut table = NameTable::new();
        for number in 0..3 {
            table.insert(42, &format!("n{number}"), SeriesId(number));
        }
        for number in 0..3 {
            let name = format!("n{number}");
            assert_eq!(table.lookup(42, name.as_bytes()), Some(SeriesId(number)));
        }
        assert!(table.forget(42, SeriesId(1)));
        assert!(!table.forget(42, SeriesId(1)));
        assert_eq!(table.lookup(42, b"n1"), None);
        assert_eq!(table.remove(42, b"n2"), Some(SeriesId(2)));
        assert_eq!(table.len(), 1);
    }

    #[test]
    fn inserting_again_replaces_the_id() {
        let mut table = NameTable::new();
        table.insert(hash("a"), "a", SeriesId(1));
        table.insert(hash("a"), "a", SeriesId(2));
        assert_eq!(table.lookup(hash("a"), b"a"), Some(SeriesId(2)));
        assert_eq!(table.len(), 1);
    }
}

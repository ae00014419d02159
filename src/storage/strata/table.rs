//! The table of all series: for each id its group, its rollup and its column, in eight bytes.
//!
//! `writer` looks a series up here for every point, `read` for every fetch. The panels' column maps
//! are the truth on disk; the table is filled from them at opening and from `define`.
//!
//! Threads: the entry of a series is written by the writer of its shard alone (before that, by the
//! thread that opens the store) and read by everyone; one word an entry, so it is never half new.

use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Release};

use crate::metric::SeriesId;
use crate::storage::map::zeroed_box;

const CHUNK: usize = 1 << 16;
const CHUNKS: usize = 1 << 12;

/// More series than this would not fit in the memory of any machine that this is made for.
pub(super) const SERIES_MAX: usize = CHUNK * CHUNKS;

/// What the table knows of one series.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Entry {
    /// The number of its group, once it is known.
    pub(super) group: Option<u16>,
    /// The number of its rollup, once it was defined.
    pub(super) rollup: Option<u16>,
    /// Its column in the group's ring, while it has one.
    pub(super) column: Option<u32>,
}

impl Entry {
    #[inline]
    fn of_word(word: u64) -> Self {
        let group = (word >> 48) as u16;
        let rollup = (word >> 32) as u16;
        Self {
            group: group.checked_sub(1),
            rollup: rollup.checked_sub(1),
            column: (word as u32).checked_sub(1),
        }
    }

    fn to_word(self) -> u64 {
        let number = |field: Option<u16>| u64::from(field.map_or(0, |number| number + 1));
        let column = u64::from(self.column.map_or(0, |column| column + 1));
        number(self.group) << 48 | number(self.rollup) << 32 | column
    }
}

/// A table that grows in chunks which never move.
#[derive(Debug)]
pub(super) struct SeriesTable {
    chunks: Box<[OnceLock<Box<[AtomicU64]>>]>,
}

impl SeriesTable {
    /// An empty table.
    pub(super) fn new() -> Self {
        Self {
            chunks: (0..CHUNKS).map(|_| OnceLock::new()).collect(),
        }
    }

    /// What is known of a series; all unknown for one that never came.
    #[inline]
    pub(super) fn get(&self, series: SeriesId) -> Entry {
        let index = series.index();
        let chunk = self.chunks.get(index / CHUNK).and_then(OnceLock::get);
        chunk.map_or_else(Entry::default, |chunk| {
            // Acquire pairs with `set`: who sees a column also sees its owner in the column map.
            Entry::of_word(chunk[index % CHUNK].load(Acquire))
        })
    }

    /// Forgets the columns of a group's series, before they are entered anew.
    pub(super) fn forget_columns(&self, group: u16) {
        for chunk in self.chunks.iter().filter_map(OnceLock::get) {
            for word in chunk {
                let entry = Entry::of_word(word.load(Acquire));
                if entry.group == Some(group) && entry.column.is_some() {
                    let without = Entry {
                        column: None,
                        ..entry
                    };
                    word.store(without.to_word(), Release);
                }
            }
        }
    }

    /// Sets what is known of a series; false when its id is beyond [`SERIES_MAX`].
    #[must_use]
    pub(super) fn set(&self, series: SeriesId, entry: Entry) -> bool {
        let index = series.index();
        let Some(chunk) = self.chunks.get(index / CHUNK) else {
            return false;
        };
        let chunk = chunk.get_or_init(|| zeroed_box(CHUNK));
        chunk[index % CHUNK].store(entry.to_word(), Release);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entry_survives_a_round_trip_with_and_without_each_field() {
        let table = SeriesTable::new();
        let ids = [0, 65_535, 65_536, (SERIES_MAX - 1) as u32].map(SeriesId);
        let full = Entry {
            group: Some(u16::MAX - 1),
            rollup: Some(0),
            column: Some(u32::MAX - 1),
        };
        let some = Entry {
            group: Some(0),
            ..Entry::default()
        };
        for id in ids {
            assert_eq!(table.get(id), Entry::default());
            for entry in [full, some, Entry::default()] {
                assert!(table.set(id, entry));
                assert_eq!(table.get(id), entry);
            }
        }
    }

    #[test]
    fn forgetting_takes_the_columns_of_one_group_and_nothing_else() {
        let table = SeriesTable::new();
        let entry = |group, column| Entry {
            group: Some(group),
            rollup: Some(5),
            column,
        };
        let series = [SeriesId(0), SeriesId(1), SeriesId(70_000)];
        for (id, group) in series.into_iter().zip([1, 2, 1]) {
            assert!(table.set(id, entry(group, Some(9))));
        }
        table.forget_columns(1);
        assert_eq!(table.get(series[0]), entry(1, None));
        assert_eq!(table.get(series[1]), entry(2, Some(9)));
        assert_eq!(table.get(series[2]), entry(1, None));
    }

    #[test]
    fn id_beyond_the_table_is_refused() {
        let table = SeriesTable::new();
        let beyond = SeriesId(SERIES_MAX as u32);
        assert!(!table.set(beyond, Entry::default()));
        assert_eq!(table.get(beyond), Entry::default());
    }
}

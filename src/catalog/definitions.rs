//! The distinct (retention, rollup) pairs, numbered, so that a series keeps two bytes of it.

use std::collections::HashMap;
use std::sync::Arc;

use crate::metric::{AggregationMethod, Retention, Rollup};

/// Retentions and rollups by number; none is ever taken out.
#[derive(Default)]
pub(super) struct Definitions {
    /// A number that damage on disk took away is `None`.
    list: Vec<Option<(Arc<Retention>, Rollup)>>,
    numbers: HashMap<Key, u16>,
}

/// A rollup's factor is compared by its bits.
type Key = (Arc<Retention>, AggregationMethod, u32);

impl Definitions {
    /// The number of a pair that is known.
    pub(super) fn find(&self, retention: &Arc<Retention>, rollup: Rollup) -> Option<u16> {
        // Almost every series is of one of a few schemas, which are shared by pointer.
        let mut first = self.list.iter().take(16);
        let same = |known: &Option<(Arc<Retention>, Rollup)>| {
            let pair = known.as_ref();
            pair.is_some_and(|(other, its)| Arc::ptr_eq(other, retention) && *its == rollup)
        };
        if let Some(number) = first.position(same) {
            return Some(number as u16);
        }
        self.numbers.get(&key(retention, rollup)).copied()
    }

    /// True when another pair fits.
    pub(super) fn has_room(&self) -> bool {
        self.list.len() <= usize::from(u16::MAX)
    }

    /// The number that the next new pair gets. [`Definitions::has_room`] has said yes.
    pub(super) fn next_number(&self) -> u16 {
        u16::try_from(self.list.len()).expect("room was asked for before")
    }

    /// Gives a pair a number.
    pub(super) fn set(&mut self, number: u16, retention: &Arc<Retention>, rollup: Rollup) {
        let place = usize::from(number);
        if place >= self.list.len() {
            self.list.resize(place + 1, None);
        }
        self.list[place] = Some((retention.clone(), rollup));
        self.numbers.insert(key(retention, rollup), number);
    }

    /// True when a pair has this number.
    pub(super) fn is_known(&self, number: u16) -> bool {
        self.get(number).is_some()
    }

    /// The pair of a number.
    pub(super) fn get(&self, number: u16) -> Option<&(Arc<Retention>, Rollup)> {
        self.list.get(usize::from(number))?.as_ref()
    }

    /// The pairs from a number on, with their numbers.
    pub(super) fn since(
        &self,
        number: usize,
    ) -> impl Iterator<Item = (u16, &(Arc<Retention>, Rollup))> {
        let pairs = self.list.iter().enumerate().skip(number);
        pairs.filter_map(|(number, pair)| Some((number as u16, pair.as_ref()?)))
    }

    /// How many numbers there are.
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }
}

fn key(retention: &Arc<Retention>, rollup: Rollup) -> Key {
    (
        retention.clone(),
        rollup.method,
        rollup.x_files_factor.to_bits(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_pairs_have_one_number() {
        let mut definitions = Definitions::default();
        let retention = Arc::new(Retention::parse("10s:1h").unwrap());
        let rollup = Rollup::default();
        assert_eq!(definitions.find(&retention, rollup), None);
        assert_eq!(definitions.next_number(), 0);
        definitions.set(0, &retention, rollup);
        let equal = Arc::new(Retention::parse("10s:1h").unwrap());
        assert_eq!(definitions.find(&equal, rollup), Some(0));
        let sum = Rollup {
            method: AggregationMethod::Sum,
            ..rollup
        };
        assert_eq!(definitions.find(&equal, sum), None);
        definitions.set(3, &equal, sum);
        assert_eq!(definitions.get(3).unwrap().1, sum);
        assert!(!definitions.is_known(2));
        assert_eq!(definitions.find(&equal, sum), Some(3));
        assert_eq!(definitions.next_number(), 4);
    }
}

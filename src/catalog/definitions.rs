//! The distinct (retention, rollup) pairs, numbered, so that a series keeps two bytes of it.

use std::collections::HashMap;
use std::sync::Arc;

use crate::metric::{AggregationMethod, Retention, Rollup};

/// The number of a definition.
pub(super) type DefinitionNumber = u16;

/// Retentions and rollups by number; none is ever taken out.
#[derive(Default)]
pub(super) struct Definitions {
    list: Vec<(Arc<Retention>, Rollup)>,
    numbers: HashMap<Key, DefinitionNumber>,
}

/// A rollup's factor is compared by its bits.
type Key = (Arc<Retention>, AggregationMethod, u32);

impl Definitions {
    /// The number of a pair that is known.
    pub(super) fn find(&self, retention: &Arc<Retention>, rollup: Rollup) -> Option<u16> {
        // Almost every series is of one of a few schemas, which are shared by pointer.
        let first = self.list.iter().take(16);
        let same = |(other, its): &(Arc<Retention>, Rollup)| {
            Arc::ptr_eq(other, retention) && *its == rollup
        };
        if let Some(number) = first.clone().position(same) {
            return Some(number as u16);
        }
        self.numbers.get(&key(retention, rollup)).copied()
    }

    /// True when another pair fits.
    pub(super) fn has_room(&self) -> bool {
        self.list.len() <= usize::from(u16::MAX)
    }

    /// Adds a pair that is not known. [`Definitions::has_room`] has said yes.
    pub(super) fn add(&mut self, retention: &Arc<Retention>, rollup: Rollup) -> u16 {
        let number = u16::try_from(self.list.len()).expect("room was asked for before");
        self.list.push((retention.clone(), rollup));
        self.numbers.insert(key(retention, rollup), number);
        number
    }

    /// The pair of a number.
    pub(super) fn get(&self, number: u16) -> (Arc<Retention>, Rollup) {
        self.list[usize::from(number)].clone()
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
        assert_eq!(definitions.add(&retention, rollup), 0);
        let equal = Arc::new(Retention::parse("10s:1h").unwrap());
        assert_eq!(definitions.find(&equal, rollup), Some(0));
        let sum = Rollup {
            method: AggregationMethod::Sum,
            ..rollup
        };
        assert_eq!(definitions.find(&equal, sum), None);
        assert_eq!(definitions.add(&equal, sum), 1);
        assert_eq!(definitions.get(1).1, sum);
    }
}

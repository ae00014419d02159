//! A few values that come again and again: numbered in the order in which they first appear.
//!
//! Full-precision floats that repeat are common (a gauge that is set now and then, a rate that is
//! often zero), and no difference of theirs is small. Numbered by first appearance, a value that holds
//! on gives a difference of zero and a new one a difference of one.

/// The most values that a dictionary has.
pub(super) const VALUES_MAX: usize = 256;

/// Of this many values at the start all but [`REPEATS_MIN`] may be new before the search is given up.
const TRIED: usize = 32;
const REPEATS_MIN: usize = 2;

/// Entries of the hash table, four times the values.
const ENTRIES: usize = 4 * VALUES_MAX;

/// Finds the distinct values of one series after another.
#[derive(Debug, Default)]
pub(super) struct Dictionary {
    entries: Vec<Entry>,
    /// Entries of former series count as empty.
    generation: u32,
    /// The values in the order of their numbers.
    pub(super) values: Vec<f64>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    bits: u64,
    generation: u32,
    number: u32,
}

impl Dictionary {
    /// Numbers `values` into `integers`; false if too few of them repeat.
    pub(super) fn number(&mut self, values: &[f64], integers: &mut Vec<u64>) -> bool {
        self.entries.resize(ENTRIES, Entry::default());
        self.values.clear();
        self.generation = self.generation.wrapping_add(1);
        if self.generation == 0 {
            self.entries.fill(Entry::default());
            self.generation = 1;
        }
        let most = VALUES_MAX.min(values.len() / 4 * 3);
        for (index, value) in values.iter().enumerate() {
            let number = self.number_of(*value);
            integers.push(u64::from(number));
            let is_hopeless = index + 1 == TRIED && self.values.len() + REPEATS_MIN > TRIED;
            if is_hopeless || self.values.len() > most {
                return false;
            }
        }
        true
    }

    fn number_of(&mut self, value: f64) -> u32 {
        let bits = value.to_bits();
        // Fibonacci hashing: the upper bits of the product are well mixed.
        let hash = bits.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let mut place = hash as usize % ENTRIES;
        loop {
            let entry = &mut self.entries[place];
            if entry.generation != self.generation {
                let number = self.values.len() as u32;
                *entry = Entry {
                    bits,
                    generation: self.generation,
                    number,
                };
                self.values.push(value);
                return number;
            }
            if entry.bits == bits {
                return entry.number;
            }
            place = (place + 1) % ENTRIES;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_numbered_by_first_appearance() {
        let mut dictionary = Dictionary::default();
        let mut integers = Vec::new();
        let values = [0.5, 0.5, -0.0, 0.0, 0.5, 0.0, 0.0, -0.0];
        assert!(dictionary.number(&values, &mut integers));
        assert_eq!(integers, [0, 0, 1, 2, 0, 2, 2, 1]);
        assert_eq!(dictionary.values.len(), 3);
        // The next series begins anew.
        integers.clear();
        assert!(dictionary.number(&[7.0; 8], &mut integers));
        assert_eq!(dictionary.values, [7.0]);
    }

    #[test]
    fn values_that_do_not_repeat_are_given_up() {
        let mut dictionary = Dictionary::default();
        let values: Vec<f64> = (0..100).map(f64::from).collect();
        let mut integers = Vec::new();
        assert!(!dictionary.number(&values, &mut integers));
        assert_eq!(integers.len(), TRIED);
        let many: Vec<f64> = (0..2_000).map(|index| f64::from(index / 2)).collect();
        assert!(!dictionary.number(&many, &mut Vec::new()));
    }
}

//! A vector that grows by equal blocks: no doubling, so no memory held in reserve and no element
//! moved while a million of them are added.

use std::ops::{Index, IndexMut};

const BLOCK: usize = 4_096;

/// Elements by number; they are added at the end only.
pub(super) struct Chunked<T> {
    blocks: Vec<Vec<T>>,
}

impl<T> Default for Chunked<T> {
    fn default() -> Self {
        Self { blocks: Vec::new() }
    }
}

impl<T> Chunked<T> {
    /// Adds one.
    pub(super) fn push(&mut self, element: T) {
        match self.blocks.last_mut() {
            Some(block) if block.len() < BLOCK => block.push(element),
            // The first block grows as it is filled, so that a small catalog stays small.
            None => self.blocks.push(vec![element]),
            Some(_) => {
                let mut block = Vec::with_capacity(BLOCK);
                block.push(element);
                self.blocks.push(block);
            }
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        match self.blocks.last() {
            Some(last) => (self.blocks.len() - 1) * BLOCK + last.len(),
            None => 0,
        }
    }

    /// The element of a number, when there is one.
    pub(super) fn get(&self, number: usize) -> Option<&T> {
        self.blocks.get(number / BLOCK)?.get(number % BLOCK)
    }
}

impl<T> Index<usize> for Chunked<T> {
    type Output = T;

    #[inline]
    fn index(&self, number: usize) -> &T {
        &self.blocks[number / BLOCK][number % BLOCK]
    }
}

impl<T> IndexMut<usize> for Chunked<T> {
    #[inline]
    fn index_mut(&mut self, number: usize) -> &mut T {
        &mut self.blocks[number / BLOCK][number % BLOCK]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_keep_their_numbers_across_blocks() {
        let mut chunked = Chunked::default();
        for number in 0..3 * BLOCK + 1 {
            assert_eq!(chunked.len(), number);
            chunked.push(number);
        }
        chunked[BLOCK] = 7;
        assert_eq!(chunked[BLOCK], 7);
        assert_eq!(chunked[BLOCK - 1], BLOCK - 1);
        assert_eq!(chunked.get(3 * BLOCK), Some(&(3 * BLOCK)));
        assert_eq!(chunked.get(3 * BLOCK + 1), None);
    }
}

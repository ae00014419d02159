//! Append-only texts in a few large chunks: no allocation and no capacity lost a text.
//!
//! A text stands after its length in three seven-bit digits, so that a chunk is valid UTF-8 all
//! through and slicing it needs no validation. Texts are never moved nor freed.

/// Bytes of a chunk: also what bounds a text.
const CHUNK_BYTES: usize = 1 << CHUNK_BITS;
const CHUNK_BITS: u32 = 17;
const LENGTH_BYTES: usize = 3;
const CHUNKS_MAX: usize = 1 << (32 - CHUNK_BITS);

/// The longest text that an arena takes.
pub(super) const TEXT_BYTES_MAX: usize = 1 << 16;

/// Texts by their position.
#[derive(Default)]
pub(super) struct Arena {
    chunks: Vec<String>,
}

impl Arena {
    /// Adds a text, given in two parts; `None` when it is too long or four gibibytes are full.
    pub(super) fn push(&mut self, head: &str, tail: &str) -> Option<u32> {
        let length = head.len() + tail.len();
        if length > TEXT_BYTES_MAX {
            return None;
        }
        let has_room = |chunk: &String| chunk.len() + LENGTH_BYTES + length <= CHUNK_BYTES;
        if !self.chunks.last().is_some_and(has_room) {
            if self.chunks.len() == CHUNKS_MAX {
                return None;
            }
            // The first chunk grows as it is filled, so that a small catalog stays small.
            let capacity = if self.chunks.is_empty() {
                0
            } else {
                CHUNK_BYTES
            };
            self.chunks.push(String::with_capacity(capacity));
        }
        let number = self.chunks.len() - 1;
        let chunk = &mut self.chunks[number];
        let position = (number << CHUNK_BITS) | chunk.len();
        for digit in 0..LENGTH_BYTES {
            chunk.push(char::from((length >> (7 * digit)) as u8 & 0x7f));
        }
        chunk.push_str(head);
        chunk.push_str(tail);
        u32::try_from(position).ok()
    }

    /// True when texts of `bytes` in all, `count` of them, surely fit.
    pub(super) fn has_room(&self, bytes: usize, count: usize) -> bool {
        let chunks = (bytes + count * LENGTH_BYTES) / (CHUNK_BYTES - TEXT_BYTES_MAX) + 2;
        self.chunks.len() + chunks <= CHUNKS_MAX
    }

    /// The text at a position that [`Arena::push`] gave.
    #[inline]
    pub(super) fn get(&self, position: u32) -> &str {
        let chunk = &self.chunks[(position >> CHUNK_BITS) as usize];
        let start = position as usize & (CHUNK_BYTES - 1);
        let digits = &chunk.as_bytes()[start..start + LENGTH_BYTES];
        let length =
            usize::from(digits[0]) | usize::from(digits[1]) << 7 | usize::from(digits[2]) << 14;
        let start = start + LENGTH_BYTES;
        &chunk[start..start + length]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_all_lengths_come_back() {
        let mut arena = Arena::default();
        let most = TEXT_BYTES_MAX - 2;
        let lengths = [0, 1, 127, 128, 300, 16_384, most, 5, 60_000, 60_000];
        let text = |length| "é".repeat(length / 2) + &"x".repeat(length % 2);
        let places = lengths.map(|length| arena.push("id", &text(length)).unwrap());
        for (length, place) in lengths.into_iter().zip(places) {
            assert_eq!(arena.get(place), format!("id{}", text(length)));
        }
    }

    #[test]
    fn text_beyond_the_limit_is_refused() {
        let mut arena = Arena::default();
        assert_eq!(arena.push("", &"x".repeat(TEXT_BYTES_MAX + 1)), None);
    }
}

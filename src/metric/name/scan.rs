//! One pass over a name's bytes, eight at a time.

/// What a pass over the bytes of a name found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scan {
    /// The position of the first byte up to and including the space (0x20), or the length.
    pub end: usize,
    /// True when the bytes before `end` are a canonical name without tags: not empty, printable
    /// ASCII, no `/`, no `;`, no `{`, no dot at either end and no two dots together.
    pub is_plain: bool,
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;
const STRIDE: usize = 8;

/// Finds the end of a name and whether anything in it needs a closer look.
#[inline]
pub fn scan(bytes: &[u8]) -> Scan {
    let mut at = 0;
    let mut suspects = 0;
    // The place before the name counts as a dot, so that a leading dot shows up as a double one.
    let mut after_dot = 0x80;
    loop {
        let word = match bytes.get(at..at + STRIDE) {
            Some(chunk) => load(chunk),
            None => load_padded(&bytes[at..]),
        };
        let found = Found::of(word, after_dot);
        if found.ends != 0 {
            let length = found.ends.trailing_zeros() as usize / 8;
            // The bytes at and after the end are not the name's.
            let inside = (1_u64 << (length * 8)) - 1;
            suspects |= found.suspects & inside;
            let end = at + length;
            let is_plain = suspects == 0 && end > 0 && bytes[end - 1] != b'.';
            return Scan { end, is_plain };
        }
        suspects |= found.suspects;
        after_dot = found.dots >> 56;
        at += STRIDE;
    }
}

/// Masks with the high bit of each byte that was found. The lowest set bit of each mask is exact; a
/// byte above a true hit may be marked wrongly, which at worst sends a name the slow way.
struct Found {
    ends: u64,
    suspects: u64,
    dots: u64,
}

impl Found {
    #[inline]
    fn of(word: u64, after_dot: u64) -> Self {
        let ends = word.wrapping_sub(ONES * 0x21) & !word & HIGHS;
        // DEL and everything beyond ASCII.
        let not_printable = (word | word.wrapping_add(ONES)) & HIGHS;
        let slashes = zero_bytes(word ^ (ONES * u64::from(b'/')));
        // ';' and '{' differ in one bit.
        let tag_marks = zero_bytes((word | (ONES * 0x40)) ^ (ONES * u64::from(b'{')));
        let dots = zero_bytes(word ^ (ONES * u64::from(b'.')));
        let double_dots = dots & (dots << 8 | after_dot);
        Self {
            ends,
            suspects: not_printable | slashes | tag_marks | double_dots,
            dots,
        }
    }
}

#[inline]
fn zero_bytes(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & HIGHS
}

#[inline]
fn load(chunk: &[u8]) -> u64 {
    u64::from_le_bytes(chunk.try_into().expect("the caller cut STRIDE bytes"))
}

/// A last word, filled up with spaces: they end the name.
#[inline]
fn load_padded(rest: &[u8]) -> u64 {
    let mut padded = [b' '; STRIDE];
    padded[..rest.len()].copy_from_slice(rest);
    u64::from_le_bytes(padded)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same by a byte a step.
    fn reference(bytes: &[u8]) -> Scan {
        let end = bytes
            .iter()
            .position(|&byte| byte <= b' ')
            .unwrap_or(bytes.len());
        let name = &bytes[..end];
        let is_plain = !name.is_empty()
            && name.iter().all(|byte| (0x21..0x7f).contains(byte))
            && !name.iter().any(|byte| b"/;{".contains(byte))
            && !name.starts_with(b".")
            && !name.ends_with(b".")
            && !name.windows(2).any(|pair| pair == b"..");
        Scan { end, is_plain }
    }

    #[test]
    fn every_byte_at_every_place_is_seen_as_one_step_at_a_time_sees_it() {
        for length in 0..20 {
            for place in 0..length {
                for byte in 0..=255 {
                    let mut bytes = vec![b'a'; length];
                    bytes[place] = byte;
                    assert_eq!(scan(&bytes), reference(&bytes), "{bytes:?}");
                }
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn any_mix_of_awkward_bytes_is_seen_alike(
            picks in proptest::collection::vec(0_usize..12, 0..40)
        ) {
            let alphabet = b"ab./;{ \t\x7f\x80\xff-";
            let bytes: Vec<u8> = picks.iter().map(|&pick| alphabet[pick]).collect();
            proptest::prop_assert_eq!(scan(&bytes), reference(&bytes));
        }
    }
}

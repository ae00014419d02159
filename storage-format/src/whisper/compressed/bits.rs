//! Bits of a block: taken from the highest of each byte down.
//!
//! A number of more than eight bits is written byte by byte, its lowest byte first, each with its
//! highest bit first; what is left of it above the last whole byte comes at the end.

/// Reads bits from a slice.
#[derive(Clone, Debug)]
pub(super) struct BitReader<'a> {
    bytes: &'a [u8],
    /// The next bit, counted from the first byte's highest.
    position: usize,
}

impl<'a> BitReader<'a> {
    /// A reader from byte `start` on.
    pub(super) fn new(bytes: &'a [u8], start: usize) -> Self {
        Self {
            bytes,
            position: start * 8,
        }
    }

    /// The byte that the next bit is in.
    pub(super) fn byte(&self) -> usize {
        self.position / 8
    }

    /// The next `count` bits, at most 8, as a number; `None` if there are fewer.
    fn short(&mut self, count: usize) -> Option<u64> {
        let end = self.position + count;
        if end > self.bytes.len() * 8 {
            return None;
        }
        let mut value = 0;
        for bit in self.position..end {
            value = value << 1 | u64::from(self.bytes[bit / 8] >> (7 - bit % 8) & 1);
        }
        self.position = end;
        Some(value)
    }

    /// One bit.
    pub(super) fn bit(&mut self) -> Option<bool> {
        self.short(1).map(|bit| bit == 1)
    }

    /// A number of `count` bits, at most 64; `None` if there are fewer.
    pub(super) fn number(&mut self, count: usize) -> Option<u64> {
        let mut value = 0;
        let mut done = 0;
        while done < count {
            let part = (count - done).min(8);
            value |= self.short(part)? << done;
            done += part;
        }
        Some(value)
    }
}

//! A checked walk over untrusted bytes, and the variable-length integers that formats share.
//!
//! Used by the readers of this crate. Nothing here panics on any input; every refusal is a
//! [`FormatError`] that carries the offset in the whole file, not in the slice at hand.

use crate::error::FormatError;

/// The most bytes that a varint of 64 bits takes.
pub const VARINT_BYTES_MAX: usize = 10;

/// Reads fields one after another from a slice.
#[derive(Clone, Debug)]
pub struct Cursor<'a> {
    part: &'static str,
    bytes: &'a [u8],
    position: usize,
    base: u64,
}

impl<'a> Cursor<'a> {
    /// A cursor at the start of `bytes`, which stand at `base` in the file; errors name `part`.
    pub fn new(part: &'static str, bytes: &'a [u8], base: u64) -> Self {
        Self {
            part,
            bytes,
            position: 0,
            base,
        }
    }

    /// How many bytes are left.
    pub fn remaining(&self) -> usize {
        self.bytes.len() - self.position
    }

    /// The offset in the file of the next byte.
    pub fn offset(&self) -> u64 {
        self.base + self.position as u64
    }

    /// The bytes from `start` (as [`Cursor::position`] gave it) to here.
    pub fn since(&self, start: usize) -> &'a [u8] {
        &self.bytes[start..self.position]
    }

    /// How many bytes were read.
    pub fn position(&self) -> usize {
        self.position
    }

    /// The error of a field at the cursor that holds `found`.
    pub fn invalid(&self, expected: &'static str, found: u64) -> FormatError {
        FormatError::Invalid {
            part: self.part,
            offset: self.offset(),
            expected,
            found,
        }
    }

    /// The next `count` bytes.
    ///
    /// # Errors
    /// [`FormatError::Truncated`] if fewer are left.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], FormatError> {
        if count > self.remaining() {
            return Err(FormatError::Truncated {
                part: self.part,
                offset: self.offset(),
                needed: count as u64,
                available: self.remaining() as u64,
            });
        }
        let taken = &self.bytes[self.position..self.position + count];
        self.position += count;
        Ok(taken)
    }

    /// The next `N` bytes as an array.
    ///
    /// # Errors
    /// [`FormatError::Truncated`] if fewer are left.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], FormatError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    /// The next byte.
    ///
    /// # Errors
    /// [`FormatError::Truncated`] at the end.
    pub fn byte(&mut self) -> Result<u8, FormatError> {
        Ok(self.array::<1>()?[0])
    }

    /// An unsigned varint: seven bits a byte, lowest first, the high bit says that more follow.
    ///
    /// # Errors
    /// [`FormatError::Truncated`] at the end, [`FormatError::Invalid`] if it exceeds 64 bits.
    pub fn varint(&mut self) -> Result<u64, FormatError> {
        let mut value = 0u64;
        for index in 0..VARINT_BYTES_MAX {
            let byte = self.byte()?;
            let part = u64::from(byte & 0x7f);
            if index == VARINT_BYTES_MAX - 1 && byte > 1 {
                return Err(self.invalid("a varint of 64 bits", u64::from(byte)));
            }
            value |= part << (7 * index);
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(self.invalid("a varint of at most ten bytes", value))
    }

    /// A signed varint: zigzag, then as [`Cursor::varint`].
    ///
    /// # Errors
    /// As [`Cursor::varint`].
    pub fn signed_varint(&mut self) -> Result<i64, FormatError> {
        self.varint().map(unzigzag)
    }
}

/// Appends `value` as an unsigned varint.
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends `value` as a signed varint.
pub fn put_signed_varint(out: &mut Vec<u8>, value: i64) {
    put_varint(out, zigzag(value));
}

/// How many bytes [`put_varint`] appends for a value of `bits` significant bits.
pub const fn varint_bytes(bits: u32) -> usize {
    if bits == 0 {
        1
    } else {
        bits.div_ceil(7) as usize
    }
}

/// Maps small magnitudes of both signs to small unsigned numbers: 0, -1, 1, -2 … to 0, 1, 2, 3 …
pub const fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// The inverse of [`zigzag`].
pub const fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

/// How many significant bits `value` has; 0 for 0.
pub const fn bits(value: u64) -> u32 {
    64 - value.leading_zeros()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_varint_comes_back_in_the_promised_length(value: u64) {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            prop_assert_eq!(out.len(), varint_bytes(bits(value)));
            prop_assert_eq!(Cursor::new("x", &out, 0).varint().unwrap(), value);
        }

        #[test]
        fn zigzag_is_undone(value: i64) {
            prop_assert_eq!(unzigzag(zigzag(value)), value);
        }
    }

    #[test]
    fn an_overlong_or_cut_varint_is_refused() {
        assert!(Cursor::new("x", &[0x80; 11], 0).varint().is_err());
        assert!(Cursor::new("x", &[0xff; 9], 0).varint().is_err());
        let mut too_big = vec![0xff; 9];
        too_big.push(2);
        assert!(Cursor::new("x", &too_big, 0).varint().is_err());
    }

    #[test]
    fn an_error_names_the_offset_in_the_file() {
        let mut cursor = Cursor::new("the part", &[1, 2], 100);
        cursor.byte().unwrap();
        let refusal = cursor.take(5).unwrap_err();
        assert_eq!(
            refusal,
            FormatError::Truncated {
                part: "the part",
                offset: 101,
                needed: 5,
                available: 1
            }
        );
    }
}

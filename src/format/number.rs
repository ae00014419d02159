//! Numbers as text: the shortest decimals that read back to the same value, spelled as Python does.
//!
//! Graphite's answers are printed by Python, whose `repr` writes `5.0`, `1e-05` and `1e+16`. The
//! digits come from the `zmij` crate; this file moves the point and pads the exponent, and takes a
//! shorter way for what most metrics are: whole numbers, and numbers with one decimal or two.

/// Longest text of a finite value: sign, 17 digits, point, `e-308`.
pub(super) const FLOAT_TEXT_MAX: usize = 25;

/// Below this magnitude a number of hundredths has at most 15 digits. No two such decimals are one
/// `f64`, so the one that reads back to a value is its shortest text.
const HUNDREDTHS_BELOW: f64 = 1e13;

/// Python writes exponents below the one and from the other on.
const PLAIN_FROM: f64 = 1e-4;
const PLAIN_BELOW: f64 = 1e16;

/// Puts a finite value, spelled as Python's `repr` does, at the beginning of a place that has
/// [`FLOAT_TEXT_MAX`] bytes; how many it took.
#[inline]
pub(super) fn put_float(place: &mut [u8], value: f64) -> usize {
    let mut text = NumberText {
        bytes: &mut place[..FLOAT_TEXT_MAX],
        length: 0,
    };
    text.write(value);
    text.length
}

/// The text of one number in the making.
struct NumberText<'a> {
    bytes: &'a mut [u8],
    length: usize,
}

impl NumberText<'_> {
    #[inline]
    fn write(&mut self, value: f64) {
        debug_assert!(value.is_finite());
        let magnitude = value.abs();
        if magnitude < HUNDREDTHS_BELOW {
            let whole = magnitude as u64;
            if whole as f64 == magnitude {
                self.write_whole(value.is_sign_negative(), whole);
                self.extend(b".0");
                return;
            }
            let hundredths = (magnitude * 100.0 + 0.5) as u64;
            if hundredths as f64 / 100.0 == magnitude {
                self.write_hundredths(value.is_sign_negative(), hundredths);
                return;
            }
        }
        let mut buffer = zmij::Buffer::new();
        let digits = buffer.format_finite(value).as_bytes();
        if (PLAIN_FROM..PLAIN_BELOW).contains(&magnitude) {
            self.extend(digits);
        } else {
            self.write_scientific(digits);
        }
    }

    #[inline]
    fn push(&mut self, byte: u8) {
        self.bytes[self.length] = byte;
        self.length += 1;
    }

    #[inline]
    fn extend(&mut self, bytes: &[u8]) {
        let end = self.length + bytes.len();
        self.bytes[self.length..end].copy_from_slice(bytes);
        self.length = end;
    }

    #[inline]
    fn write_whole(&mut self, is_negative: bool, whole: u64) {
        if is_negative {
            self.push(b'-');
        }
        self.extend(itoa::Buffer::new().format(whole).as_bytes());
    }

    #[inline]
    fn write_hundredths(&mut self, is_negative: bool, hundredths: u64) {
        self.write_whole(is_negative, hundredths / 100);
        self.push(b'.');
        self.push(b'0' + (hundredths / 10 % 10) as u8);
        let last = (hundredths % 10) as u8;
        if last != 0 {
            self.push(b'0' + last);
        }
    }

    /// Takes any decimal text apart and writes it as `d.ddde±XX`.
    fn write_scientific(&mut self, text: &[u8]) {
        let unsigned = text.strip_prefix(b"-").unwrap_or(text);
        if unsigned.len() < text.len() {
            self.push(b'-');
        }
        let (mantissa, exponent) = split_exponent(unsigned);
        let point = mantissa
            .iter()
            .position(|byte| *byte == b'.')
            .unwrap_or(mantissa.len());
        let mut digits = [0_u8; FLOAT_TEXT_MAX];
        let mut count = 0;
        let mut leading_zeros = 0;
        for byte in mantissa.iter().filter(|byte| **byte != b'.') {
            if count == 0 && *byte == b'0' {
                leading_zeros += 1;
            } else {
                digits[count] = *byte;
                count += 1;
            }
        }
        while count > 1 && digits[count - 1] == b'0' {
            count -= 1;
        }
        let exponent = exponent + point as i32 - 1 - leading_zeros;
        self.push(digits[0]);
        if count > 1 {
            self.push(b'.');
            self.extend(&digits[1..count]);
        }
        self.write_exponent(exponent);
    }

    fn write_exponent(&mut self, exponent: i32) {
        self.push(b'e');
        self.push(if exponent < 0 { b'-' } else { b'+' });
        let magnitude = exponent.unsigned_abs();
        if magnitude < 10 {
            self.push(b'0');
        }
        self.extend(itoa::Buffer::new().format(magnitude).as_bytes());
    }
}

/// Appends a finite value as Python's `repr` spells it.
///
/// A value that is not finite has no digits; each format has its own word for those and looks
/// before it calls.
#[inline]
pub fn write_float(out: &mut Vec<u8>, value: f64) {
    let mut text = [0; FLOAT_TEXT_MAX];
    let length = put_float(&mut text, value);
    out.extend_from_slice(&text[..length]);
}

/// Appends a whole number.
#[inline]
pub fn write_integer(out: &mut Vec<u8>, value: i64) {
    let mut buffer = itoa::Buffer::new();
    out.extend_from_slice(buffer.format(value).as_bytes());
}

fn split_exponent(text: &[u8]) -> (&[u8], i32) {
    let Some(at) = memchr::memchr(b'e', text) else {
        return (text, 0);
    };
    let (negative, digits) = match text[at + 1..].split_first() {
        Some((b'-', digits)) => (true, digits),
        Some((b'+', digits)) => (false, digits),
        _ => (false, &text[at + 1..]),
    };
    let magnitude = digits
        .iter()
        .fold(0, |sum, digit| sum * 10 + i32::from(digit - b'0'));
    (&text[..at], if negative { -magnitude } else { magnitude })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: f64) -> String {
        let mut out = Vec::new();
        write_float(&mut out, value);
        String::from_utf8(out).unwrap()
    }

    /// The right column is what CPython 3.11 prints for the left.
    #[test]
    fn floats_are_spelled_as_python_spells_them() {
        let cases = [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (5.0, "5.0"),
            (-17.0, "-17.0"),
            (0.1, "0.1"),
            (0.30000000000000004, "0.30000000000000004"),
            (0.001, "0.001"),
            (0.0001, "0.0001"),
            (0.00012345, "0.00012345"),
            (0.00001, "1e-05"),
            (0.00001234, "1.234e-05"),
            (-0.0000123456789, "-1.23456789e-05"),
            (1e-7, "1e-07"),
            (1e-100, "1e-100"),
            (5e-324, "5e-324"),
            (2.2250738585072014e-308, "2.2250738585072014e-308"),
            (1.7976931348623157e308, "1.7976931348623157e+308"),
            (123456789012345.0, "123456789012345.0"),
            (999999999999999.0, "999999999999999.0"),
            (1e15, "1000000000000000.0"),
            (1234567890123456.0, "1234567890123456.0"),
            (9999999999999998.0, "9999999999999998.0"),
            (1e16, "1e+16"),
            (1.5e16, "1.5e+16"),
            (1.00927e17, "1.00927e+17"),
            (12345678901234567890.0, "1.2345678901234567e+19"),
            (1e22, "1e+22"),
            (1e300, "1e+300"),
            (-1.5e300, "-1.5e+300"),
            (94.97999999999999, "94.97999999999999"),
            (1750000000.5, "1750000000.5"),
        ];
        for (value, expected) in cases {
            assert_eq!(text(value), expected);
        }
    }

    /// The short way and the long one must not differ where they meet.
    #[test]
    fn few_decimals_are_spelled_as_many_are() {
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        for round in 0..200_000_u64 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let whole = state >> (11 + round % 53);
            let scale = [1.0, 10.0, 100.0, 1000.0][(round % 4) as usize];
            let near = whole as f64 / scale;
            for value in [near, -near, near.next_up(), near.next_down()] {
                let mut buffer = zmij::Buffer::new();
                let long = buffer.format_finite(value);
                let magnitude = value.abs();
                if magnitude == 0.0 || (PLAIN_FROM..PLAIN_BELOW).contains(&magnitude) {
                    assert_eq!(text(value), long);
                }
            }
        }
    }

    #[test]
    fn every_spelling_reads_back_to_the_same_bits() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        for _ in 0..20_000 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let value = f64::from_bits(state);
            if value.is_finite() {
                let printed = text(value);
                let back: f64 = printed.parse().unwrap();
                assert_eq!(back.to_bits(), value.to_bits(), "{printed}");
            }
        }
    }

    #[test]
    fn whole_numbers_have_no_point() {
        let mut out = Vec::new();
        write_integer(&mut out, -1_750_000_000);
        assert_eq!(out, b"-1750000000");
    }
}

//! Numbers as text: the shortest decimals that read back to the same value, spelled as Python does.
//!
//! Graphite's answers are printed by Python, whose `repr` writes `5.0`, `1e-05` and `1e+16`. The
//! digits come from the `zmij` crate; this file only moves the point and pads the exponent.

/// Longest text of a finite value: sign, 17 digits, point, `e-308`.
const FLOAT_TEXT_MAX: usize = 25;

/// Below this magnitude every whole number is printed without an exponent and is exact in `i64`.
const WHOLE_MAX: f64 = 1e15;

/// Appends a finite value as Python's `repr` spells it.
///
/// A value that is not finite has no digits; each format has its own word for those and looks
/// before it calls.
#[inline]
pub fn write_float(out: &mut Vec<u8>, value: f64) {
    debug_assert!(value.is_finite());
    if value.abs() < WHOLE_MAX
        && value.trunc() == value
        && (value != 0.0 || value.is_sign_positive())
    {
        write_integer(out, value as i64);
        out.extend_from_slice(b".0");
        return;
    }
    let mut buffer = zmij::Buffer::new();
    let text = buffer.format_finite(value).as_bytes();
    if needs_exponent_work(text) {
        write_scientific(out, text);
    } else {
        out.extend_from_slice(text);
    }
}

/// Appends a whole number.
#[inline]
pub fn write_integer(out: &mut Vec<u8>, value: i64) {
    let mut buffer = itoa::Buffer::new();
    out.extend_from_slice(buffer.format(value).as_bytes());
}

/// Python leaves the plain form below 0.0001 and at 1e16; only texts with an exponent or with four
/// zeros behind the point can differ.
#[inline]
fn needs_exponent_work(text: &[u8]) -> bool {
    let unsigned = text.strip_prefix(b"-").unwrap_or(text);
    unsigned.starts_with(b"0.0000") || memchr::memchr(b'e', unsigned).is_some()
}

/// Takes any decimal text apart and writes it as `d.ddde±XX`.
fn write_scientific(out: &mut Vec<u8>, text: &[u8]) {
    let unsigned = text.strip_prefix(b"-").unwrap_or(text);
    if unsigned.len() < text.len() {
        out.push(b'-');
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
    out.push(digits[0]);
    if count > 1 {
        out.push(b'.');
        out.extend_from_slice(&digits[1..count]);
    }
    write_exponent(out, exponent);
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

fn write_exponent(out: &mut Vec<u8>, exponent: i32) {
    out.push(b'e');
    out.push(if exponent < 0 { b'-' } else { b'+' });
    let magnitude = exponent.unsigned_abs();
    if magnitude < 10 {
        out.push(b'0');
    }
    write_integer(out, i64::from(magnitude));
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

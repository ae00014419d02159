//! Decimal numbers and timestamps from bytes.
//!
//! Most values are short: a mantissa below 2^53 and a power of ten up to 22 are both exact in a
//! double, so one multiplication or division rounds correctly (Clinger 1990). The rest goes to
//! `fast_float2`. Either way the result equals the standard library's bit for bit.

use crate::metric::Refusal;

/// A number at the start of some bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Decimal {
    /// Its value.
    pub(super) value: f64,
    /// How many bytes it took.
    pub(super) length: usize,
}

const EXACT_MANTISSA_MAX: u64 = 1 << 53;
/// Nineteen digits always fit 64 bits.
const EXACT_DIGITS_MAX: usize = 19;

/// Powers of ten that a double holds exactly.
const EXACT_POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// Reads `[+-] digits [. digits] [e [+-] digits]` from the front; at least one digit before or after
/// the dot. `None` when there is no such number there.
#[inline]
pub(super) fn decimal(bytes: &[u8]) -> Option<Decimal> {
    let negative = bytes.first() == Some(&b'-');
    let mut at = usize::from(negative || bytes.first() == Some(&b'+'));
    let mut mantissa = 0;
    let whole = digits(&bytes[at..], &mut mantissa);
    at += whole;
    let mut fraction = 0;
    if bytes.get(at) == Some(&b'.') {
        fraction = digits(&bytes[at + 1..], &mut mantissa);
        at += 1 + fraction;
    }
    if whole + fraction == 0 {
        return None;
    }
    let mut exponent = 0;
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        let (power, length) = read_exponent(&bytes[at + 1..])?;
        exponent = power;
        at += 1 + length;
    }
    let scale = exponent - fraction as i64;
    let exact = whole + fraction <= EXACT_DIGITS_MAX && mantissa <= EXACT_MANTISSA_MAX;
    if !exact || scale.unsigned_abs() >= EXACT_POWERS.len() as u64 {
        return correctly_rounded(&bytes[..at]);
    }
    let power = EXACT_POWERS[scale.unsigned_abs() as usize];
    let magnitude = match scale < 0 {
        true => mantissa as f64 / power,
        false => mantissa as f64 * power,
    };
    Some(Decimal {
        value: if negative { -magnitude } else { magnitude },
        length: at,
    })
}

/// Adds the digits at the front to `mantissa` and says how many there are. Past nineteen digits the
/// mantissa wraps and is of no use.
#[inline]
fn digits(bytes: &[u8], mantissa: &mut u64) -> usize {
    let mut count = 0;
    for &byte in bytes {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        *mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(digit));
        count += 1;
    }
    count
}

/// The power behind an `e` and its length; a huge power is cut to one that is huge enough.
fn read_exponent(bytes: &[u8]) -> Option<(i64, usize)> {
    let negative = bytes.first() == Some(&b'-');
    let sign = usize::from(negative || bytes.first() == Some(&b'+'));
    let mut power = 0_i64;
    let mut length = sign;
    while let Some(digit @ b'0'..=b'9') = bytes.get(length) {
        power = (power * 10 + i64::from(digit - b'0')).min(1_000_000);
        length += 1;
    }
    (length > sign).then_some((if negative { -power } else { power }, length))
}

#[cold]
fn correctly_rounded(text: &[u8]) -> Option<Decimal> {
    let value = fast_float2::parse::<f64, _>(text).ok()?;
    Some(Decimal {
        value,
        length: text.len(),
    })
}

/// A whole field as a value: a decimal number or a spelling of infinity.
pub(super) fn value(field: &[u8]) -> Result<f64, Refusal> {
    if let Some(number) = decimal(field)
        && number.length == field.len()
    {
        return Ok(number.value);
    }
    let (sign, word) = match field {
        [b'-', word @ ..] => (-1.0, word),
        [b'+', word @ ..] => (1.0, word),
        word => (1.0, word),
    };
    if word.eq_ignore_ascii_case(b"nan") {
        return Err(Refusal::Nan);
    }
    let is_infinite = word.eq_ignore_ascii_case(b"inf") || word.eq_ignore_ascii_case(b"infinity");
    is_infinite
        .then_some(sign * f64::INFINITY)
        .ok_or(Refusal::BadValue)
}

/// The greatest timestamp: the last second that Whisper's 32 bits hold.
pub(super) const TIMESTAMP_MAX: i64 = u32::MAX as i64;

/// A whole field as a timestamp: seconds, fractions cut off; `-1` and `N` mean `now`.
pub(super) fn timestamp(field: &[u8], now: i64) -> Result<i64, Refusal> {
    if field == b"N" {
        return Ok(now);
    }
    match decimal(field) {
        Some(number) if number.length == field.len() => timestamp_of(number.value, now),
        _ => Err(Refusal::BadTimestamp),
    }
}

/// A number as a timestamp.
pub(super) fn timestamp_of(seconds: f64, now: i64) -> Result<i64, Refusal> {
    if seconds == -1.0 {
        return Ok(now);
    }
    // False for NaN as well.
    if (0.0..TIMESTAMP_MAX as f64 + 1.0).contains(&seconds) {
        return Ok(seconds as i64);
    }
    Err(Refusal::BadTimestamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The standard library on the bytes that were taken.
    fn agrees_with_std(text: &str) {
        let number = decimal(text.as_bytes()).unwrap_or_else(|| panic!("{text} is a number"));
        assert_eq!(number.length, text.len(), "{text}");
        let expected: f64 = text.parse().unwrap();
        assert_eq!(number.value.to_bits(), expected.to_bits(), "{text}");
    }

    #[test]
    fn awkward_numbers_equal_the_standard_library() {
        for text in [
            "0",
            "-0",
            "+5",
            "5.",
            ".5",
            "-.5e-3",
            "0.30000000000000004",
            "1e-09",
            "-1.5e+300",
            "12345678901234567890",
            "99999999999999999999",
            "9007199254740993",
            "9007199254740993e22",
            "1e22",
            "1e23",
            "123e-22",
            "1e400",
            "-1e400",
            "1e-400",
            "4.9e-324",
            "2.2250738585072011e-308",
            "1.7976931348623157e308",
            "1000000000000000000.00",
            "0000000000000000000000000001",
            "1e99999999999999999999",
        ] {
            agrees_with_std(text);
        }
    }

    proptest::proptest! {
        #[test]
        fn any_double_survives_each_way_of_printing(bits: u64) {
            let value = f64::from_bits(bits);
            if value.is_finite() {
                agrees_with_std(&format!("{value}"));
                agrees_with_std(&format!("{value:e}"));
                agrees_with_std(&format!("{value:.3}"));
            }
        }

        #[test]
        fn any_decimal_text_equals_the_standard_library(
            text in r"[+-]?([0-9]{1,25}\.[0-9]{0,25}|\.[0-9]{1,25}|[0-9]{1,25})([eE][+-]?[0-9]{1,3})?"
        ) {
            agrees_with_std(&text);
        }

        #[test]
        fn bytes_that_std_refuses_are_refused(text in r"[0-9+\-.eExX_ ]{0,8}") {
            let whole = decimal(text.as_bytes()).filter(|number| number.length == text.len());
            let expected = text.parse::<f64>().ok();
            proptest::prop_assert_eq!(whole.map(|n| n.value.to_bits()), expected.map(f64::to_bits));
        }
    }

    #[test]
    fn infinities_are_values_and_nan_is_not() {
        for text in ["inf", "Inf", "+inf", "Infinity", "+Infinity", "INF"] {
            assert_eq!(value(text.as_bytes()), Ok(f64::INFINITY), "{text}");
        }
        assert_eq!(value(b"-Infinity"), Ok(f64::NEG_INFINITY));
        for text in ["nan", "NaN", "-nan", "NAN"] {
            assert_eq!(value(text.as_bytes()), Err(Refusal::Nan), "{text}");
        }
    }

    #[test]
    fn oddities_are_bad_values() {
        for text in [
            "", "-", "+", ".", "e5", "1e", "1e+", "0x10", "1_000", "1,5", "--1", "1.2.3", "U",
            "infi", "nan1", "1 ", "\u{0661}",
        ] {
            assert_eq!(value(text.as_bytes()), Err(Refusal::BadValue), "{text}");
        }
    }

    #[test]
    fn timestamps_are_whole_seconds_or_now() {
        let at = |text: &str| timestamp(text.as_bytes(), 777);
        assert_eq!(at("1700000000"), Ok(1_700_000_000));
        assert_eq!(at("1700000000.999"), Ok(1_700_000_000));
        assert_eq!(at("1.7e9"), Ok(1_700_000_000));
        assert_eq!(at("0"), Ok(0));
        assert_eq!(at("4294967295"), Ok(u32::MAX.into()));
        for now in ["N", "-1", "-1.0"] {
            assert_eq!(at(now), Ok(777), "{now}");
        }
        for bad in [
            "",
            "-2",
            "-1.5",
            "-0.5",
            "n",
            "now",
            "4294967296",
            "1700000000000",
            "inf",
            "nan",
            "0x10",
            "12:00",
        ] {
            assert_eq!(at(bad), Err(Refusal::BadTimestamp), "{bad}");
        }
    }
}

//! Spans of time: `5min`, `-1h30min`, `+2w`.

use super::TimeError;

/// The units, each with the text that its name begins with and its length in seconds. Months
/// and years have a fixed length here; `m` alone could be two units and is none.
const UNITS: [(&str, i64); 7] = [
    ("s", 1),
    ("min", 60),
    ("h", 3_600),
    ("d", 86_400),
    ("w", 7 * 86_400),
    ("mon", 30 * 86_400),
    ("y", 365 * 86_400),
];

/// The longest span in days, either way: the reference's limit.
const DAYS_MAX: i64 = 999_999_999;

/// Reads a span such as `5min` or `-1h30min` and gives it in seconds.
///
/// One sign may stand in front and holds for all parts; without it the span is positive. Units
/// are lower-case and may be written out (`seconds`). Empty text is a span of zero.
///
/// # Errors
/// When the text begins with neither sign nor digit, when a number or a unit is missing or
/// unknown, and when the span is longer than a calendar.
pub fn parse_offset(text: &str) -> Result<i64, TimeError> {
    let invalid = || TimeError::InvalidOffset {
        text: text.to_owned(),
    };
    let out_of_range = || TimeError::OutOfRange {
        text: text.to_owned(),
    };
    let (sign, mut rest) = match text.as_bytes().first() {
        None => return Ok(0),
        Some(b'-') => (-1, &text[1..]),
        Some(b'+') => (1, &text[1..]),
        Some(b'0'..=b'9') => (1, text),
        Some(_) => return Err(invalid()),
    };
    let mut seconds: i64 = 0;
    while !rest.is_empty() {
        let (digits, behind) = split_where(rest, |c| !c.is_ascii_digit());
        let (unit, behind) = split_where(behind, |c| !c.is_alphabetic());
        if digits.is_empty() {
            return Err(invalid());
        }
        let length = unit_seconds(unit).ok_or_else(|| TimeError::InvalidUnit {
            unit: unit.to_owned(),
            text: text.to_owned(),
        })?;
        let count: i64 = digits.parse().map_err(|_| out_of_range())?;
        seconds = (count.checked_mul(length))
            .and_then(|span| seconds.checked_add(span))
            .filter(|seconds| *seconds <= DAYS_MAX * 86_400)
            .ok_or_else(out_of_range)?;
        rest = behind;
    }
    Ok(sign * seconds)
}

/// Like [`parse_offset`] for those who look back by habit (`timeShift`, `timeStack`): a span
/// without a sign is negative.
///
/// # Errors
/// As [`parse_offset`].
pub fn parse_shift(text: &str) -> Result<i64, TimeError> {
    let seconds = parse_offset(text)?;
    let is_unsigned = text.starts_with(|c: char| c.is_ascii_digit());
    Ok(if is_unsigned { -seconds } else { seconds })
}

fn unit_seconds(unit: &str) -> Option<i64> {
    (UNITS.iter()).find_map(|(prefix, seconds)| unit.starts_with(prefix).then_some(*seconds))
}

fn split_where(text: &str, ends: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(ends).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_as_the_reference_reads_them() {
        let table = include_str!("../../../tests/data/offsets.tsv");
        let mut cases = 0;
        for line in table.lines().filter(|line| !line.starts_with('#')) {
            let (text, expected) = line.split_once('\t').expect("two columns");
            let actual = parse_offset(text).map_or("error".to_owned(), |span| span.to_string());
            assert_eq!(actual, expected, "{text:?}");
            cases += 1;
        }
        assert!(cases > 40, "the table holds only {cases} cases");
    }

    #[test]
    fn shifts_without_a_sign_look_back() {
        for (text, seconds) in [("1d", -86_400), ("-1d", -86_400), ("+1d", 86_400), ("", 0)] {
            assert_eq!(parse_shift(text), Ok(seconds), "{text:?}");
        }
    }

    #[test]
    fn errors_name_the_text_and_the_unit() {
        for (text, message) in [
            ("-5m", "invalid unit `m` in offset `-5m`"),
            ("5", "invalid unit `` in offset `5`"),
            ("-h", "invalid offset `-h`"),
            ("five", "invalid offset `five`"),
            ("é", "invalid offset `é`"),
            ("1h 5min", "invalid offset `1h 5min`"),
            ("99999999999y", "`99999999999y` lies outside"),
            ("99999999999999999999s", "lies outside"),
        ] {
            let shown = parse_offset(text).unwrap_err().to_string();
            assert!(shown.contains(message), "{text:?} says {shown:?}");
        }
    }
}

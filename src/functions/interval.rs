//! Lengths of time as functions take them: `"5min"`, `"-1d"`, `"1h30min"`.

/// A length of time with the text it was given as, which names and tags print.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interval {
    /// As typed.
    pub text: String,
    /// Seconds; negative with a leading minus.
    pub seconds: i64,
}

impl Interval {
    /// Reads an offset of the time grammar; a missing sign means plus.
    pub fn parse(text: &str) -> Option<Self> {
        Some(Self {
            text: text.to_owned(),
            seconds: parse_offset(text)?,
        })
    }
}

/// How far a window reaches: in points, or in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Span {
    /// This many points of the series.
    Points(i64),
    /// This much time.
    Time(Interval),
}

fn parse_offset(text: &str) -> Option<i64> {
    let (sign, mut rest) = match text.as_bytes().first() {
        None => return Some(0),
        Some(b'-') => (-1, &text[1..]),
        Some(b'+') => (1, &text[1..]),
        Some(_) => (1, text),
    };
    let mut seconds = 0_i64;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: i64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        seconds = seconds.checked_add(number.checked_mul(unit_seconds(&rest[..letters])?)?)?;
        rest = &rest[letters..];
    }
    Some(sign * seconds)
}

fn unit_seconds(unit: &str) -> Option<i64> {
    const UNITS: [(&str, i64); 7] = [
        ("s", 1),
        ("min", 60),
        ("h", 3_600),
        ("d", 86_400),
        ("w", 604_800),
        ("mon", 2_592_000),
        ("y", 31_536_000),
    ];
    UNITS
        .iter()
        .find(|(prefix, _)| unit.starts_with(prefix))
        .map(|(_, seconds)| *seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_add_up() {
        let seconds = |text| Interval::parse(text).map(|interval| interval.seconds);
        assert_eq!(seconds("5min"), Some(300));
        assert_eq!(seconds("-1d"), Some(-86_400));
        assert_eq!(seconds("1h30minutes"), Some(5_400));
        assert_eq!(seconds("1mon"), Some(2_592_000));
        assert_eq!(seconds("5m"), None);
        assert_eq!(seconds("hour"), None);
        assert_eq!(seconds("5"), None);
    }
}

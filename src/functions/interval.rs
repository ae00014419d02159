//! Lengths of time as functions take them: `"5min"`, `"-1d"`, `"1h30min"`.

use crate::target::parse_offset;

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
            seconds: parse_offset(text).ok()?,
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

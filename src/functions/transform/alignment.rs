//! Calendar units that windows are begun with, for `smartSummarize` and `hitcount`.

use jiff::Timestamp;
use jiff::civil::{self, DateTime};
use jiff::tz::TimeZone;

/// A unit of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Years,
    Months,
    /// With the day that a week begins with: 1 is Monday, 7 is Sunday.
    WeeksFrom(i8),
    Days,
    Hours,
    Minutes,
    Seconds,
}

impl Unit {
    /// Reads a unit by the beginning of its name; weeks may be followed by their first day.
    pub(super) fn parse(text: &str) -> Option<Self> {
        const PREFIXES: [(&str, Unit); 7] = [
            ("s", Unit::Seconds),
            ("min", Unit::Minutes),
            ("h", Unit::Hours),
            ("d", Unit::Days),
            ("w", Unit::WeeksFrom(1)),
            ("mon", Unit::Months),
            ("y", Unit::Years),
        ];
        let (_, unit) = PREFIXES
            .into_iter()
            .find(|(prefix, _)| text.starts_with(prefix))?;
        match (unit, text.bytes().last()) {
            (Self::WeeksFrom(_), Some(last)) if !last.is_ascii_alphabetic() => (b'1'..=b'7')
                .contains(&last)
                .then(|| Self::WeeksFrom((last - b'0') as i8)),
            _ => Some(unit),
        }
    }

    /// The latest time at or before `time` with which such a unit begins.
    ///
    /// As in the reference, the offset from UTC is the one that holds at `time`, also when clocks
    /// were changed in between. `None` beyond the calendar.
    pub(super) fn floor(self, time: i64, zone: &TimeZone) -> Option<i64> {
        let timestamp = Timestamp::from_second(time).ok()?;
        let offset = zone.to_offset(timestamp);
        let start = self.start_of(offset.to_datetime(timestamp))?;
        Some(offset.to_timestamp(start).ok()?.as_second())
    }

    fn start_of(self, wall: DateTime) -> Option<DateTime> {
        let date = wall.date();
        let midnight = |date: civil::Date| date.to_datetime(civil::Time::midnight());
        let (hour, minute, second) = (wall.hour(), wall.minute(), wall.second());
        Some(match self {
            Self::Years => midnight(civil::Date::new(date.year(), 1, 1).ok()?),
            Self::Months => midnight(civil::Date::new(date.year(), date.month(), 1).ok()?),
            Self::WeeksFrom(first) => {
                let days_in = (date.weekday().to_monday_one_offset() - first).rem_euclid(7);
                midnight(date.checked_sub(jiff::Span::new().days(days_in)).ok()?)
            }
            Self::Days => midnight(date),
            Self::Hours => date.at(hour, 0, 0, 0),
            Self::Minutes => date.at(hour, minute, 0, 0),
            Self::Seconds => date.at(hour, minute, second, 0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn floor(unit: &str, time: &str, zone: &TimeZone) -> String {
        let time: Timestamp = time.parse().expect("a time");
        let floor = Unit::parse(unit)
            .expect("a unit")
            .floor(time.as_second(), zone);
        Timestamp::from_second(floor.expect("within the calendar"))
            .expect("a time")
            .to_string()
    }

    #[test]
    fn units_begin_where_the_calendar_says() {
        for (unit, start) in [
            ("years", "2025-01-01T00:00:00Z"),
            ("months", "2025-06-01T00:00:00Z"),
            ("weeks", "2025-06-09T00:00:00Z"),
            ("weeks1", "2025-06-09T00:00:00Z"),
            ("weeks3", "2025-06-11T00:00:00Z"),
            ("weeks7", "2025-06-15T00:00:00Z"),
            ("days", "2025-06-15T00:00:00Z"),
            ("hours", "2025-06-15T15:00:00Z"),
            ("minutes", "2025-06-15T15:06:00Z"),
            ("seconds", "2025-06-15T15:06:40Z"),
        ] {
            assert_eq!(floor(unit, "2025-06-15T15:06:40Z", &TimeZone::UTC), start);
        }
    }

    #[test]
    fn days_begin_in_the_zone() {
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        assert_eq!(
            floor("days", "2025-06-15T23:30:00Z", &zone),
            "2025-06-15T22:00:00Z"
        );
    }

    #[test]
    fn offset_from_utc_is_that_of_the_time_itself() {
        let zone = crate::target::time_zone("Europe/Berlin").expect("a zone");
        // Summer in June, winter in January: the year begins at midnight as June counts it.
        assert_eq!(
            floor("days", "2025-06-15T23:30:00Z", &zone),
            "2025-06-15T22:00:00Z"
        );
        assert_eq!(
            floor("years", "2025-06-15T23:30:00Z", &zone),
            "2024-12-31T22:00:00Z"
        );
    }

    #[test]
    fn other_words_are_no_units() {
        for text in ["", "m", "1d", "weeks0", "weeks9", "fortnights"] {
            assert_eq!(Unit::parse(text), None, "{text}");
        }
    }
}

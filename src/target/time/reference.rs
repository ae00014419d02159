//! The fixed part of a time: `now`, `noon yesterday`, `6pm`, `06:30_20250615`, `monday`.

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::{TimeError, epoch_of, is_number};

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];

const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

const NAMED_TIMES: [(&str, u32); 3] = [("noon", 12), ("midnight", 0), ("teatime", 16)];

/// Reads a reference (lower-case, without blanks); empty text is `now`. A reference without a
/// time of day is midnight of its day, one without a day is today.
pub(super) fn parse_reference(text: &str, now: i64, zone: &TimeZone) -> Result<i64, TimeError> {
    if text.is_empty() || text == "now" {
        return Ok(now);
    }
    let out_of_range = || TimeError::OutOfRange {
        text: text.to_owned(),
    };
    let invalid_time = || TimeError::InvalidTimeOfDay {
        text: text.to_owned(),
    };
    let today = (Timestamp::from_second(now).map(|now| zone.to_datetime(now).date()))
        .map_err(|_| out_of_range())?;
    let mut clock = ClockReading::default();
    let day = clock.read(text).ok_or_else(invalid_time)?;
    let time = clock.time().ok_or_else(invalid_time)?;
    let date = parse_day(day, today, text)?;
    epoch_of(date.to_datetime(time), zone).ok_or_else(out_of_range)
}

/// Hours and minutes as typed, before anyone knows whether a clock can show them.
#[derive(Default)]
struct ClockReading {
    hour: u32,
    minute: u32,
}

impl ClockReading {
    /// Takes the forms of a time of day from the front of `text`, one after the other as the
    /// reference does, so that a later form overrides an earlier one. Gives the rest, or
    /// `None` when a form is there but without numbers.
    fn read<'t>(&mut self, text: &'t str) -> Option<&'t str> {
        let mut rest = self.read_with_colon(text)?;
        for (suffix, shift) in [("am", 0), ("pm", 12)] {
            if let Some(end @ 1..=2) = rest.find(suffix) {
                self.hour = shifted(number(&rest[..end])?, shift);
                rest = &rest[end + suffix.len()..];
            }
        }
        for (name, hour) in NAMED_TIMES {
            if let Some(behind) = rest.strip_prefix(name) {
                (self.hour, self.minute) = (hour, 0);
                return Some(behind);
            }
        }
        Some(rest)
    }

    /// `H:MM`, `HH:MM`, with `am` or `pm` behind it or not.
    fn read_with_colon<'t>(&mut self, text: &'t str) -> Option<&'t str> {
        let Some(colon @ 1..=2) = text.find(':') else {
            return Some(text);
        };
        let minute_end = (colon + 3).min(text.len());
        self.hour = number(&text[..colon])?;
        self.minute = number(text.get(colon + 1..minute_end)?)?;
        let rest = &text[minute_end..];
        if let Some(behind) = rest.strip_prefix("pm") {
            self.hour = shifted(self.hour, 12);
            return Some(behind);
        }
        Some(rest.strip_prefix("am").unwrap_or(rest))
    }

    fn time(&self) -> Option<Time> {
        let hour = i8::try_from(self.hour).ok()?;
        let minute = i8::try_from(self.minute).ok()?;
        Time::new(hour, minute, 0, 0).ok()
    }
}

/// The hour with `am` (shift 0) or `pm` (shift 12). The reference counts 12pm as midnight and
/// 12am as noon, and its recorded answers do as well.
fn shifted(hour: u32, shift: u32) -> u32 {
    if shift == 0 {
        hour
    } else {
        (hour + shift) % 24
    }
}

/// Reads a day; `text` is the whole reference, for messages.
fn parse_day(day: &str, today: Date, text: &str) -> Result<Date, TimeError> {
    let invalid = || TimeError::InvalidDay {
        text: text.to_owned(),
    };
    let days_later = |days: i64| today.checked_add(days.days()).map_err(|_| invalid());
    match day {
        "" | "today" => return Ok(today),
        "yesterday" => return days_later(-1),
        "tomorrow" => return days_later(1),
        _ => {}
    }
    if day.matches('/').count() == 2 {
        return american_date(day).ok_or_else(invalid);
    }
    if day.len() == 8 && is_number(day) {
        return basic_date(day).ok_or_else(invalid);
    }
    if let Some(month) = index_of_prefix(&MONTHS, day) {
        let day_of_month = trailing_day(day).ok_or_else(|| TimeError::MissingDay {
            text: text.to_owned(),
        })?;
        let month = month as u32 + 1;
        return date(today.year(), month, day_of_month).ok_or_else(invalid);
    }
    if let Some(weekday) = index_of_prefix(&WEEKDAYS, day) {
        let days_since_sunday = i64::from(today.weekday().to_sunday_zero_offset());
        return days_later(-(days_since_sunday - weekday as i64).rem_euclid(7));
    }
    Err(TimeError::UnknownReference {
        text: text.to_owned(),
    })
}

/// `MM/DD/YY` or `MM/DD/YYYY`; the years 00 to 69 are in this century, and so, by the
/// reference's arithmetic, are 1900 to 1969.
fn american_date(text: &str) -> Option<Date> {
    let mut parts = text.split('/').map(number);
    let (month, day, year) = (parts.next()??, parts.next()??, parts.next()??);
    let mut year = i16::try_from(year).ok()?;
    if year < 1900 {
        year += 1900;
    }
    if year < 1970 {
        year += 100;
    }
    date(year, month, day)
}

/// `YYYYMMDD`.
fn basic_date(digits: &str) -> Option<Date> {
    let year = i16::try_from(number(&digits[..4])?).ok()?;
    date(year, number(&digits[4..6])?, number(&digits[6..])?)
}

/// The day of the month behind a month's name: the last two characters if they are digits,
/// else the last one.
fn trailing_day(text: &str) -> Option<u32> {
    let last = |count: usize| text.get(text.len().checked_sub(count)?..);
    last(2)
        .and_then(number)
        .or_else(|| last(1).and_then(number))
}

fn index_of_prefix(names: &[&str], text: &str) -> Option<usize> {
    names.iter().position(|name| text.starts_with(name))
}

fn date(year: i16, month: u32, day: u32) -> Option<Date> {
    let date = Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok();
    date.filter(|date| date.year() >= 1)
}

/// Digits only; a sign or a blank makes it no number.
fn number(text: &str) -> Option<u32> {
    is_number(text).then(|| text.parse().ok()).flatten()
}

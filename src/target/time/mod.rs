//! Points and spans of time as users write them: `from`, `until`, `now`, and intervals.
//!
//! ```text
//! time      = epoch | [ reference ] [ offset ]
//! reference = "now" | [ time-of-day ] [ day ]            (not both empty)
//! offset    = ( "+" | "-" ) { integer unit }
//! ```
//!
//! Asked by `api` for a request's window, by `functions` for times and intervals in their
//! arguments, and by the command line. The grammar and its oddities are the reference's
//! (`render/attime.py`); the table `tests/data/at_time.tsv` was made by it.
//!
//! The clock and the zone are given by the caller. Wall times follow the zone's whole
//! future, whereas the reference's tables of zones end in 2037.

mod offset;
mod reference;

use std::ops::Range;

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};

pub use offset::{parse_offset, parse_shift};

/// The longest text that is read as a time, in bytes; the longest sensible one has about forty.
pub const TIME_LENGTH_MAX: usize = 256;

/// The last second that has a wall time before the year 10000 in every zone.
const EPOCH_MAX: i64 = 253_402_207_200;

/// The first second of the year 1, where the reference's calendar begins.
const EPOCH_MIN: i64 = -62_135_596_800;

/// Text that is no time, no day or no interval; every message names the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// Longer than [`TIME_LENGTH_MAX`].
    #[error("a time of {length} bytes is too long (at most {TIME_LENGTH_MAX})")]
    TooLong {
        /// The length found.
        length: usize,
    },
    /// What stands before the offset is neither a time of day nor a day.
    #[error(
        "unknown time or day `{text}` (expected for example `now`, `noon yesterday`, `06:30_20250615`)"
    )]
    UnknownReference {
        /// The reference as read, without blanks.
        text: String,
    },
    /// A time of day that no day has.
    #[error("invalid time of day in `{text}` (expected hours 0 to 23 and minutes 0 to 59)")]
    InvalidTimeOfDay {
        /// The reference as read.
        text: String,
    },
    /// A day that no calendar has.
    #[error("invalid day in `{text}`")]
    InvalidDay {
        /// The reference as read.
        text: String,
    },
    /// A month without a day.
    #[error("day of month required after the month in `{text}`")]
    MissingDay {
        /// The reference as read.
        text: String,
    },
    /// An offset without a sign or a number where one is needed.
    #[error("invalid offset `{text}` (expected a number and a unit, for example `-1h30min`)")]
    InvalidOffset {
        /// The offset as given.
        text: String,
    },
    /// A number without a unit, or with an unknown one.
    #[error("invalid unit `{unit}` in offset `{text}` (expected s, min, h, d, w, mon or y)")]
    InvalidUnit {
        /// The unit found, maybe empty.
        unit: String,
        /// The offset as given.
        text: String,
    },
    /// A result outside of the years 1 to 9999.
    #[error("`{text}` lies outside of the years 1 to 9999")]
    OutOfRange {
        /// The text as given.
        text: String,
    },
}

/// Reads a time and gives it in seconds since the Unix epoch; wall times are those of `zone`.
///
/// Digits alone are an epoch, unless they are eight and look like a date. Case, blanks, commas
/// and underscores do not matter. Empty text means `now`.
///
/// # Errors
/// See [`TimeError`].
pub fn parse_at_time(text: &str, now: i64, zone: &TimeZone) -> Result<i64, TimeError> {
    if text.len() > TIME_LENGTH_MAX {
        return Err(TimeError::TooLong { length: text.len() });
    }
    let out_of_range = || TimeError::OutOfRange {
        text: text.to_owned(),
    };
    let mut plain = text.trim().to_lowercase();
    plain.retain(|character| !matches!(character, '_' | ',' | ' '));
    if is_number(&plain) && !looks_like_date(&plain) {
        let epoch = plain.parse().map_err(|_| out_of_range())?;
        return in_calendar(epoch).ok_or_else(out_of_range);
    }
    let offset_start = plain.find('+').or_else(|| plain.find('-'));
    let (reference, offset) = plain.split_at(offset_start.unwrap_or(plain.len()));
    let start = reference::parse_reference(reference, now, zone)?;
    let shifted = start.checked_add(parse_offset(offset)?);
    shifted.and_then(in_calendar).ok_or_else(out_of_range)
}

/// The zone of a name such as `Europe/Berlin`, from the system's tables or, on a machine that
/// has none, from those built in. `None` when neither knows it.
pub fn time_zone(name: &str) -> Option<TimeZone> {
    TimeZone::get(name).ok()
}

/// The second at which clocks in `zone` show `wall`.
///
/// As the reference's library does by default: a wall time that was skipped counts on with the
/// offset from before the gap; of two seconds with the same wall time the one in standard time
/// is meant, and the later one if that does not tell them apart.
fn epoch_of(wall: DateTime, zone: &TimeZone) -> Option<i64> {
    let at = |offset: Offset| offset.to_timestamp(wall).ok();
    let timestamp = match zone.to_ambiguous_timestamp(wall).offset() {
        AmbiguousOffset::Unambiguous { offset } => at(offset)?,
        AmbiguousOffset::Gap { before, .. } => at(before)?,
        AmbiguousOffset::Fold { before, after } => {
            let (earlier, later) = (at(before)?, at(after)?);
            let is_standard = |timestamp| !zone.to_offset_info(timestamp).dst().is_dst();
            if is_standard(earlier) && !is_standard(later) {
                earlier
            } else {
                later
            }
        }
    };
    Some(timestamp.as_second())
}

fn in_calendar(epoch: i64) -> Option<i64> {
    (EPOCH_MIN..=EPOCH_MAX).contains(&epoch).then_some(epoch)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// Whether eight digits are more likely YYYYMMDD than an epoch in the year 1970 to 1973.
fn looks_like_date(digits: &str) -> bool {
    let part = |range: Range<usize>| digits.get(range).and_then(|part| part.parse::<u32>().ok());
    digits.len() == 8
        && part(0..4).is_some_and(|year| year > 1900)
        && part(4..6).is_some_and(|month| month < 13)
        && part(6..8).is_some_and(|day| day < 32)
}

#[cfg(test)]
mod tests;

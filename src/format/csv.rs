//! `format=csv`: `name,YYYY-mm-dd HH:MM:SS,value` a row, as Python's csv module writes it.

use std::ops::Range;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::number::write_float;
use super::series::{Place, SeriesFormat};
use crate::functions::Series;

const DAY_SECONDS: i64 = 86_400;
const EPOCH: Date = Date::constant(1970, 1, 1);

/// Rows with local times and an empty field for null.
pub struct Csv {
    zone: TimeZone,
}

/// Writes local times, most of which share a day and an offset with the one before.
struct LocalTimes<'a> {
    zone: &'a TimeZone,
    /// The last day printed and its text.
    day: (i64, [u8; 10]),
    offset: OffsetSpan,
}

/// The zone's offset and the times that it holds for, so that most rows need not ask the zone.
#[derive(Clone, Copy)]
struct OffsetSpan {
    from: i64,
    until: i64,
    seconds: i64,
}

impl OffsetSpan {
    const NEVER: Self = Self {
        from: 0,
        until: 0,
        seconds: 0,
    };

    /// The span that begins with a time and ends where the zone next changes its offset.
    fn beginning(time: i64, zone: &TimeZone) -> Self {
        let Ok(timestamp) = Timestamp::from_second(time) else {
            return Self::NEVER;
        };
        let change = zone.following(timestamp).next();
        Self {
            from: time,
            until: change.map_or(i64::MAX, |change| change.timestamp().as_second()),
            seconds: i64::from(zone.to_offset(timestamp).seconds()),
        }
    }

    fn holds_for(self, time: i64) -> bool {
        (self.from..self.until).contains(&time)
    }
}

impl Csv {
    /// Rows with times in this zone.
    pub fn new(zone: TimeZone) -> Self {
        Self { zone }
    }
}

impl<'a> LocalTimes<'a> {
    fn new(zone: &'a TimeZone) -> Self {
        Self {
            zone,
            day: (0, *b"1970-01-01"),
            offset: OffsetSpan::NEVER,
        }
    }

    fn write(&mut self, out: &mut Vec<u8>, time: i64) {
        if !self.offset.holds_for(time) {
            self.offset = OffsetSpan::beginning(time, self.zone);
        }
        let local = time.saturating_add(self.offset.seconds);
        let day = local.div_euclid(DAY_SECONDS);
        if day != self.day.0 {
            self.day = (day, day_text(day));
        }
        out.extend_from_slice(&self.day.1);
        let second = local.rem_euclid(DAY_SECONDS);
        for (separator, number) in [
            (b' ', second / 3600),
            (b':', second / 60 % 60),
            (b':', second % 60),
        ] {
            out.push(separator);
            write_two_digits(out, number);
        }
    }
}

fn day_text(day: i64) -> [u8; 10] {
    let date = EPOCH.saturating_add(jiff::Span::new().try_days(day).unwrap_or_default());
    let mut text = Vec::with_capacity(10);
    write_two_digits(&mut text, i64::from(date.year()) / 100);
    write_two_digits(&mut text, i64::from(date.year()) % 100);
    for number in [date.month(), date.day()] {
        text.push(b'-');
        write_two_digits(&mut text, i64::from(number));
    }
    text.try_into().unwrap_or(*b"1970-01-01")
}

fn write_two_digits(out: &mut Vec<u8>, number: i64) {
    out.push(b'0' + (number / 10 % 10) as u8);
    out.push(b'0' + (number % 10) as u8);
}

/// A field in quotes only where the excel dialect needs them.
fn write_field(out: &mut Vec<u8>, text: &str) {
    if !text.contains([',', '"', '\r', '\n']) {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    out.push(b'"');
    for byte in text.bytes() {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}

impl SeriesFormat for Csv {
    /// Each row says the name, and nothing stands before the rows.
    fn begin(&self, _out: &mut Vec<u8>, _series: &Series, _place: Place) {}

    fn values(&self, out: &mut Vec<u8>, series: &Series, range: Range<usize>) {
        let mut name = Vec::with_capacity(series.name.len() + 1);
        write_field(&mut name, &series.name);
        name.push(b',');
        let mut times = LocalTimes::new(&self.zone);
        let mut time = series.start + series.step * range.start as i64;
        for value in &series.values[range] {
            out.extend_from_slice(&name);
            times.write(out, time);
            out.push(b',');
            if value.is_finite() {
                write_float(out, *value);
            } else if value.is_infinite() {
                out.extend_from_slice(if *value > 0.0 { b"inf" } else { b"-inf" });
            }
            out.extend_from_slice(b"\r\n");
            time += series.step;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{encode, series};
    use super::*;

    fn csv(zone: TimeZone, list: Vec<Series>) -> String {
        encode(Csv::new(zone), list)
    }

    #[test]
    fn rows_have_name_time_and_value() {
        let list = vec![series(
            "a",
            1_750_000_000,
            10,
            &[1.0, f64::NAN, f64::INFINITY],
        )];
        let expected = "a,2025-06-15 15:06:40,1.0\r\n\
                        a,2025-06-15 15:06:50,\r\n\
                        a,2025-06-15 15:07:00,inf\r\n";
        assert_eq!(csv(TimeZone::UTC, list), expected);
    }

    #[test]
    fn times_follow_the_zone_through_a_change_of_offset() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let list = vec![series("a", 1_743_296_399, 1, &[1.0, 2.0])];
        let expected = "a,2025-03-30 01:59:59,1.0\r\na,2025-03-30 03:00:00,2.0\r\n";
        assert_eq!(csv(zone, list), expected);
    }

    #[test]
    fn each_series_begins_with_its_own_offset() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let summer = series("summer", 1_750_000_000, 1, &[1.0]);
        let winter = series("winter", 1_737_000_000, 1, &[1.0]);
        let text = csv(zone, vec![summer.clone(), winter, summer]);
        let times: Vec<_> = text.lines().map(|line| &line[7..26]).collect();
        let expected = [
            "2025-06-15 17:06:40",
            "2025-01-16 05:00:00",
            "2025-06-15 17:06:40",
        ];
        assert_eq!(times, expected);
    }

    #[test]
    fn names_are_quoted_only_when_they_must_be() {
        let row = |name: &str| csv(TimeZone::UTC, vec![series(name, 0, 1, &[1.0])]);
        assert!(row("a b;c=d").starts_with("a b;c=d,1970"));
        assert!(row("sum(a,b)").starts_with("\"sum(a,b)\",1970"));
        assert!(row("q\"q").starts_with("\"q\"\"q\",1970"));
    }

    #[test]
    fn days_before_the_epoch_and_leap_days_are_right() {
        let row = |time| csv(TimeZone::UTC, vec![series("a", time, 1, &[1.0])]);
        assert!(row(-1).starts_with("a,1969-12-31 23:59:59,"));
        assert!(row(1_709_208_000).starts_with("a,2024-02-29 12:00:00,"));
    }
}

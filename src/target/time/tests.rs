//! The grammar of times as a table made by the reference, and what the table cannot say.

use super::*;

const NOW: i64 = 1_750_000_000;

fn zone(name: &str) -> TimeZone {
    time_zone(name).unwrap()
}

#[test]
fn times_are_read_as_the_reference_reads_them() {
    let table = include_str!("../../../tests/data/at_time.tsv");
    let mut cases = 0;
    let mut wrong = Vec::new();
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        let columns: Vec<&str> = line.split('\t').collect();
        let [text, zone_name, now, expected] = columns[..] else {
            panic!("not four columns: {line:?}");
        };
        let epoch = parse_at_time(text, now.parse().unwrap(), &zone(zone_name));
        let actual = epoch.map_or("error".to_owned(), |epoch| epoch.to_string());
        if actual != expected {
            wrong.push(format!(
                "{text:?} in {zone_name} at {now}: {actual} for {expected}"
            ));
        }
        cases += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(cases > 300, "the table holds only {cases} cases");
}

#[test]
fn the_zone_keeps_its_summer_time_after_2037() {
    let berlin = zone("Europe/Berlin");
    let noon = parse_at_time("12:00_20500701", NOW, &berlin).unwrap();
    assert_eq!(
        noon,
        parse_at_time("10:00_20500701", NOW, &TimeZone::UTC).unwrap()
    );
}

#[test]
fn unknown_zones_are_none() {
    assert!(time_zone("Bogus/Zone").is_none());
    assert!(time_zone("UTC").is_some());
}

#[test]
fn a_machine_without_tables_of_zones_has_the_bundled_ones() {
    let bundled = jiff::tz::TimeZoneDatabase::bundled();
    assert!(bundled.get("America/New_York").is_ok());
}

#[test]
fn errors_name_the_offending_text() {
    for (text, message) in [
        ("bogus", "unknown time or day `bogus`"),
        ("2025-06-15", "unknown time or day `2025`"),
        ("-1h-30min", "invalid offset `-1h-30min`"),
        ("24:00", "invalid time of day in `24:00`"),
        ("6:60", "invalid time of day in `6:60`"),
        ("x:00", "invalid time of day in `x:00`"),
        ("1:", "invalid time of day in `1:`"),
        ("noon 02/30/25", "invalid day in `noon02/30/25`"),
        ("jan", "day of month required after the month in `jan`"),
        ("-5m", "invalid unit `m`"),
        ("9999999999999999999999", "lies outside"),
        ("now+300000d", ""),
        ("now+9000y", "lies outside"),
    ] {
        let shown = parse_at_time(text, NOW, &TimeZone::UTC).map_err(|error| error.to_string());
        match message {
            "" => assert!(shown.is_ok(), "{text:?}"),
            _ => assert!(
                shown.as_ref().is_err_and(|m| m.contains(message)),
                "{text:?}: {shown:?}"
            ),
        }
    }
    let long = "1".repeat(TIME_LENGTH_MAX + 1);
    let refused = parse_at_time(&long, NOW, &TimeZone::UTC);
    assert_eq!(refused, Err(TimeError::TooLong { length: long.len() }));
}

#[test]
fn any_text_is_a_time_in_the_calendar_or_an_error() {
    use proptest::prelude::*;
    let soup = "(noon|midnight|teatime|now|today|jun|mon|am|pm|yesterday|min|[hdwys]|[0-9]{1,8}|[:/+-]|[ _,é]){0,8}";
    let zones = ["UTC", "Europe/Berlin", "Pacific/Apia", "Asia/Kolkata"].map(zone);
    proptest!(|(text in soup, now in -1_000_000_000_000_i64..1_000_000_000_000, at in 0..4_usize)| {
        if let Ok(epoch) = parse_at_time(&text, now, &zones[at]) {
            prop_assert!((EPOCH_MIN..=EPOCH_MAX).contains(&epoch));
        }
    });
}

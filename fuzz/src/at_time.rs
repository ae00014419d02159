//! Any text as a time or a span: an error, or a second within the calendar.

use plumbago::target::{parse_at_time, parse_offset, parse_shift, time_zone};

const ZONES: [&str; 4] = [
    "UTC",
    "Europe/Dublin",
    "Pacific/Apia",
    "Australia/Lord_Howe",
];

/// The years 1 to 9999.
const CALENDAR: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

/// The first byte chooses a zone, four more are `now`, the others are the text.
pub fn run(data: &[u8]) {
    let Some(([zone, now @ ..], text)) = data.split_first_chunk::<5>() else {
        return;
    };
    let zone = time_zone(ZONES[usize::from(*zone) % ZONES.len()]).expect("a bundled zone");
    let now = i64::from(i32::from_le_bytes(*now));
    let text = String::from_utf8_lossy(text);
    let epoch = parse_at_time(&text, now, &zone).ok();
    if let Some(epoch) = epoch {
        assert!(CALENDAR.contains(&epoch), "{text:?} at {now} is {epoch}");
    }
    let has_blanks = text.contains(char::is_whitespace);
    if !has_blanks && text.len() < 60 {
        let spread: String = text
            .chars()
            .flat_map(|character| [character, '_'])
            .collect();
        assert_eq!(parse_at_time(&spread, now, &zone).ok(), epoch, "{spread:?}");
    }
    if let Ok(seconds) = parse_offset(&text) {
        let shift = parse_shift(&text).expect("the same grammar");
        assert_eq!(shift.abs(), seconds.abs());
        assert_eq!(
            shift != seconds,
            seconds != 0 && !text.starts_with(['+', '-'])
        );
    }
}

/// The times of the reference's table, all at one moment, and its spans.
pub fn seeds() -> Vec<Vec<u8>> {
    let times = include_str!("../../tests/data/at_time.tsv").lines();
    let spans = include_str!("../../tests/data/offsets.tsv").lines();
    times
        .chain(spans)
        .filter_map(|line| line.split_once('\t'))
        .zip((0..=3u8).cycle())
        .map(|((text, _), zone)| {
            let mut seed = vec![zone];
            seed.extend_from_slice(&1_750_000_000_i32.to_le_bytes());
            seed.extend_from_slice(text.as_bytes());
            seed
        })
        .collect()
}

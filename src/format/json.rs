//! `format=json`, the answer that Grafana reads.

use std::ops::Range;

use super::number::{FLOAT_TEXT_MAX, put_float, write_float, write_integer};
use super::series::{MakeText, Place, SeriesFormat, points_within};
use super::text::{write_json_string, write_key};
use crate::functions::Series;
use crate::functions::kept_run::PointsText;

/// What a request may ask of the json format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JsonOptions {
    /// Indented by two, for people.
    pub pretty: bool,
    /// Leaves nulls out, and series that have nothing else.
    pub no_null_points: bool,
}

/// `[{"target","tags","datapoints":[[value|null,time]…]}…]`.
#[derive(Debug, Default)]
pub struct Json {
    options: JsonOptions,
    /// Further members of each series, written as they are; by position, empty for none.
    members: Vec<Vec<u8>>,
}

impl Json {
    /// The format with these options.
    pub fn new(options: JsonOptions) -> Self {
        Self {
            options,
            members: Vec::new(),
        }
    }

    /// Gives each series further members: JSON text such as `"interval":10`, by position in the list.
    #[must_use]
    pub fn with_members(mut self, members: Vec<Vec<u8>>) -> Self {
        self.members = members;
        self
    }

    fn further_members(&self, out: &mut Vec<u8>, place: Place) {
        let members = self.members.get(place.index);
        if let Some(members) = members.filter(|members| !members.is_empty()) {
            out.extend_from_slice(members);
            out.push(b',');
            self.break_line(out, 2);
        }
    }

    fn break_line(&self, out: &mut Vec<u8>, depth: usize) {
        if self.options.pretty {
            out.push(b'\n');
            out.resize(out.len() + 2 * depth, b' ');
        }
    }

    fn key(&self, out: &mut Vec<u8>, key: &str) {
        write_key(out, key);
        if self.options.pretty {
            out.push(b' ');
        }
    }

    fn tags(&self, out: &mut Vec<u8>, series: &Series) {
        out.push(b'{');
        for (position, (tag, value)) in series.tags.iter().enumerate() {
            if position > 0 {
                out.push(b',');
            }
            self.break_line(out, 3);
            write_json_string(out, tag);
            out.extend_from_slice(if self.options.pretty { b": " } else { b":" });
            write_json_string(out, value);
        }
        if !series.tags.is_empty() {
            self.break_line(out, 2);
        }
        out.push(b'}');
    }

    fn pretty_point(&self, out: &mut Vec<u8>, value: f64, time: i64) {
        self.break_line(out, 3);
        out.push(b'[');
        self.break_line(out, 4);
        write_json_value(out, value);
        out.push(b',');
        self.break_line(out, 4);
        write_integer(out, time);
        self.break_line(out, 3);
        out.push(b']');
    }

    /// Points as close as they can be: most answers are little else, so room is made for many of them
    /// at once.
    fn points(&self, out: &mut Vec<u8>, mut points: Points<'_>) {
        let mut time = TimeText::of(points.time);
        for values in points.values.chunks(VALUES_AT_ONCE) {
            let mut at = out.len();
            out.resize(at + values.len() * POINT_TEXT_MAX, 0);
            for value in values {
                if !self.leaves_out(*value) {
                    if !points.is_first {
                        out[at] = b',';
                        at += 1;
                    }
                    points.is_first = false;
                    out[at] = b'[';
                    at += 1;
                    at += put_json_value(&mut out[at..], *value);
                    at += time.put(&mut out[at..]);
                }
                time.advance(points.step);
            }
            out.truncate(at);
        }
    }

    /// What answers to come say of the same points.
    fn kept_text(&self, values: &[f64], start: i64, step: i64) -> PointsText {
        let mut text = Vec::new();
        let points = Points {
            values,
            time: start,
            step,
            is_first: false,
        };
        self.points(&mut text, points);
        PointsText::split_behind(b']', text)
    }

    fn pretty_points(&self, out: &mut Vec<u8>, mut points: Points<'_>) {
        for value in points.values {
            if !self.leaves_out(*value) {
                if !points.is_first {
                    out.push(b',');
                }
                points.is_first = false;
                self.pretty_point(out, *value, points.time);
            }
            points.time += points.step;
        }
    }

    #[inline]
    fn leaves_out(&self, value: f64) -> bool {
        self.options.no_null_points && value.is_nan()
    }
}

/// A run of values of one series.
struct Points<'a> {
    values: &'a [f64],
    /// Of the next value.
    time: i64,
    step: i64,
    /// No point of the series was written yet.
    is_first: bool,
}

/// How many points room is made for at once: what is written stays in the nearest cache.
const VALUES_AT_ONCE: usize = 256;

/// Room for the text of a point: comma, bracket, number, time.
const POINT_TEXT_MAX: usize = 2 + FLOAT_TEXT_MAX + TIME_TEXT_MAX;

/// Room for the text of a time: comma, sign, 19 digits, bracket.
const TIME_TEXT_MAX: usize = 24;

/// How many times have all digits but the last four in common.
const TIMES_ALIKE: i64 = 10_000;

/// `,time]` of one point after the other; most differ from the one before in the last digits only.
struct TimeText {
    time: i64,
    bytes: [u8; TIME_TEXT_MAX],
    /// Of the bytes, which end with the time's last digit.
    length: usize,
}

impl TimeText {
    fn of(time: i64) -> Self {
        let mut bytes = [0; TIME_TEXT_MAX];
        let mut buffer = itoa::Buffer::new();
        let digits = buffer.format(time).as_bytes();
        let length = 1 + digits.len();
        bytes[0] = b',';
        bytes[1..length].copy_from_slice(digits);
        Self {
            time,
            bytes,
            length,
        }
    }

    #[inline]
    fn advance(&mut self, step: i64) {
        let time = self.time + step;
        if self.time >= TIMES_ALIKE && time / TIMES_ALIKE == self.time / TIMES_ALIKE {
            self.time = time;
        } else {
            *self = Self::of(time);
        }
    }

    /// Puts the text at the beginning of a place that has [`TIME_TEXT_MAX`] bytes; how many it took.
    #[inline]
    fn put(&self, place: &mut [u8]) -> usize {
        // A copy of a fixed size is a move or two, others are calls.
        place[..TIME_TEXT_MAX].copy_from_slice(&self.bytes);
        if self.time >= TIMES_ALIKE {
            let mut rest = (self.time % TIMES_ALIKE) as u16;
            for byte in place[self.length - 4..self.length].iter_mut().rev() {
                *byte = b'0' + (rest % 10) as u8;
                rest /= 10;
            }
        }
        place[self.length] = b']';
        self.length + 1
    }
}

/// Puts a value at the beginning of a place that has [`FLOAT_TEXT_MAX`] bytes; how many it took.
#[inline]
fn put_json_value(place: &mut [u8], value: f64) -> usize {
    if value.is_finite() {
        return put_float(place, value);
    }
    let text = not_finite(value);
    place[..text.len()].copy_from_slice(text);
    text.len()
}

/// A value in JSON: null for NaN, and a number that every parser reads as infinite for infinity.
#[inline]
pub(super) fn write_json_value(out: &mut Vec<u8>, value: f64) {
    if value.is_finite() {
        write_float(out, value);
    } else {
        out.extend_from_slice(not_finite(value));
    }
}

fn not_finite(value: f64) -> &'static [u8] {
    if value.is_nan() {
        b"null"
    } else if value > 0.0 {
        b"1e9999"
    } else {
        b"-1e9999"
    }
}

impl SeriesFormat for Json {
    fn open(&self, out: &mut Vec<u8>, _series: &[Series]) {
        out.push(b'[');
    }

    /// When no series has any point the reference shows none of them.
    fn shows_any(&self, series: &[Series]) -> bool {
        !series.iter().all(|one| one.values.is_empty())
    }

    fn shows(&self, series: &Series) -> bool {
        let values = &series.values[..points_within(series)];
        !self.options.no_null_points || values.iter().any(|value| !value.is_nan())
    }

    fn count(&self, series: &Series) -> usize {
        points_within(series)
    }

    fn begin(&self, out: &mut Vec<u8>, series: &Series, place: Place) {
        if !place.is_first {
            out.push(b',');
        }
        self.break_line(out, 1);
        out.push(b'{');
        self.break_line(out, 2);
        self.key(out, "target");
        write_json_string(out, &series.name);
        out.push(b',');
        self.break_line(out, 2);
        self.key(out, "tags");
        self.tags(out, series);
        out.push(b',');
        self.break_line(out, 2);
        self.further_members(out, place);
        self.key(out, "datapoints");
        out.push(b'[');
    }

    fn values(&self, out: &mut Vec<u8>, series: &Series, range: Range<usize>) {
        let before = &series.values[..range.start];
        let points = Points {
            time: series.start + series.step * range.start as i64,
            step: series.step,
            is_first: before.iter().all(|value| self.leaves_out(*value)),
            values: &series.values[range],
        };
        if self.options.pretty {
            self.pretty_points(out, points);
        } else {
            self.points(out, points);
        }
    }

    /// Of points as close as they can be, none of which is left out: a comma stands before each.
    fn text_maker(&self) -> Option<MakeText<Self>> {
        (self.options == JsonOptions::default()).then_some(Self::kept_text)
    }

    fn end(&self, out: &mut Vec<u8>, series: &Series) {
        if points_within(series) > 0 {
            self.break_line(out, 2);
        }
        out.push(b']');
        self.break_line(out, 1);
        out.push(b'}');
    }

    fn close(&self, out: &mut Vec<u8>, is_empty: bool) {
        if !is_empty {
            self.break_line(out, 0);
        }
        out.push(b']');
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{encode, series};
    use super::*;

    fn json(options: JsonOptions, series: Vec<Series>) -> String {
        encode(Json::new(options), series)
    }

    #[test]
    fn points_are_value_and_time_with_null_for_nothing() {
        let text = json(
            JsonOptions::default(),
            vec![series("a.b", 60, 10, &[1.0, f64::NAN, 2.5])],
        );
        let expected = r#"[{"target":"a.b","tags":{"name":"a.b"},"datapoints":[[1.0,60],[null,70],[2.5,80]]}]"#;
        assert_eq!(text, expected);
    }

    #[test]
    fn infinities_are_numbers_that_overflow() {
        let values = [f64::INFINITY, f64::NEG_INFINITY];
        let text = json(JsonOptions::default(), vec![series("a", 0, 1, &values)]);
        assert!(text.contains("[[1e9999,0],[-1e9999,1]]"), "{text}");
    }

    #[test]
    fn null_points_and_empty_series_can_be_left_out() {
        let options = JsonOptions {
            no_null_points: true,
            ..JsonOptions::default()
        };
        let list = vec![
            series("empty", 0, 1, &[f64::NAN; 3]),
            series("full", 0, 1, &[f64::NAN, 1.0, f64::NAN]),
        ];
        let expected = r#"[{"target":"full","tags":{"name":"full"},"datapoints":[[1.0,1]]}]"#;
        assert_eq!(json(options, list), expected);
    }

    #[test]
    fn series_without_points_show_only_beside_others() {
        let empty = || series("empty", 0, 1, &[]);
        assert_eq!(json(JsonOptions::default(), vec![empty(), empty()]), "[]");
        let both = vec![empty(), series("full", 0, 1, &[1.0])];
        let text = json(JsonOptions::default(), both);
        assert!(text.contains(r#"{"target":"empty","tags":{"name":"empty"},"datapoints":[]}"#));
    }

    #[test]
    fn times_are_those_that_steps_lead_to() {
        for (start, step) in [
            (-30_005, 7),
            (0, 10),
            (9_990, 1),
            (10_000, 9_999),
            (1_749_999_995, 1),
            (1_749_999_000, 60),
            (99_999_990_000, 10_000),
            (1_000_000_000_000_000_000, 86_400),
        ] {
            let text = json(
                JsonOptions::default(),
                vec![series("a", start, step, &[1.5; 600])],
            );
            let value: serde_json::Value = serde_json::from_str(&text).unwrap();
            for (number, point) in value[0]["datapoints"]
                .as_array()
                .unwrap()
                .iter()
                .enumerate()
            {
                assert_eq!(point[1], start + number as i64 * step, "{start} + {step}");
            }
        }
    }

    #[test]
    fn no_series_are_an_empty_list() {
        assert_eq!(json(JsonOptions::default(), vec![]), "[]");
        let pretty = JsonOptions {
            pretty: true,
            ..JsonOptions::default()
        };
        assert_eq!(json(pretty, vec![]), "[]");
    }

    #[test]
    fn pretty_says_the_same_with_more_room() {
        let list = || {
            vec![
                series("a;t=é", 0, 1, &[1.0, f64::NAN]),
                series("b", 0, 1, &[]),
            ]
        };
        let pretty = JsonOptions {
            pretty: true,
            ..JsonOptions::default()
        };
        let compact: serde_json::Value =
            serde_json::from_str(&json(JsonOptions::default(), list())).unwrap();
        let roomy = json(pretty, list());
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&roomy).unwrap(),
            compact
        );
        assert!(roomy.starts_with("[\n  {\n    \"target\": \"a;t=\\u00e9\""));
    }

    #[test]
    fn point_at_the_end_itself_is_shown_and_later_ones_are_not() {
        let mut line = series("line", 0, 300, &[5.0, 5.0, 5.0]);
        line.end = 600;
        let text = json(JsonOptions::default(), vec![line.clone()]);
        assert!(text.contains("[[5.0,0],[5.0,300],[5.0,600]]"), "{text}");
        line.end = 599;
        let text = json(JsonOptions::default(), vec![line]);
        assert!(text.contains("[[5.0,0],[5.0,300]]"), "{text}");
    }

    #[test]
    fn further_members_belong_to_their_series() {
        let options = JsonOptions {
            no_null_points: true,
            ..JsonOptions::default()
        };
        let members = vec![b"\"n\":0".to_vec(), b"\"n\":1".to_vec(), Vec::new()];
        let list = vec![
            series("left out", 0, 1, &[f64::NAN]),
            series("b", 0, 1, &[1.0]),
            series("c", 0, 1, &[1.0]),
        ];
        let text = encode(Json::new(options).with_members(members), list);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value[0]["n"], 1);
        assert_eq!(value[1].get("n"), None);
    }

    #[test]
    fn long_series_come_out_whole() {
        let values: Vec<f64> = (0..5000).map(f64::from).collect();
        let text = json(JsonOptions::default(), vec![series("a", 0, 1, &values)]);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        let points = value[0]["datapoints"].as_array().unwrap();
        assert_eq!(points.len(), 5000);
        assert_eq!(points[4999][0], 4999.0);
        assert_eq!(points[4999][1], 4999);
    }
}

//! `format=json`, the answer that Grafana reads.

use std::ops::Range;

use super::number::{write_float, write_integer};
use super::series::{SeriesFormat, points_within};
use super::text::{write_json_string, write_key};
use crate::functions::Series;

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
    position: usize,
    first_series: bool,
    first_point: bool,
    /// No series has any point: the reference then shows none of them.
    is_empty: bool,
}

impl Json {
    /// The format with these options.
    pub fn new(options: JsonOptions) -> Self {
        Self {
            options,
            members: Vec::new(),
            position: 0,
            first_series: true,
            first_point: true,
            is_empty: false,
        }
    }

    /// Gives each series further members: JSON text such as `"interval":10`, by position in the list.
    #[must_use]
    pub fn with_members(mut self, members: Vec<Vec<u8>>) -> Self {
        self.members = members;
        self
    }

    fn further_members(&mut self, out: &mut Vec<u8>) {
        let members = self.members.get(self.position - 1);
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

    #[inline]
    fn point(&mut self, out: &mut Vec<u8>, value: f64, time: i64) {
        if !self.first_point {
            out.push(b',');
        }
        self.first_point = false;
        if self.options.pretty {
            self.break_line(out, 3);
            out.push(b'[');
            self.break_line(out, 4);
            write_json_value(out, value);
            out.push(b',');
            self.break_line(out, 4);
            write_integer(out, time);
            self.break_line(out, 3);
        } else {
            out.push(b'[');
            write_json_value(out, value);
            out.push(b',');
            write_integer(out, time);
        }
        out.push(b']');
    }
}

/// A value in JSON: null for NaN, and a number that every parser reads as infinite for infinity.
#[inline]
pub(super) fn write_json_value(out: &mut Vec<u8>, value: f64) {
    if value.is_finite() {
        write_float(out, value);
    } else if value.is_nan() {
        out.extend_from_slice(b"null");
    } else {
        out.extend_from_slice(if value > 0.0 { b"1e9999" } else { b"-1e9999" });
    }
}

impl SeriesFormat for Json {
    fn open(&mut self, out: &mut Vec<u8>, series: &[Series]) {
        self.is_empty = series.iter().all(|one| one.values.is_empty());
        out.push(b'[');
    }

    fn begin(&mut self, out: &mut Vec<u8>, series: &Series) -> Option<usize> {
        let count = points_within(series);
        self.position += 1;
        let is_hidden = self.options.no_null_points
            && series.values[..count].iter().all(|value| value.is_nan());
        if self.is_empty || is_hidden {
            return None;
        }
        if !self.first_series {
            out.push(b',');
        }
        self.first_series = false;
        self.first_point = true;
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
        self.further_members(out);
        self.key(out, "datapoints");
        out.push(b'[');
        Some(count)
    }

    fn values(&mut self, out: &mut Vec<u8>, series: &Series, range: Range<usize>) {
        let mut time = series.start + series.step * range.start as i64;
        for value in &series.values[range] {
            if !(self.options.no_null_points && value.is_nan()) {
                self.point(out, *value, time);
            }
            time += series.step;
        }
    }

    fn end(&mut self, out: &mut Vec<u8>, _series: &Series) {
        if !self.first_point {
            self.break_line(out, 2);
        }
        out.push(b']');
        self.break_line(out, 1);
        out.push(b'}');
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        if !self.first_series {
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

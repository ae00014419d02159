//! `format=rickshaw`: `[{"target","datapoints":[{"x":time,"y":value}…]}…]`.

use std::ops::Range;

use super::json::write_json_value;
use super::number::write_integer;
use super::series::{Place, SeriesFormat};
use super::text::{write_json_string, write_key};
use crate::functions::Series;

/// The objects that the rickshaw library draws.
#[derive(Clone, Copy, Debug)]
pub struct Rickshaw;

impl SeriesFormat for Rickshaw {
    fn open(&self, out: &mut Vec<u8>, _series: &[Series]) {
        out.push(b'[');
    }

    fn count(&self, series: &Series) -> usize {
        values_before_end(series)
    }

    fn begin(&self, out: &mut Vec<u8>, series: &Series, place: Place) {
        if !place.is_first {
            out.push(b',');
        }
        out.push(b'{');
        write_key(out, "target");
        write_json_string(out, &series.name);
        out.push(b',');
        write_key(out, "datapoints");
        out.push(b'[');
    }

    fn values(&self, out: &mut Vec<u8>, series: &Series, range: Range<usize>) {
        let mut time = series.start + series.step * range.start as i64;
        let mut first = range.start == 0;
        for value in &series.values[range] {
            if !first {
                out.push(b',');
            }
            first = false;
            out.extend_from_slice(b"{\"x\":");
            write_integer(out, time);
            out.extend_from_slice(b",\"y\":");
            write_json_value(out, *value);
            out.push(b'}');
            time += series.step;
        }
    }

    fn end(&self, out: &mut Vec<u8>, _series: &Series) {
        out.extend_from_slice(b"]}");
    }

    fn close(&self, out: &mut Vec<u8>, _is_empty: bool) {
        out.push(b']');
    }
}

/// This format counts times up to the end and not including it, other than json.
fn values_before_end(series: &Series) -> usize {
    let step = series.step.max(1);
    let span = (series.end - series.start).max(0);
    let slots = usize::try_from((span + step - 1) / step).unwrap_or(usize::MAX);
    series.values.len().min(slots)
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{encode, series};
    use super::*;

    #[test]
    fn points_are_objects() {
        let list = vec![
            series("a", 60, 10, &[1.0, f64::NAN]),
            series("b", 0, 1, &[]),
        ];
        let expected = r#"[{"target":"a","datapoints":[{"x":60,"y":1.0},{"x":70,"y":null}]},{"target":"b","datapoints":[]}]"#;
        assert_eq!(encode(Rickshaw, list), expected);
    }

    #[test]
    fn point_at_the_end_itself_is_not_shown() {
        let mut line = series("line", 0, 300, &[5.0, 5.0, 5.0]);
        line.end = 600;
        let text = encode(Rickshaw, vec![line]);
        assert_eq!(text.matches("\"x\"").count(), 2);
    }
}

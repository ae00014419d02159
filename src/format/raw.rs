//! `format=raw`: `name,start,end,step|v,v,None` a line.

use std::ops::Range;

use super::number::{write_float, write_integer};
use super::series::{Place, SeriesFormat};
use crate::functions::Series;

/// One line a series, in Python's words: `None` for nothing, `inf` and `-inf`.
#[derive(Debug, Default)]
pub struct Raw;

impl SeriesFormat for Raw {
    fn begin(&self, out: &mut Vec<u8>, series: &Series, _place: Place) {
        out.extend_from_slice(series.name.as_bytes());
        for number in [series.start, series.end, series.step] {
            out.push(b',');
            write_integer(out, number);
        }
        out.push(b'|');
    }

    fn values(&self, out: &mut Vec<u8>, series: &Series, range: Range<usize>) {
        let mut first = range.start == 0;
        for value in &series.values[range] {
            if !first {
                out.push(b',');
            }
            first = false;
            write_python_value(out, *value);
        }
    }

    fn end(&self, out: &mut Vec<u8>, _series: &Series) {
        out.push(b'\n');
    }
}

fn write_python_value(out: &mut Vec<u8>, value: f64) {
    if value.is_finite() {
        write_float(out, value);
    } else if value.is_nan() {
        out.extend_from_slice(b"None");
    } else {
        out.extend_from_slice(if value > 0.0 { b"inf" } else { b"-inf" });
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{encode, series};
    use super::*;

    #[test]
    fn line_has_the_grid_and_then_the_values() {
        let list = vec![
            series(
                "a,b",
                60,
                10,
                &[1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY],
            ),
            series("c", 0, 1, &[]),
        ];
        assert_eq!(
            encode(Raw, list),
            "a,b,60,100,10|1.0,None,inf,-inf\nc,0,0,1|\n"
        );
    }

    #[test]
    fn commas_stay_right_across_pieces() {
        let values = vec![7.0; 1000];
        let text = encode(Raw, vec![series("a", 0, 1, &values)]);
        assert_eq!(text.matches("7.0").count(), 1000);
        assert_eq!(text.matches(',').count(), 3 + 999);
    }
}

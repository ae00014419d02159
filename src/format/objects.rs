//! Lists and maps in self-describing binary formats: one way to say them, several to write them.
//!
//! `/render` and `/metrics/find` answer the same shapes in pickle and in MessagePack, so the shapes
//! are written against [`Objects`] and the bytes are left to [`pickle`](super::pickle) and
//! [`msgpack`](super::msgpack).

use std::ops::Range;

use super::{Place, SeriesFormat};
use crate::functions::Series;

/// A writer of nested values. Lengths are given up front because MessagePack needs them; ends are
/// said because pickle needs those. A whole document starts and finishes once.
pub trait Objects: Send + Sync + Default {
    /// The media type of the documents.
    const CONTENT_TYPE: &'static str;

    /// Before everything.
    fn start(&self, _out: &mut Vec<u8>) {}
    /// After everything.
    fn finish(&self, _out: &mut Vec<u8>) {}
    /// A list of so many values follows.
    fn begin_list(&self, out: &mut Vec<u8>, length: usize);
    /// The list is complete.
    fn end_list(&self, _out: &mut Vec<u8>) {}
    /// So many pairs of key and value follow.
    fn begin_map(&self, out: &mut Vec<u8>, length: usize);
    /// The map is complete.
    fn end_map(&self, _out: &mut Vec<u8>) {}
    /// Text.
    fn text(&self, out: &mut Vec<u8>, text: &str);
    /// A whole number.
    fn integer(&self, out: &mut Vec<u8>, value: i64);
    /// A number, infinities and NaN included.
    fn float(&self, out: &mut Vec<u8>, value: f64);
    /// True or false.
    fn boolean(&self, out: &mut Vec<u8>, value: bool);
    /// Nothing.
    fn null(&self, out: &mut Vec<u8>);

    /// A key with a text.
    fn text_member(&self, out: &mut Vec<u8>, key: &str, value: &str) {
        self.text(out, key);
        self.text(out, value);
    }

    /// A key with a whole number.
    fn integer_member(&self, out: &mut Vec<u8>, key: &str, value: i64) {
        self.text(out, key);
        self.integer(out, value);
    }
}

/// Keys of a series' map.
const SERIES_KEYS: usize = 9;

/// The list of series maps that cluster members exchange: `name, start, end, step, values,
/// pathExpression, valuesPerPoint, consolidationFunc, xFilesFactor`.
#[derive(Debug, Default)]
pub struct SeriesObjects<O> {
    objects: O,
}

impl<O: Objects> SeriesFormat for SeriesObjects<O> {
    fn open(&self, out: &mut Vec<u8>, series: &[Series]) {
        self.objects.start(out);
        self.objects.begin_list(out, series.len());
    }

    fn begin(&self, out: &mut Vec<u8>, series: &Series, _place: Place) {
        let objects = &self.objects;
        objects.begin_map(out, SERIES_KEYS);
        objects.text_member(out, "name", &series.name);
        objects.integer_member(out, "start", series.start);
        objects.integer_member(out, "end", series.end);
        objects.integer_member(out, "step", series.step);
        objects.text_member(out, "pathExpression", &series.path_expression);
        objects.integer_member(out, "valuesPerPoint", 1);
        objects.text_member(out, "consolidationFunc", series.consolidation.as_str());
        objects.text(out, "xFilesFactor");
        objects.float(out, series.x_files_factor);
        objects.text(out, "values");
        objects.begin_list(out, series.values.len());
    }

    fn values(&self, out: &mut Vec<u8>, series: &Series, range: Range<usize>) {
        for value in &series.values[range] {
            if value.is_nan() {
                self.objects.null(out);
            } else {
                self.objects.float(out, *value);
            }
        }
    }

    fn end(&self, out: &mut Vec<u8>, _series: &Series) {
        self.objects.end_list(out);
        self.objects.end_map(out);
    }

    fn close(&self, out: &mut Vec<u8>, _is_empty: bool) {
        self.objects.end_list(out);
        self.objects.finish(out);
    }
}

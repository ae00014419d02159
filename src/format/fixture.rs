//! Series for the tests of the formats.

use super::{Encode, SeriesEncoder, SeriesFormat};
use crate::functions::Series;

pub(super) fn encode(format: impl SeriesFormat, series: Vec<Series>) -> String {
    String::from_utf8(encode_bytes(format, series)).unwrap()
}

pub(super) fn encode_bytes(format: impl SeriesFormat, series: Vec<Series>) -> Vec<u8> {
    SeriesEncoder::new(format, series).collect_bytes()
}

pub(super) fn series(name: &str, start: i64, step: i64, values: &[f64]) -> Series {
    let end = start + step * values.len() as i64;
    Series::new(name, start, end, step, values.to_vec())
}

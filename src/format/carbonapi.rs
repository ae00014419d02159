//! go-carbon's protobuf answers, so that carbonapi and its zipper can read from Plumbago.
//!
//! The messages are those of the go-graphite/protocol repository, `carbonapi_v2_pb` and
//! `carbonapi_v3_pb`. Every reply is a repeated field of submessages, whose lengths are known before
//! their values are written, so these stream like the other formats.

use std::ops::Range;

use super::protobuf::{
    length_field_len, write_bool_field, write_bytes_field, write_float_field, write_integer_field,
    write_length, write_text_field,
};
use super::series::{Place, SeriesFormat};
use crate::functions::Series;

const VALUE_BYTES: usize = size_of::<f64>();

/// `carbonapi_v2_pb.MultiFetchResponse`: nulls are zeros with a mark beside them.
#[derive(Debug, Default)]
pub struct FetchV2;

/// Fields of a v2 `FetchResponse`.
mod v2 {
    pub(super) const NAME: u32 = 1;
    pub(super) const START: u32 = 2;
    pub(super) const STOP: u32 = 3;
    pub(super) const STEP: u32 = 4;
    pub(super) const VALUES: u32 = 5;
    pub(super) const IS_ABSENT: u32 = 6;
}

impl SeriesFormat for FetchV2 {
    fn begin(&self, out: &mut Vec<u8>, series: &Series, _place: Place) {
        let count = series.values.len();
        let mut head = Vec::with_capacity(series.name.len() + 32);
        write_text_field(&mut head, v2::NAME, &series.name);
        write_integer_field(&mut head, v2::START, series.start);
        write_integer_field(&mut head, v2::STOP, series.end);
        write_integer_field(&mut head, v2::STEP, series.step);
        let length = head.len()
            + length_field_len(v2::VALUES, count * VALUE_BYTES)
            + length_field_len(v2::IS_ABSENT, count);
        write_length(out, 1, length);
        out.extend_from_slice(&head);
        write_length(out, v2::VALUES, count * VALUE_BYTES);
    }

    fn values(&self, out: &mut Vec<u8>, series: &Series, range: Range<usize>) {
        for value in &series.values[range] {
            let shown = if value.is_nan() { 0.0 } else { *value };
            out.extend_from_slice(&shown.to_le_bytes());
        }
    }

    fn end(&self, out: &mut Vec<u8>, series: &Series) {
        write_length(out, v2::IS_ABSENT, series.values.len());
        out.extend(series.values.iter().map(|value| u8::from(value.is_nan())));
    }
}

/// `carbonapi_v3_pb.MultiFetchResponse`: nulls are NaN.
#[derive(Clone, Copy, Debug, Default)]
pub struct FetchV3 {
    /// The start that was asked for, which the reader plans its own windows with.
    pub request_start: i64,
    /// The end that was asked for.
    pub request_stop: i64,
}

/// Fields of a v3 `FetchResponse`.
mod v3 {
    pub(super) const NAME: u32 = 1;
    pub(super) const PATH_EXPRESSION: u32 = 2;
    pub(super) const CONSOLIDATION: u32 = 3;
    pub(super) const START: u32 = 4;
    pub(super) const STOP: u32 = 5;
    pub(super) const STEP: u32 = 6;
    pub(super) const X_FILES_FACTOR: u32 = 7;
    pub(super) const VALUES: u32 = 9;
    pub(super) const REQUEST_START: u32 = 11;
    pub(super) const REQUEST_STOP: u32 = 12;
}

impl SeriesFormat for FetchV3 {
    fn begin(&self, out: &mut Vec<u8>, series: &Series, _place: Place) {
        let count = series.values.len();
        let mut head = Vec::with_capacity(series.name.len() + series.path_expression.len() + 64);
        write_text_field(&mut head, v3::NAME, &series.name);
        write_text_field(&mut head, v3::PATH_EXPRESSION, &series.path_expression);
        write_text_field(&mut head, v3::CONSOLIDATION, series.consolidation.as_str());
        write_integer_field(&mut head, v3::START, series.start);
        write_integer_field(&mut head, v3::STOP, series.end);
        write_integer_field(&mut head, v3::STEP, series.step);
        write_float_field(&mut head, v3::X_FILES_FACTOR, series.x_files_factor as f32);
        write_integer_field(&mut head, v3::REQUEST_START, self.request_start);
        write_integer_field(&mut head, v3::REQUEST_STOP, self.request_stop);
        let length = head.len() + length_field_len(v3::VALUES, count * VALUE_BYTES);
        write_length(out, 1, length);
        out.extend_from_slice(&head);
        write_length(out, v3::VALUES, count * VALUE_BYTES);
    }

    fn values(&self, out: &mut Vec<u8>, series: &Series, range: Range<usize>) {
        for value in &series.values[range] {
            out.extend_from_slice(&value.to_le_bytes());
        }
    }
}

/// One name that a glob matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GlobMatch<'a> {
    /// The path up to the node that matched.
    pub path: &'a str,
    /// True for a metric, false for a folder of metrics.
    pub is_leaf: bool,
}

/// A `GlobResponse`, which is the whole answer in v2 and a part of it in v3.
pub fn write_glob_response<'a>(
    out: &mut Vec<u8>,
    query: &str,
    matches: impl Iterator<Item = GlobMatch<'a>>,
) {
    write_text_field(out, 1, query);
    let mut one = Vec::new();
    for found in matches {
        one.clear();
        write_text_field(&mut one, 1, found.path);
        write_bool_field(&mut one, 2, found.is_leaf);
        write_bytes_field(out, 2, &one);
    }
}

/// What a backend knows of a metric's archives.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricInformation<'a> {
    /// The metric.
    pub name: &'a str,
    /// How points are rolled up.
    pub aggregation: String,
    /// Seconds that the longest archive reaches back.
    pub retention_max: i64,
    /// The share of points that a roll-up needs.
    pub x_files_factor: f32,
    /// Step and points of each archive, finest first.
    pub archives: Vec<(u32, u32)>,
}

/// An `InfoResponse` of v2, or one `MetricsInfoResponse` of v3: the layouts are the same.
pub fn write_information(out: &mut Vec<u8>, information: &MetricInformation<'_>) {
    write_text_field(out, 1, information.name);
    write_text_field(out, 2, &information.aggregation);
    write_integer_field(out, 3, information.retention_max);
    write_float_field(out, 4, information.x_files_factor);
    let mut one = Vec::new();
    for (step, points) in &information.archives {
        one.clear();
        write_integer_field(&mut one, 1, i64::from(*step));
        write_integer_field(&mut one, 2, i64::from(*points));
        write_bytes_field(out, 5, &one);
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{encode_bytes, series};
    use super::super::protobuf::{FieldValue, Fields};
    use super::*;

    fn messages(bytes: &[u8]) -> Vec<Vec<(u32, FieldValue<'_>)>> {
        let parts = Fields::new(bytes).map(|field| match field.unwrap().value {
            FieldValue::Bytes(bytes) => bytes,
            other => panic!("{other:?}"),
        });
        let fields = |part| Fields::new(part).map(Option::unwrap);
        parts
            .map(|part| {
                fields(part)
                    .map(|field| (field.number, field.value))
                    .collect()
            })
            .collect()
    }

    fn doubles(value: FieldValue<'_>) -> Vec<f64> {
        let FieldValue::Bytes(bytes) = value else {
            panic!("{value:?}");
        };
        let chunks = bytes.chunks_exact(8);
        chunks
            .map(|chunk| f64::from_le_bytes(chunk.try_into().unwrap()))
            .collect()
    }

    fn list() -> Vec<Series> {
        vec![
            series("a.b", 60, 10, &[1.0, f64::NAN]),
            series("c", 0, 1, &[3.0; 700]),
        ]
    }

    #[test]
    fn second_protocol_marks_nulls_beside_the_values() {
        let bytes = encode_bytes(FetchV2, list());
        let messages = messages(&bytes);
        assert_eq!(messages.len(), 2);
        let first = &messages[0];
        assert_eq!(first[0], (1, FieldValue::Bytes(b"a.b")));
        let times: Vec<_> = first[1..4].to_vec();
        let expected = [(2, 60), (3, 80), (4, 10)].map(|(f, v)| (f, FieldValue::Varint(v)));
        assert_eq!(times, expected);
        assert_eq!(doubles(first[4].1), [1.0, 0.0]);
        assert_eq!(first[5], (6, FieldValue::Bytes(&[0, 1])));
        assert_eq!(
            doubles(messages[1].iter().find(|f| f.0 == 5).unwrap().1),
            [3.0; 700]
        );
    }

    #[test]
    fn third_protocol_has_nan_for_null_and_the_window_asked_for() {
        let format = FetchV3 {
            request_start: 55,
            request_stop: 75,
        };
        let bytes = encode_bytes(format, list());
        let messages = messages(&bytes);
        let field = |number| {
            let found = messages[0].iter().find(|field| field.0 == number);
            found.map(|field| field.1)
        };
        assert_eq!(field(2), Some(FieldValue::Bytes(b"a.b")));
        assert_eq!(field(3), Some(FieldValue::Bytes(b"average")));
        assert_eq!(field(6), Some(FieldValue::Varint(10)));
        assert_eq!(field(11), Some(FieldValue::Varint(55)));
        assert_eq!(field(12), Some(FieldValue::Varint(75)));
        let values = doubles(field(9).unwrap());
        assert!(values[0] == 1.0 && values[1].is_nan());
        assert_eq!(messages.len(), 2);
    }

    #[test]
    fn globs_and_information_are_submessages() {
        let mut out = Vec::new();
        let found =
            [("a.b", false), ("a.c", true)].map(|(path, is_leaf)| GlobMatch { path, is_leaf });
        write_glob_response(&mut out, "a.*", found.into_iter());
        let fields: Vec<_> = Fields::new(&out).map(Option::unwrap).collect();
        assert_eq!(fields[0].value.as_text(), Some("a.*"));
        assert_eq!(fields[1].value, FieldValue::Bytes(b"\x0a\x03a.b"));
        assert_eq!(fields[2].value, FieldValue::Bytes(b"\x0a\x03a.c\x10\x01"));

        let mut out = Vec::new();
        let information = MetricInformation {
            name: "a",
            aggregation: "sum".into(),
            retention_max: 3600,
            x_files_factor: 0.5,
            archives: vec![(10, 360)],
        };
        write_information(&mut out, &information);
        let numbers: Vec<_> = Fields::new(&out)
            .map(|field| field.unwrap().number)
            .collect();
        assert_eq!(numbers, [1, 2, 3, 4, 5]);
    }
}

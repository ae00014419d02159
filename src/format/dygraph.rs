//! `format=dygraph`: one table, a row a time, a column a series.

use super::json::write_json_value;
use super::number::write_integer;
use super::series::VALUES_A_PIECE;
use super::text::write_json_string;
use super::{Encode, Piece};
use crate::functions::Series;

/// The table that the dygraph library draws; times are in milliseconds.
///
/// Rows stand on the finest grid among the series and each cell shows the slot that its row's time
/// falls into. The reference pairs values by position and fails when lengths differ; for series
/// of one grid both are the same.
pub struct Dygraph {
    series: Vec<Series>,
    start: i64,
    step: i64,
    rows: usize,
}

impl Dygraph {
    /// A table of these series.
    pub fn new(series: Vec<Series>) -> Self {
        let filled = || series.iter().filter(|each| !each.values.is_empty());
        let start = filled().map(|each| each.start).min().unwrap_or(0);
        let step = filled().map(|each| each.step.max(1)).min().unwrap_or(1);
        let last = filled()
            .map(|each| each.start + each.step * (each.values.len() as i64 - 1))
            .max();
        let rows = last.map_or(0, |last| {
            usize::try_from((last - start) / step).unwrap_or(0) + 1
        });
        Self {
            series,
            start,
            step,
            rows,
        }
    }

    fn rows_a_piece(&self) -> usize {
        (VALUES_A_PIECE / self.series.len().max(1)).max(1)
    }

    fn open(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"labels\":[\"Time\"");
        for series in &self.series {
            out.push(b',');
            write_json_string(out, &series.name);
        }
        out.extend_from_slice(b"],\"data\":[");
    }

    fn row(&self, out: &mut Vec<u8>, row: usize) {
        let time = self.start + self.step * row as i64;
        out.extend_from_slice(if row == 0 { b"[" } else { b",[" });
        write_integer(out, time.saturating_mul(1000));
        for series in &self.series {
            out.push(b',');
            let slot = (time - series.start).div_euclid(series.step.max(1));
            let value = usize::try_from(slot)
                .ok()
                .and_then(|slot| series.values.get(slot));
            write_json_value(out, value.copied().unwrap_or(f64::NAN));
        }
        out.push(b']');
    }
}

impl Encode for Dygraph {
    fn pieces(&self) -> usize {
        self.rows.div_ceil(self.rows_a_piece()).max(1)
    }

    fn encode(&self, piece: usize, out: &mut Piece) {
        let out = &mut out.text;
        if self.series.is_empty() {
            out.extend_from_slice(b"{}");
            return;
        }
        if piece == 0 {
            self.open(out);
        }
        let rows = self.rows_a_piece();
        for row in piece * rows..self.rows.min((piece + 1) * rows) {
            self.row(out, row);
        }
        if piece + 1 == self.pieces() {
            out.extend_from_slice(b"]}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::series;
    use super::*;

    fn table(list: Vec<Series>) -> String {
        String::from_utf8(Dygraph::new(list).collect_bytes()).unwrap()
    }

    #[test]
    fn no_series_are_an_empty_object() {
        assert_eq!(table(vec![]), "{}");
    }

    #[test]
    fn columns_of_one_grid_stand_side_by_side() {
        let list = vec![
            series("a", 60, 10, &[1.0, f64::NAN]),
            series("b", 60, 10, &[3.0, 4.0]),
        ];
        let expected = r#"{"labels":["Time","a","b"],"data":[[60000,1.0,3.0],[70000,null,4.0]]}"#;
        assert_eq!(table(list), expected);
    }

    #[test]
    fn coarse_column_repeats_over_the_rows_of_its_slot() {
        let list = vec![
            series("a", 0, 20, &[1.0, 2.0]),
            series("b", 0, 10, &[5.0, 6.0, 7.0]),
        ];
        let expected =
            r#"{"labels":["Time","a","b"],"data":[[0,1.0,5.0],[10000,1.0,6.0],[20000,2.0,7.0]]}"#;
        assert_eq!(table(list), expected);
    }

    #[test]
    fn series_without_values_make_no_rows() {
        assert_eq!(
            table(vec![series("a", 0, 1, &[])]),
            r#"{"labels":["Time","a"],"data":[]}"#
        );
    }
}

//! Points that one answer after the other shows: their text is made once.
//!
//! A refresh of a dashboard shows hundreds of points again of which all digits are known. The incremental
//! cache hands them out as [`KeptPoints`]; a series says by its [`KeptRun`] where among its values they
//! stand, and the encoder that asks first leaves their text there for the answers to come.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use super::Series;

/// What the text of a point takes in memory, at most as a rule.
const TEXT_BYTES: usize = 36;

/// Final points, and their text once somebody has made it.
#[derive(Debug)]
pub struct KeptPoints {
    values: Vec<f64>,
    /// The time of the first value.
    start: i64,
    step: i64,
    text: OnceLock<PointsText>,
}

/// The text of points, each behind the one before.
#[derive(Debug)]
pub struct PointsText {
    bytes: Vec<u8>,
    /// Where each ends.
    ends: Vec<usize>,
}

/// A run of a series' values that are kept points.
#[derive(Clone, Debug)]
pub struct KeptRun {
    /// The values of the series for which this was said: other values are not these points.
    values: Arc<Vec<f64>>,
    start: i64,
    step: i64,
    /// The place of the run among them.
    place: Range<usize>,
    points: Arc<KeptPoints>,
    /// The kept point that the run begins with.
    first: usize,
}

impl KeptPoints {
    /// Points of these values; the first is at `start`.
    pub fn new(values: Vec<f64>, start: i64, step: i64) -> Self {
        Self {
            values,
            start,
            step,
            text: OnceLock::new(),
        }
    }

    /// The values.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// What they take in memory, with their text.
    pub fn bytes(&self) -> usize {
        let one = size_of::<f64>() + size_of::<usize>() + TEXT_BYTES;
        size_of::<Self>() + self.values.len() * one
    }
}

impl PointsText {
    /// Text in which each point ends with `last`, a byte that is in no other place.
    pub fn split_behind(last: u8, mut bytes: Vec<u8>) -> Self {
        bytes.shrink_to_fit();
        let ends = memchr::memchr_iter(last, &bytes).map(|at| at + 1).collect();
        Self { bytes, ends }
    }

    fn of(&self, points: Range<usize>) -> &[u8] {
        let end = |count: usize| count.checked_sub(1).map_or(0, |last| self.ends[last]);
        &self.bytes[end(points.start)..end(points.end)]
    }
}

impl Series {
    /// Says that the values in `place` are kept points, from the one numbered `first` on.
    #[must_use]
    pub fn with_kept(mut self, place: Range<usize>, points: Arc<KeptPoints>, first: usize) -> Self {
        self.kept = Some(KeptRun {
            values: Arc::clone(&self.values),
            start: self.start,
            step: self.step,
            place,
            points,
            first,
        });
        self
    }

    /// The run of kept points among the values as they are now; a series that was changed since has none.
    pub fn kept_run(&self) -> Option<&KeptRun> {
        let run = self.kept.as_ref()?;
        let is_same = Arc::ptr_eq(&run.values, &self.values)
            && (run.start, run.step) == (self.start, self.step);
        is_same.then_some(run)
    }
}

impl KeptRun {
    /// The part of a range of the series' values that is in the run, if any is.
    pub fn within(&self, range: &Range<usize>) -> Option<Range<usize>> {
        let start = range.start.max(self.place.start);
        let end = range.end.min(self.place.end);
        (start < end).then_some(start..end)
    }

    /// The text of values in the run; `make` is asked for that of all points, given as values, the first
    /// time and the step, when nobody has made it yet.
    pub fn text(
        &self,
        values: Range<usize>,
        make: impl FnOnce(&[f64], i64, i64) -> PointsText,
    ) -> &[u8] {
        let points = &self.points;
        let text = points
            .text
            .get_or_init(|| make(&points.values, points.start, points.step));
        let number = |value: usize| self.first + value - self.place.start;
        text.of(number(values.start)..number(values.end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series() -> Series {
        let points = Arc::new(KeptPoints::new(vec![1.0, 2.0, 3.0, 4.0], 60, 10));
        let values = vec![0.5, 2.0, 3.0, 9.0];
        Series::new("a", 60, 100, 10, values).with_kept(1..3, points, 1)
    }

    #[test]
    fn text_of_kept_points_is_made_once() {
        let series = series();
        let run = series.kept_run().unwrap();
        assert_eq!(run.within(&(0..2)), Some(1..2));
        assert_eq!(run.within(&(2..9)), Some(2..3));
        assert_eq!(run.within(&(0..1)), None);
        assert_eq!(run.within(&(3..4)), None);
        let make = |values: &[f64], start, step| {
            assert_eq!((values.len(), start, step), (4, 60, 10));
            PointsText::split_behind(b';', b"one;two;three;four;".to_vec())
        };
        assert_eq!(run.text(1..3, make), b"two;three;");
        assert_eq!(run.text(2..3, |_, _, _| unreachable!()), b"three;");
    }

    #[test]
    fn changed_series_has_no_run() {
        let mut changed = series();
        changed.values_mut()[1] = 7.0;
        assert!(changed.kept_run().is_none());
        let mut moved = series();
        moved.start += 60;
        assert!(moved.kept_run().is_none());
        assert!(series().with_values(vec![0.0; 4]).kept_run().is_none());
    }
}

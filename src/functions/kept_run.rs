//! Points that one answer after the other shows: their text is made once.
//!
//! A refresh of a dashboard shows hundreds of points again of which all digits are known. The incremental
//! cache hands them out as [`KeptPoints`]; a series says by its [`KeptRun`] where among its values they
//! stand, and the encoder that asks first leaves their text there for the answers to come. So does the
//! first that compresses it. Nobody copies either: a [`KeptText`] is a part of it that holds on to the rest.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use super::Series;

/// What the text of a point takes in memory, plain and compressed, at most as a rule.
const TEXT_BYTES: usize = 48;

/// Text is compressed in blocks of so many bytes, so that an answer can begin behind any of them.
const BLOCK_BYTES: usize = 2048;

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
    deflated: OnceLock<DeflatedText>,
}

/// A text of which every block was compressed by itself.
#[derive(Debug, Default)]
struct DeflatedText {
    bytes: Vec<u8>,
    /// Where each block ends.
    ends: Vec<usize>,
}

/// A part of the text of kept points.
#[derive(Clone, Debug)]
pub struct KeptText {
    points: Arc<KeptPoints>,
    bytes: Range<usize>,
}

/// Blocks of the text of kept points, compressed.
#[derive(Clone, Debug)]
pub struct KeptBlocks {
    points: Arc<KeptPoints>,
    /// Of the compressed bytes.
    bytes: Range<usize>,
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
        Self {
            bytes,
            ends,
            deflated: OnceLock::new(),
        }
    }

    fn range_of(&self, points: Range<usize>) -> Range<usize> {
        let end = |count: usize| count.checked_sub(1).map_or(0, |last| self.ends[last]);
        end(points.start)..end(points.end)
    }
}

impl KeptText {
    /// The text without its first byte.
    #[must_use]
    pub fn without_first(mut self) -> Self {
        self.bytes.start = self.bytes.end.min(self.bytes.start + 1);
        self
    }

    /// The blocks that lie in the text as a whole, with the text before and behind them. When nobody has
    /// compressed them yet, `deflate` appends what it makes of one: a piece of a raw deflate stream
    /// (RFC 1951) that ends at a byte and refers to nothing before it.
    ///
    /// # Errors
    /// Those of `deflate`.
    pub fn deflated<E>(
        &self,
        deflate: impl FnMut(&[u8], &mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(&[u8], KeptBlocks, &[u8]), E> {
        let text = self.points.text.get();
        let text = text.expect("text of which there is a part was made");
        let deflated = match text.deflated.get() {
            Some(deflated) => deflated,
            None => {
                let made = DeflatedText::of(&text.bytes, deflate)?;
                text.deflated.get_or_init(|| made)
            }
        };
        let Range { start, end } = self.bytes;
        let first = start.div_ceil(BLOCK_BYTES);
        // The last block of all is mostly a shorter one.
        let is_to_the_end = end == text.bytes.len();
        let behind = match is_to_the_end {
            true => deflated.ends.len(),
            false => (end / BLOCK_BYTES).max(first),
        };
        let at = |block: usize| block.saturating_mul(BLOCK_BYTES).clamp(start, end);
        let blocks = KeptBlocks {
            points: Arc::clone(&self.points),
            bytes: deflated.end(first)..deflated.end(behind),
        };
        Ok((
            &text.bytes[start..at(first)],
            blocks,
            &text.bytes[at(behind)..end],
        ))
    }
}

impl AsRef<[u8]> for KeptText {
    fn as_ref(&self) -> &[u8] {
        let text = self.points.text.get();
        text.map_or(&[], |text| &text.bytes[self.bytes.clone()])
    }
}

impl AsRef<[u8]> for KeptBlocks {
    fn as_ref(&self) -> &[u8] {
        let text = self.points.text.get();
        let deflated = text.and_then(|text| text.deflated.get());
        deflated.map_or(&[], |deflated| &deflated.bytes[self.bytes.clone()])
    }
}

impl DeflatedText {
    fn of<E>(
        text: &[u8],
        mut deflate: impl FnMut(&[u8], &mut Vec<u8>) -> Result<(), E>,
    ) -> Result<Self, E> {
        let mut deflated = Self::default();
        for block in text.chunks(BLOCK_BYTES) {
            deflate(block, &mut deflated.bytes)?;
            deflated.ends.push(deflated.bytes.len());
        }
        deflated.bytes.shrink_to_fit();
        Ok(deflated)
    }

    /// Where the first so many blocks end.
    fn end(&self, blocks: usize) -> usize {
        blocks.checked_sub(1).map_or(0, |last| self.ends[last])
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

    /// The place of the run among the values, when its text is there already.
    pub fn ready(&self) -> Option<Range<usize>> {
        self.points.text.get().map(|_| self.place.clone())
    }

    /// The text of values in the run; `make` is asked for that of all points, given as values, the first
    /// time and the step, when nobody has made it yet.
    pub fn text(
        &self,
        values: Range<usize>,
        make: impl FnOnce(&[f64], i64, i64) -> PointsText,
    ) -> KeptText {
        let points = &self.points;
        let text = points
            .text
            .get_or_init(|| make(&points.values, points.start, points.step));
        let number = |value: usize| self.first + value - self.place.start;
        KeptText {
            points: Arc::clone(points),
            bytes: text.range_of(number(values.start)..number(values.end)),
        }
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

    /// Bytes that say that they were compressed.
    #[expect(clippy::unnecessary_wraps, reason = "some may fail")]
    fn mark(block: &[u8], out: &mut Vec<u8>) -> Result<(), ()> {
        out.extend_from_slice(format!("<{}>", block.len()).as_bytes());
        Ok(())
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
        assert_eq!(run.ready(), None);
        assert_eq!(run.text(1..3, make).as_ref(), b"two;three;");
        let again = run.text(2..3, |_, _, _| unreachable!());
        assert_eq!(again.as_ref(), b"three;");
        assert_eq!(again.without_first().as_ref(), b"hree;");
        assert_eq!(run.ready(), Some(1..3));
    }

    #[test]
    fn whole_blocks_of_a_text_are_compressed_once() {
        let count = 1_250;
        let points = Arc::new(KeptPoints::new(vec![0.0; count], 0, 10));
        let series = Series::new("a", 0, 10 * count as i64, 10, vec![0.0; count]);
        let series = series.with_kept(0..count, points, 0);
        let run = series.kept_run().unwrap();
        let text = |values| {
            run.text(values, |_, _, _| {
                PointsText::split_behind(b';', b"abc;".repeat(count))
            })
        };
        let whole = text(0..count);
        let failed = whole.deflated(|_, _| Err("full"));
        assert_eq!(failed.unwrap_err(), "full");
        let (before, blocks, behind) = whole.deflated(mark).unwrap();
        assert_eq!(blocks.as_ref(), b"<2048><2048><904>");
        assert_eq!((before.len(), behind.len()), (0, 0));
        let known = |values| {
            let text = text(values);
            let (before, blocks, behind) = text.deflated(|_, _| Err(())).unwrap();
            assert!(text.as_ref().starts_with(before) && text.as_ref().ends_with(behind));
            let blocks = String::from_utf8(blocks.as_ref().to_vec()).unwrap();
            (before.len(), blocks, behind.len())
        };
        assert_eq!(known(1..count), (2044, "<2048><904>".into(), 0));
        assert_eq!(known(1..count - 1), (2044, "<2048>".into(), 900));
        assert_eq!(known(512..1024), (0, "<2048>".into(), 0));
        assert_eq!(known(513..1023), (2040, String::new(), 0));
        assert_eq!(known(500..515), (48, String::new(), 12));
        assert_eq!(known(1200..count), (200, String::new(), 0));
        assert_eq!(known(7..7), (0, String::new(), 0));
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

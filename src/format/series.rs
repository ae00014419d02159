//! The walk over series and their values that most formats share.

use std::ops::Range;

use super::{Encode, Piece};
use crate::functions::Series;
use crate::functions::kept_run::{KeptRun, PointsText};

/// Values in one piece, of some 35 bytes each in the longest format.
pub(super) const VALUES_A_PIECE: usize = 3 * 1024;

/// What a series takes besides its values, in values.
const HEAD_VALUES: usize = 8;

/// How many values whose text is there already cost as much as one whose text is to be made.
const READY_VALUES: usize = 16;

/// The text of fewer values is mostly copied, and costs what any text does.
const READY_VALUES_MIN: usize = 128;

/// Makes the text of kept points, given as values, the first time and the step.
pub type MakeText<F> = fn(&F, &[f64], i64, i64) -> PointsText;

/// Where a series stands in the reply.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// In the list that is encoded.
    pub index: usize,
    /// No series before it is shown.
    pub is_first: bool,
}

/// What a format says at each station of the walk.
pub trait SeriesFormat: Send + Sync {
    /// Before the first series.
    fn open(&self, _out: &mut Vec<u8>, _series: &[Series]) {}

    /// False when not one of these series is shown.
    fn shows_any(&self, _series: &[Series]) -> bool {
        true
    }

    /// False for a series that is left out.
    fn shows(&self, _series: &Series) -> bool {
        true
    }

    /// How many of a series' values will be asked for.
    fn count(&self, series: &Series) -> usize {
        series.values.len()
    }

    /// Before a series' values.
    fn begin(&self, out: &mut Vec<u8>, series: &Series, place: Place);

    /// A range of the values.
    fn values(&self, out: &mut Vec<u8>, series: &Series, range: Range<usize>);

    /// What makes text of kept points for this reply and those to come: as [`SeriesFormat::values`] would
    /// do, with one byte before each point that the first point of a series has not. `None` says that all
    /// text is made anew.
    fn text_maker(&self) -> Option<MakeText<Self>>
    where
        Self: Sized,
    {
        None
    }

    /// After a series' values.
    fn end(&self, _out: &mut Vec<u8>, _series: &Series) {}

    /// After the last series; `is_empty` when none was shown.
    fn close(&self, _out: &mut Vec<u8>, _is_empty: bool) {}
}

/// A [`SeriesFormat`] over a list of series.
pub struct SeriesEncoder<F> {
    format: F,
    series: Vec<Series>,
    /// The first series that is shown.
    first: Option<usize>,
    /// Where pieces begin.
    cuts: Vec<Cut>,
}

/// The place between two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cut {
    series: usize,
    /// 0 for the place before the series.
    value: usize,
}

impl<F: SeriesFormat> SeriesEncoder<F> {
    /// An encoder of these series.
    pub fn new(format: F, series: Vec<Series>) -> Self {
        let shows_any = format.shows_any(&series);
        let first = series.iter().position(|one| format.shows(one));
        let mut encoder = Self {
            format,
            series,
            first: first.filter(|_| shows_any),
            cuts: Vec::new(),
        };
        encoder.cuts = encoder.cut();
        encoder
    }

    fn cut(&self) -> Vec<Cut> {
        let first = self.first.unwrap_or(self.series.len());
        let mut cuts = vec![Cut {
            series: first,
            value: 0,
        }];
        let mut room = VALUES_A_PIECE;
        for (number, series) in self.series.iter().enumerate().skip(first) {
            if !self.format.shows(series) {
                continue;
            }
            let mut begin_piece = |value| {
                cuts.push(Cut {
                    series: number,
                    value,
                });
                VALUES_A_PIECE
            };
            // At least a value follows its head, so that a cut among values is not one before them.
            if room <= HEAD_VALUES {
                room = begin_piece(0);
            }
            room -= HEAD_VALUES;
            for (values, at_once) in self.costs(series) {
                let mut value = values.start;
                while (values.end - value).div_ceil(at_once) > room {
                    value += room * at_once;
                    room = begin_piece(value);
                }
                room -= (values.end - value).div_ceil(at_once);
            }
        }
        cuts
    }

    /// The values of a series, and how many of them cost as much as one new one.
    fn costs(&self, series: &Series) -> [(Range<usize>, usize); 3] {
        let count = self.format.count(series);
        let ready = self.kept_run(series).and_then(KeptRun::ready);
        let ready = ready.filter(|run| run.len() >= READY_VALUES_MIN);
        let ready = ready.map_or(0..0, |run| run.start.min(count)..run.end.min(count));
        let behind = ready.end..count;
        [(0..ready.start, 1), (ready, READY_VALUES), (behind, 1)]
    }

    fn kept_run<'a>(&self, series: &'a Series) -> Option<&'a KeptRun> {
        self.format.text_maker().and_then(|_| series.kept_run())
    }

    fn encode_series(&self, out: &mut Piece, index: usize, range: Range<usize>) {
        let series = &self.series[index];
        if range.start == 0 {
            let is_first = self.first == Some(index);
            let place = Place { index, is_first };
            self.format.begin(&mut out.text, series, place);
        }
        let is_end = range.end == self.format.count(series);
        self.encode_values(out, series, range);
        if is_end {
            self.format.end(&mut out.text, series);
        }
    }

    fn encode_values(&self, out: &mut Piece, series: &Series, range: Range<usize>) {
        let new = |out: &mut Piece, range: Range<usize>| {
            if !range.is_empty() {
                self.format.values(&mut out.text, series, range);
            }
        };
        let run = self.kept_run(series);
        let kept = run.and_then(|run| Some((run, run.within(&range)?)));
        let (Some((run, kept)), Some(make)) = (kept, self.format.text_maker()) else {
            return new(out, range);
        };
        new(out, range.start..kept.start);
        let text = run.text(kept.clone(), |values, start, step| {
            make(&self.format, values, start, step)
        });
        out.keep(match kept.start {
            0 => text.without_first(),
            _ => text,
        });
        new(out, kept.end..range.end);
    }
}

impl<F: SeriesFormat> Encode for SeriesEncoder<F> {
    fn pieces(&self) -> usize {
        self.cuts.len()
    }

    fn encode(&self, piece: usize, out: &mut Piece) {
        if piece == 0 {
            self.format.open(&mut out.text, &self.series);
        }
        let from = self.cuts[piece];
        let until = self.cuts.get(piece + 1).copied().unwrap_or(Cut {
            series: self.series.len(),
            value: 0,
        });
        let last = until.series + usize::from(until.value > 0);
        for number in from.series..last {
            let series = &self.series[number];
            if !self.format.shows(series) {
                continue;
            }
            let start = if number == from.series { from.value } else { 0 };
            let end = if number == until.series {
                until.value
            } else {
                self.format.count(series)
            };
            self.encode_series(out, number, start..end);
        }
        if piece + 1 == self.pieces() {
            self.format.close(&mut out.text, self.first.is_none());
        }
    }
}

/// How many values have a timestamp up to and including the series' end: what a reader of points
/// may see of series whose last value stands at the end itself, as those of `constantLine` do.
pub(super) fn points_within(series: &Series) -> usize {
    // A function that moves the start behind the end leaves no point to show.
    let Ok(span) = u64::try_from(series.end - series.start) else {
        return 0;
    };
    let slots = usize::try_from(span / series.step.max(1).unsigned_abs()).unwrap_or(usize::MAX);
    series.values.len().min(slots.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::fixture::series;
    use super::super::{Json, PIECE_BYTES};
    use super::*;
    use crate::functions::kept_run::KeptPoints;

    /// Says what it was asked.
    struct Told;

    impl SeriesFormat for Told {
        fn open(&self, out: &mut Vec<u8>, series: &[Series]) {
            out.extend_from_slice(format!("open {};", series.len()).as_bytes());
        }

        fn shows(&self, series: &Series) -> bool {
            &*series.name != "hidden"
        }

        fn begin(&self, out: &mut Vec<u8>, series: &Series, place: Place) {
            let Place { index, is_first } = place;
            out.extend_from_slice(format!("{} {index} {is_first};", series.name).as_bytes());
        }

        fn values(&self, out: &mut Vec<u8>, series: &Series, range: Range<usize>) {
            for value in &series.values[range] {
                out.extend_from_slice(format!("{value},").as_bytes());
            }
        }

        fn end(&self, out: &mut Vec<u8>, _series: &Series) {
            out.extend_from_slice(b"end;");
        }

        fn close(&self, out: &mut Vec<u8>, is_empty: bool) {
            out.extend_from_slice(format!("close {is_empty}").as_bytes());
        }
    }

    fn told(list: Vec<Series>) -> String {
        String::from_utf8(SeriesEncoder::new(Told, list).collect_bytes()).unwrap()
    }

    #[test]
    fn series_are_told_in_order_without_those_left_out() {
        let list = vec![
            series("hidden", 0, 1, &[1.0]),
            series("a", 0, 1, &[1.0, 2.0]),
            series("hidden", 0, 1, &[]),
            series("empty", 0, 1, &[]),
        ];
        assert_eq!(
            told(list),
            "open 4;a 1 true;1,2,end;empty 3 false;end;close false"
        );
        assert_eq!(told(vec![]), "open 0;close true");
        assert_eq!(
            told(vec![series("hidden", 0, 1, &[1.0])]),
            "open 1;close true"
        );
    }

    #[test]
    fn pieces_are_small_and_say_together_what_one_would() {
        let mut list = Vec::new();
        let mut expected = String::new();
        let lengths = [0, 1, 7_000, 1, 0, 3_000, 3_064, 3_072, 3_080, 20_000, 5];
        for (number, length) in lengths.into_iter().cycle().take(400).enumerate() {
            let values: Vec<f64> = (0..length).map(f64::from).collect();
            list.push(series("s", 0, 1, &values));
            expected += &format!("s {number} {};", number == 0);
            expected.extend(values.iter().map(|value| format!("{value},")));
            expected += "end;";
        }
        let encoder = SeriesEncoder::new(Told, list);
        assert!(encoder.pieces() > 400);
        let mut together = String::new();
        for piece in 0..encoder.pieces() {
            let text = String::from_utf8(encoder.piece(piece).into_bytes()).unwrap();
            assert!(text.matches(',').count() <= VALUES_A_PIECE);
            together += &text;
        }
        assert_eq!(together, format!("open 400;{expected}close false"));
    }

    #[test]
    fn kept_points_look_like_new_ones_wherever_an_answer_is_cut() {
        let points = [0.5, f64::NAN, 1.0 / 3.0, 4.0, f64::INFINITY];
        let kept = Arc::new(KeptPoints::new(points.to_vec(), 40, 10));
        for (place, first) in [(0..5, 0), (0..3, 2), (1..4, 1), (2..6, 0), (3..3, 4)] {
            let values: Vec<f64> = (0..8)
                .map(|at| match place.contains(&at) {
                    true => points[at - place.start + first],
                    false => 7.25,
                })
                .collect();
            let start = 40 + 10 * (first as i64 - place.start as i64);
            let new = series("a", start, 10, &values);
            let old = new.clone().with_kept(place, kept.clone(), first);
            assert!(old.kept_run().is_some());
            let encoder = SeriesEncoder::new(Json::default(), Vec::new());
            let text = |series: &Series, cut: usize| {
                let mut out = Piece::default();
                encoder.encode_values(&mut out, series, 0..cut);
                encoder.encode_values(&mut out, series, cut..8);
                String::from_utf8(out.into_bytes()).unwrap()
            };
            for cut in 0..=8 {
                assert_eq!(text(&old, cut), text(&new, 4), "{cut}");
            }
        }
    }

    /// A series like those of a refreshed dashboard: of so many points the last few are new.
    fn refreshed(points: usize) -> Series {
        let values: Vec<f64> = (0..points).map(|value| value as f64 / 7.0).collect();
        let last = points - points / 50;
        let kept = Arc::new(KeptPoints::new(values[..last].to_vec(), 0, 10));
        series("refreshed", 0, 10, &values).with_kept(0..last, kept, 0)
    }

    #[test]
    fn text_that_is_there_makes_pieces_longer_and_is_not_copied() {
        let list: Vec<Series> = (1..60).map(|number| refreshed(number * 300)).collect();
        let pieces = |list: &[Series]| {
            let encoder = SeriesEncoder::new(Json::default(), list.to_vec());
            (0..encoder.pieces())
                .map(|piece| encoder.piece(piece))
                .collect::<Vec<_>>()
        };
        let first = pieces(&list);
        let again = pieces(&list);
        assert!(
            first.len() > 8 * again.len(),
            "{} {}",
            first.len(),
            again.len()
        );
        assert!(again.iter().all(|piece| piece.text.len() <= PIECE_BYTES));
        let short: Vec<Series> = (0..2_000).map(|_| refreshed(READY_VALUES_MIN)).collect();
        for _ in 0..2 {
            let bounded = |piece: &Piece| piece.text.len() <= PIECE_BYTES;
            assert!(pieces(&short).iter().all(bounded));
        }
        let new: usize = again.iter().map(|piece| piece.text.len()).sum();
        let text = |pieces: Vec<Piece>| {
            pieces
                .into_iter()
                .flat_map(Piece::into_bytes)
                .collect::<Vec<_>>()
        };
        let text = (text(first), text(again));
        assert!(text.0 == text.1, "both say the same");
        assert!(new < text.1.len() / 10, "{new} of {}", text.1.len());
        let parsed: Vec<serde_json::Value> = serde_json::from_slice(&text.1).unwrap();
        assert_eq!(
            parsed[58]["datapoints"].as_array().map(Vec::len),
            Some(59 * 300)
        );
    }
}

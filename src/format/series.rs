//! The walk over series and their values that most formats share.

use std::ops::Range;

use super::Encode;
use crate::functions::Series;

/// Values written in one piece; some 20 bytes each.
const VALUES_A_PIECE: usize = 256;

/// What a format says at each station of the walk.
pub trait SeriesFormat: Send + Unpin {
    /// Before the first series.
    fn open(&mut self, _out: &mut Vec<u8>, _series: &[Series]) {}

    /// Before a series' values; returns how many of them will be asked for, `None` to leave the
    /// series out.
    fn begin(&mut self, out: &mut Vec<u8>, series: &Series) -> Option<usize>;

    /// A range of the values.
    fn values(&mut self, out: &mut Vec<u8>, series: &Series, range: Range<usize>);

    /// After a series' values.
    fn end(&mut self, _out: &mut Vec<u8>, _series: &Series) {}

    /// After the last series.
    fn close(&mut self, _out: &mut Vec<u8>) {}
}

/// Drives a [`SeriesFormat`] over a list of series.
pub struct SeriesEncoder<F> {
    format: F,
    series: Vec<Series>,
    station: Station,
}

enum Station {
    Open,
    Begin(usize),
    Values {
        index: usize,
        position: usize,
        count: usize,
    },
    Closed,
}

impl<F: SeriesFormat> SeriesEncoder<F> {
    /// An encoder of these series.
    pub fn new(format: F, series: Vec<Series>) -> Self {
        Self {
            format,
            series,
            station: Station::Open,
        }
    }

    fn begin(&mut self, out: &mut Vec<u8>, index: usize) -> Station {
        let Some(series) = self.series.get(index) else {
            self.format.close(out);
            return Station::Closed;
        };
        match self.format.begin(out, series) {
            None => Station::Begin(index + 1),
            Some(count) => Station::Values {
                index,
                position: 0,
                count,
            },
        }
    }

    fn values(&mut self, out: &mut Vec<u8>, index: usize, from: usize, count: usize) -> Station {
        let series = &self.series[index];
        let until = count.min(from + VALUES_A_PIECE);
        self.format.values(out, series, from..until);
        if until < count {
            return Station::Values {
                index,
                position: until,
                count,
            };
        }
        self.format.end(out, series);
        Station::Begin(index + 1)
    }
}

impl<F: SeriesFormat> Encode for SeriesEncoder<F> {
    fn encode(&mut self, out: &mut Vec<u8>) -> bool {
        self.station = match self.station {
            Station::Open => {
                self.format.open(out, &self.series);
                Station::Begin(0)
            }
            Station::Begin(index) => self.begin(out, index),
            Station::Values {
                index,
                position,
                count,
            } => self.values(out, index, position, count),
            Station::Closed => Station::Closed,
        };
        !matches!(self.station, Station::Closed)
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

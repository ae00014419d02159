//! Kept values and computed ones in one series.

use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;

use super::kept::{Kept, KeptSeries, Shortened, fingerprint};
use super::present::Grid;
use crate::functions::Series;
use crate::functions::consolidate::{Buckets, consolidate};
use crate::functions::kept_run::KeptPoints;
use crate::functions::parallel::VALUES_MIN;

/// How head, kept values and tail lie on the grid: the head covers the first `points` slots, the tail
/// was computed from `tail - points` on and is good from `tail` on, the entry covers what is between.
pub(super) struct Join<'a> {
    pub(super) kept: &'a Kept,
    pub(super) grid: Grid,
    pub(super) points: usize,
    /// Slots of the entry that lie before the grid.
    pub(super) passed: usize,
    pub(super) tail: usize,
}

impl Join<'_> {
    /// The whole series; `None` when anything is not where it should be.
    pub(super) fn run(&self, head: &[Series], tail: Vec<Series>) -> Option<Vec<Series>> {
        self.check_counts(head, &tail)?;
        let one = |(number, tail): (usize, Series)| {
            let values = self.parts(head, number, &tail)?.slots(0, self.grid.slots)?;
            Some(Series {
                start: self.grid.start,
                values: Arc::new(values),
                ..tail
            })
        };
        if tail.len() * self.grid.slots < VALUES_MIN {
            return tail.into_iter().enumerate().map(one).collect();
        }
        tail.into_par_iter().enumerate().map(one).collect()
    }

    /// The whole series in buckets, and the buckets of the entry for the next time where it had none of
    /// this kind; `None` as above.
    pub(super) fn run_shortened(
        &self,
        head: &[Series],
        tail: Vec<Series>,
        buckets: Buckets,
    ) -> Option<(Vec<Series>, Option<Shortened>)> {
        self.check_counts(head, &tail)?;
        let found = self.shortened(buckets);
        let made = found.is_none().then(|| self.shorten_kept(&tail, buckets));
        let shortened = found.or(made.as_ref())?;
        let one = |(number, tail): (usize, Series)| {
            let parts = self.parts(head, number, &tail)?;
            let points = shortened.points.get(number)?;
            let first = (self.passed + buckets.lost - shortened.first) / buckets.per_bucket;
            let (values, place) = parts.shorten(&tail, points, first, buckets)?;
            let series = Series {
                start: buckets.start,
                step: tail.step * buckets.per_bucket as i64,
                values: Arc::new(values),
                ..tail
            };
            let first = first + place.start;
            Some(series.with_kept(place, Arc::clone(points), first))
        };
        let series = tail.into_iter().enumerate().map(one);
        let series = series.collect::<Option<_>>()?;
        Some((series, made))
    }

    fn check_counts(&self, head: &[Series], tail: &[Series]) -> Option<()> {
        let has_heads = self.points == 0 || head.len() == tail.len();
        (tail.len() == self.kept.series.len() && has_heads).then_some(())
    }

    /// Where the values of one series are.
    fn parts<'a>(
        &'a self,
        head: &'a [Series],
        number: usize,
        tail: &'a Series,
    ) -> Option<Parts<'a>> {
        let head = match head.get(number) {
            Some(head) if self.points > 0 => self.check_head(head)?,
            _ => &[],
        };
        let kept = &self.kept.series[number];
        self.check_tail(kept, tail).then_some(Parts {
            join: self,
            head,
            kept: &kept.values,
            tail: &tail.values,
        })
    }

    /// The buckets of the entry, if they are of this kind.
    fn shortened(&self, buckets: Buckets) -> Option<&Shortened> {
        let shortened = self.kept.shortened.as_ref()?;
        let first = self.passed + buckets.lost;
        let is_alike = shortened.per_bucket == buckets.per_bucket
            && first >= shortened.first
            && (first - shortened.first).is_multiple_of(buckets.per_bucket);
        is_alike.then_some(shortened)
    }

    fn shorten_kept(&self, tail: &[Series], buckets: Buckets) -> Shortened {
        let behind = self.passed + buckets.lost;
        let first = behind % buckets.per_bucket;
        let start = buckets.start - (behind - first) as i64 * self.grid.step;
        let step = buckets.per_bucket as i64 * self.grid.step;
        let final_points = |kept: &KeptSeries, like: &Series| {
            let end = self.kept.settled.min(kept.values.len());
            let whole = end.saturating_sub(first) / buckets.per_bucket * buckets.per_bucket;
            let values = kept.values.get(first..first + whole).unwrap_or(&[]);
            Arc::new(KeptPoints::new(shorten(values, like, buckets), start, step))
        };
        let series = self.kept.series.iter().zip(tail);
        Shortened {
            first,
            per_bucket: buckets.per_bucket,
            points: series
                .map(|(kept, like)| final_points(kept, like))
                .collect(),
        }
    }

    fn check_head<'head>(&self, head: &'head Series) -> Option<&'head [f64]> {
        let Grid { start, step, .. } = self.grid;
        let is_right = head.start == start && head.step == step && head.values.len() == self.points;
        is_right.then_some(head.values.as_slice())
    }

    fn check_tail(&self, kept: &KeptSeries, tail: &Series) -> bool {
        let Grid { start, step, slots } = self.grid;
        let first = self.tail - self.points;
        tail.step == step
            && tail.start == start + first as i64 * step
            && tail.values.len() == slots - first
            && fingerprint(tail) == kept.fingerprint
    }
}

/// The values of one series, in three places.
struct Parts<'a> {
    join: &'a Join<'a>,
    head: &'a [f64],
    kept: &'a [f64],
    tail: &'a [f64],
}

impl Parts<'_> {
    /// The values of slots of the grid; `None` when the entry lacks some.
    fn slots(&self, from: usize, until: usize) -> Option<Vec<f64>> {
        let Join {
            points,
            passed,
            tail,
            ..
        } = *self.join;
        let mut values = Vec::with_capacity(until.saturating_sub(from));
        let within = |start: usize, end: usize| from.clamp(start, end)..until.clamp(start, end);
        values.extend_from_slice(self.head.get(within(0, points))?);
        let between = within(points, tail);
        values.extend_from_slice(
            self.kept
                .get(between.start + passed..between.end + passed)?,
        );
        // The tail was computed from so many slots before the first that is good.
        let behind = within(tail, self.join.grid.slots);
        let moved = behind.start + points - tail..behind.end + points - tail;
        values.extend_from_slice(self.tail.get(moved)?);
        Some(values)
    }

    /// All slots behind the lost ones in buckets, and which of them are kept: those of the entry, from
    /// the one numbered `first` on, where they are whole and final, and before and behind them new ones.
    fn shorten(
        &self,
        like: &Series,
        kept: &KeptPoints,
        first: usize,
        buckets: Buckets,
    ) -> Option<(Vec<f64>, Range<usize>)> {
        let Join {
            points, tail, grid, ..
        } = *self.join;
        if like.end != grid.start + grid.slots as i64 * grid.step {
            return None;
        }
        let Buckets {
            lost, per_bucket, ..
        } = buckets;
        let before = points.saturating_sub(lost).div_ceil(per_bucket);
        let until = (tail.saturating_sub(lost) / per_bucket).max(before);
        let (from_slot, until_slot) = (lost + before * per_bucket, lost + until * per_bucket);
        let mut values = shorten(&self.slots(lost, from_slot)?, like, buckets);
        values.extend_from_slice(kept.values().get(first + before..first + until)?);
        values.extend(shorten(&self.slots(until_slot, grid.slots)?, like, buckets));
        Some((values, before..until))
    }
}

fn shorten(values: &[f64], like: &Series, buckets: Buckets) -> Vec<f64> {
    consolidate(
        values,
        buckets.per_bucket,
        like.consolidation,
        like.x_files_factor,
    )
}

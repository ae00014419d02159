//! Kept values and computed ones in one series.

use std::sync::Arc;

use rayon::prelude::*;

use super::kept::{Kept, KeptSeries, fingerprint};
use super::present::Grid;
use crate::functions::Series;

/// Values that are copied by one core before it pays to ask another.
const VALUES_MIN: usize = 1 << 17;

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
        let has_heads = self.points == 0 || head.len() == tail.len();
        if tail.len() != self.kept.series.len() || !has_heads {
            return None;
        }
        let no_head = &[][..];
        let one = |(number, tail): (usize, Series)| {
            let head = match head.get(number) {
                Some(head) if self.points > 0 => self.check_head(head)?,
                _ => no_head,
            };
            self.join(head, &self.kept.series[number], tail)
        };
        if tail.len() * self.grid.slots < VALUES_MIN {
            return tail.into_iter().enumerate().map(one).collect();
        }
        tail.into_par_iter().enumerate().map(one).collect()
    }

    fn check_head<'head>(&self, head: &'head Series) -> Option<&'head [f64]> {
        let Grid { start, step, .. } = self.grid;
        let is_right = head.start == start && head.step == step && head.values.len() == self.points;
        is_right.then_some(head.values.as_slice())
    }

    fn join(&self, head: &[f64], kept: &KeptSeries, tail: Series) -> Option<Series> {
        let Grid { start, step, slots } = self.grid;
        let first = self.tail - self.points;
        let is_right = tail.step == step
            && tail.start == start + first as i64 * step
            && tail.values.len() == slots - first
            && fingerprint(&tail) == kept.fingerprint;
        if !is_right {
            return None;
        }
        let between = self.passed + self.points..self.passed + self.tail;
        let mut values = Vec::with_capacity(slots);
        values.extend_from_slice(head);
        values.extend_from_slice(kept.values.get(between)?);
        values.extend_from_slice(&tail.values[self.points..]);
        Some(Series {
            start,
            values: Arc::new(values),
            ..tail
        })
    }
}

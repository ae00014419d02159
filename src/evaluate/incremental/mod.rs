//! Results kept from one request to the next, so that a dashboard's refresh computes what is new.
//!
//! `plan` cuts targets into [`Part`]s whose values in the past stay what they are. For each, what was
//! computed last is kept with what it was computed from ([`kept`]); the next request over a moved
//! window takes the values of slots that are final from there, evaluates the rest over a narrower
//! window ([`present`]), and puts both together ([`merge`]). The answer is the same, bit by bit:
//!
//! - the store says which slots are final, and counts what changes them (`storage::Settled`);
//! - functions say how far their values reach (`Function::reach`); others are not part of a part and
//!   run as ever, over inputs that may be kept;
//! - the series of every leaf are looked up each time and must be the same ones.
//!
//! Most answers show fewer points than were kept. Where all targets of a request are refreshed, whole
//! and of one grid, so that the points of each are known beforehand, an entry also keeps its values with
//! so few points, and a refresh adds the new ones to those; the whole values are then put together only
//! now and then, to replace an entry that has grown old. The text of the kept points is kept with them
//! (`functions::kept_run`).
//!
//! Threads: any. An entry is never changed, only replaced.

mod kept;
mod merge;
mod present;

use std::sync::Arc;

use crate::cache::Cache;
use crate::fetch::{Cut, Read};
use crate::functions::consolidate::Buckets;
use crate::functions::{EvaluationError, Series};
use crate::plan::Part;

pub(super) use kept::KeyBase;
use kept::{Kept, KeptSeries, Key};
use present::Present;
pub(super) use present::{Grid, Lookups};

/// An entry is replaced once a refresh computes more than so large a part of the window, beside what is
/// not final.
const COMPUTED_SHARE: usize = 64;

/// Slots below which a window is not worth keeping: most of it is still open.
const SLOTS_MIN: usize = 128;

/// What is kept.
#[derive(Debug)]
pub(super) struct IncrementalCache {
    cache: Cache<Key, Kept>,
}

/// How a part will be evaluated; made before anything is read.
pub(super) struct Prepared {
    key: Key,
    present: Present,
    points: usize,
    refresh: Option<Refresh>,
}

/// What of an entry is of use.
struct Refresh {
    kept: Arc<Kept>,
    /// Slots of the entry that lie before the window.
    passed: usize,
    /// The first slot of the window that is computed.
    tail: usize,
}

impl IncrementalCache {
    /// An empty one of so many bytes; 0 keeps nothing.
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            cache: Cache::new(bytes_max),
        }
    }

    /// The cache, for its numbers.
    pub(super) fn cache(&self) -> &Cache<Key, Kept> {
        &self.cache
    }

    /// Looks for what is kept of a part; `None` when nothing of it can be kept.
    ///
    /// # Errors
    /// As [`Reader::resolve`](crate::fetch::Reader::resolve).
    pub(super) fn prepare(
        &self,
        part: &Part<'_>,
        base: &KeyBase,
        lookups: &mut Lookups<'_>,
    ) -> Result<Option<Prepared>, EvaluationError> {
        let Some(present) = Present::of(part, lookups)? else {
            return Ok(None);
        };
        let grid = present.grid;
        let is_worth_it = grid.slots >= SLOTS_MIN
            && present.settled >= grid.slots / 2
            && part.points < grid.slots / 8;
        if !is_worth_it {
            return Ok(None);
        }
        let key = base.key(part.expression, grid);
        let kept = self.cache.get(&key);
        let refresh = kept.and_then(|kept| Refresh::of(kept, &present, part.points));
        self.cache.count(refresh.is_some());
        Ok(Some(Prepared {
            key,
            present,
            points: part.points,
            refresh,
        }))
    }

    /// Puts together what is kept and what was computed. `None` when they do not fit, which functions
    /// promise will not be; the part is to be evaluated as a whole then.
    pub(super) fn refresh(
        &self,
        prepared: &Prepared,
        head: &[Series],
        tail: Vec<Series>,
    ) -> Option<Vec<Series>> {
        prepared.join()?.run(head, tail)
    }

    /// The same straight in buckets. What is kept stays as it is, so this is for refreshes of which
    /// [`Prepared::buckets`] says so.
    pub(super) fn refresh_shortened(
        &self,
        prepared: &Prepared,
        head: &[Series],
        tail: Vec<Series>,
        buckets: Buckets,
    ) -> Option<Vec<Series>> {
        let (series, made) = prepared.join()?.run_shortened(head, tail, buckets)?;
        if let (Some(made), Some(refresh)) = (made, &prepared.refresh) {
            let kept = refresh.kept.with_shortened(made);
            let bytes = kept.bytes();
            self.cache
                .insert(prepared.key.clone(), Arc::new(kept), bytes);
        }
        Some(series)
    }

    /// Keeps a part's result.
    pub(super) fn keep(&self, prepared: &Prepared, series: &[Series]) {
        let grid = prepared.present.grid;
        if series.is_empty() || !series.iter().all(|one| grid.fits(one)) {
            return;
        }
        let kept = Kept {
            leaves: prepared.present.leaves.clone(),
            start: grid.start,
            step: grid.step,
            settled: prepared.present.settled,
            series: series.iter().map(KeptSeries::of).collect(),
            shortened: None,
        };
        let bytes = kept.bytes();
        self.cache
            .insert(prepared.key.clone(), Arc::new(kept), bytes);
    }
}

impl Prepared {
    fn join(&self) -> Option<merge::Join<'_>> {
        let refresh = self.refresh.as_ref()?;
        Some(merge::Join {
            kept: &refresh.kept,
            grid: self.present.grid,
            points: self.points,
            passed: refresh.passed,
            tail: refresh.tail,
        })
    }

    /// The buckets of a refresh that is shown with at most so many points by itself. `None` when the
    /// whole values are wanted: they fit, or the entry is old enough to be replaced.
    pub(super) fn buckets(&self, points_max: u64) -> Option<Buckets> {
        let Grid { start, step, slots } = self.present.grid;
        let computed = slots - self.refresh.as_ref()?.tail;
        let open = slots - self.present.settled;
        let is_young = computed <= open + slots / COMPUTED_SHARE;
        let buckets = Buckets::of(start, step, slots as i64 * step, points_max)?;
        is_young.then_some(buckets)
    }

    /// The grid of the whole part.
    pub(super) fn grid(&self) -> Grid {
        self.present.grid
    }

    /// The parts of the window that are computed, head and tail; `None` when all of it is.
    pub(super) fn cuts(&self) -> Option<(Option<Cut>, Cut)> {
        let refresh = self.refresh.as_ref()?;
        let seconds = |slots: usize| slots as i64 * self.present.grid.step;
        let head = Cut {
            later: 0,
            earlier: seconds(self.present.grid.slots - self.points),
        };
        let tail = Cut {
            later: seconds(refresh.tail - self.points),
            earlier: 0,
        };
        Some(((self.points > 0).then_some(head), tail))
    }

    /// What will be read.
    pub(super) fn reads(&self, part: &Part<'_>) -> Vec<Read> {
        let Some((head, tail)) = self.cuts() else {
            return whole_reads(part);
        };
        let cuts = head.into_iter().chain([tail]);
        let of_cut = |cut| {
            let reads = part.reads.iter();
            reads.map(move |(leaf, window)| Read {
                leaf: leaf.clone(),
                window: *window,
                cut,
            })
        };
        cuts.flat_map(of_cut).collect()
    }

    /// The memory that the values of a refreshed result take.
    pub(super) fn bytes_refreshed(&self) -> usize {
        let series = self.refresh.as_ref().map_or(0, |one| one.kept.series.len());
        series * self.present.grid.slots * size_of::<f64>()
    }

    /// Values that need not be computed, for statistics.
    pub(super) fn points_kept(&self) -> usize {
        let Some(refresh) = &self.refresh else {
            return 0;
        };
        refresh.kept.series.len() * (refresh.tail - self.points)
    }
}

/// What a part reads when nothing of it is kept.
pub(super) fn whole_reads(part: &Part<'_>) -> Vec<Read> {
    let reads = part.reads.iter();
    reads
        .map(|(leaf, window)| Read::whole(leaf.clone(), *window))
        .collect()
}

impl Refresh {
    fn of(kept: Arc<Kept>, present: &Present, points: usize) -> Option<Self> {
        let Grid { start, step, slots } = present.grid;
        let is_same = kept.step == step
            && kept.leaves == present.leaves
            && kept.start <= start
            && (start - kept.start) % step == 0;
        if !is_same {
            return None;
        }
        let passed = usize::try_from((start - kept.start) / step).ok()?;
        // At least a slot is computed: functions then say how their series look now.
        let tail = kept.settled.checked_sub(passed)?.min(slots - 1);
        // Less than a quarter is not worth two evaluations.
        (tail > points && tail - points >= slots / 4).then_some(Self { kept, passed, tail })
    }
}

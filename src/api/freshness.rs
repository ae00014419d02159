//! Names that had points in a time: find, expand and completion of tags, when `api.find_filters_by_time`
//! asks for it. A browser then shows what can be drawn over the time that its user looks at, and not the
//! hosts that went years ago.
//!
//! What counts is the newest point of a series, which stores find without reading points: a name stays
//! when that is not older than `from`. Whether a name began after `until` is not asked. A branch stays
//! when a series below it does.
//!
//! Bounds: [`LOOKS_MAX`] series and [`TIME_MAX`] a request, [`BRANCH_LOOKS_MAX`] series a branch. What lies
//! beyond stays in the answer: a name too many costs a user a glance, a missing one an evening.

use std::time::{Duration, Instant};

use super::Services;
use super::error::ApiResult;
use super::parameters::Parameters;
use super::times::RequestClock;
use crate::catalog::{FoundNode, TaggedSeries};
use crate::metric::SeriesId;

/// Series that are looked at for one request.
const LOOKS_MAX: usize = 100_000;

/// Time after which no more series are looked at.
const TIME_MAX: Duration = Duration::from_secs(1);

/// Series asked for at once: a look through a store costs something whatever the number, and between
/// two looks the time is checked.
const BATCH: usize = 8_192;

/// Series of a branch that are looked at first: where anything below lives, these mostly do.
const SAMPLE: usize = 16;

/// Series of a branch that are looked at, all gathered under one lock of the catalog.
const BRANCH_LOOKS_MAX: usize = 16_384;

/// A search for names with points since a time.
pub(super) struct Freshness<'a> {
    services: &'a Services,
    since: i64,
    now: i64,
    looks_left: usize,
    deadline: Instant,
}

/// A branch in question: its place among the nodes and some or all series below it.
struct Branch {
    place: usize,
    series: Vec<SeriesId>,
    is_whole: bool,
}

impl<'a> Freshness<'a> {
    /// The search that a request wants: none unless the config says so and the request has a `from`.
    ///
    /// # Errors
    /// When `from` or `now` is no time.
    pub(super) fn of(parameters: &Parameters, services: &'a Services) -> ApiResult<Option<Self>> {
        if !services.limits.find_filters_by_time {
            return Ok(None);
        }
        let clock = RequestClock::of(parameters, services)?;
        let since = clock.optional_time(parameters, "from")?;
        Ok(since.and_then(|since| Self::since(services, since, clock.now)))
    }

    /// A search since a time, where the config wants one.
    pub(super) fn since(services: &'a Services, since: i64, now: i64) -> Option<Self> {
        services.limits.find_filters_by_time.then(|| Self {
            services,
            since,
            now,
            looks_left: LOOKS_MAX,
            deadline: Instant::now() + TIME_MAX,
        })
    }

    /// Takes out the nodes that had no points.
    pub(super) fn filter_nodes(&mut self, nodes: &mut Vec<FoundNode>) {
        let leaves: Vec<SeriesId> = nodes.iter().filter_map(|node| node.series).collect();
        let mut leaves = self.ask(&leaves).into_iter();
        let mut stays: Vec<bool> = nodes
            .iter()
            .map(|node| node.series.is_some() && leaves.next().unwrap_or(true))
            .collect();
        let places = 0..nodes.len();
        let branches: Vec<_> = places
            .filter(|place| nodes[*place].series.is_none())
            .collect();
        let unclear = self.look_below(nodes, &branches, SAMPLE, &mut stays);
        let unclear = self.look_below(nodes, &unclear, BRANCH_LOOKS_MAX, &mut stays);
        for place in unclear {
            stays[place] = true;
        }
        let mut stays = stays.into_iter();
        nodes.retain(|_| stays.next().unwrap_or(true));
    }

    /// Looks at so many series below each branch; gives those of which more would have to be known.
    fn look_below(
        &mut self,
        nodes: &[FoundNode],
        places: &[usize],
        series_max: usize,
        stays: &mut [bool],
    ) -> Vec<usize> {
        let mut left = self.looks_left;
        let branches: Vec<Branch> = places
            .iter()
            .map(|&place| {
                let limit = series_max.min(left);
                let path = nodes[place].path.trim_end_matches('.');
                let mut series = self.services.catalog.series_below(path, limit + 1);
                let is_whole = series.len() <= limit;
                series.truncate(limit);
                left -= series.len();
                Branch {
                    place,
                    series,
                    is_whole,
                }
            })
            .collect();
        let all: Vec<_> = branches
            .iter()
            .flat_map(|one| one.series.iter().copied())
            .collect();
        let mut answers = self.ask(&all).into_iter();
        let mut unclear = Vec::new();
        for branch in branches {
            let answers = answers.by_ref().take(branch.series.len());
            // All of them are taken, so that the next branch begins with its own.
            stays[branch.place] = answers.filter(|is_fresh| *is_fresh).count() > 0;
            if !stays[branch.place] && !branch.is_whole {
                unclear.push(branch.place);
            }
        }
        unclear
    }

    /// The names that pass tag expressions and had points; `None` when more pass than are looked at.
    ///
    /// # Errors
    /// When an expression cannot be read.
    pub(super) fn tagged(&mut self, expressions: &[&str]) -> ApiResult<Option<Vec<TaggedSeries>>> {
        let catalog = &self.services.catalog;
        let found = catalog.find_series_within(expressions, LOOKS_MAX)?;
        Ok(found.map(|found| self.filter_tagged(found)))
    }

    fn filter_tagged(&mut self, found: Vec<TaggedSeries>) -> Vec<TaggedSeries> {
        let ids: Vec<SeriesId> = found.iter().filter_map(|one| one.series).collect();
        let mut answers = self.ask(&ids).into_iter();
        // A name that was registered by hand has no series and so no points.
        let mut is_fresh =
            |one: &TaggedSeries| one.series.is_some() && answers.next().unwrap_or(true);
        found.into_iter().filter(|one| is_fresh(one)).collect()
    }

    /// Whether each series has a point that is not older than the time; true where nobody looks any more.
    fn ask(&mut self, series: &[SeriesId]) -> Vec<bool> {
        let mut answers = Vec::with_capacity(series.len());
        for batch in series.chunks(BATCH) {
            if batch.len() > self.looks_left || Instant::now() > self.deadline {
                self.looks_left = 0;
                break;
            }
            self.looks_left -= batch.len();
            match self.services.store.newest(batch, self.now) {
                Ok(newest) => answers.extend(
                    newest
                        .into_iter()
                        .map(|newest| newest.is_some_and(|point| point.latest() >= self.since)),
                ),
                Err(error) => {
                    tracing::debug!(%error, "names are not filtered by time");
                    self.looks_left = 0;
                    break;
                }
            }
        }
        answers.resize(series.len(), true);
        answers
    }
}

//! Expiry of series that get no points any more.
//!
//! A first survey finds the candidates while everything runs. Then, some at a time, they are held: no
//! worker stores to them, so a second survey of them is the truth, and what is removed by it had no
//! point. One that comes in between waits in the worker and finds its series as it was, or makes it
//! anew.

use std::sync::Arc;

use serde::Serialize;

use super::{Lifecycle, LifecycleError, Selection, Stop};
use crate::metric::SeriesId;

/// Series that are surveyed together: some hundred bytes each are held in memory meanwhile.
const SURVEY_CHUNK: usize = 1 << 19;
/// Candidates that are held together. They get hardly any points, so it may be many.
const HOLD_CHUNK: usize = 1 << 16;

/// What an expiry did, or would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Expired {
    /// True when nothing was changed.
    pub dry_run: bool,
    /// Series that were looked at.
    pub examined: usize,
    /// Series without a new enough point.
    pub matched: usize,
    /// Series that were removed.
    pub expired: usize,
    /// Bytes that they take in blocks.
    pub bytes: u64,
    /// The first of a dry run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub series: Vec<DeadSeries>,
    /// True when it was stopped on the way.
    pub stopped: bool,
}

/// A series that would go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeadSeries {
    /// Its name.
    pub name: Arc<str>,
    /// The slot of its newest point that can be read; none when there is none.
    pub newest: Option<i64>,
}

/// When a series counts as dead.
#[derive(Clone, Copy, Debug)]
struct Limit {
    /// Seconds since the newest point; `None` for the whole retention.
    older_than: Option<i64>,
    now: i64,
}

impl Lifecycle {
    /// Removes series without a point for `older_than` seconds, without one in their whole retention
    /// when that is `None`: those of the selection, or all when it is empty.
    ///
    /// # Errors
    /// As [`Lifecycle::delete`].
    pub fn expire(
        &self,
        selection: &Selection,
        older_than: Option<i64>,
        dry_run: bool,
        names: usize,
        stop: &Stop,
    ) -> Result<Expired, LifecycleError> {
        let ids = match selection.is_empty() {
            true => self.catalog.definitions().map(|series| series.id).collect(),
            false => selection.find(&self.catalog)?,
        };
        let limit = Limit {
            older_than,
            now: self.clock.now(),
        };
        let _running = match dry_run {
            true => None,
            false => Some(self.begin("expire")?),
        };
        let mut dead = Vec::new();
        for chunk in ids.chunks(SURVEY_CHUNK) {
            dead.extend(self.dead_of(chunk, limit)?);
        }
        let candidates: Vec<SeriesId> = dead.iter().map(|(id, _)| *id).collect();
        let mut expired = Expired {
            dry_run,
            examined: ids.len(),
            matched: candidates.len(),
            expired: 0,
            bytes: self.bytes_of(&candidates)?,
            series: Vec::new(),
            stopped: false,
        };
        if dry_run {
            let shown = dead.iter().filter_map(|&(id, newest)| {
                let name = self.catalog.name(id)?;
                Some(DeadSeries { name, newest })
            });
            expired.series = shown.take(names).collect();
            return Ok(expired);
        }
        self.meter.set_total(candidates.len());
        for chunk in candidates.chunks(HOLD_CHUNK) {
            if stop.is_wanted() {
                expired.stopped = true;
                break;
            }
            expired.expired += self.expire_held(chunk, limit, stop)?;
        }
        if expired.expired > 0 {
            tracing::info!(series = expired.expired, older_than, "dead series expired");
        }
        Ok(expired)
    }

    /// Expires by the rule of the configuration, unless every series would go: then the feed is broken,
    /// or the clock is.
    ///
    /// # Errors
    /// As [`Lifecycle::expire`].
    pub fn expire_by_rule(&self, older_than: i64) -> Result<usize, LifecycleError> {
        let (all, older_than) = (Selection::default(), Some(older_than));
        let stop = self.new_stop();
        let planned = self.expire(&all, older_than, true, 0, &stop)?;
        if planned.matched == 0 {
            return Ok(0);
        }
        if planned.matched == planned.examined {
            let series = planned.matched;
            tracing::warn!(series, "no series has a recent point, so none is expired");
            return Ok(0);
        }
        Ok(self.expire(&all, older_than, false, 0, &stop)?.expired)
    }

    fn expire_held(
        &self,
        candidates: &[SeriesId],
        limit: Limit,
        stop: &Stop,
    ) -> Result<usize, LifecycleError> {
        let (hold, waiting) = self.controls.hold(candidates.iter().copied())?;
        let dead = self.dead_of(candidates, limit)?.into_iter();
        let dead = dead.map(|(id, _)| id).filter(|id| !waiting.contains(id));
        let removed = self.remove(&dead.collect::<Vec<_>>(), stop);
        drop(hold);
        removed
    }

    /// Those of the series that are dead, with their newest points.
    fn dead_of(
        &self,
        ids: &[SeriesId],
        limit: Limit,
    ) -> Result<Vec<(SeriesId, Option<i64>)>, LifecycleError> {
        let newest = self.store.newest(ids, limit.now)?;
        let dead = ids.iter().zip(newest).filter_map(|(&id, newest)| {
            let is_alive = newest.is_some_and(|point| {
                let age = limit.now - point.latest();
                limit.older_than.is_none_or(|older_than| age < older_than)
            });
            // One that the store does not know is being created, or was deleted meanwhile.
            let is_there = self.catalog.contains(id) && self.store.definition(id).is_some();
            let is_dead = !is_alive && is_there;
            is_dead.then_some((id, newest.map(|point| point.slot)))
        });
        Ok(dead.collect())
    }
}

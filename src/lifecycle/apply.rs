//! Moving series to the retention that their rules now give them, while everything runs.
//!
//! Some at a time: the series are held, so that the workers store nothing to them; their history is
//! copied under ids that nobody has, through the store's bulk road; that is made durable; and then
//! one record a series in the catalog gives the name to the new id. Readers have the whole old series
//! until then and the whole new one from then on. Points that came meanwhile are stored to the new one.
//! A crash before the record leaves blocks of ids that nobody knows, one after it leaves those of the
//! old ids: both are reclaimed as those of deleted series are.
//!
//! Where only method or xFilesFactor change, the series keeps its id and its history.

use std::ops::ControlFlow;
use std::sync::Arc;

use serde::Serialize;

use super::plan::{Definition, MoveGroup, Plan};
use super::resample::{History, resample};
use super::{Lifecycle, LifecycleError, Selection, Stop};
use crate::catalog::MovedSeries;
use crate::ingest::ControlPoint;
use crate::metric::name::{hash, shard_of};
use crate::metric::{Retention, SeriesId};
use crate::storage::strata::{Existing, Imported, ImportedSeries, Importer, Strata};
use crate::storage::{SeriesDefinition, StoreError, TimeRange};

/// Series that are held and copied together. Larger steps make fewer and larger files; at ten seconds
/// a point their points fill what a worker may hold back in a minute or so.
const CHUNK: usize = 8 * 1024;
/// Bytes of blocks that are put together in memory before they are written.
const BATCH_BYTES: usize = 64 << 20;
/// Points that a worker stores in one go.
const POINTS_CHUNK: usize = 8 * 1024;
/// Seconds ahead of the clock that points may be, at the most that a configuration allows.
const FUTURE_S: i64 = 3_600;

/// What was applied.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Applied {
    /// True when nothing was changed.
    pub dry_run: bool,
    /// What was to be done.
    pub plan: Plan,
    /// Series that were moved with their history.
    pub moved: usize,
    /// Series of which only the definition changed.
    pub redefined: usize,
    /// Series that were left as they are: deleted meanwhile, or with points that wait for the store.
    pub skipped: usize,
    /// Points that were copied.
    pub points: u64,
    /// True when it was stopped on the way.
    pub stopped: bool,
}

/// A series on its way.
struct Moving {
    from: SeriesId,
    to: SeriesId,
    name: Arc<str>,
    shard: usize,
}

impl Lifecycle {
    /// Gives series what their rules say: those of the selection, or all when it is empty.
    ///
    /// # Errors
    /// A bad pattern; another operation under way; a disk that fails or is full. What was moved until
    /// then is moved.
    pub fn retention_apply(
        &self,
        selection: &Selection,
        dry_run: bool,
        stop: &Stop,
    ) -> Result<Applied, LifecycleError> {
        if !dry_run && self.store.bulk().is_none() {
            let instead = "resize its files, as with plumbago auto-resize";
            return Err(LifecycleError::Unsupported(self.store.engine(), instead));
        }
        let _running = match dry_run {
            true => None,
            false => Some(self.begin("retention apply")?),
        };
        let (examined, groups) = self.move_groups(selection)?;
        let mut applied = Applied {
            dry_run,
            plan: self.describe(examined, &groups)?,
            moved: 0,
            redefined: 0,
            skipped: 0,
            points: 0,
            stopped: false,
        };
        if dry_run {
            return Ok(applied);
        }
        self.meter.set_total(applied.plan.matched);
        for group in &groups {
            if self.apply_group(group, stop, &mut applied)?.is_break() {
                applied.stopped = true;
                break;
            }
        }
        tracing::info!(
            moved = applied.moved,
            redefined = applied.redefined,
            "retention applied"
        );
        Ok(applied)
    }

    fn apply_group(
        &self,
        group: &MoveGroup,
        stop: &Stop,
        applied: &mut Applied,
    ) -> Result<ControlFlow<()>, LifecycleError> {
        let redefine_only = group.from.0 == group.to.0;
        for chunk in group.ids.chunks(CHUNK) {
            if stop.is_wanted() {
                return Ok(ControlFlow::Break(()));
            }
            let changed = match redefine_only {
                true => self.redefine_chunk(group, chunk, applied)?,
                false => self.move_chunk(group, chunk, applied)?,
            };
            applied.skipped += chunk.len() - changed;
            self.meter.advance(chunk.len());
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Those of the series that still have what they had when the plan was made.
    fn still(&self, ids: &[SeriesId], definition: &Definition) -> Vec<SeriesId> {
        let has = |id: &SeriesId| self.catalog.definition(*id).as_ref() == Some(definition);
        ids.iter().copied().filter(has).collect()
    }

    fn redefine_chunk(
        &self,
        group: &MoveGroup,
        ids: &[SeriesId],
        applied: &mut Applied,
    ) -> Result<usize, LifecycleError> {
        let ids = self.still(ids, &group.from);
        let (retention, rollup) = &group.to;
        self.catalog.redefine(&ids, retention, *rollup)?;
        self.catalog.sync()?;
        let same = ids.iter().filter_map(|&id| self.moving(id, id));
        self.define(&same.collect::<Vec<_>>(), &group.to)?;
        applied.redefined += ids.len();
        Ok(ids.len())
    }

    fn moving(&self, from: SeriesId, to: SeriesId) -> Option<Moving> {
        let name = self.catalog.name(from)?;
        let shard = shard_of(hash(name.as_bytes()), self.controls.shards());
        Some(Moving {
            from,
            to,
            name,
            shard,
        })
    }

    fn move_chunk(
        &self,
        group: &MoveGroup,
        ids: &[SeriesId],
        applied: &mut Applied,
    ) -> Result<usize, LifecycleError> {
        let strata = self.store.bulk().expect("asked for at the beginning");
        let (_hold, waiting) = self.controls.hold(ids.iter().copied())?;
        let mut ids = self.still(ids, &group.from);
        ids.retain(|id| !waiting.contains(id));
        let reserved = self.catalog.reserve(ids.len())?;
        let pairs = ids.iter().zip(&reserved);
        let moving: Vec<Moving> = pairs
            .filter_map(|(&from, &to)| self.moving(from, to))
            .collect();
        let done = self.define(&moving, &group.to).and_then(|()| {
            applied.points += self.copy(strata, &moving, group)?;
            let moves: Vec<MovedSeries> = moving
                .iter()
                .map(|&Moving { from, to, .. }| MovedSeries { from, to })
                .collect();
            let (retention, rollup) = &group.to;
            Ok(self.catalog.rebind(&moves, retention, *rollup)?)
        });
        match done {
            Ok(count) => {
                applied.moved += count;
                self.catalog.sync()?;
                Ok(count)
            }
            Err(error) => {
                self.forget_copies(&moving);
                Err(error)
            }
        }
    }

    /// Makes the new ids known to the store.
    fn define(&self, moving: &[Moving], to: &Definition) -> Result<(), LifecycleError> {
        for shard in 0..self.controls.shards() {
            let mine = moving.iter().filter(|series| series.shard == shard);
            let definitions = mine.map(|series| SeriesDefinition {
                id: series.to,
                name: Arc::clone(&series.name),
                retention: Arc::clone(&to.0),
                rollup: to.1,
            });
            self.controls.define(shard, definitions.collect())?;
        }
        Ok(())
    }

    /// After a failure: nobody will ask for the new ids.
    fn forget_copies(&self, moving: &[Moving]) {
        for shard in 0..self.controls.shards() {
            let mine = moving.iter().filter(|series| series.shard == shard);
            // A worker that has ended forgets everything.
            let _ = self
                .controls
                .forget(shard, mine.map(|series| series.to).collect());
        }
    }

    /// Copies the history of series, durably; answers how many points there were.
    fn copy(
        &self,
        strata: &Strata,
        moving: &[Moving],
        group: &MoveGroup,
    ) -> Result<u64, LifecycleError> {
        let now = self.clock.now();
        let mut importer = strata.importer(Existing::Keep, now);
        let failed_before = strata.reads_failed();
        let mut points = 0;
        let mut recent = Recent::new(self.controls.shards());
        for series in moving {
            let histories = self.histories(series.from, &group.from.0, now)?;
            let archives = resample(&histories, &group.to.0, group.to.1, now);
            importer.push(&ImportedSeries {
                id: series.to,
                is_new: true,
                archives,
            })?;
            recent.add_future(series, self.future(series.from, now)?);
            if importer.bytes_pending() > BATCH_BYTES {
                points += commit(&mut importer, moving, &mut recent)?;
            }
        }
        if strata.reads_failed() != failed_before {
            // What was copied so far has no name and is of no use; the series stay as they are.
            return Err(LifecycleError::Unreadable);
        }
        points += commit(&mut importer, moving, &mut recent)?;
        for (shard, shard_points) in recent.by_shard.into_iter().enumerate() {
            points += shard_points.len() as u64;
            for chunk in shard_points.chunks(POINTS_CHUNK) {
                self.controls.store(shard, chunk.to_vec())?;
            }
        }
        self.store.sync()?;
        Ok(points)
    }

    /// What each archive of a series holds.
    fn histories(
        &self,
        series: SeriesId,
        retention: &Retention,
        now: i64,
    ) -> Result<Vec<History>, StoreError> {
        let mut histories = Vec::new();
        for archive in retention.archives() {
            let range = TimeRange {
                from: now - archive.retention(),
                until: now,
                now,
            };
            if let Some(fetched) = self.store.fetch(series, range)? {
                histories.push(History {
                    step: i64::from(fetched.step),
                    start: fetched.start,
                    values: fetched.values,
                });
            }
        }
        Ok(histories)
    }

    /// Points of the finest archive ahead of the clock, as senders with fast clocks leave them.
    fn future(&self, series: SeriesId, now: i64) -> Result<Vec<(i64, f64)>, StoreError> {
        let ahead = now + FUTURE_S;
        let range = TimeRange {
            from: now,
            until: ahead,
            now: ahead,
        };
        let Some(fetched) = self.store.fetch(series, range)? else {
            return Ok(Vec::new());
        };
        let times = (fetched.start..).step_by(fetched.step as usize);
        let points = times.zip(fetched.values);
        Ok(points.filter(|(_, value)| !value.is_nan()).collect())
    }
}

/// Points that the shards' workers have to store.
struct Recent {
    by_shard: Vec<Vec<ControlPoint>>,
}

impl Recent {
    fn new(shards: usize) -> Self {
        Self {
            by_shard: vec![Vec::new(); shards],
        }
    }

    fn add_future(&mut self, series: &Moving, points: Vec<(i64, f64)>) {
        let points = points.into_iter().map(|(timestamp, value)| ControlPoint {
            series: series.to,
            timestamp,
            value,
        });
        self.by_shard[series.shard].extend(points);
    }
}

/// Commits a batch; its recent points go to their shards.
fn commit(
    importer: &mut Importer<'_>,
    moving: &[Moving],
    recent: &mut Recent,
) -> Result<u64, StoreError> {
    let Imported {
        points,
        recent: points_recent,
        ..
    } = importer.commit()?;
    for point in points_recent {
        let place = moving.binary_search_by_key(&point.id, |series| series.to);
        if let Ok(place) = place {
            recent.by_shard[moving[place].shard].push(ControlPoint {
                series: point.id,
                timestamp: point.timestamp,
                value: point.value,
            });
        }
    }
    Ok(points)
}

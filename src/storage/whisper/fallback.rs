//! An old tree beneath another store: history without a migration.
//!
//! A fetch asks the upper store first. Slots of the chosen archive that it has no value for are filled
//! from the file's archive of the same step; a file without one fills nothing. A series that only the
//! tree has is answered from its file alone. Points go to the upper store only, and nothing is ever
//! written to the tree.
//!
//! The upper store chooses the archive, by the retention that the series has in the catalog: that of the
//! file, for a series that came from the tree; that of the rules, for one that was there before.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hashbrown::HashMap;
use parking_lot::RwLock;

use super::open_file::{FileError, OpenFile};
use super::tree::{Tree, TreeOwner};
use crate::metric::{Refusal, Retention, Rollup, SeriesId};
use crate::storage::strata::Strata;
use crate::storage::{
    ArchiveUsage, Fetched, Maintenance, NewestPoint, Selection, SeriesDefinition, ShardWriter,
    Store, StoreError, StoreHealth, StoreStatistics, TimeRange,
};

/// A store over a tree.
pub struct FallbackStore {
    upper: Arc<dyn Store>,
    beneath: Arc<Beneath>,
}

/// The tree and what is known of it. Written when files are found, read by fetches.
struct Beneath {
    tree: Tree,
    series: RwLock<HashMap<SeriesId, File>>,
    /// Until the first walk is over: names of series of which nobody knows yet whether they have a file.
    names: RwLock<Option<HashMap<SeriesId, Arc<str>>>>,
}

/// A series' file.
struct File {
    relative_path: Box<str>,
    /// What the file says, for a series that the upper store may not know.
    definition: Option<(Arc<Retention>, Rollup)>,
}

impl FallbackStore {
    /// Lays a store over a tree, whose files become known by [`TreeOwner`].
    pub fn new(upper: Arc<dyn Store>, tree: Tree) -> Self {
        let beneath = Beneath {
            tree,
            series: RwLock::default(),
            names: RwLock::new(Some(HashMap::new())),
        };
        Self {
            upper,
            beneath: Arc::new(beneath),
        }
    }

    /// Fills what the upper store has no value for.
    fn fill(&self, series: SeriesId, fetched: &mut Fetched) {
        if !fetched.values.iter().any(|value| value.is_nan()) {
            return;
        }
        let file = self.beneath.open(series).unwrap_or_else(|error| {
            tracing::debug!(%error, "a file of the old tree cannot be used");
            None
        });
        let Some(file) = file else {
            return;
        };
        let archives = file.header().archives().iter();
        let same_step = archives
            .clone()
            .position(|archive| archive.step_s() == fetched.step);
        let range = (fetched.start, fetched.values.len());
        let Some(Ok(old)) = same_step.map(|archive| file.read(archive, range)) else {
            return;
        };
        for (value, old) in fetched.values.iter_mut().zip(old) {
            if value.is_nan() {
                *value = old;
            }
        }
    }
}

impl Beneath {
    /// The file of a series; `None` when there is none.
    ///
    /// # Errors
    /// When it cannot be opened, or is no Whisper file.
    fn open(&self, series: SeriesId) -> Result<Option<OpenFile>, StoreError> {
        match self.path(series).map(|path| self.tree.open(&path)) {
            Some(Ok(file)) => Ok(Some(file)),
            Some(Err(FileError::Failed(error))) => Err(error),
            Some(Err(FileError::Missing)) | None => Ok(None),
        }
    }

    /// Where the file of a series is; while the tree is being walked, where it would be.
    fn path(&self, series: SeriesId) -> Option<Box<str>> {
        if let Some(file) = self.series.read().get(&series) {
            return Some(file.relative_path.clone());
        }
        let name = self.names.read().as_ref()?.get(&series).cloned()?;
        self.tree.path_of(&name).map(String::into_boxed_str)
    }

    /// The newest point in the file of a series.
    ///
    /// # Errors
    /// When the file cannot be read.
    fn newest(&self, series: SeriesId, now: i64) -> Result<Option<NewestPoint>, StoreError> {
        let Some(file) = self.open(series)? else {
            return Ok(None);
        };
        for (number, archive) in file.header().archives().iter().enumerate() {
            let step = i64::from(archive.step_s());
            let end = now - now.rem_euclid(step) + step;
            let first = end - i64::from(archive.points()) * step;
            let values = file.read(number, (first, archive.points() as usize))?;
            if let Some(at) = values.iter().rposition(|value| !value.is_nan()) {
                let (slot, step) = (first + at as i64 * step, archive.step_s());
                return Ok(Some(NewestPoint { slot, step }));
            }
        }
        Ok(None)
    }

    /// The definition of a series that only the tree has.
    fn definition(&self, series: SeriesId) -> Option<(Arc<Retention>, Rollup)> {
        self.series.read().get(&series)?.definition.clone()
    }

    fn put(
        &self,
        series: SeriesId,
        relative_path: &str,
        definition: Option<(Arc<Retention>, Rollup)>,
    ) {
        let file = File {
            relative_path: relative_path.into(),
            definition,
        };
        self.series.write().insert(series, file);
    }

    /// The files of tagged series do not tell their names, so each such name is asked for its file; the
    /// others are when they are read, until the walk has found their files.
    fn look_for(&self, series: &SeriesDefinition) {
        if let Some(names) = self.names.write().as_mut() {
            names.insert(series.id, Arc::clone(&series.name));
        }
        let is_tagged = series.name.contains(';');
        if is_tagged && let Some(path) = self.tree.path_of(&series.name) {
            let whole = self.tree.root.join(Path::new(&path));
            if whole.try_exists().is_ok_and(|exists| exists) {
                self.put(series.id, &path, None);
            }
        }
    }
}

impl TreeOwner for FallbackStore {
    fn adopt(&self, series: &SeriesDefinition, relative_path: &str) {
        let definition = (Arc::clone(&series.retention), series.rollup);
        self.beneath.put(series.id, relative_path, Some(definition));
    }

    fn found(&self, series: SeriesId, relative_path: &str) {
        if !self.beneath.series.read().contains_key(&series) {
            self.beneath.put(series, relative_path, None);
        }
    }

    fn walked(&self) {
        *self.beneath.names.write() = None;
    }

    /// The catalog is the upper store's: what leaves the tree may have points above.
    fn is_gone(&self, _series: SeriesId) -> bool {
        false
    }
}

impl Store for FallbackStore {
    fn engine(&self) -> &'static str {
        self.upper.engine()
    }

    fn shards(&self) -> usize {
        self.upper.shards()
    }

    fn writer(&self, shard: usize) -> Box<dyn ShardWriter> {
        Box::new(FallbackWriter {
            upper: self.upper.writer(shard),
            beneath: Arc::clone(&self.beneath),
        })
    }

    fn check_name(&self, name: &str) -> Result<(), Refusal> {
        self.upper.check_name(name)
    }

    fn fetch(&self, series: SeriesId, range: TimeRange) -> Result<Option<Fetched>, StoreError> {
        let mut fetched = self.upper.fetch(series, range)?;
        if fetched.is_none() && self.upper.definition(series).is_none() {
            let selection = self.select(series, range);
            fetched = selection.map(|selection| Fetched {
                archive: selection.archive,
                start: selection.start,
                step: selection.step,
                values: vec![f64::NAN; selection.slots()],
            });
        }
        if let Some(fetched) = &mut fetched {
            self.fill(series, fetched);
        }
        Ok(fetched)
    }

    fn select(&self, series: SeriesId, range: TimeRange) -> Option<Selection> {
        Selection::of(&self.definition(series)?.0, range)
    }

    fn definition(&self, series: SeriesId) -> Option<(Arc<Retention>, Rollup)> {
        let upper = self.upper.definition(series);
        upper.or_else(|| self.beneath.definition(series))
    }

    /// Of both: a series that only has a past in the tree is not dead yet.
    fn newest(
        &self,
        series: &[SeriesId],
        now: i64,
    ) -> Result<Vec<Option<NewestPoint>>, StoreError> {
        let mut newest = self.upper.newest(series, now)?;
        for (newest, id) in newest.iter_mut().zip(series) {
            let old = self.beneath.newest(*id, now).unwrap_or_else(|error| {
                tracing::debug!(%error, "a file of the old tree cannot be used");
                // What it hides may be new.
                Some(NewestPoint { slot: now, step: 1 })
            });
            let points = old.into_iter().chain(*newest);
            *newest = points.max_by_key(|point| point.latest());
        }
        Ok(newest)
    }

    fn usage(&self, series: &[SeriesId]) -> Result<Vec<ArchiveUsage>, StoreError> {
        self.upper.usage(series)
    }

    /// The upper store's: what is copied is its own history.
    fn bulk(&self) -> Option<&Strata> {
        self.upper.bulk()
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.upper.sync()
    }

    fn drain(&self, deadline: Instant) {
        self.upper.drain(deadline);
    }

    fn health(&self) -> StoreHealth {
        self.upper.health()
    }

    fn statistics(&self) -> StoreStatistics {
        self.upper.statistics()
    }
}

/// The upper store's writer, which also learns the names of tagged series.
struct FallbackWriter {
    upper: Box<dyn ShardWriter>,
    beneath: Arc<Beneath>,
}

impl ShardWriter for FallbackWriter {
    fn define(&mut self, series: &SeriesDefinition) -> Result<(), StoreError> {
        self.beneath.look_for(series);
        self.upper.define(series)
    }

    fn store(
        &mut self,
        series: SeriesId,
        timestamp: i64,
        value: f64,
        now: i64,
    ) -> Result<(), Refusal> {
        self.upper.store(series, timestamp, value, now)
    }

    /// The file stays: the tree is not ours to change.
    fn forget(&mut self, series: &[SeriesId]) {
        let mut files = self.beneath.series.write();
        for id in series {
            files.remove(id);
        }
        drop(files);
        if let Some(names) = self.beneath.names.write().as_mut() {
            for id in series {
                names.remove(id);
            }
        }
        self.upper.forget(series);
    }

    fn maintain(&mut self, now: i64, budget: Duration) -> Result<Maintenance, StoreError> {
        self.upper.maintain(now, budget)
    }
}

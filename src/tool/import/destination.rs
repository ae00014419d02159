//! The data folder that is imported into: locked, opened, and kept from being anything else.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::super::ToolError;
use super::super::subject::Subject;
use crate::catalog::Catalog;
use crate::metric::name::{hash, shard_of};
use crate::metric::{Retention, Rollup, SeriesId};
use crate::storage::folder::{DataFolder, FolderError};
use crate::storage::strata::{Imported, RecentPoint, Strata, StrataConfig};
use crate::storage::{SeriesDefinition, ShardWriter, Store};

/// Time for one slice of the store's own work; all of it is done in the end.
const MAINTENANCE_BUDGET: Duration = Duration::from_secs(1);

/// An opened data folder. The lock goes last.
pub(super) struct Destination {
    pub(super) catalog: Catalog,
    pub(super) store: Strata,
    /// By shard; whoever stores or defines holds its lock.
    writers: Vec<Mutex<Box<dyn ShardWriter>>>,
    /// Ids from here on were given by this run: the store has nothing of them.
    first_new_id: SeriesId,
    /// Equal retentions are one allocation, by which the store knows them faster.
    retentions: Mutex<Vec<Arc<Retention>>>,
    pub(super) now: i64,
    folder: DataFolder,
}

impl Destination {
    /// Locks and opens a folder, or makes a new one.
    ///
    /// # Errors
    /// When a daemon or another import has it, it is something else, or cannot be read or written.
    pub(super) fn open(
        path: &Path,
        shards: Option<usize>,
        background: bool,
        now: i64,
    ) -> Result<Self, ToolError> {
        refuse_other_folders(path)?;
        let folder = DataFolder::open(path).map_err(|error| match &error {
            FolderError::Locked { .. } => ToolError::BadInput(format!(
                "{error}; stop the daemon for the import, or send it the points"
            )),
            FolderError::Io { .. } => ToolError::BadInput(error.to_string()),
        })?;
        let (catalog, _) =
            Catalog::open(path).map_err(|error| ToolError::BadInput(error.to_string()))?;
        let defaults = StrataConfig::new(path);
        let store = Strata::open(&StrataConfig {
            shards: shards.unwrap_or(defaults.shards),
            background,
            ..defaults
        })?;
        let writers = (0..store.shards()).map(|shard| Mutex::new(store.writer(shard)));
        let destination = Self {
            writers: writers.collect(),
            first_new_id: catalog.next_id(),
            retentions: Mutex::default(),
            catalog,
            store,
            now,
            folder,
        };
        for series in destination.catalog.definitions() {
            destination.define(&series)?;
        }
        destination.maintain()?;
        Ok(destination)
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The shard of a metric.
    pub(super) fn shard_of(&self, name: &str) -> usize {
        shard_of(hash(name.as_bytes()), self.writers.len())
    }

    /// How many shards there are.
    pub(super) fn shards(&self) -> usize {
        self.writers.len()
    }

    /// The one allocation of a retention.
    pub(super) fn intern(&self, retention: Retention) -> Arc<Retention> {
        let mut known = self.retentions.lock();
        if let Some(same) = known.iter().find(|known| ***known == retention) {
            return Arc::clone(same);
        }
        known.push(Arc::new(retention));
        Arc::clone(&known[known.len() - 1])
    }

    /// Makes a series known, if it is not; a known one keeps its definition. Answers also whether
    /// the store has surely nothing of it.
    ///
    /// # Errors
    /// When catalog or store take no new series.
    pub(super) fn create(
        &self,
        name: &str,
        retention: &Arc<Retention>,
        rollup: Rollup,
    ) -> Result<(SeriesDefinition, bool), ToolError> {
        let created = self
            .catalog
            .create(name, hash(name.as_bytes()), retention, rollup);
        let id = created.map_err(|error| ToolError::BadInput(format!("{name}: {error}")))?;
        let definition = self.catalog.definition(id);
        let (retention, rollup) = definition.unwrap_or_else(|| (Arc::clone(retention), rollup));
        let definition = SeriesDefinition {
            id,
            name: name.into(),
            retention,
            rollup,
        };
        self.define(&definition)?;
        Ok((definition, id >= self.first_new_id))
    }

    fn define(&self, definition: &SeriesDefinition) -> Result<(), ToolError> {
        let shard = self.shard_of(&definition.name);
        Ok(self.writers[shard].lock().define(definition)?)
    }

    /// Stores a point as if it had come by the network.
    ///
    /// # Errors
    /// Why it was refused.
    pub(super) fn with_writer<T>(
        &self,
        shard: usize,
        work: impl FnOnce(&mut dyn ShardWriter) -> T,
    ) -> T {
        work(self.writers[shard].lock().as_mut())
    }

    /// Stores what belongs in the ring, and makes all that was imported survive a power loss.
    ///
    /// # Errors
    /// When the store takes no points or the disk fails.
    pub(super) fn settle(&self, imported: &Imported) -> Result<(), ToolError> {
        for same_series in imported.recent.chunk_by(|one, other| one.id == other.id) {
            self.store_recent(same_series)?;
        }
        Ok(self.store.sync()?)
    }

    fn store_recent(&self, points: &[RecentPoint]) -> Result<(), ToolError> {
        let Some(name) = points.first().and_then(|point| self.catalog.name(point.id)) else {
            return Ok(());
        };
        let mut writer = self.writers[self.shard_of(&name)].lock();
        for point in points {
            let stored = writer.store(point.id, point.timestamp, point.value, self.now);
            stored.map_err(|reason| {
                let path = self.path().display();
                ToolError::BadInput(format!(
                    "{path}: a point of {name} cannot be stored: {reason}"
                ))
            })?;
        }
        Ok(())
    }

    /// Does all work of the store that is due.
    ///
    /// # Errors
    /// When the disk fails.
    pub(super) fn maintain(&self) -> Result<(), ToolError> {
        for writer in &self.writers {
            writer.lock().maintain(self.now, MAINTENANCE_BUDGET)?;
        }
        Ok(())
    }

    /// Ends the import: everything is durable, the catalog gives back ids that it had reserved.
    ///
    /// # Errors
    /// When the disk fails.
    pub(super) fn close(self) -> Result<(), ToolError> {
        self.maintain()?;
        self.store.sync()?;
        self.sync_catalog(Catalog::close)
    }

    /// Syncs the catalog, before blocks that rely on it.
    ///
    /// # Errors
    /// When the disk fails.
    pub(super) fn sync_names(&self) -> Result<(), ToolError> {
        self.sync_catalog(Catalog::sync)
    }

    fn sync_catalog(
        &self,
        sync: fn(&Catalog) -> Result<(), crate::catalog::CatalogError>,
    ) -> Result<(), ToolError> {
        sync(&self.catalog).map_err(|error| ToolError::BadInput(error.to_string()))
    }
}

/// A folder with anything else in it, a Whisper tree before all, must not become a data folder.
fn refuse_other_folders(path: &Path) -> Result<(), ToolError> {
    let mut entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(ToolError::io(path, "cannot be read")(error)),
    };
    let is_ours = |name: PathBuf| {
        let name = name.to_string_lossy();
        name == "lock" || name.starts_with("import-") && name.ends_with(".state")
    };
    let has_other =
        entries.any(|entry| entry.is_ok_and(|entry| !is_ours(entry.file_name().into())));
    if !has_other || matches!(Subject::of(path)?, Subject::DataFolder(_)) {
        return Ok(());
    }
    Err(ToolError::BadInput(format!(
        "{}: is neither empty nor a data folder of plumbago",
        path.display()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_something_else_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.wsp"), "").unwrap();
        let error = Destination::open(folder.path(), Some(1), false, 1_000_000)
            .err()
            .unwrap();
        assert!(error.to_string().contains("neither empty nor"), "{error}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_locked_folder_says_who_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let _lock = DataFolder::open(folder.path()).unwrap();
        let error = Destination::open(folder.path(), Some(1), false, 1_000_000)
            .err()
            .unwrap();
        assert!(
            error.to_string().contains("in use by another process"),
            "{error}"
        );
        assert!(error.to_string().contains("stop the daemon"), "{error}");
    }
}

//! Everything in the data folder, opened in order: the lock, the catalog, the store, the events.

use std::sync::Arc;

use crate::catalog::Catalog;
use crate::config;
use crate::events::EventLog;
use crate::storage::Store;
use crate::storage::folder::DataFolder;
use crate::storage::strata::{Strata, StrataConfig};

/// What lives in the data folder. The lock goes last.
pub(super) struct Storage {
    pub(super) catalog: Arc<Catalog>,
    pub(super) store: Arc<dyn Store>,
    pub(super) events: Arc<EventLog>,
    _folder: DataFolder,
}

impl Storage {
    /// Locks and opens the folder.
    ///
    /// # Errors
    /// What cannot be opened and why, in one line.
    pub(super) fn open(config: &config::Storage) -> Result<Self, String> {
        let folder = DataFolder::open(&config.path).map_err(|error| error.to_string())?;
        let catalog = open_catalog(&folder)?;
        let store = open_store(config, &folder)?;
        let events = EventLog::open(folder.path()).map_err(|error| error.to_string())?;
        Ok(Self {
            catalog: Arc::new(catalog),
            store,
            events: Arc::new(events),
            _folder: folder,
        })
    }

    /// Ends what was opened, once nobody writes any more: the catalog gives back the ids that it had
    /// reserved, the store lets go of its files, and the lock goes last.
    pub(super) fn close(self) {
        if let Err(error) = self.catalog.close() {
            tracing::error!(%error, "the catalog's last sync failed");
        }
    }
}

/// Opens the catalog and tells what had to be repaired.
fn open_catalog(folder: &DataFolder) -> Result<Catalog, String> {
    let (catalog, report) = Catalog::open(folder.path()).map_err(|error| error.to_string())?;
    for (path, bytes) in &report.torn {
        tracing::warn!(path = %path.display(), bytes, "a torn tail was cut off");
    }
    for (path, reason) in &report.damaged {
        tracing::error!(path = %path.display(), reason, "damaged catalog file");
    }
    let (series, records) = (report.series, report.records);
    tracing::info!(
        series,
        records,
        snapshot = report.snapshot,
        "catalog opened"
    );
    Ok(catalog)
}

fn open_store(config: &config::Storage, folder: &DataFolder) -> Result<Arc<dyn Store>, String> {
    match config.engine {
        config::Engine::Strata => {
            let defaults = StrataConfig::new(folder.path());
            let store = Strata::open(&StrataConfig {
                shards: config.shards.unwrap_or(defaults.shards),
                future_window_s: config.future_window_s,
                ..defaults
            });
            Ok(Arc::new(store.map_err(|error| error.to_string())?))
        }
    }
}

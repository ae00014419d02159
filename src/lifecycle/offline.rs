//! The same operations on a folder that no daemon has open: it is locked and opened as a daemon does,
//! with workers that get no points.
//!
//! What was removed is let go of in the store by these workers or, should they end before, at the
//! folder's next opening; blocks that are mostly dead are written anew once a daemon runs.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;

use super::{Lifecycle, Parts};
use crate::catalog::Catalog;
use crate::clock::Clock;
use crate::ingest::{self, Ingest, Workers};
use crate::metric::schema::Schemas;
use crate::queue::{QueueLimits, Routes};
use crate::storage::Store;
use crate::storage::folder::{DataFolder, FolderError};
use crate::storage::strata::{Strata, StrataConfig};
use crate::telemetry::ingest::IngestTelemetry;

/// How long the workers may take to end; they have nothing to do.
const END_TIME: Duration = Duration::from_secs(30);

/// An open folder.
pub struct Offline {
    lifecycle: Lifecycle,
    workers: Workers,
    routes: Arc<Routes>,
    catalog: Arc<Catalog>,
    store: Arc<dyn Store>,
    /// Goes last.
    _folder: DataFolder,
}

/// Why a folder could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OfflineError {
    /// Another process has it.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// What is in it cannot be opened.
    #[error("{0}")]
    Open(String),
}

impl Offline {
    /// Opens a folder that is there. `schemas` are the rules that a plan compares with.
    ///
    /// # Errors
    /// When it is in use, cannot be read or written, or is damaged.
    pub fn open(path: &Path, schemas: Schemas) -> Result<Self, OfflineError> {
        let open_failed = |error: &dyn std::fmt::Display| OfflineError::Open(error.to_string());
        if !path.join("strata").is_dir() {
            let path = path.display();
            let message = format!("{path}: has no points of the native engine; ask its daemon");
            return Err(OfflineError::Open(message));
        }
        let folder = DataFolder::open(path)?;
        let (catalog, _) = Catalog::open(folder.path()).map_err(|error| open_failed(&error))?;
        let store = Strata::open(&StrataConfig::new(folder.path()));
        let store: Arc<dyn Store> = Arc::new(store.map_err(|error| open_failed(&error))?);
        let catalog = Arc::new(catalog);
        let telemetry = Arc::new(IngestTelemetry::new(store.shards()));
        let routes = Routes::new(QueueLimits::default(), &telemetry);
        let schemas = Arc::new(ArcSwap::from_pointee(schemas));
        let workers = ingest::start_workers(&Ingest {
            catalog: Arc::clone(&catalog),
            store: Arc::clone(&store),
            schemas: Arc::clone(&schemas),
            clock: Clock::system(),
            routes: Arc::clone(&routes),
            telemetry,
        })
        .map_err(|error| open_failed(&error))?;
        let lifecycle = Lifecycle::new(Parts {
            catalog: Arc::clone(&catalog),
            store: Arc::clone(&store),
            controls: workers.controls(),
            schemas,
            clock: Clock::system(),
        });
        Ok(Self {
            lifecycle,
            workers,
            routes,
            catalog,
            store,
            _folder: folder,
        })
    }

    /// What can be done with it.
    pub fn lifecycle(&self) -> &Lifecycle {
        &self.lifecycle
    }

    /// Ends it; all that was done is durable then.
    ///
    /// # Errors
    /// When the last sync fails or a worker does not end.
    pub fn close(self) -> Result<(), OfflineError> {
        self.routes.close();
        let ended = self.workers.join(END_TIME);
        ended.map_err(|late| OfflineError::Open(format!("did not end: {}", late.join(", "))))?;
        let closed = self.catalog.close();
        closed.map_err(|error| OfflineError::Open(error.to_string()))?;
        let synced = self.store.sync();
        synced.map_err(|error| OfflineError::Open(error.to_string()))
    }
}

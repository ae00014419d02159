//! Everything in the data folder, opened in order: the lock, the catalog, the store, the events.

use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;

use super::tree_index::{TreeIndex, TreeWatch};
use crate::catalog::Catalog;
use crate::clock::Clock;
use crate::config;
use crate::events::EventLog;
use crate::storage::Store;
use crate::storage::folder::DataFolder;
use crate::storage::strata::{Strata, StrataConfig};
use crate::storage::whisper::{
    Dialect, FallbackStore, TaggedNames, Tree, WhisperConfig, WhisperStore,
};

/// What lives in the data folder. The lock goes last.
pub(super) struct Storage {
    pub(super) catalog: Arc<Catalog>,
    pub(super) store: Arc<dyn Store>,
    pub(super) events: Arc<EventLog>,
    /// Looks after a tree of Whisper files, where there is one, until it is stopped.
    tree: Mutex<Option<TreeWatch>>,
    folder: DataFolder,
}

/// A store, and the thread that looks after its tree.
type Opened = (Arc<dyn Store>, Option<TreeWatch>);

impl Storage {
    /// Locks and opens the folder.
    ///
    /// # Errors
    /// What cannot be opened and why, in one line.
    pub(super) fn open(config: &config::Storage, clock: &Clock) -> Result<Self, String> {
        let folder = DataFolder::open(&config.path).map_err(|error| error.to_string())?;
        let catalog = Arc::new(open_catalog(&folder)?);
        let (store, tree) = match config.engine {
            config::Engine::Strata => open_strata(config, &folder, &catalog)?,
            config::Engine::Whisper => open_whisper(config, &folder, &catalog, clock)?,
        };
        let events = EventLog::open(folder.path()).map_err(|error| error.to_string())?;
        Ok(Self {
            catalog,
            store,
            events: Arc::new(events),
            tree: Mutex::new(tree),
            folder,
        })
    }

    /// Looks at the tree now.
    pub(super) fn walk_tree(&self) {
        if let Some(tree) = &*self.tree.lock() {
            tree.walk();
        }
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Ends what was opened, once nobody writes any more: the catalog gives back the ids that it had
    /// reserved, the store lets go of its files, and the lock goes last.
    pub(super) fn close(self) {
        let tree = self.tree.lock().take();
        if tree.is_some_and(|tree| tree.stop().join().is_err()) {
            tracing::error!("the tree's thread had panicked");
        }
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

fn open_strata(
    config: &config::Storage,
    folder: &DataFolder,
    catalog: &Arc<Catalog>,
) -> Result<Opened, String> {
    let defaults = StrataConfig::new(folder.path());
    let store = Strata::open(&StrataConfig {
        shards: config.shards.unwrap_or(defaults.shards),
        future_window_s: config.future_window_s,
        ..defaults
    });
    let store = Arc::new(store.map_err(|error| error.to_string())?);
    let Some(root) = &config.fallback_whisper else {
        return Ok((store, None));
    };
    if !root.is_dir() {
        return Err(format!(
            "storage.fallback_whisper: {} is no folder",
            root.display()
        ));
    }
    let tree = Tree {
        root: root.clone(),
        tagged_names: tagged_names(&config.whisper),
        dialect: dialect(&config.whisper),
    };
    let store = Arc::new(FallbackStore::new(store, tree.clone()));
    let index = TreeIndex {
        tree,
        catalog: Arc::clone(catalog),
        owner: Some(Arc::<FallbackStore>::clone(&store)),
        engine: None,
    };
    let tree = TreeWatch::start(index, config.whisper.scan_interval, false);
    let tree = tree.map_err(|error| format!("cannot start the tree's thread: {error}"))?;
    Ok((store, Some(tree)))
}

fn open_whisper(
    config: &config::Storage,
    folder: &DataFolder,
    catalog: &Arc<Catalog>,
    clock: &Clock,
) -> Result<Opened, String> {
    let settings = whisper_config(config, folder, clock);
    let mut index = TreeIndex {
        tree: Tree {
            root: settings.tree.clone(),
            tagged_names: settings.tagged_names,
            dialect: settings.dialect,
        },
        catalog: Arc::clone(catalog),
        owner: None,
        engine: None,
    };
    // An empty catalog knows nothing to serve: its first names are waited for.
    let is_walked = catalog.is_empty() && index.tree.root.exists();
    if is_walked {
        index.reconcile();
    }
    let store = WhisperStore::open(settings, catalog.definitions());
    let store = Arc::new(store.map_err(|error| error.to_string())?);
    index.owner = Some(Arc::<WhisperStore>::clone(&store));
    index.engine = Some(Arc::clone(&store));
    let tree = TreeWatch::start(index, config.whisper.scan_interval, is_walked);
    let tree = tree.map_err(|error| format!("cannot start the tree's thread: {error}"))?;
    Ok((store, Some(tree)))
}

fn whisper_config(config: &config::Storage, folder: &DataFolder, clock: &Clock) -> WhisperConfig {
    let whisper = &config.whisper;
    let defaults = WhisperConfig::new(folder.path());
    WhisperConfig {
        tree: whisper.path.clone().unwrap_or(defaults.tree),
        shards: config.shards.unwrap_or(defaults.shards),
        clock: clock.clone(),
        tagged_names: tagged_names(whisper),
        dialect: dialect(whisper),
        open_files_max: whisper.open_files_max,
        cache_bytes_max: whisper.cache_bytes_max,
        write_delay_max_s: whisper.write_delay_max.as_secs() as i64,
        updates_per_second_max: whisper.updates_per_second_max,
        creates_per_minute_max: whisper.creates_per_minute_max,
        sparse: whisper.sparse,
        lock_writes: whisper.lock_writes,
        future_window_s: config.future_window_s,
        ..defaults
    }
}

fn tagged_names(config: &config::Whisper) -> TaggedNames {
    match config.tagged_names {
        config::TaggedNames::Hash => TaggedNames::Hash,
        config::TaggedNames::Name => TaggedNames::Name,
    }
}

fn dialect(config: &config::Whisper) -> Dialect {
    match config.dialect {
        config::WhisperDialect::Reference => Dialect::Reference,
        config::WhisperDialect::GoWhisper => Dialect::GoWhisper,
    }
}

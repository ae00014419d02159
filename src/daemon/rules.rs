//! The rules for new series: read at start, read again at SIGHUP and when a file changes.

use std::sync::Arc;

use arc_swap::ArcSwap;
use parking_lot::Mutex;

use crate::config::{ConfigError, Fingerprint, RuleSources};
use crate::metric::Schemas;

/// The rules in force and where they come from.
#[derive(Debug)]
pub(super) struct Rules {
    sources: RuleSources,
    /// The files as they were when they were last read, whatever came of it.
    read: Mutex<Fingerprint>,
    current: Arc<ArcSwap<Schemas>>,
}

impl Rules {
    /// Reads all sources.
    ///
    /// # Errors
    /// What is wrong with a file, in one line.
    pub(super) fn read(sources: RuleSources) -> Result<Self, ConfigError> {
        // Taken first: a change while the files are read is seen at the next look.
        let read = Mutex::new(sources.fingerprint());
        let schemas = read_and_warn(&sources)?;
        Ok(Self {
            sources,
            read,
            current: Arc::new(ArcSwap::from_pointee(schemas)),
        })
    }

    /// The rules in force, which a reload replaces as a whole.
    pub(super) fn current(&self) -> Arc<ArcSwap<Schemas>> {
        Arc::clone(&self.current)
    }

    /// Reads the files again. When one cannot be used the old rules stay; series that exist keep
    /// what they were created with in any case.
    pub(super) fn reload(&self) {
        *self.read.lock() = self.sources.fingerprint();
        match read_and_warn(&self.sources) {
            Ok(schemas) => {
                tracing::info!(
                    schemas = schemas.schemas().len(),
                    aggregations = schemas.aggregations().len(),
                    "rules read again"
                );
                self.current.store(Arc::new(schemas));
            }
            Err(error) => tracing::error!(%error, "rules cannot be used, the old rules stay"),
        }
    }

    /// Reads the files again when one of them is not what it was.
    pub(super) fn reload_if_changed(&self) {
        if self.sources.fingerprint() != *self.read.lock() {
            self.reload();
        }
    }
}

fn read_and_warn(sources: &RuleSources) -> Result<Schemas, ConfigError> {
    let (schemas, warnings) = sources.read()?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    Ok(schemas)
}

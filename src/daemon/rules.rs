//! The rules for new series: read at start, read again at SIGHUP.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::config::{ConfigError, RuleSources};
use crate::metric::Schemas;

/// The rules in force and where they come from.
#[derive(Debug)]
pub(super) struct Rules {
    sources: RuleSources,
    current: Arc<ArcSwap<Schemas>>,
}

impl Rules {
    /// Reads all sources.
    ///
    /// # Errors
    /// What is wrong with a file, in one line.
    pub(super) fn read(sources: RuleSources) -> Result<Self, ConfigError> {
        let schemas = read_and_warn(&sources)?;
        Ok(Self {
            sources,
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
}

fn read_and_warn(sources: &RuleSources) -> Result<Schemas, ConfigError> {
    let (schemas, warnings) = sources.read()?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    Ok(schemas)
}

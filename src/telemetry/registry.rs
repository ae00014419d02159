//! The sources that were registered at start, and one collection over all of them.

use std::sync::Arc;

use parking_lot::RwLock;

use super::{Sample, Source};

/// All sources of the daemon. Written at start, read at each collection.
#[derive(Default)]
pub struct Registry {
    sources: RwLock<Vec<Arc<dyn Source>>>,
}

impl Registry {
    /// Adds a source; its samples follow those of earlier ones.
    pub fn register(&self, source: Arc<dyn Source>) {
        self.sources.write().push(source);
    }

    /// The current numbers of all sources.
    pub fn collect(&self) -> Vec<Sample> {
        let mut samples = Vec::new();
        for source in self.sources.read().iter() {
            source.collect(&mut samples);
        }
        samples
    }
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let count = self.sources.read().len();
        write!(formatter, "Registry({count} sources)")
    }
}

//! Deletion by pattern.

use std::sync::Arc;

use serde::Serialize;

use super::{Lifecycle, LifecycleError, Selection, Stop};

/// What a deletion did, or would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Deleted {
    /// True when nothing was changed.
    pub dry_run: bool,
    /// Series that match.
    pub matched: usize,
    /// Series that were deleted.
    pub deleted: usize,
    /// Bytes that the matching series take in blocks: what the disk gets back, soon where they
    /// were most of a block, later where they were few.
    pub bytes: u64,
    /// The first names of a dry run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<Arc<str>>,
    /// True when it was stopped on the way; what is deleted is deleted whole.
    pub stopped: bool,
}

impl Lifecycle {
    /// Deletes series, or says which would go with at most `names` names. Points that come for a
    /// deleted name make it anew, without a past.
    ///
    /// # Errors
    /// A bad pattern; another operation under way; a disk that fails.
    pub fn delete(
        &self,
        selection: &Selection,
        dry_run: bool,
        names: usize,
        stop: &Stop,
    ) -> Result<Deleted, LifecycleError> {
        if selection.is_empty() {
            let message = "say what to delete: a pattern or a regular expression";
            return Err(LifecycleError::BadInput(message.to_owned()));
        }
        let ids = selection.find(&self.catalog)?;
        let bytes = self.bytes_of(&ids)?;
        let mut deleted = Deleted {
            dry_run,
            matched: ids.len(),
            deleted: 0,
            bytes,
            names: Vec::new(),
            stopped: false,
        };
        if dry_run {
            deleted.names = self.names_of(&ids, names);
            return Ok(deleted);
        }
        let _running = self.begin("delete")?;
        self.meter.set_total(ids.len());
        deleted.deleted = self.remove(&ids, stop)?;
        deleted.stopped = stop.is_wanted();
        tracing::info!(
            series = deleted.deleted,
            patterns = selection.patterns.join(" "),
            regexes = selection.regexes.join(" "),
            "series deleted"
        );
        Ok(deleted)
    }
}

//! Why an operation could not be done.

use crate::catalog::{CatalogError, FindError, TagError};
use crate::ingest::ControlError;
use crate::storage::StoreError;

/// One line for the operator. What was done until then is whole.
#[derive(Debug, thiserror::Error)]
pub enum LifecycleError {
    /// The question makes no sense: a pattern, an expression, an age.
    #[error("{0}")]
    BadInput(String),
    /// Another operation is under way.
    #[error("another operation is under way: {0}")]
    Busy(String),
    /// The store stopped writing.
    #[error("the store takes no writes: {0}")]
    NotWriting(String),
    /// The engine cannot do this.
    #[error("the {0} engine cannot do this while it runs; {1}")]
    Unsupported(&'static str, &'static str),
    /// A block could not be read just now, so a history is not known whole.
    #[error(
        "a block could not be read just now, see /health: series that it may hold stay as they are"
    )]
    Unreadable,
    /// The catalog failed.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A worker did not do what it was told.
    #[error(transparent)]
    Control(#[from] ControlError),
}

impl LifecycleError {
    /// True when the caller can mend it.
    pub fn is_bad_input(&self) -> bool {
        matches!(self, Self::BadInput(_))
    }

    /// True when the same may succeed later.
    pub fn is_busy(&self) -> bool {
        matches!(self, Self::Busy(_))
    }
}

impl From<FindError> for LifecycleError {
    fn from(error: FindError) -> Self {
        Self::BadInput(error.to_string())
    }
}

impl From<TagError> for LifecycleError {
    fn from(error: TagError) -> Self {
        Self::BadInput(error.to_string())
    }
}

//! What can go wrong in the catalog, by what a caller can do about it.

use std::io;
use std::path::{Path, PathBuf};

use crate::metric::pattern::PatternError;

/// Why the catalog could not be opened, or could not take a change.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// The environment failed: a full disk, a permission. A change that met it was not made, and
    /// may be tried again.
    #[error("{}: {action}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was being done.
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// What is on disk is not what its format says, and there is nothing older to fall back on.
    #[error("{}: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it and where.
        reason: String,
    },
    /// The catalog takes no more changes since a sync failed; what it knows can still be read.
    #[error("the catalog takes no more changes since: {0}")]
    Poisoned(String),
    /// A limit of the format or of the tables is reached.
    #[error("the catalog is full: {0}")]
    Full(&'static str),
    /// The name is empty, too long, or holds a node that is empty.
    #[error("\"{0}\" is not a canonical name")]
    BadName(String),
}

/// Why a find gives no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FindError {
    /// The pattern passes a limit.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// More nodes match than the caller wants to have.
    #[error("\"{pattern}\" matches more than {limit} names")]
    TooMany {
        /// What was asked.
        pattern: String,
        /// The caller's limit.
        limit: usize,
    },
}

/// Why a question to the tag index gives no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TagError {
    /// An expression is not `tag=value`, `tag!=value`, `tag=~regex` or `tag!=~regex`.
    #[error("\"{0}\" is not a tag expression such as \"name=cpu\" or \"host=~web.*\"")]
    BadExpression(String),
    /// The regex cannot be read.
    #[error("\"{regex}\" is not a regular expression: {reason}")]
    BadRegex {
        /// The regex as it was given.
        regex: String,
        /// What is wrong with it, in one line.
        reason: String,
    },
    /// All expressions also match series without the tag, so nothing narrows the search.
    #[error("at least one tag expression must not match the empty string")]
    AllMatchEmpty,
}

/// Wraps a failure with what was being done where.
pub(super) fn failed(
    path: &Path,
    action: &'static str,
) -> impl FnOnce(io::Error) -> CatalogError + use<> {
    let path = path.to_owned();
    move |source| CatalogError::Io {
        path,
        action,
        source,
    }
}

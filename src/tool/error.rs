//! Why a tool stops before its work is done.

use std::io;
use std::path::{Path, PathBuf};

use crate::catalog::CatalogError;
use crate::storage::StoreError;

/// One line that names what and where.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// What was asked for makes no sense: a flag, a value, a path of the wrong kind.
    #[error("{0}")]
    BadInput(String),
    /// The system refused: a file, a folder, a lock.
    #[error("{}: {action}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was being done, as in "cannot be read".
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// A file that is not what its format says.
    #[error("{}: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The store of a data folder failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The catalog of a data folder failed.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The answer could not be written.
    #[error("standard output: {0}")]
    Output(#[source] io::Error),
    /// Ctrl-C or SIGTERM; what was done is whole.
    #[error("interrupted: {0}")]
    Interrupted(String),
    /// Some of many failed; each was told in a line of its own.
    #[error("{failed} of {all} failed")]
    Partly {
        /// How many failed.
        failed: usize,
        /// How many there were.
        all: usize,
    },
}

impl ToolError {
    /// For `map_err` on what the system refuses.
    pub(super) fn io(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            path: path.to_owned(),
            action,
            source,
        }
    }

    /// For `map_err` on what is wrong with a file.
    pub(super) fn damaged<E: std::fmt::Display>(path: &Path) -> impl FnOnce(E) -> Self {
        move |reason| Self::Damaged {
            path: path.to_owned(),
            reason: reason.to_string(),
        }
    }

    /// True if nobody reads the answer any more.
    pub(super) fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

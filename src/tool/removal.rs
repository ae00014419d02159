//! What becomes of files that are found: told, deleted, or moved elsewhere.

use std::fs;
use std::path::{Path, PathBuf};

use super::ToolError;
use super::tree::Tree;

/// What to do with a file.
#[derive(Clone, Debug)]
pub(super) enum Removal {
    /// Nothing.
    Tell,
    /// Delete it.
    Delete,
    /// Move it below this folder, at the same path.
    MoveTo(PathBuf),
}

impl Removal {
    /// Chooses by the flags, of which at most one is given.
    pub(super) fn of(delete: bool, folder: Option<&PathBuf>) -> Self {
        match (delete, folder) {
            (true, _) => Self::Delete,
            (_, Some(folder)) => Self::MoveTo(folder.clone()),
            _ => Self::Tell,
        }
    }

    /// What was done, in a word; `None` for nothing.
    pub(super) fn word(&self) -> Option<&'static str> {
        match self {
            Self::Tell => None,
            Self::Delete => Some("deleted"),
            Self::MoveTo(_) => Some("moved"),
        }
    }

    /// Does it with a file of the tree.
    ///
    /// # Errors
    /// What the system refuses, and a file that is at the other place already.
    pub(super) fn apply(&self, tree: &Tree, file: &Path) -> Result<(), ToolError> {
        match self {
            Self::Tell => Ok(()),
            Self::Delete => fs::remove_file(file).map_err(ToolError::io(file, "cannot be deleted")),
            Self::MoveTo(folder) => move_file(file, &tree.beside(file, folder)),
        }
    }
}

fn move_file(file: &Path, target: &Path) -> Result<(), ToolError> {
    if target.exists() {
        let reason = format!("{}: is there already", target.display());
        return Err(ToolError::BadInput(reason));
    }
    if let Some(folder) = target.parent() {
        fs::create_dir_all(folder).map_err(ToolError::io(folder, "cannot be made"))?;
    }
    fs::rename(file, target).map_err(ToolError::io(file, "cannot be moved"))
}

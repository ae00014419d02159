//! Two files, or two trees of the same metrics: what `merge`, `fill` and `diff` work on.

use std::fs;
use std::path::{Path, PathBuf};

use super::ToolError;
use super::progress::Quiet;
use super::replace::{Replacement, Room};
use super::subject::Subject;
use super::tree::Tree;
use super::whisper_file::WhisperFile;
use plumbago_storage_format::whisper::Dialect;

/// A tree of sources and where the targets of its files are.
pub(super) struct Pairs {
    pub(super) sources: Tree,
    target: PathBuf,
    pub(super) are_trees: bool,
}

impl Pairs {
    /// Two files or two folders; the target of a folder may be missing.
    ///
    /// # Errors
    /// A path that is neither, and a file beside a folder.
    pub(super) fn of(source: &Path, target: &Path, quiet: Quiet) -> Result<Self, ToolError> {
        let are_trees = match (Subject::of(source)?, Subject::of(target)?) {
            (Subject::WhisperFile(_), Subject::WhisperFile(_)) => false,
            (Subject::WhisperTree(_), Subject::WhisperTree(_)) => true,
            (Subject::WhisperFile(_), other) => return Err(other.refusal("a file as the other")),
            (Subject::WhisperTree(_), other) => return Err(other.refusal("a Whisper tree")),
            (other, _) => return Err(other.refusal("a Whisper file or tree")),
        };
        Ok(Self {
            sources: Tree::read(source, quiet)?,
            target: target.to_owned(),
            are_trees,
        })
    }

    /// The file that belongs to a source.
    pub(super) fn target(&self, source: &Path) -> PathBuf {
        match self.are_trees {
            true => self.sources.beside(source, &self.target),
            false => self.target.clone(),
        }
    }
}

/// Copies a source to a target that is missing; false if there is one.
///
/// # Errors
/// When the source is no Whisper file, or the system refuses.
pub(super) fn copy_missing(
    source: &Path,
    target: &Path,
    dialect: Dialect,
) -> Result<bool, ToolError> {
    if target.exists() {
        return Ok(false);
    }
    let file = WhisperFile::read(source, dialect)?;
    let metadata = fs::metadata(source).map_err(ToolError::io(source, "cannot be read"))?;
    if let Some(folder) = target.parent() {
        fs::create_dir_all(folder).map_err(ToolError::io(folder, "cannot be made"))?;
    }
    let copy = Replacement::begin(target)?;
    copy.write(&file.bytes, Room::Written)?;
    copy.resemble(&metadata)?;
    copy.name()?;
    Ok(true)
}

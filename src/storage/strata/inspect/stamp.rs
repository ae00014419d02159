//! Whether a group has changed since it was opened.
//!
//! Every structural change replaces the group's manifest by another file. As long as the name leads
//! to the file that was there before the group was opened, its blocks are there, and no row of its
//! ring has been cleared or given to a later slot.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::super::disk::failed;
use super::super::group::MANIFEST_FILE;
use crate::storage::StoreError;

/// The manifest of one group as it was found.
#[derive(Debug)]
pub(super) struct Stamp {
    path: PathBuf,
    /// Kept open, so that no other file gets its number meanwhile.
    found: Option<File>,
}

impl Stamp {
    /// Finds the manifest of a group's folder; it need not be there yet.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub(super) fn take(folder: &Path) -> Result<Self, StoreError> {
        let path = folder.join(MANIFEST_FILE);
        let found = match File::open(&path) {
            Ok(file) => Some(file),
            Err(error) if is_missing(&error) => None,
            Err(error) => return Err(failed(&path, "open")(error)),
        };
        Ok(Self { path, found })
    }

    /// True while the manifest is the one that was found.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub(super) fn is_current(&self) -> Result<bool, StoreError> {
        let now = match fs::metadata(&self.path) {
            Ok(now) => Some(now),
            Err(error) if is_missing(&error) => None,
            Err(error) => return Err(failed(&self.path, "look at")(error)),
        };
        let found = self.found.as_ref().map(File::metadata).transpose();
        let found = found.map_err(failed(&self.path, "look at"))?;
        Ok(match (found, now) {
            (None, None) => true,
            (Some(found), Some(now)) => (found.dev(), found.ino()) == (now.dev(), now.ino()),
            _ => false,
        })
    }
}

fn is_missing(error: &io::Error) -> bool {
    error.kind() == ErrorKind::NotFound
}

//! The files of a data folder by kind, with their lengths.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde::Serialize;

use crate::events::EVENTS_FILE;
use crate::tool::ToolError;

/// The kinds in the order they are told.
const KINDS: [&str; 10] = [
    "ring panels",
    "blocks",
    "patches",
    "late segments",
    "manifests and tables",
    "catalog snapshots",
    "catalog log",
    "events",
    "set aside as damaged",
    "other",
];

/// All files of one kind.
#[derive(Clone, Debug, Serialize)]
pub(super) struct FileKind {
    pub(super) kind: &'static str,
    pub(super) files: u64,
    /// The sum of their lengths.
    pub(super) bytes: u64,
    /// What they take on disk: holes take nothing.
    pub(super) disk_bytes: u64,
}

/// Counts the files below a folder. What goes meanwhile is left out.
///
/// # Errors
/// When a folder cannot be listed.
pub(super) fn count(folder: &Path) -> Result<Vec<FileKind>, ToolError> {
    let mut kinds: Vec<FileKind> = KINDS
        .iter()
        .map(|&kind| FileKind {
            kind,
            files: 0,
            bytes: 0,
            disk_bytes: 0,
        })
        .collect();
    walk(folder, &mut kinds)?;
    Ok(kinds)
}

fn walk(folder: &Path, kinds: &mut [FileKind]) -> Result<(), ToolError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(ToolError::io(folder, "cannot be listed")(error)),
    };
    for entry in entries {
        let entry = entry.map_err(ToolError::io(folder, "cannot be listed"))?;
        let Ok(file) = entry.metadata() else { continue };
        if file.is_dir() {
            walk(&entry.path(), kinds)?;
        } else {
            let name = entry.file_name();
            let kind = &mut kinds[position(&name.to_string_lossy())];
            kind.files += 1;
            kind.bytes += file.len();
            kind.disk_bytes += file.blocks() * 512;
        }
    }
    Ok(())
}

fn position(name: &str) -> usize {
    let kind = if name.ends_with(".damaged") {
        "set aside as damaged"
    } else if name.ends_with(".ring") {
        "ring panels"
    } else if name.ends_with(".block") {
        "blocks"
    } else if name.ends_with(".patch") {
        "patches"
    } else if name.starts_with("late-") && name.ends_with(".log") {
        "late segments"
    } else if ["manifest", "families", "meta"].contains(&name) {
        "manifests and tables"
    } else if name.starts_with("snapshot-") {
        "catalog snapshots"
    } else if name.starts_with("log-") {
        "catalog log"
    } else if name == EVENTS_FILE {
        "events"
    } else {
        "other"
    };
    KINDS
        .iter()
        .position(|known| *known == kind)
        .unwrap_or(KINDS.len() - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_told_by_the_names() {
        let kind = |name| KINDS[position(name)];
        assert_eq!(kind("ring-00000.ring"), "ring panels");
        assert_eq!(kind("120-00000001.block"), "blocks");
        assert_eq!(kind("120-00000001.block.damaged"), "set aside as damaged");
        assert_eq!(kind("late-00000000.log"), "late segments");
        assert_eq!(kind("log-00000001"), "catalog log");
        assert_eq!(kind("lock"), "other");
    }
}

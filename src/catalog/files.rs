//! The names in the catalog's folder: `log-00000001`, `snapshot-00000007`, and what is in the way.

use std::path::{Path, PathBuf};

const LOG: &str = "log-";
const SNAPSHOT: &str = "snapshot-";
const TEMPORARY: &str = ".tmp";
const DAMAGED: &str = ".damaged";

/// A folder's files by kind, numbers ascending.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Files {
    pub(super) logs: Vec<u64>,
    pub(super) snapshots: Vec<u64>,
    pub(super) temporary: Vec<String>,
}

impl Files {
    /// Sorts out the names of a folder; what is of another kind is left alone.
    pub(super) fn of(names: &[String]) -> Self {
        let mut files = Self::default();
        for name in names {
            if name.ends_with(TEMPORARY) {
                files.temporary.push(name.clone());
            } else if let Some(number) = numbered(name, LOG) {
                files.logs.push(number);
            } else if let Some(number) = numbered(name, SNAPSHOT) {
                files.snapshots.push(number);
            }
        }
        files.logs.sort_unstable();
        files.snapshots.sort_unstable();
        files
    }
}

fn numbered(name: &str, prefix: &str) -> Option<u64> {
    let digits = name.strip_prefix(prefix)?;
    let is_number = digits.len() >= 8 && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().ok()).flatten()
}

/// A segment of the log.
pub(super) fn log(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{LOG}{number:08}"))
}

/// A snapshot.
pub(super) fn snapshot(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{SNAPSHOT}{number:08}"))
}

/// A snapshot that is being written.
pub(super) fn temporary_snapshot(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{SNAPSHOT}{number:08}{TEMPORARY}"))
}

/// True for what [`damaged`] names.
pub(super) fn is_damaged(name: &str) -> bool {
    let original = name.strip_suffix(DAMAGED);
    original.is_some_and(|name| numbered(name, LOG).or(numbered(name, SNAPSHOT)).is_some())
}

/// Where a damaged file is set aside.
pub(super) fn damaged(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(DAMAGED);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_by_their_names() {
        let folder = Path::new("");
        let mut names = vec![
            "other".to_owned(),
            "log-1".to_owned(),
            "log-0000000x".to_owned(),
        ];
        for path in [
            log(folder, 10),
            log(folder, 9),
            log(folder, 123_456_789),
            snapshot(folder, 9),
            temporary_snapshot(folder, 10),
            damaged(&snapshot(folder, 8)),
        ] {
            names.push(path.to_str().unwrap().to_owned());
        }
        let expected = Files {
            logs: vec![9, 10, 123_456_789],
            snapshots: vec![9],
            temporary: vec!["snapshot-00000010.tmp".to_owned()],
        };
        assert_eq!(Files::of(&names), expected);
    }
}

//! What a path on the command line is: a Whisper file, a tree of them, or a data folder of the daemon.

use std::fs;
use std::path::{Path, PathBuf};

use super::ToolError;

/// A recognised path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    /// A file, which a Whisper header must show to be one.
    WhisperFile(PathBuf),
    /// A folder of Whisper files at any depth.
    WhisperTree(PathBuf),
    /// A folder that `serve` has written in: the `storage.path` of config.toml.
    DataFolder(PathBuf),
}

impl Subject {
    /// Looks at what is there.
    ///
    /// # Errors
    /// When nothing is there, it cannot be read, or is neither a file nor a folder.
    pub(super) fn of(path: &Path) -> Result<Self, ToolError> {
        let metadata = fs::metadata(path).map_err(ToolError::io(path, "cannot be read"))?;
        let owned = path.to_owned();
        if metadata.is_file() {
            return Ok(Self::WhisperFile(owned));
        }
        if !metadata.is_dir() {
            let reason = format!("{}: is neither a file nor a folder", path.display());
            return Err(ToolError::BadInput(reason));
        }
        fs::read_dir(path).map_err(ToolError::io(path, "cannot be read"))?;
        Ok(match is_data_folder(path) {
            true => Self::DataFolder(owned),
            false => Self::WhisperTree(owned),
        })
    }

    /// What it is called in messages.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::WhisperFile(_) => "a file",
            Self::WhisperTree(_) => "a folder",
            Self::DataFolder(_) => "a data folder",
        }
    }

    /// The refusal of a subcommand that works on other kinds; `wanted` as in "a Whisper file".
    pub(super) fn refusal(&self, wanted: &str) -> ToolError {
        let (Self::WhisperFile(path) | Self::WhisperTree(path) | Self::DataFolder(path)) = self;
        let kind = self.kind();
        ToolError::BadInput(format!("{}: is {kind}, not {wanted}", path.display()))
    }
}

/// True for a folder with a catalog's log or snapshot, or with the table of a `strata` store. A tree
/// of Whisper files may have folders of these names too, but no files.
fn is_data_folder(path: &Path) -> bool {
    let has_catalog = fs::read_dir(path).is_ok_and(|entries| {
        let files = entries.flatten();
        let files = files.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
        let mut names = files.filter_map(|entry| entry.file_name().into_string().ok());
        names.any(|name| is_catalog_file(&name))
    });
    has_catalog || path.join("strata").join("meta").is_file()
}

fn is_catalog_file(name: &str) -> bool {
    let number = name.strip_prefix("log-");
    let number = number.or_else(|| name.strip_prefix("snapshot-"));
    number.is_some_and(|digits| digits.len() >= 8 && digits.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_folder_is_known_by_its_catalog_and_not_by_a_metric_of_that_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        fs::create_dir_all(path.join("log-00000001/strata")).unwrap();
        fs::write(path.join("log-00000001.wsp"), "").unwrap();
        let tree = Subject::of(path).unwrap();
        assert_eq!(tree, Subject::WhisperTree(path.to_owned()));
        fs::write(path.join("log-00000002"), "").unwrap();
        let data = Subject::of(path).unwrap();
        assert_eq!(data, Subject::DataFolder(path.to_owned()));
    }

    #[test]
    fn a_missing_path_and_a_device_are_refused_by_name() {
        let missing = Subject::of(Path::new("no/such/path")).unwrap_err();
        assert!(missing.to_string().starts_with("no/such/path: "));
        let device = Subject::of(Path::new("/dev/null")).unwrap_err();
        assert_eq!(
            device.to_string(),
            "/dev/null: is neither a file nor a folder"
        );
    }
}

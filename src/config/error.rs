//! What is wrong with a configuration, in one line: where, which key, which value, what would be right.

use std::fmt;
use std::path::{Path, PathBuf};

/// Where a setting came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A file, and its line where one is known.
    File(PathBuf, Option<usize>),
    /// A `--set` on the command line, as typed.
    Set(String),
    /// The settings of all origins together.
    Configuration,
}

impl Origin {
    /// A file, and its line where one is known.
    pub fn file(path: &Path, line: Option<usize>) -> Self {
        Self::File(path.to_owned(), line)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path, Some(line)) => write!(formatter, "{}:{line}", path.display()),
            Self::File(path, None) => write!(formatter, "{}", path.display()),
            Self::Set(text) => write!(formatter, "--set {text}"),
            Self::Configuration => formatter.write_str("configuration"),
        }
    }
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The text is not TOML, not `KEY=VALUE`, or not the INI form that carbon reads.
    #[error("{origin}: {reason}")]
    Syntax {
        /// Where it is written.
        origin: Origin,
        /// What is wrong with it.
        reason: String,
    },
    /// A key is unknown, or its value is wrong.
    #[error("{origin}: {key}: {reason}")]
    Invalid {
        /// Where it is written.
        origin: Origin,
        /// The key with its dots; for carbon's files `[section] key`.
        key: String,
        /// The value and what would be right.
        reason: String,
    },
}

impl ConfigError {
    /// A value that only makes no sense once everything is known.
    pub(super) fn value(key: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Invalid {
            origin: Origin::Configuration,
            key: key.into(),
            reason: reason.into(),
        }
    }
}

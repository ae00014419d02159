//! What a check of a data folder finds, file by file.
//!
//! The engines and the catalog fill a [`Findings`], each with the files that it knows; `tool` prints
//! them.

use std::ops::Range;
use std::path::{Path, PathBuf};

use plumbago_storage_format::error::FormatError;

/// One damage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The file.
    pub path: PathBuf,
    /// The byte where it was noticed.
    pub offset: Option<u64>,
    /// What is wrong.
    pub problem: String,
    /// What it costs.
    pub consequence: String,
    /// The times that it costs points of, in seconds since the epoch.
    pub span: Option<Range<i64>>,
    /// The series that it costs points of, as far as they are known.
    pub series: Vec<u32>,
}

/// Something an operator may want to know that costs nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// The file.
    pub path: PathBuf,
    /// What there is to say.
    pub text: String,
}

/// The outcome of a check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Files that were read.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What is damaged.
    pub damage: Vec<Damage>,
    /// What is not.
    pub remarks: Vec<Remark>,
}

impl Damage {
    /// A damage of a whole file; what more is known is added by the caller.
    pub fn new(path: &Path, problem: impl ToString, consequence: impl ToString) -> Self {
        Self {
            path: path.to_owned(),
            offset: None,
            problem: problem.to_string(),
            consequence: consequence.to_string(),
            span: None,
            series: Vec::new(),
        }
    }

    /// A damage that a format noticed.
    pub fn of_format(path: &Path, error: &FormatError, consequence: impl ToString) -> Self {
        Self {
            offset: Some(error.offset()),
            ..Self::new(path, error, consequence)
        }
    }

    /// With the byte where it is.
    #[must_use]
    pub fn at(self, offset: u64) -> Self {
        Self {
            offset: Some(offset),
            ..self
        }
    }
}

impl Findings {
    /// Counts a file that was read.
    pub fn read(&mut self, bytes: u64) {
        self.files += 1;
        self.bytes += bytes;
    }

    /// Adds a remark.
    pub fn remark(&mut self, path: &Path, text: impl ToString) {
        self.remarks.push(Remark {
            path: path.to_owned(),
            text: text.to_string(),
        });
    }

    /// Takes in what another part of the check found.
    #[must_use]
    pub fn with(mut self, other: Self) -> Self {
        self.files += other.files;
        self.bytes += other.bytes;
        self.damage.extend(other.damage);
        self.remarks.extend(other.remarks);
        self
    }
}

//! `--dialect`: whose numbers the aggregation types of a file have.

use clap::{Args, ValueEnum};
use plumbago_storage_format::whisper::Dialect;

/// `--dialect`, for every subcommand that reads Whisper files.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct DialectFlag {
    /// Whose numbers the aggregation types 6 to 8 have, which nothing in a file tells: those of the
    /// reference (avg_zero, absmax, absmin) or of go-carbon (first, mix, percentile).
    #[arg(long, value_enum, value_name = "DIALECT", default_value = "reference")]
    dialect: DialectName,
}

/// The dialects as an operator writes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum DialectName {
    /// The Python package, and this daemon.
    Reference,
    /// go-whisper, and so go-carbon.
    Go,
}

impl DialectFlag {
    /// The dialect.
    pub(super) fn get(self) -> Dialect {
        self.dialect.into()
    }
}

impl From<DialectName> for Dialect {
    fn from(name: DialectName) -> Self {
        match name {
            DialectName::Reference => Self::Reference,
            DialectName::Go => Self::GoWhisper,
        }
    }
}

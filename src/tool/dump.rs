//! `dump`: everything that is stored, as text; of a Whisper file every slot as it stands there.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::dialect::DialectFlag;
use super::subject::Subject;
use super::times::{TimeFormat, Window};
use super::{Outcome, ToolError, folder, whisper};

/// The flags of `dump`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    plumbago dump --pretty --time-format '%F %T' load.wsp\n  \
    plumbago dump --raw load.wsp | plumbago update other.wsp\n  \
    plumbago dump /var/lib/plumbago 'servers.web1.*'\n  \
    plumbago dump /var/lib/plumbago --format plain | nc -q0 backup 2003\n  \
    plumbago dump /var/lib/plumbago --archive 1 --from -30d --format csv > month.csv\n\n\
    In the plain format, which another daemon takes on its port 2003, a time that two archives have \
    is told once, by the finer one. All other formats tell all archives.")]
pub struct Dump {
    /// A Whisper file, or a data folder with or without its daemon.
    pub(super) path: PathBuf,
    /// Of a data folder: names or globs of series; all without any.
    #[arg(value_name = "PATTERN")]
    pub(super) patterns: Vec<String>,
    /// How to write it.
    #[arg(long, value_enum, default_value = "text")]
    pub(super) format: DumpFormat,
    /// This archive alone; 0 is the finest.
    #[arg(long, value_name = "NUMBER")]
    pub(super) archive: Option<usize>,
    #[command(flatten)]
    pub(super) window: Window,
    /// Of a Whisper file: TIMESTAMP:VALUE alone, as `update` reads it.
    #[arg(long, short, conflicts_with = "format")]
    pub(super) raw: bool,
    #[command(flatten)]
    pub(super) shown: TimeFormat,
    #[command(flatten)]
    pub(super) dialect: DialectFlag,
}

/// How a dump is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum DumpFormat {
    /// A head a series and archive, then lines of timestamp and value.
    Text,
    /// Lines of the plaintext protocol: name, value, timestamp.
    Plain,
    /// Lines of name, archive, timestamp, value under a head.
    Csv,
    /// One object a series and archive, each in a line.
    Json,
}

impl Dump {
    /// Prints the points.
    ///
    /// # Errors
    /// When the path is of another kind or cannot be read.
    pub(super) fn run(&self) -> Result<Outcome, ToolError> {
        self.shown.check()?;
        match Subject::of(&self.path)? {
            Subject::DataFolder(path) => folder::dump::run(self, &path),
            Subject::WhisperFile(path) => whisper::dump::run(self, &path),
            other => Err(other.refusal("a Whisper file or a data folder")),
        }
    }
}

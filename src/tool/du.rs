//! `du`: what each branch of the names takes on disk.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::output::Form;
use super::progress::Quiet;
use super::subject::Subject;
use super::{Outcome, ToolError, folder, whisper};

/// The flags of `du`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    plumbago du /var/lib/graphite/whisper\n  \
    plumbago du /var/lib/plumbago\n  \
    plumbago du --depth 2 --limit 20 /var/lib/plumbago\n  \
    plumbago du --pattern 'servers.web*.**' --depth 3 --sort name --json /var/lib/plumbago\n\n\
    Of a data folder are counted the bytes that encode each series in the blocks, its column in the ring (8 bytes a \
    row) and its late points. Indexes, headers and free columns belong to no series and are told in \
    one line.")]
pub struct Du {
    /// A Whisper file or tree, or a data folder with or without its daemon.
    pub(super) path: PathBuf,
    /// Nodes of a name that are told apart; 0 tells the sum alone.
    #[arg(long, short, default_value_t = 1, value_name = "NODES")]
    pub(super) depth: usize,
    /// Only series that this glob matches. May be repeated.
    #[arg(long, value_name = "PATTERN")]
    pub(super) pattern: Vec<String>,
    /// The order.
    #[arg(long, value_enum, default_value = "size")]
    pub(super) sort: DuSort,
    /// The first so many lines alone.
    #[arg(long, value_name = "LINES")]
    pub(super) limit: Option<usize>,
    #[command(flatten)]
    pub(super) form: Form,
    #[command(flatten)]
    pub(super) quiet: Quiet,
}

/// The order of the lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum DuSort {
    /// The largest first.
    Size,
    /// By name.
    Name,
}

impl Du {
    /// Prints the sizes.
    ///
    /// # Errors
    /// When the path is of another kind or cannot be read.
    pub(super) fn run(&self) -> Result<Outcome, ToolError> {
        match Subject::of(&self.path)? {
            Subject::DataFolder(path) => folder::usage::du::run(self, &path),
            _ => whisper::du::run(self),
        }
    }
}

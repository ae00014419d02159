//! `verify`: reads every byte of a data folder and says what is damaged and what it costs.

use std::path::PathBuf;

use clap::Args;

use super::output::Form;
use super::progress::Quiet;
use super::subject::Subject;
use super::{Outcome, ToolError, folder};

/// The flags of `verify`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    plumbago verify /var/lib/plumbago\n  \
    plumbago verify --json /var/lib/plumbago | jq '.damage[].path'\n\n\
    Nothing is changed, and a daemon may be at work in the folder. The cells of the ring carry no \
    checksum: of the points that were not sealed yet only nonsense can be told.\n\n\
    Exit code: 0 all is well, 1 something is damaged, 2 the check could not be made.")]
pub struct Verify {
    /// A data folder, with or without its daemon.
    pub(super) path: PathBuf,
    #[command(flatten)]
    pub(super) form: Form,
    #[command(flatten)]
    pub(super) quiet: Quiet,
}

impl Verify {
    /// Prints what is damaged.
    ///
    /// # Errors
    /// When the path is of another kind or cannot be read.
    pub(super) fn run(&self) -> Result<Outcome, ToolError> {
        match Subject::of(&self.path)? {
            Subject::DataFolder(path) => folder::verify::run(self, &path),
            other => Err(other.refusal("a data folder")),
        }
    }
}

//! `stats`: how well a data folder compresses, and what lives and died in it.

use std::path::PathBuf;

use clap::Args;

use super::output::Form;
use super::progress::Quiet;
use super::subject::Subject;
use super::times::Window;
use super::{Outcome, ToolError, folder};

/// The flags of `stats`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    plumbago stats /var/lib/plumbago\n  \
    plumbago stats --stale -7d --json /var/lib/plumbago")]
pub struct Stats {
    /// A data folder, with or without its daemon.
    pub(super) path: PathBuf,
    /// Series without a point since this time are stale.
    #[arg(
        long,
        value_name = "TIME",
        default_value = "-1d",
        allow_hyphen_values = true
    )]
    pub(super) stale: String,
    /// The time that `now` is.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(super) now: Option<String>,
    #[command(flatten)]
    pub(super) form: Form,
    #[command(flatten)]
    pub(super) quiet: Quiet,
}

impl Stats {
    /// Prints the numbers.
    ///
    /// # Errors
    /// When the path is of another kind or cannot be read.
    pub(super) fn run(&self) -> Result<Outcome, ToolError> {
        match Subject::of(&self.path)? {
            Subject::DataFolder(path) => folder::usage::stats::run(self, &path),
            other => Err(other.refusal("a data folder")),
        }
    }

    /// `now`, and the time since which a series must have had a point.
    ///
    /// # Errors
    /// When one of them is no time.
    pub(super) fn times(&self) -> Result<(i64, i64), ToolError> {
        let window = |from: Option<String>, now: Option<String>| Window {
            from,
            now,
            ..Window::default()
        };
        let now = window(None, self.now.clone()).times()?.now;
        let since = window(Some(self.stale.clone()), Some(now.to_string())).times();
        let since = since.map_err(|error| match error {
            ToolError::BadInput(text) => ToolError::BadInput(text.replacen("--from", "--stale", 1)),
            other => other,
        })?;
        Ok((now, since.from.unwrap_or(now)))
    }
}

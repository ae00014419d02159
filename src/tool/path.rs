//! `path`: which file a metric has, and back.

use std::io::{BufRead, stdin};
use std::path::PathBuf;

use clap::Args;
use plumbago_storage_format::whisper::{TaggedNames, metric_name, relative_path};

use super::output::Output;
use super::{Outcome, ToolError};

/// The flags of `path`.
#[derive(Debug, Args)]
#[command(
    after_help = "Without names they are read from standard input, one a line.\n\nExamples:\n  \
    plumbago path servers.web1.load 'disk.used;host=web1'\n  \
    plumbago list whisper | plumbago path --root whisper | xargs ls -l\n  \
    plumbago path --reverse servers/web1/load.wsp"
)]
pub struct PathOf {
    /// Metrics, or paths with --reverse.
    #[arg(value_name = "METRIC")]
    names: Vec<String>,
    /// From paths to metrics.
    #[arg(long, short)]
    reverse: bool,
    /// Put this folder before the paths, or take it away.
    #[arg(long, value_name = "FOLDER")]
    root: Option<PathBuf>,
    /// Tagged metrics are kept by their names and not by a hash.
    #[arg(long)]
    tagged_by_name: bool,
}

impl PathOf {
    /// Prints a line a name.
    ///
    /// # Errors
    /// A name that has no file, or a path that is no metric's.
    pub(super) fn run(&self) -> Result<Outcome, ToolError> {
        let mut output = Output::stdout();
        if self.names.is_empty() {
            for line in stdin().lock().lines() {
                let unreadable = |error| ToolError::BadInput(format!("standard input: {error}"));
                self.one(&mut output, line.map_err(unreadable)?.trim())?;
            }
        }
        for name in &self.names {
            self.one(&mut output, name)?;
        }
        output.finish()?;
        Ok(Outcome::Done)
    }

    fn one(&self, output: &mut Output, name: &str) -> Result<(), ToolError> {
        let refusal = |what| ToolError::BadInput(format!("{name:?}: is no {what}"));
        if self.reverse {
            let path = std::path::Path::new(name);
            let path = self
                .root
                .as_ref()
                .map_or(path, |root| path.strip_prefix(root).unwrap_or(path));
            let metric = metric_name(&path.to_string_lossy());
            return output.line(metric.ok_or_else(|| refusal("plain metric's path"))?);
        }
        let tagged = match self.tagged_by_name {
            true => TaggedNames::Name,
            false => TaggedNames::Hash,
        };
        let path = relative_path(name, tagged).ok_or_else(|| refusal("metric that has a file"))?;
        let root = self.root.clone().unwrap_or_default();
        output.line(root.join(path).display())
    }
}

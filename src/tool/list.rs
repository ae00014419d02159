//! `list`: the metrics of a tree.

use clap::Args;

use super::output::{Form, Output};
use super::progress::Quiet;
use super::selection::Selection;
use super::{Outcome, ToolError};

/// The flags of `list`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    plumbago list /var/lib/graphite/whisper\n  \
    plumbago list --pattern 'servers.*.load' /var/lib/graphite/whisper\n  \
    plumbago list --paths --regex '^test' whisper | xargs ls -l")]
pub struct List {
    #[command(flatten)]
    selection: Selection,
    /// Print paths instead of names.
    #[arg(long, short)]
    paths: bool,
    #[command(flatten)]
    form: Form,
    #[command(flatten)]
    quiet: Quiet,
}

impl List {
    /// Prints a metric a line, sorted by path. Tagged metrics whose names are hashed are shown as
    /// their paths.
    ///
    /// # Errors
    /// When the tree cannot be read.
    pub(super) fn run(&self) -> Result<Outcome, ToolError> {
        let tree = self.selection.read(self.quiet)?;
        let names = tree.files().iter().map(|file| match self.paths {
            true => file.to_string_lossy().into_owned(),
            false => tree.label(file),
        });
        let mut output = Output::stdout();
        match self.form.json {
            true => output.json(&names.collect::<Vec<_>>())?,
            false => names.into_iter().try_for_each(|name| output.line(name))?,
        }
        output.finish()?;
        Ok(Outcome::Done)
    }
}

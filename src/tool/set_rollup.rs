//! `set-aggregation-method` and `set-xfilesfactor`: how files roll up from now on.

use std::path::Path;

use clap::Args;
use plumbago_storage_format::whisper::Method;

use super::archives::{parse_factor, parse_method};
use super::dialect::DialectFlag;
use super::numbers::repr;
use super::output::Output;
use super::selection::Selection;
use super::tree::SweepFlags;
use super::whisper_file::{Beginning, LockFlag};
use super::{Outcome, ToolError};

/// The flags of `set-aggregation-method`.
#[derive(Debug, Args)]
#[command(
    after_help = "Coarse values that are there stay as they are; `resize --aggregate` computes them anew.\n\n\
    Examples:\n  \
    plumbago set-aggregation-method requests.wsp sum\n  \
    plumbago set-aggregation-method --pattern 'servers.*.errors' whisper sum 0"
)]
pub struct SetAggregationMethod {
    #[command(flatten)]
    selection: Selection,
    /// The method: average, sum, last, max, min, avg_zero, absmax, absmin; first in go-carbon's
    /// dialect.
    #[arg(value_parser = parse_method)]
    method: Method,
    /// The xFilesFactor too.
    #[arg(value_name = "XFILESFACTOR", value_parser = parse_factor)]
    x_files_factor: Option<f32>,
    #[command(flatten)]
    flags: Flags,
}

/// The flags of `set-xfilesfactor`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    plumbago set-xfilesfactor requests.wsp 0\n  \
    plumbago set-xfilesfactor --lock --pattern 'servers.*.*' whisper 0.25")]
pub struct SetXFilesFactor {
    #[command(flatten)]
    selection: Selection,
    /// The share of fine slots that must be known for a coarse one, 0 to 1.
    #[arg(value_name = "XFILESFACTOR", value_parser = parse_factor)]
    x_files_factor: f32,
    #[command(flatten)]
    flags: Flags,
}

#[derive(Debug, Args)]
struct Flags {
    #[command(flatten)]
    lock: LockFlag,
    #[command(flatten)]
    dialect: DialectFlag,
    #[command(flatten)]
    sweep: SweepFlags,
}

impl SetAggregationMethod {
    /// Changes the headers.
    ///
    /// # Errors
    /// A method that the dialect has not, and files that fail.
    pub(super) fn run(&self) -> Result<Outcome, ToolError> {
        change(&self.selection, &self.flags, |path, beginning| {
            let former = beginning.header.method();
            let own = beginning.header.x_files_factor();
            beginning.set_rollup(self.method, self.x_files_factor.unwrap_or(own))?;
            let (path, method) = (path.display(), self.method);
            Ok(format!(
                "Updated aggregation method: {path} ({former} -> {method})"
            ))
        })
    }
}

impl SetXFilesFactor {
    /// Changes the headers.
    ///
    /// # Errors
    /// Files that fail.
    pub(super) fn run(&self) -> Result<Outcome, ToolError> {
        change(&self.selection, &self.flags, |path, beginning| {
            let former = repr(f64::from(beginning.header.x_files_factor()));
            beginning.set_rollup(beginning.header.method(), self.x_files_factor)?;
            let (path, factor) = (path.display(), self.x_files_factor);
            Ok(format!(
                "Updated xFilesFactor: {path} ({former} -> {factor:?})"
            ))
        })
    }
}

fn change(
    selection: &Selection,
    flags: &Flags,
    change: impl Fn(&Path, &Beginning) -> Result<String, ToolError> + Sync,
) -> Result<Outcome, ToolError> {
    let tree = selection.read(flags.sweep.quiet)?;
    let swept = tree.sweep(flags.sweep, |file| {
        let beginning = Beginning::edit(file, flags.dialect.get(), flags.lock)?;
        change(file, &beginning)
    })?;
    let mut output = Output::stdout();
    swept
        .done
        .iter()
        .try_for_each(|(_, line)| output.line(line))?;
    output.finish()?;
    swept.finish()?;
    Ok(Outcome::Done)
}

//! The command line's retention tooling: one file a subcommand, for Whisper files and trees and for
//! data folders.
//!
//! [`Tool`] is what an operator may type; `daemon` flattens it into its own command line and exits
//! with [`Tool::main`]. A subcommand's file holds its flags (a clap `Args` with an example in
//! `after_help`) and a `run`. What they share: which kind of thing a path is ([`subject`]), which
//! times are meant ([`times`]), the answer on standard output ([`output`]), a bar on a terminal ([`progress`]), Ctrl-C
//! ([`interrupt`]), and why a tool stops ([`error`]).
//!
//! Exit codes are those of `diff` and `grep`: 0 done; 1 done, and the answer is that something is
//! amiss (files differ, a file is corrupt); 2 it could not be done, with one line on standard error;
//! 130 Ctrl-C.
//!
//! Threads: a tool owns its process. It may start threads or use rayon's; no daemon is needed, and
//! one may run meanwhile.

mod archives;
mod auto_resize;
mod choice;
mod convert;
mod create;
mod delete;
mod dialect;
mod diff;
mod du;
mod dump;
mod error;
mod expire;
mod export;
mod fetch;
mod fill;
mod find_corrupt;
mod folder;
mod import;
mod info;
mod interrupt;
mod list;
mod merge;
mod numbers;
mod operate;
mod output;
mod pairs;
mod path;
mod progress;
mod remote;
mod removal;
mod replace;
mod resize;
mod retention;
mod rules;
mod selection;
mod set_rollup;
mod stale;
mod stats;
mod subject;
mod swap;
mod times;
mod tree;
mod update;
mod validate_schemas;
mod verify;
mod whisper;
mod whisper_file;
mod writers;

use std::process::ExitCode;

use clap::Subcommand;

pub use self::error::ToolError;

/// Subcommands for files, trees and data folders.
#[derive(Debug, Subcommand)]
pub enum Tool {
    /// Show what a Whisper file is, or what a data folder holds.
    Info(info::Info),
    /// Print all points that are stored.
    Dump(dump::Dump),
    /// Print the values of series in a range of time.
    Fetch(fetch::Fetch),
    /// Check every byte of a data folder.
    Verify(verify::Verify),
    /// Show points, bytes a point, and which series are new or silent.
    Stats(stats::Stats),
    /// Show what each branch of the names takes on disk.
    Du(du::Du),
    /// Delete series of a data folder.
    Delete(delete::Delete),
    /// Remove series of a data folder that get no points any more.
    Expire(expire::Expire),
    /// Compare the series of a data folder with the rules, and move them.
    Retention(retention::Retention),
    /// Make a Whisper file, or estimate what files take.
    Create(create::Create),
    /// Store points in a Whisper file.
    Update(update::Update),
    /// Give a Whisper file other archives.
    Resize(resize::Resize),
    /// Resize all files of a tree that differ from their rules.
    AutoResize(auto_resize::AutoResize),
    /// Write the points of a file or tree over those of another.
    Merge(merge::Merge),
    /// Write the points of a file or tree into the gaps of another.
    #[command(visible_alias = "backfill")]
    Fill(fill::Fill),
    /// Show where two Whisper files or trees differ.
    Diff(diff::Diff),
    /// Change the aggregation method of files.
    SetAggregationMethod(set_rollup::SetAggregationMethod),
    /// Change the xFilesFactor of files.
    #[command(name = "set-xfilesfactor")]
    SetXFilesFactor(set_rollup::SetXFilesFactor),
    /// Find damaged Whisper files, and delete or move them.
    FindCorrupt(find_corrupt::FindCorrupt),
    /// Find metrics without a point for a while, and delete or move them.
    Stale(stale::Stale),
    /// Check the rules for new metrics, and hold a tree against them.
    ValidateSchemas(validate_schemas::ValidateSchemas),
    /// Convert Whisper files between dialects, and to sparse files and back.
    Convert(convert::Convert),
    /// Take the history of a Graphite install into a data folder: a Whisper tree, a dump.
    Import(Box<import::Import>),
    /// Write series of a data folder as Whisper files, plaintext, CSV or Parquet.
    Export(Box<export::Export>),
    /// List the metrics of a Whisper tree.
    List(list::List),
    /// Tell the file of a metric, or the metric of a file.
    Path(path::PathOf),
}

/// How a tool ended that could do its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done, and nothing to remark.
    Done,
    /// Done, and the answer is that something is amiss: what was compared differs, what was checked
    /// is damaged.
    Amiss,
}

impl Tool {
    /// Runs the tool and tells on standard error why it could not.
    pub fn main(&self) -> ExitCode {
        match self.run() {
            Ok(Outcome::Done) => ExitCode::SUCCESS,
            Ok(Outcome::Amiss) => ExitCode::from(1),
            // Whoever read the answer has had enough of it, as `head` has.
            Err(error) if error.is_broken_pipe() => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("plumbago: {error}");
                ExitCode::from(match error {
                    ToolError::Interrupted(_) => interrupt::EXIT_CODE,
                    _ => 2,
                })
            }
        }
    }

    /// Runs the tool.
    ///
    /// # Errors
    /// Why it could not be done; see [`ToolError`].
    pub fn run(&self) -> Result<Outcome, ToolError> {
        match self {
            Self::Info(tool) => tool.run(),
            Self::Dump(tool) => tool.run(),
            Self::Fetch(tool) => tool.run(),
            Self::Verify(tool) => tool.run(),
            Self::Stats(tool) => tool.run(),
            Self::Du(tool) => tool.run(),
            Self::Delete(tool) => tool.run(),
            Self::Expire(tool) => tool.run(),
            Self::Retention(tool) => tool.run(),
            Self::Create(tool) => tool.run(),
            Self::Update(tool) => tool.run(),
            Self::Resize(tool) => tool.run(),
            Self::AutoResize(tool) => tool.run(),
            Self::Merge(tool) => tool.run(),
            Self::Fill(tool) => tool.run(),
            Self::Diff(tool) => tool.run(),
            Self::SetAggregationMethod(tool) => tool.run(),
            Self::SetXFilesFactor(tool) => tool.run(),
            Self::FindCorrupt(tool) => tool.run(),
            Self::Stale(tool) => tool.run(),
            Self::ValidateSchemas(tool) => tool.run(),
            Self::Convert(tool) => tool.run(),
            Self::Export(tool) => tool.run(),
            Self::Import(tool) => tool.run(),
            Self::List(tool) => tool.run(),
            Self::Path(tool) => tool.run(),
        }
    }
}

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
//! amiss (files differ, a file is corrupt); 2 it could not be done, with one line on standard error.
//!
//! Threads: a tool owns its process. It may start threads or use rayon's; no daemon is needed, and
//! one may run meanwhile.

mod du;
mod dump;
mod error;
mod fetch;
mod folder;
mod info;
mod interrupt;
mod output;
#[allow(dead_code, reason = "the long runs that follow use it")]
mod progress;
mod stats;
mod subject;
mod times;
mod verify;

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
                ExitCode::from(2)
            }
        }
    }

    /// Runs the tool.
    ///
    /// # Errors
    /// Why it could not be done; see [`ToolError`].
    pub fn run(&self) -> Result<Outcome, ToolError> {
        match self {
            Self::Info(info) => info.run(),
            Self::Dump(dump) => dump.run(),
            Self::Fetch(fetch) => fetch.run(),
            Self::Verify(verify) => verify.run(),
            Self::Stats(stats) => stats.run(),
            Self::Du(du) => du.run(),
        }
    }
}

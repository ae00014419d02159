//! `export`: series of a data folder as Whisper files or as tables of points.
//!
//! ```text
//! folder (read-only, with or without its daemon) -> tree            a Whisper file a series
//!                                                -> points -> text  plaintext, CSV
//!                                                          -> parquet
//! ```
//!
//! A tree is as exact as Whisper allows: every archive, slot by slot. A table has one point for each
//! time: of the finest archive that reaches back to it, or of the one that is asked for.

mod parquet;
mod points;
mod text;
mod tree;

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use indicatif::HumanCount;
use serde_json::json;

use super::choice::ChoiceFlags;
use super::dialect::DialectFlag;
use super::folder::{Folder, Named};
use super::interrupt::Interrupt;
use super::output::{Form, Output};
use super::progress::{Progress, Quiet};
use super::subject::Subject;
use super::times::{Times, Window};
use super::{Outcome, ToolError};

/// The flags of `export`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    plumbago export /var/lib/plumbago whisper-tree\n  \
    plumbago export data tree --include 'servers.**' --resume\n  \
    plumbago export data points.csv.gz --from -7d --until now\n  \
    plumbago export data points.parquet --include 'shop.*' --archive 1\n  \
    plumbago export data - --format plaintext | nc -N other-host 2003\n\n\
    The daemon may run meanwhile: what is read is as of about the moment of reading.")]
pub struct Export {
    /// A data folder.
    data: PathBuf,
    /// Where to: a folder for Whisper files, a file for points, or - for standard output.
    target: PathBuf,
    /// What to write; told by the target's name if not given: .csv, .parquet, .txt, each also with
    /// .gz or .zst but Parquet, and a tree of Whisper files for any other.
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Option<FormatName>,
    #[command(flatten)]
    choice: ChoiceFlags,
    #[command(flatten)]
    window: Window,
    /// Points of this archive alone, 0 the finest. Not for a tree.
    #[arg(long, value_name = "NUMBER")]
    archive: Option<usize>,
    #[command(flatten)]
    dialect: DialectFlag,
    /// Go on with a tree that a former run began: leave the files that are there.
    #[arg(long, conflicts_with = "overwrite")]
    resume: bool,
    /// Replace what is there.
    #[arg(long)]
    overwrite: bool,
    #[command(flatten)]
    form: Form,
    #[command(flatten)]
    quiet: Quiet,
}

/// The formats as an operator writes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FormatName {
    /// A Whisper file a series.
    Whisper,
    /// `name value timestamp` lines.
    Plaintext,
    /// metric,timestamp,value with a header.
    Csv,
    /// Columns metric, timestamp and value.
    Parquet,
}

/// What an export did.
#[derive(Clone, Debug, Default)]
struct Summary {
    series: usize,
    points: u64,
    /// Series whose files were there already.
    left: usize,
    /// Series whose method Whisper has no number for; their files say `average`.
    averaged: Vec<String>,
    /// Series that have no file, and why.
    refused: Vec<(String, String)>,
}

/// What the formats share.
struct Work<'a> {
    folder: &'a Folder,
    series: &'a [Named],
    times: &'a Times,
    archive: Option<usize>,
    progress: &'a Progress,
    interrupt: &'a Interrupt,
}

impl Export {
    /// Writes what is asked for.
    ///
    /// # Errors
    /// When the data folder cannot be read, the target is there already or cannot be written, or the
    /// operator wants an end.
    pub(super) fn run(&self) -> Result<Outcome, ToolError> {
        let subject = Subject::of(&self.data)?;
        let Subject::DataFolder(path) = subject else {
            return Err(subject.refusal("a data folder"));
        };
        let format = self.format()?;
        let interrupt = Interrupt::listen();
        let times = self.window.times()?;
        let choice = self.choice.read()?;
        let folder = Folder::open(&path)?;
        let mut series = folder.select(&[])?;
        series.retain(|series| choice.takes(&series.name));
        self.check_archive(&series)?;
        let progress = Progress::bar(series.len() as u64, "series", self.quiet);
        let work = Work {
            folder: &folder,
            series: &series,
            times: &times,
            archive: self.archive,
            progress: &progress,
            interrupt: &interrupt,
        };
        let summary = match format {
            FormatName::Whisper => tree::write(&work, self)?,
            FormatName::Plaintext => text::write(&work, self, text::Lines::Plaintext)?,
            FormatName::Csv => text::write(&work, self, text::Lines::Csv)?,
            FormatName::Parquet => parquet::write(&work, self)?,
        };
        progress.finish();
        for (path, reason) in folder.store.damaged() {
            eprintln!("plumbago: {}: {reason}", path.display());
        }
        let is_damaged = !folder.store.damaged().is_empty();
        self.tell(&summary)?;
        Ok(match is_damaged {
            true => Outcome::Amiss,
            false => Outcome::Done,
        })
    }

    fn format(&self) -> Result<FormatName, ToolError> {
        let name = self.target.to_string_lossy();
        let plain = name.trim_end_matches(".gz").trim_end_matches(".zst");
        let format = self.format.unwrap_or(match plain.rsplit_once('.') {
            Some((_, "csv")) => FormatName::Csv,
            Some((_, "parquet")) => FormatName::Parquet,
            Some((_, "txt")) => FormatName::Plaintext,
            _ if name == "-" => FormatName::Plaintext,
            _ => FormatName::Whisper,
        });
        let is_tree = format == FormatName::Whisper;
        let needs_a_file = matches!(format, FormatName::Whisper | FormatName::Parquet);
        let reason = if name == "-" && needs_a_file {
            "standard output is for plaintext and CSV"
        } else if is_tree && self.archive.is_some() {
            "--archive is for points: a Whisper file has all archives"
        } else if !is_tree && self.resume {
            "--resume is for a tree: a file of points is written anew"
        } else {
            return Ok(format);
        };
        Err(ToolError::BadInput(reason.to_owned()))
    }

    fn check_archive(&self, series: &[Named]) -> Result<(), ToolError> {
        let most = series
            .iter()
            .map(|series| series.retention.archives().len())
            .max();
        match (self.archive, most) {
            (Some(archive), Some(most)) if archive >= most => Err(ToolError::BadInput(format!(
                "--archive {archive}: no series has more than {most} archives"
            ))),
            _ => Ok(()),
        }
    }

    fn tell(&self, summary: &Summary) -> Result<(), ToolError> {
        for (name, reason) in &summary.refused {
            eprintln!("plumbago: {name}: {reason}");
        }
        if self.target.as_os_str() != "-" {
            self.print(summary)?;
        }
        match summary.refused.len() {
            0 => Ok(()),
            failed => Err(ToolError::Partly {
                failed,
                all: summary.series + summary.left + failed,
            }),
        }
    }

    fn print(&self, summary: &Summary) -> Result<(), ToolError> {
        let mut output = Output::stdout();
        if self.form.json {
            output.json(&json!({
                "target": self.target,
                "series": summary.series,
                "points": summary.points,
                "left": summary.left,
                "averaged": summary.averaged,
            }))?;
            return output.finish();
        }
        let (series, points) = (
            HumanCount(summary.series as u64),
            HumanCount(summary.points),
        );
        let target = self.target.display();
        output.line(format_args!(
            "exported   {series} series, {points} points, to {target}"
        ))?;
        if summary.left > 0 {
            let left = HumanCount(summary.left as u64);
            output.line(format_args!("before     {left} series by former runs"))?;
        }
        if !summary.averaged.is_empty() {
            output.line(format_args!(
                "averaged   {} series are of methods that Whisper does not have: their files say average",
                summary.averaged.len()
            ))?;
        }
        output.finish()
    }
}

impl Work<'_> {
    fn check(&self) -> Result<(), ToolError> {
        self.interrupt
            .check(|| "what was written so far is whole".to_owned())
    }
}

//! `diff`: where two files, or two trees, differ.

use std::path::{Path, PathBuf};

use clap::Args;
use plumbago_storage_format::whisper::{ArchiveDiff, Comparison, Difference};
use serde::Serialize;

use super::dialect::DialectFlag;
use super::numbers::repr;
use super::output::{Form, Output};
use super::pairs::Pairs;
use super::times::Window;
use super::tree::SweepFlags;
use super::whisper_file::WhisperFile;
use super::{Outcome, ToolError};

/// The flags of `diff`.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit code 1 tells that something differs. Of two trees a line is printed for each metric \
    that differs or is missing in the second.\n\nExamples:\n  \
    plumbago diff old.wsp new.wsp\n  \
    plumbago diff --summary --ignore-empty --json a.wsp b.wsp\n  \
    plumbago diff /mnt/replica/whisper /var/lib/graphite/whisper"
)]
pub struct Diff {
    /// A Whisper file or a tree.
    #[arg(value_name = "PATH_A")]
    a: PathBuf,
    /// Another one.
    #[arg(value_name = "PATH_B")]
    b: PathBuf,
    /// Show how many slots differ instead of each.
    #[arg(long)]
    summary: bool,
    /// Compare only slots that both have a value for.
    #[arg(long)]
    ignore_empty: bool,
    /// Print plain columns.
    #[arg(long)]
    columns: bool,
    /// Print no column heads.
    #[arg(long)]
    no_headers: bool,
    /// Compare up to this time: seconds since 1970, or as in a render request.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    until: Option<String>,
    #[command(flatten)]
    form: Form,
    #[command(flatten)]
    dialect: DialectFlag,
    #[command(flatten)]
    sweep: SweepFlags,
}

/// The answer as JSON; the keys are whisper-diff.py's.
#[derive(Serialize)]
struct Answer<'a> {
    archives: Vec<ArchiveAnswer>,
    path_a: &'a Path,
    path_b: &'a Path,
}

#[derive(Serialize)]
struct ArchiveAnswer {
    archive: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    datapoint: Option<Vec<Datapoint>>,
    points: usize,
    total: usize,
}

#[derive(Serialize)]
struct Datapoint {
    timestamp: i64,
    value_a: Option<f64>,
    value_b: Option<f64>,
}

/// How one metric of a tree differs.
#[derive(Serialize)]
#[serde(tag = "state", rename_all = "lowercase")]
enum Verdict {
    Same,
    Missing,
    Differs { points: usize, total: usize },
}

impl Diff {
    /// Prints what differs.
    ///
    /// # Errors
    /// Files of unlike archives, and what cannot be read.
    pub(super) fn run(&self) -> Result<Outcome, ToolError> {
        let window = Window {
            until: self.until.clone(),
            ..Window::default()
        };
        let times = window.times()?;
        let comparison = Comparison {
            now: times.now,
            until: times.until.unwrap_or(times.now),
            ignores_empty: self.ignore_empty,
        };
        let pairs = Pairs::of(&self.a, &self.b, self.sweep.quiet)?;
        if pairs.are_trees {
            return self.trees(&pairs, comparison);
        }
        let diffs = self.files(&self.a, &self.b, comparison)?;
        let mut output = Output::stdout();
        match self.form.json {
            true => output.json(&self.answer(&diffs))?,
            false if self.summary => self.print_summary(&mut output, &diffs)?,
            false => self.print(&mut output, &diffs)?,
        }
        output.finish()?;
        Ok(match diffs.iter().all(|diff| diff.differences.is_empty()) {
            true => Outcome::Done,
            false => Outcome::Amiss,
        })
    }

    fn files(
        &self,
        a: &Path,
        b: &Path,
        comparison: Comparison,
    ) -> Result<Vec<ArchiveDiff>, ToolError> {
        let [first, second] = [a, b].map(|path| WhisperFile::read(path, self.dialect.get()));
        let (first, second) = (first?, second?);
        let other = (&second.header, second.bytes.as_slice());
        let diffs = first.header.diff(&first.bytes, other, comparison);
        diffs.map_err(ToolError::damaged(b))
    }

    fn trees(&self, pairs: &Pairs, comparison: Comparison) -> Result<Outcome, ToolError> {
        let tree = &pairs.sources;
        let swept = tree.sweep(self.sweep, |file| {
            let other = pairs.target(file);
            if !other.exists() {
                return Ok(Verdict::Missing);
            }
            let diffs = self.files(file, &other, comparison)?;
            let points = diffs.iter().map(|diff| diff.differences.len()).sum();
            let total = diffs.iter().map(|diff| diff.compared).sum();
            Ok(match points {
                0 => Verdict::Same,
                _ => Verdict::Differs { points, total },
            })
        })?;
        let mut output = Output::stdout();
        let mut differing = 0;
        for (file, verdict) in &swept.done {
            let metric = tree.label(file);
            if self.form.json {
                output.json_line(&serde_json::json!({"metric": metric, "verdict": verdict}))?;
            }
            let words = match verdict {
                Verdict::Same => continue,
                Verdict::Missing => "is missing in the second tree".to_owned(),
                Verdict::Differs { points, total } => {
                    format!("{points} of {total} datapoints differ")
                }
            };
            differing += 1;
            if !self.form.json {
                output.line(format_args!("{metric}: {words}"))?;
            }
        }
        if !self.form.json {
            let all = swept.done.len();
            output.line(format_args!("{differing} of {all} metrics differ"))?;
        }
        output.finish()?;
        swept.finish()?;
        Ok(match differing {
            0 => Outcome::Done,
            _ => Outcome::Amiss,
        })
    }

    fn answer(&self, diffs: &[ArchiveDiff]) -> Answer<'_> {
        let archives = diffs.iter().map(|diff| ArchiveAnswer {
            archive: diff.archive,
            datapoint: (!self.summary).then(|| datapoints(&diff.differences)),
            points: diff.differences.len(),
            total: diff.compared,
        });
        Answer {
            archives: archives.collect(),
            path_a: &self.a,
            path_b: &self.b,
        }
    }

    fn print_summary(&self, output: &mut Output, diffs: &[ArchiveDiff]) -> Result<(), ToolError> {
        let mut row = |cells: [String; 3]| {
            let [archive, total, differing] = cells;
            match self.columns {
                true => output.line(format_args!("{archive} {total} {differing}")),
                false => output.line(format_args!("{archive:>7} {total:>9} {differing:>9}")),
            }
        };
        if !self.no_headers {
            row(["archive", "total", "differing"].map(str::to_owned))?;
        }
        for diff in diffs {
            row([diff.archive, diff.compared, diff.differences.len()].map(|n| n.to_string()))?;
        }
        Ok(())
    }

    fn print(&self, output: &mut Output, diffs: &[ArchiveDiff]) -> Result<(), ToolError> {
        const HEADS: [&str; 4] = ["archive", "timestamp", "value_a", "value_b"];
        let row = |output: &mut Output, cells: [&str; 4]| {
            let [archive, time, a, b] = cells;
            match self.columns {
                true => output.line(format_args!("{archive} {time} {a} {b}")),
                false => output.line(format_args!("{archive:>7} {time:>11} {a:>13} {b:>13}")),
            }
        };
        if !self.no_headers {
            row(output, HEADS)?;
        }
        for diff in diffs {
            let archive = diff.archive.to_string();
            if !self.columns {
                let (differing, total) = (diff.differences.len(), diff.compared);
                output.line(format_args!(
                    "Archive {archive} ({differing} of {total} datapoints differ)"
                ))?;
                row(output, ["", HEADS[1], HEADS[2], HEADS[3]])?;
            }
            for Difference { timestamp_s, a, b } in &diff.differences {
                let [a, b] = [a, b].map(|value| value.map_or("None".to_owned(), repr));
                let archive = if self.columns { archive.as_str() } else { "" };
                row(output, [archive, &timestamp_s.to_string(), &a, &b])?;
            }
        }
        Ok(())
    }
}

fn datapoints(differences: &[Difference]) -> Vec<Datapoint> {
    let points = differences.iter();
    let points = points.map(|difference| Datapoint {
        timestamp: difference.timestamp_s,
        value_a: difference.a,
        value_b: difference.b,
    });
    points.collect()
}

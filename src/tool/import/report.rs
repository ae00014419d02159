//! What `import` says in the end: a few lines for people, one object for programs.

use std::path::{Path, PathBuf};

use indicatif::{DecimalBytes, HumanCount, HumanDuration};
use serde_json::{Value, json};

use super::super::output::{Form, Output};
use super::super::{Outcome, ToolError};
use super::estimate::Estimate;
use super::lines::LineTotals;
use super::verify::Verdict;
use super::work::{Jobs, Totals};

/// Files that are listed by name in the lines for people; JSON has all.
const LISTED_MAX: usize = 20;

/// Everything that a run has to tell.
pub(super) struct Report {
    source: PathBuf,
    into: PathBuf,
    /// Files that are metrics and were meant.
    files: usize,
    bytes: u64,
    left_out: usize,
    pub(super) unnamed: Vec<PathBuf>,
    pub(super) refused: Vec<(String, String)>,
    pub(super) done_before: usize,
    totals: Option<Totals>,
    pub(super) lines: Option<LineTotals>,
    pub(super) estimate: Option<Estimate>,
    pub(super) verdict: Option<Verdict>,
}

impl Report {
    /// Nothing done yet.
    pub(super) fn new(source: &Path, into: &Path) -> Self {
        Self {
            source: source.to_owned(),
            into: into.to_owned(),
            files: 0,
            bytes: 0,
            left_out: 0,
            unnamed: Vec::new(),
            refused: Vec::new(),
            done_before: 0,
            totals: None,
            lines: None,
            estimate: None,
            verdict: None,
        }
    }

    /// What was found in a tree; what cannot be imported is told at once.
    pub(super) fn add_jobs(&mut self, jobs: &Jobs) {
        self.files = jobs.jobs.len();
        self.bytes = jobs.jobs.iter().map(|job| job.file.stamp.bytes).sum();
        self.left_out = jobs.left_out;
        for (path, reason) in &jobs.refused {
            eprintln!("plumbago: {path}: {reason}");
        }
        self.refused.extend(jobs.refused.iter().cloned());
    }

    /// What was done.
    pub(super) fn add_totals(&mut self, mut totals: Totals) {
        self.refused.append(&mut totals.refused);
        self.totals = Some(totals);
    }

    /// Prints it and says how it ended.
    ///
    /// # Errors
    /// [`ToolError::Partly`] where files could not be imported; what of the output.
    pub(super) fn print(&self, form: Form) -> Result<Outcome, ToolError> {
        let mut output = Output::stdout();
        match form.json {
            true => output.json(&self.value())?,
            false => self.text(&mut output)?,
        }
        output.finish()?;
        let unreadable = self
            .estimate
            .as_ref()
            .map_or(0, |estimate| estimate.unreadable.len());
        let failed = self.refused.len() + unreadable;
        if failed > 0 {
            return Err(ToolError::Partly {
                failed,
                all: (self.files + self.refused.len()).max(failed),
            });
        }
        let differs = self
            .verdict
            .as_ref()
            .is_some_and(|verdict| verdict.differing > 0);
        let has_refused = self.lines.as_ref().is_some_and(|lines| lines.refused > 0);
        let is_amiss = differs || has_refused || !self.unnamed.is_empty() || self.is_too_small();
        Ok(if is_amiss {
            Outcome::Amiss
        } else {
            Outcome::Done
        })
    }

    fn free_bytes(&self) -> Option<u64> {
        let there = self.into.ancestors().find(|path| path.exists());
        let there = there.filter(|path| !path.as_os_str().is_empty());
        let state = rustix::fs::statvfs(there.unwrap_or(Path::new("."))).ok()?;
        Some(state.f_bavail.saturating_mul(state.f_frsize))
    }

    fn is_too_small(&self) -> bool {
        let needed = self.estimate.as_ref().map(|estimate| estimate.disk_bytes);
        needed
            .zip(self.free_bytes())
            .is_some_and(|(needed, free)| needed > free)
    }

    fn text(&self, output: &mut Output) -> Result<(), ToolError> {
        if self.lines.is_none() {
            let (files, bytes) = (HumanCount(self.files as u64), DecimalBytes(self.bytes));
            output.line(format_args!(
                "found      {files} files, {bytes}, in {}",
                self.source.display()
            ))?;
        }
        if self.left_out > 0 {
            output.line(format_args!(
                "left out   {} files by --include and --exclude",
                self.left_out
            ))?;
        }
        if self.done_before > 0 {
            output.line(format_args!(
                "before     {} files by former runs",
                self.done_before
            ))?;
        }
        if let Some(totals) = &self.totals {
            self.totals_text(totals, output)?;
        }
        if let Some(lines) = &self.lines {
            let (stored, refused) = (HumanCount(lines.stored), HumanCount(lines.refused));
            output.line(format_args!(
                "imported   {stored} points into {}",
                self.into.display()
            ))?;
            output.line(format_args!("refused    {refused} lines"))?;
        }
        if let Some(estimate) = &self.estimate {
            self.estimate_text(estimate, output)?;
        }
        if let Some(verdict) = &self.verdict {
            verdict_text(verdict, output)?;
        }
        if !self.unnamed.is_empty() {
            output.line(format_args!(
                "unnamed    {} files of tagged series, named by a hash: give their names with --names",
                self.unnamed.len()
            ))?;
            for path in self.unnamed.iter().take(LISTED_MAX) {
                output.line(format_args!("           {}", path.display()))?;
            }
        }
        if !self.refused.is_empty() {
            output.line(format_args!(
                "failed     {} files, told above",
                self.refused.len()
            ))?;
        }
        Ok(())
    }

    fn totals_text(&self, totals: &Totals, output: &mut Output) -> Result<(), ToolError> {
        let points = HumanCount(totals.points + totals.points_recent);
        let (files, into) = (HumanCount(totals.files as u64), self.into.display());
        output.line(format_args!(
            "imported   {files} files, {points} points, into {into}"
        ))?;
        if totals.points_there > 0 {
            let there = HumanCount(totals.points_there);
            output.line(format_args!(
                "unchanged  {there} points were there, or are rolled up from others"
            ))?;
        }
        if totals.points_outside > 0 {
            let outside = HumanCount(totals.points_outside);
            output.line(format_args!(
                "passed by  {outside} points outside of the retention"
            ))?;
        }
        Ok(())
    }

    fn estimate_text(&self, estimate: &Estimate, output: &mut Output) -> Result<(), ToolError> {
        let (points, disk) = (
            HumanCount(estimate.points),
            DecimalBytes(estimate.disk_bytes),
        );
        let duration = HumanDuration(estimate.duration);
        let sampled = estimate.sampled;
        output.line(format_args!(
            "estimate   {points} points, {disk} of disk, {duration} (by {sampled} files)"
        ))?;
        if let Some(free) = self.free_bytes() {
            let free = DecimalBytes(free);
            let verdict = if self.is_too_small() {
                ": not enough"
            } else {
                ""
            };
            output.line(format_args!(
                "free       {free} at {}{verdict}",
                self.into.display()
            ))?;
        }
        Ok(())
    }

    fn value(&self) -> Value {
        let failed: Vec<Value> = self
            .refused
            .iter()
            .map(|(path, reason)| json!({"path": path, "reason": reason}))
            .collect();
        let totals = self.totals.as_ref().map(|totals| {
            json!({
                "files": totals.files,
                "points": totals.points + totals.points_recent,
                "pointsThere": totals.points_there,
                "pointsOutside": totals.points_outside,
            })
        });
        let lines = self.lines.as_ref().map(|lines| {
            json!({
                "files": lines.files,
                "points": lines.stored,
                "refused": lines.refused,
                "leftOut": lines.left_out,
            })
        });
        let estimate = self.estimate.as_ref().map(|estimate| {
            json!({
                "sampled": estimate.sampled,
                "points": estimate.points,
                "diskBytes": estimate.disk_bytes,
                "freeBytes": self.free_bytes(),
                "seconds": estimate.duration.as_secs_f64(),
            })
        });
        let verdict = self.verdict.as_ref().map(|verdict| {
            json!({
                "series": verdict.series,
                "slots": verdict.slots,
                "differences": verdict.differences,
                "differing": verdict.differing,
                "changed": verdict.changed,
                "unreadable": verdict.unreadable,
            })
        });
        json!({
            "source": self.source,
            "into": self.into,
            "files": self.files,
            "bytes": self.bytes,
            "leftOut": self.left_out,
            "doneBefore": self.done_before,
            "imported": totals.or(lines),
            "estimate": estimate,
            "verified": verdict,
            "unnamed": self.unnamed,
            "failed": failed,
        })
    }
}

fn verdict_text(verdict: &Verdict, output: &mut Output) -> Result<(), ToolError> {
    let (series, slots) = (HumanCount(verdict.series as u64), HumanCount(verdict.slots));
    let outcome = match verdict.differing {
        0 => "equal".to_owned(),
        differing => format!("{} slots of {differing} series differ", verdict.differences),
    };
    output.line(format_args!(
        "verified   {series} series, {slots} slots: {outcome}"
    ))?;
    if verdict.changed > 0 {
        let changed = verdict.changed;
        output.line(format_args!(
            "changed    {changed} files were written to since: run it again"
        ))?;
    }
    Ok(())
}

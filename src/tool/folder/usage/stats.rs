//! `stats` of a data folder.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use super::{branch, counted};
use crate::storage::strata::inspect::{ArchiveTally, SeriesTally, Tally};
use crate::tool::folder::Folder;
use crate::tool::output::{Output, Table, bytes};
use crate::tool::stats::Stats;
use crate::tool::times::utc;
use crate::tool::{Outcome, ToolError};

/// What a point takes in a Whisper file.
const WHISPER_POINT_BYTES: f64 = 12.0;

const DAY_S: i64 = 86_400;

/// Prints the numbers.
///
/// # Errors
/// When the folder cannot be read.
pub(in crate::tool) fn run(flags: &Stats, path: &Path) -> Result<Outcome, ToolError> {
    let (now, stale_since) = flags.times()?;
    let (folder, tally) = counted(path, flags.quiet)?;
    let report = Report::of(&folder, &tally, now, stale_since);
    let mut output = Output::stdout();
    match flags.form.json {
        true => output.json(&report)?,
        false => report.print(&mut output)?,
    }
    output.finish()?;
    Ok(Outcome::Done)
}

#[derive(Serialize)]
struct Report {
    series: usize,
    /// Series without any point.
    empty_series: usize,
    /// Points of series that the catalog does not know any more.
    orphaned_points: u64,
    points: u64,
    bytes: u64,
    bytes_per_point: Option<f64>,
    oldest: Option<i64>,
    newest: Option<i64>,
    churn: Churn,
    archives: Vec<Archive>,
    nodes: Vec<Node>,
}

#[derive(Default, Serialize)]
struct Churn {
    /// Series whose first point is not older than a day, or a week.
    begun_last_day: usize,
    begun_last_week: usize,
    /// Series without a point for a day, or a week.
    silent_for_a_day: usize,
    silent_for_a_week: usize,
    /// Series without a point since this time.
    stale_since: i64,
    stale: usize,
}

#[derive(Serialize)]
struct Archive {
    retention: String,
    archive: usize,
    step: u32,
    /// In blocks and patches.
    points: u64,
    /// Of their files.
    bytes: u64,
    bytes_per_point: Option<f64>,
    /// How many times smaller than twelve bytes a point.
    times_smaller_than_whisper: Option<f64>,
    ring_points: u64,
    forms: Vec<Form>,
}

#[derive(Serialize)]
struct Form {
    form: &'static str,
    series: u64,
    points: u64,
    bytes: u64,
    bytes_per_point: Option<f64>,
}

#[derive(Default, Serialize)]
struct Node {
    node: String,
    series: usize,
    points: u64,
    bytes: u64,
}

impl Report {
    fn of(folder: &Folder, tally: &Tally, now: i64, stale_since: i64) -> Self {
        let mut report = Self {
            series: folder.catalog.len(),
            empty_series: 0,
            orphaned_points: 0,
            points: 0,
            bytes: tally
                .archives
                .iter()
                .map(|archive| archive.file_bytes)
                .sum(),
            bytes_per_point: None,
            oldest: None,
            newest: None,
            churn: Churn {
                stale_since,
                ..Churn::default()
            },
            archives: tally.archives.iter().map(Archive::of).collect(),
            nodes: Vec::new(),
        };
        report.bytes_per_point = ratio(report.bytes, tally.archives.iter().map(|a| a.points).sum());
        report.archives.sort_by(|one, other| {
            (&one.retention, one.archive).cmp(&(&other.retention, other.archive))
        });
        let mut known = 0;
        let mut nodes: BTreeMap<String, Node> = BTreeMap::new();
        for named in folder.catalog.definitions() {
            let series = tally.series.get(&named.id.0).copied().unwrap_or_default();
            known += series.points;
            report.add(&series, now);
            let node = nodes.entry(branch(&named.name, 1)).or_default();
            node.series += 1;
            node.points += series.points;
            node.bytes += series.bytes();
        }
        report.points = tally.series.values().map(|series| series.points).sum();
        report.orphaned_points = report.points - known;
        report.nodes = nodes
            .into_iter()
            .map(|(node, sums)| Node { node, ..sums })
            .collect();
        report
            .nodes
            .sort_by_key(|node| std::cmp::Reverse(node.bytes));
        report
    }

    fn add(&mut self, series: &SeriesTally, now: i64) {
        let (Some(first), Some(last)) = (series.first, series.last) else {
            self.empty_series += 1;
            return;
        };
        self.oldest = Some(self.oldest.map_or(first, |oldest| oldest.min(first)));
        self.newest = self.newest.max(Some(last));
        let churn = &mut self.churn;
        churn.begun_last_day += usize::from(first > now - DAY_S);
        churn.begun_last_week += usize::from(first > now - 7 * DAY_S);
        churn.silent_for_a_day += usize::from(last <= now - DAY_S);
        churn.silent_for_a_week += usize::from(last <= now - 7 * DAY_S);
        churn.stale += usize::from(last < churn.stale_since);
    }

    fn print(&self, output: &mut Output) -> Result<(), ToolError> {
        let time = |time: Option<i64>| time.map_or_else(|| "-".to_owned(), utc);
        let churn = &self.churn;
        output.line(format_args!("series:       {}", self.series))?;
        output.line(format_args!("  empty:      {}", self.empty_series))?;
        let since = utc(churn.stale_since);
        output.line(format_args!(
            "  stale:      {} (no point since {since})",
            churn.stale
        ))?;
        let (day, week) = (churn.begun_last_day, churn.begun_last_week);
        output.line(format_args!(
            "  begun:      {day} in the last day, {week} in the last week"
        ))?;
        let (day, week) = (churn.silent_for_a_day, churn.silent_for_a_week);
        output.line(format_args!(
            "  silent:     {day} for a day, {week} for a week"
        ))?;
        output.line(format_args!("points:       {}", self.points))?;
        if self.orphaned_points > 0 {
            let orphaned = self.orphaned_points;
            output.line(format_args!("  of series that are gone: {orphaned}"))?;
        }
        output.line(format_args!("oldest point: {}", time(self.oldest)))?;
        output.line(format_args!("newest point: {}", time(self.newest)))?;
        let size = bytes(self.bytes);
        let each = number(self.bytes_per_point);
        output.line(format_args!("sealed:       {size}, {each} bytes a point"))?;
        output.line("")?;
        output.table(&self.archives_table())?;
        output.line("")?;
        output.table(&self.forms_table())?;
        output.line("")?;
        output.table(&self.nodes_table())
    }

    fn archives_table(&self) -> Table {
        let mut table = Table::new(&[
            "retention",
            "archive",
            "step",
            "points",
            "bytes",
            "bytes a point",
            "of Whisper's",
            "in ring",
        ]);
        for archive in &self.archives {
            let whisper = archive.times_smaller_than_whisper;
            table.row(vec![
                archive.retention.clone(),
                archive.archive.to_string(),
                archive.step.to_string(),
                archive.points.to_string(),
                bytes(archive.bytes),
                number(archive.bytes_per_point),
                whisper.map_or_else(|| "-".to_owned(), |times| format!("1/{times:.1}")),
                archive.ring_points.to_string(),
            ]);
        }
        table
    }

    fn forms_table(&self) -> Table {
        let heads = [
            "retention",
            "archive",
            "form",
            "series",
            "points",
            "bytes",
            "bytes a point",
        ];
        let mut table = Table::new(&heads);
        for archive in &self.archives {
            for form in &archive.forms {
                table.row(vec![
                    archive.retention.clone(),
                    archive.archive.to_string(),
                    form.form.to_owned(),
                    form.series.to_string(),
                    form.points.to_string(),
                    bytes(form.bytes),
                    number(form.bytes_per_point),
                ]);
            }
        }
        table
    }

    fn nodes_table(&self) -> Table {
        let mut table = Table::new(&["node", "series", "points", "bytes"]);
        for node in &self.nodes {
            table.row(vec![
                node.node.clone(),
                node.series.to_string(),
                node.points.to_string(),
                bytes(node.bytes),
            ]);
        }
        table
    }
}

impl Archive {
    fn of(tally: &ArchiveTally) -> Self {
        let bytes_per_point = ratio(tally.file_bytes, tally.points);
        let forms = tally.forms.iter().map(|(form, sums)| Form {
            form,
            series: sums.series,
            points: sums.points,
            bytes: sums.bytes,
            bytes_per_point: ratio(sums.bytes, sums.points),
        });
        Self {
            retention: tally.retention.to_string(),
            archive: tally.archive,
            step: tally.retention.archives()[tally.archive].step,
            points: tally.points,
            bytes: tally.file_bytes,
            bytes_per_point,
            times_smaller_than_whisper: bytes_per_point.map(|each| WHISPER_POINT_BYTES / each),
            ring_points: tally.ring_points,
            forms: forms.collect(),
        }
    }
}

fn ratio(bytes: u64, points: u64) -> Option<f64> {
    (points > 0).then(|| bytes as f64 / points as f64)
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.3}"))
}

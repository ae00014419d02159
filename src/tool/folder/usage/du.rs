//! `du` of a data folder.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::Path;

use hashbrown::HashSet;
use serde::Serialize;

use super::{branch, counted};
use crate::storage::strata::inspect::{SeriesTally, Tally};
use crate::tool::du::{Du, DuSort};
use crate::tool::output::{Output, Table, bytes};
use crate::tool::{Outcome, ToolError};

/// Prints the sizes.
///
/// # Errors
/// When the folder cannot be read, or a pattern matches nothing.
pub(in crate::tool) fn run(flags: &Du, path: &Path) -> Result<Outcome, ToolError> {
    let (folder, tally) = counted(path, flags.quiet)?;
    let mut report = Report::default();
    let mut nodes: BTreeMap<String, Node> = BTreeMap::new();
    let mut known = HashSet::new();
    for named in folder.select(&flags.pattern)? {
        let series = tally.series.get(&named.id.0).copied().unwrap_or_default();
        known.insert(named.id.0);
        report.total.add(&series);
        let node = nodes.entry(branch(&named.name, flags.depth)).or_default();
        node.add(&series);
    }
    report.nodes = nodes
        .into_iter()
        .map(|(node, sums)| Node { node, ..sums })
        .collect();
    if flags.sort == DuSort::Size {
        // Stable, so that equal sizes stay in the order of their names.
        report.nodes.sort_by_key(|node| Reverse(node.bytes));
    }
    report.nodes.truncate(flags.limit.unwrap_or(usize::MAX));
    if flags.pattern.is_empty() {
        report.orphaned_bytes = orphaned(&tally, &known);
        report.shared_bytes = shared(&tally);
    }
    let mut output = Output::stdout();
    match flags.form.json {
        true => output.json(&report)?,
        false => report.print(&mut output)?,
    }
    output.finish()?;
    Ok(Outcome::Done)
}

/// Bytes of series that the catalog does not know any more; they go with their blocks.
fn orphaned(tally: &Tally, known: &HashSet<u32>) -> u64 {
    let gone = tally.series.iter().filter(|(id, _)| !known.contains(*id));
    gone.map(|(_, series)| series.bytes()).sum()
}

/// Bytes of block files that encode no series: headers and indexes.
fn shared(tally: &Tally) -> u64 {
    let files: u64 = tally
        .archives
        .iter()
        .map(|archive| archive.file_bytes)
        .sum();
    let series: u64 = tally
        .series
        .values()
        .map(|series| series.sealed_bytes)
        .sum();
    files.saturating_sub(series)
}

#[derive(Default, Serialize)]
struct Report {
    nodes: Vec<Node>,
    total: Node,
    /// Headers and indexes of blocks.
    shared_bytes: u64,
    /// Of series that the catalog does not know any more.
    orphaned_bytes: u64,
}

#[derive(Default, Serialize)]
struct Node {
    node: String,
    series: u64,
    points: u64,
    bytes: u64,
    sealed_bytes: u64,
    ring_bytes: u64,
    late_bytes: u64,
}

impl Node {
    fn add(&mut self, series: &SeriesTally) {
        self.series += 1;
        self.points += series.points;
        self.bytes += series.bytes();
        self.sealed_bytes += series.sealed_bytes;
        self.ring_bytes += series.ring_bytes;
        self.late_bytes += series.late_bytes;
    }

    fn row(&self, name: &str) -> Vec<String> {
        vec![
            bytes(self.bytes),
            bytes(self.sealed_bytes),
            bytes(self.ring_bytes),
            bytes(self.late_bytes),
            self.series.to_string(),
            self.points.to_string(),
            name.to_owned(),
        ]
    }
}

impl Report {
    fn print(&self, output: &mut Output) -> Result<(), ToolError> {
        let heads = [
            "bytes",
            "in blocks",
            "in the ring",
            "late",
            "series",
            "points",
            "node",
        ];
        let mut table = Table::new(&heads);
        for node in self.nodes.iter().filter(|node| !node.node.is_empty()) {
            table.row(node.row(&node.node));
        }
        table.row(self.total.row("(all)"));
        output.table(&table)?;
        if self.shared_bytes > 0 {
            let size = bytes(self.shared_bytes);
            output.line(format_args!(
                "{size} more are headers and indexes of blocks"
            ))?;
        }
        if self.orphaned_bytes > 0 {
            let size = bytes(self.orphaned_bytes);
            output.line(format_args!("{size} more are of series that are gone"))?;
        }
        Ok(())
    }
}

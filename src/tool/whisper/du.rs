//! `du` of a Whisper tree.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;

use serde::Serialize;

use crate::tool::du::{Du, DuSort};
use crate::tool::output::{Output, Table, bytes};
use crate::tool::selection::{matches_any, parse};
use crate::tool::tree::{SweepFlags, Tree};
use crate::tool::{Outcome, ToolError};

/// What `st_blocks` counts.
const BLOCK_BYTES: u64 = 512;

/// What the files of one node take.
#[derive(Clone, Default, Serialize)]
struct Node {
    node: String,
    series: u64,
    /// On the disk.
    bytes: u64,
    /// The lengths of the files, which is more for sparse ones.
    length_bytes: u64,
}

#[derive(Serialize)]
struct Report {
    nodes: Vec<Node>,
    total: Node,
}

/// Prints the sums.
///
/// # Errors
/// When the tree or some files of it cannot be read.
pub(in crate::tool) fn run(flags: &Du) -> Result<Outcome, ToolError> {
    let patterns = parse(&flags.pattern)?;
    let mut tree = Tree::read(&flags.path, flags.quiet)?;
    if !patterns.is_empty() {
        tree = tree.filtered(|metric| matches_any(&patterns, metric));
    }
    let swept = tree.sweep(SweepFlags::new(flags.quiet), |file| {
        let metadata = fs::metadata(file).map_err(ToolError::io(file, "cannot be read"))?;
        Ok((metadata.blocks() * BLOCK_BYTES, metadata.len()))
    })?;
    let mut total = Node::default();
    let mut nodes: BTreeMap<String, Node> = BTreeMap::new();
    for (file, sizes) in &swept.done {
        total.add(*sizes);
        if flags.depth > 0 {
            let node = branch(&tree.relative(file), flags.depth);
            nodes.entry(node).or_default().add(*sizes);
        }
    }
    let nodes = nodes.into_iter().map(|(node, sums)| Node { node, ..sums });
    let mut nodes: Vec<Node> = nodes.collect();
    if flags.sort == DuSort::Size {
        nodes.sort_by_key(|node| Reverse(node.bytes));
    }
    nodes.truncate(flags.limit.unwrap_or(usize::MAX));
    Report { nodes, total }.print(flags)?;
    swept.finish()?;
    Ok(Outcome::Done)
}

/// The first nodes of the metric at a path.
fn branch(path: &str, depth: usize) -> String {
    let stem = path.strip_suffix(".wsp").unwrap_or(path);
    let nodes: Vec<&str> = stem.split('/').take(depth).collect();
    nodes.join(".")
}

impl Node {
    fn add(&mut self, (bytes, length_bytes): (u64, u64)) {
        self.series += 1;
        self.bytes += bytes;
        self.length_bytes += length_bytes;
    }

    fn row(&self, name: &str) -> Vec<String> {
        let sizes = [bytes(self.bytes), bytes(self.length_bytes)];
        let cells = sizes.into_iter();
        cells
            .chain([self.series.to_string(), name.to_owned()])
            .collect()
    }
}

impl Report {
    fn print(&self, flags: &Du) -> Result<(), ToolError> {
        let mut output = Output::stdout();
        if flags.form.json {
            output.json(self)?;
            return output.finish();
        }
        let mut table = Table::new(&["on disk", "length", "series", "node"]);
        for node in &self.nodes {
            table.row(node.row(&node.node));
        }
        table.row(self.total.row("(all)"));
        output.table(&table)?;
        output.finish()
    }
}

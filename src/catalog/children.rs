//! The children of one node: sorted by text, with a tail of the newest that is not.
//!
//! Adding in ascending order, and adding to a short list, keeps it sorted at once. A long list
//! takes others at its tail, and sorts them in when the tail is an eighth of it: adding a million
//! children in any order costs a few moves each, and a search reads the sorted part by halves and
//! the tail one by one.

use super::tree::NodeId;

/// Lists up to here are kept sorted by moving elements.
const SHORT: usize = 64;

/// Nodes under one parent.
#[derive(Default)]
pub(super) struct Children {
    nodes: Vec<NodeId>,
    /// How many of them, from the start, are sorted by text.
    sorted: u32,
}

impl Children {
    /// Adds a node that is not in it.
    pub(super) fn insert<'a>(&mut self, node: NodeId, text: impl Fn(NodeId) -> &'a str) {
        let sorted = self.sorted as usize;
        let all_sorted = sorted == self.nodes.len();
        let new = text(node);
        if all_sorted && self.nodes.last().is_none_or(|&last| text(last) < new) {
            self.nodes.push(node);
            self.sorted += 1;
        } else if all_sorted && sorted < SHORT {
            let place = self.nodes.partition_point(|&other| text(other) < new);
            self.nodes.insert(place, node);
            self.sorted += 1;
        } else {
            self.nodes.push(node);
            if self.nodes.len() - sorted > (sorted / 8).max(SHORT) {
                // Stable, and so a merge of the two runs that are there once the tail is sorted.
                self.nodes[sorted..].sort_unstable_by_key(|&node| text(node));
                self.nodes.sort_by_key(|&node| text(node));
                self.sorted = self.nodes.len() as u32;
            }
        }
    }

    /// The sorted nodes that start with `prefix`, and all of the tail.
    pub(super) fn starting<'a>(
        &self,
        prefix: &str,
        text: impl Fn(NodeId) -> &'a str,
    ) -> (&[NodeId], &[NodeId]) {
        let (sorted, tail) = self.nodes.split_at(self.sorted as usize);
        if prefix.is_empty() {
            return (sorted, tail);
        }
        let start = sorted.partition_point(|&node| text(node) < prefix);
        let sorted = &sorted[start..];
        let end = sorted.partition_point(|&node| text(node).starts_with(prefix));
        (&sorted[..end], tail)
    }

    /// Keeps the nodes that `keep` says.
    pub(super) fn retain(&mut self, keep: impl Fn(NodeId) -> bool) {
        let sorted = &self.nodes[..self.sorted as usize];
        self.sorted = sorted.iter().filter(|&&node| keep(node)).count() as u32;
        self.nodes.retain(|&node| keep(node));
        self.nodes.shrink_to_fit();
    }

    /// True when none is left.
    pub(super) fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }
}

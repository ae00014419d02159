//! The shapes in which found names are answered.

use std::collections::{BTreeSet, HashSet};

use axum::response::Response;
use serde::Serialize;

use super::super::parameters::decode;
use super::super::reply;
use crate::catalog::FoundNode;
use crate::format::Objects;
use crate::format::msgpack::Msgpack;
use crate::format::pickle::Pickle;

/// A node of the browser's tree.
#[derive(Debug, Serialize)]
pub(super) struct TreeNode {
    text: String,
    id: String,
    #[serde(rename = "allowChildren")]
    allow_children: u8,
    expandable: u8,
    leaf: u8,
}

impl TreeNode {
    fn new(text: String, id: String, is_leaf: bool) -> Self {
        Self {
            text,
            id,
            allow_children: u8::from(!is_leaf),
            expandable: u8::from(!is_leaf),
            leaf: u8::from(is_leaf),
        }
    }
}

/// The children of a place in the tree: each name once, branches before leaves.
///
/// `nodes` are sorted by name with branches first among equals.
pub(super) fn tree(nodes: &[FoundNode], base_path: &str, wildcards: bool) -> Vec<TreeNode> {
    let mut answer = Vec::with_capacity(nodes.len());
    if wildcards && nodes.len() > 1 {
        let all_leaves = nodes.iter().all(FoundNode::is_leaf);
        answer.push(TreeNode::new(
            "*".into(),
            format!("{base_path}*"),
            all_leaves,
        ));
    }
    let mut seen = HashSet::with_capacity(nodes.len());
    let unique: Vec<&FoundNode> = nodes
        .iter()
        .filter(|node| seen.insert(node.name()))
        .collect();
    for wants_leaf in [false, true] {
        let group = unique.iter().filter(|node| node.is_leaf() == wants_leaf);
        answer.extend(group.map(|node| {
            let id = format!("{base_path}{}", node.name());
            TreeNode::new(decode(node.name().as_bytes()), id, wants_leaf)
        }));
    }
    answer
}

/// Suggestions for what a user types.
#[derive(Debug, Serialize)]
pub(super) struct Completions {
    metrics: Vec<Completion>,
}

#[derive(Debug, Serialize)]
struct Completion {
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_leaf: Option<&'static str>,
}

pub(super) fn completions(nodes: &[FoundNode], wildcards: bool) -> Completions {
    let mut metrics: Vec<_> = nodes
        .iter()
        .map(|node| Completion {
            path: Some(format!(
                "{}{}",
                node.path,
                if node.is_leaf() { "" } else { "." }
            )),
            name: node.name().to_owned(),
            is_leaf: Some(if node.is_leaf() { "1" } else { "0" }),
        })
        .collect();
    if wildcards && metrics.len() > 1 {
        metrics.push(Completion {
            path: None,
            name: "*".into(),
            is_leaf: None,
        });
    }
    Completions { metrics }
}

/// The distinct nodes at one position.
#[derive(Debug, Serialize)]
pub(super) struct NodeList<'a> {
    nodes: BTreeSet<&'a str>,
}

/// Positions count from 0, or from -1 at the end; paths that are too short have none.
pub(super) fn node_list(nodes: &[FoundNode], position: i64) -> NodeList<'_> {
    let at_position = |node: &'_ FoundNode| -> Option<usize> {
        let count = node.path.split('.').count() as i64;
        let position = if position < 0 {
            count + position
        } else {
            position
        };
        usize::try_from(position).ok()
    };
    let found = nodes
        .iter()
        .filter_map(|node| node.path.split('.').nth(at_position(node)?));
    NodeList {
        nodes: found.collect(),
    }
}

/// A span of time in seconds since the epoch.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Interval {
    pub(super) start: f64,
    pub(super) end: f64,
}

/// A node for programs.
#[derive(Debug, Serialize)]
pub(super) struct NodeInfo<'a> {
    path: &'a str,
    is_leaf: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    intervals: Option<[Interval; 1]>,
}

pub(super) fn node_infos(
    nodes: &[FoundNode],
    interval: impl Fn(&FoundNode) -> Option<Interval>,
) -> Vec<NodeInfo<'_>> {
    let info = |node| NodeInfo::of(node, interval(node));
    nodes.iter().map(info).collect()
}

impl<'a> NodeInfo<'a> {
    fn of(node: &'a FoundNode, interval: Option<Interval>) -> Self {
        Self {
            path: &node.path,
            is_leaf: node.is_leaf(),
            intervals: interval.map(|interval| [interval]),
        }
    }
}

/// As a cluster member of graphite-web reads it; intervals are pairs, which it accepts and which
/// need no class on either side.
pub(super) fn pickle(
    nodes: &[FoundNode],
    interval: impl Fn(&FoundNode) -> Option<Interval>,
) -> Response {
    document(Pickle, nodes, interval)
}

/// The same in MessagePack.
pub(super) fn msgpack(
    nodes: &[FoundNode],
    interval: impl Fn(&FoundNode) -> Option<Interval>,
) -> Response {
    document(Msgpack, nodes, interval)
}

fn document<O: Objects>(
    objects: O,
    nodes: &[FoundNode],
    interval: impl Fn(&FoundNode) -> Option<Interval>,
) -> Response {
    let mut out = Vec::with_capacity(nodes.len() * 64);
    objects.start(&mut out);
    objects.begin_list(&mut out, nodes.len());
    for node in nodes {
        let interval = interval(node);
        objects.begin_map(&mut out, 2 + usize::from(interval.is_some()));
        objects.text_member(&mut out, "path", &node.path);
        objects.text(&mut out, "is_leaf");
        objects.boolean(&mut out, node.is_leaf());
        if let Some(interval) = interval {
            objects.text(&mut out, "intervals");
            objects.begin_list(&mut out, 1);
            objects.begin_list(&mut out, 2);
            objects.float(&mut out, interval.start);
            objects.float(&mut out, interval.end);
            objects.end_list(&mut out);
            objects.end_list(&mut out);
        }
        objects.end_map(&mut out);
    }
    objects.end_list(&mut out);
    objects.finish(&mut out);
    reply::bytes(O::CONTENT_TYPE, out)
}

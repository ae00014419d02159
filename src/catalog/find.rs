//! Find: walks the tree with a pattern and gathers what matches.
//!
//! Each node of the tree is visited at most once, with the set of places in the pattern that it
//! has reached; so alternatives, `**` and empty nodes cannot yield a name twice, and the cost is
//! that of the children looked at. A literal is a table lookup, a glob with a literal start reads
//! only that range of the children.

use std::sync::Arc;

use parking_lot::RwLock;

use super::components::Component;
use super::error::FindError;
use super::index::Index;
use super::tree::{NodeId, Tree};
use crate::metric::SeriesId;
use crate::metric::pattern::{Glob, NodePattern, Pattern, PatternError, WildGlob};

/// Nodes that are looked at under one lock: a millisecond's work at the most, unless one of them
/// has very many children.
const SLICE: usize = 4_096;

/// Nodes of a pattern with wildcards: the width of a set of places.
const PLACES_MAX: usize = 127;

/// What a find is asked for beyond its pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FindOptions {
    /// Leave out branches.
    pub leaves_only: bool,
    /// The most nodes to answer; more is [`FindError::TooMany`].
    pub limit: usize,
}

impl FindOptions {
    /// Leaves and branches, as many as there are.
    pub const ALL: Self = Self {
        leaves_only: false,
        limit: usize::MAX,
    };

    /// Only leaves, as many as there are: what a render asks.
    pub const LEAVES: Self = Self {
        leaves_only: true,
        limit: usize::MAX,
    };
}

/// A name that matched. One that is leaf and branch at once is answered twice, the branch first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundNode {
    /// The full name; ends with a dot when the pattern did.
    pub path: Arc<str>,
    /// The series, for a leaf; `None` for a branch.
    pub series: Option<SeriesId>,
}

impl FoundNode {
    /// The last node of the name.
    pub fn name(&self) -> &str {
        self.path.rsplit('.').next().unwrap_or_default()
    }

    /// True for a metric, false for a branch.
    pub fn is_leaf(&self) -> bool {
        self.series.is_some()
    }
}

/// All nodes that match, sorted by name.
///
/// The lock is let go and taken again between slices of the walk, so that a find over everything
/// does not keep new series waiting. When series were removed meanwhile, the walk may stand on
/// nodes that mean something else now: it starts again, and keeps the lock.
pub(super) fn find(
    index: &RwLock<Index>,
    pattern: &Pattern,
    options: FindOptions,
) -> Result<Vec<FoundNode>, FindError> {
    let mut found = match walk(index, pattern, options, SLICE)? {
        Some(found) => found,
        None => walk(index, pattern, options, usize::MAX)?.unwrap_or_default(),
    };
    if found.len() > options.limit {
        return Err(FindError::TooMany {
            pattern: pattern.text().to_owned(),
            limit: options.limit,
        });
    }
    // Children come in the order of their texts, which differs from that of full names where a
    // node holds a character below the dot. What is in order already is only compared.
    found.sort_by(|one, other| (&one.path, one.is_leaf()).cmp(&(&other.path, other.is_leaf())));
    Ok(found)
}

/// Walks, `slice` nodes under one lock; `None` when series were removed between two slices.
fn walk(
    index: &RwLock<Index>,
    pattern: &Pattern,
    options: FindOptions,
    slice: usize,
) -> Result<Option<Vec<FoundNode>>, FindError> {
    let (mut walk, removals) = {
        let index = index.read();
        (Walk::new(&index.tree, pattern, options)?, index.removals())
    };
    loop {
        let index = index.read();
        if index.removals() != removals {
            return Ok(None);
        }
        if walk.run(&index.tree, slice) {
            return Ok(Some(walk.found));
        }
    }
}

/// One node of the pattern, with its literals looked up.
enum Step<'p> {
    AnyDepth,
    OneOf {
        literals: Vec<Component>,
        globs: Vec<(&'p str, &'p WildGlob)>,
        may_be_empty: bool,
    },
}

/// Places in the pattern; the bit past the last step means 'matched'.
type Places = u128;

/// A node still to be looked at.
struct Visit {
    node: NodeId,
    /// Where its parent's name ends in the walk's path.
    parent_end: usize,
    /// The steps that its children are held against.
    places: Places,
    /// Its name matches.
    matched: bool,
}

struct Walk<'p> {
    steps: Vec<Step<'p>>,
    options: FindOptions,
    stack: Vec<Visit>,
    path: String,
    found: Vec<FoundNode>,
}

impl<'p> Walk<'p> {
    fn new(tree: &Tree, pattern: &'p Pattern, options: FindOptions) -> Result<Self, FindError> {
        if pattern.nodes().len() > PLACES_MAX {
            return Err(PatternError::TooManyNodes.into());
        }
        let steps = pattern.nodes().iter().map(|node| Step::new(tree, node));
        let mut walk = Self {
            steps: steps.collect(),
            options,
            stack: Vec::new(),
            path: String::new(),
            found: Vec::new(),
        };
        walk.stack.push(Visit {
            node: NodeId::ROOT,
            parent_end: 0,
            places: walk.closed(1),
            matched: false,
        });
        Ok(walk)
    }

    /// Looks at no more than `slice` nodes; true when there is nothing more to look at.
    fn run(&mut self, tree: &Tree, slice: usize) -> bool {
        for _ in 0..slice {
            let Some(visit) = self.stack.pop() else {
                return true;
            };
            self.visit(tree, &visit);
            if self.found.len() > self.options.limit {
                return true;
            }
        }
        false
    }

    /// Emits the node if it matches, and pushes the children that match one of the places.
    fn visit(&mut self, tree: &Tree, visit: &Visit) {
        let end = 1 << self.steps.len();
        let places = visit.places & (end - 1);
        let children = match places {
            0 => Vec::new(),
            places => self.matching_children(tree, visit.node, places),
        };
        let has_empty_end = visit.places & end != 0;
        if !visit.matched && !has_empty_end && children.is_empty() {
            return;
        }
        self.path.truncate(visit.parent_end);
        if visit.node != NodeId::ROOT {
            if !self.path.is_empty() {
                self.path.push('.');
            }
            self.path.push_str(tree.text(visit.node));
        }
        if visit.matched {
            self.emit(tree, visit.node);
        }
        if has_empty_end && !self.options.leaves_only {
            self.emit_trailing_dot(tree, visit.node);
        }
        // The stack turns the order round.
        for (node, reached) in children.into_iter().rev() {
            let goes_on = reached & (end - 1) != 0 && tree.is_branch(node);
            self.stack.push(Visit {
                node,
                parent_end: self.path.len(),
                places: if goes_on {
                    self.closed(reached & (end - 1))
                } else {
                    0
                },
                matched: reached & end != 0,
            });
        }
    }

    /// Children with the places that are reached by taking them, each child once.
    fn matching_children(
        &self,
        tree: &Tree,
        node: NodeId,
        places: Places,
    ) -> Vec<(NodeId, Places)> {
        let mut matches = Vec::new();
        let mut sources = 0;
        for (place, step) in self.steps.iter().enumerate() {
            if places & (1 << place) == 0 {
                continue;
            }
            let next = 1 << (place + 1);
            match step {
                Step::AnyDepth => {
                    let branches = tree
                        .children(node, "")
                        .filter(|&child| tree.is_branch(child));
                    matches.extend(branches.map(|child| (child, 1 << place)));
                    sources += 1;
                }
                Step::OneOf {
                    literals, globs, ..
                } => {
                    let known = literals
                        .iter()
                        .filter_map(|&text| tree.child_of(node, text));
                    matches.extend(known.map(|child| (child, next)));
                    for (prefix, glob) in globs {
                        let children = tree.children(node, prefix);
                        let fits =
                            |&child: &NodeId| glob.is_any() || glob.matches(tree.text(child));
                        matches.extend(children.filter(fits).map(|child| (child, next)));
                    }
                    sources += literals.len() + globs.len();
                }
            }
        }
        if sources > 1 {
            merge(&mut matches);
        }
        matches
    }

    /// Adds the places behind those that may stand for nothing.
    fn closed(&self, mut places: Places) -> Places {
        for (place, step) in self.steps.iter().enumerate() {
            if places & (1 << place) != 0 && step.may_be_empty() {
                places |= 1 << (place + 1);
            }
        }
        places
    }

    fn emit(&mut self, tree: &Tree, node: NodeId) {
        if tree.is_branch(node) && !self.options.leaves_only {
            self.found.push(FoundNode {
                path: self.path.as_str().into(),
                series: None,
            });
        }
        if let Some(series) = tree.series(node) {
            self.found.push(FoundNode {
                path: self.path.as_str().into(),
                series: Some(SeriesId(series)),
            });
        }
    }

    /// `a.b.` is the branch `a.b` under a name with an empty last node, as the reference has it.
    fn emit_trailing_dot(&mut self, tree: &Tree, node: NodeId) {
        if tree.is_branch(node) {
            let dot = if self.path.is_empty() { "" } else { "." };
            self.found.push(FoundNode {
                path: format!("{}{dot}", self.path).into(),
                series: None,
            });
        }
    }
}

impl<'p> Step<'p> {
    fn new(tree: &Tree, node: &'p NodePattern) -> Self {
        let NodePattern::OneOf(alternatives) = node else {
            return Self::AnyDepth;
        };
        let mut literals = Vec::new();
        let mut globs = Vec::new();
        for glob in alternatives {
            match glob {
                Glob::Literal(text) if text.is_empty() => {}
                Glob::Literal(text) => literals.extend(tree.component(text)),
                Glob::Wild(wild) => globs.push((glob.prefix(), wild)),
            }
        }
        Self::OneOf {
            literals,
            globs,
            may_be_empty: node.may_be_empty(),
        }
    }

    fn may_be_empty(&self) -> bool {
        match self {
            Self::AnyDepth => true,
            Self::OneOf { may_be_empty, .. } => *may_be_empty,
        }
    }
}

/// Makes the places of one child one set.
fn merge(matches: &mut Vec<(NodeId, Places)>) {
    matches.sort_unstable_by_key(|&(node, _)| node);
    matches.dedup_by(|later, first| {
        let same = later.0 == first.0;
        if same {
            first.1 |= later.1;
        }
        same
    });
}

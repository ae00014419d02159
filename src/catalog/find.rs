//! Find: walks the tree with a pattern and gathers what matches.
//!
//! Each node of the tree is visited at most once, with the set of places in the pattern that it
//! has reached; so alternatives, `**` and empty nodes cannot yield a name twice, and the cost is
//! that of the children looked at. A literal is a table lookup, a glob with a literal start reads
//! only that range of the children.

use std::sync::Arc;

use super::components::Component;
use super::error::FindError;
use super::tree::{NodeId, Tree};
use crate::metric::SeriesId;
use crate::metric::pattern::{Glob, NodePattern, Pattern, PatternError, WildGlob};

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
pub(super) fn find(
    tree: &Tree,
    pattern: &Pattern,
    options: FindOptions,
) -> Result<Vec<FoundNode>, FindError> {
    let mut walk = Walk::new(tree, pattern, options)?;
    walk.run();
    let mut found = walk.found;
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

struct Walk<'t, 'p> {
    tree: &'t Tree,
    steps: Vec<Step<'p>>,
    options: FindOptions,
    stack: Vec<Visit>,
    path: String,
    found: Vec<FoundNode>,
}

impl<'t, 'p> Walk<'t, 'p> {
    fn new(tree: &'t Tree, pattern: &'p Pattern, options: FindOptions) -> Result<Self, FindError> {
        if pattern.nodes().len() > PLACES_MAX {
            return Err(PatternError::TooManyNodes.into());
        }
        let steps = pattern.nodes().iter().map(|node| Step::new(tree, node));
        Ok(Self {
            tree,
            steps: steps.collect(),
            options,
            stack: Vec::new(),
            path: String::new(),
            found: Vec::new(),
        })
    }

    fn run(&mut self) {
        self.stack.push(Visit {
            node: NodeId::ROOT,
            parent_end: 0,
            places: self.closed(1),
            matched: false,
        });
        while let Some(visit) = self.stack.pop() {
            if self.found.len() > self.options.limit {
                return;
            }
            self.path.truncate(visit.parent_end);
            if visit.node != NodeId::ROOT {
                if !self.path.is_empty() {
                    self.path.push('.');
                }
                self.path.push_str(self.tree.text(visit.node));
            }
            if visit.matched {
                self.emit(visit.node);
            }
            self.descend(&visit);
        }
    }

    /// Pushes the children that match one of the places.
    fn descend(&mut self, visit: &Visit) {
        let end = 1 << self.steps.len();
        if visit.places & end != 0 && !self.options.leaves_only {
            self.emit_trailing_dot(visit.node);
        }
        let places = visit.places & (end - 1);
        if places == 0 || !self.tree.is_branch(visit.node) {
            return;
        }
        let mut matches = self.matching_children(visit.node, places);
        let parent_end = self.path.len();
        // The stack turns the order round.
        while let Some((node, reached)) = matches.pop() {
            let goes_on = reached & (end - 1) != 0 && self.tree.is_branch(node);
            self.stack.push(Visit {
                node,
                parent_end,
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
    fn matching_children(&self, node: NodeId, places: Places) -> Vec<(NodeId, Places)> {
        let tree = self.tree;
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

    fn emit(&mut self, node: NodeId) {
        if self.tree.is_branch(node) && !self.options.leaves_only {
            self.found.push(FoundNode {
                path: self.path.as_str().into(),
                series: None,
            });
        }
        if let Some(series) = self.tree.series(node) {
            self.found.push(FoundNode {
                path: self.path.as_str().into(),
                series: Some(SeriesId(series)),
            });
        }
    }

    /// `a.b.` is the branch `a.b` under a name with an empty last node, as the reference has it.
    fn emit_trailing_dot(&mut self, node: NodeId) {
        if self.tree.is_branch(node) {
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

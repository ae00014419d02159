//! Globs over metric names: `*`, `?`, `[a-z]`, `[!x]`, `{a,b}`, `**`, node by node.
//!
//! The catalog finds with them, quotas and deletions choose by them. The rules are those of
//! graphite-web's standard finder: a pattern is split at its dots, the braces of each node are
//! expanded, innermost first, and what is left is matched as Python's `fnmatch` does, character by
//! character and case-sensitive. An alternative that is empty stands for the branch itself, so
//! `a..b` is `a.b`. A node that is `**` stands for any number of branches; at the end it also
//! stands for what is in them.
//!
//! Deliberately unlike the reference: a backslash before `* ? [ ] { } , ! -` makes that character
//! an ordinary one (there it is dropped, and found names are printed as the pattern spells them).
//! Before any other character it is dropped, as there.

mod braces;
mod glob;

pub use glob::{Glob, WildGlob};

/// The most nodes that a pattern may have.
pub const NODES_MAX: usize = 2_048;

/// The most alternatives that the braces of one node may stand for.
pub const ALTERNATIVES_MAX: usize = 65_536;

/// Why a text is not a usable pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// There are more dots than any name may have.
    #[error("the pattern has too many nodes")]
    TooManyNodes,
    /// The braces multiply out to more than is sensible.
    #[error(
        "the braces in \"{0}\" stand for too many alternatives, at most {ALTERNATIVES_MAX} a node"
    )]
    TooManyAlternatives(String),
}

/// A glob over whole names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    nodes: Vec<NodePattern>,
}

/// What one node of a name has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodePattern {
    /// `**`: any number of branches, none included.
    AnyDepth,
    /// One of these; without repeats, never empty. An empty literal is the branch itself.
    OneOf(Vec<Glob>),
}

/// A character of a pattern and whether a backslash took its meaning away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Token {
    character: char,
    quoted: bool,
}

impl Token {
    /// True when it is this character with its meaning.
    fn is(self, character: char) -> bool {
        self.character == character && !self.quoted
    }
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// Only when a limit is passed: every text means something.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let tokens = tokens(text);
        let parts = tokens.split(|token| token.character == '.');
        let mut nodes = Vec::new();
        for part in parts {
            if nodes.len() >= NODES_MAX {
                return Err(PatternError::TooManyNodes);
            }
            nodes.push(NodePattern::parse(part)?);
        }
        if nodes.last() == Some(&NodePattern::AnyDepth) {
            nodes.push(NodePattern::OneOf(vec![Glob::any()]));
        }
        Ok(Self {
            text: text.to_owned(),
            nodes,
        })
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The nodes; never empty, and the last is never [`NodePattern::AnyDepth`].
    pub fn nodes(&self) -> &[NodePattern] {
        &self.nodes
    }

    /// The one name that it stands for, when there is nothing to expand and no node is empty.
    pub fn literal(&self) -> Option<String> {
        let mut name = String::new();
        for (position, node) in self.nodes.iter().enumerate() {
            let NodePattern::OneOf(globs) = node else {
                return None;
            };
            let [Glob::Literal(text)] = globs.as_slice() else {
                return None;
            };
            if text.is_empty() {
                return None;
            }
            if position > 0 {
                name.push('.');
            }
            name.push_str(text);
        }
        Some(name)
    }

    /// True when the whole of an untagged name matches.
    pub fn matches(&self, name: &str) -> bool {
        let mut reached = vec![false; self.nodes.len() + 1];
        reached[0] = true;
        self.skip_empty(&mut reached);
        for node in name.split('.') {
            let mut next = vec![false; self.nodes.len() + 1];
            for (position, pattern) in self.nodes.iter().enumerate() {
                match pattern {
                    _ if !reached[position] => {}
                    NodePattern::AnyDepth => next[position] = true,
                    NodePattern::OneOf(globs) => {
                        next[position + 1] |= globs.iter().any(|glob| glob.matches(node));
                    }
                }
            }
            // What follows the last node can only be the name of a branch, not of a metric.
            reached = next;
            let ended = reached[self.nodes.len()];
            self.skip_empty(&mut reached);
            reached[self.nodes.len()] = ended;
        }
        reached[self.nodes.len()]
    }

    /// Moves on over nodes that may stand for nothing.
    fn skip_empty(&self, reached: &mut [bool]) {
        for (position, node) in self.nodes.iter().enumerate() {
            if reached[position] && node.may_be_empty() {
                reached[position + 1] = true;
            }
        }
    }
}

impl NodePattern {
    fn parse(tokens: &[Token]) -> Result<Self, PatternError> {
        if let [first, second] = tokens
            && first.is('*')
            && second.is('*')
        {
            return Ok(Self::AnyDepth);
        }
        let mut globs: Vec<Glob> = Vec::new();
        for alternative in braces::expand(tokens)? {
            globs.push(Glob::parse(&alternative));
        }
        Ok(Self::OneOf(globs))
    }

    /// True when a name may have no node in this place.
    pub fn may_be_empty(&self) -> bool {
        match self {
            Self::AnyDepth => true,
            Self::OneOf(globs) => globs.iter().any(Glob::is_empty_literal),
        }
    }
}

/// Takes the backslashes out, remembering what they did.
fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        if character != '\\' {
            tokens.push(Token {
                character,
                quoted: false,
            });
            continue;
        }
        let special = |next: &char| "*?[]{},!-".contains(*next);
        if let Some(character) = characters.next_if(special) {
            tokens.push(Token {
                character,
                quoted: true,
            });
        }
    }
    tokens
}

#[cfg(test)]
mod tests;

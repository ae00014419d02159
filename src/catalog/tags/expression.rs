//! Tag expressions: `tag=value`, `tag!=value`, `tag=~regex`, `tag!=~regex`.
//!
//! As in the reference a regex is anchored at the start only, and an expression that matches the
//! empty string is also true of series without the tag.

use crate::catalog::error::TagError;
use crate::metric::schema::NamePattern;

/// One condition on one tag.
#[derive(Clone, Debug)]
pub(super) struct Expression {
    pub(super) tag: String,
    pub(super) negated: bool,
    pub(super) test: Test,
}

/// What a value is held against.
#[derive(Clone, Debug)]
pub(super) enum Test {
    /// It is this.
    Equals(String),
    /// The regex matches at its start.
    Matches(NamePattern),
}

impl Expression {
    /// Reads `^([^;!=]+)(!?=~?)([^;]*)$`.
    pub(super) fn parse(text: &str) -> Result<Self, TagError> {
        let bad = || TagError::BadExpression(text.to_owned());
        let tag_end = text.find([';', '!', '=']).ok_or_else(bad)?;
        let (tag, rest) = text.split_at(tag_end);
        let (negated, rest) = match rest.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        let rest = rest.strip_prefix('=').ok_or_else(bad)?;
        if tag.is_empty() || rest.contains(';') {
            return Err(bad());
        }
        let test = match rest.strip_prefix('~') {
            Some(regex) => Test::Matches(anchored(regex)?),
            None => Test::Equals(rest.to_owned()),
        };
        Ok(Self {
            tag: tag.to_owned(),
            negated,
            test,
        })
    }

    /// True when a series that has this value passes; a series without the tag has the value ``.
    pub(super) fn passes(&self, value: &str) -> bool {
        self.test.holds(value) != self.negated
    }
}

impl Test {
    pub(super) fn holds(&self, value: &str) -> bool {
        match self {
            Self::Equals(text) => text == value,
            Self::Matches(regex) => regex.is_match(value),
        }
    }
}

/// The regex, to match at the start.
pub(super) fn anchored(regex: &str) -> Result<NamePattern, TagError> {
    NamePattern::new(&format!("^(?:{regex})")).map_err(|reason| TagError::BadRegex {
        regex: regex.to_owned(),
        reason,
    })
}

//! What tags and values there are, whole or as far as they go with some expressions.

use std::collections::BTreeSet;
use std::ops::Bound;

use super::expression::{Expression, anchored};
use super::{TagIndex, pairs};
use crate::catalog::error::TagError;

/// A value of a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagValue {
    /// The value.
    pub value: String,
    /// How many names have it.
    pub count: usize,
}

/// What a user has typed so far.
#[derive(Clone, Copy, Debug)]
pub(in crate::catalog) struct Completion<'q> {
    /// The expressions that hold already; may be none.
    pub(in crate::catalog) expressions: &'q [&'q str],
    /// What the answers start with.
    pub(in crate::catalog) prefix: &'q str,
    /// The most answers.
    pub(in crate::catalog) limit: usize,
}

impl TagIndex {
    /// The tags whose names match a regex, sorted.
    pub(in crate::catalog) fn tags(
        &self,
        filter: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, TagError> {
        let filter = filter.map(anchored).transpose()?;
        let passes = |tag: &&str| filter.as_ref().is_none_or(|regex| regex.is_match(tag));
        let tags = self.tags.keys().map(|tag| &**tag);
        Ok(tags.filter(passes).take(limit).map(str::to_owned).collect())
    }

    /// The values of a tag that match a regex, sorted; `None` for an unknown tag.
    pub(in crate::catalog) fn values(
        &self,
        tag: &str,
        filter: Option<&str>,
        limit: usize,
    ) -> Result<Option<Vec<TagValue>>, TagError> {
        let filter = filter.map(anchored).transpose()?;
        let Some(values) = self.tags.get(tag) else {
            return Ok(None);
        };
        let passes = |value: &str| filter.as_ref().is_none_or(|regex| regex.is_match(value));
        let values = values.by_value.iter().filter(|(value, _)| passes(value));
        let values = values.take(limit).map(|(value, list)| TagValue {
            value: value.to_string(),
            count: list.len(),
        });
        Ok(Some(values.collect()))
    }

    /// Tags that the matching names have and the expressions do not speak of, sorted.
    pub(in crate::catalog) fn complete_tags(
        &self,
        query: Completion<'_>,
    ) -> Result<Vec<String>, TagError> {
        if query.expressions.is_empty() {
            let tags = self.tags.range::<str, _>(from(query.prefix));
            let tags = tags.map(|(tag, _)| &**tag);
            let tags = tags.take_while(|tag| tag.starts_with(query.prefix));
            return Ok(tags.take(query.limit).map(str::to_owned).collect());
        }
        let mut searched = BTreeSet::new();
        for text in query.expressions {
            searched.insert(Expression::parse(text)?.tag);
        }
        let mut found = BTreeSet::new();
        for entry in self.matching(query.expressions)? {
            for (tag, _) in pairs(&self.entries[entry as usize].name) {
                if tag.starts_with(query.prefix) && !searched.contains(tag) {
                    found.insert(tag);
                }
            }
        }
        Ok(found
            .into_iter()
            .take(query.limit)
            .map(str::to_owned)
            .collect())
    }

    /// Values that the matching names have for a tag, sorted.
    pub(in crate::catalog) fn complete_values(
        &self,
        tag: &str,
        query: Completion<'_>,
    ) -> Result<Vec<String>, TagError> {
        if query.expressions.is_empty() {
            let Some(values) = self.tags.get(tag) else {
                return Ok(Vec::new());
            };
            let values = values.by_value.range::<str, _>(from(query.prefix));
            let values = values.map(|(value, _)| &**value);
            let values = values.take_while(|value| value.starts_with(query.prefix));
            return Ok(values.take(query.limit).map(str::to_owned).collect());
        }
        let has_tag = format!("{tag}!=");
        let expressions = [query.expressions, &[has_tag.as_str()]].concat();
        let mut found = BTreeSet::new();
        for entry in self.matching(&expressions)? {
            let mut pairs = pairs(&self.entries[entry as usize].name);
            if let Some((_, value)) = pairs.find(|&(other, _)| other == tag)
                && value.starts_with(query.prefix)
            {
                found.insert(value);
            }
        }
        Ok(found
            .into_iter()
            .take(query.limit)
            .map(str::to_owned)
            .collect())
    }
}

/// Everything from `prefix` on.
fn from(prefix: &str) -> (Bound<&str>, Bound<&str>) {
    (Bound::Included(prefix), Bound::Unbounded)
}

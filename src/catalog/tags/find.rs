//! Which names the expressions choose: intersections and differences of sorted lists.

use std::borrow::Cow;

use super::expression::{Expression, Test};
use super::{EntryId, TagIndex, TaggedSeries, Values};
use crate::catalog::error::TagError;

impl TagIndex {
    /// The names that pass all expressions, sorted; `None` when they are more than `limit`.
    pub(in crate::catalog) fn find(
        &self,
        expressions: &[&str],
        limit: usize,
    ) -> Result<Option<Vec<TaggedSeries>>, TagError> {
        let entries = self.matching(expressions)?;
        if entries.len() > limit {
            return Ok(None);
        }
        let found = entries.into_iter().map(|id| TaggedSeries {
            name: self.name(id),
            series: self.series(id),
        });
        let mut found: Vec<_> = found.collect();
        found.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        Ok(Some(found))
    }

    /// The entries that pass all expressions, in the order of their numbers.
    pub(super) fn matching(&self, expressions: &[&str]) -> Result<Vec<EntryId>, TagError> {
        let parsed = expressions.iter().map(|text| Expression::parse(text));
        let parsed = parsed.collect::<Result<Vec<_>, _>>()?;
        let (filters, required): (Vec<_>, Vec<_>) =
            parsed.iter().partition(|expression| expression.passes(""));
        if required.is_empty() {
            return Err(TagError::AllMatchEmpty);
        }
        let mut sets = Vec::new();
        for expression in required {
            match self.tags.get(expression.tag.as_str()) {
                Some(values) => sets.push(values.passing(expression, true)),
                None => return Ok(Vec::new()),
            }
        }
        sets.sort_by_key(|set| set.len());
        let mut sets = sets.into_iter();
        let mut chosen = sets.next().map(Cow::into_owned).unwrap_or_default();
        for set in sets {
            keep_if(&mut chosen, &set, true);
        }
        for filter in filters {
            if let Some(values) = self.tags.get(filter.tag.as_str()) {
                keep_if(&mut chosen, &values.passing(filter, false), false);
            }
        }
        Ok(chosen)
    }
}

impl Values {
    /// The entries with a value that passes, or with one that does not.
    fn passing(&self, expression: &Expression, passes: bool) -> Cow<'_, [EntryId]> {
        let wanted = |value: &str| expression.passes(value) == passes;
        if let Test::Equals(value) = &expression.test {
            let list = self.by_value.get(value.as_str());
            if wanted(value) {
                return list.map_or(Cow::Owned(Vec::new()), |list| {
                    Cow::Borrowed(list.as_slice())
                });
            }
            let mut others = self.present.clone();
            if let Some(list) = list {
                keep_if(&mut others, list, false);
            }
            return Cow::Owned(others);
        }
        let lists = self.by_value.iter().filter(|(value, _)| wanted(value));
        let mut union: Vec<EntryId> = lists.flat_map(|(_, list)| list).copied().collect();
        union.sort_unstable();
        Cow::Owned(union)
    }
}

/// Keeps what is in `set`, or what is not; both are sorted.
fn keep_if(chosen: &mut Vec<EntryId>, set: &[EntryId], is_in: bool) {
    let mut rest = set;
    chosen.retain(|id| {
        // Galloping: the sets may differ in size by orders of magnitude.
        let mut bound = 1;
        while bound < rest.len() && rest[bound] < *id {
            bound *= 2;
        }
        let within = &rest[..rest.len().min(bound + 1)];
        rest = &rest[within.partition_point(|other| other < id)..];
        (rest.first() == Some(id)) == is_in
    });
}

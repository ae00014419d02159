//! The tags of a series in a query: sorted `name -> value` pairs.

use std::collections::BTreeMap;

/// Tags by name. A plain metric has just `name`; functions add their own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags(BTreeMap<String, String>);

impl Tags {
    /// The tags of a stored series, from its canonical name `metric;tag=value;…`.
    pub fn of_name(name: &str) -> Self {
        let mut parts = name.split(';');
        let mut tags = Self::default();
        tags.set("name", parts.next().unwrap_or_default());
        for part in parts {
            if let Some((tag, value)) = part.split_once('=') {
                tags.set(tag, value);
            }
        }
        tags
    }

    /// The value of a tag.
    pub fn get(&self, tag: &str) -> Option<&str> {
        self.0.get(tag).map(String::as_str)
    }

    /// Sets a tag, replacing what it had.
    pub fn set(&mut self, tag: impl Into<String>, value: impl Into<String>) {
        self.0.insert(tag.into(), value.into());
    }

    /// Takes a tag away.
    pub fn remove(&mut self, tag: &str) -> Option<String> {
        self.0.remove(tag)
    }

    /// All pairs, sorted by tag.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(tag, value)| (tag.as_str(), value.as_str()))
    }

    /// Keeps the pairs that `other` has as well.
    pub fn retain_common(&mut self, other: &Tags) {
        self.0
            .retain(|tag, value| other.get(tag) == Some(value.as_str()));
    }

    /// How many tags there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tagged_name_splits_into_its_pairs() {
        let tags = Tags::of_name("cpu.load;dc=east;host=a=b");
        let pairs: Vec<_> = tags.iter().collect();
        assert_eq!(
            pairs,
            [("dc", "east"), ("host", "a=b"), ("name", "cpu.load")]
        );
    }
}

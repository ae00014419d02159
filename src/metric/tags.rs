//! The tags of a series in a query: sorted `name -> value` pairs.

use std::sync::Arc;

use smol_str::SmolStr;

/// Tags by name. A plain metric has just `name`; functions add their own.
///
/// A short sorted list: most series have one tag to five, and a query holds many such lists. Copies
/// share it until one of them is changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags(Arc<Vec<(SmolStr, SmolStr)>>);

impl Tags {
    /// The tags of a stored series, from its canonical name `metric;tag=value;…`.
    pub fn of_name(name: &SmolStr) -> Self {
        let mut tags = Self::default();
        let Some((metric, pairs)) = name.split_once(';') else {
            tags.set("name", name.clone());
            return tags;
        };
        tags.set("name", metric);
        for part in pairs.split(';') {
            if let Some((tag, value)) = part.split_once('=') {
                tags.set(tag, value);
            }
        }
        tags
    }

    /// The value of a tag.
    pub fn get(&self, tag: &str) -> Option<&str> {
        self.place(tag).ok().map(|place| self.0[place].1.as_str())
    }

    /// Sets a tag, replacing what it had.
    pub fn set(&mut self, tag: impl Into<SmolStr>, value: impl Into<SmolStr>) {
        let tag = tag.into();
        let place = self.place(&tag);
        let pairs = Arc::make_mut(&mut self.0);
        match place {
            Ok(place) => pairs[place].1 = value.into(),
            Err(place) => pairs.insert(place, (tag, value.into())),
        }
    }

    /// Takes a tag away.
    pub fn remove(&mut self, tag: &str) -> Option<SmolStr> {
        let place = self.place(tag).ok()?;
        Some(Arc::make_mut(&mut self.0).remove(place).1)
    }

    /// All pairs, sorted by tag.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(tag, value)| (tag.as_str(), value.as_str()))
    }

    /// Keeps the pairs that `other` has as well.
    pub fn retain_common(&mut self, other: &Tags) {
        let is_common = |(tag, value): &(SmolStr, SmolStr)| other.get(tag) == Some(value.as_str());
        if !self.0.iter().all(is_common) {
            Arc::make_mut(&mut self.0).retain(is_common);
        }
    }

    fn place(&self, tag: &str) -> Result<usize, usize> {
        self.0
            .binary_search_by(|(known, _)| known.as_str().cmp(tag))
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
        let tags = Tags::of_name(&"cpu.load;dc=east;host=a=b".into());
        let pairs: Vec<_> = tags.iter().collect();
        assert_eq!(
            pairs,
            [("dc", "east"), ("host", "a=b"), ("name", "cpu.load")]
        );
    }

    #[test]
    fn pairs_are_set_replaced_and_removed() {
        let mut tags = Tags::of_name(&"cpu".into());
        tags.set("zone", "1");
        tags.set("dc", "x");
        tags.set("zone", "2");
        assert_eq!(tags.remove("dc").as_deref(), Some("x"));
        assert_eq!(tags.remove("dc"), None);
        let pairs: Vec<_> = tags.iter().collect();
        assert_eq!(pairs, [("name", "cpu"), ("zone", "2")]);
        tags.retain_common(&Tags::of_name(&"cpu;zone=3".into()));
        assert_eq!((tags.len(), tags.get("zone")), (1, None));
    }
}

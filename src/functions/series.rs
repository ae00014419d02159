//! A series: the in-memory result that functions take and give.

use std::sync::Arc;

use smol_str::SmolStr;

use super::aggregation::Aggregation;
use super::drawing::DrawingOptions;
use super::kept_run::KeptRun;
use crate::metric::Tags;

/// What a series takes beside its values, about, while its names are short.
pub const SERIES_BYTES: usize = 768;

/// How often a fresh series writes its name: as the legend, the path expression and the tag `name`.
pub(super) const NAME_COPIES: usize = 3;

/// Values at a fixed step with the names that Graphite gives them.
///
/// Copies share values and texts: a dashboard shows the same series again and again.
///
/// `end` is usually `start + step * values.len()`, but not always: an aggregate's end is cut to its
/// step, and a constant line has three values however long it is. Formats print what both allow.
#[derive(Clone, Debug)]
pub struct Series {
    /// The legend.
    pub name: SmolStr,
    /// What aggregates print in their own names; a leaf's is the pattern that found it.
    pub path_expression: SmolStr,
    /// The tags, `name` among them.
    pub tags: Tags,
    /// The time of the first value, seconds since the epoch.
    pub start: i64,
    /// The time after the last value.
    pub end: i64,
    /// Seconds between values, at least 1.
    pub step: i64,
    /// One value a step, NaN for null. Shared until somebody writes.
    pub values: Arc<Vec<f64>>,
    /// How points are made fewer, by `maxDataPoints` and by normalising to a common step.
    pub consolidation: Aggregation,
    /// The share of known points that consolidation needs, 0 to 1.
    pub x_files_factor: f64,
    /// Drawing options that graph functions set, printed where a format has room for them.
    pub options: DrawingOptions,
    /// Which of the values are kept points; see [`Series::kept_run`].
    pub kept: Option<KeptRun>,
}

impl Series {
    /// A fresh series as the reference's constructor makes it: the path expression is the name, the
    /// tags are parsed from the name unless it looks like a call, averages consolidate it.
    ///
    /// A step below 1 is taken as 1.
    pub fn new(
        name: impl Into<SmolStr>,
        start: i64,
        end: i64,
        step: i64,
        values: Vec<f64>,
    ) -> Self {
        let name = name.into();
        Self {
            path_expression: name.clone(),
            tags: tags_of(&name),
            name,
            start,
            end,
            step: step.max(1),
            values: Arc::new(values),
            consolidation: Aggregation::default(),
            x_files_factor: 0.0,
            options: DrawingOptions::default(),
            kept: None,
        }
    }

    /// The values, to be changed in place; copies them first only when somebody else holds them.
    pub fn values_mut(&mut self) -> &mut Vec<f64> {
        Arc::make_mut(&mut self.values)
    }

    /// A series with this one's grid and properties and other values.
    #[must_use]
    pub fn with_values(&self, values: Vec<f64>) -> Self {
        Self {
            values: Arc::new(values),
            ..self.clone()
        }
    }

    /// Gives a new legend that is the path expression as well, as functions that rewrite in place do.
    pub fn rename(&mut self, name: impl Into<SmolStr>) {
        self.name = name.into();
        self.path_expression = self.name.clone();
    }
}

/// The memory that series take: their values, though others may share them, and their texts.
pub fn bytes_held(series: &[Series]) -> usize {
    let bytes = |one: &Series| {
        let pairs = one.tags.iter();
        let tags: usize = pairs.map(|(tag, value)| tag.len() + value.len()).sum();
        let color = one.options.color.as_ref().map_or(0, String::len);
        let texts = one.name.len() + one.path_expression.len() + tags + color;
        // A function writes names anew, and joins them, before the old texts are gone.
        let texts = texts.max(one.name.len() * (NAME_COPIES + 1));
        SERIES_BYTES + texts + one.values.capacity() * size_of::<f64>()
    };
    series.iter().map(bytes).sum()
}

/// How many points of a grid lie from `start` up to, but not including, `end`.
pub fn points_between(start: i64, end: i64, step: i64) -> usize {
    let length = end.saturating_sub(start).max(0).unsigned_abs();
    let points = length.div_ceil(step.max(1).unsigned_abs());
    usize::try_from(points).unwrap_or(usize::MAX)
}

/// The tags of a name: parsed from `metric;tag=value`, or just `name` when the name is that of a
/// call or no valid tagged name.
pub fn tags_of(name: &SmolStr) -> Tags {
    let parts = name.split(';');
    let is_valid = !name.starts_with(';')
        && parts
            .skip(1)
            .all(|part| part.split_once('=').is_some_and(|(tag, _)| !tag.is_empty()));
    if is_valid && !looks_like_call(name) {
        return Tags::of_name(name);
    }
    let mut tags = Tags::default();
    tags.set("name", name.clone());
    tags
}

fn looks_like_call(name: &str) -> bool {
    let letters = name.bytes().take_while(u8::is_ascii_alphabetic).count();
    let rest = &name.as_bytes()[letters..];
    letters > 0 && rest.len() > 2 && rest[0] == b'(' && rest[rest.len() - 1] == b')'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(name: &str, tag: &str) -> Option<String> {
        let series = Series::new(name, 0, 0, 1, Vec::new());
        series.tags.get(tag).map(str::to_owned)
    }

    #[test]
    fn fresh_series_reads_its_tags_from_its_name() {
        assert_eq!(tag("cpu;dc=east", "dc").as_deref(), Some("east"));
        assert_eq!(tag("cpu;dc=east", "name").as_deref(), Some("cpu"));
        assert_eq!(tag("sum(cpu;dc=east)", "dc"), None);
        assert_eq!(
            tag("sum(cpu;dc=east)", "name").as_deref(),
            Some("sum(cpu;dc=east)")
        );
        assert_eq!(tag("a;b", "name").as_deref(), Some("a;b"));
    }

    #[test]
    fn grid_ends_before_its_end() {
        assert_eq!(points_between(0, 30, 10), 3);
        assert_eq!(points_between(0, 31, 10), 4);
        assert_eq!(points_between(5, 0, 10), 0);
    }

    #[test]
    fn values_are_copied_only_when_shared() {
        let mut series = Series::new("a", 0, 2, 1, vec![1.0, 2.0]);
        let other = series.clone();
        series.values_mut()[0] = 9.0;
        assert_eq!((series.values[0], other.values[0]), (9.0, 1.0));
    }
}

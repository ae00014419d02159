//! What a target's leaf names: series of the catalog, by path or by tags.

use std::sync::Arc;

use crate::catalog::{Catalog, FindError, FindOptions};
use crate::functions::{EvaluationError, Window};
use crate::metric::SeriesId;
use crate::storage::{Fetched, Selection, Store, StoreError, TimeRange};

/// A leaf of a target's tree.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Leaf {
    /// A path with its wildcards, or the canonical name of a tagged series.
    Path(Arc<str>),
    /// `seriesByTag(…)`.
    Tags {
        /// The call as typed.
        text: Arc<str>,
        /// Its conditions.
        conditions: Arc<[String]>,
    },
}

impl Leaf {
    /// What aggregates print for its series.
    pub fn path_expression(&self) -> &str {
        match self {
            Self::Path(path) => path,
            Self::Tags { text, .. } => text,
        }
    }
}

/// A series that a leaf names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its canonical name.
    pub name: Arc<str>,
    /// Its number.
    pub id: SeriesId,
}

/// Where queries get names and points from.
#[derive(Clone)]
pub struct Source {
    /// The names.
    pub catalog: Arc<Catalog>,
    /// The points.
    pub store: Arc<dyn Store>,
}

impl Source {
    /// The series of a leaf, sorted by name, without repeats.
    ///
    /// # Errors
    /// When there are more than `series_max`, or the pattern or the conditions cannot be read.
    pub fn resolve(&self, leaf: &Leaf, series_max: usize) -> Result<Vec<Found>, EvaluationError> {
        let found = match leaf {
            Leaf::Path(path) => self.by_path(path, series_max)?,
            Leaf::Tags { conditions, .. } => self.by_tags(conditions)?,
        };
        if found.len() > series_max {
            return Err(too_many(leaf.path_expression(), series_max));
        }
        Ok(found)
    }

    fn by_path(&self, path: &str, series_max: usize) -> Result<Vec<Found>, EvaluationError> {
        let options = FindOptions {
            limit: series_max,
            ..FindOptions::LEAVES
        };
        let nodes = self
            .catalog
            .find(path, options)
            .map_err(|error| match error {
                FindError::TooMany { .. } => too_many(path, series_max),
                FindError::Pattern(error) => EvaluationError::BadPattern(error.to_string()),
            })?;
        let leaf = |node: crate::catalog::FoundNode| {
            Some(Found {
                id: node.series?,
                name: node.path,
            })
        };
        Ok(nodes.into_iter().filter_map(leaf).collect())
    }

    fn by_tags(&self, conditions: &[String]) -> Result<Vec<Found>, EvaluationError> {
        let conditions: Vec<&str> = conditions.iter().map(String::as_str).collect();
        let series = self
            .catalog
            .find_series(&conditions)
            .map_err(|error| EvaluationError::BadPattern(error.to_string()))?;
        let stored = |series: crate::catalog::TaggedSeries| {
            Some(Found {
                id: series.series?,
                name: series.name,
            })
        };
        Ok(series.into_iter().filter_map(stored).collect())
    }

    /// Reads exactly these slots; nothing from a store that offers no such reads.
    pub(super) fn fetch_exactly(
        &self,
        found: &Found,
        selection: Selection,
    ) -> Result<Option<Fetched>, StoreError> {
        let Some(reads) = self.store.settled_reads() else {
            return Ok(None);
        };
        let values = reads.read(found.id, selection)?;
        Ok(values.map(|values| Fetched {
            archive: selection.archive,
            start: selection.start,
            step: selection.step,
            values,
        }))
    }

    /// The slots that a window of a series has.
    pub fn select(&self, found: &Found, window: Window) -> Option<Selection> {
        self.store.select(found.id, range(window))
    }
}

/// The question that a window is to a store.
pub(super) fn range(window: Window) -> TimeRange {
    TimeRange {
        from: window.from,
        until: window.until,
        now: window.now,
    }
}

fn too_many(pattern: &str, series_max: usize) -> EvaluationError {
    EvaluationError::Limit(format!(
        "\"{pattern}\" stands for more than {series_max} series, which is what a query may read"
    ))
}

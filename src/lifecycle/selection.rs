//! Which series an operation is for: globs, regular expressions, tags.

use crate::catalog::{Catalog, FindOptions};
use crate::lifecycle::LifecycleError;
use crate::metric::SeriesId;
use crate::metric::schema::NamePattern;
use crate::target::{self, Expression};

/// Series by any of these; nothing selects nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Globs as in a find, `seriesByTag('…')`, or whole names.
    pub patterns: Vec<String>,
    /// Regular expressions, searched for anywhere in the canonical name as in a schema.
    pub regexes: Vec<String>,
}

impl Selection {
    /// True when it selects nothing.
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty() && self.regexes.is_empty()
    }

    /// The series it selects, ascending by id.
    ///
    /// # Errors
    /// What is wrong with a pattern, naming it.
    pub fn find(&self, catalog: &Catalog) -> Result<Vec<SeriesId>, LifecycleError> {
        let mut ids = Vec::new();
        for pattern in &self.patterns {
            find(catalog, pattern, &mut ids)?;
        }
        let regexes = self.compile()?;
        if !regexes.is_empty() {
            let matches = catalog.definitions().filter(|series| {
                let name = &*series.name;
                regexes.iter().any(|regex| regex.is_match(name))
            });
            ids.extend(matches.map(|series| series.id));
        }
        ids.sort_unstable();
        ids.dedup();
        Ok(ids)
    }

    fn compile(&self) -> Result<Vec<NamePattern>, LifecycleError> {
        let compiled = self.regexes.iter().map(|regex| {
            NamePattern::new(regex).map_err(|reason| {
                let message = format!("\"{regex}\" is not a regular expression: {reason}");
                LifecycleError::BadInput(message)
            })
        });
        compiled.collect()
    }
}

fn find(catalog: &Catalog, pattern: &str, ids: &mut Vec<SeriesId>) -> Result<(), LifecycleError> {
    if pattern.trim().is_empty() {
        let message = "\"\" is not a pattern; ** is for all series";
        return Err(LifecycleError::BadInput(message.to_owned()));
    }
    if pattern.starts_with("seriesByTag(") {
        let bad = |reason: String| LifecycleError::BadInput(format!("\"{pattern}\": {reason}"));
        let Expression::SeriesByTag(query) =
            target::parse(pattern).map_err(|error| bad(error.to_string()))?
        else {
            return Err(bad("it is more than seriesByTag('tag=value', …)".to_owned()));
        };
        let conditions: Vec<&str> = query.conditions.iter().map(String::as_str).collect();
        if conditions.is_empty() {
            return Err(bad("it has no expression such as 'name=cpu'".to_owned()));
        }
        let found = catalog.find_series(&conditions)?;
        ids.extend(found.iter().filter_map(|entry| entry.series));
        return Ok(());
    }
    let found = catalog.find(pattern, FindOptions::LEAVES)?;
    ids.extend(found.iter().filter_map(|node| node.series));
    Ok(())
}

//! A data folder as the tools see it: catalog and store, opened only to look, with or without its
//! daemon.
//!
//! The subcommands' files above hold the flags and choose by the kind of path; what they do with a
//! data folder stands here, a file a subcommand.

pub(super) mod dump;
pub(super) mod fetch;
mod files;
pub(super) mod info;
pub(super) mod usage;
pub(super) mod verify;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::ToolError;
use crate::catalog::{Catalog, FindOptions, OpenReport};
use crate::metric::{Retention, Rollup, SeriesId};
use crate::storage::strata::inspect::Inspection;

/// An opened data folder.
pub(super) struct Folder {
    pub(super) path: PathBuf,
    pub(super) catalog: Catalog,
    pub(super) report: OpenReport,
    pub(super) store: Inspection,
}

/// One series with what the catalog says of it.
pub(super) struct Named {
    pub(super) id: SeriesId,
    pub(super) name: Arc<str>,
    pub(super) retention: Arc<Retention>,
    pub(super) rollup: Rollup,
}

impl Folder {
    /// Opens the folder. The catalog comes first: what it names is then in the store, but for series
    /// of the last moment.
    ///
    /// # Errors
    /// When a part of it cannot be read, or is damaged beyond use.
    pub(super) fn open(path: &Path) -> Result<Self, ToolError> {
        let (catalog, report) = Catalog::open_read_only(path)?;
        let store = Inspection::open(path)?;
        for series in catalog.definitions() {
            store.define(&series)?;
        }
        Ok(Self {
            path: path.to_owned(),
            catalog,
            report,
            store,
        })
    }

    /// The series that any of the patterns matches, by name; all without a pattern.
    ///
    /// # Errors
    /// When a pattern cannot be read, or matches nothing.
    pub(super) fn select(&self, patterns: &[String]) -> Result<Vec<Named>, ToolError> {
        let mut chosen: Vec<Named> = Vec::new();
        if patterns.is_empty() {
            chosen.extend(self.catalog.definitions().map(|series| Named {
                id: series.id,
                name: series.name,
                retention: series.retention,
                rollup: series.rollup,
            }));
        }
        for pattern in patterns {
            let found = self.catalog.find(pattern, FindOptions::LEAVES);
            let found = found.map_err(|error| ToolError::BadInput(error.to_string()))?;
            if found.is_empty() {
                let folder = self.path.display();
                let message = format!("{folder}: no series matches \"{pattern}\"");
                return Err(ToolError::BadInput(message));
            }
            for node in found {
                let known = node
                    .series
                    .and_then(|id| Some((id, self.catalog.definition(id)?)));
                chosen.extend(known.map(|(id, (retention, rollup))| Named {
                    id,
                    name: node.path,
                    retention,
                    rollup,
                }));
            }
        }
        chosen.sort_by(|one, other| one.name.cmp(&other.name));
        chosen.dedup_by(|one, other| one.id == other.id);
        Ok(chosen)
    }
}

/// The name of a series, or its number when no catalog knows it (any more).
fn name_in(catalog: Option<&Catalog>, id: u32) -> String {
    let name = catalog.and_then(|catalog| catalog.name(SeriesId(id)));
    name.map_or_else(|| format!("series {id}"), |name| name.to_string())
}

//! Schemas and aggregation rules from all their sources, as one [`Schemas`].

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;

use super::carbon_conf::{check_x_files_factor, parse_method, read_aggregations, read_schemas};
use super::error::ConfigError;
use super::raw::{RawAggregation, RawSchema, RawStorage};
use crate::metric::schema::{AggregationRule, NamePattern, SchemaRule};
use crate::metric::{Retention, Rollup, Schemas};

/// Where rules come from: those of `config.toml`, compiled, then those of Graphite's files, which
/// each [`RuleSources::read`] reads anew.
#[derive(Clone, Debug)]
pub struct RuleSources {
    schemas: Vec<SchemaRule>,
    aggregations: Vec<AggregationRule>,
    schemas_file: Option<PathBuf>,
    aggregation_file: Option<PathBuf>,
}

impl RuleSources {
    pub(super) fn new(
        schemas: Vec<RawSchema>,
        aggregations: Vec<RawAggregation>,
        storage: &RawStorage,
    ) -> Result<Self, ConfigError> {
        let named = |path: &PathBuf| (!path.as_os_str().is_empty()).then(|| path.clone());
        Ok(Self {
            schemas: check_all("schema", schemas, check_schema)?,
            aggregations: check_all("aggregation", aggregations, check_aggregation)?,
            schemas_file: named(&storage.schemas_file),
            aggregation_file: named(&storage.aggregation_file),
        })
    }

    /// What changes when a file does: the time of its last change, its length and its number.
    pub fn fingerprint(&self) -> Fingerprint {
        let files = [&self.schemas_file, &self.aggregation_file];
        Fingerprint(files.map(|path| {
            let metadata = std::fs::metadata(path.as_ref()?).ok()?;
            let changed = (metadata.mtime(), metadata.mtime_nsec());
            Some((changed, metadata.len(), metadata.ino()))
        }))
    }

    /// Reads the files and puts all rules in their order, with one line for each key in the files
    /// that has no effect.
    ///
    /// # Errors
    /// What is wrong with a file, in one line.
    pub fn read(&self) -> Result<(Schemas, Vec<String>), ConfigError> {
        let mut schemas = self.schemas.clone();
        let mut aggregations = self.aggregations.clone();
        let mut warnings = Vec::new();
        if let Some(path) = &self.schemas_file {
            let file = read_schemas(path)?;
            schemas.extend(file.rules);
            warnings.extend(file.warnings);
        }
        if let Some(path) = &self.aggregation_file {
            let file = read_aggregations(path)?;
            aggregations.extend(file.rules);
            warnings.extend(file.warnings);
        }
        Ok((Schemas::new(schemas, aggregations), warnings))
    }
}

/// The state of the two rule files, to be compared with a later one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint([Option<FileState>; 2]);

/// Seconds and nanoseconds of the last change, length, inode.
type FileState = ((i64, i64), u64, u64);

/// What is wrong with an inline rule: its key, then the reason.
type Wrong = (&'static str, String);

fn check_all<Raw, Rule>(
    table: &str,
    raw: Vec<Raw>,
    check: impl Fn(Raw) -> Result<Rule, Wrong>,
) -> Result<Vec<Rule>, ConfigError> {
    raw.into_iter()
        .enumerate()
        .map(|(position, raw)| {
            check(raw).map_err(|(key, reason)| {
                ConfigError::value(format!("{table}[{position}].{key}"), reason)
            })
        })
        .collect()
}

fn check_pattern(text: &str) -> Result<NamePattern, Wrong> {
    NamePattern::new(text).map_err(|error| {
        let reason = format!("\"{text}\" is not a regular expression: {error}");
        ("pattern", reason)
    })
}

fn check_schema(raw: RawSchema) -> Result<SchemaRule, Wrong> {
    let retention =
        Retention::parse(&raw.retentions).map_err(|error| ("retentions", error.to_string()))?;
    Ok(SchemaRule {
        pattern: check_pattern(&raw.pattern)?,
        name: raw.name,
        retention: Arc::new(retention),
    })
}

fn check_aggregation(raw: RawAggregation) -> Result<AggregationRule, Wrong> {
    let rollup = Rollup {
        method: parse_method(&raw.aggregation_method)
            .map_err(|reason| ("aggregation_method", reason))?,
        x_files_factor: check_x_files_factor(raw.x_files_factor)
            .map_err(|reason| ("x_files_factor", reason))?,
    };
    Ok(AggregationRule {
        pattern: check_pattern(&raw.pattern)?,
        name: raw.name,
        rollup,
    })
}

//! The rules that new series get, from config.toml or from Graphite's two files, for the tools that
//! hold files against them.

use std::path::PathBuf;

use clap::Args;
use plumbago_storage_format::whisper::{ArchiveSpec, Dialect, Header};

use super::ToolError;
use crate::config;
use crate::metric::{Retention, Rollup, Schemas};
use crate::storage::whisper::method_of;

/// Where rules are read from.
#[derive(Clone, Debug, Args)]
pub(super) struct RulesFlags {
    /// Read the rules as `serve` does, from this config.toml and the files that it names.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Read this storage-schemas.conf.
    #[arg(long, value_name = "FILE")]
    schemas: Option<PathBuf>,
    /// Read this storage-aggregation.conf.
    #[arg(long, value_name = "FILE")]
    aggregation: Option<PathBuf>,
}

impl RulesFlags {
    /// Takes the two files of carbon's configuration folder where no flag names others.
    pub(super) fn in_folder(mut self, folder: Option<&PathBuf>) -> Self {
        if let Some(folder) = folder {
            let schemas = || folder.join("storage-schemas.conf");
            self.schemas = self.schemas.or_else(|| Some(schemas()));
            let aggregation = folder.join("storage-aggregation.conf");
            // Carbon runs without it.
            if self.aggregation.is_none() && aggregation.exists() {
                self.aggregation = Some(aggregation);
            }
        }
        self
    }

    /// Reads the rules, and a line for each key in them without effect.
    ///
    /// # Errors
    /// When no file is named, or one is wrong.
    pub(super) fn read(&self) -> Result<(Schemas, Vec<String>), ToolError> {
        if self.config.is_none() && self.schemas.is_none() {
            let reason = "no rules: name a --config, a --schemas file or carbon's folder";
            return Err(ToolError::BadInput(reason.to_owned()));
        }
        let named = [
            ("storage.schemas_file", &self.schemas),
            ("storage.aggregation_file", &self.aggregation),
        ];
        let sets: Vec<String> = named
            .into_iter()
            .filter_map(|(key, path)| Some((key, path.as_ref()?)))
            // As a TOML string, whatever it looks like.
            .map(|(key, path)| format!("{key}={:?}", path.to_string_lossy()))
            .collect();
        let wrong = |error: config::ConfigError| ToolError::BadInput(error.to_string());
        let config = config::load(self.config.as_deref(), &sets).map_err(wrong)?;
        config.rules.read().map_err(wrong)
    }
}

/// What a Whisper file of a metric should be by the rules.
///
/// # Errors
/// When a Whisper file cannot have the method, in words that follow the metric's name.
pub(super) fn header_for(retention: &Retention, rollup: Rollup) -> Result<Header, String> {
    let method = method_of(rollup.method, Dialect::Reference)
        .ok_or_else(|| format!("the method {} has no Whisper file", rollup.method))?;
    let header = Header::new(
        &specs_of(retention),
        method,
        rollup.x_files_factor,
        Dialect::Reference,
    );
    header.map_err(|error| error.to_string())
}

/// The archives of a retention.
pub(super) fn specs_of(retention: &Retention) -> Vec<ArchiveSpec> {
    let archives = retention.archives().iter();
    let specs = archives.map(|archive| ArchiveSpec {
        step_s: archive.step,
        points: archive.points,
    });
    specs.collect()
}

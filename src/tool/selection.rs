//! Which metrics of a tree a subcommand is about.

use std::path::PathBuf;

use clap::Args;
use regex::Regex;

use super::ToolError;
use super::progress::Quiet;
use super::tree::Tree;
use crate::metric::pattern::Pattern;

/// A path, and a pattern of the metrics below it.
#[derive(Clone, Debug, Args)]
pub(super) struct Selection {
    /// A Whisper file or a tree of them.
    pub(super) path: PathBuf,
    /// Only metrics that this glob matches, as in 'servers.*.cpu.{user,system}'. May be repeated.
    #[arg(long, value_name = "PATTERN")]
    pattern: Vec<String>,
    /// Only metrics in whose names this regular expression occurs.
    #[arg(long, value_name = "REGEX")]
    regex: Option<Regex>,
}

impl Selection {
    /// The files of the tree whose metrics are meant; without a pattern all, also those whose names
    /// are hashed.
    ///
    /// # Errors
    /// A pattern that is none, and what [`Tree::read`] refuses.
    pub(super) fn read(&self, quiet: Quiet) -> Result<Tree, ToolError> {
        let patterns = parse(&self.pattern)?;
        let tree = Tree::read(&self.path, quiet)?;
        if patterns.is_empty() && self.regex.is_none() {
            return Ok(tree);
        }
        Ok(tree.filtered(|metric| {
            matches_any(&patterns, metric)
                && self
                    .regex
                    .as_ref()
                    .is_none_or(|regex| regex.is_match(metric))
        }))
    }
}

/// Reads `--pattern` flags.
///
/// # Errors
/// A pattern that is none.
pub(super) fn parse(patterns: &[String]) -> Result<Vec<Pattern>, ToolError> {
    let patterns = patterns.iter().map(|pattern| Pattern::parse(pattern));
    let patterns: Result<Vec<Pattern>, _> = patterns.collect();
    patterns.map_err(|error| ToolError::BadInput(format!("--pattern: {error}")))
}

/// True if any of the patterns matches, or there is none.
pub(super) fn matches_any(patterns: &[Pattern], metric: &str) -> bool {
    patterns.is_empty() || patterns.iter().any(|pattern| pattern.matches(metric))
}

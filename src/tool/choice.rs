//! Which metrics of many are meant, and what they are called afterwards.

use clap::Args;
use regex::Regex;

use super::ToolError;
use crate::metric::pattern::Pattern;

/// `--include` and `--exclude`.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct ChoiceFlags {
    /// Only metrics that match, as in 'servers.*.cpu.**'; may be repeated. Of tagged names the part
    /// before the tags counts.
    #[arg(long, value_name = "PATTERN")]
    include: Vec<String>,
    /// Not these metrics; stronger than --include, may be repeated.
    #[arg(long, value_name = "PATTERN")]
    exclude: Vec<String>,
}

/// The patterns, read.
#[derive(Debug)]
pub(super) struct Choice {
    include: Vec<Pattern>,
    exclude: Vec<Pattern>,
}

impl ChoiceFlags {
    /// Reads the patterns.
    ///
    /// # Errors
    /// [`ToolError::BadInput`] for a pattern beyond a limit.
    pub(super) fn read(&self) -> Result<Choice, ToolError> {
        let patterns = |(flag, texts): (&str, &[String])| -> Result<Vec<Pattern>, ToolError> {
            let read = texts.iter().map(|text| {
                Pattern::parse(text)
                    .map_err(|error| ToolError::BadInput(format!("{flag} {text}: {error}")))
            });
            read.collect()
        };
        Ok(Choice {
            include: patterns(("--include", &self.include))?,
            exclude: patterns(("--exclude", &self.exclude))?,
        })
    }
}

impl Choice {
    /// True for a metric that is meant.
    pub(super) fn takes(&self, name: &str) -> bool {
        let metric = name.split(';').next().unwrap_or(name);
        let is_in = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.matches(metric));
        (self.include.is_empty() || is_in(&self.include)) && !is_in(&self.exclude)
    }
}

/// Replacements of parts of names, one after another.
#[derive(Debug, Default)]
pub(super) struct Renames(Vec<(Regex, String)>);

impl Renames {
    /// Reads pairs of a regular expression and what takes its place.
    ///
    /// # Errors
    /// [`ToolError::BadInput`] for what is no regular expression.
    pub(super) fn read(pairs: &[String]) -> Result<Self, ToolError> {
        let pairs = pairs.chunks_exact(2).map(|pair| {
            let regex = Regex::new(&pair[0]).map_err(|error| {
                let text = error.to_string();
                let reason = text.lines().next_back().unwrap_or_default();
                ToolError::BadInput(format!("--rename {}: {}", pair[0], reason.trim()))
            })?;
            Ok((regex, pair[1].clone()))
        });
        pairs.collect::<Result<_, ToolError>>().map(Self)
    }

    /// The new name.
    pub(super) fn apply(&self, name: &str) -> String {
        let rename = |name: String, (regex, to): &(Regex, String)| {
            regex.replace_all(&name, to.as_str()).into_owned()
        };
        self.0.iter().fold(name.to_owned(), rename)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exclusion_is_stronger_and_tags_do_not_count() {
        let flags = ChoiceFlags {
            include: vec!["a.*".to_owned(), "b".to_owned()],
            exclude: vec!["a.x".to_owned()],
        };
        let choice = flags.read().unwrap();
        let taken = ["a.y", "b;k=v", "a.x", "a.y.z", "c"].map(|name| choice.takes(name));
        assert_eq!(taken, [true, true, false, false, false]);
        let all = ChoiceFlags::default().read().unwrap();
        assert!(all.takes("anything.at;all=1"));
    }

    #[test]
    fn names_are_replaced_in_order_with_groups() {
        let pairs = ["^carbon\\.(.*)$", "old.$1", "old", "older"].map(str::to_owned);
        let renames = Renames::read(&pairs).unwrap();
        assert_eq!(renames.apply("carbon.agents"), "older.agents");
        assert_eq!(renames.apply("x.y"), "x.y");
        let error = Renames::read(&["(".to_owned(), String::new()]).unwrap_err();
        assert!(error.to_string().starts_with("--rename (: "), "{error}");
    }
}

//! Graphite's own `storage-schemas.conf` and `storage-aggregation.conf`.
//!
//! The INI dialect is that of Python's `configparser`, which carbon reads them with: sections in
//! file order, keys in any case, `=` or `:`, whole-line comments with `#` or `;`, indented lines
//! that continue a value, `%%` for `%`, `[DEFAULT]` for fallbacks. Where carbon logs and skips a
//! section that it cannot use, this reader refuses the file: a rule that silently does not hold
//! gives new series the wrong archives for as long as they live.

use std::path::Path;
use std::sync::Arc;

use super::error::{ConfigError, Origin};
use crate::metric::schema::{AggregationRule, NamePattern, SchemaRule};
use crate::metric::{AggregationMethod, Retention, Rollup};

/// One `key = value` and the line where it starts.
#[derive(Debug, PartialEq, Eq)]
struct Entry {
    key: String,
    value: String,
    line: usize,
}

impl Entry {
    /// Keys are the same in any case.
    fn is(&self, key: &str) -> bool {
        self.key.eq_ignore_ascii_case(key)
    }
}

/// One `[name]` and what follows it.
#[derive(Debug, PartialEq, Eq)]
struct Section {
    name: String,
    line: usize,
    entries: Vec<Entry>,
}

/// What a file holds, and what in it has no effect.
#[derive(Debug)]
pub(super) struct RuleFile<Rule> {
    /// The rules in file order.
    pub(super) rules: Vec<Rule>,
    /// One line for each key that nothing reads.
    pub(super) warnings: Vec<String>,
}

/// Reads `storage-schemas.conf`.
///
/// # Errors
/// The first section that cannot be used: file, line, section, key and value.
pub(super) fn read_schemas(path: &Path) -> Result<RuleFile<SchemaRule>, ConfigError> {
    read_rules(path, &["pattern", "retentions"], |section| {
        Ok(SchemaRule {
            name: section.name().to_owned(),
            pattern: section.pattern()?,
            retention: section.required("retentions", |text| {
                let retention = Retention::parse(text).map_err(|error| error.to_string())?;
                Ok(Arc::new(retention))
            })?,
        })
    })
}

/// Reads `storage-aggregation.conf`.
///
/// # Errors
/// The first section that cannot be used: file, line, section, key and value.
pub(super) fn read_aggregations(path: &Path) -> Result<RuleFile<AggregationRule>, ConfigError> {
    let keys = ["pattern", "xFilesFactor", "aggregationMethod"];
    read_rules(path, &keys, |section| {
        let default = Rollup::default();
        Ok(AggregationRule {
            name: section.name().to_owned(),
            pattern: section.pattern()?,
            rollup: Rollup {
                method: section
                    .optional("aggregationMethod", parse_method)?
                    .unwrap_or(default.method),
                x_files_factor: section
                    .optional("xFilesFactor", parse_x_files_factor)?
                    .unwrap_or(default.x_files_factor),
            },
        })
    })
}

/// A method by Graphite's name.
pub(super) fn parse_method(text: &str) -> Result<AggregationMethod, String> {
    AggregationMethod::parse(&text.to_ascii_lowercase()).ok_or_else(|| {
        format!(
            "\"{text}\" is not one of average, sum, last, max, min, avg_zero, absmax, absmin, \
             first, count, median, p50 to p999"
        )
    })
}

fn parse_x_files_factor(text: &str) -> Result<f32, String> {
    text.parse()
        .map_err(|_| format!("\"{text}\" is not a number from 0 to 1"))
        .and_then(check_x_files_factor)
}

/// Holds the factor to its range.
pub(super) fn check_x_files_factor(factor: f32) -> Result<f32, String> {
    if (0.0..=1.0).contains(&factor) {
        Ok(factor)
    } else {
        Err(format!("{factor} is not a number from 0 to 1"))
    }
}

fn read_rules<Rule>(
    path: &Path,
    known_keys: &[&str],
    rule_of: impl Fn(&SectionReader<'_>) -> Result<Rule, ConfigError>,
) -> Result<RuleFile<Rule>, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    let sections = parse_sections(path, &text)?;
    let (defaults, sections): (Vec<_>, Vec<_>) = sections
        .into_iter()
        .partition(|section| section.name == "DEFAULT");
    let mut file = RuleFile {
        rules: Vec::with_capacity(sections.len()),
        warnings: Vec::new(),
    };
    for section in &sections {
        let unread = section
            .entries
            .iter()
            .filter(|entry| !known_keys.iter().any(|known| entry.is(known)));
        file.warnings.extend(unread.map(|entry| {
            let origin = Origin::file(path, Some(entry.line));
            format!("{origin}: [{}] {}: has no effect", section.name, entry.key)
        }));
        file.rules.push(rule_of(&SectionReader {
            path,
            section,
            defaults: defaults.first(),
        })?);
    }
    Ok(file)
}

/// Takes typed values out of a section and says where a wrong one stands.
struct SectionReader<'a> {
    path: &'a Path,
    section: &'a Section,
    defaults: Option<&'a Section>,
}

impl SectionReader<'_> {
    fn name(&self) -> &str {
        &self.section.name
    }

    fn pattern(&self) -> Result<NamePattern, ConfigError> {
        self.required("pattern", |text| {
            NamePattern::new(text)
                .map_err(|error| format!("\"{text}\" is not a regular expression: {error}"))
        })
    }

    fn required<T>(
        &self,
        key: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, ConfigError> {
        let missing = || self.error(key, self.section.line, "is missing".to_owned());
        self.optional(key, parse)?.ok_or_else(missing)
    }

    fn optional<T>(
        &self,
        key: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, ConfigError> {
        let find = |section: &'_ Section| {
            let entry = section.entries.iter().find(|entry| entry.is(key))?;
            Some((entry.value.clone(), entry.line))
        };
        let found = find(self.section).or_else(|| self.defaults.and_then(find));
        // An empty value is what carbon takes as none.
        let Some((value, line)) = found.filter(|(value, _)| !value.is_empty()) else {
            return Ok(None);
        };
        parse(&value)
            .map(Some)
            .map_err(|reason| self.error(key, line, reason))
    }

    fn error(&self, key: &str, line: usize, reason: String) -> ConfigError {
        ConfigError::Invalid {
            origin: Origin::file(self.path, Some(line)),
            key: format!("[{}] {key}", self.section.name),
            reason,
        }
    }
}

/// Splits the text into sections; keys as written, values with `%%` resolved.
fn parse_sections(path: &Path, text: &str) -> Result<Vec<Section>, ConfigError> {
    let mut sections: Vec<Section> = Vec::new();
    let mut key_indent = None;
    for (index, raw_line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let line = raw_line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        let syntax = |reason: String| ConfigError::Syntax {
            origin: Origin::file(path, Some(index + 1)),
            reason,
        };
        let indent = raw_line.len() - raw_line.trim_start().len();
        if let (Some(section), Some(_)) =
            (sections.last_mut(), key_indent.filter(|key| indent > *key))
        {
            let last = section
                .entries
                .last_mut()
                .expect("an indent is known only after a key");
            last.value.push('\n');
            last.value.push_str(&line.replace("%%", "%"));
            continue;
        }
        if let Some(name) = section_name(line) {
            if sections.iter().any(|section| section.name == name) {
                return Err(syntax(format!("section [{name}] is there twice")));
            }
            sections.push(Section {
                name: name.to_owned(),
                line: index + 1,
                entries: Vec::new(),
            });
            key_indent = None;
            continue;
        }
        let section = sections
            .last_mut()
            .ok_or_else(|| syntax(format!("\"{line}\" stands before the first [section]")))?;
        let entry = parse_entry(line, index + 1)
            .ok_or_else(|| syntax(format!("\"{line}\" is neither [section] nor key = value")))?;
        if section.entries.iter().any(|other| other.is(&entry.key)) {
            return Err(syntax(format!(
                "[{}] has {} twice",
                section.name, entry.key
            )));
        }
        section.entries.push(entry);
        key_indent = Some(indent);
    }
    Ok(sections)
}

fn section_name(line: &str) -> Option<&str> {
    let name = line.strip_prefix('[')?.strip_suffix(']')?;
    (!name.is_empty()).then_some(name)
}

fn parse_entry(line: &str, number: usize) -> Option<Entry> {
    let (key, value) = line.split_once(['=', ':'])?;
    let key = key.trim().to_owned();
    (!key.is_empty()).then(|| Entry {
        key,
        value: value.trim().replace("%%", "%"),
        line: number,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
    }

    fn schema_error(text: &str) -> String {
        let file = file(text);
        let message = read_schemas(file.path()).unwrap_err().to_string();
        let path = file.path().display().to_string();
        assert!(message.starts_with(&path), "{message}");
        message[path.len()..].to_owned()
    }

    fn aggregation_error(text: &str) -> String {
        let file = file(text);
        read_aggregations(file.path()).unwrap_err().to_string()
    }

    #[test]
    fn schemas_keep_the_order_of_the_file() {
        let file = file(
            "# comment\n[carbon]\npattern = ^carbon\\.\nretentions = 60:90d\n\n; other comment\n\
             [by colon]\nPATTERN: ^a:b=c$\nRetentions: 10s:6h,\n   1m:7d\n",
        );
        let rules = read_schemas(file.path()).unwrap().rules;
        let names: Vec<_> = rules.iter().map(|rule| rule.name.as_str()).collect();
        assert_eq!(names, ["carbon", "by colon"]);
        assert_eq!(rules[1].pattern.as_str(), "^a:b=c$");
        assert_eq!(
            *rules[1].retention,
            Retention::parse("10s:6h,1m:7d").unwrap()
        );
    }

    #[test]
    fn indented_keys_are_keys_and_not_continuations() {
        let file = file("[a]\n  pattern = x\n  retentions = 1m:1d\n");
        assert_eq!(
            read_schemas(file.path()).unwrap().rules[0].pattern.as_str(),
            "x"
        );
    }

    #[test]
    fn aggregation_keys_fall_back_to_carbons_defaults() {
        let file = file(
            "[DEFAULT]\nxFilesFactor = 0.1\n[sum]\npattern = \\.count$\naggregationMethod = sum\n\
             [rest]\npattern = .*\nxFilesFactor = 0\n",
        );
        let rules = read_aggregations(file.path()).unwrap().rules;
        assert_eq!(rules.len(), 2);
        assert_eq!(rules[0].rollup.method, AggregationMethod::Sum);
        assert_eq!(rules[0].rollup.x_files_factor, 0.1);
        assert_eq!(rules[1].rollup.method, AggregationMethod::Average);
        assert_eq!(rules[1].rollup.x_files_factor, 0.0);
    }

    #[test]
    fn key_that_nothing_reads_is_a_warning() {
        let file = file("[a]\npriority = 10\npattern = x\nretentions = 1m:1d\n");
        let read = read_schemas(file.path()).unwrap();
        assert_eq!(read.rules.len(), 1);
        assert!(read.warnings[0].ends_with(":2: [a] priority: has no effect"));
    }

    #[test]
    fn schema_errors_name_line_section_key_and_value() {
        for (text, expected) in [
            ("[a]\npattern = x\n", ":1: [a] retentions: is missing"),
            ("[a]\nretentions = 1m:1d\n", ":1: [a] pattern: is missing"),
            (
                "[a]\npattern = (\nretentions = 1m:1d\n",
                ":2: [a] pattern: \"(\" is not a regular",
            ),
            (
                "[a]\npattern = x\nretentions = 1m\n",
                ":3: [a] retentions: \"1m\" is not STEP",
            ),
            (
                "pattern = x\n",
                ":1: \"pattern = x\" stands before the first [section]",
            ),
            ("[a]\nnonsense\n", ":2: \"nonsense\" is neither"),
            (
                "[a]\npattern = x\nPattern = y\n",
                ":3: [a] has Pattern twice",
            ),
            (
                "[a]\npattern = x\nretentions=1:1\n[a]\n",
                ":4: section [a] is there twice",
            ),
        ] {
            let message = schema_error(text);
            assert!(
                message.starts_with(expected),
                "{message} instead of {expected}"
            );
        }
    }

    #[test]
    fn aggregation_errors_name_what_would_be_right() {
        let message = aggregation_error("[a]\npattern = x\nxFilesFactor = 1.5\n");
        assert!(
            message.ends_with(":3: [a] xFilesFactor: 1.5 is not a number from 0 to 1"),
            "{message}"
        );
        let message = aggregation_error("[a]\npattern = x\nxFilesFactor = half\n");
        assert!(message.contains("\"half\""), "{message}");
        let message = aggregation_error("[a]\npattern = x\naggregationMethod = mode\n");
        assert!(
            message.contains("\"mode\" is not one of average, sum"),
            "{message}"
        );
    }

    #[test]
    fn missing_file_is_named() {
        let error = read_schemas(Path::new("no/such.conf")).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("no/such.conf: cannot be read")
        );
    }
}

//! Which archives and which rollup a new series gets: the rules of `storage-schemas.conf` and
//! `storage-aggregation.conf`, in their order, the first match wins.
//!
//! `config` reads the rules from files, `ingest` asks once for each new series. A [`Schemas`] never
//! changes; a reload makes a new one and swaps it in whole (`Arc<ArcSwap<Schemas>>`), so a series
//! sees one consistent set of rules.

use std::sync::Arc;

use super::{Archive, Retention, Rollup};

/// What a series gets when no schema matches, as in carbon: a point a minute for seven days.
pub const DEFAULT_ARCHIVE: Archive = Archive {
    step: 60,
    points: 10_080,
};

/// A regular expression searched for anywhere in a canonical name, as Python's `re.search` does.
///
/// Look-around and back-references, which Python has and linear-time engines lack, go to a
/// backtracking engine; every other pattern never leaves the linear one.
#[derive(Clone, Debug)]
pub struct NamePattern {
    engine: Engine,
}

#[derive(Clone, Debug)]
enum Engine {
    Linear(regex::Regex),
    Backtracking(Box<fancy_regex::Regex>),
}

impl NamePattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// What is wrong with its syntax, in one line.
    pub fn new(pattern: &str) -> Result<Self, String> {
        let linear_error = match regex::Regex::new(pattern) {
            Ok(regex) => {
                return Ok(Self {
                    engine: Engine::Linear(regex),
                });
            }
            Err(error) => error,
        };
        match fancy_regex::Regex::new(pattern) {
            Ok(regex) => Ok(Self {
                engine: Engine::Backtracking(Box::new(regex)),
            }),
            Err(_) => Err(last_line(&linear_error.to_string())),
        }
    }

    /// True when the pattern occurs in `name`. A backtracking search that exceeds its step limit
    /// counts as no match.
    pub fn is_match(&self, name: &str) -> bool {
        match &self.engine {
            Engine::Linear(regex) => regex.is_match(name),
            Engine::Backtracking(regex) => regex.is_match(name).unwrap_or(false),
        }
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        match &self.engine {
            Engine::Linear(regex) => regex.as_str(),
            Engine::Backtracking(regex) => regex.as_str(),
        }
    }
}

/// The regex crate draws its errors over several lines; the last one says what is wrong.
fn last_line(message: &str) -> String {
    let line = message.trim().lines().next_back().unwrap_or_default();
    line.trim().trim_start_matches("error: ").to_owned()
}

/// One section of `storage-schemas.conf`.
#[derive(Clone, Debug)]
pub struct SchemaRule {
    /// The section's name.
    pub name: String,
    /// Which series it is for.
    pub pattern: NamePattern,
    /// Their archives.
    pub retention: Arc<Retention>,
}

/// One section of `storage-aggregation.conf`.
#[derive(Clone, Debug)]
pub struct AggregationRule {
    /// The section's name.
    pub name: String,
    /// Which series it is for.
    pub pattern: NamePattern,
    /// Their rollup.
    pub rollup: Rollup,
}

/// All rules in their order.
#[derive(Clone, Debug)]
pub struct Schemas {
    schemas: Vec<SchemaRule>,
    aggregations: Vec<AggregationRule>,
    default_retention: Arc<Retention>,
}

impl Default for Schemas {
    fn default() -> Self {
        Self::new(Vec::new(), Vec::new())
    }
}

impl Schemas {
    /// Rules that are tried in the order given. Equal retentions are made one allocation, so that
    /// a store may compare them by pointer first.
    pub fn new(mut schemas: Vec<SchemaRule>, aggregations: Vec<AggregationRule>) -> Self {
        let default_retention = Retention::new(vec![DEFAULT_ARCHIVE])
            .map(Arc::new)
            .expect("a single archive with points breaks no rule");
        let mut distinct = vec![Arc::clone(&default_retention)];
        for rule in &mut schemas {
            match distinct.iter().find(|known| **known == rule.retention) {
                Some(known) => rule.retention = Arc::clone(known),
                None => distinct.push(Arc::clone(&rule.retention)),
            }
        }
        Self {
            schemas,
            aggregations,
            default_retention,
        }
    }

    /// The archives and the rollup of a new series with this canonical name.
    pub fn definition_for(&self, name: &str) -> (Arc<Retention>, Rollup) {
        let retention = self
            .schema_for(name)
            .map_or(&self.default_retention, |rule| &rule.retention);
        let rollup = self
            .aggregation_for(name)
            .map_or_else(Rollup::default, |rule| rule.rollup);
        (Arc::clone(retention), rollup)
    }

    /// The first schema that matches; `None` when the default holds.
    pub fn schema_for(&self, name: &str) -> Option<&SchemaRule> {
        self.schemas.iter().find(|rule| rule.pattern.is_match(name))
    }

    /// The first aggregation rule that matches; `None` when the default holds.
    pub fn aggregation_for(&self, name: &str) -> Option<&AggregationRule> {
        self.aggregations
            .iter()
            .find(|rule| rule.pattern.is_match(name))
    }

    /// The schemas in their order.
    pub fn schemas(&self) -> &[SchemaRule] {
        &self.schemas
    }

    /// The aggregation rules in their order.
    pub fn aggregations(&self) -> &[AggregationRule] {
        &self.aggregations
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::AggregationMethod;

    fn schema(pattern: &str, retention: &str) -> SchemaRule {
        SchemaRule {
            name: pattern.to_owned(),
            pattern: NamePattern::new(pattern).unwrap(),
            retention: Arc::new(Retention::parse(retention).unwrap()),
        }
    }

    fn aggregation(pattern: &str, method: AggregationMethod) -> AggregationRule {
        AggregationRule {
            name: pattern.to_owned(),
            pattern: NamePattern::new(pattern).unwrap(),
            rollup: Rollup {
                method,
                x_files_factor: 0.1,
            },
        }
    }

    #[test]
    fn nothing_matches_gives_carbons_defaults() {
        let (retention, rollup) = Schemas::default().definition_for("a.b");
        assert_eq!(*retention, Retention::parse("60s:7d").unwrap());
        assert_eq!(rollup, Rollup::default());
    }

    #[test]
    fn first_match_wins_and_is_searched_unanchored() {
        let schemas = Schemas::new(
            vec![schema("cpu", "10s:6h"), schema(r"^web\.", "1s:1h")],
            vec![
                aggregation(r"\.max$", AggregationMethod::Max),
                aggregation("", AggregationMethod::Sum),
            ],
        );
        let (retention, rollup) = schemas.definition_for("web.cpu.max");
        assert_eq!(*retention, Retention::parse("10s:6h").unwrap());
        assert_eq!(rollup.method, AggregationMethod::Max);
        let (retention, rollup) = schemas.definition_for("web.mem");
        assert_eq!(*retention, Retention::parse("1s:1h").unwrap());
        assert_eq!(rollup.method, AggregationMethod::Sum);
        assert!(schemas.schema_for("db.mem").is_none());
    }

    #[test]
    fn equal_retentions_share_one_allocation() {
        let schemas = Schemas::new(
            vec![
                schema("^a", "10s:6h"),
                schema("^b", "10s:360m"),
                schema("^c", "60:10080"),
            ],
            Vec::new(),
        );
        let retention = |name| schemas.definition_for(name).0;
        assert!(Arc::ptr_eq(&retention("a"), &retention("b")));
        assert!(Arc::ptr_eq(&retention("c"), &retention("none")));
    }

    #[test]
    fn look_around_of_python_works() {
        let pattern = NamePattern::new(r"^(?!carbon\.).*\.count$").unwrap();
        assert!(pattern.is_match("app.count"));
        assert!(!pattern.is_match("carbon.count"));
        assert_eq!(pattern.as_str(), r"^(?!carbon\.).*\.count$");
    }

    #[test]
    fn broken_pattern_says_what_is_wrong_in_one_line() {
        let message = NamePattern::new("a(b").unwrap_err();
        assert!(message.contains("unclosed group"), "{message}");
        assert!(!message.contains('\n'));
    }
}

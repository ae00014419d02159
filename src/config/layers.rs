//! Defaults, then a file, then each `--set`: layers of one TOML table, later ones on top.
//!
//! Every layer is read into a [`RawConfig`] as soon as it is added, so that an unknown key or a
//! wrong type is reported with the layer that brought it.

use std::path::Path;

use toml::{Table, Value};

use super::error::{ConfigError, Origin};
use super::raw::RawConfig;

/// A table that grows layer by layer and always holds a readable configuration.
pub(super) struct Layers {
    table: Table,
    config: RawConfig,
}

impl Layers {
    /// The defaults alone.
    pub(super) fn new() -> Self {
        let config = RawConfig::default();
        let table = Table::try_from(&config).expect("the defaults hold only what TOML can say");
        Self { table, config }
    }

    /// Adds a file.
    ///
    /// # Errors
    /// When it cannot be read, is not TOML, or holds an unknown key or a wrong type.
    pub(super) fn add_file(&mut self, path: &Path) -> Result<(), ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        let table = parse_file(path, &text)?;
        merge(&mut self.table, table);
        self.config = read(&self.table, || Origin::file(path, None))?;
        Ok(())
    }

    /// Adds one `KEY=VALUE` of the command line. The value is read as TOML, and as plain text when
    /// it is not TOML or the key wants text.
    ///
    /// # Errors
    /// When there is no `=`, the key is unknown, or the value has a wrong type.
    pub(super) fn add_set(&mut self, assignment: &str) -> Result<(), ConfigError> {
        let origin = || Origin::Set(assignment.to_owned());
        let syntax = |reason: &str| ConfigError::Syntax {
            origin: origin(),
            reason: reason.to_owned(),
        };
        let (key, text) = assignment
            .split_once('=')
            .ok_or_else(|| syntax("is not KEY=VALUE, as in api.listen=127.0.0.1:8080"))?;
        let path: Vec<_> = key.trim().split('.').collect();
        if path.iter().any(|part| part.is_empty()) {
            return Err(syntax("has an empty part in its key"));
        }
        let as_text = Value::String(text.to_owned());
        let as_toml = parse_value(text).unwrap_or_else(|| as_text.clone());
        let result = self.try_value(&path, as_toml.clone(), origin);
        let (table, config) = match result {
            Err(_) if !as_toml.is_str() => match self.try_value(&path, as_text, origin) {
                Ok(found) => found,
                Err(_) => result?,
            },
            other => other?,
        };
        (self.table, self.config) = (table, config);
        Ok(())
    }

    fn try_value(
        &self,
        path: &[&str],
        value: Value,
        origin: impl Fn() -> Origin,
    ) -> Result<(Table, RawConfig), ConfigError> {
        let mut table = self.table.clone();
        merge(&mut table, nested(path, value));
        let config = read(&table, origin)?;
        Ok((table, config))
    }

    /// All layers together.
    pub(super) fn into_config(self) -> RawConfig {
        self.config
    }
}

fn parse_value(text: &str) -> Option<Value> {
    let mut table: Table = toml::from_str(&format!("value = {text}")).ok()?;
    // More than one key means that the text had a newline in it.
    if table.len() == 1 {
        table.remove("value")
    } else {
        None
    }
}

fn nested(path: &[&str], value: Value) -> Table {
    let (first, rest) = path.split_first().expect("a split has at least one part");
    let value = if rest.is_empty() {
        value
    } else {
        Value::Table(nested(rest, value))
    };
    Table::from_iter([((*first).to_owned(), value)])
}

/// Tables are merged key by key; everything else, lists too, is replaced.
fn merge(below: &mut Table, above: Table) {
    for (key, value) in above {
        match (below.get_mut(&key), value) {
            (Some(Value::Table(below)), Value::Table(above)) => merge(below, above),
            (_, value) => {
                below.insert(key, value);
            }
        }
    }
}

/// Reads the text twice: as a configuration of its own, which knows the lines of its errors, and as
/// a table to merge.
fn parse_file(path: &Path, text: &str) -> Result<Table, ConfigError> {
    let syntax = |error: toml::de::Error| ConfigError::Syntax {
        origin: Origin::file(path, error.span().map(|span| line_of(text, span.start))),
        reason: error.message().replace('\n', " "),
    };
    let table: Table = toml::from_str(text).map_err(syntax)?;
    let deserializer = toml::Deserializer::parse(text).map_err(syntax)?;
    serde_path_to_error::deserialize::<_, RawConfig>(deserializer).map_err(|error| {
        let span = error.inner().span();
        invalid(
            Origin::file(path, span.map(|span| line_of(text, span.start))),
            &error,
        )
    })?;
    Ok(table)
}

fn read(table: &Table, origin: impl Fn() -> Origin) -> Result<RawConfig, ConfigError> {
    let deserializer = Value::Table(table.clone());
    serde_path_to_error::deserialize(deserializer).map_err(|error| invalid(origin(), &error))
}

fn line_of(text: &str, offset: usize) -> usize {
    text[..offset.min(text.len())].matches('\n').count() + 1
}

fn invalid(origin: Origin, error: &serde_path_to_error::Error<toml::de::Error>) -> ConfigError {
    ConfigError::Invalid {
        origin,
        key: error.path().to_string(),
        reason: error.inner().message().replace('`', "\""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(assignment: &str) -> Result<RawConfig, String> {
        let mut layers = Layers::new();
        layers
            .add_set(assignment)
            .map_err(|error| error.to_string())?;
        Ok(layers.into_config())
    }

    fn file_error(text: &str) -> String {
        parse_file(Path::new("c.toml"), text)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn file_lies_on_the_defaults_and_set_on_the_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(
            file.path(),
            "[receiver.tcp]\nlisten = \"[::1]:1\"\n[receiver.own]\nlisten = \"[::1]:2\"\n",
        )
        .unwrap();
        let mut layers = Layers::new();
        layers.add_file(file.path()).unwrap();
        layers.add_set("receiver.own.listen=[::1]:3").unwrap();
        layers.add_set("receiver.udp.enabled=false").unwrap();
        let config = layers.into_config();
        assert_eq!(config.receiver["tcp"].listen, "[::1]:1");
        assert_eq!(config.receiver["own"].listen, "[::1]:3");
        assert_eq!(config.receiver["udp"].listen, "127.0.0.1:2003");
        assert!(!config.receiver["udp"].enabled);
    }

    #[test]
    fn set_takes_text_without_quotes_even_if_it_looks_like_a_number() {
        assert_eq!(
            set("storage.path=/tmp/x y").unwrap().storage.path,
            Path::new("/tmp/x y")
        );
        assert_eq!(
            set("storage.path=10").unwrap().storage.path,
            Path::new("10")
        );
        assert_eq!(
            set("storage.path=\"q\"").unwrap().storage.path,
            Path::new("q")
        );
        assert_eq!(set("telemetry.host=").unwrap().telemetry.host, "");
    }

    #[test]
    fn set_takes_lists_of_tables() {
        let config = set("schema=[{name='a', pattern='x', retentions='1m:1d'}]").unwrap();
        assert_eq!(config.schema[0].pattern, "x");
    }

    #[test]
    fn wrong_sets_name_key_value_and_what_is_right() {
        for (assignment, expected) in [
            ("storage.path", "is not KEY=VALUE"),
            ("storage..path=x", "empty part"),
            (
                "storage.pth=x",
                "storage.pth: unknown field \"pth\", expected one of \"path\"",
            ),
            ("nonsense.key=1", "nonsense: unknown field"),
            (
                "storage=5",
                "storage: invalid type: integer \"5\", expected a table of keys",
            ),
            (
                "storage.sync_interval=10",
                "\"10\" is not a whole number with a unit of ms",
            ),
            (
                "storage.engine=paper",
                "storage.engine: unknown variant \"paper\", expected \"strata\"",
            ),
            (
                "receiver.tcp.enabled=maybe",
                "receiver.tcp.enabled: invalid type: string \"maybe\", expected a boolean",
            ),
            (
                "receiver.tcp.transport=pigeon",
                "unknown variant \"pigeon\", expected \"tcp\" or \"udp\"",
            ),
        ] {
            let message = set(assignment).unwrap_err();
            assert!(
                message.starts_with(&format!("--set {assignment}: ")),
                "{message}"
            );
            assert!(
                message.contains(expected),
                "{message} instead of {expected}"
            );
            assert!(!message.contains('\n'), "{message}");
        }
    }

    #[test]
    fn wrong_files_name_the_line_too() {
        for (text, expected) in [
            (
                "[storage]\npth = 1\n",
                "c.toml:2: storage.pth: unknown field \"pth\"",
            ),
            (
                "\n[storage]\nsync_interval = \"1\"\n",
                "c.toml:3: storage.sync_interval: \"1\" is not",
            ),
            ("[storage]\npath = \n", "c.toml:2: "),
            (
                "[log]\nlevel = 5\n",
                "c.toml:2: log.level: invalid type: integer",
            ),
            ("[[schema]]\nname = \"a\"\n", "c.toml:1: schema[0]"),
        ] {
            let message = file_error(text);
            assert!(
                message.starts_with(expected),
                "{message} instead of {expected}"
            );
            assert!(!message.contains('\n'), "{message}");
        }
    }
}

use super::*;
use crate::metric::{AggregationMethod, Retention};

/// The shipped file, from the top of the repository.
const SHIPPED: &str = include_str!("../../config.toml");

fn sets(assignments: &[&str]) -> Result<Config, String> {
    let assignments: Vec<_> = assignments.iter().map(|text| (*text).to_owned()).collect();
    load(None, &assignments).map_err(|error| error.to_string())
}

#[test]
fn shipped_file_says_exactly_the_defaults() {
    let shipped: toml::Table = toml::from_str(SHIPPED).unwrap();
    let mut defaults = toml::Table::try_from(RawConfig::default()).unwrap();
    // Lists of rules are empty by default, which a file cannot show as `[[schema]]`.
    for list in ["schema", "aggregation"] {
        assert_eq!(defaults.remove(list), Some(toml::Value::Array(Vec::new())));
    }
    assert_eq!(shipped, defaults);
}

#[test]
fn shipped_file_explains_each_key() {
    let lines: Vec<_> = SHIPPED.lines().map(str::trim).collect();
    for (index, line) in lines.iter().enumerate() {
        if line.is_empty() || line.starts_with(['#', '[']) {
            continue;
        }
        assert!(
            index > 0 && lines[index - 1].starts_with('#'),
            "\"{line}\" has no comment above it"
        );
    }
}

#[test]
fn examples_in_the_shipped_file_are_valid() {
    let examples: String = SHIPPED
        .lines()
        .filter_map(|line| line.strip_prefix("#| "))
        .map(|line| format!("{line}\n"))
        .collect();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &examples).unwrap();
    let (schemas, _) = load(Some(file.path()), &[]).unwrap().rules.read().unwrap();
    assert!(!schemas.schemas().is_empty() && !schemas.aggregations().is_empty());
}

#[test]
fn no_key_is_needed() {
    let config = sets(&[]).unwrap();
    let names: Vec<_> = config
        .receivers
        .iter()
        .map(|receiver| receiver.name.as_str())
        .collect();
    assert_eq!(names, ["tcp", "udp"]);
    assert_eq!(config.api.listen.to_string(), "127.0.0.1:8080");
    assert!(config.telemetry.prefix.starts_with("carbon.agents."));
}

#[test]
fn disabled_receiver_is_left_out_and_not_checked() {
    let config = sets(&["receiver.udp.enabled=false", "receiver.udp.listen=nonsense"]).unwrap();
    assert_eq!(config.receivers.len(), 1);
}

/// A setting that has the right type and yet cannot be run, and what is said about it.
const SENSELESS: &[(&str, &str)] = &[
    ("api.listen=8080", "api.listen: \"8080\" is not HOST:PORT"),
    (
        "receiver.tcp.listen=127.0.0.1:99999",
        "receiver.tcp.listen: \"127.0.0.1:99999\"",
    ),
    (
        "receiver.own.enabled=true",
        "receiver.own.listen: \"\" is not HOST:PORT",
    ),
    (
        "receiver.\u{e4}.listen=127.0.0.1:1",
        "receiver.\u{e4}: the name becomes",
    ),
    ("storage.path=", "storage.path: \"\""),
    ("storage.sync_interval=0s", "storage.sync_interval: \"0s\""),
    (
        "limits.name_bytes_max=1MiB",
        "limits.name_bytes_max: \"1MiB\" is not from 16B to 65535B",
    ),
    (
        "limits.node_bytes_max=5000B",
        "limits.node_bytes_max: \"5000B\" is not from 1B to 4095B",
    ),
    (
        "receiver.udp.idle_timeout=1s",
        "receiver.udp.idle_timeout: has no effect on udp",
    ),
    (
        "receiver.tcp.sockets=2",
        "receiver.tcp.sockets: has no effect on tcp",
    ),
    (
        "receiver.udp.sockets=1000",
        "receiver.udp.sockets: 1000 is not from 0 to 256",
    ),
    (
        "storage.shards=1000",
        "storage.shards: 1000 is not from 0 to 256",
    ),
    (
        "storage.future_window=1d",
        "storage.future_window: \"1d\" is not from 0s to 1h",
    ),
    (
        "api.timezone=Mars/Olympus",
        "api.timezone: \"Mars/Olympus\" is not a time zone",
    ),
    ("api.targets_max=0", "api.targets_max: 0 would"),
    ("queue.points_max=0", "queue.points_max: 0"),
    ("telemetry.prefix=a b", "telemetry.prefix: \"a b."),
    (
        "schema=[{name='a', pattern='(', retentions='1m:1d'}]",
        "schema[0].pattern: \"(\"",
    ),
    (
        "schema=[{name='a', pattern='', retentions='1d'}]",
        "schema[0].retentions: \"1d\"",
    ),
    (
        "aggregation=[{name='a', pattern='', method='x'}]",
        "aggregation[0].aggregation_method: \"x\"",
    ),
    (
        "aggregation=[{name='a', pattern='', xFilesFactor=2.0}]",
        "aggregation[0].x_files_factor: 2",
    ),
];

#[test]
fn values_that_make_no_sense_name_their_key() {
    for (assignment, expected) in SENSELESS {
        let message = sets(&[assignment]).unwrap_err();
        assert!(
            message.contains(expected),
            "{message} instead of {expected}"
        );
        assert!(!message.contains('\n'), "{message}");
    }
}

#[test]
fn inline_rules_come_before_those_of_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let schemas = write("schemas.conf", "[all]\npattern=.*\nretentions=1m:1d\n");
    let aggregation = write(
        "aggregation.conf",
        "[all]\npattern=.*\naggregationMethod=max\n",
    );
    let config = sets(&[
        "schema=[{name='a', pattern='^a', retentions='10s:1h'}]",
        "aggregation=[{name='a', pattern='^a', method='sum'}]",
        &format!("storage.schemas_file={schemas}"),
        &format!("storage.aggregation_file={aggregation}"),
    ])
    .unwrap();
    let (rules, warnings) = config.rules.read().unwrap();
    assert!(warnings.is_empty());
    let (retention, rollup) = rules.definition_for("a.b");
    assert_eq!(*retention, Retention::parse("10s:1h").unwrap());
    assert_eq!(rollup.method, AggregationMethod::Sum);
    let (retention, rollup) = rules.definition_for("b.b");
    assert_eq!(*retention, Retention::parse("1m:1d").unwrap());
    assert_eq!(rollup.method, AggregationMethod::Max);
}

#[test]
fn long_alternations_load_at_once() {
    let names: Vec<_> = (0..2_000)
        .map(|number| format!(r"servers\.web{number:04}\.cpu\.user"))
        .collect();
    let text = format!(
        "[a]\npattern = ^({})$\nretentions = 10s:1h\n",
        names.join("|")
    );
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    let config = sets(&[&format!("storage.schemas_file={}", file.path().display())]).unwrap();
    let (rules, _) = config.rules.read().unwrap();
    assert!(rules.schema_for("servers.web1999.cpu.user").is_some());
    assert!(rules.schema_for("servers.web1999.cpu.users").is_none());
}

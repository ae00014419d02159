//! The configuration as it is typed: names and shapes of all keys, and their defaults.
//!
//! Unknown keys are refused here. What needs a second look (addresses, files, limits against each
//! other) is left to the parent module, which turns a [`RawConfig`] into a checked one.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::units::TimeSpan;

/// Everything that `config.toml` can say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table of keys")]
pub struct RawConfig {
    /// `[log]`.
    pub log: RawLog,
    /// `[storage]`.
    pub storage: RawStorage,
    /// `[receiver.NAME]`.
    pub receiver: BTreeMap<String, RawReceiver>,
    /// `[api]`.
    pub api: RawApi,
    /// `[telemetry]`.
    pub telemetry: RawTelemetry,
    /// `[shutdown]`.
    pub shutdown: RawShutdown,
    /// `[[schema]]`, tried before those of `storage.schemas_file`.
    pub schema: Vec<RawSchema>,
    /// `[[aggregation]]`, tried before those of `storage.aggregation_file`.
    pub aggregation: Vec<RawAggregation>,
}

/// `[log]`: what is written to standard error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table of keys")]
pub struct RawLog {
    /// The least severe level, or a filter such as `info,plumbago::receiver=debug`.
    pub level: String,
    /// One line of text or one JSON object an event.
    pub format: LogFormat,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// `[storage]`: where points live.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table of keys")]
pub struct RawStorage {
    /// The data folder; made when it is missing.
    pub path: PathBuf,
    /// What keeps the points.
    pub engine: Engine,
    /// How much a power loss may cost.
    pub sync_interval: TimeSpan,
    /// Graphite's `storage-schemas.conf`; empty for none.
    pub schemas_file: PathBuf,
    /// Graphite's `storage-aggregation.conf`; empty for none.
    pub aggregation_file: PathBuf,
}

/// What keeps the points.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// The native engine: mmapped rings and sealed blocks.
    Strata,
}

/// `[receiver.NAME]`: one socket that takes points.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table of keys")]
pub struct RawReceiver {
    /// False switches a shipped receiver off.
    pub enabled: bool,
    /// The kind of socket.
    pub transport: Transport,
    /// What is spoken on it.
    pub protocol: Protocol,
    /// Address and port.
    pub listen: String,
}

/// The kind of socket of a receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// Connections that carry a stream of lines.
    Tcp,
    /// Datagrams of whole lines.
    Udp,
}

/// What is spoken on a receiver's socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// `name value timestamp` lines.
    Plaintext,
}

/// `[api]`: the HTTP side.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table of keys")]
pub struct RawApi {
    /// Address and port.
    pub listen: String,
}

/// `[telemetry]`: the daemon's metrics about itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table of keys")]
pub struct RawTelemetry {
    /// How often they are stored; zero for never.
    pub interval: TimeSpan,
    /// What their names begin with.
    pub prefix: String,
    /// The node after the prefix; empty for the machine's host name.
    pub host: String,
}

/// `[shutdown]`: how the daemon stops.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table of keys")]
pub struct RawShutdown {
    /// How long each phase may take before the next one begins.
    pub phase_deadline: TimeSpan,
}

/// One `[[schema]]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table of keys")]
pub struct RawSchema {
    /// The name in logs.
    pub name: String,
    /// A regular expression, searched for anywhere in the name.
    pub pattern: String,
    /// The archives, as in `10s:6h,1m:7d`.
    pub retentions: String,
}

/// One `[[aggregation]]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table of keys")]
pub struct RawAggregation {
    /// The name in logs.
    pub name: String,
    /// A regular expression, searched for anywhere in the name.
    pub pattern: String,
    /// Graphite's name of the method.
    #[serde(
        default = "default_method",
        alias = "aggregationMethod",
        alias = "method"
    )]
    pub aggregation_method: String,
    /// The share of fine slots that must be known.
    #[serde(default = "default_x_files_factor", alias = "xFilesFactor")]
    pub x_files_factor: f32,
}

fn default_method() -> String {
    crate::metric::Rollup::default().method.to_string()
}

fn default_x_files_factor() -> f32 {
    crate::metric::Rollup::default().x_files_factor
}

impl Default for RawConfig {
    fn default() -> Self {
        let plaintext = |transport| RawReceiver {
            transport,
            listen: "127.0.0.1:2003".to_owned(),
            ..RawReceiver::default()
        };
        Self {
            log: RawLog::default(),
            storage: RawStorage::default(),
            receiver: BTreeMap::from([
                ("tcp".to_owned(), plaintext(Transport::Tcp)),
                ("udp".to_owned(), plaintext(Transport::Udp)),
            ]),
            api: RawApi::default(),
            telemetry: RawTelemetry::default(),
            shutdown: RawShutdown::default(),
            schema: Vec::new(),
            aggregation: Vec::new(),
        }
    }
}

impl Default for RawLog {
    fn default() -> Self {
        Self {
            level: "info".to_owned(),
            format: LogFormat::Text,
        }
    }
}

impl Default for RawStorage {
    fn default() -> Self {
        Self {
            path: "data".into(),
            engine: Engine::Strata,
            sync_interval: TimeSpan::seconds(1),
            schemas_file: PathBuf::new(),
            aggregation_file: PathBuf::new(),
        }
    }
}

impl Default for RawReceiver {
    fn default() -> Self {
        Self {
            enabled: true,
            transport: Transport::Tcp,
            protocol: Protocol::Plaintext,
            listen: String::new(),
        }
    }
}

impl Default for RawApi {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8080".to_owned(),
        }
    }
}

impl Default for RawTelemetry {
    fn default() -> Self {
        Self {
            interval: TimeSpan::seconds(60),
            prefix: "carbon.agents".to_owned(),
            host: String::new(),
        }
    }
}

impl Default for RawShutdown {
    fn default() -> Self {
        Self {
            phase_deadline: TimeSpan::seconds(10),
        }
    }
}

//! Configuration: raw as typed, then checked.
//!
//! [`load`] lays a file and the command line's `--set` over the defaults ([`layers`] into
//! [`raw`]) and checks the result: a [`Config`] holds addresses that parse and rules that compile.
//! Graphite's two rule files are read by [`carbon_conf`]. Only `daemon` and `tool` use this module;
//! the other rooms get their settings as arguments.

mod carbon_conf;
mod error;
mod layers;
pub mod raw;
mod rules;
pub mod units;

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use error::{ConfigError, Origin};
pub use raw::{Engine, LogFormat, Protocol, RawConfig, Transport};
pub use rules::RuleSources;

use self::layers::Layers;

/// A configuration that can be run.
#[derive(Clone, Debug)]
pub struct Config {
    /// What is logged, and how.
    pub log: raw::RawLog,
    /// Where points live.
    pub storage: Storage,
    /// The receivers that are enabled, by name.
    pub receivers: Vec<Receiver>,
    /// The HTTP side.
    pub api: Api,
    /// The metrics about the daemon itself.
    pub telemetry: Telemetry,
    /// How long each phase of a shutdown may take.
    pub shutdown_phase_deadline: Duration,
    /// Where schemas and aggregation rules come from; read again at each reload.
    pub rules: RuleSources,
}

/// Where points live.
#[derive(Clone, Debug)]
pub struct Storage {
    /// The data folder.
    pub path: PathBuf,
    /// What keeps the points.
    pub engine: Engine,
    /// Time between two syncs; what a power loss may cost.
    pub sync_interval: Duration,
}

/// One socket that takes points.
#[derive(Clone, Debug)]
pub struct Receiver {
    /// The name in the configuration, in logs and in metrics.
    pub name: String,
    /// The kind of socket.
    pub transport: Transport,
    /// What is spoken on it.
    pub protocol: Protocol,
    /// Where it listens; port 0 lets the system choose.
    pub listen: SocketAddr,
}

/// The HTTP side.
#[derive(Clone, Debug)]
pub struct Api {
    /// Where it listens; port 0 lets the system choose.
    pub listen: SocketAddr,
}

/// The metrics about the daemon itself.
#[derive(Clone, Debug)]
pub struct Telemetry {
    /// Time between two rounds; `None` for never.
    pub interval: Option<Duration>,
    /// What the names begin with, host included, without a last dot.
    pub prefix: String,
}

/// Reads a configuration: the defaults, a file, then each `KEY=VALUE`.
///
/// # Errors
/// The first thing that is wrong, in one line.
pub fn load_raw(file: Option<&Path>, sets: &[String]) -> Result<RawConfig, ConfigError> {
    let mut layers = Layers::new();
    if let Some(path) = file {
        layers.add_file(path)?;
    }
    for assignment in sets {
        layers.add_set(assignment)?;
    }
    Ok(layers.into_config())
}

/// Reads a configuration and checks it, apart from the rule files, which
/// [`RuleSources::read`] reads.
///
/// # Errors
/// The first thing that is wrong, in one line.
pub fn load(file: Option<&Path>, sets: &[String]) -> Result<Config, ConfigError> {
    check(load_raw(file, sets)?)
}

fn check(raw: RawConfig) -> Result<Config, ConfigError> {
    Ok(Config {
        storage: check_storage(&raw.storage)?,
        receivers: check_receivers(&raw)?,
        api: Api {
            listen: check_address("api.listen", &raw.api.listen)?,
        },
        telemetry: check_telemetry(&raw.telemetry)?,
        shutdown_phase_deadline: raw.shutdown.phase_deadline.0,
        rules: RuleSources::new(raw.schema, raw.aggregation, &raw.storage)?,
        log: raw.log,
    })
}

fn check_storage(raw: &raw::RawStorage) -> Result<Storage, ConfigError> {
    if raw.path.as_os_str().is_empty() {
        return Err(ConfigError::value(
            "storage.path",
            "\"\" is not a folder, as in \"data\" or \"/var/lib/plumbago\"",
        ));
    }
    if raw.sync_interval.0.is_zero() {
        return Err(ConfigError::value(
            "storage.sync_interval",
            "\"0s\" is too short; \"1s\" or longer is usual, \"10ms\" is possible",
        ));
    }
    Ok(Storage {
        path: raw.path.clone(),
        engine: raw.engine,
        sync_interval: raw.sync_interval.0,
    })
}

fn check_receivers(raw: &RawConfig) -> Result<Vec<Receiver>, ConfigError> {
    let enabled = raw.receiver.iter().filter(|(_, receiver)| receiver.enabled);
    enabled
        .map(|(name, receiver)| {
            let is_node = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
            if name.is_empty() || !name.bytes().all(is_node) {
                return Err(ConfigError::value(
                    format!("receiver.{name}"),
                    "the name becomes part of metric names: letters, digits, - and _ only",
                ));
            }
            Ok(Receiver {
                name: name.clone(),
                transport: receiver.transport,
                protocol: receiver.protocol,
                listen: check_address(&format!("receiver.{name}.listen"), &receiver.listen)?,
            })
        })
        .collect()
}

/// An address, or a host name that resolves to one (the first counts).
fn check_address(key: &str, text: &str) -> Result<SocketAddr, ConfigError> {
    let wrong = |detail: String| {
        ConfigError::value(
            key,
            format!(
                "\"{text}\" is not HOST:PORT, as in \"127.0.0.1:2003\" or \"[::]:2003\"{detail}"
            ),
        )
    };
    let mut addresses = text
        .to_socket_addrs()
        .map_err(|error| wrong(format!(": {error}")))?;
    addresses.next().ok_or_else(|| wrong(String::new()))
}

fn check_telemetry(raw: &raw::RawTelemetry) -> Result<Telemetry, ConfigError> {
    let host = if raw.host.is_empty() {
        host_node()
    } else {
        raw.host.clone()
    };
    let prefix = format!("{}.{host}", raw.prefix);
    let is_name = |byte: u8| byte.is_ascii_graphic() && !b"/;".contains(&byte);
    if raw.prefix.is_empty() || !prefix.bytes().all(is_name) {
        return Err(ConfigError::value(
            "telemetry.prefix",
            format!(
                "\"{prefix}\" (with telemetry.host) is not a metric name, as in \"carbon.agents.web01\""
            ),
        ));
    }
    let interval = raw.interval.0;
    Ok(Telemetry {
        interval: (!interval.is_zero()).then_some(interval),
        prefix,
    })
}

/// The machine's name as one node: carbon turns its dots into underscores too.
fn host_node() -> String {
    let name = rustix::system::uname();
    let name = name
        .nodename()
        .to_string_lossy()
        .replace(['.', ' ', '/', ';'], "_");
    if name.is_empty() {
        "localhost".to_owned()
    } else {
        name
    }
}

#[cfg(test)]
mod tests;

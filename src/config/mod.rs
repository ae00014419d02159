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
pub use raw::{Engine, LogFormat, Protocol, RawConfig};
pub use rules::RuleSources;

use self::layers::Layers;
use self::raw::RawReceiver;
use self::units::ByteSize;
use crate::metric::name::{NamePolicy, NameRules};

/// More sockets than this on one port gain nothing and cost buffers.
const SOCKETS_MAX: u32 = 256;

/// A configuration that can be run.
#[derive(Clone, Debug)]
pub struct Config {
    /// What is logged, and how.
    pub log: raw::RawLog,
    /// Where points live.
    pub storage: Storage,
    /// What one line and one name may be.
    pub limits: Limits,
    /// What may wait between the receivers and one shard.
    pub queue: Queue,
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

/// What one line and one name may be.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Greatest length of a line in bytes.
    pub line_bytes_max: usize,
    /// What holds for names.
    pub names: NameRules,
}

/// What may wait between the receivers and one shard.
#[derive(Clone, Copy, Debug)]
pub struct Queue {
    /// Points.
    pub points_max: usize,
    /// Batches.
    pub batches_max: usize,
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

/// The kind of socket of a receiver, with what is particular to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Connections that carry a stream.
    Tcp {
        /// Connections open at one time.
        connections_max: usize,
        /// Silence after which a connection is closed; zero for never.
        idle_timeout: Duration,
    },
    /// Datagrams.
    Udp {
        /// Sockets on the port; zero for one a processor.
        sockets: usize,
        /// What the kernel is asked to hold for each socket.
        receive_buffer_bytes: usize,
    },
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
        limits: check_limits(&raw.limits)?,
        queue: check_queue(&raw.queue)?,
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

fn check_limits(raw: &raw::RawLimits) -> Result<Limits, ConfigError> {
    let within = |key: &str, size: ByteSize, low: usize, high: usize| {
        let bytes = usize::try_from(size.0).unwrap_or(usize::MAX);
        if (low..=high).contains(&bytes) {
            return Ok(bytes);
        }
        let (low, high) = (ByteSize(low as u64), ByteSize(high as u64));
        Err(ConfigError::value(
            format!("limits.{key}"),
            format!("\"{size}\" is not from {low} to {high}"),
        ))
    };
    let name_limit = NameRules::NAME_BYTES_LIMIT;
    let name_bytes_max = within("name_bytes_max", raw.name_bytes_max, 16, name_limit)?;
    Ok(Limits {
        // A connection's buffer may grow to one line, so the limit bounds memory too.
        line_bytes_max: within("line_bytes_max", raw.line_bytes_max, 256, 16 << 20)?,
        names: NameRules {
            node_bytes_max: within("node_bytes_max", raw.node_bytes_max, 1, name_bytes_max)?,
            name_bytes_max,
            policy: match raw.name_policy {
                raw::NamePolicy::Strict => NamePolicy::Strict,
                raw::NamePolicy::Replace => NamePolicy::Replace,
            },
        },
    })
}

fn check_queue(raw: &raw::RawQueue) -> Result<Queue, ConfigError> {
    let at_least_one = |key: &str, number: u32| match number {
        0 => {
            let reason = "0 would let nothing through; 1 or more, thousands for speed";
            Err(ConfigError::value(format!("queue.{key}"), reason))
        }
        number => Ok(number as usize),
    };
    Ok(Queue {
        points_max: at_least_one("points_max", raw.points_max)?,
        batches_max: at_least_one("batches_max", raw.batches_max)?,
    })
}

fn check_receivers(raw: &RawConfig) -> Result<Vec<Receiver>, ConfigError> {
    let enabled = raw.receiver.iter().filter(|(_, receiver)| receiver.enabled);
    let checked = enabled.map(|(name, receiver)| check_receiver(name, receiver));
    checked.collect()
}

fn check_receiver(name: &str, raw: &RawReceiver) -> Result<Receiver, ConfigError> {
    let is_node = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if name.is_empty() || !name.bytes().all(is_node) {
        return Err(ConfigError::value(
            format!("receiver.{name}"),
            "the name becomes part of metric names: letters, digits, - and _ only",
        ));
    }
    Ok(Receiver {
        name: name.to_owned(),
        transport: check_transport(name, raw)?,
        protocol: raw.protocol,
        listen: check_address(&format!("receiver.{name}.listen"), &raw.listen)?,
    })
}

/// A key of another transport is refused, as an unknown one would be.
fn check_transport(name: &str, raw: &RawReceiver) -> Result<Transport, ConfigError> {
    let foreign = |key: &str, is_there: bool, transport: &str| match is_there {
        false => Ok(()),
        true => Err(ConfigError::value(
            format!("receiver.{name}.{key}"),
            format!("has no effect on {transport}"),
        )),
    };
    match raw.transport {
        raw::Transport::Tcp => {
            foreign("sockets", raw.sockets.is_some(), "tcp")?;
            foreign("receive_buffer", raw.receive_buffer.is_some(), "tcp")?;
            Ok(Transport::Tcp {
                connections_max: raw.connections_max.unwrap_or(raw::CONNECTIONS_MAX) as usize,
                idle_timeout: raw.idle_timeout.unwrap_or(raw::IDLE_TIMEOUT).0,
            })
        }
        raw::Transport::Udp => {
            foreign("connections_max", raw.connections_max.is_some(), "udp")?;
            foreign("idle_timeout", raw.idle_timeout.is_some(), "udp")?;
            let bytes = raw.receive_buffer.unwrap_or(raw::RECEIVE_BUFFER).0;
            Ok(Transport::Udp {
                sockets: check_sockets(name, raw.sockets.unwrap_or(raw::UDP_SOCKETS))?,
                receive_buffer_bytes: usize::try_from(bytes).unwrap_or(usize::MAX),
            })
        }
    }
}

fn check_sockets(name: &str, sockets: u32) -> Result<usize, ConfigError> {
    if sockets <= SOCKETS_MAX {
        return Ok(sockets as usize);
    }
    Err(ConfigError::value(
        format!("receiver.{name}.sockets"),
        format!("{sockets} is not from 0 to {SOCKETS_MAX}"),
    ))
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

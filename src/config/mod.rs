//! Configuration: raw as typed, then checked.
//!
//! [`load`] lays a file and the command line's `--set` over the defaults ([`layers`] into
//! [`raw`]) and checks the result: a [`Config`] holds addresses that parse and rules that compile.
//! Graphite's two rule files are read by [`carbon_conf`]. Only `daemon` uses this module;
//! the other rooms get their settings as arguments.

mod carbon_conf;
mod check;
mod error;
mod layers;
pub mod raw;
mod rules;
pub mod units;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::tz::TimeZone;

pub use error::{ConfigError, Origin};
pub use raw::{Engine, LogFormat, Protocol, RawConfig, TaggedNames, WhisperDialect};
pub use rules::{Fingerprint, RuleSources};

use self::layers::Layers;
use crate::metric::name::NameRules;

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
    /// Time between two looks at whether rule files changed; `None` for never.
    pub rules_interval: Option<Duration>,
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
    /// Shards of a new data folder; `None` for one a processor.
    pub shards: Option<usize>,
    /// Seconds ahead of the clock that a point may be.
    pub future_window_s: u32,
    /// Age of its newest point at which a series is removed; `None` for never.
    pub expire_after: Option<Duration>,
    /// A tree of Whisper files beneath the native engine.
    pub fallback_whisper: Option<PathBuf>,
    /// The classic engine, and how any tree of Whisper files is read.
    pub whisper: Whisper,
}

/// A tree of Whisper files.
#[derive(Clone, Debug)]
pub struct Whisper {
    /// The folder of the files; `None` for one in the data folder.
    pub path: Option<PathBuf>,
    /// How the files of tagged series are named.
    pub tagged_names: TaggedNames,
    /// Whose numbers the aggregation methods have.
    pub dialect: WhisperDialect,
    /// Time between two looks at the tree; `None` for never.
    pub scan_interval: Option<Duration>,
    /// Memory for points that are not in their files yet.
    pub cache_bytes_max: usize,
    /// How long a point may wait to be written; whole seconds.
    pub write_delay_max: Duration,
    /// Files written a second; zero for no limit.
    pub updates_per_second_max: u32,
    /// Files made a minute; zero for no limit.
    pub creates_per_minute_max: u32,
    /// Files open at one time.
    pub open_files_max: usize,
    /// Leave a new file's blocks to its first writes.
    pub sparse: bool,
    /// Lock a file while it is written.
    pub lock_writes: bool,
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
    /// The zone of requests that name none.
    pub timezone: TimeZone,
    /// Greatest length of a request's body in bytes.
    pub body_bytes_max: usize,
    /// Targets of one render.
    pub targets_max: usize,
    /// Nodes that a find or an expand answers.
    pub nodes_max: usize,
    /// Whether names without a point since a request's `from` are left out.
    pub find_filters_by_time: bool,
    /// Whether points become fewer as the store rolls them up, unless a request says otherwise.
    pub consolidate_as_stored: bool,
    /// Series that one render reads.
    pub series_max: usize,
    /// Points that one render reads.
    pub points_max: usize,
    /// Calls of functions in one render.
    pub calls_max: usize,
    /// Length of one target in bytes.
    pub target_bytes_max: usize,
    /// Bytes that one render holds in memory.
    pub render_memory_max: usize,
    /// Bytes of answers that are being sent.
    pub answers_memory_max: usize,
    /// Bytes of results kept from refresh to refresh; 0 for none.
    pub incremental_cache_bytes: usize,
    /// How long an answer is given again to the same question unless that says otherwise.
    pub response_cache: Duration,
    /// Bytes of answers that are given again; 0 for none.
    pub response_cache_bytes: usize,
    /// Time for one render, waiting included.
    pub render_time_max: Duration,
    /// A render that takes this long is logged.
    pub render_slow: Duration,
    /// Renders at once; `None` for one a processor.
    pub renders_max: Option<usize>,
    /// Renders that wait.
    pub renders_waiting_max: usize,
    /// Whether the admin routes are answered.
    pub admin: bool,
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
    check::check(load_raw(file, sets)?)
}

#[cfg(test)]
mod tests;

//! The configuration as it is typed: names and shapes of all keys, and their defaults.
//!
//! Unknown keys are refused here. What needs a second look (addresses, files, limits against each
//! other) is left to the parent module, which turns a [`RawConfig`] into a checked one.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::units::{ByteSize, TimeSpan};
use crate::metric::name::NameRules;

/// An agent on each of many machines; each costs a descriptor and about a kilobyte.
pub const CONNECTIONS_MAX: u32 = 16 * 1024;
/// Agents may send once an hour, and some only once a day.
pub const IDLE_TIMEOUT: TimeSpan = TimeSpan::seconds(25 * 3600);
/// One socket a processor.
pub const UDP_SOCKETS: u32 = 0;
/// What survives a pause of a few hundred milliseconds under a busy collector.
pub const RECEIVE_BUFFER: ByteSize = ByteSize(8 << 20);

/// Everything that `config.toml` can say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table of keys")]
pub struct RawConfig {
    /// `[log]`.
    pub log: RawLog,
    /// `[storage]`.
    pub storage: RawStorage,
    /// `[limits]`.
    pub limits: RawLimits,
    /// `[queue]`.
    pub queue: RawQueue,
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
    /// Shards of a new data folder; zero for one a processor.
    pub shards: u32,
    /// How far ahead of the clock a point may be.
    pub future_window: TimeSpan,
    /// Graphite's `storage-schemas.conf`; empty for none.
    pub schemas_file: PathBuf,
    /// Graphite's `storage-aggregation.conf`; empty for none.
    pub aggregation_file: PathBuf,
    /// How often the two files are looked at for changes; zero for never.
    pub rules_interval: TimeSpan,
    /// Series without a point for so long are removed; zero for never.
    pub expire_after: TimeSpan,
    /// A tree of Whisper files beneath the native engine, for reading; empty for none.
    pub fallback_whisper: PathBuf,
    /// `[storage.whisper]`.
    pub whisper: RawWhisper,
}

/// `[storage.whisper]`: the classic engine, and how any tree of Whisper files is read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table of keys")]
pub struct RawWhisper {
    /// The folder of the files; empty for `whisper` in the data folder.
    pub path: PathBuf,
    /// How the files of tagged series are named.
    pub tagged_names: TaggedNames,
    /// Whose numbers the aggregation methods have.
    pub dialect: WhisperDialect,
    /// How often the tree is looked at for files that other tools made or removed; zero for never.
    pub scan_interval: TimeSpan,
    /// Memory for points that are not in their files yet.
    pub cache_max: ByteSize,
    /// How long a point may wait to be written.
    pub write_delay_max: TimeSpan,
    /// Files written a second; zero for no limit.
    pub max_updates_per_second: u32,
    /// Files made a minute; zero for no limit.
    pub max_creates_per_minute: u32,
    /// Files open at one time.
    pub open_files_max: u32,
    /// Leave a new file's blocks to its first writes.
    pub sparse: bool,
    /// Lock a file while it is written.
    pub lock_writes: bool,
}

/// How the files of tagged series are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TaggedNames {
    /// By the hash of the name.
    Hash,
    /// By the name.
    Name,
}

/// Whose numbers the aggregation methods of a Whisper file have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WhisperDialect {
    /// The reference's.
    #[serde(rename = "reference")]
    Reference,
    /// go-carbon's.
    #[serde(rename = "go-whisper")]
    GoWhisper,
}

/// What keeps the points.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// The native engine: mmapped rings and sealed blocks.
    Strata,
    /// A classic tree of Whisper files.
    Whisper,
}

/// `[limits]`: what one line and one name may be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table of keys")]
pub struct RawLimits {
    /// Greatest length of a line.
    pub line_bytes_max: ByteSize,
    /// Greatest length of a name, tags included.
    pub name_bytes_max: ByteSize,
    /// Greatest length of one node of a name.
    pub node_bytes_max: ByteSize,
    /// What happens to bytes that no name may hold.
    pub name_policy: NamePolicy,
}

/// What happens to bytes that no name may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NamePolicy {
    /// The point is refused.
    Strict,
    /// Each becomes `_`.
    Replace,
}

/// `[queue]`: what may wait between the receivers and one shard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table of keys")]
pub struct RawQueue {
    /// Points that may wait for one shard.
    pub points_max: u32,
    /// Batches that may wait for one shard.
    pub batches_max: u32,
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
    /// TCP: connections open at one time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connections_max: Option<u32>,
    /// TCP: silence after which a connection is closed; zero for never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_timeout: Option<TimeSpan>,
    /// UDP: sockets on the port; zero for one a processor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sockets: Option<u32>,
    /// UDP: what the kernel is asked to hold for each socket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receive_buffer: Option<ByteSize>,
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
    /// Frames of Python pickles, as carbon-relay sends them.
    Pickle,
    /// Frames of protocol buffers, as go-carbon and carbon-c-relay send them.
    Protobuf,
}

/// `[api]`: the HTTP side.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table of keys")]
pub struct RawApi {
    /// Address and port.
    pub listen: String,
    /// The zone of requests that name none.
    pub timezone: String,
    /// Greatest length of a request's body.
    pub body_bytes_max: ByteSize,
    /// Targets of one render.
    pub targets_max: u32,
    /// Nodes that a find or an expand answers.
    pub nodes_max: u32,
    /// Whether names without a point since a request's `from` are left out.
    pub find_filters_by_time: bool,
    /// Whether points become fewer as the store rolls them up.
    pub consolidate_as_stored: bool,
    /// Series that one render reads.
    pub series_max: u32,
    /// Points that one render reads.
    pub points_max: u32,
    /// Calls of functions in one render.
    pub calls_max: u32,
    /// Length of one target.
    pub target_bytes_max: ByteSize,
    /// Memory that one render holds.
    pub render_memory_max: ByteSize,
    /// Memory of answers that are being sent.
    pub answers_memory_max: ByteSize,
    /// Memory for results kept from refresh to refresh; zero for none.
    pub incremental_cache_bytes: ByteSize,
    /// How long an answer is given again to the same question; zero for never unless it asks.
    pub response_cache: TimeSpan,
    /// Memory for answers that are given again; zero for none.
    pub response_cache_bytes: ByteSize,
    /// Time for one render, waiting included.
    pub render_time_max: TimeSpan,
    /// A render that takes this long is logged.
    pub render_slow: TimeSpan,
    /// Renders at once; zero for one a processor.
    pub renders_max: u32,
    /// Renders that wait.
    pub renders_waiting_max: u32,
    /// Whether series may be deleted and changed through this port.
    pub admin: bool,
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
        let listen = "127.0.0.1:2003".to_owned();
        let tcp = RawReceiver {
            transport: Transport::Tcp,
            listen: listen.clone(),
            connections_max: Some(CONNECTIONS_MAX),
            idle_timeout: Some(IDLE_TIMEOUT),
            ..RawReceiver::default()
        };
        let udp = RawReceiver {
            transport: Transport::Udp,
            listen,
            sockets: Some(UDP_SOCKETS),
            receive_buffer: Some(RECEIVE_BUFFER),
            ..RawReceiver::default()
        };
        Self {
            log: RawLog::default(),
            storage: RawStorage::default(),
            limits: RawLimits::default(),
            queue: RawQueue::default(),
            receiver: BTreeMap::from([("tcp".to_owned(), tcp), ("udp".to_owned(), udp)]),
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
            shards: 0,
            future_window: TimeSpan::seconds(60),
            schemas_file: PathBuf::new(),
            aggregation_file: PathBuf::new(),
            // As often as carbon looks.
            rules_interval: TimeSpan::seconds(60),
            expire_after: TimeSpan::seconds(0),
            fallback_whisper: PathBuf::new(),
            whisper: RawWhisper::default(),
        }
    }
}

impl Default for RawWhisper {
    fn default() -> Self {
        Self {
            path: PathBuf::new(),
            tagged_names: TaggedNames::Hash,
            dialect: WhisperDialect::Reference,
            // As often as go-carbon looks.
            scan_interval: TimeSpan::seconds(300),
            // Six points of each of a million series take 300 MB.
            cache_max: ByteSize(512 << 20),
            write_delay_max: TimeSpan::seconds(60),
            max_updates_per_second: 0,
            max_creates_per_minute: 0,
            open_files_max: 4096,
            sparse: false,
            lock_writes: false,
        }
    }
}

impl Default for RawLimits {
    fn default() -> Self {
        let bytes = |bytes: usize| ByteSize(bytes as u64);
        let names = NameRules::default();
        Self {
            line_bytes_max: ByteSize(64 << 10),
            name_bytes_max: bytes(names.name_bytes_max),
            node_bytes_max: bytes(names.node_bytes_max),
            name_policy: NamePolicy::Strict,
        }
    }
}

impl Default for RawQueue {
    fn default() -> Self {
        Self {
            points_max: 16 * 1024,
            batches_max: 1024,
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
            connections_max: None,
            idle_timeout: None,
            sockets: None,
            receive_buffer: None,
        }
    }
}

impl Default for RawApi {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8080".to_owned(),
            timezone: "UTC".to_owned(),
            // Grafana sends some kilobytes; a body of generated targets may be far longer.
            body_bytes_max: ByteSize(4 << 20),
            targets_max: 4_096,
            nodes_max: 1_000_000,
            // As graphite-web answers; whoever clears old series away has no need of it.
            find_filters_by_time: false,
            consolidate_as_stored: false,
            series_max: 1_000_000,
            // They take 2 GiB.
            points_max: 1 << 28,
            // A dashboard makes some thousands; nested windows that fetch again can multiply them.
            calls_max: 1_000_000,
            target_bytes_max: ByteSize(1 << 20),
            render_memory_max: ByteSize(1 << 30),
            answers_memory_max: ByteSize(1 << 30),
            incremental_cache_bytes: ByteSize(256 << 20),
            // A stored point shows at once unless a client says that it can wait.
            response_cache: TimeSpan::seconds(0),
            response_cache_bytes: ByteSize(64 << 20),
            render_time_max: TimeSpan::seconds(60),
            render_slow: TimeSpan::seconds(2),
            renders_max: 0,
            // A dashboard asks some dozens of panels at once; several people open one together.
            renders_waiting_max: 512,
            admin: false,
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

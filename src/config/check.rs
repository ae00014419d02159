//! From what was typed to what can be run: every value that its type alone does not make right.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::tz::TimeZone;

use super::error::ConfigError;
use super::raw::{self, RawConfig, RawReceiver};
use super::rules::RuleSources;
use super::units::{ByteSize, TimeSpan};
use super::{Api, Config, Limits, Queue, Receiver, Storage, Telemetry, Transport, Whisper};
use crate::metric::name::{NamePolicy, NameRules};

/// More shards than this make no sense on any machine, and would make small files.
const SHARDS_MAX: u32 = 256;

/// Rows are kept open for the whole window, so it must stay small beside what a ring holds.
const FUTURE_WINDOW_MAX_S: u32 = 3600;

/// See [`check_expire_after`].
const EXPIRE_AFTER_MIN: Duration = Duration::from_secs(3600);

/// Less would be written out all the time.
const CACHE_BYTES_MIN: usize = 1 << 20;

/// A longer delay makes a journal that takes long to read at the start.
const WRITE_DELAY_MAX: Duration = Duration::from_secs(3600);

/// More sockets than this on one port gain nothing and cost buffers.
const SOCKETS_MAX: u32 = 256;

pub(super) fn check(raw: RawConfig) -> Result<Config, ConfigError> {
    Ok(Config {
        storage: check_storage(&raw.storage)?,
        limits: check_limits(&raw.limits)?,
        queue: check_queue(&raw.queue)?,
        receivers: check_receivers(&raw)?,
        api: check_api(&raw.api)?,
        telemetry: check_telemetry(&raw.telemetry)?,
        shutdown_phase_deadline: raw.shutdown.phase_deadline.0,
        rules: RuleSources::new(raw.schema, raw.aggregation, &raw.storage)?,
        rules_interval: none_if_zero(raw.storage.rules_interval.0),
        log: raw.log,
    })
}

fn none_if_zero(span: Duration) -> Option<Duration> {
    (!span.is_zero()).then_some(span)
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
    let fallback_whisper = path_or_none(&raw.fallback_whisper);
    if fallback_whisper.is_some() && raw.engine == raw::Engine::Whisper {
        return Err(ConfigError::value(
            "storage.fallback_whisper",
            "has no effect with storage.engine = \"whisper\", which reads and writes the tree itself (storage.whisper.path)",
        ));
    }
    Ok(Storage {
        path: raw.path.clone(),
        engine: raw.engine,
        fallback_whisper,
        whisper: check_whisper(&raw.whisper)?,
        sync_interval: raw.sync_interval.0,
        shards: check_shards(raw.shards)?,
        future_window_s: check_future_window(raw.future_window.0)?,
        expire_after: check_expire_after(raw.expire_after)?,
    })
}

/// Shorter than an hour would be a mistake of the unit: senders pause for longer than that.
fn check_expire_after(span: TimeSpan) -> Result<Option<Duration>, ConfigError> {
    let after = none_if_zero(span.0);
    if after.is_some_and(|after| after < EXPIRE_AFTER_MIN) {
        return Err(ConfigError::value(
            "storage.expire_after",
            format!("\"{span}\" is neither \"0s\" nor at least \"1h\", as in \"30d\""),
        ));
    }
    Ok(after)
}

fn path_or_none(path: &Path) -> Option<PathBuf> {
    (!path.as_os_str().is_empty()).then(|| path.to_owned())
}

fn check_whisper(raw: &raw::RawWhisper) -> Result<Whisper, ConfigError> {
    let wrong =
        |key: &str, reason: String| ConfigError::value(format!("storage.whisper.{key}"), reason);
    let cache_bytes_max = usize::try_from(raw.cache_max.0).unwrap_or(usize::MAX);
    if cache_bytes_max < CACHE_BYTES_MIN {
        let least = ByteSize(CACHE_BYTES_MIN as u64);
        let reason = format!("\"{}\" is less than {least}", raw.cache_max);
        return Err(wrong("cache_max", reason));
    }
    let delay = raw.write_delay_max;
    if delay.0 > WRITE_DELAY_MAX || delay.0.subsec_nanos() > 0 {
        let reason = format!("\"{delay}\" is not whole seconds from 0s to 1h");
        return Err(wrong("write_delay_max", reason));
    }
    if raw.open_files_max == 0 {
        let reason = "0 would let no file be opened; 1 or more, thousands for speed";
        return Err(wrong("open_files_max", reason.to_owned()));
    }
    Ok(Whisper {
        path: path_or_none(&raw.path),
        tagged_names: raw.tagged_names,
        dialect: raw.dialect,
        scan_interval: none_if_zero(raw.scan_interval.0),
        cache_bytes_max,
        write_delay_max: delay.0,
        updates_per_second_max: raw.max_updates_per_second,
        creates_per_minute_max: raw.max_creates_per_minute,
        open_files_max: raw.open_files_max as usize,
        sparse: raw.sparse,
        lock_writes: raw.lock_writes,
    })
}

fn check_shards(shards: u32) -> Result<Option<usize>, ConfigError> {
    if shards > SHARDS_MAX {
        let reason = format!("{shards} is not from 0 to {SHARDS_MAX}");
        return Err(ConfigError::value("storage.shards", reason));
    }
    Ok((shards > 0).then_some(shards as usize))
}

fn check_future_window(window: Duration) -> Result<u32, ConfigError> {
    match u32::try_from(window.as_secs()) {
        Ok(seconds) if seconds <= FUTURE_WINDOW_MAX_S => Ok(seconds),
        _ => Err(ConfigError::value(
            "storage.future_window",
            format!("\"{}\" is not from 0s to 1h", TimeSpan(window)),
        )),
    }
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

fn check_api(raw: &raw::RawApi) -> Result<Api, ConfigError> {
    let zone = TimeZone::get(&raw.timezone).map_err(|_| {
        let reason = format!(
            "\"{}\" is not a time zone, as in \"UTC\" or \"Europe/Paris\"",
            raw.timezone
        );
        ConfigError::value("api.timezone", reason)
    })?;
    let positive = |key: &str, number: u64| match usize::try_from(number) {
        Ok(number) if number > 0 => Ok(number),
        _ => {
            let reason = format!("{number} would let no request through; 1 or more");
            Err(ConfigError::value(format!("api.{key}"), reason))
        }
    };
    let bytes = |size: ByteSize| usize::try_from(size.0).unwrap_or(usize::MAX);
    let time_ms = u64::try_from(raw.render_time_max.0.as_millis()).unwrap_or(u64::MAX);
    positive("render_time_max", time_ms)?;
    Ok(Api {
        listen: check_address("api.listen", &raw.listen)?,
        timezone: zone,
        body_bytes_max: positive("body_bytes_max", raw.body_bytes_max.0)?,
        targets_max: positive("targets_max", raw.targets_max.into())?,
        nodes_max: positive("nodes_max", raw.nodes_max.into())?,
        find_filters_by_time: raw.find_filters_by_time,
        consolidate_as_stored: raw.consolidate_as_stored,
        series_max: positive("series_max", raw.series_max.into())?,
        points_max: positive("points_max", raw.points_max.into())?,
        calls_max: positive("calls_max", raw.calls_max.into())?,
        target_bytes_max: positive("target_bytes_max", raw.target_bytes_max.0)?,
        render_memory_max: positive("render_memory_max", raw.render_memory_max.0)?,
        answers_memory_max: positive("answers_memory_max", raw.answers_memory_max.0)?,
        incremental_cache_bytes: bytes(raw.incremental_cache_bytes),
        response_cache: raw.response_cache.0,
        response_cache_bytes: bytes(raw.response_cache_bytes),
        render_time_max: raw.render_time_max.0,
        render_slow: raw.render_slow.0,
        renders_max: (raw.renders_max > 0).then_some(raw.renders_max as usize),
        renders_waiting_max: positive("renders_waiting_max", raw.renders_waiting_max.into())?,
        admin: raw.admin,
    })
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
    Ok(Telemetry {
        interval: none_if_zero(raw.interval.0),
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

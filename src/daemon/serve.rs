//! `plumbago serve`: builds the daemon stage by stage, runs it, and takes it down in order.
//!
//! Up: settings, logs, rules, the data folder, the shard workers, the sync thread, HTTP, receivers. Down:
//! receivers and connections, queues and workers, what the store wrote to memory only, the last sync, HTTP, the lock. HTTP outlives the
//! write road, so that a dashboard does not go dark while queues are drained.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::command_line::Serve;
use super::control::Control;
use super::notify::{State, notify};
use super::periodic::Periodic;
use super::ready::{Addresses, ReadyFile};
use super::rules::Rules;
use super::self_metrics::SelfMetrics;
use super::shutdown::Shutdown;
use super::signals::{Instruction, Signals};
use super::storage::Storage;
use super::store_numbers::StoreNumbers;
use super::sync::{self, SyncCounters};
use super::{descriptors, expiry, logging, panic, snapshots};
use crate::clock::Clock;
use crate::config::{self, Config, Transport};
use crate::evaluate;
use crate::fetch::ReadLimits;
use crate::ingest::{self, Ingest};
use crate::lifecycle::{self, Lifecycle};
use crate::queue::{QueueLimits, Routes};
use crate::receiver::{self, tcp, udp};
use crate::storage::Store;
use crate::target::parse_at_time;
use crate::telemetry::ingest::IngestTelemetry;
use crate::telemetry::{Process, Registry};
use crate::{api, protocol};

/// How long the runtime may take to let go of tasks that missed their deadline.
const RUNTIME_END: Duration = Duration::from_millis(500);

/// Runs the daemon until it is told to stop.
///
/// # Errors
/// Why it could not start, or who was late when it stopped, in one line.
pub(super) fn run(arguments: &Serve) -> Result<(), String> {
    let settings = &arguments.settings;
    let config = config::load(settings.config.as_deref(), &settings.sets)
        .map_err(|error| error.to_string())?;
    logging::start(&config.log)?;
    panic::install_hook();
    descriptors::raise_limit();
    let rules = Rules::read(config.rules.clone()).map_err(|error| error.to_string())?;
    let clock = start_of_clock(arguments.at.as_deref(), &config.api.timezone)?;
    let storage = Storage::open(&config.storage, &clock)?;
    let runtime = start_runtime()?;
    let result = runtime.block_on(async {
        let mut signals = Signals::listen().map_err(|error| format!("signals: {error}"))?;
        let daemon = Daemon::start(&config, clock.clone(), &rules, &storage).await?;
        clock.start();
        let ready_file = daemon.announce(arguments)?;
        daemon.wait_for_stop(&mut signals, &rules, &storage).await;
        let result = daemon.stop(&mut signals).await;
        drop(ready_file);
        result
    });
    runtime.shutdown_timeout(RUNTIME_END);
    storage.close();
    if result.is_ok() {
        tracing::info!("stopped");
    }
    result
}

/// The clock that `--at` asks for. What is relative to now is relative to the system's.
fn start_of_clock(at: Option<&str>, zone: &TimeZone) -> Result<Clock, String> {
    let Some(text) = at else {
        return Ok(Clock::system());
    };
    let now = Clock::system().now();
    let instant = text.parse::<Timestamp>().map(Timestamp::as_second);
    let start = instant
        .or_else(|_| parse_at_time(text, now, zone))
        .map_err(|error| format!("--at: {error}"))?;
    Ok(Clock::starting_at(start))
}

fn start_runtime() -> Result<Runtime, String> {
    tokio::runtime::Builder::new_multi_thread()
        .thread_name("network")
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start threads: {error}"))
}

/// The running parts.
struct Daemon {
    deadline: Duration,
    rules_interval: Option<Duration>,
    routes: Arc<Routes>,
    workers: ingest::Workers,
    store: Arc<dyn Store>,
    snapshots: Periodic,
    sync: Periodic,
    lifecycle: Arc<Lifecycle>,
    expiry: Option<Periodic>,
    http: Http,
    receivers: receiver::Context,
    self_metrics: Option<JoinHandle<()>>,
    addresses: Addresses,
}

/// The HTTP server's task.
struct Http {
    stopping: CancellationToken,
    task: JoinHandle<std::io::Result<()>>,
    control: Option<Control>,
}

impl Daemon {
    async fn start(
        config: &Config,
        clock: Clock,
        rules: &Rules,
        storage: &Storage,
    ) -> Result<Self, String> {
        let counters = Arc::new(IngestTelemetry::new(storage.store.shards()));
        let registry = Arc::new(Registry::default());
        let routes = start_queues(config, &counters);
        let workers = ingest::start_workers(&Ingest {
            catalog: Arc::clone(&storage.catalog),
            store: Arc::clone(&storage.store),
            schemas: rules.current(),
            clock: clock.clone(),
            routes: Arc::clone(&routes),
            telemetry: Arc::clone(&counters),
        })
        .map_err(|error| format!("cannot start the shards' workers: {error}"))?;
        let sync = start_sync(config, storage, &registry)?;
        let snapshots = snapshots::start(Arc::clone(&storage.catalog))
            .map_err(|error| format!("cannot start the catalog's thread: {error}"))?;
        start_telemetry(&registry, &counters, storage);
        let lifecycle = Arc::new(Lifecycle::new(lifecycle::Parts {
            catalog: Arc::clone(&storage.catalog),
            store: Arc::clone(&storage.store),
            controls: workers.controls(),
            schemas: rules.current(),
            clock: clock.clone(),
        }));
        let expiry = expiry::start(Arc::clone(&lifecycle), config.storage.expire_after)
            .map_err(|error| format!("cannot start the expiry thread: {error}"))?;
        let mut addresses = Addresses::default();
        let (http, address) =
            start_http(config, &clock, storage, &registry, &counters, &lifecycle).await?;
        addresses.api = Some(address);
        let receivers = receiver::Context::new(Arc::clone(&routes), counters, clock.clone());
        start_receivers(config, &receivers, &mut addresses)?;
        let self_metrics = start_self_metrics(config, registry, &routes, clock, &receivers);
        Ok(Self {
            deadline: config.shutdown_phase_deadline,
            rules_interval: config.rules_interval,
            routes,
            workers,
            store: Arc::clone(&storage.store),
            snapshots,
            sync,
            lifecycle,
            expiry,
            http,
            receivers,
            self_metrics,
            addresses,
        })
    }

    /// Says that everything listens: to the log, to the ready file, to systemd.
    fn announce(&self, arguments: &Serve) -> Result<Option<ReadyFile>, String> {
        if let Some(address) = self.addresses.api {
            tracing::info!(%address, "api listening");
        }
        tracing::info!(version = env!("CARGO_PKG_VERSION"), "ready");
        notify(State::Ready);
        let Some(path) = &arguments.ready_file else {
            return Ok(None);
        };
        let written = ReadyFile::write(path, &self.addresses);
        let failed = |error| format!("--ready-file {}: {error}", path.display());
        written.map(Some).map_err(failed)
    }

    /// Returns when the daemon is told to stop; until then it keeps the rules up to date.
    async fn wait_for_stop(&self, signals: &mut Signals, rules: &Rules, storage: &Storage) {
        let mut looks = tokio::time::interval(self.rules_interval.unwrap_or(Duration::MAX));
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = looks.tick(), if self.rules_interval.is_some() => rules.reload_if_changed(),
                instruction = signals.next() => match instruction {
                    Instruction::Reload => {
                        rules.reload();
                        storage.walk_tree();
                    }
                    Instruction::Stop => return,
                },
            }
        }
    }

    /// Stops in order; a second order to stop ends the process where it stands.
    async fn stop(self, signals: &mut Signals) -> Result<(), String> {
        tracing::info!(deadline_ms = self.deadline.as_millis() as u64, "stopping");
        notify(State::Stopping);
        let late = tokio::select! {
            late = self.stop_in_order() => late,
            () = signals.next_stop() => {
                tracing::warn!("told to stop again, ending at once");
                std::process::exit(1);
            }
        };
        if late.is_empty() {
            return Ok(());
        }
        Err(format!("stopped without waiting for: {}", late.join(", ")))
    }

    async fn stop_in_order(mut self) -> Vec<String> {
        let mut shutdown = Shutdown::new(self.deadline);
        // The context's token stops the self metrics too: nothing is sent once queues are closed.
        shutdown
            .phase("connections", self.receivers.drain(self.deadline))
            .await;
        if let Some(task) = self.self_metrics {
            shutdown.task("telemetry", task).await;
        }
        // What holds series lets go of them, so that the workers can end.
        self.lifecycle.close();
        if let Some(expiry) = self.expiry {
            shutdown.thread("expiry", expiry.stop()).await;
        }
        self.routes.close();
        let deadline = self.deadline;
        shutdown
            .blocking("queues", move || self.workers.join(deadline))
            .await;
        let (store, until) = (self.store, Instant::now() + deadline);
        shutdown
            .blocking("store", move || {
                store.drain(until);
                Ok(())
            })
            .await;
        shutdown.thread("catalog", self.snapshots.stop()).await;
        shutdown.thread("sync", self.sync.stop()).await;
        self.http.stopping.cancel();
        shutdown.task("requests", self.http.task).await;
        if let Some(control) = &mut self.http.control {
            shutdown.task("control", &mut control.task).await;
        }
        shutdown.into_late()
    }
}

fn start_queues(config: &Config, counters: &IngestTelemetry) -> Arc<Routes> {
    let limits = QueueLimits {
        points_max: config.queue.points_max,
        batches_max: config.queue.batches_max,
    };
    Routes::new(limits, counters)
}

fn start_sync(config: &Config, storage: &Storage, registry: &Registry) -> Result<Periodic, String> {
    let counters = Arc::new(SyncCounters::default());
    registry.register(Arc::<SyncCounters>::clone(&counters));
    sync::start(
        Arc::clone(&storage.catalog),
        Arc::clone(&storage.store),
        config.storage.sync_interval,
        counters,
    )
    .map_err(|error| format!("cannot start the sync thread: {error}"))
}

fn start_telemetry(registry: &Registry, counters: &Arc<IngestTelemetry>, storage: &Storage) {
    registry.register(Arc::new(Process::started_now()));
    registry.register(Arc::<IngestTelemetry>::clone(counters));
    registry.register(Arc::new(StoreNumbers {
        catalog: Arc::clone(&storage.catalog),
        store: Arc::clone(&storage.store),
    }));
}

async fn start_http(
    config: &Config,
    clock: &Clock,
    storage: &Storage,
    registry: &Arc<Registry>,
    counters: &IngestTelemetry,
    lifecycle: &Arc<Lifecycle>,
) -> Result<(Http, SocketAddr), String> {
    let services = api::Services::start(api::Parts {
        catalog: Arc::clone(&storage.catalog),
        store: Arc::clone(&storage.store),
        events: Arc::clone(&storage.events),
        telemetry: Arc::clone(registry),
        refused: Arc::clone(counters.refused()),
        clock: clock.clone(),
        timezone: config.api.timezone.clone(),
        name_rules: config.limits.names,
        lifecycle: Some(Arc::clone(lifecycle)),
        limits: api_limits(&config.api),
    })
    .map_err(|error| format!("cannot start threads: {error}"))?;
    let listen = config.api.listen;
    let bind_failed = |error| format!("api: cannot listen on {listen}: {error}");
    let listener = TcpListener::bind(listen).await.map_err(bind_failed)?;
    let address = listener.local_addr().map_err(bind_failed)?;
    let stopping = CancellationToken::new();
    let control = Control::start(storage.path(), Arc::clone(&services), stopping.clone());
    let control = control.inspect_err(|error| {
        tracing::warn!(%error, "no control socket: delete, expire and retention need the daemon stopped");
    });
    let task = tokio::spawn(api::serve(listener, services, stopping.clone()));
    let http = Http {
        stopping,
        task,
        control: control.ok(),
    };
    Ok((http, address))
}

fn api_limits(config: &config::Api) -> api::Limits {
    let defaults = api::Limits::default();
    api::Limits {
        body_bytes_max: config.body_bytes_max,
        targets_max: config.targets_max,
        nodes_max: config.nodes_max,
        find_filters_by_time: config.find_filters_by_time,
        consolidate_as_stored: config.consolidate_as_stored,
        render: evaluate::Limits {
            reads: ReadLimits {
                series_max: config.series_max,
                points_max: config.points_max,
                bytes_max: config.render_memory_max,
            },
            calls_max: config.calls_max,
        },
        target_bytes_max: config.target_bytes_max,
        answers_memory_max: config.answers_memory_max,
        incremental_cache_bytes: config.incremental_cache_bytes,
        response_cache: config.response_cache,
        response_cache_bytes: config.response_cache_bytes,
        render_slow: config.render_slow,
        render_time_max: config.render_time_max,
        renders_max: config.renders_max.unwrap_or(defaults.renders_max),
        renders_waiting_max: config.renders_waiting_max,
        admin: config.admin,
        ..defaults
    }
}

fn start_receivers(
    config: &Config,
    context: &receiver::Context,
    addresses: &mut Addresses,
) -> Result<(), String> {
    let limits = protocol::Limits {
        names: config.limits.names,
        line_bytes_max: config.limits.line_bytes_max,
        ..protocol::Limits::default()
    };
    for receiver in &config.receivers {
        let address = start_receiver(receiver, limits, context)
            .map_err(|error| format!("cannot start: {error}"))?;
        addresses.receivers.insert(receiver.name.clone(), address);
    }
    Ok(())
}

fn start_receiver(
    receiver: &config::Receiver,
    limits: protocol::Limits,
    context: &receiver::Context,
) -> Result<SocketAddr, receiver::ReceiverError> {
    let protocol = match receiver.protocol {
        config::Protocol::Plaintext => protocol::Protocol::Plaintext,
        config::Protocol::Pickle => protocol::Protocol::Pickle,
        config::Protocol::Protobuf => protocol::Protocol::Protobuf,
    };
    match receiver.transport {
        Transport::Tcp {
            connections_max,
            idle_timeout,
        } => {
            let settings = tcp::TcpSettings {
                protocol,
                limits,
                connections_max,
                idle_timeout,
                ..tcp::TcpSettings::new(&receiver.name, receiver.listen)
            };
            tcp::start(settings, context)
        }
        Transport::Udp {
            sockets,
            receive_buffer_bytes,
        } => {
            let defaults = udp::UdpSettings::new(&receiver.name, receiver.listen);
            let settings = udp::UdpSettings {
                protocol,
                limits,
                sockets: if sockets == 0 {
                    defaults.sockets
                } else {
                    sockets
                },
                receive_buffer_bytes,
                ..defaults
            };
            udp::start(settings, context)
        }
    }
}

fn start_self_metrics(
    config: &Config,
    registry: Arc<Registry>,
    routes: &Arc<Routes>,
    clock: Clock,
    receivers: &receiver::Context,
) -> Option<JoinHandle<()>> {
    let interval = config.telemetry.interval?;
    let metrics = SelfMetrics {
        registry,
        routes: Arc::clone(routes),
        clock,
        prefix: config.telemetry.prefix.clone(),
        interval,
    };
    Some(metrics.start(receivers.stopping.clone()))
}

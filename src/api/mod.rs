//! HTTP: Graphite's endpoints, go-carbon's for carbonapi, and the daemon's own.
//!
//! The road of a request: `incoming` mends its first line where a person typed it, [`request`] merges
//! its parameters, a handler checks them, [`workers`] evaluates on threads of its own, [`pieces`]
//! has `format` make the bytes of the answer while they are sent. Handlers know no bytes of formats and no
//! function; the rooms below know no HTTP.
//!
//! Limits: the body, the number of targets, the nodes of a find, the time of a render and the line of
//! waiting ones are all bounded ([`Limits`]); each bound answers a status of its own with a sentence.
//!
//! Threads: handlers run on tokio's and never compute for long; renders and lookups have pools.

mod admin;
mod answers;
mod carbonapi;
mod coding;
mod error;
mod events;
mod find;
mod freshness;
mod functions;
mod home;
mod incoming;
mod limits;
mod multipart;
mod parameters;
mod pieces;
mod render;
mod reply;
mod request;
mod request_line;
mod sending;
mod serve;
mod status;
mod tags;
mod times;
mod workers;

use std::sync::Arc;

use axum::Router;
use axum::routing::{MethodRouter, any, get, post};
use jiff::tz::TimeZone;
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::cors::CorsLayer;

use crate::catalog::Catalog;
use crate::clock::Clock;
use crate::evaluate::{self, Engine, Source, Threads};
use crate::events::EventLog;
use crate::lifecycle::{Kind, Lifecycle, ROUTES};
use crate::metric::name::NameRules;
use crate::storage::Store;
use crate::telemetry::Registry;
use crate::telemetry::refused::RefusedList;
use crate::telemetry::render::RenderTelemetry;

use answers::Answers;
pub use error::{ApiError, ApiResult};
pub use limits::Limits;
pub use parameters::Parameters;
use sending::Sending;
pub use serve::{serve, serve_control};
use workers::Workers;

/// Operators who wait for an answer; more are told to come again.
const OPERATIONS_WAITING_MAX: usize = 16;

/// What `daemon` gives.
pub struct Parts {
    /// Names and tags.
    pub catalog: Arc<Catalog>,
    /// Points.
    pub store: Arc<dyn Store>,
    /// Events.
    pub events: Arc<EventLog>,
    /// The daemon's numbers, for `/metrics`; those of renders are registered with it.
    pub telemetry: Arc<Registry>,
    /// The last refused points.
    pub refused: Arc<RefusedList>,
    /// What time it is.
    pub clock: Clock,
    /// The zone of requests that name none.
    pub timezone: TimeZone,
    /// How names are made canonical when a client registers one.
    pub name_rules: NameRules,
    /// Deletion, expiry and retention; without it nothing is administered here.
    pub lifecycle: Option<Arc<Lifecycle>>,
    /// What a request may ask.
    pub limits: Limits,
}

/// Everything that handlers need.
pub struct Services {
    catalog: Arc<Catalog>,
    store: Arc<dyn Store>,
    events: Arc<EventLog>,
    engine: Engine,
    telemetry: Arc<Registry>,
    refused: Arc<RefusedList>,
    clock: Clock,
    timezone: TimeZone,
    name_rules: NameRules,
    limits: Limits,
    render_telemetry: Arc<RenderTelemetry>,
    /// Answers that several requests share.
    answers: Arc<Answers>,
    /// Answers that are being sent.
    sending: Arc<Sending>,
    /// Threads that evaluate renders.
    renders: Workers,
    /// Threads that make the pieces of long answers.
    encoders: Arc<Threads>,
    /// Threads that look names up, apart from the former so that completion stays quick.
    lookups: Workers,
    lifecycle: Option<Arc<Lifecycle>>,
    /// Threads for what operators ask: the second one tells that the first is busy.
    operations: Workers,
}

impl Services {
    /// Starts the threads and puts everything together.
    ///
    /// # Errors
    /// When the system gives no more threads.
    pub fn start(parts: Parts) -> std::io::Result<State> {
        let limits = parts.limits;
        let render_telemetry = Arc::new(RenderTelemetry::default());
        parts.telemetry.register(render_telemetry.clone());
        evaluate::start_pool();
        let waiting_max = limits.renders_waiting_max;
        let renders = limits.renders_max;
        let renders = Workers::start_with("render", renders, waiting_max, evaluate::give_way)?;
        let operations = Workers::start("admin", 2, OPERATIONS_WAITING_MAX)?;
        let lookups = Workers::start("lookup", limits.renders_max, limits.renders_waiting_max)?;
        for load in [renders.load("render"), lookups.load("lookup")] {
            parts.telemetry.register(Arc::new(load));
        }
        let source = Source {
            catalog: parts.catalog.clone(),
            store: parts.store.clone(),
        };
        let engine = Engine::new(source, parts.events.clone());
        let engine = engine.with_cache(limits.incremental_cache_bytes);
        let answers = Arc::new(Answers::new(limits.response_cache_bytes));
        let sending = Sending::new(limits.answers_memory_max);
        parts.telemetry.register(answers.clone());
        parts.telemetry.register(sending.clone());
        let incremental = answers::IncrementalNumbers(engine.clone());
        parts.telemetry.register(Arc::new(incremental));
        let services = Self {
            engine,
            answers,
            sending,
            catalog: parts.catalog,
            store: parts.store,
            events: parts.events,
            telemetry: parts.telemetry,
            refused: parts.refused,
            clock: parts.clock,
            timezone: parts.timezone,
            name_rules: parts.name_rules,
            limits,
            render_telemetry,
            renders,
            encoders: Arc::new(Threads::start("encode")?),
            lookups,
            lifecycle: parts.lifecycle,
            operations,
        };
        Ok(Arc::new(services))
    }
}

/// The services, shared by all handlers.
pub type State = Arc<Services>;

/// All routes.
pub fn router(state: State) -> Router {
    let routes = [
        graphite_routes(),
        tag_routes(),
        event_routes(),
        daemon_routes(),
        carbonapi_routes(),
    ];
    let admin = state.limits.admin.then(admin_routes);
    let merged = routes
        .into_iter()
        .chain(admin)
        .fold(Router::new(), Router::merge);
    merged
        .fallback(status::no_such_page)
        // Long answers come compressed already.
        .layer(CompressionLayer::new().quality(CompressionLevel::Precise(coding::LEVEL.into())))
        // Dashboards of any origin may read; there are no cookies or passwords that could leak.
        .layer(CorsLayer::permissive())
        .with_state(state)
}

fn graphite_routes() -> Router<State> {
    Router::new()
        .merge(path("/render", || any(render::render)))
        .merge(path("/metrics/find", || any(find::find)))
        .merge(path("/metrics/expand", || any(find::expand)))
        .merge(path("/metrics/index.json", || any(find::index)))
        .merge(path("/metrics", || any(status::metrics)))
        .merge(path("/functions", || get(functions::list)))
        .route("/functions.html", get(functions::page))
        .merge(path("/functions/{name}", || get(functions::one)))
}

fn tag_routes() -> Router<State> {
    Router::new()
        .merge(path("/tags", || get(tags::list)))
        .merge(path("/tags/findSeries", || {
            get(tags::find_series).post(tags::find_series)
        }))
        .merge(path("/tags/autoComplete/tags", || {
            get(tags::complete_tags).post(tags::complete_tags)
        }))
        .merge(path("/tags/autoComplete/values", || {
            get(tags::complete_values).post(tags::complete_values)
        }))
        .merge(path("/tags/tagSeries", || post(tags::tag_series)))
        .merge(path("/tags/tagMultiSeries", || {
            post(tags::tag_multi_series)
        }))
        .merge(path("/tags/delSeries", || post(tags::delete_series)))
        .merge(path("/tags/{tag}", || get(tags::one)))
}

fn event_routes() -> Router<State> {
    Router::new()
        .merge(path("/events", || get(events::list).post(events::create)))
        .merge(path("/events/get_data", || any(events::list)))
        .merge(path("/events/{id}", || get(events::one)))
}

fn daemon_routes() -> Router<State> {
    Router::new()
        .route("/", get(home::home))
        .route(request_line::PAGE, any(request_line::page))
        .merge(path("/version", || get(status::version)))
        .merge(path("/health", || get(status::health)))
        .merge(path("/debug/refused", || get(status::refused)))
}

fn carbonapi_routes() -> Router<State> {
    Router::new()
        .merge(path("/info", || any(carbonapi::information)))
        .merge(path("/_internal/capabilities", || {
            any(carbonapi::capabilities)
        }))
}

/// What an operator may do; all that the control socket answers.
fn admin_routes() -> Router<State> {
    let routes = ROUTES.iter().map(|(kind, route)| {
        path(route, || match kind {
            Kind::Delete => post(admin::delete),
            Kind::Expire => post(admin::expire),
            Kind::RetentionPlan => post(admin::retention_plan),
            Kind::RetentionApply => post(admin::retention_apply),
        })
    });
    routes
        .fold(Router::new(), Router::merge)
        .merge(path("/admin/progress", || get(admin::progress)))
}

/// A path with and without a slash at its end.
fn path(path: &str, handlers: impl Fn() -> MethodRouter<State>) -> Router<State> {
    Router::new()
        .route(path, handlers())
        .route(&format!("{path}/"), handlers())
}

#[cfg(test)]
mod tests;

//! How the daemon is doing: `/version`, `/health`, `/metrics`, `/debug/refused`.

use axum::extract;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::error::{ApiError, ApiResult};
use super::request::ApiRequest;
use super::{State, find, reply};
use crate::telemetry::prometheus;

/// The release of graphite-web whose behaviour this daemon has. Clients choose features by it.
const GRAPHITE_VERSION: &str = "1.1.10\n";

/// `/version`: the version of Graphite that clients may count on.
pub(super) async fn version() -> Response {
    reply::bytes("text/plain; charset=utf-8", GRAPHITE_VERSION)
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
    version: &'static str,
    engine: &'static str,
    series: usize,
    now: i64,
    disk_full: bool,
    write_failure: Option<String>,
    damaged: Vec<DamagedFile>,
}

#[derive(Serialize)]
struct DamagedFile {
    path: String,
    reason: String,
}

/// `/health`: 200 while points are taken, 503 once the store refuses writes.
pub(super) async fn health(
    extract::State(state): extract::State<State>,
    request: ApiRequest,
) -> ApiResult {
    let health = state.store.health();
    let poisoned = health.write_failure.is_some();
    let damaged = health
        .damaged
        .into_iter()
        .chain(state.catalog.damaged().iter().cloned())
        .map(|(path, reason)| DamagedFile {
            path: path.display().to_string(),
            reason,
        });
    let body = Health {
        status: match (poisoned, health.disk_full) {
            (true, _) => "failed",
            (false, true) => "disk full",
            (false, false) => "ok",
        },
        version: env!("CARGO_PKG_VERSION"),
        engine: state.store.engine(),
        series: state.catalog.len(),
        now: state.clock.now(),
        disk_full: health.disk_full,
        write_failure: health.write_failure,
        damaged: damaged.collect(),
    };
    let mut response = reply::uncached(reply::json(&body, &request.parameters)?);
    if poisoned {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    Ok(response)
}

/// `/metrics`: numbers for Prometheus; with a `query` it is graphite-web's other name for find.
pub(super) async fn metrics(state: extract::State<State>, request: ApiRequest) -> ApiResult {
    if request.parameters.has("query") {
        return find::find(state, request).await;
    }
    let text = prometheus::print(&state.telemetry.collect());
    Ok(reply::bytes(prometheus::CONTENT_TYPE, text))
}

#[derive(Serialize)]
struct Refused {
    at: i64,
    peer: String,
    reason: &'static str,
    line: String,
}

/// `/debug/refused`: the last refused points, newest first.
pub(super) async fn refused(
    extract::State(state): extract::State<State>,
    request: ApiRequest,
) -> ApiResult {
    let lines = state.refused.snapshot().into_iter().map(|line| Refused {
        at: line.at,
        peer: line.peer,
        reason: line.reason.as_str(),
        line: line.line,
    });
    let lines: Vec<_> = lines.collect();
    Ok(reply::uncached(reply::json(&lines, &request.parameters)?))
}

/// Anything else.
pub(super) async fn no_such_page(uri: Uri) -> Response {
    ApiError::not_found(format!("there is nothing at {}", uri.path())).into_response()
}

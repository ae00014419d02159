//! `/admin/…`: deletion, expiry and retention, for operators.
//!
//! On the control socket in the data folder always, which only the daemon's user can open; on the
//! API's port only when `api.admin` says so, since there is no access control on it. Every answer is
//! JSON. A client that leaves stops what it asked for, at the next whole piece.

use std::sync::Arc;

use axum::extract;
use axum::http::StatusCode;
use serde::Serialize;

use super::error::{ApiError, ApiResult};
use super::request::ApiRequest;
use super::{State, reply};
use crate::lifecycle::{Answer, Kind, Lifecycle, LifecycleError, Operation, Progress, Stop};

/// Asks to stop when the client leaves; harmless when the work is done by then.
struct StopOnDrop(Stop);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.ask();
    }
}

/// `POST /admin/delete`
pub(super) async fn delete(state: extract::State<State>, request: ApiRequest) -> ApiResult {
    run(state, request, Kind::Delete).await
}

/// `POST /admin/expire`
pub(super) async fn expire(state: extract::State<State>, request: ApiRequest) -> ApiResult {
    run(state, request, Kind::Expire).await
}

/// `POST /admin/retention/plan`
pub(super) async fn retention_plan(state: extract::State<State>, request: ApiRequest) -> ApiResult {
    run(state, request, Kind::RetentionPlan).await
}

/// `POST /admin/retention/apply`
pub(super) async fn retention_apply(
    state: extract::State<State>,
    request: ApiRequest,
) -> ApiResult {
    run(state, request, Kind::RetentionApply).await
}

#[derive(Serialize)]
struct Running {
    running: Option<Progress>,
}

/// `GET /admin/progress`: what is being done.
pub(super) async fn progress(
    extract::State(state): extract::State<State>,
    request: ApiRequest,
) -> ApiResult {
    let running = lifecycle(&state)?.progress();
    let answer = reply::json(&Running { running }, &request.parameters)?;
    Ok(reply::uncached(answer))
}

async fn run(
    extract::State(state): extract::State<State>,
    request: ApiRequest,
    kind: Kind,
) -> ApiResult {
    let lifecycle = Arc::clone(lifecycle(&state)?);
    let operation = Operation::read(kind, request.parameters.pairs()).map_err(failed)?;
    let stop = lifecycle.new_stop();
    let _guard = StopOnDrop(stop.clone());
    let work = move || operation.run(&lifecycle, &stop);
    let answer: Result<Answer, LifecycleError> = state.operations.run(work).await?;
    let answer = answer.map_err(failed)?;
    Ok(reply::uncached(reply::json(&answer, &request.parameters)?))
}

fn lifecycle(state: &State) -> Result<&Arc<Lifecycle>, ApiError> {
    let lifecycle = state.lifecycle.as_ref();
    lifecycle.ok_or_else(|| ApiError::not_found("there is nothing to administer here").as_json())
}

fn failed(error: LifecycleError) -> ApiError {
    let status = match &error {
        LifecycleError::BadInput(_) => StatusCode::BAD_REQUEST,
        LifecycleError::Busy(_) => StatusCode::CONFLICT,
        LifecycleError::NotWriting(_) => StatusCode::SERVICE_UNAVAILABLE,
        LifecycleError::Unsupported(..) => StatusCode::NOT_IMPLEMENTED,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    ApiError::new(status, error.to_string()).as_json()
}

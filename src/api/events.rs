//! `/events`: post, list, look up.

use axum::extract::{self, Path};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::error::{ApiError, ApiResult};
use super::parameters::Parameters;
use super::request::ApiRequest;
use super::times::RequestClock;
use super::{State, reply};
use crate::events::{Event, EventError, NewEvent, TagMatch};

/// `POST /events` with `{"what", "tags", "when", "data"}`; answers nothing but 200.
pub(super) async fn create(
    extract::State(state): extract::State<State>,
    request: ApiRequest,
) -> ApiResult {
    let event = read_event(&request.body, state.clock.now()).map_err(ApiError::as_json)?;
    let services = state.clone();
    let kept = state
        .lookups
        .run(move || services.events.append(event))
        .await?;
    kept.map_err(|error| match error {
        EventError::TooLong(_) => ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, error.to_string()),
        other => ApiError::busy(other.to_string()),
    })?;
    Ok(StatusCode::OK.into_response())
}

fn read_event(body: &[u8], now: i64) -> ApiResult<NewEvent> {
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| ApiError::bad_request(format!("the body is not JSON: {error}")))?;
    let Value::Object(mut members) = value else {
        return Err(ApiError::bad_request("an event must be a JSON object"));
    };
    let what = members.remove("what").and_then(text_of);
    Ok(NewEvent {
        what: what.ok_or_else(|| ApiError::bad_request("\"what\" is missing"))?,
        tags: read_tags(members.remove("tags"))?,
        when: read_when(members.remove("when"), now)?,
        data: members.remove("data").and_then(text_of).unwrap_or_default(),
    })
}

/// Text as it is, anything else as JSON; null is none.
fn text_of(value: Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    }
}

fn read_tags(value: Option<Value>) -> ApiResult<Vec<String>> {
    let wrong = || ApiError::bad_request("\"tags\" must be an array or space-separated string");
    let words = |text: &str| {
        text.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    match value {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::String(text)) => Ok(words(&text)),
        Some(Value::Array(values)) => {
            let mut tags = Vec::new();
            for value in values {
                tags.extend(words(value.as_str().ok_or_else(wrong)?));
            }
            Ok(tags)
        }
        Some(_) => Err(wrong()),
    }
}

fn read_when(value: Option<Value>, now: i64) -> ApiResult<i64> {
    let Some(value) = value else { return Ok(now) };
    let seconds = value.as_f64().map(f64::floor);
    seconds
        .filter(|seconds| Timestamp::from_second(*seconds as i64).is_ok())
        .map(|seconds| seconds as i64)
        .ok_or_else(|| ApiError::bad_request("\"when\" must be seconds since the epoch"))
}

/// An event as lists show it.
#[derive(Serialize)]
struct Listed {
    when: i64,
    what: String,
    data: String,
    tags: Vec<String>,
    id: u64,
}

impl From<Event> for Listed {
    fn from(event: Event) -> Self {
        Self {
            when: event.when,
            what: event.what,
            data: event.data,
            tags: event.tags,
            id: event.id,
        }
    }
}

/// `/events/get_data`: the events of a window, by time.
pub(super) async fn list(
    extract::State(state): extract::State<State>,
    request: ApiRequest,
) -> ApiResult {
    let parameters = &request.parameters;
    let clock = RequestClock::of(parameters, &state)?;
    let from = clock.time(parameters, "from")?.unwrap_or(0);
    let until = clock.time(parameters, "until")?.unwrap_or(clock.now);
    let tags = tag_match(parameters);
    let services = state.clone();
    let found = state
        .lookups
        .run(move || services.events.find(from, until, &tags))
        .await?;
    let listed: Vec<Listed> = found.into_iter().map(Listed::from).collect();
    Ok(reply::uncached(reply::json(&listed, parameters)?))
}

fn tag_match(parameters: &Parameters) -> TagMatch {
    let Some(tags) = parameters.last("tags") else {
        return TagMatch::Any;
    };
    let tags = tags.split(' ').map(str::to_owned).collect();
    match parameters.last("set") {
        Some("union") => TagMatch::OneOf(tags),
        Some("intersection") => TagMatch::All(tags),
        _ => TagMatch::AllKnown(tags),
    }
}

/// An event by itself: its time in words, as the reference's encoder prints it.
#[derive(Serialize)]
struct Detail {
    id: u64,
    when: String,
    what: String,
    data: String,
    tags: Vec<String>,
}

/// `/events/ID`.
pub(super) async fn one(
    extract::State(state): extract::State<State>,
    Path(id): Path<String>,
    request: ApiRequest,
) -> ApiResult<Response> {
    let event = id.parse().ok().and_then(|id| state.events.get(id));
    let Some(event) = event else {
        return Err(ApiError::not_found("Event matching query does not exist").as_json());
    };
    let when = Timestamp::from_second(event.when).unwrap_or_default();
    let detail = Detail {
        id: event.id,
        when: when.to_string(),
        what: event.what,
        data: event.data,
        tags: event.tags,
    };
    reply::json(&detail, &request.parameters)
}

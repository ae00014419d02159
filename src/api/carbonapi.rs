//! A backend of carbonapi, as go-carbon is one: `/_internal/capabilities`, `/info`, and the protobuf
//! forms of find. Requests of the third protocol are messages in the body, of GET too; nothing found
//! is 404 there.

use std::time::Instant;

use axum::body::Bytes;
use axum::extract;
use axum::response::{IntoResponse, Response};

use super::error::{ApiError, ApiResult};
use super::freshness::Freshness;
use super::pieces::Outlet;
use super::request::ApiRequest;
use super::{Services, State, find, reply};
use crate::catalog::{FindOptions, FoundNode};
use crate::evaluate::{Cancellation, RenderRequest};
use crate::format::carbonapi::{
    FetchV3, GlobMatch, MetricInformation, write_glob_response, write_information,
};
use crate::format::protobuf::{
    Field, FieldValue, Fields, write_bool_field, write_bytes_field, write_text_field,
};
use crate::format::{Chained, Format, SeriesEncoder};
use crate::functions::{Series, Window};

/// Names in one message; more is refused.
const NAMES_MAX: usize = 10_000;

fn not_found() -> ApiError {
    ApiError::not_found("no metric matches")
}

fn broken_message() -> ApiError {
    ApiError::bad_request("the body is not a protobuf message of the third protocol")
}

/// The fields of a message of a client.
///
/// # Errors
/// When it is broken or has more fields than any sensible request.
pub(super) fn fields(message: &[u8]) -> ApiResult<Vec<Field<'_>>> {
    let fields: Option<Vec<_>> = Fields::new(message).take(NAMES_MAX + 1).collect();
    match fields {
        Some(fields) if fields.len() <= NAMES_MAX => Ok(fields),
        Some(_) => Err(ApiError::bad_request(format!(
            "the message has more than {NAMES_MAX} fields"
        ))),
        None => Err(broken_message()),
    }
}

/// The texts of a repeated field.
fn texts(message: &[u8], number: u32) -> ApiResult<Vec<String>> {
    let fields = fields(message)?;
    let wanted = fields.iter().filter(|field| field.number == number);
    wanted
        .map(|field| field.value.as_text().map(str::to_owned))
        .collect::<Option<Vec<_>>>()
        .ok_or_else(broken_message)
}

/// `/_internal/capabilities`.
pub(super) async fn capabilities() -> Response {
    let mut out = Vec::new();
    for protocol in ["carbonapi_v3_pb", "carbonapi_v2_pb", "pickle", "msgpack"] {
        write_text_field(&mut out, 1, protocol);
    }
    write_text_field(&mut out, 2, concat!("plumbago-", env!("CARGO_PKG_VERSION")));
    // High-precision timestamps (3), filtering functions (4), split requests (5) and streaming (6)
    // are not offered, which is what leaving the fields out says.
    write_bool_field(&mut out, 3, false);
    reply::bytes(Format::CarbonapiV3.content_type(), out)
}

/// One `FetchRequest`.
#[derive(Default)]
struct Fetch {
    target: String,
    from: i64,
    until: i64,
}

impl Fetch {
    fn read(message: &[u8]) -> ApiResult<Self> {
        let mut fetch = Self::default();
        let mut path_expression = None;
        for field in fields(message)? {
            let value = field.value;
            match field.number {
                1 => fetch.target = value.as_text().ok_or_else(broken_message)?.to_owned(),
                2 => fetch.from = value.as_integer().ok_or_else(broken_message)?,
                3 => fetch.until = value.as_integer().ok_or_else(broken_message)?,
                5 => path_expression = value.as_text().map(str::to_owned),
                _ => {}
            }
        }
        if fetch.target.is_empty() {
            fetch.target = path_expression.unwrap_or_default();
        }
        Ok(fetch)
    }
}

/// `/render` of the third protocol: `MultiFetchRequest{metrics = 1}`.
pub(super) async fn render(state: &State, request: &ApiRequest) -> ApiResult {
    let mut fetches = Vec::new();
    for field in fields(&request.body)? {
        if let FieldValue::Bytes(message) = field.value {
            fetches.push(Fetch::read(message)?);
        }
    }
    let cancellation = Cancellation::at(Instant::now() + state.limits.render_time_max);
    let services = state.clone();
    let stop = cancellation.clone();
    let run = state
        .renders
        .run_cancelling(cancellation, move || fetch_all(&services, &fetches, &stop));
    let groups = run.await??.into_iter();
    // Repeated fields need nothing between them.
    let encoders = groups.map(|(format, series)| SeriesEncoder::new(format, series));
    let outlet = Outlet::new(&state.encoders, &request.headers);
    let encoder = Chained::new(encoders.collect());
    Ok(outlet.stream(Format::CarbonapiV3.content_type(), encoder))
}

/// The series of each fetch, in order; those of one window are asked for together.
fn fetch_all(
    services: &Services,
    fetches: &[Fetch],
    cancellation: &Cancellation,
) -> ApiResult<Vec<(FetchV3, Vec<Series>)>> {
    let mut groups = Vec::new();
    let now = services.clock.now();
    for chunk in fetches.chunk_by(|one, next| (one.from, one.until) == (next.from, next.until)) {
        let (from, until) = (chunk[0].from, chunk[0].until);
        if from >= until {
            return Err(ApiError::bad_request(format!(
                "the window from {from} until {until} is empty"
            )));
        }
        let targets = chunk.iter().map(|fetch| fetch.target.clone()).collect();
        let request = RenderRequest {
            cancellation: cancellation.clone(),
            limits: services.limits.render,
            timezone: services.timezone.clone(),
            ..RenderRequest::new(targets, Window { from, until, now })
        };
        let rendered = super::render::finish(services, services.engine.render(&request))?;
        let format = FetchV3 {
            request_start: from,
            request_stop: until,
        };
        groups.push((format, rendered.series));
    }
    if groups.iter().all(|(_, series)| series.is_empty()) {
        return Err(not_found());
    }
    Ok(groups)
}

/// The filter that a `MultiGlobRequest{startTime = 2}` asks for; 0 is no time.
fn freshness<'a>(services: &'a Services, message: &[u8]) -> ApiResult<Option<Freshness<'a>>> {
    let fields = fields(message)?;
    let start = fields.iter().rfind(|field| field.number == 2);
    let since = start.and_then(|field| field.value.as_integer());
    let since = since.filter(|since| *since > 0);
    Ok(since.and_then(|since| Freshness::since(services, since, services.clock.now())))
}

/// `/metrics/find` of the third protocol: `MultiGlobRequest{metrics = 1}`.
pub(super) async fn find(state: State, body: Bytes) -> ApiResult {
    let services = state.clone();
    let answer = state.lookups.run(move || {
        let options = FindOptions {
            leaves_only: false,
            limit: services.limits.nodes_max,
        };
        let mut groups = Vec::new();
        let mut freshness = freshness(&services, &body)?;
        for query in texts(&body, 1)? {
            let found = services.catalog.find(&query, options);
            let mut nodes = found.map_err(find::find_error)?;
            if let Some(freshness) = &mut freshness {
                freshness.filter_nodes(&mut nodes);
            }
            groups.push((query, nodes));
        }
        found_v3(&groups)
    });
    answer.await?
}

/// `MultiGlobResponse{metrics = 1}`.
pub(super) fn found_v3(groups: &[(String, Vec<FoundNode>)]) -> ApiResult {
    if groups.iter().all(|(_, nodes)| nodes.is_empty()) {
        return Err(not_found());
    }
    let mut out = Vec::new();
    for (query, nodes) in groups {
        let mut one = Vec::new();
        write_glob_response(&mut one, query, nodes.iter().map(glob_match));
        write_bytes_field(&mut out, 1, &one);
    }
    Ok(reply::bytes(Format::CarbonapiV3.content_type(), out))
}

/// `GlobResponse` of the second protocol.
pub(super) fn found_v2(query: &str, nodes: &[FoundNode]) -> ApiResult {
    if nodes.is_empty() {
        return Err(not_found());
    }
    let mut out = Vec::new();
    write_glob_response(&mut out, query, nodes.iter().map(glob_match));
    Ok(reply::bytes(Format::CarbonapiV2.content_type(), out))
}

fn glob_match(node: &FoundNode) -> GlobMatch<'_> {
    GlobMatch {
        path: &node.path,
        is_leaf: node.is_leaf(),
    }
}

/// `/info`: the archives of metrics; `target=` in the second protocol and in JSON, a
/// `MultiMetricsInfoRequest{names = 1}` in the third.
pub(super) async fn information(
    extract::State(state): extract::State<State>,
    request: ApiRequest,
) -> ApiResult {
    let parameters = &request.parameters;
    let format = parameters.last("format").unwrap_or("json");
    if format == "carbonapi_v3_pb" {
        let names = texts(&request.body, 1)?;
        return information_v3(&state, &names);
    }
    let Some(target) = parameters.non_empty("target") else {
        return Err(ApiError::bad_request("target is missing"));
    };
    let is_second_protocol = Format::parse(format) == Some(Format::CarbonapiV2);
    if format != "json" && !is_second_protocol {
        return Err(ApiError::bad_request(format!(
            "format=\"{format}\" is none of json, carbonapi_v2_pb, carbonapi_v3_pb"
        )));
    }
    let found = information_of(&state, target).ok_or_else(not_found)?;
    if is_second_protocol {
        let mut out = Vec::new();
        write_information(&mut out, &found);
        return Ok(reply::bytes(Format::CarbonapiV2.content_type(), out));
    }
    let archives = found.archives.iter().map(
        |(step, points)| serde_json::json!({"secondsPerPoint": step, "numberOfPoints": points}),
    );
    let body = serde_json::json!({
        "name": found.name,
        "aggregationMethod": found.aggregation,
        "maxRetention": found.retention_max,
        "xFilesFactor": found.x_files_factor,
        "retentions": archives.collect::<Vec<_>>(),
    });
    reply::json(&body, parameters)
}

fn information_v3(services: &Services, names: &[String]) -> ApiResult {
    let mut out = Vec::new();
    for name in names {
        if let Some(found) = information_of(services, name) {
            let mut one = Vec::new();
            write_information(&mut one, &found);
            write_bytes_field(&mut out, 1, &one);
        }
    }
    if out.is_empty() {
        return Err(not_found());
    }
    Ok(reply::bytes(Format::CarbonapiV3.content_type(), out).into_response())
}

fn information_of<'a>(services: &Services, name: &'a str) -> Option<MetricInformation<'a>> {
    let series = services.catalog.id(name)?;
    let (retention, rollup) = services.catalog.definition(series)?;
    let archives = retention.archives().iter();
    Some(MetricInformation {
        name,
        aggregation: rollup.method.to_string(),
        retention_max: retention.longest(),
        x_files_factor: rollup.x_files_factor,
        archives: archives
            .map(|archive| (archive.step, archive.points))
            .collect(),
    })
}

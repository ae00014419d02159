//! `/render`: from parameters to a streamed answer.

mod explain;
mod meta;
mod question;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::answers::{Answer, QuestionKey};
use super::error::{ApiError, ApiResult};
use super::request::ApiRequest;
use super::{Services, State, carbonapi, pieces, reply};
use crate::evaluate::{Cancellation, ErrorKind, RenderError, RenderRequest, Rendered};
use crate::format::msgpack::Msgpack;
use crate::format::pickle::Pickle;
use crate::format::{
    Csv, Dygraph, Encode, Format, Json, Raw, Rickshaw, SeriesEncoder, SeriesFormat, SeriesObjects,
    Wrapped, carbonapi as protobuf,
};
use crate::functions::Series;
use crate::functions::series::bytes_held;
use crate::telemetry::render::RenderOutcome;
use question::{Form, Question};

/// Headers by which Grafana says where a query comes from.
const ORIGIN_HEADERS: [&str; 3] = ["x-dashboard-id", "x-panel-id", "x-grafana-org-id"];

/// How much of the targets a log line shows.
const LOGGED_BYTES_MAX: usize = 1024;

/// `/render`.
pub(super) async fn render(
    extract::State(state): extract::State<State>,
    request: ApiRequest,
) -> Response {
    let started = Instant::now();
    let is_third_protocol = request.parameters.last("format") == Some("carbonapi_v3_pb");
    let answer = if is_third_protocol && !request.body.is_empty() {
        carbonapi::render(&state, &request).await
    } else {
        answer(&state, &request).await
    };
    let outcome = answer
        .as_ref()
        .map_or_else(outcome_of, |_| RenderOutcome::Answered);
    let duration = started.elapsed();
    state.render_telemetry.ended(outcome, duration);
    if duration >= state.limits.render_slow {
        log_slow(&request, outcome, duration.as_millis());
    }
    answer.unwrap_or_else(IntoResponse::into_response)
}

fn log_slow(request: &ApiRequest, outcome: RenderOutcome, milliseconds: u128) {
    let [dashboard, panel, organisation] =
        ORIGIN_HEADERS.map(|name| request.header(name).unwrap_or_default());
    let mut targets = request.parameters.list("target").join(" ");
    if targets.len() > LOGGED_BYTES_MAX {
        let shorter = targets.char_indices().map(|(at, _)| at);
        let cut = shorter.take_while(|at| *at <= LOGGED_BYTES_MAX).last();
        targets.truncate(cut.unwrap_or(0));
    }
    tracing::warn!(
        milliseconds,
        ?outcome,
        dashboard,
        panel,
        organisation,
        from = request.parameters.last("from"),
        until = request.parameters.last("until"),
        targets,
        "slow render"
    );
}

fn outcome_of(error: &ApiError) -> RenderOutcome {
    match error.status() {
        StatusCode::UNPROCESSABLE_ENTITY => RenderOutcome::TooLarge,
        StatusCode::SERVICE_UNAVAILABLE => RenderOutcome::Abandoned,
        status if status.is_client_error() => RenderOutcome::Refused,
        _ => RenderOutcome::Failed,
    }
}

async fn answer(state: &State, request: &ApiRequest) -> ApiResult {
    let mut question = Question::read(request, state)?;
    let (answer, kept_for) = evaluate(state, &question).await?;
    let bytes = bytes_held(&answer.rendered.series);
    let held = state.sending.hold(bytes + pieces::bytes_ahead(bytes));
    let response = match &question.form {
        Form::Explain => explain::answer(&answer.rendered, &question, &request.parameters)?,
        Form::JsonWithMeta => meta::answer(state, Answer::rendered(answer), question).await?,
        Form::Plain(format) => {
            let format = *format;
            // A kept answer is one to what the same words meant then.
            question.window = answer.window;
            encode(format, Answer::rendered(answer).series, question)
        }
    };
    Ok(held.until_sent(caching(response, kept_for)))
}

/// Says how long a client or a proxy may keep the answer; mostly not at all.
fn caching(mut response: Response, kept_for: Option<Duration>) -> Response {
    let headers = response.headers_mut();
    let seconds = kept_for.map_or(0, |time| time.as_secs());
    if seconds == 0 {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        return response;
    }
    if let Ok(value) = HeaderValue::try_from(format!("max-age={seconds}")) {
        headers.insert(header::CACHE_CONTROL, value);
    }
    let expires = std::time::SystemTime::now() + Duration::from_secs(seconds);
    let expires = jiff::Timestamp::try_from(expires).ok();
    let printer = jiff::fmt::rfc2822::DateTimePrinter::new();
    let printed = expires.and_then(|time| printer.timestamp_to_rfc9110_string(&time).ok());
    if let Some(Ok(value)) = printed.map(HeaderValue::try_from) {
        headers.insert(header::EXPIRES, value);
    }
    response
}

/// The answer to a question and for how long it is kept: an old one where that will do, else a new one,
/// evaluated on the render threads within the time that a render may take.
async fn evaluate(
    state: &State,
    question: &Question,
) -> ApiResult<(Arc<Answer>, Option<Duration>)> {
    let time_max = state.limits.render_time_max;
    let cancellation = Cancellation::at(Instant::now() + time_max);
    let services = state.clone();
    let request = RenderRequest {
        cancellation,
        ..question.request(services.clock.now())
    };
    let key = QuestionKey::of(&request);
    let age_max = question.age_max.filter(|age| !age.is_zero());
    let kept = age_max.filter(|_| state.answers.keeps());
    let kept = kept.map(|age_max| (age_max, key.typed(&question.typed_times)));
    if let Some((age_max, key)) = &kept
        && let Some(answer) = state.answers.find(key, *age_max)
    {
        let left = age_max.saturating_sub(answer.age());
        return Ok((answer, Some(left)));
    }
    state.sending.wait_for_room(time_max).await?;
    let work = move |request: &RenderRequest| services.engine.render(request);
    let outcome = state.answers.compute(&key, request, &state.renders, work);
    let answer = outcome.await?.map_err(|error| render_error(&error))?;
    count_reads(state, &answer.rendered);
    let Some((age_max, key)) = kept else {
        return Ok((answer, None));
    };
    state.answers.keep(key, &answer);
    Ok((answer, Some(age_max)))
}

fn count_reads(services: &Services, rendered: &Rendered) {
    let statistics = &rendered.statistics;
    services
        .render_telemetry
        .read(statistics.series_read(), statistics.points_read());
}

/// Counts what was read, and turns an error into its status.
pub(super) fn finish(
    services: &Services,
    rendered: Result<Rendered, RenderError>,
) -> ApiResult<Rendered> {
    let rendered = rendered.map_err(|error| render_error(&error))?;
    count_reads(services, &rendered);
    Ok(rendered)
}

fn render_error(error: &RenderError) -> ApiError {
    let status = match error.kind() {
        ErrorKind::BadRequest => StatusCode::BAD_REQUEST,
        ErrorKind::TooLarge => StatusCode::UNPROCESSABLE_ENTITY,
        ErrorKind::Cancelled => StatusCode::SERVICE_UNAVAILABLE,
        ErrorKind::Store => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let message = match &error.target {
        Some(target) => format!("{error} (target: {target})"),
        None => error.to_string(),
    };
    ApiError::new(status, message)
}

/// The answer, made while it is sent.
fn encode(format: Format, series: Vec<Series>, question: Question) -> Response {
    let (outlet, type_) = (question.outlet.clone(), format.content_type());
    match format {
        Format::Json => text(format, walk(Json::new(question.json), series), question),
        Format::Dygraph => text(format, Dygraph::new(series), question),
        Format::Rickshaw => text(format, walk(Rickshaw, series), question),
        Format::Csv => outlet.stream(type_, walk(Csv::new(question.zone), series)),
        Format::Pickle => {
            let objects = SeriesObjects::<Pickle>::default();
            outlet.stream(type_, walk(objects, series))
        }
        Format::Msgpack => {
            let objects = SeriesObjects::<Msgpack>::default();
            outlet.stream(type_, walk(objects, series))
        }
        Format::CarbonapiV2 => outlet.stream(type_, walk(protobuf::FetchV2, series)),
        Format::CarbonapiV3 => {
            let fetch = protobuf::FetchV3 {
                request_start: question.window.from,
                request_stop: question.window.until,
            };
            outlet.stream(type_, walk(fetch, series))
        }
        // Pictures never come here: `Question::read` refuses them.
        Format::Raw | Format::Png | Format::Svg | Format::Pdf => {
            outlet.stream(type_, walk(Raw, series))
        }
    }
}

fn walk<F: SeriesFormat>(format: F, series: Vec<Series>) -> SeriesEncoder<F> {
    SeriesEncoder::new(format, series)
}

/// The formats that a script tag can load.
fn text(format: Format, encoder: impl Encode + 'static, question: Question) -> Response {
    let outlet = question.outlet;
    match question.callback {
        Some(callback) => outlet.stream(reply::JAVASCRIPT, Wrapped::in_callback(callback, encoder)),
        None => outlet.stream(format.content_type(), encoder),
    }
}

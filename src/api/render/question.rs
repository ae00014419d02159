//! The parameters of `/render`, read and checked.

use std::time::Duration;

use jiff::tz::TimeZone;

use super::super::Services;
use super::super::error::{ApiError, ApiResult};
use super::super::parameters::Parameters;
use super::super::pieces::Outlet;
use super::super::reply;
use super::super::request::ApiRequest;
use super::super::times::RequestClock;
use crate::evaluate::{Limits, RenderRequest};
use crate::format::{Format, JsonOptions};
use crate::functions::Window;
use crate::target::{Value, Variables};

/// A request without `from` reads a day.
const DEFAULT_WINDOW: i64 = 86_400;

/// What the answer looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// One of the formats.
    Plain(Format),
    /// Metrictank's json with information about where points came from.
    JsonWithMeta,
    /// Not the points, but what it took to get them.
    Explain,
}

/// A checked request.
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) targets: Vec<String>,
    pub(super) window: Window,
    pub(super) zone: TimeZone,
    pub(super) form: Form,
    pub(super) json: JsonOptions,
    pub(super) callback: Option<String>,
    pub(super) max_data_points: Option<u64>,
    /// How old the answer may be; `None` when nothing kept may go into it.
    pub(super) age_max: Option<Duration>,
    /// from, until and now as they were typed.
    pub(super) typed_times: [Option<String>; 3],
    pub(super) outlet: Outlet,
    drops_unfinished: bool,
    consolidates_as_stored: bool,
    x_files_factor: f64,
    variables: Variables,
    limits: Limits,
}

impl Question {
    pub(super) fn read(request: &ApiRequest, services: &Services) -> ApiResult<Self> {
        let parameters = &request.parameters;
        check_graph_type(parameters)?;
        let form = read_form(parameters)?;
        let is_json = matches!(form, Form::Plain(Format::Json) | Form::JsonWithMeta);
        let clock = RequestClock::of(parameters, services)?;
        let takes_callback = match form {
            Form::Plain(format) => parameters.has("format") && format.takes_callback(),
            Form::JsonWithMeta | Form::Explain => true,
        };
        Ok(Self {
            targets: read_targets(parameters, services)?,
            window: read_window(parameters, &clock)?,
            zone: clock.zone,
            form,
            json: JsonOptions {
                pretty: parameters.non_empty("pretty").is_some(),
                no_null_points: parameters.has("noNullPoints"),
            },
            callback: if takes_callback {
                reply::callback(parameters)?
            } else {
                None
            },
            max_data_points: if is_json {
                read_max_data_points(parameters)?
            } else {
                None
            },
            age_max: read_age_max(parameters, form, services)?,
            typed_times: ["from", "until", "now"]
                .map(|name| parameters.last(name).map(str::to_owned)),
            outlet: Outlet::new(&services.encoders, &request.headers),
            drops_unfinished: parameters.switch("alertSafe")?,
            consolidates_as_stored: parameters.integer(
                "consolidateAsStored",
                services.limits.consolidate_as_stored.into(),
            )? != 0,
            x_files_factor: read_factor(parameters)?,
            variables: read_variables(parameters),
            limits: services.limits.render,
        })
    }

    /// The request for the engine; Metrictank's form consolidates later, when it has seen the steps.
    pub(super) fn request(&self, seed: i64) -> RenderRequest {
        let request = self.whole_request(seed);
        RenderRequest {
            max_data_points: request
                .max_data_points
                .filter(|_| self.form != Form::JsonWithMeta),
            ..request
        }
    }

    /// The request with its consolidation, whoever does that.
    pub(super) fn whole_request(&self, seed: i64) -> RenderRequest {
        RenderRequest {
            timezone: self.zone.clone(),
            x_files_factor: self.x_files_factor,
            variables: self.variables.clone(),
            max_data_points: self.max_data_points,
            limits: self.limits,
            seed: seed as u64,
            drops_unfinished: self.drops_unfinished,
            consolidates_as_stored: self.consolidates_as_stored,
            uses_cache: self.age_max.is_some(),
            ..RenderRequest::new(self.targets.clone(), self.window)
        }
    }
}

/// How old an answer may be: `cacheTimeout` in seconds, else what the config says; `noCache` goes before
/// both and around the incremental cache as well.
fn read_age_max(
    parameters: &Parameters,
    form: Form,
    services: &Services,
) -> ApiResult<Option<Duration>> {
    let default = services.limits.response_cache.as_secs();
    let default = i64::try_from(default).unwrap_or(i64::MAX);
    let seconds = parameters.integer("cacheTimeout", default)?;
    if parameters.has("noCache") {
        return Ok(None);
    }
    // What it took is told of this time, not of another.
    let seconds = if form == Form::Explain { 0 } else { seconds };
    Ok(Some(Duration::from_secs(
        u64::try_from(seconds).unwrap_or(0),
    )))
}

/// A parameter that changes nothing here but must make sense, as in the reference.
fn check_graph_type(parameters: &Parameters) -> ApiResult<()> {
    match parameters.last("graphType").unwrap_or("line") {
        "line" => Ok(()),
        other => Err(ApiError::bad_request(format!(
            "graphType=\"{other}\": only \"line\" is known"
        ))),
    }
}

fn read_form(parameters: &Parameters) -> ApiResult<Form> {
    if parameters.last("explain") == Some("1") {
        return Ok(Form::Explain);
    }
    let format = match parameters.last("format") {
        Some(name) => Format::parse(name),
        None if parameters.has("rawData") => Some(Format::Raw),
        None if parameters.has("pickle") => Some(Format::Pickle),
        None => None,
    };
    match format {
        Some(Format::Json) if parameters.last("meta") == Some("true") => Ok(Form::JsonWithMeta),
        None | Some(Format::Png | Format::Svg | Format::Pdf) => Err(ApiError::bad_request(
            "pictures are not drawn here; ask for format=json, csv, raw, pickle, msgpack, dygraph, \
             rickshaw, carbonapi_v2_pb or carbonapi_v3_pb",
        )),
        Some(format) => Ok(Form::Plain(format)),
    }
}

fn read_targets(parameters: &Parameters, services: &Services) -> ApiResult<Vec<String>> {
    let targets = parameters.list("target");
    let allowed = services.limits.targets_max;
    if targets.len() > allowed {
        let count = targets.len();
        return Err(ApiError::bad_request(format!(
            "{count} targets are too many; {allowed} are allowed"
        )));
    }
    let bytes_max = services.limits.target_bytes_max;
    if let Some(long) = targets.iter().find(|target| target.len() > bytes_max) {
        let bytes = long.len();
        return Err(ApiError::bad_request(format!(
            "a target of {bytes} bytes is too long; {bytes_max} are allowed"
        )));
    }
    Ok(targets)
}

/// A window the wrong way round is turned; one without length has no meaning.
fn read_window(parameters: &Parameters, clock: &RequestClock) -> ApiResult<Window> {
    let now = clock.now;
    let until = clock.time(parameters, "until")?.unwrap_or(now);
    let from = clock.time(parameters, "from")?;
    let from = from.unwrap_or_else(|| now.saturating_sub(DEFAULT_WINDOW));
    if from == until {
        return Err(ApiError::bad_request(format!(
            "from and until are the same second ({from})"
        )));
    }
    Ok(Window {
        from: from.min(until),
        until: from.max(until),
        now,
    })
}

/// Digits count; anything else is passed over, as in the reference.
fn read_max_data_points(parameters: &Parameters) -> ApiResult<Option<u64>> {
    let Some(text) = parameters.non_empty("maxDataPoints") else {
        return Ok(None);
    };
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(None);
    }
    match text.parse().unwrap_or(u64::MAX) {
        0 => Err(ApiError::bad_request("maxDataPoints=0 leaves no points")),
        points => Ok(Some(points)),
    }
}

fn read_factor(parameters: &Parameters) -> ApiResult<f64> {
    let Some(text) = parameters.last("xFilesFactor") else {
        return Ok(0.0);
    };
    text.trim()
        .parse()
        .map_err(|_| ApiError::bad_request(format!("xFilesFactor=\"{text}\" is not a number")))
}

fn read_variables(parameters: &Parameters) -> Variables {
    let mut variables = Variables::new();
    for (name, value) in parameters.keyed("template") {
        variables.set(&name, Value::String(value));
    }
    variables
}

//! One request as the handlers want it: its parameters merged, its body read up to a limit.

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, Method, StatusCode, header};

use super::State;
use super::error::ApiError;
use super::multipart;
use super::parameters::{Charset, Parameters};

/// A request with its body in memory.
#[derive(Clone, Debug)]
pub(super) struct ApiRequest {
    /// Query string and form.
    pub(super) parameters: Parameters,
    /// The body, also when it was read as a form: clients post JSON under that name.
    pub(super) body: Bytes,
    /// The headers.
    pub(super) headers: HeaderMap,
}

impl ApiRequest {
    /// A header's text, when it is there and is text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl FromRequest<State> for ApiRequest {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &State) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let reading = read_body(body, state.limits.body_bytes_max);
        let body = tokio::time::timeout(state.limits.body_time_max, reading);
        let body = body.await.map_err(|_| too_slow())??;
        let query = parts.uri.query().unwrap_or_default();
        let media_type = MediaType::of(&parts.headers);
        let mut parameters = Parameters::default();
        parameters.add(query.as_bytes(), media_type.charset);
        if parts.method == Method::POST {
            add_form(&mut parameters, &media_type, &body)?;
        }
        Ok(Self {
            parameters,
            body,
            headers: parts.headers,
        })
    }
}

fn too_slow() -> ApiError {
    ApiError::new(
        StatusCode::REQUEST_TIMEOUT,
        "the body did not arrive in time",
    )
}

async fn read_body(body: Body, bytes_max: usize) -> Result<Bytes, ApiError> {
    to_bytes(body, bytes_max).await.map_err(|error| {
        let too_long = std::error::Error::source(&error)
            .is_some_and(|source| source.to_string().contains("length limit"));
        if too_long {
            let message = format!("the body is longer than {bytes_max} bytes");
            ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, message)
        } else {
            ApiError::bad_request("the body could not be read")
        }
    })
}

/// A form says so, or says nothing: Grafana's proxies are known to lose the header. Other bodies, JSON
/// say, hold no parameters, as in the reference.
fn add_form(
    parameters: &mut Parameters,
    media_type: &MediaType<'_>,
    body: &[u8],
) -> Result<(), ApiError> {
    let charset = media_type.charset;
    match media_type.name.to_ascii_lowercase().as_str() {
        "" | "application/x-www-form-urlencoded" => parameters.add(body, charset),
        "multipart/form-data" => {
            let fields = multipart::fields(body, media_type.boundary).ok_or_else(|| {
                ApiError::bad_request("the body is no whole form of the type multipart/form-data")
            })?;
            for (name, value) in fields {
                parameters.add_plain(name, value, charset);
            }
        }
        _ => {}
    }
    Ok(())
}

/// What `Content-Type` says.
#[derive(Debug, Default)]
struct MediaType<'a> {
    name: &'a str,
    charset: Charset,
    boundary: &'a str,
}

impl<'a> MediaType<'a> {
    fn of(headers: &'a HeaderMap) -> Self {
        let header = headers.get(header::CONTENT_TYPE);
        let text = header.map_or("", |value| value.to_str().unwrap_or("unreadable"));
        let mut parts = text.split(';').map(str::trim);
        let mut media_type = Self {
            name: parts.next().unwrap_or_default(),
            ..Self::default()
        };
        for (name, value) in parts.filter_map(|part| part.split_once('=')) {
            let value = value.trim_matches('"');
            if name.eq_ignore_ascii_case("charset") {
                media_type.charset = Charset::of(value);
            } else if name.eq_ignore_ascii_case("boundary") {
                media_type.boundary = value;
            }
        }
        media_type
    }
}

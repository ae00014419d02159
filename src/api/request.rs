//! One request as the handlers want it: its parameters merged, its body read up to a limit.

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, Method, StatusCode, header};

use super::State;
use super::error::ApiError;
use super::parameters::Parameters;

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
        let is_form = parts.method == Method::POST && is_form(&parts.headers);
        let form: &[u8] = if is_form { &body } else { b"" };
        let parameters = Parameters::parse(query, form);
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

/// A form says so, or says nothing: Grafana's proxies are known to lose the header.
fn is_form(headers: &HeaderMap) -> bool {
    match headers.get(header::CONTENT_TYPE) {
        None => true,
        Some(value) => value
            .to_str()
            .is_ok_and(|text| text.starts_with("application/x-www-form-urlencoded")),
    }
}

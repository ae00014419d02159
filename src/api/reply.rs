//! Answers: JSON of small shapes, documents of encoders, bytes.

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::error::{ApiError, ApiResult};
use super::parameters::Parameters;

/// The media type of a call of a callback.
pub(super) const JAVASCRIPT: &str = "text/javascript";

/// Longest name of a callback.
const CALLBACK_BYTES_MAX: usize = 128;

/// Bytes of a media type.
pub(super) fn bytes(content_type: &'static str, body: impl Into<Body>) -> Response {
    let mut response = body.into().into_response();
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// A value as JSON, indented when `pretty` is asked for, inside a callback when `jsonp` is.
pub(super) fn json(value: &impl Serialize, parameters: &Parameters) -> ApiResult {
    let written = if parameters.non_empty("pretty").is_some() {
        serde_json::to_vec_pretty(value)
    } else {
        serde_json::to_vec(value)
    };
    let body = written.map_err(|error| ApiError::internal(error.to_string()))?;
    match callback(parameters)? {
        None => Ok(bytes("application/json", body)),
        Some(callback) => {
            let mut wrapped = Vec::with_capacity(callback.len() + body.len() + 2);
            wrapped.extend_from_slice(callback.as_bytes());
            wrapped.push(b'(');
            wrapped.extend_from_slice(&body);
            wrapped.push(b')');
            Ok(bytes(JAVASCRIPT, wrapped))
        }
    }
}

/// An answer that must not be kept by proxies: names come and go.
pub(super) fn uncached(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

/// The callback that a script tag asks for.
///
/// # Errors
/// When it is not a name of JavaScript: anything else would let a link run its own code in a page
/// that trusts this server.
pub(super) fn callback(parameters: &Parameters) -> ApiResult<Option<String>> {
    let Some(name) = parameters.non_empty("jsonp") else {
        return Ok(None);
    };
    let is_name_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"._$[]".contains(&byte);
    if name.len() > CALLBACK_BYTES_MAX || !name.bytes().all(is_name_byte) {
        let message = format!("jsonp=\"{name}\" is not the name of a function");
        return Err(ApiError::bad_request(message));
    }
    Ok(Some(name.to_owned()))
}

//! Errors as clients see them: a status and one short sentence, as text or as JSON.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::format::{write_json_string, write_key};

/// An answer that says why there is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    status: StatusCode,
    message: String,
    is_json: bool,
}

/// What a handler gives.
pub type ApiResult<T = Response> = Result<T, ApiError>;

impl ApiError {
    /// An error with any status.
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            is_json: false,
        }
    }

    /// The client asked for something that has no meaning.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// There is no such thing.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    /// The daemon has too much to do; the same request may succeed later.
    pub fn busy(message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, message)
    }

    /// The daemon failed, not the client.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, message)
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The same error as `{"error": "…"}`, for the endpoints where Graphite answers so.
    #[must_use]
    pub fn as_json(mut self) -> Self {
        self.is_json = true;
        self
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        if self.status.is_server_error() {
            tracing::warn!(status = self.status.as_u16(), reason = %self.message, "request failed");
        }
        let (content_type, body) = if self.is_json {
            let mut body = b"{".to_vec();
            write_key(&mut body, "error");
            write_json_string(&mut body, &self.message);
            body.push(b'}');
            ("application/json", body)
        } else {
            ("text/plain; charset=utf-8", self.message.into_bytes())
        };
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

//! Refusals, as RFC 9457 problem documents with the documented types.
//!
//! Its own file so that each refusal is worded once. The types of 405 and 503 are not documented; the
//! slugs here are formed like the others.

use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use serde_json::json;

/// A refused request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    /// A parameter is malformed.
    InvalidParameter(&'static str),
    /// No key, or one that is unknown or revoked.
    Unauthorized,
    /// The account's access is suspended.
    Forbidden,
    /// There is no such thing.
    NotFound,
    /// Anything but GET.
    MethodNotAllowed,
    /// A stream is open already.
    Conflict,
    /// Over the limit, for this long.
    RateLimited(Duration),
    /// The user's container is not running.
    Unavailable,
}

impl Problem {
    const fn parts(&self) -> (StatusCode, &'static str, &'static str, Option<&'static str>) {
        match self {
            Self::InvalidParameter(name) => (
                StatusCode::BAD_REQUEST,
                "invalid-parameter",
                "Invalid Parameter",
                Some(name),
            ),
            Self::Unauthorized => (
                StatusCode::UNAUTHORIZED,
                "unauthorized",
                "Unauthorized",
                Some("The API key is missing, malformed, unknown or revoked."),
            ),
            Self::Forbidden => (
                StatusCode::FORBIDDEN,
                "forbidden",
                "Forbidden",
                Some("API access is not enabled for this account."),
            ),
            Self::NotFound => (StatusCode::NOT_FOUND, "not-found", "Not Found", None),
            Self::MethodNotAllowed => (
                StatusCode::METHOD_NOT_ALLOWED,
                "method-not-allowed",
                "Method Not Allowed",
                Some("The API is read-only."),
            ),
            Self::Conflict => (
                StatusCode::CONFLICT,
                "conflict",
                "Conflict",
                Some("A stream is already open on this key."),
            ),
            Self::RateLimited(_) => (
                StatusCode::TOO_MANY_REQUESTS,
                "rate-limited",
                "Too Many Requests",
                Some("Over 30 requests per minute."),
            ),
            Self::Unavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "service-unavailable",
                "Service Unavailable",
                Some("The live trading container is not running."),
            ),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, slug, title, detail) = self.parts();
        let mut document = json!({
            "type": format!("https://telegramtometatrader.com/problems/{slug}"),
            "title": title,
            "status": status.as_u16(),
        });
        if let Some(detail) = detail {
            document["detail"] = detail.into();
        }
        let mut response = Response::new(Body::from(document.to_string()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        let kind = HeaderValue::from_static("application/problem+json");
        headers.insert(CONTENT_TYPE, kind);
        match self {
            Self::MethodNotAllowed => {
                headers.insert(ALLOW, HeaderValue::from_static("GET"));
            }
            Self::RateLimited(wait) => {
                headers.insert(RETRY_AFTER, whole_seconds(wait).into());
            }
            _ => {}
        }
        response
    }
}

/// Whole seconds, never too few and never none.
fn whole_seconds(wait: Duration) -> u64 {
    let more = u64::from(wait.subsec_nanos() > 0);
    (wait.as_secs() + more).max(1)
}

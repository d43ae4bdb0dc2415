//! The frame of every request: method, address, identity of the delivery, content type, body.
//!
//! A file of its own so that no sink forgets the identity. It knows no platform.

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use http::{HeaderName, HeaderValue, Method, Request};

use super::address::Address;
use super::{EncodeError, Message};

/// Carries the delivery's id on every attempt, so that a receiver can drop repeats.
pub(super) const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");

/// How we name ourselves.
pub(super) const AGENT: &str = concat!("bellwire/", env!("CARGO_PKG_VERSION"));

/// A `POST` of JSON to an address.
pub(super) fn json(
    address: &Address,
    message: &Message<'_>,
    body: &serde_json::Value,
) -> Result<Request<Bytes>, EncodeError> {
    let mut request = Request::new(Bytes::from(body.to_string()));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = address.uri.clone();
    let headers = request.headers_mut();
    if let Some(authorization) = &address.authorization {
        headers.insert(AUTHORIZATION, authorization.clone());
    }
    headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/json; charset=utf-8"),
    );
    headers.insert(WEBHOOK_ID, identity(message)?);
    Ok(request)
}

/// The delivery's id as a header value.
pub(super) fn identity(message: &Message<'_>) -> Result<HeaderValue, EncodeError> {
    HeaderValue::from_str(message.id.as_str()).map_err(|_| EncodeError {
        reason: "the delivery's id fits no header".to_owned(),
    })
}

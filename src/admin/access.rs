//! Who may look and act: the token, where one is set, and no page of another origin.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;

use super::{Parts, problem};
use crate::model::Secret;

/// Lets a request pass that shows the token, or any where none is set.
pub(super) async fn require_token(
    State(parts): State<Arc<Parts>>,
    request: Request,
    next: Next,
) -> Response {
    if is_allowed(parts.token.as_ref(), request.headers()) {
        return next.run(request).await;
    }
    let mut refusal = problem(
        StatusCode::UNAUTHORIZED,
        "send the token of `http.token` as `Authorization: Bearer`",
    );
    refusal
        .headers_mut()
        .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    refusal
}

/// Refuses what a page of another origin makes its visitor's browser send. A browser names the origin
/// of such a request, and of every one that is no plain reading; programs name none.
pub(super) async fn refuse_other_origins(request: Request, next: Next) -> Response {
    let reads = request.method().is_safe();
    if reads || is_same_origin(request.headers()) {
        return next.run(request).await;
    }
    problem(
        StatusCode::FORBIDDEN,
        "a page of another origin may not change anything here",
    )
}

fn is_same_origin(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else {
        return true;
    };
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let origin = origin.to_str().ok().and_then(|origin| {
        let (_scheme, authority) = origin.split_once("://")?;
        Some(authority)
    });
    origin.is_some_and(|origin| host.is_some_and(|host| origin.eq_ignore_ascii_case(host)))
}

/// Whether a request shows the token, where one is set.
pub(super) fn is_allowed(token: Option<&Secret>, headers: &HeaderMap) -> bool {
    let Some(token) = token else {
        return true;
    };
    let shown = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| {
            let (scheme, shown) = value.split_once(' ')?;
            scheme
                .eq_ignore_ascii_case("bearer")
                .then_some(shown.trim())
        });
    shown.is_some_and(|shown| equal(shown.as_bytes(), token.expose().as_bytes()))
}

/// Compares without telling by its duration where the first difference is.
fn equal(shown: &[u8], expected: &[u8]) -> bool {
    let mut difference = shown.len() ^ expected.len();
    for (index, byte) in shown.iter().enumerate() {
        let other = expected.get(index).copied().unwrap_or_default();
        difference |= usize::from(byte ^ other);
    }
    difference == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_page_of_this_very_host_is_of_the_same_origin() {
        let check = |origin: Option<&'static str>, same: bool| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static("127.0.0.1:8080"));
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
            }
            assert_eq!(is_same_origin(&headers), same, "{origin:?}");
        };
        check(None, true);
        check(Some("http://127.0.0.1:8080"), true);
        for other in [
            "http://127.0.0.1:8081",
            "http://127.0.0.1",
            "http://example.org",
            "http://127.0.0.1:8080.example.org",
            "127.0.0.1:8080",
            "null",
            "",
        ] {
            check(Some(other), false);
        }
    }

    #[test]
    fn only_the_whole_token_opens() {
        let token = Secret::new("tok_123".to_owned());
        let check = |header: Option<&'static str>, allowed: bool| {
            let mut headers = HeaderMap::new();
            if let Some(value) = header {
                headers.insert(header::AUTHORIZATION, HeaderValue::from_static(value));
            }
            assert_eq!(is_allowed(Some(&token), &headers), allowed, "{header:?}");
        };
        check(Some("Bearer tok_123"), true);
        check(Some("bearer tok_123"), true);
        for wrong in [
            "Bearer tok_12",
            "Bearer tok_1234",
            "Bearer ",
            "Basic tok_123",
            "tok_123",
        ] {
            check(Some(wrong), false);
        }
        check(None, false);
        assert!(is_allowed(None, &HeaderMap::new()));
    }
}

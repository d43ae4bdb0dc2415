//! What happens to every request before and after its route: it is noted, checked, and charged.
//!
//! Its own file because the order of the checks is the contract: the method, then the key, then the
//! account's access, then the limit.

use std::sync::Arc;

use axum::extract::{ConnectInfo, Request as HttpRequest, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::HeaderName;
use http::{Method, StatusCode};

use super::super::wire::Wire;
use super::api::{Access, Api};
use super::budget::LIMIT;
use super::problem::Problem;
use super::requests::{Authorization, Request};

/// The path of the stream, which is not charged while it is open.
pub(super) const STREAM: &str = "/api/v1/stream";

const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");

/// The number under which a request was noted, for its route.
#[derive(Clone, Copy)]
pub(super) struct Number(pub(super) u64);

/// Notes a request, answers it as prepared or as the API does, and notes the answer.
pub(super) async fn gate(
    State(api): State<Arc<Api>>,
    ConnectInfo(wire): ConnectInfo<Wire>,
    request: HttpRequest,
    next: Next,
) -> Response {
    let (mut head, body) = request.into_parts();
    let authorization = Authorization::of(&head.headers, &api.key);
    let noted = api.requests.begin(&head, authorization, api.clock.now());
    if api.is_away() {
        // Nobody is there to refuse anything, so it is noted as never answered.
        wire.close();
        return Response::default();
    }
    head.extensions.insert(Number(noted.number));
    let request = HttpRequest::from_parts(head, body);
    let response = match api.answers.take(noted.route(), &noted) {
        Some(answer) => answer.respond(&wire, &api.stop).await,
        None => admit(&api, &noted, request, next).await,
    };
    api.requests
        .answered(noted.number, response.status().as_u16());
    response
}

async fn admit(api: &Api, noted: &Request, request: HttpRequest, next: Next) -> Response {
    let mut response = match refusal(api, noted, request.method()) {
        Some(problem) => problem.into_response(),
        None => next.run(request).await,
    };
    // A key that is not known has no budget, so nothing of it is spent.
    let known = noted.authorization == Authorization::Right;
    let left = if known { api.left() } else { LIMIT };
    response.headers_mut().insert(REMAINING, left.into());
    response
}

/// Why a request is not let in, if it is not. Whatever counts is charged on the way.
fn refusal(api: &Api, noted: &Request, method: &Method) -> Option<Problem> {
    if method != Method::GET {
        return Some(Problem::MethodNotAllowed);
    }
    if noted.authorization != Authorization::Right {
        return Some(Problem::Unauthorized);
    }
    let refused = match api.access() {
        Access::Revoked => Some(Problem::Unauthorized),
        Access::Suspended => Some(Problem::Forbidden),
        Access::Granted => api.wait().map(Problem::RateLimited),
    };
    if refused.is_some() || noted.route() != STREAM {
        api.charge();
    }
    refused
}

/// Charges a connect that did not become a stream.
pub(super) async fn charge_failed_connect(
    State(api): State<Arc<Api>>,
    request: HttpRequest,
    next: Next,
) -> Response {
    let response = next.run(request).await;
    if response.status() != StatusCode::OK {
        api.charge();
    }
    response
}

//! The login form: the token once, a cookie in return.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use maud::{Markup, html};
use url::form_urlencoded;

use super::super::page::{document, page, to};
use super::super::{Parts, Refusal};
use super::{Door, is_token, seconds, session};
use crate::model::Secret;

const PATH: &str = "/login";

/// Most bytes of what the form sends.
const BODY_BYTES_MAX: usize = 16 << 10;

/// What everybody reaches: they are the way in and the way out.
pub(in crate::admin) fn routes(door: Arc<Door>) -> Router<Arc<Parts>> {
    Router::new()
        .route(PATH, get(show).post(enter))
        .route("/logout", post(leave))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(door)
}

/// Sends a browser to the form.
pub(super) fn ask() -> Response {
    to(PATH)
}

async fn show(State(door): State<Arc<Door>>, headers: HeaderMap) -> Response {
    match door.may_look(&headers) {
        true => to("/"),
        false => page(StatusCode::OK, form(None)),
    }
}

async fn enter(
    State(door): State<Arc<Door>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    let Some(token) = &door.parts.token else {
        return Ok(to("/"));
    };
    let body = body.map_err(|wrong| Refusal(wrong.status(), wrong.body_text()))?;
    let now = door.parts.clock.now();
    Ok(match door.typed.attempt(now, || shows(token, &body)) {
        Ok(true) => {
            let cookie = session::given(token, &headers, now);
            with_cookie(to("/"), &cookie)
        }
        Ok(false) => {
            let form = form(Some("This is not the token."));
            let response = page(StatusCode::UNAUTHORIZED, form);
            ([(header::WWW_AUTHENTICATE, "Bearer")], response).into_response()
        }
        Err(wait) => too_many(wait),
    })
}

/// Ends the session: taking the cookie away would be enough only where nobody has a copy.
async fn leave(State(door): State<Arc<Door>>, headers: HeaderMap) -> Response {
    let now = door.parts.clock.now();
    if let Some(token) = &door.parts.token {
        for session in session::shown(token, &headers, now) {
            door.ended.add(session, now);
        }
    }
    with_cookie(ask(), &session::taken(&headers))
}

fn with_cookie(mut response: Response, cookie: &str) -> Response {
    let cookie = HeaderValue::from_str(cookie).expect("digits and letters");
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    response
}

fn shows(token: &Secret, body: &[u8]) -> bool {
    let mut fields = form_urlencoded::parse(body);
    // What is pasted often brings white space along, which no header could carry anyway.
    fields.any(|(name, value)| name == "token" && is_token(token, value.trim()))
}

fn too_many(wait: Duration) -> Response {
    let form = form(Some("Too many wrong tokens. Try again in a minute."));
    let response = page(StatusCode::TOO_MANY_REQUESTS, form);
    ([(header::RETRY_AFTER, seconds(wait))], response).into_response()
}

fn form(complaint: Option<&str>) -> Markup {
    let main = html! {
        h1 { "bellwire" }
        form.login method="post" action=(PATH) {
            // Where a password manager keeps what it knows.
            input type="text" name="username" value="bellwire" autocomplete="username" hidden;
            label for="token" { "Token" }
            input #token type="password" name="token" autocomplete="current-password" required autofocus
                aria-invalid=[complaint.map(|_| "true")]
                aria-describedby="token-help";
            @if let Some(complaint) = complaint { p.bad role="alert" { (complaint) } }
            p.soft #token-help { "It is the value of " code { "http.token" } " in the configuration." }
            button type="submit" { "Log in" }
        }
        p.soft { "Already logged in, and came here by a link from elsewhere? " a href="/" { "To the status page" } }
    };
    document("log in", false, None, &main)
}

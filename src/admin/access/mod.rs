//! Who may look and act: whoever shows the token, where one is set, or the cookie that the login form
//! gave for it; and no page of another origin.
//!
//! A program with the right token always passes, also while somebody guesses: to shut it out would be
//! easier than to guess. So what keeps guesses over the API from succeeding is the token's length, and
//! what the limit holds back is the form.

mod ended;
mod guesses;
mod login;
mod origin;
mod session;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;

use self::ended::Ended;
use self::guesses::Guesses;
use super::{Parts, problem};
use crate::model::Secret;

pub(super) use login::routes as login;
pub(super) use origin::{refuse_other_hosts, refuse_other_origins};

/// What stands between a caller and everything that is not for everybody.
pub(super) struct Door {
    parts: Arc<Parts>,
    /// Wrong tokens of programs.
    sent: Guesses,
    /// Wrong tokens at the login form, counted apart: a program with an old token shuts nobody out.
    typed: Guesses,
    /// Who has logged out.
    ended: Ended,
}

/// What a request shows for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    /// The token, or none is needed.
    Token,
    /// A cookie of the login form, which a browser sends by itself.
    Cookie,
    /// A wrong token.
    Wrong,
    /// Nothing that counts.
    Nothing,
}

/// Why a request is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refused {
    /// It has to show the token.
    Stranger,
    /// There were too many wrong ones; how long to wait.
    Guesser(Duration),
    /// It cannot be told from one that a page of another origin made.
    Borrowed,
}

impl Door {
    pub(super) fn new(parts: Arc<Parts>) -> Arc<Self> {
        Arc::new(Self {
            parts,
            sent: Guesses::default(),
            typed: Guesses::default(),
            ended: Ended::default(),
        })
    }

    /// What this room works with.
    pub(super) fn parts(&self) -> &Parts {
        &self.parts
    }

    fn judge(&self, request: &Request) -> Result<(), Refused> {
        match self.shown(request.headers()) {
            Shown::Token => Ok(()),
            Shown::Cookie if request.method().is_safe() => Ok(()),
            Shown::Cookie if origin::is_surely_same(request.headers()) => Ok(()),
            Shown::Cookie => Err(Refused::Borrowed),
            Shown::Nothing => Err(Refused::Stranger),
            Shown::Wrong => Err(match self.sent.attempt(self.parts.clock.now(), || false) {
                Ok(_) => Refused::Stranger,
                Err(wait) => Refused::Guesser(wait),
            }),
        }
    }

    /// Whether a request shows that it may look.
    pub(super) fn may_look(&self, headers: &HeaderMap) -> bool {
        matches!(self.shown(headers), Shown::Token | Shown::Cookie)
    }

    /// A token decides, right or wrong; only where there is none, a cookie counts.
    fn shown(&self, headers: &HeaderMap) -> Shown {
        let Some(token) = &self.parts.token else {
            return Shown::Token;
        };
        let mut sessions = session::shown(token, headers, self.parts.clock.now());
        match bearer(headers) {
            Some(shown) if is_token(token, shown) => Shown::Token,
            Some(_) => Shown::Wrong,
            None if sessions.any(|session| !self.ended.has(session)) => Shown::Cookie,
            None => Shown::Nothing,
        }
    }
}

/// Lets a request pass that may. A browser that shows nothing is sent to the login form, where it asks
/// for what people look at; a program is refused.
pub(super) async fn require_token(
    State(door): State<Arc<Door>>,
    request: Request,
    next: Next,
) -> Response {
    match door.judge(&request) {
        Ok(()) => next.run(request).await,
        Err(Refused::Stranger) if wants_a_page(&request) => login::ask(),
        Err(refused) => refused.response(),
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, shown) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then_some(shown.trim())
}

/// Whether a browser asks for something to look at. The API and the metrics are for programs, whoever
/// asks.
pub(super) fn wants_a_page(request: &Request) -> bool {
    let path = request.uri().path();
    let accepted = request.headers().get(header::ACCEPT);
    let accepted = accepted.and_then(|value| value.to_str().ok());
    accepted.is_some_and(|accepted| accepted.contains("text/html"))
        && !path.starts_with("/api/")
        && path != "/metrics"
}

fn is_token(token: &Secret, shown: &str) -> bool {
    equal(shown.as_bytes(), token.expose().as_bytes())
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

impl Refused {
    fn response(self) -> Response {
        let (status, detail, header) = match self {
            Self::Stranger => (
                StatusCode::UNAUTHORIZED,
                "send the token of `http.token` as `Authorization: Bearer`",
                Some((header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
            ),
            Self::Guesser(wait) => (
                StatusCode::TOO_MANY_REQUESTS,
                "too many wrong tokens; the right one still passes",
                Some((header::RETRY_AFTER, seconds(wait))),
            ),
            Self::Borrowed => (
                StatusCode::FORBIDDEN,
                "who comes with the cookie and changes something has to name its `Origin`, as browsers do",
                None,
            ),
        };
        let mut refusal = problem(status, detail);
        if let Some((name, value)) = header {
            refusal.headers_mut().insert(name, value);
        }
        refusal
    }
}

/// A wait in whole seconds, which is never over before it is.
fn seconds(wait: Duration) -> HeaderValue {
    HeaderValue::from(wait.as_secs() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_token_opens() {
        let token = Secret::new("tok_123".to_owned());
        let check = |header: &'static str, opens: bool| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, HeaderValue::from_static(header));
            let shown = bearer(&headers);
            assert_eq!(
                shown.is_some_and(|shown| is_token(&token, shown)),
                opens,
                "{header}"
            );
        };
        check("Bearer tok_123", true);
        check("bearer tok_123", true);
        for wrong in [
            "Bearer tok_12",
            "Bearer tok_1234",
            "Bearer tok_124",
            "Bearer ",
            "Basic tok_123",
            "tok_123",
        ] {
            check(wrong, false);
        }
    }
}

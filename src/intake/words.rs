//! The ends of connections in words that people read on the status page, in logs and in notices.
//!
//! A file of its own so that every end has one name and no two have the same. It decides nothing.

use http::StatusCode;

use crate::sources::{End, Refusal};

/// Longest piece of an upstream's own words inside ours.
const QUOTE_CHARS_MAX: usize = 120;

/// What a revoked key needs.
pub const REVOKED: &str = "the key is unknown or was revoked; configure a new `api_key`";

/// What a key needs that was revoked while bellwire runs.
pub(super) const PARKED: &str = "the key is unknown or was revoked; configure a new `api_key`, or send SIGHUP to try this one again";

/// What suspended access needs.
pub const SUSPENDED: &str =
    "access is disabled for the account; the same key works again once access returns";

/// What a taken slot means when it stays taken.
pub(super) const KEY_ELSEWHERE: &str = "key in use elsewhere: another process holds its one stream";

/// How a connection ended.
#[must_use]
pub fn name(end: &End) -> String {
    match end {
        End::Unreachable(failure) => failure.to_string(),
        End::NoHead => "connected, but no response within the limit".to_owned(),
        End::Status(refusal) => status(refusal),
        End::ContentType(found) => format!("no event stream but `{}`", quote(found)),
        End::Encoding(found) => format!("encoded as `{}` although not asked for", quote(found)),
        End::Redirect(detail) => format!("redirect not followed: {}", quote(detail)),
        End::Eof => "closed by the server".to_owned(),
        End::EofInEvent => "closed by the server inside an event".to_owned(),
        End::Broken(failure) => format!("stream broken: {failure}"),
        End::Idle => "silent for too long".to_owned(),
        End::TooOld => "replaced because of its age".to_owned(),
        End::Flood => "one event beyond every limit".to_owned(),
        End::Recycled => "recycled by the server".to_owned(),
        End::AuthRevoked => "the server says that access is gone".to_owned(),
        End::Library(detail) => format!("unreadable after our own filter: {}", quote(detail)),
    }
}

/// What a person has to look at.
#[must_use]
pub fn fault(end: &End) -> String {
    let name = name(end);
    let advice = match end {
        End::Status(refusal) => match refusal.status {
            204 => "the server asked not to come back",
            400 => "the request is refused as it is; check `account_id` and `url`",
            401 | 403 => "check the credentials in `headers`",
            404 => "check the address of the source",
            405 => "a defect of bellwire, or not the address of a stream",
            410 => "the stream is gone for good; check the address of the source",
            _ => "not an answer that starts a stream",
        },
        _ => "check the address of the source",
    };
    format!("{name}: {advice}")
}

fn status(refusal: &Refusal) -> String {
    let code = refusal.status;
    let title = StatusCode::from_u16(code)
        .ok()
        .and_then(|status| status.canonical_reason());
    match title {
        Some(title) => format!("answered {code} {title}"),
        None => format!("answered {code}"),
    }
}

fn quote(text: &str) -> String {
    text.chars().take(QUOTE_CHARS_MAX).collect()
}

//! The cookie that stands for the token: until when it is good, and a code over that with the token as
//! its key. So it is checked without anything being kept, ends by itself, is worth nothing once the
//! token is another one, and tells nobody the token. The end is told to the microsecond, so that two
//! logins are told apart by it.

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;

use axum::http::{HeaderMap, header};

use super::equal;
use crate::model::Secret;

const NAME: &str = "bellwire_session";

/// How long a login lasts: a phone asks for the token once a month.
const LASTS: Duration = Duration::from_secs(30 * 24 * 3_600);

/// Keeps the code apart from any other that the token may be the key of.
const PURPOSE: &[u8] = b"bellwire session until ";

/// The header that gives a browser a cookie.
pub(super) fn given(token: &Secret, headers: &HeaderMap, now: Timestamp) -> String {
    let until = (now + LASTS).as_microsecond();
    let value = format!("{until}.{}", code(token, until));
    cookie(&value, LASTS.as_secs(), headers)
}

/// The header that takes it away.
pub(super) fn taken(headers: &HeaderMap) -> String {
    cookie("", 0, headers)
}

/// The sessions of which a request shows a cookie that is good now, each by its end.
pub(super) fn shown(
    token: &Secret,
    headers: &HeaderMap,
    now: Timestamp,
) -> impl Iterator<Item = Timestamp> {
    let cookies = headers.get_all(header::COOKIE).iter();
    let cookies = cookies.filter_map(|value| value.to_str().ok());
    cookies
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(name, _)| *name == NAME)
        .filter_map(move |(_, value)| good(token, value, now))
}

fn good(token: &Secret, value: &str, now: Timestamp) -> Option<Timestamp> {
    let (until, shown) = value.split_once('.')?;
    let until = until.parse().ok()?;
    let is_ours = equal(shown.as_bytes(), code(token, until).as_bytes());
    let until = Timestamp::from_microsecond(until).ok()?;
    (is_ours && now < until).then_some(until)
}

fn code(token: &Secret, until: i64) -> String {
    let key = token.expose().as_bytes();
    let mut code: Hmac<Sha256> = Hmac::new_from_slice(key).expect("a key of any length will do");
    code.update(PURPOSE);
    code.update(until.to_string().as_bytes());
    let code = code.finalize().into_bytes();
    code.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `Secure` only where the browser came by https: others would never send it back.
fn cookie(value: &str, age: u64, headers: &HeaderMap) -> String {
    let secure = if is_https(headers) { "; Secure" } else { "" };
    format!("{NAME}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite=Strict{secure}")
}

/// Whether a proxy took the request over https; nobody else can have.
fn is_https(headers: &HeaderMap) -> bool {
    let proto = headers.get("x-forwarded-proto");
    let proto = proto.and_then(|value| value.to_str().ok());
    let first = proto.and_then(|value| value.split(',').next());
    first.is_some_and(|first| first.trim().eq_ignore_ascii_case("https"))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_760_000_000 + second).expect("in range")
    }

    fn shown(cookie: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let value = HeaderValue::from_str(cookie).expect("a header");
        headers.insert(header::COOKIE, value);
        headers
    }

    #[test]
    fn a_cookie_is_good_for_a_month_and_for_this_token_only() {
        let token = Secret::new("tok_123".to_owned());
        let given = given(&token, &HeaderMap::new(), at(0));
        let (pair, rest) = given.split_once("; ").expect("attributes");
        assert_eq!(rest, "Path=/; Max-Age=2592000; HttpOnly; SameSite=Strict");
        assert!(!pair.contains("tok_123"));
        let is_good = |cookie: &str, second| {
            super::shown(&token, &shown(cookie), at(second))
                .next()
                .is_some()
        };
        assert!(is_good(pair, 0));
        assert!(is_good(&format!("a=b; {pair}; c=d"), 2_591_999));
        assert!(!is_good(pair, 2_592_000), "it has ended");
        let other = Secret::new("tok_124".to_owned());
        assert_eq!(super::shown(&other, &shown(pair), at(0)).next(), None);

        let (name, value) = pair.split_once('=').expect("a pair");
        let (until, code) = value.split_once('.').expect("two parts");
        let later = until.parse::<i64>().expect("a time") + 1;
        for wrong in [
            format!("{name}={later}.{code}"),
            format!("{name}={until}.{}", &code[1..]),
            format!("{name}={until}.{code}0"),
            format!("{name}={until}."),
            format!("{name}={until}"),
            format!("{name}="),
            format!("x{pair}"),
            format!("{name}={}", token.expose()),
        ] {
            assert!(!is_good(&wrong, 0), "{wrong}");
        }
    }

    #[test]
    fn over_https_the_cookie_is_for_https_only() {
        let token = Secret::new("tok_123".to_owned());
        for (proto, secure) in [
            ("https", true),
            ("HTTPS, http", true),
            ("http", false),
            ("http, https", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("x-forwarded-proto", HeaderValue::from_static(proto));
            let given = given(&token, &headers, at(0));
            assert_eq!(given.ends_with("; Secure"), secure, "{proto}");
            let taken = taken(&headers);
            assert!(taken.starts_with("bellwire_session=; Path=/; Max-Age=0;"));
        }
    }
}

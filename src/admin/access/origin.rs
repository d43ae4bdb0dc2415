//! Whose page made a browser send a request. Programs name no origin and are not meant.

use axum::extract::Request;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;

use super::super::problem;

/// What a browser says about the page that made a request; no page can change it. Browsers say it
/// over https and to loopback addresses only.
const SITE: &str = "sec-fetch-site";

/// Refuses what a page of another origin makes its visitor's browser send. A browser names the origin
/// of such a request, and of every one that is no plain reading; programs name none.
pub(in crate::admin) async fn refuse_other_origins(request: Request, next: Next) -> Response {
    let reads = request.method().is_safe();
    if reads || !is_surely_other(request.headers()) {
        return next.run(request).await;
    }
    problem(
        StatusCode::FORBIDDEN,
        "a page of another origin may not change anything here",
    )
}

/// Refuses what is meant for another host, where no token is set: a page of somebody else's may have
/// its name point to this machine, and would then be of the same origin.
pub(in crate::admin) async fn refuse_other_hosts(request: Request, next: Next) -> Response {
    let hosts = request.headers().get_all(header::HOST).iter();
    if hosts
        .map(|host| host.to_str().unwrap_or_default())
        .all(is_this_machine)
    {
        return next.run(request).await;
    }
    problem(
        StatusCode::MISDIRECTED_REQUEST,
        "without a token, only requests for `localhost` or a loopback address are answered; \
         set `http.token` to be reached by another name",
    )
}

/// Whether a host, with or without a port, is a name or an address that never leaves the machine.
fn is_this_machine(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else {
        return false;
    };
    let name = authority.host().to_ascii_lowercase();
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    match bare.parse::<std::net::IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => name == "localhost" || name.ends_with(".localhost"),
    }
}

fn is_surely_other(headers: &HeaderMap) -> bool {
    has_another_origin(headers)
        || site(headers).is_some_and(|site| !matches!(site, "same-origin" | "none"))
}

/// Whether a request is known to come from a page of this very host.
pub(super) fn is_surely_same(headers: &HeaderMap) -> bool {
    let named = headers.contains_key(header::ORIGIN) && !has_another_origin(headers);
    (named && !is_surely_other(headers)) || site(headers) == Some("same-origin")
}

fn site(headers: &HeaderMap) -> Option<&str> {
    headers.get(SITE)?.to_str().ok()
}

fn has_another_origin(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else {
        return false;
    };
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let origin = origin.to_str().ok().and_then(|origin| {
        let (_scheme, authority) = origin.split_once("://")?;
        Some(authority)
    });
    !origin.is_some_and(|origin| host.is_some_and(|host| origin.eq_ignore_ascii_case(host)))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(origin: Option<&'static str>, site: Option<&'static str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static("127.0.0.1:8080"));
        for (name, value) in [("origin", origin), (SITE, site)] {
            if let Some(value) = value {
                headers.insert(name, HeaderValue::from_static(value));
            }
        }
        headers
    }

    #[test]
    fn only_a_page_of_this_very_host_is_of_the_same_origin() {
        const SAME: Option<&str> = Some("http://127.0.0.1:8080");
        let check = |origin, site, other: bool, same: bool| {
            let headers = headers(origin, site);
            assert_eq!(is_surely_other(&headers), other, "{origin:?} {site:?}");
            assert_eq!(is_surely_same(&headers), same, "{origin:?} {site:?}");
        };
        check(None, None, false, false);
        check(SAME, None, false, true);
        check(SAME, Some("same-origin"), false, true);
        check(None, Some("same-origin"), false, true);
        check(None, Some("none"), false, false);
        for site in ["cross-site", "same-site", "", "other"] {
            check(None, Some(site), true, false);
            check(SAME, Some(site), true, false);
        }
        for other in [
            "http://127.0.0.1:8081",
            "http://127.0.0.1",
            "http://example.org",
            "http://127.0.0.1:8080.example.org",
            "127.0.0.1:8080",
            "null",
            "",
        ] {
            check(Some(other), None, true, false);
        }
    }

    #[test]
    fn names_and_addresses_of_this_machine_are_known() {
        for host in [
            "localhost",
            "LocalHost:9000",
            "bell.localhost:80",
            "127.0.0.1",
            "127.9.9.9:8080",
            "[::1]:8080",
            "[::ffff:127.0.0.1]",
        ] {
            assert!(is_this_machine(host), "{host}");
        }
        for host in [
            "",
            "example.org",
            "localhost.example.org:8080",
            "127.0.0.1.example.org",
            "127.0.0.1@example.org",
            "notlocalhost",
            "192.168.1.5:8080",
            "0.0.0.0:8080",
            "[::]:8080",
            "a b",
        ] {
            assert!(!is_this_machine(host), "{host}");
        }
    }
}

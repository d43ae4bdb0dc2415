//! Who gets in: by the token, by the login form, and not by a page of somebody else.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::harness::{Bridge, Page, Phones, Upstream};

const TOKEN: &str = "a-t0ken";

async fn running(token: Option<&str>) -> (Upstream, Phones, Bridge, SocketAddr) {
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    let more = token.map(|token| format!("http.token = \"{token}\""));
    let sources = format!("{}\n{}", more.unwrap_or_default(), upstream.source());
    let mut bridge = Bridge::watched(&sources, &phones);
    bridge.start();
    let address = bridge.address().await;
    (upstream, phones, bridge, address)
}

fn lines(headers: &[&str]) -> Vec<String> {
    headers.iter().map(|&header| header.to_owned()).collect()
}

async fn get(address: SocketAddr, path: &str, headers: &[&str]) -> Page {
    Page::get(address, path, &lines(headers)).await
}

async fn post(address: SocketAddr, path: &str, headers: &[&str], body: &str) -> Page {
    Page::post(address, path, &lines(headers), body).await
}

async fn login(address: SocketAddr, token: &str) -> Page {
    post(address, "/login", &[], &format!("token={token}")).await
}

/// The cookie that an answer gives, as a browser sends it back.
fn cookie(page: &Page) -> String {
    let given = page.header("set-cookie").expect("a cookie");
    format!("Cookie: {}", given.split(';').next().expect("a pair"))
}

/// A replay that finds nothing, which is a change all the same.
async fn replay(address: SocketAddr, headers: &[&str]) -> u16 {
    let body = r#"{"since":"1s","sink":"own"}"#;
    post(address, "/api/v1/replay", headers, body).await.status
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_is_sent_to_the_form_and_gets_a_cookie_for_the_token() {
    const BROWSER: &str = "Accept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8";
    let (_upstream, _phones, bridge, address) = running(Some(TOKEN)).await;
    for path in [
        "/",
        "/events",
        "/events/1",
        "/dead-letters",
        "/replay",
        "/nothing",
    ] {
        let sent = get(address, path, &[BROWSER]).await;
        assert_eq!(
            (sent.status, sent.header("location")),
            (303, Some("/login"))
        );
        assert_eq!(get(address, path, &[]).await.status, 401, "a program");
    }
    for path in ["/api/v1/events", "/api/v1/nothing", "/metrics"] {
        let refused = get(address, path, &[BROWSER]).await;
        assert_eq!(refused.status, 401, "{path}");
        assert_eq!(refused.json()["status"], 401);
    }
    let form = get(address, "/login", &[BROWSER]).await;
    assert_eq!(form.status, 200);
    assert!(form.body.contains(r#"type="password""#), "{}", form.body);
    assert_eq!(get(address, "/style.css", &[]).await.status, 200);

    let wrong = login(address, "a-t0keN").await;
    assert_eq!((wrong.status, wrong.header("set-cookie")), (401, None));
    assert!(wrong.body.contains("This is not the token."), "{wrong:?}");
    for body in [
        "",
        "token=",
        "token",
        "other=a-t0ken",
        "{\"token\":\"a-t0ken\"}",
    ] {
        assert_eq!(
            post(address, "/login", &[], body).await.status,
            401,
            "{body}"
        );
    }
    let large = format!("token={}", "x".repeat(1 << 20));
    assert_eq!(post(address, "/login", &[], &large).await.status, 413);

    let right = login(address, "+a-t0ken%0A").await;
    assert_eq!((right.status, right.header("location")), (303, Some("/")));
    let given = right.header("set-cookie").expect("a cookie");
    for part in [
        "; HttpOnly",
        "; SameSite=Strict",
        "; Path=/",
        "; Max-Age=2592000",
    ] {
        assert!(given.contains(part), "{given}");
    }
    assert!(
        !given.contains("Secure") && !given.contains(TOKEN),
        "{given}"
    );
    let shown = cookie(&right);
    for path in ["/", "/api/v1/events", "/metrics"] {
        assert_eq!(get(address, path, &[&shown]).await.status, 200, "{path}");
    }
    let ready = get(address, "/readyz", &[&shown]).await.json();
    assert!(ready["sources"].is_object(), "{ready}");
    let again = get(address, "/login", &[&shown]).await;
    assert_eq!((again.status, again.header("location")), (303, Some("/")));

    let left = post(address, "/logout", &[&shown], "").await;
    assert_eq!(
        (left.status, left.header("location")),
        (303, Some("/login"))
    );
    let taken = left.header("set-cookie").expect("a cookie");
    assert!(taken.starts_with("bellwire_session=; ") && taken.contains("; Max-Age=0"));
    let by_https = "X-Forwarded-Proto: https";
    let secure = post(address, "/login", &[by_https], "token=a-t0ken").await;
    assert!(
        secure
            .header("set-cookie")
            .expect("a cookie")
            .ends_with("; Secure")
    );
    assert!(!bridge.log().contains(TOKEN));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_logs_out_ends_the_session_for_whoever_has_its_cookie() {
    let (_upstream, _phones, _bridge, address) = running(Some(TOKEN)).await;
    let (phone, desk) = (login(address, TOKEN).await, login(address, TOKEN).await);
    let (phone, desk) = (cookie(&phone), cookie(&desk));
    let same = format!("Origin: http://{address}");
    // What is no good cookie ends nothing.
    for other in [format!("{phone}0"), phone.replacen('.', "0.", 1)] {
        assert_eq!(post(address, "/logout", &[&other], "").await.status, 303);
    }
    assert_eq!(replay(address, &[&phone, &same]).await, 200);
    assert_eq!(post(address, "/logout", &[&phone], "").await.status, 303);
    for path in ["/", "/live", "/api/v1/events", "/metrics"] {
        assert_eq!(get(address, path, &[&phone]).await.status, 401, "{path}");
    }
    assert_eq!(
        get(address, "/login", &[&phone]).await.status,
        200,
        "the form"
    );
    assert_eq!(replay(address, &[&phone, &same]).await, 401);
    let bare = get(address, "/readyz", &[&phone]).await.json();
    assert_eq!(bare["sources"], Value::Null);
    // Nobody else has to log in again.
    assert_eq!(get(address, "/", &[&desk]).await.status, 200);
    assert_eq!(replay(address, &[&desk, &same]).await, 200);
    let again = cookie(&login(address, TOKEN).await);
    assert_eq!(get(address, "/", &[&again]).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_shows_a_stranger_no_way_in() {
    let (_upstream, _phones, _bridge, address) = running(Some(TOKEN)).await;
    let headers = ["Accept: text/html", "Origin: http://example.org"];
    let refused = post(address, "/login", &headers, "token=a-t0ken").await;
    assert_eq!(refused.status, 403);
    assert!(
        refused.body.contains("a page of another origin"),
        "{refused:?}"
    );
    assert!(!refused.body.contains("<nav "), "{refused:?}");
    let shown = cookie(&login(address, TOKEN).await);
    let lost = get(address, "/nothing", &["Accept: text/html", &shown]).await;
    assert_eq!(lost.status, 404);
    assert!(lost.body.contains("Log out"), "{lost:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cookie_outlives_a_restart_but_not_the_token() {
    let (upstream, phones, mut bridge, address) = running(Some(TOKEN)).await;
    let shown = cookie(&login(address, TOKEN).await);
    bridge.kill();
    bridge.start();
    let address = bridge.address().await;
    assert_eq!(get(address, "/", &[&shown]).await.status, 200);
    bridge.kill();
    let config = std::fs::read_to_string(bridge.folder().join("config.toml")).expect("text");
    bridge.configure(&config.replace(TOKEN, "another-t0ken"));
    bridge.start();
    let address = bridge.address().await;
    assert_eq!(get(address, "/", &[&shown]).await.status, 401);
    drop((upstream, phones));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_cookie_only_our_own_pages_change_anything() {
    let (_upstream, _phones, _bridge, address) = running(Some(TOKEN)).await;
    let shown = cookie(&login(address, TOKEN).await);
    let same = format!("Origin: http://{address}");
    let token = format!("Authorization: Bearer {TOKEN}");
    let wrong = "Authorization: Bearer a-t0keN";
    let other = "Origin: http://example.org";
    for (headers, status) in [
        (&[shown.as_str(), &same][..], 200),
        (&[&shown, "Sec-Fetch-Site: same-origin"], 200),
        (&[&shown, &same, "Sec-Fetch-Site: same-origin"], 200),
        (&[&shown], 403),
        (&[&shown, other], 403),
        (&[&shown, "Origin: null"], 403),
        (&[&shown, "Sec-Fetch-Site: none"], 403),
        (&[&shown, "Sec-Fetch-Site: same-site"], 403),
        (&[&shown, "Sec-Fetch-Site: cross-site"], 403),
        (&[&shown, &same, "Sec-Fetch-Site: cross-site"], 403),
        // A program names no origin; it has the token.
        (&[&token], 200),
        (&[&token, &shown], 200),
        (&[&token, other], 403),
        (&[&token, "Sec-Fetch-Site: cross-site"], 403),
        // Who shows a wrong token is not let in by the cookie beside it.
        (&[wrong, &shown, &same], 401),
        (&["Authorization: Basic Og==", &shown, &same], 200),
    ] {
        assert_eq!(replay(address, headers).await, status, "{headers:?}");
    }
    let form = |headers: Vec<String>| async move {
        Page::post(address, "/sinks/events/test", &headers, "")
            .await
            .status
    };
    assert_eq!(form(vec![shown.clone()]).await, 403);
    assert_eq!(form(vec![shown, same]).await, 303);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guesses_are_limited_and_the_right_token_passes_all_the_while() {
    let (_upstream, _phones, bridge, address) = running(Some(TOKEN)).await;
    let shown = cookie(&login(address, TOKEN).await);
    let token = format!("Authorization: Bearer {TOKEN}");
    for guess in 0..10 {
        assert_eq!(login(address, &format!("guess-{guess}")).await.status, 401);
    }
    for guess in ["guess-11", TOKEN] {
        let refused = login(address, guess).await;
        assert_eq!((refused.status, refused.header("set-cookie")), (429, None));
        let wait = refused
            .header("retry-after")
            .and_then(|wait| wait.parse::<u32>().ok());
        assert!(
            wait.is_some_and(|wait| (1..=61).contains(&wait)),
            "{refused:?}"
        );
    }
    assert_eq!(get(address, "/", &[&shown]).await.status, 200);
    let wrong = "Authorization: Bearer guess";
    for _ in 0..10 {
        assert_eq!(get(address, "/api/v1/events", &[wrong]).await.status, 401);
    }
    let refused = get(address, "/api/v1/events", &[wrong]).await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.json()["status"], 429);
    assert!(refused.header("retry-after").is_some(), "{refused:?}");
    assert_eq!(get(address, "/api/v1/events", &[&token]).await.status, 200);
    assert_eq!(
        get(address, "/", &[]).await.status,
        401,
        "who guesses nothing"
    );
    assert!(bridge.log().contains("somebody guesses at `http.token`"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_token_another_host_is_refused_and_named_none() {
    let (_upstream, _phones, _bridge, address) = running(None).await;
    let port = address.port();
    for path in [
        "/",
        "/api/v1/events",
        "/readyz",
        "/healthz",
        "/login",
        "/nothing",
    ] {
        for host in [
            "example.org",
            &format!("rebound.example.org:{port}"),
            "0.0.0.0",
        ] {
            let host = format!("Host: {host}");
            let refused = get(address, path, &[&host]).await;
            assert_eq!(refused.status, 421, "{path} {host}");
            let detail = refused.json()["detail"].to_string();
            assert!(detail.contains("http.token"), "{detail}");
            assert_eq!(post(address, path, &[&host], "").await.status, 421);
        }
    }
    for host in [
        "localhost",
        &format!("localhost:{port}"),
        "127.0.0.1:9",
        "[::1]",
    ] {
        let host = format!("Host: {host}");
        assert_eq!(get(address, "/", &[&host]).await.status, 200, "{host}");
    }
    let both = ["Host: localhost", "Host: example.org"];
    assert_ne!(get(address, "/", &both).await.status, 200);
    // Where there is nothing to log in to, the form leads on.
    let form = get(address, "/login", &[]).await;
    assert_eq!((form.status, form.header("location")), (303, Some("/")));
    assert_eq!(login(address, "anything").await.header("set-cookie"), None);

    let (_upstream, _phones, _bridge, address) = running(Some(TOKEN)).await;
    let token = format!("Authorization: Bearer {TOKEN}");
    let named = get(address, "/", &[&token, "Host: bell.example.org"]).await;
    assert_eq!(named.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_is_sealed() {
    let (_upstream, _phones, _bridge, address) = running(None).await;
    for path in [
        "/",
        "/style.css",
        "/healthz",
        "/readyz",
        "/api/v1/events",
        "/nothing",
        "/events/0",
    ] {
        let page = get(address, path, &[]).await;
        let policy = page.header("content-security-policy").expect("a policy");
        let parts: Vec<_> = policy.split("; ").collect();
        assert_eq!(
            parts,
            [
                "default-src 'none'",
                "style-src 'self'",
                "script-src 'self'",
                "connect-src 'self'",
                "form-action 'self'",
                "base-uri 'none'",
                "frame-ancestors 'none'"
            ]
        );
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("cache-control", "no-store"),
            // With `no-referrer` a browser would name no origin for our own forms.
            ("referrer-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(page.header(name), Some(value), "{path}");
        }
    }
    let lost: Value = get(address, "/nothing", &[]).await.json();
    assert_eq!(lost["status"], json!(404));
}

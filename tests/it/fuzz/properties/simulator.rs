//! Requests that nobody ought to make of the simulated upstream and of the receivers, one after the other: an
//! answer that the contract has, never a fault of the simulator, and pages that lead on.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use bellwire::simulator::ttmt::{self, Handle, Options, parse_script};
use bellwire::simulator::{receivers, ttmt::DEMO_KEY};
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use serde_json::Value;
use tokio::time::timeout;

use super::answer::{headers, split_head};

/// Most requests of one input, pages of one list, and bytes of one answer.
const REQUESTS_MAX: usize = 12;
const PAGES_MAX: usize = 3;
const BYTES_MAX: usize = 1 << 20;

/// Most digits of a number in what the simulator is told to do.
const DIGITS_MAX: usize = 2;

/// How long an answer may take that waits for something.
const PATIENCE: Duration = Duration::from_secs(1);

/// Requests as HTTP writes them, with an empty line before the body and a zero byte between two of them. One
/// without `Authorization` shows the right key.
pub fn simulator(input: &[u8]) {
    if let Ok(text) = std::str::from_utf8(input)
        && let Err(error) = parse_script(text)
    {
        assert!((1..=text.lines().count()).contains(&error.line), "{error}");
    }
    let parts = input.split(|byte| *byte == 0).take(REQUESTS_MAX);
    let requests: Vec<_> = parts.filter_map(request).collect();
    if requests.is_empty() {
        return;
    }
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().start_paused(true).build();
    runtime.expect("a runtime").block_on(talk(requests));
}

fn request(input: &[u8]) -> Option<Request<Bytes>> {
    let (head, body) = split_head(input);
    let mut lines = head.split(|byte| *byte == b'\n');
    let first = std::str::from_utf8(lines.next()?).ok()?;
    let (method, target) = first.split_once(' ')?;
    let mut request = Request::builder()
        .method(Method::from_bytes(method.as_bytes()).ok()?)
        .uri(target)
        .body(Bytes::copy_from_slice(body))
        .ok()?;
    // A server takes no other target from a client.
    if !target.starts_with('/') || is_much(&request) {
        return None;
    }
    *request.headers_mut() = headers(lines);
    if !request.headers().contains_key(header::AUTHORIZATION) {
        let key = HeaderValue::from_str(&format!("Bearer {DEMO_KEY}")).expect("a header");
        request.headers_mut().insert(header::AUTHORIZATION, key);
    }
    Some(request)
}

/// Whether it orders so much that it takes long to make.
fn is_much(request: &Request<Bytes>) -> bool {
    let longest = request
        .body()
        .split(|byte| !byte.is_ascii_digit())
        .map(<[u8]>::len)
        .max();
    request.uri().path().starts_with("/simulate") && longest.is_some_and(|it| it > DIGITS_MAX)
}

async fn talk(requests: Vec<Request<Bytes>>) {
    let options = Options {
        warm_start: true,
        ..Options::default()
    };
    let upstream = ttmt::bind(options).await.expect("a port").handle();
    let receivers = receivers::bind(([127, 0, 0, 1], 0).into()).await;
    let receivers = receivers.expect("a port").handle();
    let mut open = Vec::new();
    // What was prepared is sent as it stands, and what was said may be anything.
    let mut is_prepared = false;
    for request in requests {
        let path = request.uri().path().to_owned();
        is_prepared |= path.starts_with("/simulate/answer");
        if !path.starts_with("/api/") && !path.starts_with("/simulate") {
            let _answer = timeout(PATIENCE, receivers.ask(request)).await;
            continue;
        }
        let asked = request.clone();
        let Ok(response) = timeout(PATIENCE, upstream.ask(request)).await else {
            continue;
        };
        let kind = response.headers().get(header::CONTENT_TYPE);
        if kind.is_some_and(|kind| kind == "text/event-stream") {
            open.push(response.into_body());
        } else if path.starts_with("/api/") && !is_prepared {
            of_contract(&upstream, asked, response).await;
        }
    }
    for body in open {
        let mut frames = body.into_data_stream();
        let mut bytes = 0;
        while let Some(Some(Ok(frame))) = frames.next().now_or_never() {
            bytes += frame.len();
            if bytes > BYTES_MAX {
                break;
            }
        }
    }
}

async fn whole(body: Body) -> Bytes {
    to_bytes(body, BYTES_MAX).await.expect("a short body")
}

async fn of_contract(upstream: &Handle, asked: Request<Bytes>, response: Response<Body>) {
    let (head, body) = response.into_parts();
    let body = whole(body).await;
    let told = || format!("{asked:?}: {head:?} {body:?}");
    let left = head.headers.get("x-ratelimit-remaining");
    let left = left.and_then(|left| left.to_str().ok()?.parse::<u32>().ok());
    // Without a network nobody answers at all, which is an empty answer here.
    if left.is_none() {
        assert!(
            body.is_empty() && head.status == StatusCode::OK,
            "{}",
            told()
        );
        return;
    }
    assert!(left.is_some_and(|left| left <= 30), "{}", told());
    let is_get = asked.method() == Method::GET;
    assert_eq!(
        !is_get,
        head.status == StatusCode::METHOD_NOT_ALLOWED,
        "{}",
        told()
    );
    match head.status.as_u16() {
        200 => listed(upstream, asked, &body).await,
        304 => assert!(
            asked.headers().contains_key(header::IF_NONE_MATCH),
            "{}",
            told()
        ),
        400 | 401 | 403 | 404 | 405 | 409 | 429 | 503 => {
            let problem: Value = serde_json::from_slice(&body).expect("a problem document");
            assert_eq!(problem["status"], head.status.as_u16(), "{}", told());
            assert!(problem["type"].is_string() && problem["title"].is_string());
            let kind = head.headers.get(header::CONTENT_TYPE).expect("a type");
            assert_eq!(kind, "application/problem+json");
            let wait = head.headers.get(header::RETRY_AFTER);
            assert_eq!(wait.is_some(), head.status == 429, "{}", told());
        }
        _ => panic!("{}", told()),
    }
}

/// A list keeps to its limit, and each of its cursors leads to rows that were not there yet.
async fn listed(upstream: &Handle, asked: Request<Bytes>, body: &[u8]) {
    let mut page: Value = serde_json::from_slice(body).expect("JSON");
    let limit = value_of(&asked, "limit").map(|limit| limit.parse::<usize>());
    let limit = limit.and_then(Result::ok).unwrap_or(50);
    let mut seen = Vec::new();
    for _ in 0..PAGES_MAX {
        let Some(has_more) = page["has_more"].as_bool() else {
            return;
        };
        let rows = page["data"].as_array().expect("rows");
        assert!(rows.len() <= limit, "{asked:?}: {page}");
        assert_eq!(has_more, page["next_cursor"].is_string(), "{page}");
        for row in rows {
            let id = row["id"].to_string();
            assert!(!seen.contains(&id), "{id} twice of {asked:?}");
            seen.push(id);
        }
        let Some(cursor) = page["next_cursor"].as_str() else {
            return;
        };
        assert!(!rows.is_empty(), "{page}");
        // The allowance is whole again.
        tokio::time::advance(Duration::from_secs(61)).await;
        let Some(next) = turned(&asked, cursor) else {
            return;
        };
        let response = upstream.ask(next).await;
        assert_eq!(
            response.status(),
            StatusCode::OK,
            "{asked:?} after {cursor}"
        );
        let body = whole(response.into_body()).await;
        page = serde_json::from_slice(&body).expect("JSON");
    }
}

fn value_of(asked: &Request<Bytes>, name: &str) -> Option<String> {
    let query = asked.uri().query().unwrap_or_default();
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    let found = pairs.find(|(given, _)| given == name);
    found.map(|(_, value)| value.into_owned())
}

/// The same request for the page behind a cursor.
fn turned(asked: &Request<Bytes>, cursor: &str) -> Option<Request<Bytes>> {
    let query = asked.uri().query().unwrap_or_default();
    let mut written = url::form_urlencoded::Serializer::new(String::new());
    written.append_pair("after", cursor);
    let pairs = url::form_urlencoded::parse(query.as_bytes());
    written.extend_pairs(pairs.filter(|(name, _)| name != "after"));
    let target = format!("{}?{}", asked.uri().path(), written.finish());
    let mut next = asked.clone();
    *next.uri_mut() = target.parse().ok()?;
    Some(next)
}

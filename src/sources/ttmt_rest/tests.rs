//! What leaves, what an answer means, and what it does to the key's budget.
//!
//! A file of its own because the answers of an upstream that may say anything make a long table.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::HeaderMap;
use http::header::{ACCEPT, AUTHORIZATION, HeaderValue};
use tokio::time::Instant;
use url::Url;

use super::client::{Wire, authorization};
use super::*;
use crate::clock::Clock;
use crate::model::{Failure, Reply, Secret};
use crate::sources::budget::Budget;

const KEY: &str = "ttmt_live_0123456789012345678901234567890123456789abc";
const ACCOUNT: &str = "a1b2c3d4-0f5e-4c7a-9b31-6d2e8f4a7c10";
const BYTES_MAX: usize = 1 << 20;

/// Answers requests in turn and keeps them.
#[derive(Default)]
struct Script {
    replies: Mutex<VecDeque<Result<Reply, Failure>>>,
    requests: Mutex<Vec<http::Request<Bytes>>>,
}

impl Wire for Script {
    fn send(&self, request: http::Request<Bytes>) -> Pending<'_, Result<Reply, Failure>> {
        self.requests.lock().expect("no panic").push(request);
        let reply = self.replies.lock().expect("no panic").pop_front();
        Box::pin(async { reply.unwrap_or(Err(Failure::Timeout)) })
    }

    fn reply_bytes_max(&self) -> usize {
        BYTES_MAX
    }
}

fn reply(status: u16, headers: &[(&'static str, &str)], body: &str) -> Result<Reply, Failure> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(*name, HeaderValue::from_str(value).expect("a value"));
    }
    Ok(Reply {
        status,
        headers: map,
        body: Bytes::from(body.to_owned()),
    })
}

fn rest(
    account_id: Option<&str>,
    replies: impl IntoIterator<Item = Result<Reply, Failure>>,
) -> (Rest, Arc<Script>) {
    let script = Arc::new(Script {
        replies: Mutex::new(replies.into_iter().collect()),
        ..Script::default()
    });
    let rest = Rest {
        wire: Arc::clone(&script) as _,
        base: Url::parse("https://api.example/api/v1").expect("an address"),
        authorization: authorization(&Secret::new(KEY.to_owned())).expect("a key"),
        account_id: account_id.map(|id| id.parse().expect("a UUID")),
        budget: Arc::new(Budget::new()),
        clock: Clock::system(),
    };
    (rest, script)
}

async fn probed(answer: Result<Reply, Failure>) -> Probe {
    rest(None, [answer]).0.probe().await
}

async fn polled(answer: Result<Reply, Failure>) -> PollAnswer {
    rest(None, [answer]).0.poll(Poll::Trades).await
}

#[tokio::test]
async fn auth_1_auth_3_requests_are_gets_with_the_key_in_their_header_only() {
    let (rest, script) = rest(Some(ACCOUNT), []);
    rest.probe().await;
    for what in [Poll::Positions, Poll::Trades, Poll::Signals] {
        rest.poll(what).await;
    }
    rest.trade("trd/../1 x").await;
    rest.signal("7").await;
    let requests = script.requests.lock().expect("no panic");
    let addresses: Vec<_> = requests
        .iter()
        .map(|request| request.uri().to_string())
        .collect();
    let base = "https://api.example/api/v1";
    assert_eq!(
        addresses,
        [
            format!("{base}/accounts"),
            format!("{base}/positions?account_id={ACCOUNT}"),
            format!("{base}/trades?limit=50&account_id={ACCOUNT}"),
            format!("{base}/signals?limit=50&account_id={ACCOUNT}"),
            format!("{base}/trades/trd%2F..%2F1%20x"),
            format!("{base}/signals/7"),
        ]
    );
    for request in requests.iter() {
        assert_eq!(request.method(), http::Method::GET);
        assert_eq!(request.headers()[ACCEPT], "application/json");
        let authorization = &request.headers()[AUTHORIZATION];
        assert_eq!(authorization, &format!("Bearer {KEY}"));
        assert!(authorization.is_sensitive());
        assert!(request.body().is_empty());
    }
}

#[test]
fn auth_2_the_key_shows_nowhere() {
    let (rest, _) = rest(None, []);
    assert!(!format!("{rest:?} {:?}", rest.authorization).contains("ttmt_live_0123"));
}

#[test]
fn a_key_that_no_header_can_carry_is_refused() {
    let key = Secret::new("a\nb".to_owned());
    assert_eq!(authorization(&key).err(), Some(KeyError));
}

#[tokio::test]
async fn err_1_err_2_only_status_and_type_count() {
    for body in [
        r#"{"type":"https://telegramtometatrader.com/problems/forbidden","title":"Forbidden","status":403}"#,
        r#"{"type":"https://telegramtometatrader.com/problems/forbidden","title":"Unauthorized","detail":"key revoked","status":401}"#,
        r#"{"type":"urn:never-heard-of","extra":{"members":[1]}}"#,
        r#"{"type":7}"#,
    ] {
        assert_eq!(
            probed(reply(403, &[], body)).await,
            Probe::Suspended,
            "{body}"
        );
    }
    let told = Refused {
        status: 404,
        problem: Some("urn:p".to_owned()),
        retry_after: None,
    };
    assert_eq!(told.to_string(), "answered 404 (urn:p)");
    let (rest, _) = rest(None, [reply(404, &[], r#"{"type":"urn:p","detail":"x"}"#)]);
    assert_eq!(rest.trade("1").await, Answer::Refused(told));
}

#[tokio::test]
async fn err_3_any_error_body_leads_to_the_action_for_its_status() {
    for body in [
        "",
        "<html>",
        "{\"type\":\"https://tele",
        "null",
        "[]",
        "\u{0}",
    ] {
        assert_eq!(
            probed(reply(401, &[], body)).await,
            Probe::Revoked,
            "{body}"
        );
        assert_eq!(
            probed(reply(403, &[], body)).await,
            Probe::Suspended,
            "{body}"
        );
        assert_eq!(polled(reply(401, &[], body)).await, PollAnswer::Revoked);
        assert_eq!(polled(reply(403, &[], body)).await, PollAnswer::Suspended);
        for status in [400, 404, 405] {
            let answer = polled(reply(status, &[], body)).await;
            assert!(matches!(answer, PollAnswer::Never(_)), "{answer:?}");
        }
        for status in [204, 302, 409, 429, 500, 503] {
            let answer = polled(reply(status, &[], body)).await;
            assert!(matches!(answer, PollAnswer::Failed(_)), "{answer:?}");
            let answer = probed(reply(status, &[], body)).await;
            assert!(matches!(answer, Probe::Unknown(_)), "{answer:?}");
        }
    }
}

#[tokio::test]
async fn a_200_shows_that_the_key_is_good_whatever_it_holds() {
    for body in [r#"{"data":[]}"#, "", "<html>"] {
        assert_eq!(probed(reply(200, &[], body)).await, Probe::Valid, "{body}");
    }
    let unknown = Probe::Unknown("no answer within the limit".to_owned());
    assert_eq!(probed(Err(Failure::Timeout)).await, unknown);
}

#[tokio::test]
async fn tol_9_single_objects_are_accepted_bare_and_inside_data() {
    let expected = serde_json::json!({"id": "trd_1", "price": 1});
    for body in [
        r#"{"id":"trd_1","price":1}"#,
        r#"{"data":{"id":"trd_1","price":1}}"#,
        r#"{"data":{"id":"trd_1","price":1},"more":true}"#,
    ] {
        let (rest, _) = rest(None, [reply(200, &[], body)]);
        assert_eq!(rest.trade("trd_1").await, Answer::Found(expected.clone()));
    }
    let body = r#"{"id":"trd_1","data":null}"#;
    let (rest, _) = rest(None, [reply(200, &[], body)]);
    let bare = serde_json::json!({"id": "trd_1", "data": null});
    assert_eq!(rest.signal("trd_1").await, Answer::Found(bare));
}

#[tokio::test]
async fn lists_are_read_with_and_without_paging() {
    let page = |has_more, next_cursor: Option<&str>| {
        PollAnswer::Page(Page {
            rows: vec![serde_json::json!({"id": "1"})],
            has_more,
            next_cursor: next_cursor.map(PageCursor::of),
        })
    };
    for (body, expected) in [
        (
            r#"{"data":[{"id":"1"}],"has_more":true,"next_cursor":"eA"}"#,
            page(true, Some("eA")),
        ),
        (
            r#"{"data":[{"id":"1"}],"has_more":false,"next_cursor":null}"#,
            page(false, None),
        ),
        (r#"{"data":[{"id":"1"}]}"#, page(false, None)),
        (r#"[{"id":"1"}]"#, page(false, None)),
    ] {
        assert_eq!(polled(reply(200, &[], body)).await, expected, "{body}");
    }
    for body in [r#"{"data":{}}"#, "7", "{}", "<html>"] {
        let answer = polled(reply(200, &[], body)).await;
        assert!(
            matches!(answer, PollAnswer::Failed(_)),
            "{body}: {answer:?}"
        );
    }
}

/// How long the key's next request waits after this answer.
async fn rest_after(answer: Result<Reply, Failure>) -> u64 {
    let (rest, _) = rest(None, [answer]);
    rest.probe().await;
    let asked = Instant::now();
    rest.budget.permit().await.expect("the key is good");
    asked.elapsed().as_secs()
}

#[tokio::test(start_paused = true)]
async fn rate_2_a_429_rests_the_key_as_long_as_it_says_or_a_minute() {
    assert_eq!(rest_after(reply(429, &[("retry-after", "7")], "")).await, 7);
    for headers in [
        &[][..],
        &[("retry-after", "soon")],
        &[("retry-after", "-1")],
    ] {
        assert_eq!(rest_after(reply(429, headers, "")).await, 60);
    }
}

#[tokio::test(start_paused = true)]
async fn rate_3_nothing_remaining_pauses_and_an_unreadable_header_changes_nothing() {
    let remaining = |value| reply(200, &[("x-ratelimit-remaining", value)], "{}");
    assert!(rest_after(remaining("0")).await >= 60);
    for value in ["1", "many", "-1", ""] {
        assert_eq!(rest_after(remaining(value)).await, 0, "{value}");
    }
    assert_eq!(rest_after(reply(200, &[], "{}")).await, 0);
}

#[tokio::test]
async fn auth_4_after_a_401_no_further_request_leaves() {
    let (rest, script) = rest(None, [reply(401, &[], "")]);
    assert_eq!(rest.poll(Poll::Trades).await, PollAnswer::Revoked);
    assert_eq!(rest.probe().await, Probe::Revoked);
    assert_eq!(rest.poll(Poll::Positions).await, PollAnswer::Revoked);
    assert_eq!(script.requests.lock().expect("no panic").len(), 1);
}

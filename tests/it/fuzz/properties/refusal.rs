//! An answer of an upstream that starts no stream, or is none of its REST API's: whatever it says, it is read
//! within limits, it never brings a credential back, and what comes next is no storm.

use std::sync::Arc;
use std::time::Duration;

use bellwire::clock::Clock;
use bellwire::model::{Cursor, Failure, Reply, Secret};
use bellwire::sources::budget::Budget;
use bellwire::sources::policy::{Kind, Next, Policy, Progress, RETRY_AFTER_MAX};
use bellwire::sources::ttmt_rest::{Account, Answer, Probe, Rest, TradeQuery, Wire};
use bellwire::sources::{End, Pending, Refusal};
use bellwire::transport;
use bytes::Bytes;
use http::header::{ETAG, IF_NONE_MATCH};
use serde_json::Value;
use url::Url;

use super::reading::{Canned, TOKEN, run};
use super::{answer, now};

/// Most that is kept of a body, and of a problem's type.
const BODY_BYTES_MAX: usize = 1024;
const PROBLEM_BYTES_MAX: usize = 256;

/// An answer as [`answer::read`] has it.
pub fn refusal(input: &[u8]) {
    let Some(reply) = answer::read(input) else {
        return;
    };
    of_stream(&reply);
    of_rest(&reply);
}

fn of_stream(reply: &Reply) {
    let canned = Canned {
        status: reply.status,
        headers: reply.headers.clone(),
        pieces: reply.body.chunks(7).map(Bytes::copy_from_slice).collect(),
        ..Canned::default()
    };
    let (_, end) = canned.read(BODY_BYTES_MAX, &Cursor::Unknown);
    assert!(!format!("{end:?}").contains(TOKEN), "{end:?}");
    match &end {
        End::Status(refusal) => read_well(refusal, reply),
        End::ContentType(text) | End::Encoding(text) => {
            assert_eq!(reply.status, 200);
            assert!(text.chars().count() <= 100, "{text:?}");
        }
        _ => assert_eq!(reply.status, 200, "{end:?}"),
    }
    if reply.status != 200 {
        no_storm(&end);
    }
}

fn read_well(refusal: &Refusal, reply: &Reply) {
    assert_eq!(refusal.status, reply.status);
    assert!(refusal.body.len() <= BODY_BYTES_MAX);
    let text = String::from_utf8_lossy(&reply.body);
    assert!(
        !refusal.body.contains(&TOKEN.replace('/', "\\/")),
        "{refusal:?}"
    );
    if !text.contains("hunter2") {
        assert!(text.starts_with(&refusal.body), "{:?}", refusal.body);
        assert_eq!(
            refusal.problem,
            problem(text.as_bytes(), refusal.problem.as_deref())
        );
    }
    let (second, hour) = (Duration::from_secs(1), Duration::from_hours(1));
    let asked = transport::retry_after(&reply.headers, now());
    assert_eq!(
        refusal.retry_after,
        asked.map(|wait| wait.clamp(second, hour))
    );
    let told = reply.headers.get("x-ratelimit-remaining");
    let told = told.and_then(|value| value.to_str().ok()?.trim().parse().ok());
    assert_eq!(refusal.remaining, told);
}

/// The type of a problem document as another reader finds it, which refuses what is too deep, and takes the
/// last of what is there twice where ours takes nothing.
fn problem(body: &[u8], ours: Option<&str>) -> Option<String> {
    let Ok(Value::Object(document)) = serde_json::from_slice(body) else {
        return ours.map(str::to_owned);
    };
    let colons = body.iter().filter(|byte| **byte == b':').count();
    if ours.is_none() && colons > document.len() {
        return None;
    }
    let found = document.get("type").and_then(Value::as_str);
    let is_told = |kind: &&str| kind.len() <= PROBLEM_BYTES_MAX && !kind.contains(TOKEN);
    found.filter(is_told).map(str::to_owned)
}

/// The same refusal again and again is answered with waits or with silence, on both schedules.
fn no_storm(end: &End) {
    for kind in [Kind::Ttmt, Kind::Sse] {
        for chance in [0.0, 0.5, 1.0] {
            let mut policy = Policy::new(kind);
            let mut at = Duration::ZERO;
            for round in 0..6 {
                let progress = Progress {
                    cursor_sent: round % 2 == 0,
                    at,
                    ..Progress::default()
                };
                let mut jitter = || chance;
                match policy.next(end, &progress, &mut jitter).next {
                    Next::Now => panic!("{kind:?} asks again at once after {end:?}"),
                    Next::Wait(wait) | Next::Poll(wait) => {
                        let least = Duration::from_millis(100);
                        let most = RETRY_AFTER_MAX + Duration::from_mins(5);
                        assert!((least..=most).contains(&wait), "{wait:?} after {end:?}");
                        at += wait;
                    }
                    Next::Probe | Next::Suspended => {
                        let wait = policy.probe_wait(&mut jitter);
                        assert!(wait >= Duration::from_secs(1), "{wait:?} after {end:?}");
                        at += wait;
                    }
                    Next::Park => break,
                }
            }
        }
    }
}

/// Gives the same answer to every request, and 304 to one that knows the `ETag` already.
struct Always(Reply);

impl Wire for Always {
    fn send(&self, request: http::Request<Bytes>) -> Pending<'_, Result<Reply, Failure>> {
        let mut reply = self.0.clone();
        let known = request.headers().get(IF_NONE_MATCH);
        if known.is_some() && known == reply.headers.get(ETAG) {
            reply.status = 304;
            reply.body = Bytes::new();
        }
        Box::pin(async { Ok(reply) })
    }

    fn reply_bytes_max(&self) -> usize {
        1 << 20
    }
}

/// The API with this answer to all that is asked.
fn rest(reply: &Reply) -> Rest {
    let wire = Arc::new(Always(reply.clone()));
    let base = Url::parse("https://api.example/api/v1").expect("an address");
    let key = Secret::new(TOKEN.to_owned());
    let rest = Rest::by(
        wire,
        &base,
        &key,
        None,
        Arc::new(Budget::new()),
        Clock::runtime(now()),
    );
    rest.expect("a key")
}

fn of_rest(reply: &Reply) {
    run(async {
        let api = rest(reply);
        told_well(&api.trades(&TradeQuery::default()).await, reply);
        let api = rest(reply);
        let expected = match reply.status {
            200 => Some(Probe::Valid),
            401 => Some(Probe::Revoked),
            403 => Some(Probe::Suspended),
            _ => None,
        };
        match (api.probe().await, expected) {
            (told, Some(expected)) => assert_eq!(told, expected),
            (told, None) => assert!(matches!(told, Probe::Unknown(_)), "{told:?}"),
        }
        let api = rest(reply);
        let first = api.urgent().trade("7").await;
        told_well(&first, reply);
        if matches!(first, Answer::Found(_)) {
            assert_eq!(first, api.urgent().trade("7").await, "nothing has changed");
        }
    });
}

fn told_well<T>(answer: &Answer<T>, reply: &Reply) {
    assert!(!(answer.is_final() && answer.is_passing()));
    match answer {
        Answer::Found(_) => assert_eq!(reply.status, 200),
        Answer::Refused(refused) => {
            assert_eq!(refused.status, reply.status);
            assert!(!matches!(reply.status, 200 | 304));
            assert!(!format!("{refused:?}").contains(TOKEN), "{refused:?}");
            let least = Duration::from_secs(1);
            let fits = |wait| (least..=Duration::from_hours(1)).contains(&wait);
            assert!(refused.retry_after.is_none_or(fits));
            let problem = refused.problem.as_deref().unwrap_or_default();
            assert!(problem.len() <= PROBLEM_BYTES_MAX);
            if (500..=599).contains(&reply.status) {
                assert!(answer.is_passing(), "{refused}");
            }
        }
        Answer::Unreadable(_) => assert!(matches!(reply.status, 200 | 304)),
        Answer::Unsent(_) | Answer::Failed(_) => panic!("it was sent and answered"),
    }
}

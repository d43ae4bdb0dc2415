//! Answers that start no stream, without a socket.

use std::time::Duration;

use bytes::Bytes;
use http::header;
use launchdarkly_sdk_transport::ByteStream;

use crate::model::{Cursor, Secret};
use crate::sources::canned::{Canned, Read, Step, read, run};
use crate::sources::refusal::start_of;
use crate::sources::{Connect, End, Refusal};

const EVENT: &[u8] = b"data: a\n\n";

fn check(canned: &Canned) -> Read {
    run(read(&canned.connector(), Cursor::Unknown))
}

fn refusal(canned: &Canned) -> Refusal {
    let read = check(canned);
    assert_eq!(read.events, [""; 0]);
    match read.end {
        End::Status(refusal) => refusal,
        other => panic!("{other:?}"),
    }
}

#[test]
fn feed_r1_only_status_200_starts_a_stream() {
    for status in [
        201, 202, 204, 205, 206, 210, 299, 301, 304, 307, 400, 401, 403, 404, 409, 410, 429, 500,
        503,
    ] {
        let canned = Canned::chunks([EVENT]).status(status);
        assert_eq!(refusal(&canned).status, status);
        assert_eq!(canned.requests.lock().expect("not poisoned").len(), 1);
    }
}

#[test]
fn feed_r2_sse_7_only_an_event_stream_is_read() {
    for good in [
        "text/event-stream",
        "Text/Event-Stream;",
        "text/event-stream;charset=utf-8",
        "text/event-stream ; charset=windows-1252",
    ] {
        let read = check(&Canned::chunks([EVENT]).header("content-type", good));
        assert_eq!(read.events, ["message|a|"], "{good}");
    }
    for bad in [
        "text/x-bogus",
        "x bogus",
        "text/html",
        "text/event-streams",
        "text/event-stream,text/html",
        "",
    ] {
        let read = check(&Canned::chunks([EVENT]).header("content-type", bad));
        assert_eq!(
            (read.events.len(), read.end),
            (0, End::ContentType(bad.to_owned()))
        );
    }
    let mut without = Canned::chunks([EVENT]);
    without.headers.remove("content-type");
    assert_eq!(check(&without).end, End::ContentType(String::new()));
}

#[test]
fn feed_r3_the_body_is_utf_8_whatever_the_charset_says() {
    let canned = Canned::chunks(["data: …\n\n".as_bytes()]);
    let canned = canned.header("content-type", "text/event-stream;charset=windows-1252");
    assert_eq!(check(&canned).events, ["message|…|"]);
}

#[test]
fn feed_r4_204_is_told_as_such() {
    assert_eq!(refusal(&Canned::new(Vec::new()).status(204)).status, 204);
}

#[test]
fn feed_q4_an_encoded_body_is_refused_and_the_encoding_named() {
    let gzip = Canned::chunks([EVENT]).header("content-encoding", "gzip");
    assert_eq!(check(&gzip).end, End::Encoding("gzip".to_owned()));
    let identity = Canned::chunks([EVENT]).header("content-encoding", "Identity");
    assert_eq!(check(&identity).events, ["message|a|"]);
}

#[test]
fn feed_r6_what_a_refusal_says_is_kept_for_the_decision() {
    let body = br#"{"type":"https://x/problems/rate-limited","title":"t"}"#;
    let canned = Canned::chunks([body.as_slice()]).status(429);
    assert_eq!(
        refusal(&canned.header("retry-after", "7")),
        Refusal {
            status: 429,
            retry_after: Some(Duration::from_secs(7)),
            problem: Some("https://x/problems/rate-limited".to_owned()),
            remaining: None,
            body: String::from_utf8_lossy(body).into_owned(),
        }
    );
}

#[test]
fn rate_3_rate_4_every_answer_of_a_stream_says_what_is_left() {
    for (value, left) in [("0", Some(0)), ("17", Some(17)), ("many", None)] {
        let canned = Canned::chunks([EVENT]).header("x-ratelimit-remaining", value);
        let connector = canned.connector();
        let opened = run(connector.connect(&Cursor::Unknown)).expect("a stream");
        assert_eq!(opened.requests_left(), left, "{value}");
        assert_eq!(refusal(&canned.status(409)).remaining, left, "{value}");
    }
    let canned = Canned::chunks([EVENT]);
    let connector = canned.connector();
    let opened = run(connector.connect(&Cursor::Unknown)).expect("a stream");
    assert_eq!(opened.requests_left(), None);
    assert_eq!(refusal(&canned.status(409)).remaining, None);
}

#[test]
fn feed_r6_an_endless_error_body_holds_nothing_up() {
    let chunk = Step::Bytes(Bytes::from(vec![b'x'; 16 << 10]));
    let endless = Canned::new(vec![chunk; 1_000]).status(503);
    assert_eq!(refusal(&endless).body.len(), 1_024);
    let taken = endless.taken.load(std::sync::atomic::Ordering::Relaxed);
    assert!(taken <= 5, "{taken} chunks read");

    let silence = Step::Silence(Duration::from_secs(3_600));
    let mute = Canned::new(vec![Step::Bytes("start".into()), silence]).status(503);
    run(async {
        let begun = tokio::time::Instant::now();
        let read = read(&mute.connector(), Cursor::Unknown).await;
        assert_eq!(begun.elapsed(), Duration::from_secs(5));
        assert!(matches!(read.end, End::Status(Refusal { body, .. }) if body == "start"));
    });
}

#[test]
fn feed_s1_what_was_shown_does_not_come_back_in_an_end_that_escapes_it() {
    for body in [
        r#"{"type":"about:hunter2\u002fkey"}"#,
        r#"{"type":"hunter2\/key","detail":"hunter2\/key"}"#,
        r#"{"detail":"hunter2\u002fkey, hunter2%2Fkey and hunter2&#47;key"}"#,
    ] {
        let canned = Canned::chunks([body.as_bytes()]).status(401);
        let mut connector = canned.connector();
        connector.secrets = vec![Secret::new("hunter2/key".to_owned())];
        let End::Status(refusal) = run(read(&connector, Cursor::Unknown)).end else {
            panic!("a refusal of {body}");
        };
        assert_eq!(refusal.problem.filter(|it| it.contains("hunter2")), None);
        assert!(!refusal.body.contains("hunter2"), "{}", refusal.body);
    }
}

#[test]
fn feed_s1_what_was_shown_does_not_come_back_in_an_end() {
    let echo = "you sent Bearer hunter2-key, ?token=hunter2-query and hunter2-key";
    let kinds = [
        Canned::chunks([echo.as_bytes()]).status(403),
        Canned::new(Vec::new()).header("content-type", "x/hunter2-key"),
        Canned::new(Vec::new()).header("content-encoding", "hunter2-key"),
    ];
    for canned in kinds {
        let mut connector = canned.connector();
        let key = Secret::new("Bearer hunter2-key".to_owned());
        connector.headers = std::sync::Arc::new(move || vec![(header::AUTHORIZATION, key.clone())]);
        connector.secrets = vec![Secret::new("hunter2-query".to_owned())];
        let end = run(read(&connector, Cursor::Unknown)).end;
        assert!(!format!("{end:?}").contains("hunter2"), "{end:?}");
        let sent = format!("{:?}", canned.requests.lock().expect("not poisoned"));
        assert!(!sent.contains("hunter2"), "marked as sensitive: {sent}");
    }
}

#[test]
fn feed_r6_of_an_error_body_the_start_is_read_however_it_is_cut() {
    const MOST: usize = 64 * 1024;
    for cuts in [
        vec![MOST + 9],
        vec![MOST - 9, 18, 9],
        vec![MOST, MOST],
        vec![40_000; 4],
    ] {
        let chunks = cuts
            .iter()
            .map(|length| Ok(Bytes::from(vec![b'x'; *length])));
        let body: ByteStream = Box::pin(futures_util::stream::iter(chunks.collect::<Vec<_>>()));
        assert_eq!(run(start_of(body)).len(), MOST, "{cuts:?}");
    }
}

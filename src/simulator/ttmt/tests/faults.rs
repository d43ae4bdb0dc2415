//! Each fault does what it says.

use super::super::super::answer::{Answer, Manner};
use super::*;

#[tokio::test]
async fn drop_cuts_close_ends_and_reset_resets() {
    let served = Served::quiet().await;
    for (fault, whole, reset) in [
        (Fault::Drop, false, false),
        (Fault::Close, true, false),
        (Fault::Reset, false, true),
    ] {
        let stream = served.stream_again(&[]).await;
        let sent = served.send(1).await;
        served.handle.simulate(fault.clone()).await;
        let (reply, was_reset) = in_time(stream.end()).await;
        let reply = reply.expect("an answer");
        assert_eq!((reply.whole, was_reset), (whole, reset), "{fault:?}");
        if !reset {
            assert_eq!(ids(&reply.body), sent, "what came before arrives");
        }
    }
    served.finish().await;
}

#[tokio::test]
async fn recycle_and_revocation_are_announced() {
    let served = Served::quiet().await;
    let revoked = r#"{"type":"auth_revoked"}"#;
    for (fault, expected, after) in [
        (
            Fault::Recycle,
            r#"{"type":"recycle","reason":"max_lifetime"}"#,
            200,
        ),
        (Fault::Revoke, revoked, 401),
        (Fault::Suspend, revoked, 403),
    ] {
        let stream = served.stream_again(&[]).await;
        served.handle.simulate(fault).await;
        let (reply, _) = in_time(stream.end()).await;
        let reply = reply.expect("an answer");
        assert_eq!(reply.body, format!("data: {expected}\n\n"));
        assert!(reply.whole);
        assert_eq!(served.get("/api/v1/accounts").await.status, after);
        served.handle.restore().await;
    }
    served.finish().await;
}

#[tokio::test]
async fn while_the_container_is_down_rest_goes_on() {
    let served = Served::quiet().await;
    let stream = served.stream("", &[]).await;
    served.handle.unavailable(Duration::from_secs(3_600)).await;
    let (reply, _) = in_time(stream.end()).await;
    assert!(!reply.expect("an answer").whole);
    let refused = served.get("/api/v1/stream").await;
    assert_eq!(refused.status, 503);
    let kind = refused.header("content-type");
    assert_eq!(kind, Some("application/problem+json"));
    assert_eq!(served.get("/api/v1/positions").await.status, 200);
    served.handle.available().await;
    let stream = served.stream_again(&[]).await;
    drop(stream);
    served.finish().await;
}

#[tokio::test]
async fn a_restart_counts_from_one_and_forgets() {
    let served = Served::quiet().await;
    served.send(5).await;
    let stream = served.stream("", &[]).await;
    served.handle.restart().await;
    let (reply, _) = in_time(stream.end()).await;
    assert!(!reply.expect("an answer").whole);
    assert_eq!(served.send(2).await, [1, 2]);
    let mut stream = served.stream_again(&["Last-Event-ID: 0"]).await;
    assert_eq!(ids(&stream.until("id: 2\n").await), [1, 2]);
    served.finish().await;
}

#[tokio::test]
async fn events_can_be_many_large_unknown_or_raw() {
    let served = Served::quiet().await;
    let mut stream = served.stream("", &[]).await;
    served.handle.burst(2_000, "tp_hit").await;
    served.handle.oversized(300_000).await;
    served.handle.unknown().await;
    served.handle.wire(": a comment\r\n\r\ndata: half").await;
    let body = stream.until("data: half").await;
    assert!(ids(&body).into_iter().eq(1..=2_002));
    let sent = payloads(&body);
    assert!(
        sent[..2_000]
            .iter()
            .all(|it| it.contains(r#""type":"tp_hit""#))
    );
    assert_eq!(sent[2_000].len(), 300_000);
    assert!(sent[2_001].contains(r#""type":"engine_status""#));
    assert!(body.ends_with("\n\n: a comment\r\n\r\ndata: half"));
    served.finish().await;
}

#[tokio::test]
async fn an_overrun_is_more_than_the_buffer_holds_also_while_nobody_listens() {
    let served = Served::start(Options {
        buffer: 10,
        ..quiet()
    })
    .await;
    let sent = served.send(3).await;
    assert_eq!(sent, [1, 2, 3]);
    served.handle.overrun(None).await;
    assert_eq!(served.handle.next_id(), 15);
    let mut stream = served.stream("", &["Last-Event-ID: 3"]).await;
    served.handle.overrun(Some(2)).await;
    let replayed = ids(&stream.until("id: 16\n").await);
    assert!(replayed.into_iter().eq(5..=16), "the first one is lost");
    let open = served.get("/api/v1/positions").await.json();
    let open = open["data"].as_array().map(Vec::len);
    assert_eq!(open, Some(16), "and REST knows it");
    served.finish().await;
}

#[tokio::test]
async fn the_world_can_live_while_a_script_is_played() {
    let served = Served::start(Options {
        hold: false,
        script: Some(parse_script(r#"{"simulate":"live","steps":2}"#).expect("a script")),
        ..quiet()
    })
    .await;
    in_time(served.handle.played()).await;
    let trades = served.get("/api/v1/trades").await.json();
    assert_eq!(trades["data"].as_array().map(Vec::len), Some(2));
    let told = served.handle.next_id();
    assert!(told > 8, "two openings and a look");
    let mut stream = served.stream("", &["Last-Event-ID: 0"]).await;
    served.handle.live(300).await;
    let last = served.handle.next_id() - 1;
    let body = stream.until(&format!("id: {last}\n")).await;
    assert!(ids(&body).into_iter().eq(1..=last));
    let filled = |body: &str| body.matches(r#""type":"order_fill""#).count();
    assert!(filled(&body) >= 6);
    served.finish().await;
}

#[tokio::test]
async fn shredded_frames_arrive_byte_by_byte() {
    let served = Served::quiet().await;
    let mut stream = served.stream("", &[]).await;
    served.handle.shred(2).await;
    served.handle.send_raw("{\"a\":\"é\"}").await;
    served.handle.send_raw("{\"b\":2}").await;
    served.handle.send_raw("{\"c\":3}").await;
    let body = stream.until("{\"c\":3}\n\n").await;
    let (first, rest) = body.split_at(body.find("id: 3").expect("the last frame"));
    assert_eq!(payloads(&body), ["{\"a\":\"é\"}", "{\"b\":2}", "{\"c\":3}"]);
    assert_eq!(
        stream.chunks(),
        [vec![1; first.len()], vec![rest.len()]].concat()
    );
    served.finish().await;
}

#[tokio::test]
async fn while_the_network_is_away_nothing_is_answered_and_the_world_goes_on() {
    let served = Served::quiet().await;
    let stream = served.stream("", &[]).await;
    served.handle.away(Duration::from_secs(3_600)).await;
    let (reply, _) = in_time(stream.end()).await;
    assert!(!reply.expect("an answer").whole, "the stream is cut");
    for path in ["accounts", "stream", "nowhere"] {
        let start = format!("GET /api/v1/{path}");
        let addr = served.handle.addr;
        let exchange = Exchange::begin(addr, &start, &with_key(&[]), "").await;
        let (reply, _) = in_time(exchange.end()).await;
        assert!(reply.is_none(), "{path}: {reply:?}");
    }
    served.handle.live(5).await;
    assert!(served.handle.next_id() > 8);
    served.handle.back().await;
    let trades = served.get("/api/v1/trades").await;
    assert_eq!(trades.header("x-ratelimit-remaining"), Some("29"));
    let trades = trades.json();
    assert_eq!(trades["data"].as_array().map(Vec::len), Some(2));
    let unanswered = served.handle.requests();
    let unanswered = unanswered.iter().filter(|it| it.status.is_none()).count();
    assert_eq!(unanswered, 3, "noted all the same");
    drop(served.stream_again(&[]).await);
    served.finish().await;
}

#[tokio::test]
async fn prepared_answers_are_sent_as_they_stand() {
    let served = Served::quiet().await;
    let handle = &served.handle;
    handle.answer(
        "/api/v1/stream",
        Answer::status(200)
            .header("Content-Type", "text/html")
            .body("<h1>hello</h1>"),
    );
    handle.answer("/api/v1", Answer::status(502).body("{").sent(Manner::Cut));
    let html = served.get("/api/v1/stream").await;
    assert_eq!(html.header("content-type"), Some("text/html"));
    assert_eq!(html.body, "<h1>hello</h1>");
    let cut = served.get("/api/v1/accounts").await;
    assert_eq!((cut.status, cut.whole), (502, false));
    assert_eq!(cut.header("x-ratelimit-remaining"), None);
    handle.answer_by("/api/v1/accounts", |request| {
        (request.number > 3).then(|| Answer::status(500))
    });
    assert_eq!(served.get("/api/v1/accounts").await.status, 200);
    assert_eq!(served.get("/api/v1/accounts").await.status, 500);
    handle.answer_as_ever("/api/v1/accounts");
    assert_eq!(served.get("/api/v1/accounts").await.status, 200);
    served.finish().await;
}

#[tokio::test]
async fn the_same_faults_can_be_had_from_another_process() {
    let served = Served::quiet().await;
    let addr = served.handle.addr;
    let post = async |name: &str, body: &str| {
        let start = format!("POST /simulate/{name}");
        ask(addr, &start, &[], body).await.status
    };
    let mut stream = served.stream("", &[]).await;
    assert_eq!(post("burst", r#"{"count":2}"#).await, 204);
    let payload = r#"{"payload":"{\"a\":1.0}","id":"77"}"#;
    assert_eq!(post("send", payload).await, 204);
    assert_eq!(post("await_stream", "").await, 204);
    let body = stream.until("{\"a\":1.0}\n\n").await;
    assert_eq!(ids(&body), [1, 2, 77]);
    assert_eq!(post("explode", "").await, 400);
    assert_eq!(post("burst", "[]").await, 400);
    assert_eq!(post("burst", r#"{"count":"many"}"#).await, 400);
    assert_eq!(post("suspend", "{}").await, 204);
    assert_eq!(served.get("/api/v1/accounts").await.status, 403);
    let refused = ask(addr, "GET /simulate/burst", &[], "").await;
    assert_eq!(refused.status, 405);
    served.finish().await;
}

#[tokio::test]
async fn beyond_loopback_nothing_can_be_made_to_fail() {
    let served = Served::start(Options {
        listen: SocketAddr::from(([0, 0, 0, 0], 0)),
        ..quiet()
    })
    .await;
    let port = served.handle.addr.port();
    let addr = SocketAddr::from(([127, 0, 0, 1], port));
    let key = with_key(&[]);
    let refused = ask(addr, "POST /simulate/revoke", &key, "").await;
    assert_eq!(refused.status, 405);
    let hidden = ask(addr, "GET /simulate/requests", &key, "").await;
    assert_eq!(hidden.status, 404);
    served.finish().await;
}

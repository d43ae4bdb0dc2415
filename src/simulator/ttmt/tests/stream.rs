//! The stream: its frames, its replay, its slot and its end.

use bytes::Bytes;
use futures_util::StreamExt;

use super::super::super::wire::Wire;
use super::super::api::Api;
use super::super::gate::Number;
use super::super::stream::Session;
use super::*;

#[tokio::test]
async fn an_event_is_an_id_line_and_a_data_line() {
    let served = Served::quiet().await;
    let mut stream = served.stream("", &[]).await;
    let payload = r#"{ "type":"tp_hit",  "eventId":42, "data":{"price":1.10} }"#;
    assert_eq!(served.handle.send_raw(payload).await, Some(42));
    let text = served.handle.send_raw(r#"{"type":"x"}"#).await;
    assert_eq!(text, Some(43), "the next id, where there is none");
    let message = Message {
        payload: Bytes::from_static(b"{}"),
        id: MessageId::Text("a b".to_owned()),
        event: Some("tp_hit".to_owned()),
    };
    assert_eq!(served.handle.send(message).await, None);
    let body = stream.until("data: {}\n\n").await;
    let expected = format!(
        "id: 42\ndata: {payload}\n\nid: 43\ndata: {{\"type\":\"x\"}}\n\nid: a b\nevent: tp_hit\ndata: {{}}\n\n"
    );
    assert_eq!(body, expected);
    served.finish().await;
    let (reply, reset) = stream.end().await;
    let reply = reply.expect("an answer");
    assert_eq!(reply.header("content-type"), Some("text/event-stream"));
    assert!(reply.whole && !reset, "a stop ends the stream properly");
}

#[tokio::test]
async fn the_slot_is_taken_once_and_free_when_the_client_is_gone() {
    let served = Served::quiet().await;
    let stream = served.stream("", &[]).await;
    assert_eq!(served.get("/api/v1/stream").await.status, 409);
    drop(stream);
    let again = served.stream_again(&[]).await;
    assert_eq!(served.get("/api/v1/stream").await.status, 409);
    drop(again);
    served.freed().await;
    served.finish().await;
}

#[tokio::test]
async fn a_connect_with_an_id_replays_what_is_buffered_after_it() {
    let served = Served::quiet().await;
    served.send(120).await;
    let check = async |header: &[&str], replayed: std::ops::Range<u64>| {
        let mut stream = served.stream_again(header).await;
        let live = served.send(1).await[0];
        let body = stream.until(&format!("id: {live}\n")).await;
        assert!(
            ids(&body).into_iter().eq(replayed.chain([live])),
            "{header:?}: {body}"
        );
    };
    check(&[], 0..0).await;
    check(&["Last-Event-ID: 119"], 120..122).await;
    check(&["Last-Event-ID: 5"], 23..123).await;
    check(&["Last-Event-ID: 5000"], 0..0).await;
    check(&["Last-Event-ID: rubbish"], 0..0).await;
    served.finish().await;
}

#[tokio::test]
async fn an_account_filter_leaves_out_other_accounts_only() {
    let served = Served::quiet().await;
    let event = |id: u64, data: &str| format!(r#"{{"type":"x","eventId":{id},"data":{data}}}"#);
    let mine = "c90e7b52-3d14-4f86-a2cb-51f7d8e06a93";
    let query = format!("?account_id={}", mine.to_uppercase());
    let send = async |from: u64| {
        let handle = &served.handle;
        handle
            .send_raw(event(from, r#"{"account_id":"a1b2c3d4"}"#))
            .await;
        handle
            .send_raw(event(from + 1, &format!(r#"{{"account_id":"{mine}"}}"#)))
            .await;
        handle.send_raw(event(from + 2, "{}")).await;
    };
    send(1).await;
    let mut stream = served.stream(&query, &["Last-Event-ID: 0"]).await;
    send(4).await;
    let body = stream.until("id: 6\n").await;
    assert_eq!(ids(&body), [2, 3, 5, 6]);
    served.finish().await;
}

/// A session without a socket, for tests that let time pass.
fn session(recycle_after: Duration) -> (Arc<Api>, Session) {
    let api = api(recycle_after);
    let wire = Wire::unconnected();
    let session = Session::open(&api, &wire, Number(1), None, None);
    (api, session.expect("a free slot"))
}

fn api(recycle_after: Duration) -> Arc<Api> {
    let options = Options {
        recycle_after,
        ..quiet()
    };
    unserved(&options, Pace::Calm)
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_recycled_after_five_minutes() {
    let start = tokio::time::Instant::now();
    let (api, session) = session(Options::default().recycle_after);
    let mut body = std::pin::pin!(session.body());
    let last = body.next().await.expect("a frame").expect("no error");
    assert_eq!(start.elapsed(), Duration::from_secs(300));
    let expected = "data: {\"type\":\"recycle\",\"reason\":\"max_lifetime\"}\n\n";
    assert_eq!(last, expected, "with no id line");
    assert!(!api.feed.is_heard());
    assert!(body.next().await.is_none());
    let slot = api.feed.subscribe(None, None, Wire::unconnected());
    assert!(slot.is_ok(), "the slot is free when the body ends");
}

#[tokio::test(start_paused = true)]
async fn a_silent_stream_is_neither_fed_nor_recycled_nor_ended() {
    let (api, session) = session(Duration::from_secs(300));
    let mut body = std::pin::pin!(session.body());
    api.feed.silence();
    api.apply(Fault::Unknown("x".to_owned())).await;
    let hour = Duration::from_secs(3_600);
    let heard = tokio::time::timeout(hour, body.next()).await;
    assert!(heard.is_err(), "{heard:?}");
    api.feed.end(feed::Ending::Cut);
    assert!(body.next().await.expect("an end").is_err());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_is_cut_and_costs_no_memory() {
    let wire = Wire::unconnected();
    let api = api(Duration::from_secs(300));
    let session = Session::open(&api, &wire, Number(1), None, None).expect("a free slot");
    for _ in 0..1_024 {
        api.apply(Fault::Unknown("x".to_owned())).await;
    }
    assert!(api.feed.is_heard(), "a full backlog is still allowed");
    let start = tokio::time::Instant::now();
    api.apply(Fault::Unknown("x".to_owned())).await;
    assert!(start.elapsed() >= Duration::from_secs(5), "after patience");
    assert!(!api.feed.is_heard());
    assert!(wire.is_cut());
    drop(session);
}

#[tokio::test]
async fn the_world_plays_at_its_rate_with_ids_that_rise_by_one() {
    let served = Served::start(Options {
        rate: 0.0,
        warm_start: true,
        first_id: 500,
        ..Options::default()
    })
    .await;
    let mut stream = served.stream("", &[]).await;
    let body = stream.read_while(|body| ids(body).len() < 2_000).await;
    let got = ids(&body);
    assert!(got.iter().copied().eq((500..).take(got.len())));
    for (payload, id) in payloads(&body).iter().zip(&got).take(300) {
        let event: Value = serde_json::from_str(payload).expect("JSON");
        assert_eq!(event["eventId"], *id);
    }
    let first = payloads(&body).iter().position(|it| it.contains("tp_hit"));
    assert_eq!(first, Some(2), "a warm start rings at once");
    drop(stream);
    served.finish().await;
}

#[tokio::test(start_paused = true)]
async fn the_average_pace_is_the_rate() {
    let options = Options {
        rate: 4.0,
        hold: false,
        script: None,
        ..Options::default()
    };
    let api = unserved(&options, Pace::Lively);
    let tempo = Tempo::new(options.rate, options.seed);
    let playing = player::play(Arc::clone(&api), Play::World, tempo, options.hold);
    let span = Duration::from_secs(1_000);
    assert!(tokio::time::timeout(span, playing).await.is_err());
    let count = api.feed.next_id() - 1;
    assert!((3_700..=4_300).contains(&count), "{count} in 1,000 s");
}

//! How connections end, on a paused clock and without a socket.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use jiff::Timestamp;
use launchdarkly_sdk_transport::HttpTransport;
use tokio::time::Instant;

use crate::model::{Cursor, Failure};
use crate::sources::body::{Body, Patience};
use crate::sources::canned::{Canned, Step, connector, read, run};
use crate::sources::connection::Connector;
use crate::sources::filter::{Filter, Payloads, Tag};
use crate::sources::{Connect, Control, End, Frame, Item, What};
use crate::transport::StreamError;

const HOUR: Duration = Duration::from_secs(3_600);

fn bytes(text: &'static str) -> Step {
    Step::Bytes(Bytes::from_static(text.as_bytes()))
}

fn patient(steps: Vec<Step>, idle: Option<u64>, age: Option<u64>) -> Connector<Canned> {
    let mut connector = Canned::new(steps).connector();
    connector.patience = Patience {
        idle: idle.map(Duration::from_secs),
        age: age.map(Duration::from_secs),
    };
    connector
}

/// Reads to the end, which has to come after so many seconds.
fn check(connector: &Connector<Canned>, events: usize, end: End, seconds: u64) {
    run(async {
        let begun = Instant::now();
        let read = read(connector, Cursor::Unknown).await;
        assert_eq!((read.events.len(), read.end), (events, end));
        assert_eq!(begun.elapsed().as_secs(), seconds);
    });
}

#[test]
fn feed_t6_ends_of_the_body_are_told_apart() {
    let broken = Failure::Other("the chunked body was cut off".to_owned());
    for (last, end) in [
        (bytes(""), End::Eof),
        (bytes("data: b"), End::EofInEvent),
        (
            Step::Break(StreamError::Broken(Failure::Reset)),
            End::Broken(Failure::Reset),
        ),
        (
            Step::Break(StreamError::Broken(broken.clone())),
            End::Broken(broken),
        ),
    ] {
        check(
            &patient(vec![bytes("data: a\n\n"), last], None, None),
            1,
            end,
            0,
        );
    }
}

#[test]
fn feed_t6_failed_connects_are_told_apart() {
    for (error, end) in [
        (StreamError::NoHead, End::NoHead),
        (
            StreamError::Unreachable(Failure::Dns),
            End::Unreachable(Failure::Dns),
        ),
        (
            StreamError::Unreachable(Failure::Refused),
            End::Unreachable(Failure::Refused),
        ),
        (
            StreamError::Redirect("x".to_owned()),
            End::Redirect("x".to_owned()),
        ),
    ] {
        let mut canned = Canned::new(Vec::new());
        canned.answer = Err(error);
        check(&canned.connector(), 0, end, 0);
    }
}

#[test]
fn feed_t6_the_first_end_is_the_reason_and_stays_it() {
    run(async {
        let reset = Step::Break(StreamError::Broken(Failure::Reset));
        let connector = patient(vec![reset, bytes("data: a\n\n")], None, None);
        let mut items = connector
            .connect(&Cursor::Unknown)
            .await
            .expect("connected");
        for _ in 0..3 {
            assert_eq!(items.next().await, Err(End::Broken(Failure::Reset)));
        }
    });
}

#[test]
fn what_has_arrived_is_yielded_without_a_wait() {
    run(async {
        let both = bytes("data: a\n\ndata: b\n\n");
        let connector = patient(vec![both], None, None);
        let connected = connector.connect(&Cursor::Unknown).await;
        let mut items = connected.expect("connected");
        items.next().await.expect("the first");
        let second = items.arrived().expect("it is there").expect("no end");
        assert!(matches!(second.what, What::Event(_)));
    });
}

#[test]
fn feed_t9_silence_ends_a_connection_and_any_byte_is_a_sign_of_life() {
    let silence = |seconds| Step::Silence(Duration::from_secs(seconds));
    check(
        &patient(vec![silence(9_999)], Some(60), None),
        0,
        End::Idle,
        60,
    );
    let lively = vec![
        silence(59),
        bytes(": beat\n"),
        silence(59),
        bytes("d"),
        silence(59),
        bytes("ata: a"),
        silence(59),
        bytes("\n\n"),
    ];
    check(&patient(lively.clone(), Some(60), None), 1, End::Eof, 236);
    let dead = [lively, vec![silence(9_999)]].concat();
    check(&patient(dead, Some(60), None), 1, End::Idle, 296);
}

#[test]
fn feed_t9_time_in_which_nobody_reads_does_not_count_as_silence() {
    run(async {
        let steps = vec![
            bytes("data: a\n\n"),
            Step::Silence(Duration::from_secs(30)),
            bytes("data: b\n\n"),
        ];
        let connector = patient(steps, Some(60), None);
        let mut items = connector
            .connect(&Cursor::Unknown)
            .await
            .expect("connected");
        assert!(matches!(items.next().await, Ok(item) if matches!(item.what, What::Event(_))));
        tokio::time::sleep(HOUR).await;
        assert!(matches!(items.next().await, Ok(item) if matches!(item.what, What::Event(_))));
    });
}

#[test]
fn ctrl_4_a_connection_over_its_age_is_ended_even_if_it_is_busy() {
    check(
        &patient(vec![Step::Silence(HOUR)], None, Some(330)),
        0,
        End::TooOld,
        330,
    );
    let second = [bytes("data: a\n\n"), Step::Silence(Duration::from_secs(1))];
    let busy = std::iter::repeat_n(second, 1_000).flatten().collect();
    check(&patient(busy, None, Some(330)), 330, End::TooOld, 330);
}

#[test]
fn ctrl_5_silence_alone_ends_nothing_unless_configured() {
    let silent = vec![
        Step::Silence(Duration::from_secs(329)),
        bytes("data: a\n\n"),
    ];
    check(&patient(silent, None, Some(330)), 1, End::Eof, 329);
}

#[test]
fn feed_b3_a_flood_ends_the_connection_after_what_came_before_it() {
    let chunk = Step::Bytes(Bytes::from(vec![b'x'; 8 << 10]));
    let steps = [vec![bytes("data: a\n\ndata: ")], vec![chunk; 100]].concat();
    let mut connector = Canned::new(steps).connector();
    connector.event_bytes_max = 1 << 10;
    check(&connector, 1, End::Flood, 0);
}

#[test]
fn feed_b1_a_large_chunk_of_tiny_events_is_taken_in_small_pieces() {
    run(async {
        let steps = vec![Step::Bytes("data\n\n".repeat(1 << 20).into())];
        let canned = Canned::new(steps);
        let request = http::Request::new(None);
        let body = canned
            .request(request)
            .await
            .expect("an answer")
            .into_body();
        let filter = Filter::new(Tag::random(), Payloads::default(), 1 << 20);
        let patience = Patience {
            idle: None,
            age: None,
        };
        let pieces = Body::new(body, filter, patience).filter_map(|piece| async { piece.ok() });
        let largest = pieces
            .fold(0, |most, piece| async move { most.max(piece.len()) })
            .await;
        assert!((1..=64 << 10).contains(&largest), "{largest} bytes at once");
    });
}

#[test]
fn feed_b2_the_next_event_comes_on_the_same_connection() {
    let big = format!("id: 2\ndata: {}\n\n", "x".repeat(5 << 10));
    let steps = vec![
        bytes("id: 1\ndata: good\n\n"),
        Step::Bytes(big.into()),
        bytes("data: after\n\n"),
    ];
    let mut connector = Canned::new(steps).connector();
    connector.event_bytes_max = 1 << 10;
    let read = run(read(&connector, Cursor::Unknown));
    assert_eq!(read.events, ["message|good|1", "message|after|2"]);
    assert_eq!(read.skipped, [(5_131, Some("2".to_owned()))]);
    assert_eq!(
        (read.cursor, read.end),
        (Cursor::At("2".to_owned()), End::Eof)
    );
}

#[test]
fn feed_b5_nothing_is_read_ahead_of_a_slow_reader() {
    run(async {
        let canned = Canned::new(vec![bytes("data: a\n\n"); 1_000]);
        let connector = canned.connector();
        let mut items = connector
            .connect(&Cursor::Unknown)
            .await
            .expect("connected");
        for taken in 1..=10 {
            let next = items
                .next()
                .now_or_never()
                .expect("has arrived")
                .expect("an item");
            assert!(matches!(next.what, What::Event(_)));
            assert_eq!(canned.taken.load(Ordering::Relaxed), taken);
        }
    });
}

#[test]
fn what_has_arrived_can_be_drained_without_waiting_and_nothing_is_lost() {
    run(async {
        let steps = vec![
            bytes("data: 1\n\ndata: 2\n\nda"),
            Step::Silence(Duration::from_secs(5)),
            bytes("ta: 3\n\n"),
        ];
        let connector = patient(steps, None, None);
        let mut items = connector
            .connect(&Cursor::Unknown)
            .await
            .expect("connected");
        let mut drained = 0;
        while let Some(next) = items.next().now_or_never() {
            assert!(matches!(next.expect("an item").what, What::Event(_)));
            drained += 1;
        }
        assert_eq!(drained, 2);
        for _ in 0..10 {
            let waited = tokio::time::timeout(Duration::from_millis(100), items.next()).await;
            assert!(waited.is_err(), "nothing yet");
        }
        let third = items.next().await.expect("an item");
        assert!(matches!(third.what, What::Event(event) if event.payload == "3"));
        assert_eq!(items.next().await, Err(End::Eof));
    });
}

/// Every item of a TTMT stream, up to its end.
fn items(stream: &'static str) -> Vec<Item> {
    run(async {
        let connector = announced(vec![bytes(stream)]);
        let mut open = connector
            .connect(&Cursor::Unknown)
            .await
            .expect("connected");
        let mut items = Vec::new();
        while let Ok(item) = open.next().await {
            items.push(item);
        }
        items
    })
}

#[test]
fn feed_l5_ctrl_2_an_inherited_id_is_nobodys_own() {
    let items = items(
        "id: 7\ndata: {\"type\":\"a\"}\n\ndata: {\"type\":\"a\"}\n\ndata: {\"type\":\"recycle\"}\n\n",
    );
    let cursors: Vec<_> = items.iter().map(|item| item.cursor.clone()).collect();
    assert_eq!(cursors, [Some(Cursor::At("7".to_owned())), None, None]);
    match &items[1].what {
        What::Event(event) => assert_eq!((&event.id, &event.identity), (&None, &None)),
        other => panic!("{other:?}"),
    }
}

fn announced(steps: Vec<Step>) -> Connector<Canned> {
    connector(
        Canned::new(steps),
        Arc::new(crate::sources::ttmt::envelope()),
    )
}

#[test]
fn an_announced_end_is_the_reason_however_it_comes_about() {
    let recycle = bytes("data: {\"type\":\"recycle\",\"reason\":\"max_lifetime\"}\n\n");
    let revoked = bytes("data: {\"type\":\"auth_revoked\"}\n\n");
    let late = bytes("id: 7\ndata: {\"type\":\"tp_hit\"}\n\n");
    let reset = Step::Break(StreamError::Broken(Failure::Reset));
    for (steps, end, seconds) in [
        (vec![recycle.clone()], End::Recycled, 0),
        (vec![recycle.clone(), reset], End::Recycled, 0),
        (vec![recycle, late, Step::Silence(HOUR)], End::Recycled, 2),
        (vec![revoked, Step::Silence(HOUR)], End::AuthRevoked, 2),
    ] {
        run(async {
            let begun = Instant::now();
            let read = read(&announced(steps), Cursor::Unknown).await;
            assert_eq!((read.controls.len(), read.end), (1, end));
            assert_eq!(begun.elapsed().as_secs(), seconds);
        });
    }
}

#[test]
fn ctrl_2_a_control_event_without_an_id_leaves_the_cursor() {
    let recycle = "data: {\"type\":\"recycle\",\"reason\":\"max_lifetime\"}\n\n";
    let event = "id: 7\ndata: {\"type\":\"tp_hit\",\"eventId\":7}\n\n";
    for (control, cursor) in [
        (recycle.to_owned(), "7"),
        (format!("id: 8\n{recycle}"), "8"),
    ] {
        let steps = vec![bytes(event), Step::Bytes(control.into())];
        let read = run(read(&announced(steps), Cursor::Unknown));
        assert_eq!(read.cursor, Cursor::At(cursor.to_owned()));
        let reason = Some("max_lifetime".to_owned());
        assert_eq!(read.controls, [Control::Recycle { reason }]);
    }
}

#[test]
fn feed_b2_the_limit_holds_for_what_is_read_elsewhere_too() {
    let mut connector = Canned::new(vec![]).connector();
    connector.event_bytes_max = 1 << 10;
    assert_eq!(Connect::event_bytes_max(&connector), 1 << 10);
    for (length, skipped) in [(1 << 10, None), (1025, Some(1025))] {
        let frame = Frame {
            kind: "message".to_owned(),
            own_id: Some("7".to_owned()),
            payload: vec![b'x'; length].into(),
            received: Timestamp::UNIX_EPOCH,
        };
        let bytes = match connector.read(&frame) {
            What::Skipped { bytes, id: None } => Some(bytes),
            What::Event(_) => None,
            other => panic!("{other:?}"),
        };
        assert_eq!(bytes, skipped, "{length} bytes");
    }
}

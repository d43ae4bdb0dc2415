//! Pins where the bare stream library departs from the standard, so that an update that changes one
//! of them is noticed. Each of them is covered by the filter, the gate or the connection.

use eventsource_client::{Client, ClientBuilder, Error, ReconnectOptions, SSE};
use futures_util::StreamExt;

use crate::sources::canned::{Canned, run};

/// What the library alone yields for an answer, in words.
fn bare(canned: Canned) -> Vec<String> {
    let never = ReconnectOptions::reconnect(false).retry_initial(false);
    let client = ClientBuilder::for_url("http://feed.test/events")
        .expect("an address")
        .reconnect(never.build())
        .redirect_limit(0)
        .build_with_transport(canned);
    run(client.stream().map(|next| words(&next)).collect())
}

fn words(next: &Result<SSE, Error>) -> String {
    match next {
        Ok(SSE::Connected(_)) => "connected".to_owned(),
        Ok(SSE::Comment(text)) => format!(":{text}"),
        Ok(SSE::Event(event)) => format!(
            "{}|{}|{:?}|{:?}",
            event.event_type, event.data, event.id, event.retry
        ),
        Err(Error::InvalidLine(_)) => "invalid line".to_owned(),
        Err(error) => error.to_string(),
    }
}

fn check(input: &[u8], yielded: &[&str]) {
    let words = bare(Canned::chunks([input]));
    assert_eq!(words[0], "connected");
    assert_eq!(words[1..], *yielded, "{:?}", String::from_utf8_lossy(input));
}

#[test]
fn ill_formed_utf_8_ends_the_connection_and_overtakes_good_events() {
    check(
        b"data: ok\n\ndata: a\xFFb\n\n",
        &["invalid line", "message|ok|None|None"],
    );
    check(b": \xFF\n\n", &["invalid line"]);
}

#[test]
fn legal_blocks_without_data_are_errors() {
    for block in ["foo: 1\n\n", "event:\n\n", "retry: x\n\n", "id: b\0\n\n"] {
        check(block.as_bytes(), &["invalid event"]);
    }
}

#[test]
fn ids_and_waits_without_data_are_lost() {
    check(b"id: 6\n\n", &["eof"]);
    check(b"retry: 5\n\n", &["eof"]);
}

#[test]
fn a_signed_retry_is_taken() {
    check(
        b"retry: +5\ndata: a\n\n",
        &["message|a|None|Some(5)", "eof"],
    );
}

#[test]
fn an_inherited_id_looks_like_an_own_one() {
    check(
        b"data: a\n\nid: 1\ndata: b\n\ndata: c\n\nid\ndata: d\n\n",
        &[
            "message|a|None|None",
            "message|b|Some(\"1\")|None",
            "message|c|Some(\"1\")|None",
            "message|d|Some(\"\")|None",
            "eof",
        ],
    );
}

#[test]
fn the_two_kinds_of_end_do_not_tell_whether_an_event_was_cut() {
    check(b"id: 9\ndata: lost\n", &["eof"]);
    check(b"id: 9\ndata: lo", &["unexpected eof"]);
}

#[test]
fn any_2xx_of_any_type_is_a_stream() {
    let event = Canned::chunks([b"data: a\n\n".as_slice()]);
    for canned in [
        event.clone().status(206),
        event.header("content-type", "text/html"),
    ] {
        assert_eq!(bare(canned), ["connected", "message|a|None|None", "eof"]);
    }
}

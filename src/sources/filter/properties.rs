//! Properties that hold for any input, drawn from whole and broken pieces of streams.

use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::select;

use super::reference::interpret;
use super::{Filter, Payloads, Tag};
use crate::model::Cursor;
use crate::sources::canned::{Canned, Read, read, run};

const PIECES: &[&[u8]] = &[
    b"data",
    b"data:",
    b"data: ",
    b"data: a",
    b"data:b",
    b"event",
    b"event:",
    b"event: x",
    b"id",
    b"id:",
    b"id: 1",
    b"id: ",
    b"retry",
    b"retry:",
    b"retry: 5",
    b"retry: 99999999999999999999",
    b"retry: +5",
    b"foo",
    b"foo: 1",
    b":",
    b": c",
    b" ",
    b"x",
    b"7",
    b"\0",
    b"\t",
    b"\xFF",
    b"\xF0\x9F",
    b"\x98\x80",
    b"\xEF",
    b"\xEF\xBB",
    b"\xEF\xBB\xBF",
    b"\xC3",
    b"\xE2\x80\xA8",
    b"\n",
    b"\n",
    b"\r",
    b"\r\n",
    b"\r\n",
    b"\n\n",
    b"\n\n",
    b"\r\r",
    b"\r\n\r\n",
];

fn soup() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(select(PIECES), 0..40).prop_map(|pieces| pieces.concat())
}

fn sizes() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(1_usize..12, 1..8)
}

/// Cuts the input into chunks of these sizes, over and over.
fn cut<'a>(input: &'a [u8], sizes: &[usize]) -> Vec<&'a [u8]> {
    let mut chunks = Vec::new();
    let mut rest = input;
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            return chunks;
        }
        let (chunk, behind) = rest.split_at(rest.len().min(*size));
        chunks.push(chunk);
        rest = behind;
    }
    chunks
}

fn read_cut(input: &[u8], sizes: &[usize]) -> Read {
    let canned = Canned::chunks(cut(input, sizes));
    run(read(&canned.connector(), Cursor::Unknown))
}

fn cursor(last_id: Option<String>) -> Cursor {
    match last_id {
        None => Cursor::Unknown,
        Some(id) if id.is_empty() => Cursor::Cleared,
        Some(id) => Cursor::At(id),
    }
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config(2_000))]

    #[test]
    fn feed_b7_the_filter_agrees_with_the_standard_for_any_cut(input in soup(), sizes in sizes()) {
        let standard = interpret(&input);
        let ours = read_cut(&input, &sizes);
        prop_assert_eq!(ours.events, standard.events);
        prop_assert_eq!(ours.cursor, cursor(standard.last_id));
        let retry = standard.retry.map(|wait| {
            Duration::from_millis(u64::try_from(wait.clamp(250, 300_000)).expect("clamped"))
        });
        prop_assert_eq!(ours.retry, retry);
        prop_assert_eq!(ours.unusable_ids, 0);
        prop_assert!(ours.skipped.is_empty());
    }
}

proptest! {
    #![proptest_config(config(300))]

    #[test]
    fn sse_2_two_ways_to_cut_the_same_bytes_read_the_same(
        input in soup(),
        one in sizes(),
        other in sizes(),
    ) {
        prop_assert_eq!(read_cut(&input, &one), read_cut(&input, &other));
    }

    #[test]
    fn the_events_of_a_prefix_are_a_prefix_of_the_events(input in soup(), part in 0.0..1.0_f64) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a few hundred bytes")]
        let at = (input.len() as f64 * part) as usize;
        let whole = read_cut(&input, &[64]).events;
        let prefix = read_cut(&input[..at], &[64]).events;
        prop_assert!(whole.starts_with(&prefix), "{whole:?} after {prefix:?}");
    }

    #[test]
    fn feed_e6_events_that_are_written_as_sse_read_back_unchanged(
        events in prop::collection::vec(("[a-z]{1,8}", "[^\r]{0,40}", "[ -~]{1,8}"), 0..6),
        sizes in sizes(),
    ) {
        let mut stream = String::new();
        let mut expected = Vec::new();
        for (kind, data, id) in &events {
            let data_lines = data.split('\n').map(|line| format!("data: {line}\n"));
            stream.push_str(&format!("event: {kind}\nid: {id}\n{}\n", data_lines.collect::<String>()));
            expected.push(format!("{kind}|{data}|{id}"));
        }
        prop_assert_eq!(read_cut(stream.as_bytes(), &sizes).events, expected);
    }

    #[test]
    fn feed_b1_what_is_held_never_exceeds_the_limit_by_more_than_a_line_start(
        input in soup(),
        sizes in sizes(),
        limit in 4_usize..64,
    ) {
        let mut filter = Filter::new(Tag::fixed(1), Payloads::default(), limit);
        let mut out = Vec::new();
        for chunk in cut(&input, &sizes) {
            let flooded = filter.push(chunk, &mut out).is_err();
            let most = 2 * limit + super::COMMENT_BYTES_MAX + 16;
            prop_assert!(filter.held_bytes() <= most, "{} bytes", filter.held_bytes());
            if flooded {
                break;
            }
        }
    }

    #[test]
    fn feed_b7_no_bytes_panic(input in prop::collection::vec(any::<u8>(), 0..400), limit in 1_usize..40) {
        let payloads = Payloads::default();
        let mut filter = Filter::new(Tag::fixed(1), payloads.clone(), limit);
        let mut out = Vec::new();
        let _flood = filter.push(&input, &mut out);
        prop_assert!(std::str::from_utf8(&out).is_ok(), "only clean text goes on");
        for number in 0.. {
            let Some(payload) = payloads.take(&number.to_string()) else { break };
            prop_assert!(std::str::from_utf8(&payload).is_ok(), "{payload:?}");
        }
    }
}

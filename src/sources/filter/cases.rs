//! The checklist's cases for lines, fields and dispatch, each at every cut, through the whole path
//! from bytes to items.

use std::time::Duration;

use futures_util::FutureExt;

use crate::model::Cursor;
use crate::sources::canned::{Canned, Read, Step, read, run};
use crate::sources::{Connect, End, What};

const BOM: &[u8] = b"\xEF\xBB\xBF";

/// Reads the input whole, byte by byte and cut at each position, expects the same events each time,
/// and hands back what was read.
fn check(input: impl AsRef<[u8]>, events: &[&str]) -> Read {
    let input = input.as_ref();
    run(async {
        let whole = read(&Canned::chunks([input]).connector(), Cursor::Unknown).await;
        assert_eq!(whole.events, events, "{input:?}");
        let bytes = Canned::chunks(input.chunks(1));
        let read_bytes = read(&bytes.connector(), Cursor::Unknown).await;
        assert_eq!(read_bytes, whole, "{input:?} byte by byte");
        for at in 1..input.len() {
            let (left, right) = input.split_at(at);
            let halves = Canned::chunks([left, right]);
            let read_halves = read(&halves.connector(), Cursor::Unknown).await;
            assert_eq!(read_halves, whole, "{input:?} cut at {at}");
        }
        whole
    })
}

fn at(id: &str) -> Cursor {
    Cursor::At(id.to_owned())
}

#[test]
fn feed_d1_one_leading_bom_is_dropped() {
    check([BOM, b"data: a\n\n"].concat(), &["message|a|"]);
    check(BOM, &[]);
    check(&BOM[..2], &[]);
}

#[test]
fn feed_d2_only_one_bom_and_only_at_the_start() {
    check(
        [BOM, BOM, b"data: a\n\ndata: b\n\n"].concat(),
        &["message|b|"],
    );
    let inside = [b"data: a\n\n", BOM, b"data: b\n\ndata: c\n\n"].concat();
    check(inside, &["message|a|", "message|c|"]);
    check(b"\xEF\xBBdata: a\n\ndata: b\n\n", &["message|b|"]);
    check(b"\xEFdata: a\n\ndata: b\n\n", &["message|b|"]);
    check(b"\xEF\xBB\ndata: b\n\n", &["message|b|"]);
    check(b"\xEF\xBB\xEF\xBB\xBF\ndata: b\n\n", &["message|b|"]);
}

#[test]
fn feed_d3_sse_2_lf_cr_and_crlf_each_end_one_line() {
    check("data: a\r\ndata: b\rdata: c\n\r\n", &["message|a\nb\nc|"]);
    check(
        "data: a\r\n\r\ndata: b\r\n\r\n",
        &["message|a|", "message|b|"],
    );
    check("data: a\n\rdata: b\r\r", &["message|a|", "message|b|"]);
}

#[test]
fn feed_d4_crlf_is_one_end_also_when_its_halves_arrive_apart() {
    check("data: a\r\ndata: b\n\n", &["message|a\nb|"]);
    let canned = Canned::new(vec![
        Step::Bytes("data: a\r".into()),
        Step::Silence(Duration::from_millis(100)),
        Step::Bytes("\ndata: b\n\n".into()),
    ]);
    let read = run(read(&canned.connector(), Cursor::Unknown));
    assert_eq!(read.events, ["message|a\nb|"]);
}

/// What is yielded at once, while the server says no more.
fn at_once(input: &'static str) -> Option<String> {
    let canned = Canned::new(vec![
        Step::Bytes(input.into()),
        Step::Silence(Duration::from_secs(3_600)),
    ]);
    run(async {
        let connector = canned.connector();
        let mut items = connector
            .connect(&Cursor::Unknown)
            .await
            .expect("connected");
        let item = items.next().now_or_never()?.expect("an item");
        match item.what {
            What::Event(event) => Some(String::from_utf8_lossy(&event.payload).into_owned()),
            other => Some(format!("{other:?}")),
        }
    })
}

#[test]
fn feed_d5_a_lone_cr_acts_when_it_arrives() {
    assert_eq!(at_once("data: a\r\r").as_deref(), Some("a"));
}

#[test]
fn feed_d6_nothing_else_ends_a_line() {
    let data = "a\u{b}b\u{c}c\u{85}d\u{2028}e\u{2029}f";
    check(format!("data: {data}\n\n"), &[&format!("message|{data}|")]);
}

#[test]
fn feed_d7_ill_formed_utf_8_becomes_a_replacement_everywhere() {
    check(
        b"data: a\xFFb\n\ndata: ok\n\n",
        &["message|a\u{FFFD}b|", "message|ok|"],
    );
    check(b": \xFF\n\ndata: ok\n\n", &["message|ok|"]);
    check(b"id: \xFF\ndata: ok\n\n", &["message|ok|\u{FFFD}"]);
    check(b"event: \xFF\ndata: ok\n\n", &["\u{FFFD}|ok|"]);
    check(
        b"da\xFFta: a\n\xFF\n\xFF: x\ndata: ok\n\n",
        &["message|ok|"],
    );
    check(
        b"data: \xF0\x9F\n\ndata: ok\n\n",
        &["message|\u{FFFD}|", "message|ok|"],
    );
    check(b"retry: \xFF\n\ndata: ok\n\n", &["message|ok|"]);
}

#[test]
fn feed_d8_a_character_cut_between_chunks_is_whole_again() {
    check("data: \u{1F600}\n\n", &["message|\u{1F600}|"]);
}

#[test]
fn feed_d9_feed_l3_sse_4_at_the_end_everything_not_yet_dispatched_is_dropped() {
    let read = check("data: a\n\nid: 9\ndata: lost\n", &["message|a|"]);
    assert_eq!((read.cursor, read.end), (Cursor::Unknown, End::EofInEvent));
    for (input, end) in [
        ("", End::Eof),
        ("data: a\n\n", End::Eof),
        (": com", End::Eof),
        ("retry: 1000\n", End::Eof),
        ("\n\r\n\r", End::Eof),
        ("da", End::EofInEvent),
        ("id: 9", End::EofInEvent),
        ("event: x\n", End::EofInEvent),
        ("data: a\n: c\n", End::EofInEvent),
    ] {
        let events: &[&str] = if input == "data: a\n\n" {
            &["message|a|"]
        } else {
            &[]
        };
        assert_eq!(check(input, events).end, end, "{input:?}");
    }
}

#[test]
fn feed_f1_the_name_stands_before_the_first_colon_and_one_space_goes() {
    check("data:  x \n\n", &["message| x |"]);
    check("data: a:b\n\n", &["message|a:b|"]);
    check("data:\tx\n\n", &["message|\tx|"]);
    check("data:x\n\n", &["message|x|"]);
}

#[test]
fn feed_f2_without_a_colon_the_line_is_the_name() {
    check("data\n\n", &["message||"]);
}

#[test]
fn feed_f3_a_comment_may_stand_anywhere() {
    check("data: a\n: c\ndata: b\n\n", &["message|a\nb|"]);
    check(": data: x\n:\0\n::\r:\r\ndata: a\n\n", &["message|a|"]);
    check(
        format!(":{}\ndata: a\n\n", "x".repeat(600)),
        &["message|a|"],
    );
    assert_eq!(at_once(": beat\n").as_deref(), Some("Alive"));
    assert_eq!(at_once("data: a\n:\n").as_deref(), Some("Alive"));
}

#[test]
fn feed_f4_names_are_compared_exactly() {
    let odd = "Data: 1\n data: 2\ndata : 3\ndata\0: 4\nda-ta: 5\ndata_6\n\n";
    check(odd, &[]);
    check(
        "DATA: 1\nevents: x\nidx: 2\nretry : 5\ndata: a\n\n",
        &["message|a|"],
    );
}

#[test]
fn feed_f5_unknown_fields_are_ignored() {
    check("foo: 1\n\ndata: a\n\n", &["message|a|"]);
    check("foo\n\n", &[]);
    check("data: a\nfoo: bar\nxyz\ndata: b\n\n", &["message|a\nb|"]);
}

#[test]
fn feed_f6_data_lines_are_joined_and_empty_ones_count() {
    check("data\ndata\n\n", &["message|\n|"]);
    check("data: a\ndata:\ndata: b\n\n", &["message|a\n\nb|"]);
}

#[test]
fn feed_f7_nul_in_data_is_data() {
    check("data: \0\n\n", &["message|\0|"]);
}

#[test]
fn feed_f8_the_last_event_line_wins_and_an_empty_one_means_message() {
    check("event: x\nevent:\ndata: a\n\n", &["message|a|"]);
    check("event: x\nevent: y\ndata: a\n\n", &["y|a|"]);
}

#[test]
fn feed_f9_the_type_lasts_for_one_block() {
    check("event: x\n\ndata: a\n\n", &["message|a|"]);
}

#[test]
fn feed_f10_an_empty_event_line_alone_is_nothing() {
    check("event:\n\ndata: a\n\n", &["message|a|"]);
    check("event\n\n", &[]);
}

#[test]
fn feed_f11_an_id_counts_from_its_block_on() {
    check(
        "id: 1\ndata: a\n\ndata: b\n\n",
        &["message|a|1", "message|b|1"],
    );
    check("data: a\nid: 1\n\n", &["message|a|1"]);
}

#[test]
fn feed_f12_an_empty_id_clears() {
    for empty in ["id", "id:", "id: "] {
        let input = format!("id: 1\ndata: a\n\n{empty}\ndata: b\n\ndata: c\n\n");
        let read = check(input, &["message|a|1", "message|b|", "message|c|"]);
        assert_eq!(read.cursor, Cursor::Cleared);
        assert_eq!(check(format!("{empty}\n\n"), &[]).cursor, Cursor::Cleared);
    }
}

#[test]
fn feed_f13_an_id_with_nul_is_ignored() {
    for id in ["b\0", "\0", "\0b", "a\0b", " \0"] {
        let input = format!("id: a\ndata: 1\n\nid: {id}\ndata: 2\n\n");
        assert_eq!(
            check(input, &["message|1|a", "message|2|a"]).cursor,
            at("a")
        );
        assert_eq!(check(format!("id: {id}\n\n"), &[]).cursor, Cursor::Unknown);
    }
    check("id: a\nid: b\0\ndata: 1\n\n", &["message|1|a"]);
}

#[test]
fn feed_f14_retry_counts_only_as_digits() {
    for bad in [
        "x", "10x", "-1", "+5", "1.5", "", " 5", "5 ", "0x10", "\u{661}",
    ] {
        let read = check(
            format!("retry: 1000\nretry: {bad}\ndata: a\n\n"),
            &["message|a|"],
        );
        assert_eq!(read.retry, Some(Duration::from_secs(1)), "{bad:?}");
        assert_eq!(
            check(format!("retry: {bad}\n\n"), &[]).retry,
            None,
            "{bad:?}"
        );
    }
    assert_eq!(check("retry\n\n", &[]).retry, None);
}

#[test]
fn feed_f15_retry_acts_when_its_line_is_read() {
    for input in [
        "retry: 5000\n\n",
        "retry: 5000\n",
        "retry:5000\r",
        "retry: 005000\n",
    ] {
        assert_eq!(check(input, &[]).retry, Some(Duration::from_secs(5)));
    }
    assert_eq!(check("retry: 5000", &[]).retry, None);
}

#[test]
fn feed_f16_retry_is_clamped() {
    for (wish, wait) in [
        ("0", Duration::from_millis(250)),
        ("99999999999999999999", Duration::from_secs(300)),
        ("18446744073709551615", Duration::from_secs(300)),
        ("1500", Duration::from_millis(1_500)),
    ] {
        assert_eq!(check(format!("retry: {wish}\n"), &[]).retry, Some(wait));
    }
}

#[test]
fn feed_e1_a_blank_line_dispatches_at_once() {
    assert_eq!(at_once("data: a\n\n").as_deref(), Some("a"));
    assert_eq!(at_once("data: a\n"), None);
}

#[test]
fn feed_e2_a_block_without_data_keeps_its_id_only() {
    check("id: 7\n\ndata: a\n\n", &["message|a|7"]);
    assert_eq!(check("event: x\nid: 7\n\n", &[]).cursor, at("7"));
}

#[test]
fn feed_e3_extra_blank_lines_are_nothing() {
    check("\n\n\r\n\rdata: a\n\n\n\n", &["message|a|"]);
}

#[test]
fn feed_e4_each_block_starts_empty() {
    check("event: x\ndata: 1\n\ndata: 2\n\n", &["x|1|", "message|2|"]);
}

#[test]
fn feed_e5_an_event_with_empty_data_is_an_event() {
    check("event: x\ndata:\n\n", &["x||"]);
}

#[test]
fn feed_e6_the_payload_is_handed_on_as_it_is() {
    let json = r#"  {"b" : 1.10, "a":[ ] ,"\u00e4":"\/"}  "#;
    check(format!("data: {json}\n\n"), &[&format!("message|{json}|")]);
}

#[test]
fn feed_l7_an_unusable_id_leaves_its_event_and_the_older_cursor() {
    let input = "id: 1\ndata: a\n\nid: a\u{1}b\ndata: b\n\nid: \u{7f}\n\ndata: c\n\n";
    let read = check(input, &["message|a|1", "message|b|1", "message|c|1"]);
    assert_eq!((read.unusable_ids, read.cursor), (2, at("1")));
}

#[test]
fn feed_l8_an_id_with_outer_blanks_stays_as_it_is() {
    let read = check(
        "id:  lead\ndata: a\n\nid: trail \ndata: b\n\n",
        &["message|a| lead", "message|b|trail "],
    );
    assert_eq!(read.cursor, at("trail "));
}

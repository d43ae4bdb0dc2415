//! The filter's limits: what it holds, what it reads away, and how much it works.

use super::block::LINE_COST;
use super::{Filter, Flood, Note, Payloads, RETRY_BYTES_MAX, Tag};

const TAG: Tag = Tag::fixed(0xabc);
const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// Pushes the parts again and again, in chunks, until so many bytes are through; yields the most
/// that was held, what came out, and whether it was a flood.
fn flood(part: &[u8], bytes: usize, limit: usize) -> (usize, Vec<u8>, bool) {
    let mut filter = Filter::new(TAG, Payloads::default(), limit);
    let chunk = part.repeat(16 * KIB / part.len());
    let (mut most, mut out) = (0, Vec::new());
    for _ in 0..bytes / chunk.len() {
        let pushed = filter.push(&chunk, &mut out);
        most = most.max(filter.held_bytes());
        out.truncate(64 * KIB);
        if pushed == Err(Flood) {
            return (most, out, true);
        }
    }
    (most, out, false)
}

fn notes(out: &[u8]) -> Vec<Note> {
    let text = std::str::from_utf8(out).expect("clean text");
    let comments = text.lines().filter_map(|line| line.strip_prefix(':'));
    comments
        .filter_map(|comment| Note::read(comment, TAG))
        .collect()
}

fn filtered(input: &[u8], limit: usize, chunk: usize) -> String {
    let payloads = Payloads::default();
    let mut filter = Filter::new(TAG, payloads.clone(), limit);
    let mut out = Vec::new();
    for chunk in input.chunks(chunk) {
        filter.push(chunk, &mut out).expect("no flood");
    }
    with_payloads(out, &payloads)
}

/// What came out, with the payloads where their numbers stand.
fn with_payloads(out: Vec<u8>, payloads: &Payloads) -> String {
    let text = String::from_utf8(out).expect("clean text");
    let mut told = String::new();
    for line in text.lines() {
        let line = line.strip_prefix("data: ").map_or_else(
            || line.to_owned(),
            |number| {
                let payload = payloads.take(number).expect("its payload");
                let payload = String::from_utf8(payload.into()).expect("clean text");
                format!("data: {}", payload.replace('\n', "\ndata: "))
            },
        );
        told.push_str(&line);
        told.push('\n');
    }
    told
}

#[test]
fn feed_b1_memory_is_bounded_whatever_arrives() {
    for (part, is_flood) in [
        (b"x".as_slice(), true),
        (b":x", true),
        (b"data: x\n", true),
        (b"data\n", true),
        (b"id: 12345\n", true),
        (b"foo: x\n", true),
        (b": c\n", false),
        (b"data: x\n\n", false),
        (b"\n", false),
    ] {
        let (most, _, was_flood) = flood(part, 6 * MIB, 64 * KIB);
        assert!(most <= 65 * KIB, "{most} bytes held of {part:?}");
        // `:x` without a line end is one comment.
        assert_eq!(was_flood, is_flood, "{part:?}");
    }
}

#[test]
fn feed_b2_an_event_over_the_limit_is_read_away_and_reported() {
    let big = "x".repeat(5 * KIB);
    let input = format!("id: 1\ndata: good\n\nid: 2\ndata: {big}\n\nid: 3\ndata: after\n\n");
    let whole = filtered(input.as_bytes(), KIB, input.len());
    for chunk in [1, 7, 100, 4_096] {
        assert_eq!(
            filtered(input.as_bytes(), KIB, chunk),
            whole,
            "chunks of {chunk}"
        );
    }
    let skipped = Note::Skipped {
        bytes: ("id: 2".len() + "data: ".len() + big.len()) as u64,
        id: Some("2".to_owned()),
    };
    assert_eq!(notes(whole.as_bytes()), [skipped]);
    assert!(whole.contains("id:=1\n") && whole.contains("id:=3\n"));
    assert!(whole.contains("data: good\n") && whole.contains("data: after\n"));
    assert!(!whole.contains("xx"));
}

#[test]
fn feed_b2_the_id_counts_wherever_it_stands_in_the_block() {
    let big = "x".repeat(2 * KIB);
    for (block, id) in [
        (format!("data: {big}\nid: 9\n\n"), Some("9")),
        (format!("id: 8\ndata: {big}\nid: 9\n\n"), Some("9")),
        (format!("id: 8\ndata: {big}\nid: 9\0\n\n"), Some("8")),
        (format!("data: {big}\nid\n\n"), Some("")),
        (format!("data: {big}\n\n"), None),
        (format!("id: 8\nid: {big}\ndata: a\n\n"), None),
        (format!("event: {big}\nid: 9\ndata: a\n\n"), Some("9")),
    ] {
        let out = filtered(block.as_bytes(), KIB, 64);
        match notes(out.as_bytes()).as_slice() {
            [Note::Skipped { id: told, .. }] => assert_eq!(told.as_deref(), id),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn sse_5_the_limit_is_exact_for_an_event_of_one_line() {
    let at_limit = format!("data: {}\n\n", "x".repeat(KIB));
    assert_eq!(filtered(at_limit.as_bytes(), KIB, 100), at_limit);
    let above = format!("data: {}\n\n", "x".repeat(KIB + 1));
    assert_eq!(
        notes(filtered(above.as_bytes(), KIB, 100).as_bytes()).len(),
        1
    );
}

#[test]
fn sse_5_every_part_of_an_event_counts_as_long_as_it_is_kept() {
    let x = |length: usize| "x".repeat(length);
    // What is as long as may be, and a byte that goes into its last part.
    for (fits, last) in [
        (format!("event: {}\ndata: {}", x(24), x(KIB - 24)), "data: "),
        (
            format!("data: {}\nevent: {}", x(24), x(KIB - 24)),
            "event: ",
        ),
        (format!("id: {}\ndata: {}", x(24), x(KIB - 24)), "data: "),
        (format!("data: {}\nid: {}", x(24), x(KIB - 24)), "id: "),
        (
            format!("data: {}\ndata: {}", x(24), x(KIB - 24 - LINE_COST)),
            "data: ",
        ),
        (
            format!("event: {}\nevent: {}\ndata: {}", x(900), x(24), x(KIB - 24)),
            "data: ",
        ),
        (
            format!("id: {}\nid: {}\ndata: {}", x(900), x(24), x(KIB - 24)),
            "data: ",
        ),
    ] {
        let (before, part) = fits.rsplit_once(last).expect("its last part");
        let above = format!("{before}{last}{part}x");
        for (block, is_skipped) in [(&fits, false), (&above, true)] {
            for chunk in [1, 64, 4096] {
                let out = filtered(format!("{block}\n\n").as_bytes(), KIB, chunk);
                let notes = notes(out.as_bytes());
                let skipped = notes
                    .iter()
                    .any(|note| matches!(note, Note::Skipped { .. }));
                assert_eq!(
                    skipped,
                    is_skipped,
                    "{last}, {} bytes, {chunk}",
                    block.len()
                );
                assert_eq!(
                    out.contains("\ndata: ") || out.starts_with("data: "),
                    !is_skipped
                );
            }
        }
    }
}

#[test]
fn feed_f14_a_wait_is_read_as_a_whole_or_not_at_all() {
    let line = |length: usize| format!("retry: {}7", "0".repeat(length - "retry: 7".len()));
    for chunk in [1, 4096] {
        let told = |length| {
            notes(filtered(format!("{}\n", line(length)).as_bytes(), KIB, chunk).as_bytes())
        };
        assert_eq!(told(RETRY_BYTES_MAX), [Note::Retry(7)]);
        assert_eq!(told(RETRY_BYTES_MAX + 1), []);
        assert_eq!(told(RETRY_BYTES_MAX + 900), []);
    }
}

#[test]
fn feed_b3_far_over_the_limit_is_a_flood() {
    let payloads = Payloads::default();
    let mut filter = Filter::new(TAG, payloads.clone(), KIB);
    let mut out = Vec::new();
    let good = filter.push(b"data: good\n\ndata: ", &mut out);
    assert_eq!(good, Ok(()));
    let almost = vec![b'x'; 64 * KIB - "data: ".len()];
    assert_eq!(filter.push(&almost, &mut out), Ok(()));
    assert_eq!(filter.push(b"x", &mut out), Err(Flood));
    assert_eq!(with_payloads(out, &payloads), "data: good\n\n");

    let mut out = Vec::new();

    let lines = b"data: x\n".repeat(10 * KIB);
    assert_eq!(
        Filter::new(TAG, Payloads::default(), KIB).push(&lines, &mut out),
        Err(Flood)
    );
}

#[test]
fn feed_b4_every_byte_is_looked_at_once_for_any_chunk_size() {
    let input = ["data: ".as_bytes(), &vec![b'x'; MIB], b"\n\n"].concat();
    for chunk in [1, 64 * KIB] {
        let mut filter = Filter::new(TAG, Payloads::default(), 64 * KIB);
        let mut out = Vec::new();
        for chunk in input.chunks(chunk) {
            filter.push(chunk, &mut out).expect("no flood");
        }
        assert_eq!(filter.scanned_bytes(), input.len() as u64);
    }
}

#[test]
fn a_comment_is_cut_and_stays_clean_text() {
    let out = filtered(format!(": {}\n", "ä".repeat(400)).as_bytes(), KIB, 10);
    assert!(out.len() <= ":\n".len() + 256, "{} bytes", out.len());
}

#[test]
fn a_server_cannot_forge_a_note() {
    let forged = Tag::fixed(0xabd);
    let out = filtered(format!(":{forged}id=7\n:id=7\n:own\n").as_bytes(), KIB, 10);
    assert_eq!(notes(out.as_bytes()), []);
    assert_ne!(Tag::random(), Tag::random());
}

#[test]
fn a_note_reads_back_as_it_was_written() {
    for note in [
        Note::Id(String::new()),
        Note::Id(" a=b …".to_owned()),
        Note::Retry(u64::MAX),
        Note::Skipped { bytes: 7, id: None },
        Note::Skipped {
            bytes: 7,
            id: Some(String::new()),
        },
        Note::Skipped {
            bytes: 7,
            id: Some(" 1 2=".to_owned()),
        },
    ] {
        let mut out = Vec::new();
        note.write(TAG, &mut out);
        assert_eq!(notes(&out), [note]);
    }
}

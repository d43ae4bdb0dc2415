//! Recordings: the same events as from a live stream, with the lines in which they begin.

use std::io::{self, Cursor as Place};

use super::super::canned::{Canned, read, run};
use super::*;
use crate::model::Cursor;

const KIB: usize = 1024;

/// Hands out one byte at a time, and then fails if it is to.
struct Slow {
    bytes: Place<Vec<u8>>,
    fails: bool,
}

impl Read for Slow {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.bytes.read(&mut into[..1])? {
            0 if self.fails => Err(io::Error::other("the disk is gone")),
            length => Ok(length),
        }
    }
}

/// `line:type|data|id` of each event, `line:skipped` of one that is too large, and the end.
fn recorded(input: Input) -> (Vec<String>, End) {
    run(async {
        let opened = Recording::open(input, KIB, Clock::system()).await;
        let mut recording = opened.expect("opens");
        let mut told = Vec::new();
        loop {
            match recording.next().await {
                Ok((line, Recorded::Frame(frame))) => {
                    let data = String::from_utf8_lossy(&frame.payload);
                    let id = frame.own_id.unwrap_or_default();
                    told.push(format!("{line}:{}|{data}|{id}", frame.kind));
                }
                Ok((line, Recorded::Skipped { .. })) => told.push(format!("{line}:skipped")),
                Err(end) => return (told, end),
            }
        }
    })
}

/// What is read of a text, whole or byte by byte.
#[track_caller]
fn check(text: &str, events: &[&str], end: &End) {
    for at_once in [true, false] {
        let bytes = Place::new(text.as_bytes().to_vec());
        let input: Input = match at_once {
            true => Box::new(bytes),
            false => Box::new(Slow {
                bytes,
                fails: false,
            }),
        };
        let (told, ended) = recorded(input);
        assert_eq!(told, events, "{text:?}");
        assert_eq!(&ended, end, "{text:?}");
    }
}

#[test]
fn events_are_told_with_the_line_in_which_they_begin() {
    let text = "event: tp_hit\nid: 7\ndata: {\"a\":\ndata: 1}\n\n: hi\nretry: 100\n\n\ndata: x\n\n";
    check(
        text,
        &["1:tp_hit|{\"a\":\n1}|7", "10:message|x|"],
        &End::Eof,
    );
    let same = ["1:message|a|1", "4:e|b|"];
    for end in ["\n", "\r\n", "\r"] {
        let text = "id: 1\ndata: a\n\ndata: b\nevent: e\n\n".replace('\n', end);
        check(&text, &same, &End::Eof);
        check(&format!("\u{feff}{text}"), &same, &End::Eof);
    }
    check("", &[], &End::Eof);
}

#[test]
fn an_event_that_is_cut_off_is_read_and_the_end_says_so() {
    for end in ["", "\n", "\r\n", "\r"] {
        let text = format!("data: a\n\nevent: e\nid: 2\ndata: b{end}");
        check(&text, &["1:message|a|", "3:e|b|2"], &End::EofInEvent);
    }
    check("data: a\n\nid: 9", &["1:message|a|"], &End::EofInEvent);
    check("data: a\n\n: hal", &["1:message|a|"], &End::Eof);
}

#[test]
fn a_live_stream_yields_the_same_but_for_what_is_cut_off() {
    let text = "\u{feff}: hi\nid: 1\ndata\ndata:  b\n\nevent:e\r\ndata: c\r\rfoo: x\rdata: d\n\nevent: f\ndata: g\n";
    let (told, end) = recorded(Box::new(Place::new(text.as_bytes().to_vec())));
    let live = run(async {
        let connector = Canned::chunks([text.as_bytes()]).connector();
        read(&connector, Cursor::default()).await
    });
    assert_eq!((live.end, end), (End::EofInEvent, End::EofInEvent));
    let bare = |event: &String| event.rsplit_once('|').expect("an id").0.to_owned();
    let mut live: Vec<String> = live.events.iter().map(bare).collect();
    assert_eq!(live.len(), 3);
    live.push("f|g".to_owned());
    let told = told.iter().map(bare);
    let told: Vec<String> = told
        .map(|event| event.split_once(':').expect("a line").1.to_owned())
        .collect();
    assert_eq!(told, live);
}

#[test]
fn what_is_too_large_and_what_cannot_be_read_have_their_names() {
    let large = "x".repeat(KIB + 1);
    let text = format!("id: 1\ndata: {large}\n\ndata: b\n\n");
    check(&text, &["1:skipped", "4:message|b|"], &End::Eof);
    check(&"x".repeat(65 * KIB), &[], &End::Flood);
    let (told, end) = recorded(Box::new(Slow {
        bytes: Place::new(b"data: a\n\ndata: b".to_vec()),
        fails: true,
    }));
    assert_eq!(told, ["1:message|a|"]);
    let failure = Failure::Other("the disk is gone".to_owned());
    assert_eq!(end, End::Broken(failure));
}

/// Is interrupted before every byte.
struct Interrupted {
    bytes: Place<Vec<u8>>,
    is_due: bool,
}

impl Read for Interrupted {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.is_due = !self.is_due;
        match self.is_due {
            true => Err(ErrorKind::Interrupted.into()),
            false => self.bytes.read(&mut into[..1]),
        }
    }
}

#[test]
fn a_read_that_was_interrupted_is_made_again() {
    let bytes = Place::new(b"data: x\n\n".to_vec());
    let (told, end) = recorded(Box::new(Interrupted {
        bytes,
        is_due: false,
    }));
    assert_eq!((told, end), (vec!["1:message|x|".to_owned()], End::Eof));
}

//! A stream, in pieces of any size, against a plain transcription of the standard: the same events with the
//! same ids, the same wait and the same place at the end, however it is cut and whether live or saved.

use std::io::{Cursor as Bytewise, Read, Result};
use std::time::Duration;

use bellwire::clock::Clock;
use bellwire::model::Cursor;
use bellwire::sources::policy::{RETRY_MAX, RETRY_MIN};
use bellwire::sources::{End, Item, Recorded, Recording, What};
use bytes::Bytes;

use super::reading::{Canned, run};

#[path = "../../../../src/sources/filter/reference.rs"]
mod reference;

/// More than the fuzzer makes.
const ROOM: usize = 1 << 20;

/// Longest line with a wait that is read, in bytes.
const RETRY_BYTES_MAX: usize = 64;

/// A byte for a small limit, five for the sizes of the pieces, and the body.
pub fn stream(input: &[u8]) {
    let Some(([limit, sizes @ ..], body)) = input.split_first_chunk::<6>() else {
        return;
    };
    let sizes: Vec<usize> = sizes.iter().map(|size| usize::from(*size) + 1).collect();
    let whole = Heard::of(&[Bytes::copy_from_slice(body)], ROOM);
    assert_eq!(whole, Heard::of(&pieces(body, &sizes), ROOM), "cut");
    whole.check(body);
    recording(body, &sizes);
    let limit = 8 + 4 * usize::from(*limit);
    let bounded = Heard::of(&[Bytes::copy_from_slice(body)], limit);
    assert_eq!(bounded, Heard::of(&pieces(body, &sizes), limit), "cut");
    bounded.check_within(limit, &whole);
}

/// The body in pieces of these sizes, over and over.
fn pieces(body: &[u8], sizes: &[usize]) -> Vec<Bytes> {
    let (mut pieces, mut rest) = (Vec::new(), body);
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, behind) = rest.split_at(rest.len().min(*size));
        pieces.push(Bytes::copy_from_slice(piece));
        rest = behind;
    }
    pieces
}

/// The last event id of a stream.
#[derive(Clone, Debug, PartialEq)]
enum LastId {
    Never,
    Known(String),
    Unknown,
}

/// What was heard of a stream.
#[derive(Debug, PartialEq)]
struct Heard {
    /// Type and data of each event, and the last event id.
    events: Vec<(String, LastId)>,
    /// The last event id. Of one that cannot be sent only that is told.
    last_id: LastId,
    /// Whether that it cannot be sent is still to be told of an id that is known already.
    is_awaited: bool,
    retry: Option<Duration>,
    /// The sizes of the events over the limit.
    skipped: Vec<u64>,
    end: End,
}

impl Heard {
    fn of(pieces: &[Bytes], event_bytes_max: usize) -> Self {
        let canned = Canned::stream(pieces.to_vec());
        let (items, end) = canned.read(event_bytes_max, &Cursor::Unknown);
        let mut heard = Self {
            events: Vec::new(),
            last_id: LastId::Never,
            is_awaited: false,
            retry: None,
            skipped: Vec::new(),
            end,
        };
        for item in items {
            heard.take(item);
        }
        heard
    }

    fn take(&mut self, item: Item) {
        match item.cursor {
            Some(Cursor::At(id)) => self.last_id = LastId::Known(id),
            Some(Cursor::Cleared) => self.last_id = LastId::Known(String::new()),
            Some(Cursor::Unknown) => panic!("a stream does not forget"),
            None => {}
        }
        match item.what {
            What::Event(event) => {
                self.learn(event.id.as_deref());
                let data = std::str::from_utf8(&event.payload).expect("clean text");
                let told = format!("{}|{data}", event.kind);
                self.events.push((told, self.last_id.clone()));
            }
            What::Skipped { bytes, id } => {
                self.skipped.push(bytes);
                self.learn(id.as_deref());
            }
            What::UnusableId if !std::mem::take(&mut self.is_awaited) => {
                self.last_id = LastId::Unknown;
            }
            What::Retry(wait) => self.retry = Some(wait),
            What::Resume | What::Alive | What::UnusableId => {}
            What::Undecodable { .. } | What::Control(_) => panic!("no feed has that"),
        }
    }

    fn learn(&mut self, id: Option<&str>) {
        if let Some(id) = id {
            self.last_id = LastId::Known(id.to_owned());
            self.is_awaited = !is_sendable(id);
        }
    }

    /// Compares with the standard.
    fn check(&self, body: &[u8]) {
        let standard = reference::interpret(body);
        assert!(
            self.skipped.is_empty(),
            "{:?} are not too many",
            self.skipped
        );
        assert!(
            matches!(self.end, End::Eof | End::EofInEvent),
            "{:?}",
            self.end
        );
        let told: Vec<String> = standard.events;
        assert_eq!(self.events.len(), told.len(), "{self:?} and {told:?}");
        for ((event, id), told) in self.events.iter().zip(&told) {
            match id {
                LastId::Never => assert_eq!(&format!("{event}|"), told),
                LastId::Known(id) => assert_eq!(&format!("{event}|{id}"), told),
                LastId::Unknown => assert!(told.starts_with(event), "{event:?} and {told:?}"),
            }
        }
        match &self.last_id {
            LastId::Never => assert_eq!(None, standard.last_id),
            LastId::Known(id) => assert_eq!(Some(id), standard.last_id.as_ref()),
            LastId::Unknown => assert!(!standard.last_id.is_none_or(|id| is_sendable(&id))),
        }
        let wait = |wait: u128| {
            let wait = Duration::from_millis(u64::try_from(wait).unwrap_or(u64::MAX));
            wait.clamp(RETRY_MIN, RETRY_MAX)
        };
        if !has_long_wait(body) {
            assert_eq!(self.retry, standard.retry.map(wait));
        }
    }

    /// Compares what was read within a limit with what was read without one.
    fn check_within(&self, limit: usize, whole: &Self) {
        let mut all = whole.events.iter().map(|(event, _)| event);
        for (event, _) in &self.events {
            let data = event.split_once('|').map_or(0, |(_, data)| data.len());
            assert!(data <= limit, "{data} bytes are over {limit}");
            assert!(all.any(|it| it == event), "{event:?} is of nobody");
        }
        if self.end == End::Flood {
            return;
        }
        // A line that is too long makes an event of what would have been none.
        assert!(
            matches!(self.end, End::Eof | End::EofInEvent),
            "{:?}",
            self.end
        );
        assert_eq!(self.retry, whole.retry);
        if self.skipped.is_empty() {
            assert_eq!(self.events, whole.events, "nothing is missing unsaid");
        }
    }
}

/// Whether a wait stands in a line that is longer than any number of milliseconds, and so is not read.
fn has_long_wait(body: &[u8]) -> bool {
    let mut lines = body.split(|byte| matches!(byte, b'\r' | b'\n'));
    lines.any(|line| line.starts_with(b"retry") && line.len() > RETRY_BYTES_MAX)
}

/// What a header can carry, and a request has room for.
fn is_sendable(id: &str) -> bool {
    id.len() <= Cursor::ID_BYTES_MAX && http::HeaderValue::from_str(id).is_ok()
}

/// Hands out pieces of these sizes, over and over.
struct Pieces {
    body: Bytewise<Vec<u8>>,
    sizes: Vec<usize>,
    next: usize,
}

impl Read for Pieces {
    fn read(&mut self, into: &mut [u8]) -> Result<usize> {
        let size = self.sizes.get(self.next % self.sizes.len().max(1));
        self.next += 1;
        let most = into.len().min(size.copied().unwrap_or(usize::MAX));
        self.body.read(&mut into[..most])
    }
}

/// A saved stream has the events of the standard, each in a line of its own, and where it is cut off the one
/// that had begun.
fn recording(body: &[u8], sizes: &[usize]) {
    let cut_off = [body, b"\n\n"].concat();
    let expected: Vec<String> = reference::interpret(&cut_off).events;
    for sizes in [&[], sizes] {
        let told = recorded(body, sizes.to_vec());
        assert_eq!(told.len(), expected.len(), "{told:?} and {expected:?}");
        let mut before = 0;
        for ((line, event), expected) in told.iter().zip(&expected) {
            // Behind it stands the last id, of which a recording tells the event's own alone.
            assert!(
                expected.starts_with(&format!("{event}|")),
                "{event:?}: {expected:?}"
            );
            assert!(before < *line, "line {line} after {before}");
            before = *line;
        }
        let ends = |byte: &u8| matches!(byte, b'\n' | b'\r');
        let lines = 1 + body.iter().filter(|byte| ends(byte)).count();
        assert!(before <= lines as u64, "line {before} of {lines}");
    }
}

/// The first line of each event, and `type|data`.
fn recorded(body: &[u8], sizes: Vec<usize>) -> Vec<(u64, String)> {
    let input = Pieces {
        body: Bytewise::new(body.to_vec()),
        sizes,
        next: 0,
    };
    run(async {
        let opened = Recording::open(Box::new(input), ROOM, Clock::system()).await;
        let mut recording = opened.expect("opens");
        let mut told = Vec::new();
        loop {
            match recording.next().await {
                Ok((line, Recorded::Frame(frame))) => {
                    let data = std::str::from_utf8(&frame.payload).expect("clean text");
                    told.push((line, format!("{}|{data}", frame.kind)));
                }
                Ok((_, Recorded::Skipped { bytes })) => panic!("{bytes} are not too many"),
                Err(End::Eof | End::EofInEvent) => return told,
                Err(end) => panic!("{end:?}"),
            }
        }
    })
}

//! What a stream or a list gives as the place to go on from: it is kept as it is, it goes back as it was, and
//! it never makes a request impossible. A place never goes back without a reason.

use std::sync::{Arc, Mutex};

use bellwire::clock::Clock;
use bellwire::model::{Batch, Checkpoint, Cursor, Failure, Name, Reply, Secret};
use bellwire::sources::budget::Budget;
use bellwire::sources::checkpoint::{Move, Track};
use bellwire::sources::ttmt_rest::{Account, Answer, Page, Rest, TradeQuery, Wire};
use bellwire::sources::{Pending, What};
use bellwire::status::Status;
use bellwire::store::Store;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;
use serde_json::json;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use url::Url;

use super::now;
use super::reading::{Canned, run};

/// Most ids that are followed.
const IDS_MAX: usize = 64;

/// An id on each line, the first byte of which stands for the time of its event: so many seconds, or none.
pub fn cursor(input: &[u8]) {
    let mut track = Track::new(Checkpoint::default());
    for line in input.split(|byte| *byte == b'\n').take(IDS_MAX) {
        let Some((second, id)) = line.split_first() else {
            continue;
        };
        let second = second.checked_sub(b'0').map(i64::from);
        let time = second.map(|second| Timestamp::from_second(second).expect("in range"));
        let id = String::from_utf8_lossy(id);
        if let Some(cursor) = heard(&id) {
            sent(&cursor, &id);
            follow(&mut track, &cursor, time);
        }
        of_a_list(&id);
    }
    thread_local!(static QUEUE: Queue = Queue::open());
    let kept = QUEUE.with(|queue| queue.keep(track.checkpoint()));
    assert_eq!(kept, *track.checkpoint());
}

/// The cursor that a stream with this id leaves, if it leaves one.
fn heard(id: &str) -> Option<Cursor> {
    let body = format!("id:{id}\ndata:x\n\n");
    let canned = Canned::stream(vec![body.into()]);
    let (items, _) = canned.read(1 << 20, &Cursor::Unknown);
    let mut cursors = items.iter().filter_map(|item| item.cursor.clone());
    let cursor = cursors.next();
    assert_eq!(cursors.next(), None, "an event has one place");
    let is_refused = items.iter().any(|item| item.what == What::UnusableId);
    // What ends a line, or begins with a blank, comes otherwise than it was written.
    if !id.contains(['\r', '\0']) && !id.starts_with(' ') {
        let expected = match id {
            "" => Some(Cursor::Cleared),
            id if is_sendable(id) => Some(Cursor::At(id.to_owned())),
            _ => None,
        };
        assert_eq!(cursor, expected, "{id:?}");
        assert_eq!(is_refused, expected.is_none(), "{id:?}");
    }
    cursor
}

fn is_sendable(id: &str) -> bool {
    id.len() <= Cursor::ID_BYTES_MAX && HeaderValue::from_str(id).is_ok()
}

/// A cursor goes back as it came; one that a file holds and no header can carry is left out.
fn sent(cursor: &Cursor, id: &str) {
    let back = |cursor: &Cursor| {
        let canned = Canned::stream(Vec::new());
        let (_, _) = canned.read(1 << 20, cursor);
        let requests = canned.requests.lock().expect("no panic");
        assert_eq!(requests.len(), 1, "{cursor:?} was asked from");
        requests[0].get("last-event-id").cloned()
    };
    let told = back(cursor);
    let told = told.as_ref().map(|value| value.as_bytes());
    assert_eq!(told, cursor.header().map(str::as_bytes), "{cursor:?}");
    let told = back(&Cursor::At(id.to_owned()));
    let told = told.as_ref().map(|value| value.as_bytes());
    let is_told = is_sendable(id) && !id.is_empty();
    assert_eq!(told, is_told.then_some(id.as_bytes()), "{id:?}");
}

/// Follows a stream by one more place, and once more by the same.
fn follow(track: &mut Track, cursor: &Cursor, time: Option<Timestamp>) {
    let before = track.checkpoint().clone();
    let made = track.follow(cursor.clone(), time);
    let after = track.checkpoint().clone();
    let told = || format!("{made:?} to {cursor:?} at {time:?}: {before:?} and {after:?}");
    assert_eq!(
        after.epoch - before.epoch,
        u32::from(made == Move::Epoch),
        "{}",
        told()
    );
    match made {
        Move::Late => assert_eq!(after, before, "{}", told()),
        Move::Cleared => assert_eq!(after.cursor, Cursor::Cleared, "{}", told()),
        Move::On | Move::Epoch => assert_eq!(after.cursor, *cursor, "{}", told()),
    }
    if made == Move::On {
        assert!(after.high_id >= before.high_id, "{}", told());
        assert!(after.high_time >= before.high_time, "{}", told());
    }
    let again = track.follow(cursor.clone(), time);
    assert_ne!(again, Move::Epoch, "{}", told());
    assert_eq!(*track.checkpoint(), after, "{}", told());
}

/// A queue on disk, which goes with the thread that asks it.
struct Queue {
    open: Option<(Runtime, Store)>,
    _folder: TempDir,
}

impl Queue {
    fn open() -> Self {
        let folder = TempDir::new().expect("a folder");
        let store = Store::open(folder.path(), Status::new().0, now()).expect("opens");
        let runtime = Builder::new_current_thread().enable_time().build();
        Self {
            open: Some((runtime.expect("a runtime"), store)),
            _folder: folder,
        }
    }

    /// What it gives back of a checkpoint.
    fn keep(&self, checkpoint: &Checkpoint) -> Checkpoint {
        let (runtime, store) = self.open.as_ref().expect("open");
        let source = Name::new("feed").expect("a name");
        let batch = Batch {
            source: source.clone(),
            events: Vec::new(),
            checkpoint: Some(checkpoint.clone()),
            picture: Vec::new(),
            heard: Vec::new(),
        };
        runtime.block_on(async {
            store.accept(batch).await.expect("accepts");
            store.checkpoint(&source).await.expect("reads")
        })
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        if let Some((runtime, store)) = self.open.take() {
            // The runtime may be gone from a thread that ends.
            let closed = std::thread::spawn(move || runtime.block_on(store.close()));
            closed.join().expect("it closes");
        }
    }
}

/// Remembers what it was asked, and answers with nothing.
#[derive(Default)]
struct Asked(Mutex<Vec<http::Uri>>);

impl Wire for Asked {
    fn send(&self, request: http::Request<Bytes>) -> Pending<'_, Result<Reply, Failure>> {
        self.0.lock().expect("no panic").push(request.uri().clone());
        Box::pin(async {
            Ok(Reply {
                status: 200,
                headers: HeaderMap::new(),
                body: Bytes::from_static(b"{}"),
            })
        })
    }

    fn reply_bytes_max(&self) -> usize {
        1 << 20
    }
}

/// The cursor of a page and the id of an object reach the server as they were given, and lead nowhere else.
fn of_a_list(text: &str) {
    let wire = Arc::new(Asked::default());
    let base = Url::parse("https://api.example/api/v1").expect("an address");
    let key = Secret::new("ttmt_fuzz".to_owned());
    let (budget, clock) = (Arc::new(Budget::new()), Clock::runtime(now()));
    let rest = Rest::by(Arc::clone(&wire) as _, &base, &key, None, budget, clock);
    let rest = rest.expect("a key").urgent();
    let page = Page::read(json!({ "data": [], "has_more": true, "next_cursor": text }));
    let after = page.expect("a page").next_cursor;
    assert_eq!(after.is_some(), !text.is_empty());
    let query = TradeQuery {
        after,
        ..TradeQuery::default()
    };
    let object = run(async {
        let _page = rest.trades(&query).await;
        rest.trade(text).await
    });
    let asked = wire.0.lock().expect("no panic");
    let urls = asked.iter().map(|uri| uri.to_string().parse::<Url>());
    let urls: Vec<Url> = urls.map(|url| url.expect("an address")).collect();
    let told = urls[0].query_pairs().find(|(name, _)| name == "after");
    let told = told.map(|(_, value)| value.into_owned());
    assert_eq!(told.as_deref().unwrap_or_default(), text);
    assert_eq!(urls[0].path(), "/api/v1/trades");
    let Some(url) = urls.get(1) else {
        assert!(matches!(object, Answer::Unsent(_)), "{text:?}");
        return;
    };
    assert_eq!((url.host_str(), url.query()), (Some("api.example"), None));
    let segment = url.path().strip_prefix("/api/v1/trades/");
    let segment = segment.expect("below the trades");
    assert!(!segment.contains('/'), "{segment}");
    let told = percent_decoded(segment);
    assert_eq!(told, text.as_bytes(), "{segment}");
}

fn percent_decoded(text: &str) -> Vec<u8> {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((byte, behind)) = rest.split_first() {
        rest = behind;
        if *byte != b'%' {
            bytes.push(*byte);
            continue;
        }
        let (digits, behind) = rest.split_at(2);
        let digits = std::str::from_utf8(digits).expect("digits");
        bytes.push(u8::from_str_radix(digits, 16).expect("digits"));
        rest = behind;
    }
    bytes
}

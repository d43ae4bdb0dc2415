//! The yardstick: as little as a relay can be that loses nothing.
//!
//! Every event is on disk before it is sent, and every outcome is written down. One thread owns the
//! file; whatever waits for it goes into one transaction, and so into one flush. What was not delivered
//! when it was killed is sent again at the next start, and the stream is read on from the last event that
//! is on disk. It has no rules but a type, no page, no limits, and one wait between two tries.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use rusqlite::{Connection, OptionalExtension, params};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::sleep;

use super::machine::nanoseconds;
use super::options::Options;
use super::wire::{Frame, Frames, IN_FLIGHT, Sender, client};

/// Most of what waits that goes into one transaction.
const GROUP_MAX: usize = 256;

/// Events that may be read ahead of the disk.
const AHEAD_MAX: usize = 1024;

/// Deliveries that wait in memory. What is beyond keeps the owner, and so the reader, waiting.
const WAITING_MAX: usize = 4096;

/// Wait before a delivery is tried again, and before the stream is opened again.
const AGAIN: Duration = Duration::from_secs(1);

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS events (id INTEGER PRIMARY KEY, received INTEGER NOT NULL, payload BLOB NOT NULL);
    CREATE TABLE IF NOT EXISTS outcomes (event INTEGER, sink INTEGER, at INTEGER, status INTEGER,
        PRIMARY KEY (event, sink)) WITHOUT ROWID;";

/// What has to be written down.
enum Note {
    Event(Frame),
    Outcome { delivery: Delivery, status: u16 },
}

/// One event on its way to one sink.
struct Delivery {
    event: i64,
    sink: usize,
    payload: Bytes,
}

/// Relays until it is killed.
#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run(options: &Options) {
    let sinks: Arc<[String]> = options.all("sink").into();
    let folder: PathBuf = options.one("folder");
    let connection = open(&folder);
    let last = last(&connection);
    let (notes, line) = mpsc::unbounded_channel();
    let (queue, deliveries) = mpsc::channel(WAITING_MAX);
    let ahead = Arc::new(Semaphore::new(AHEAD_MAX));
    let (sink_count, room) = (sinks.len(), Arc::clone(&ahead));
    std::thread::spawn(move || own(connection, sink_count, line, &queue, &room));
    tokio::join!(
        read(options, last, &notes, &ahead),
        send(&sinks, deliveries, &notes)
    );
}

fn open(folder: &std::path::Path) -> Connection {
    let connection = Connection::open(folder.join("yardstick.db")).expect("a file");
    let set = |name, value| connection.pragma_update(None, name, value);
    set("journal_mode", "WAL").expect("a log");
    set("synchronous", "FULL").expect("flushes");
    connection.execute_batch(TABLES).expect("tables");
    connection
}

/// The last event that is on disk.
fn last(connection: &Connection) -> Option<i64> {
    let found = connection.query_row("SELECT max(id) FROM events", [], |row| row.get(0));
    found.optional().expect("a number").flatten()
}

/// Reads the stream, from where it was left, and hands each event to the owner.
async fn read(
    options: &Options,
    mut last: Option<i64>,
    notes: &mpsc::UnboundedSender<Note>,
    ahead: &Semaphore,
) {
    let (feed, kind): (String, String) = (options.one("feed"), options.one("kind"));
    let client = client();
    loop {
        if let Ok(mut frames) = Frames::open(&client, &feed, last).await {
            while let Some(frame) = frames.next().await {
                last = Some(frame.id);
                if frame.kind != kind {
                    continue;
                }
                ahead.acquire().await.expect("open").forget();
                notes.send(Note::Event(frame)).expect("an owner");
            }
        }
        sleep(AGAIN).await;
    }
}

/// Sends what is on disk, and hands each outcome to the owner.
async fn send(
    sinks: &[String],
    mut deliveries: mpsc::Receiver<Delivery>,
    notes: &mpsc::UnboundedSender<Note>,
) {
    let sender = Sender::new();
    let deliveries = stream::poll_fn(|context| deliveries.poll_recv(context));
    let one = async |delivery: Delivery| {
        let id = format!("msg_{}_{}", delivery.event, delivery.sink);
        loop {
            let payload = delivery.payload.clone();
            match sender.send(&sinks[delivery.sink], &id, payload).await {
                Some(status @ 200..=299) => {
                    let note = Note::Outcome { delivery, status };
                    return notes.send(note).expect("an owner");
                }
                _ => sleep(AGAIN).await,
            }
        }
    };
    deliveries.for_each_concurrent(IN_FLIGHT, one).await;
}

/// Owns the file: first what an earlier process has left, then whatever comes.
fn own(
    connection: Connection,
    sinks: usize,
    mut line: mpsc::UnboundedReceiver<Note>,
    queue: &mpsc::Sender<Delivery>,
    ahead: &Semaphore,
) {
    for delivery in left(&connection, sinks) {
        queue.blocking_send(delivery).expect("a sender");
    }
    let mut group = Vec::with_capacity(GROUP_MAX);
    while line.blocking_recv_many(&mut group, GROUP_MAX) > 0 {
        connection.execute_batch("BEGIN IMMEDIATE").expect("begun");
        let written: Vec<bool> = group
            .iter()
            .map(|note| write(&connection, note).expect("written"))
            .collect();
        connection.execute_batch("COMMIT").expect("committed");
        for (note, is_new) in group.drain(..).zip(written) {
            let Note::Event(frame) = note else { continue };
            ahead.add_permits(1);
            // One that is known already is on its way or there.
            for sink in 0..if is_new { sinks } else { 0 } {
                let (event, payload) = (frame.id, frame.payload.clone());
                let delivery = Delivery {
                    event,
                    sink,
                    payload,
                };
                queue.blocking_send(delivery).expect("a sender");
            }
        }
    }
}

/// Writes one row; answers whether it is new.
fn write(connection: &Connection, note: &Note) -> rusqlite::Result<bool> {
    let rows = match note {
        Note::Event(frame) => {
            let mut insert =
                connection.prepare_cached("INSERT OR IGNORE INTO events VALUES (?1, ?2, ?3)")?;
            insert.execute(params![frame.id, column(nanoseconds()), &*frame.payload])?
        }
        Note::Outcome { delivery, status } => {
            let mut insert = connection
                .prepare_cached("INSERT OR IGNORE INTO outcomes VALUES (?1, ?2, ?3, ?4)")?;
            let sink = column(delivery.sink);
            insert.execute(params![delivery.event, sink, column(nanoseconds()), status])?
        }
    };
    Ok(rows > 0)
}

/// What has no outcome yet.
fn left(connection: &Connection, sinks: usize) -> Vec<Delivery> {
    let select = "SELECT id, payload FROM events
        WHERE NOT EXISTS (SELECT 1 FROM outcomes WHERE event = id AND sink = ?1) ORDER BY id";
    let mut select = connection.prepare(select).expect("a statement");
    let mut left = Vec::new();
    for sink in 0..sinks {
        let found = select.query_map([column(sink)], |row| {
            let payload: Vec<u8> = row.get(1)?;
            Ok(Delivery {
                event: row.get(0)?,
                sink,
                payload: Bytes::from(payload),
            })
        });
        left.extend(found.expect("rows").map(|row| row.expect("a row")));
    }
    left.sort_by_key(|delivery| (delivery.event, delivery.sink));
    left
}

fn column(number: impl TryInto<i64>) -> i64 {
    number.try_into().ok().expect("far below 2^63")
}

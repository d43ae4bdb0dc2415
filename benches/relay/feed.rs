//! The feed: a server of numbered events, each with the moment at which it was made.
//!
//! It serves the head of a stream to whoever connects, and events once it is told `go`: as fast as they
//! are read, or by the clock. A reader that comes back with `Last-Event-ID` gets what is behind that; one
//! that comes back without gets what is made from then on.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::machine::nanoseconds;
use super::options::Options;

/// What a reader gets first. The stream has no length: it ends with the connection.
const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-store\r\nconnection: close\r\n\r\n";

/// Written at once where events come as fast as they are read.
const PIECE_BYTES: usize = 32 * 1024;

/// What it serves.
struct Stream {
    events: u64,
    bytes: usize,
    /// Events in a second; 0 for as fast as they are read.
    rate: u64,
    kind: String,
    /// The type of the last event.
    last: String,
    /// When the first event is made.
    begin: Mutex<Option<Instant>>,
    begun: Condvar,
}

/// Serves until standard input ends.
pub(crate) fn serve(options: &Options) {
    let stream = Arc::new(Stream {
        events: options.one("events"),
        bytes: options.one("bytes"),
        rate: options.one("rate"),
        kind: options.one("kind"),
        last: options.one("last"),
        begin: Mutex::new(None),
        begun: Condvar::new(),
    });
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    println!("port {}", listener.local_addr().expect("an address").port());
    let served = Arc::clone(&stream);
    thread::spawn(move || {
        for reader in listener.incoming() {
            let stream = Arc::clone(&served);
            // A reader that is killed is no mistake.
            thread::spawn(move || reader.and_then(|reader| stream.write_to(reader)));
        }
    });
    for line in std::io::stdin().lines() {
        if line.expect("a line") == "go" {
            println!("begun {}", nanoseconds());
            *stream.begin.lock().expect("whole") = Some(Instant::now());
            stream.begun.notify_all();
        }
    }
}

impl Stream {
    fn write_to(&self, reader: TcpStream) -> std::io::Result<()> {
        reader.set_nodelay(true)?;
        let after = last_event_id(&reader)?;
        let mut out = reader;
        out.write_all(HEAD.as_bytes())?;
        println!("connected");
        let begin = self.wait_for_begin();
        let first = after.map_or_else(|| self.made_by_now(begin), |id| id + 1);
        let mut piece = Vec::with_capacity(PIECE_BYTES + self.bytes + 100);
        for id in first..=self.events {
            if let Some(after) = ((id - 1) * 1_000_000_000).checked_div(self.rate) {
                let due = begin + Duration::from_nanos(after);
                thread::sleep(due.saturating_duration_since(Instant::now()));
            }
            self.event(id, &mut piece);
            if self.rate > 0 || piece.len() >= PIECE_BYTES || id == self.events {
                out.write_all(&piece)?;
                piece.clear();
            }
        }
        // Kept open, as a stream is, until the reader goes.
        let mut rest = [0; 64];
        while std::io::Read::read(&mut out, &mut rest)? > 0 {}
        Ok(())
    }

    fn wait_for_begin(&self) -> Instant {
        let begin = self.begin.lock().expect("whole");
        let begin = self.begun.wait_while(begin, |begin| begin.is_none());
        begin.expect("whole").expect("it has begun")
    }

    /// The first event that a reader gets who has missed all before.
    fn made_by_now(&self, begin: Instant) -> u64 {
        let made = begin.elapsed().as_nanos() * u128::from(self.rate) / 1_000_000_000;
        u64::try_from(made).expect("a number of events") + 1
    }

    fn event(&self, id: u64, out: &mut Vec<u8>) {
        let kind = match id == self.events {
            true => &self.last,
            false => &self.kind,
        };
        write!(out, "id: {id}\nevent: {kind}\ndata: ").expect("room");
        let start = out.len();
        write!(
            out,
            r#"{{"id":{id},"sent":{},"account":"a1","symbol":"XAUUSD","realized_pl":12.50,"note":""#,
            nanoseconds()
        )
        .expect("room");
        let end = (start + self.bytes).saturating_sub(2).max(out.len());
        out.resize(end, b'x');
        out.extend_from_slice(b"\"}\n\n");
    }
}

/// Reads the head of a request and the one header of it that matters.
fn last_event_id(reader: &TcpStream) -> std::io::Result<Option<u64>> {
    let mut found = None;
    for line in BufReader::new(reader).lines() {
        let line = line?.to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(id) = line.strip_prefix("last-event-id:") {
            found = id.trim().parse().ok();
        }
    }
    Ok(found)
}

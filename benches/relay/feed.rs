//! The feed: a server of numbered events, each with the moment at which it was made.
//!
//! It serves the head of a stream to whoever connects, and events once it is told `go`: as fast as they
//! are read, or by the clock. A reader that comes back with `Last-Event-ID` gets what is behind that; one
//! that comes back without gets what is made from then on. By the clock an event is made when it is due,
//! also while nobody reads.
//!
//! Several readers may have a share each, by the number in the path, and one more on a path of its own may
//! get events without end.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::machine::nanoseconds;
use super::options::Options;
use super::relay::LOUD;

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
    /// So many readers share the events.
    shares: u64,
    /// Whether the reader of [`LOUD`] gets events.
    is_loud: bool,
    /// How long a connection lives at most, by the clock; nothing for as long as the reader wants.
    life: Option<Duration>,
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
        shares: options.one("shares"),
        is_loud: options.one("loud"),
        life: Some(options.one("recycle"))
            .filter(|seconds| *seconds > 0)
            .map(Duration::from_secs),
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
        let Asked { path, after } = asked(&reader)?;
        let mut out = reader;
        out.write_all(HEAD.as_bytes())?;
        println!("connected");
        let connected = Instant::now();
        let begin = self.wait_for_begin();
        let before = after.unwrap_or_else(|| self.made_between(begin, connected));
        let first = self.in_share(before + 1, path.parse().unwrap_or(1));
        match path.as_str() {
            LOUD if self.is_loud => self.shout(&mut out)?,
            LOUD => {}
            _ if self.rate == 0 => self.flood(first, &mut out)?,
            _ if self.keep_pace(first, begin, &mut out)? => return Ok(()),
            _ => {}
        }
        // Kept open, as a stream is, until the reader goes.
        let mut rest = [0; 64];
        while std::io::Read::read(&mut out, &mut rest)? > 0 {}
        Ok(())
    }

    /// Writes events as fast as they are read.
    fn flood(&self, first: u64, out: &mut TcpStream) -> std::io::Result<()> {
        let mut piece = Vec::with_capacity(PIECE_BYTES + self.bytes + 100);
        for id in self.share(first) {
            self.event(id, self.kind(id), nanoseconds(), &mut piece);
            if piece.len() >= PIECE_BYTES || id + self.shares > self.events {
                out.write_all(&piece)?;
                piece.clear();
            }
        }
        Ok(())
    }

    /// Writes each event when it is due; answers whether the connection has lived long enough.
    fn keep_pace(&self, first: u64, begin: Instant, out: &mut TcpStream) -> std::io::Result<bool> {
        let (opened, mut piece) = (Instant::now(), Vec::new());
        for id in self.share(first) {
            if self.life.is_some_and(|life| opened.elapsed() >= life) {
                return Ok(true);
            }
            let due = begin + Duration::from_nanos((id - 1) * 1_000_000_000 / self.rate);
            let mut made = nanoseconds();
            match due.checked_duration_since(Instant::now()) {
                Some(ahead) => {
                    thread::sleep(ahead);
                    made = nanoseconds();
                }
                None => made -= u64::try_from(due.elapsed().as_nanos()).expect("hours at most"),
            }
            self.event(id, self.kind(id), made, &mut piece);
            out.write_all(&piece)?;
            piece.clear();
        }
        Ok(false)
    }

    /// Writes events that nobody counts for as long as they are read.
    fn shout(&self, out: &mut TcpStream) -> std::io::Result<()> {
        let mut piece = Vec::with_capacity(PIECE_BYTES + self.bytes + 100);
        let mut id = 0;
        loop {
            while piece.len() < PIECE_BYTES {
                id += 1;
                self.event(id, LOUD, nanoseconds(), &mut piece);
            }
            out.write_all(&piece)?;
            piece.clear();
        }
    }

    /// The events from one on that a reader gets.
    fn share(&self, first: u64) -> impl Iterator<Item = u64> {
        (first..=self.events).step_by(usize::try_from(self.shares).expect("a number of readers"))
    }

    /// The first event from one on that is in a share, counted from 1.
    const fn in_share(&self, from: u64, share: u64) -> u64 {
        from + (share + self.shares - from % self.shares) % self.shares
    }

    fn wait_for_begin(&self) -> Instant {
        let begin = self.begin.lock().expect("whole");
        let begin = self.begun.wait_while(begin, |begin| begin.is_none());
        begin.expect("whole").expect("it has begun")
    }

    /// So many events have been made before a moment; none before the first.
    fn made_between(&self, begin: Instant, moment: Instant) -> u64 {
        let since = moment.saturating_duration_since(begin).as_nanos();
        let made = since * u128::from(self.rate) / 1_000_000_000;
        u64::try_from(made).expect("a number of events")
    }

    fn kind(&self, id: u64) -> &str {
        match id == self.events {
            true => &self.last,
            false => &self.kind,
        }
    }

    fn event(&self, id: u64, kind: &str, made: u64, out: &mut Vec<u8>) {
        write!(out, "id: {id}\nevent: {kind}\ndata: ").expect("room");
        let start = out.len();
        write!(
            out,
            r#"{{"id":{id},"sent":{made},"account":"a1","symbol":"XAUUSD","realized_pl":12.50,"note":""#
        )
        .expect("room");
        let end = (start + self.bytes).saturating_sub(2).max(out.len());
        out.resize(end, b'x');
        out.extend_from_slice(b"\"}\n\n");
    }
}

/// What a reader asks for.
struct Asked {
    /// Without the slash that it begins with.
    path: String,
    /// The last event that it has.
    after: Option<u64>,
}

/// Reads the head of a request: the path, and the one header of it that matters.
fn asked(reader: &TcpStream) -> std::io::Result<Asked> {
    let mut lines = BufReader::new(reader).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    let path = request.split(' ').nth(1).unwrap_or_default();
    let mut asked = Asked {
        path: path.trim_start_matches('/').to_owned(),
        after: None,
    };
    for line in lines {
        let line = line?.to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(id) = line.strip_prefix("last-event-id:") {
            asked.after = id.trim().parse().ok();
        }
    }
    Ok(asked)
}

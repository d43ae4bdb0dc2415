//! The receiver: counts what arrives, and says what it has counted.
//!
//! The last character of a path tells which sink a request comes from, and an event is known by the
//! numbers in its body. On standard input it is told to `hold`, which keeps every request without an
//! answer but those of [`MARKER`], to `answer` again, to `fail` now and then, to `forget` what it has
//! counted, to `wait` until so many different deliveries have arrived, and to say what has since the last
//! `lap`.

use std::collections::HashSet;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use hyper::body::{Body, Incoming};
use hyper::header::{HeaderValue, RETRY_AFTER};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::machine::nanoseconds;

/// The sink whose requests are answered also while all others are held.
pub(crate) const MARKER: char = '9';

/// Requests between two of a kind that are not answered well, where some are not.
const FAULT_EVERY: u64 = 1000;

/// Requests between two that are told to come later. That lets all of the sink rest for a second.
const REST_EVERY: u64 = 20_000;

/// How long a slow answer takes.
const SLOW: Duration = Duration::from_secs(1);

/// What has arrived.
#[derive(Default)]
struct Counts {
    seen: HashSet<(char, u64)>,
    /// The highest number so far of each sink; the feed has one account.
    highest: [u64; 10],
    repeats: u64,
    /// First arrivals behind a later event of their account.
    late: u64,
    /// From the moment an event was made to its first arrival, in nanoseconds.
    took: Vec<u64>,
    first: u64,
    last: u64,
    /// So many are waited for.
    wanted: Option<usize>,
}

struct Receiver {
    counts: Mutex<Counts>,
    reached: Condvar,
    holding: watch::Sender<bool>,
    failing: AtomicBool,
    /// Requests since it fails.
    asked: AtomicU64,
}

/// Receives until standard input ends.
pub(crate) fn serve() {
    let receiver = Arc::new(Receiver {
        counts: Mutex::default(),
        reached: Condvar::new(),
        holding: watch::Sender::new(false),
        failing: AtomicBool::new(false),
        asked: AtomicU64::new(0),
    });
    let told = Arc::clone(&receiver);
    thread::spawn(move || {
        for line in io::stdin().lines() {
            told.obey(&line.expect("a line"));
        }
        std::process::exit(0);
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(receiver.listen());
}

impl Receiver {
    async fn listen(self: Arc<Self>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        println!("port {}", listener.local_addr().expect("an address").port());
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            stream.set_nodelay(true).expect("a socket");
            let receiver = Arc::clone(&self);
            let service = service_fn(move |request| Arc::clone(&receiver).receive(request));
            // A sender that is killed is no mistake.
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    }

    async fn receive(self: Arc<Self>, request: Request<Incoming>) -> io::Result<Response<String>> {
        let arrived = nanoseconds();
        let sink = request.uri().path().chars().next_back().unwrap_or('/');
        let mut body = request.into_body();
        let mut bytes = Vec::new();
        while let Some(Ok(frame)) =
            std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await
        {
            if let Ok(data) = frame.into_data() {
                bytes.extend_from_slice(&data);
            }
        }
        if sink != MARKER && *self.holding.borrow() {
            let mut holding = self.holding.subscribe();
            // The other end is never dropped.
            let _ = holding.wait_for(|holding| !holding).await;
        }
        let mut response = Response::new(String::new());
        *response.status_mut() = self.status().await?;
        match response.status() {
            StatusCode::NO_CONTENT => self.count(sink, &bytes, arrived),
            StatusCode::TOO_MANY_REQUESTS => {
                let second = HeaderValue::from_static("1");
                response.headers_mut().insert(RETRY_AFTER, second);
            }
            _ => {}
        }
        Ok(response)
    }

    /// What a request is answered; nothing where its connection is to be dropped.
    async fn status(&self) -> io::Result<StatusCode> {
        if !self.failing.load(Ordering::Relaxed) {
            return Ok(StatusCode::NO_CONTENT);
        }
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        match asked % FAULT_EVERY {
            100 => return Ok(StatusCode::SERVICE_UNAVAILABLE),
            400 => return Err(io::Error::other("dropped")),
            700 => tokio::time::sleep(SLOW).await,
            _ if asked % REST_EVERY == 900 => return Ok(StatusCode::TOO_MANY_REQUESTS),
            _ => {}
        }
        Ok(StatusCode::NO_CONTENT)
    }

    fn count(&self, sink: char, body: &[u8], arrived: u64) {
        let (Some(id), Some(sent)) = (number(body, b"\"id\":"), number(body, b"\"sent\":")) else {
            return;
        };
        let mut counts = self.counts.lock().expect("whole");
        if counts.first == 0 {
            counts.first = arrived;
        }
        counts.last = arrived;
        if !counts.seen.insert((sink, id)) {
            counts.repeats += 1;
            return;
        }
        counts.took.push(arrived.saturating_sub(sent));
        let sink = sink.to_digit(10).unwrap_or_default() as usize;
        if id < counts.highest[sink] {
            counts.late += 1;
        }
        counts.highest[sink] = counts.highest[sink].max(id);
        if counts
            .wanted
            .is_some_and(|wanted| counts.seen.len() >= wanted)
        {
            self.reached.notify_all();
        }
    }

    fn obey(&self, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["hold"] => drop(self.holding.send_replace(true)),
            ["fail"] => self.failing.store(true, Ordering::Relaxed),
            ["lap"] => {
                let mut counts = self.counts.lock().expect("whole");
                counts.say();
                counts.took.clear();
            }
            ["answer"] => drop(self.holding.send_replace(false)),
            ["forget"] => *self.counts.lock().expect("whole") = Counts::default(),
            ["wait", count, seconds] => self.wait(
                count.parse().expect("a number"),
                Duration::from_secs(seconds.parse().expect("a number")),
            ),
            _ => panic!("`{line}` is nothing that a receiver does"),
        }
    }

    /// Waits for so many different deliveries, and says what there is then.
    fn wait(&self, wanted: usize, at_most: Duration) {
        let mut counts = self.counts.lock().expect("whole");
        counts.wanted = Some(wanted);
        let is_missing = |counts: &mut Counts| counts.seen.len() < wanted;
        let waited = self.reached.wait_timeout_while(counts, at_most, is_missing);
        let (mut counts, _) = waited.expect("whole");
        counts.wanted = None;
        counts.say();
    }
}

impl Counts {
    fn say(&mut self) {
        self.took.sort_unstable();
        let share = |part: usize| {
            let place = self.took.len().saturating_sub(1) * part / 100;
            self.took.get(place).copied().unwrap_or_default()
        };
        println!(
            "report distinct={} repeats={} late={} p50={} p99={} first={} last={}",
            self.seen.len(),
            self.repeats,
            self.late,
            share(50),
            share(99),
            self.first,
            self.last
        );
    }
}

/// The whole number behind a name in a JSON object.
fn number(body: &[u8], name: &[u8]) -> Option<u64> {
    let start = memchr::memmem::find(body, name)? + name.len();
    let digits = body[start..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit());
    let number = |number: u64, digit: &u8| number * 10 + u64::from(digit - b'0');
    Some(digits.fold(0, number))
}

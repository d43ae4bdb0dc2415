//! The stream of what arrives, as the API gives it: who may read, how many, how slowly, and how it ends.

use std::net::SocketAddr;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{Bridge, Page, Server, Visit, soon};

const PATH: &str = "/api/v1/events/live";

const TOKEN: &str = "a-t0ken";

/// Most readers at once.
const READERS_MAX: usize = 16;

/// A connection that the test reads at its own pace.
struct Reader {
    socket: TcpStream,
    text: String,
}

impl Reader {
    /// Asks for the stream, with a query and more header lines, and reads its head and its start.
    async fn open(address: SocketAddr, query: &str, headers: &str) -> Self {
        let mut socket = TcpStream::connect(address).await.expect("a connection");
        let head = format!(
            "GET {PATH}{query} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {TOKEN}\r\n{headers}\r\n"
        );
        socket.write_all(head.as_bytes()).await.expect("sent");
        let text = String::new();
        let mut reader = Self { socket, text };
        reader.reads("\n\n").await;
        assert!(reader.text.starts_with("HTTP/1.1 200"), "{}", reader.text);
        reader
    }

    /// Reads until these words have come, and the rest of their message.
    async fn reads(&mut self, words: &str) {
        // Of a long text only what is new is looked at.
        let mut from = 0;
        soon(words, async {
            loop {
                let found = self.text[from..].find(words);
                from += found.unwrap_or((self.text.len() - from).saturating_sub(words.len()));
                if found.is_some() && self.text[from..].contains("\n\n") {
                    return;
                }
                assert!(self.more().await > 0, "it ended: {}", self.text);
            }
        })
        .await;
    }

    /// Reads to the end.
    async fn ends(&mut self) {
        soon("the end", async { while self.more().await > 0 {} }).await;
    }

    async fn more(&mut self) -> usize {
        let mut chunk = vec![0; 64 * 1024];
        let length = self.socket.read(&mut chunk).await.expect("a stream");
        let chunk = std::str::from_utf8(&chunk[..length]);
        self.text.push_str(chunk.expect("these tests use ASCII"));
        length
    }

    /// The ids that the source gave its events, of those that have come.
    fn ids(&self) -> Vec<u32> {
        let lines = self.text.lines();
        let events = lines.filter_map(|line| line.strip_prefix("data: "));
        let events = events.map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        let of_feed = events.filter(|event| event["source"] == "feed");
        of_feed
            .map(|event| event["id"].as_str().expect("an id").parse().expect("ours"))
            .collect()
    }

    /// The id with which an event of the source came in this stream.
    fn place_of(&self, id: u32) -> i64 {
        let mut place = 0;
        for line in self.text.lines() {
            if let Some(told) = line.strip_prefix("id: ") {
                place = told.parse().expect("a number");
            }
            if line.starts_with("data: ") && line.contains(&format!("\"id\":\"{id}\"")) {
                return place;
            }
        }
        panic!("no event {id} in {}", self.text);
    }
}

/// A feed and a bridge that no rule of wants any of its events.
async fn running() -> (Server, Visit, Bridge) {
    let server = Server::start().await;
    let config = format!(
        "http.listen = \"127.0.0.1:0\"\nhttp.token = \"{TOKEN}\"\n{}{}",
        server.source(""),
        "[sinks.phone]\nkind = \"ntfy\"\ntopic = \"alerts\"\n\
         [[rules]]\nname = \"hits\"\nevents = [\"tp_hit\"]\nto = [\"phone\"]\n"
    );
    let mut bridge = Bridge::new(&config).token(TOKEN);
    bridge.start();
    let visit = server.stream().await;
    (server, visit, bridge)
}

fn frame(id: u32, data: &str) -> String {
    format!("id: {id}\nevent: odd\ndata: {data}\n\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_gets_every_event_and_goes_on_behind_the_one_it_shows() {
    let (_server, mut feed, bridge) = running().await;
    let address = bridge.address().await;
    let mut first = Reader::open(address, "", "").await;
    assert!(first.text.contains("content-type: text/event-stream"));
    for id in 1..=3 {
        feed.send(frame(id, "{\"a\":1.10}")).await;
        // One at a time: what no rule wants wakes the reader, too.
        first.reads(&format!("\"id\":\"{id}\"")).await;
    }
    assert_eq!(first.ids(), [1, 2, 3]);
    assert!(
        first.text.contains(r#""data":{"a":1.10}"#),
        "{}",
        first.text
    );

    let place = first.place_of(1);
    let shown = format!("Last-Event-ID: {place}\r\n");
    let last = format!("?after={}", first.place_of(2));
    let mut back = Reader::open(address, "", &shown).await;
    let mut asked = Reader::open(address, &last, "").await;
    // A browser that comes back asks as at first, and shows what it has by then.
    let mut both = Reader::open(address, "?after=0", &shown).await;
    let mut new = Reader::open(address, "", "").await;
    let mut elsewhere = Reader::open(address, "?after=999999", "").await;
    let of_another = Reader::open(address, "?source=bellwire&after=0", "").await;
    feed.send(frame(4, "{}")).await;
    for (reader, expected) in [
        (&mut back, vec![2, 3, 4]),
        (&mut asked, vec![3, 4]),
        (&mut both, vec![2, 3, 4]),
        (&mut new, vec![4]),
        (&mut elsewhere, vec![4]),
    ] {
        reader.reads("\"id\":\"4\"").await;
        assert_eq!(reader.ids(), expected);
    }
    let mut of_another = of_another;
    of_another.reads("bellwire.started").await;
    assert!(!of_another.text.contains("\"odd\""), "{}", of_another.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_large_or_deep_is_told_without_its_data() {
    let (_server, mut feed, bridge) = running().await;
    let mut reader = Reader::open(bridge.address().await, "", "").await;
    let text = |bytes: usize| format!("\"{}\"", "x".repeat(bytes - 2));
    feed.send(frame(1, &text(64 * 1024))).await;
    feed.send(frame(2, &text(64 * 1024 + 1))).await;
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    feed.send(frame(3, &deep)).await;
    feed.send("id: 4\nevent: odd\ndata: no JSON\n\n").await;
    reader.reads("\"id\":\"4\"").await;
    assert_eq!(reader.ids(), [1, 2, 3, 4]);
    assert!(reader.text.contains(&text(64 * 1024)));
    assert!(reader.text.contains(r#""data_bytes":65537,"data":null}"#));
    assert!(reader.text.contains(r#""data_bytes":20000,"data":null}"#));
    assert!(reader.text.contains(r#""data":"no JSON"}"#));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_read_or_asks_for_what_there_is_not_is_told_why() {
    let (_server, _feed, bridge) = running().await;
    let address = bridge.address().await;
    let mut stranger = Page::get(address, PATH, &[]).await;
    assert_eq!(stranger.status, 401, "{stranger:?}");
    for (status, query, words) in [
        (404, "?source=fede", "`feed`"),
        (404, "?source=", "`bellwire`"),
        (400, "?sauce=feed", "`source`"),
        (400, "?after=-1", "`after`"),
    ] {
        stranger = bridge.page(&format!("{PATH}{query}")).await;
        assert_eq!(stranger.status, status, "{stranger:?}");
        assert!(stranger.head.contains("application/problem+json"));
        let detail = stranger.json()["detail"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        assert!(detail.contains(words), "{detail}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_last_event_id_that_is_none_of_ours_is_refused_and_named() {
    let (_server, _feed, bridge) = running().await;
    let address = bridge.address().await;
    let token = format!("Authorization: Bearer {TOKEN}");
    for wrong in ["x", "-1", "1.0", "9223372036854775808", "1é"] {
        let shown = format!("Last-Event-ID: {wrong}");
        // A right `after` beside it makes it no better.
        for query in ["", "?after=1"] {
            let headers = [token.clone(), shown.clone()];
            let refused = Page::get(address, &format!("{PATH}{query}"), &headers).await;
            assert_eq!(refused.status, 400, "{refused:?}");
            assert!(refused.head.contains("application/problem+json"));
            let detail = refused.json()["detail"].to_string();
            assert!(detail.contains("`Last-Event-ID`"), "{detail}");
        }
    }
    Reader::open(address, "", "Last-Event-ID: \r\n").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_reader_too_many_is_refused_until_another_leaves() {
    let (_server, _feed, bridge) = running().await;
    let address = bridge.address().await;
    let mut readers = Vec::new();
    for _ in 0..READERS_MAX {
        readers.push(Reader::open(address, "", "").await);
    }
    let refused = bridge.page(PATH).await;
    assert_eq!(refused.status, 503, "{refused:?}");
    assert!(refused.head.contains("application/problem+json"));
    assert_eq!(refused.json()["status"], json!(503));
    // Those who listen keep nobody from everything else.
    assert_eq!(bridge.page("/api/v1/events").await.status, 200);
    readers.pop();
    let mut look = tokio::time::interval(std::time::Duration::from_millis(20));
    soon("a free place", async {
        loop {
            // The refusal ends; the stream would not, so only its head is waited for.
            let mut socket = TcpStream::connect(address).await.expect("a connection");
            let head = format!(
                "GET {PATH} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
            );
            socket.write_all(head.as_bytes()).await.expect("sent");
            let mut status = [0; 12];
            socket.read_exact(&mut status).await.expect("a head");
            if &status == b"HTTP/1.1 200" {
                break;
            }
            look.tick().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_stream_ends_with_the_instance_as_it_should() {
    let (_server, _feed, mut bridge) = running().await;
    let address = bridge.address().await;
    let mut reader = Reader::open(address, "", "").await;
    bridge.signal("TERM");
    reader.ends().await;
    // The last chunk, which a connection that was merely dropped does not have.
    assert!(reader.text.ends_with("\r\n0\r\n\r\n"), "{}", reader.text);
    assert!(bridge.ended().await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_reader_costs_no_memory_and_misses_nothing() {
    const EVENTS: u32 = 1_000;
    const BYTES: usize = 60_000;
    let (_server, mut feed, bridge) = running().await;
    let address = bridge.address().await;
    let mut slow = Reader::open(address, "?source=feed", "").await;
    let mut quick = Reader::open(address, "?source=feed", "").await;
    let text = format!("\"{}\"", "x".repeat(BYTES));
    let before = bridge.memory("VmRSS:");
    for id in 1..=EVENTS {
        feed.send(frame(id, &text)).await;
        // Each is on the disk, and told, before the next comes; the slow one takes none of them.
        quick.reads(&format!("\"id\":\"{id}\"")).await;
        quick.text.clear();
    }
    let grown = bridge.memory("VmRSS:").saturating_sub(before);
    let sent = u64::from(EVENTS) * BYTES as u64;
    assert!(
        grown < sent / 3,
        "{} KiB for a reader that slept",
        grown >> 10
    );
    slow.reads(&format!("\"id\":\"{EVENTS}\"")).await;
    assert_eq!(slow.ids(), (1..=EVENTS).collect::<Vec<_>>());
}

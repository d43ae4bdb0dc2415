//! What open pages hear: that something has changed, until the end.

use std::net::SocketAddr;

use bellwire::simulator::Answer;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{Bridge, Page, Phones, Upstream, soon};

const TOKEN: &str = "a-t0ken";

const HIT: &str = r#"{"type":"tp_hit","eventId":1,"data":{"symbol":"XAUUSD"}}"#;

/// One page's open connection.
struct Open {
    socket: TcpStream,
    heard: String,
}

impl Open {
    async fn at(address: SocketAddr, headers: &str) -> Self {
        let mut socket = TcpStream::connect(address).await.expect("a connection");
        let request = format!("GET /live HTTP/1.1\r\nHost: {address}\r\n{headers}\r\n");
        socket.write_all(request.as_bytes()).await.expect("sent");
        let heard = String::new();
        Self { socket, heard }
    }

    /// Reads until this is heard, and forgets what came up to there.
    async fn hears(&mut self, text: &str) {
        soon(text, async {
            while !self.heard.contains(text) {
                let mut bytes = [0; 1024];
                let count = self.socket.read(&mut bytes).await.expect("bytes");
                assert!(count > 0, "it ended: {}", self.heard);
                self.heard
                    .push_str(&String::from_utf8_lossy(&bytes[..count]));
            }
        })
        .await;
        let end = self.heard.find(text).expect("it was found") + text.len();
        self.heard.drain(..end);
    }

    /// Reads to the end of the connection.
    async fn rest(mut self) -> String {
        let rest = self.socket.read_to_string(&mut self.heard);
        soon("the end", rest).await.expect("text");
        self.heard
    }
}

async fn running(more: &str) -> (Upstream, Phones, Bridge) {
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    let mut bridge = Bridge::watched(&format!("{more}\n{}", upstream.source()), &phones);
    bridge.start();
    soon("the connection", upstream.handle.heard()).await;
    let told = |ready: &Value| ready["sinks"]["own"]["delivered"] == 1;
    if more.is_empty() {
        bridge.ready("the start", told).await;
    }
    (upstream, phones, bridge)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_changes_is_heard_and_the_end_is_an_end() {
    let (upstream, phones, mut bridge) = running("").await;
    let address = bridge.address().await;
    let mut open = Open::at(address, "").await;
    open.hears("HTTP/1.1 200 OK").await;
    open.hears("content-type: text/event-stream").await;
    open.hears("retry: ").await;
    phones.handle.answer("/webhook/events", Answer::status(422));
    upstream.send(HIT).await;
    open.hears("data: changed\n\n").await;
    let dead = |ready: &Value| ready["sinks"]["events"]["dead"] == 1;
    bridge.ready("the dead letter", dead).await;
    // The one told last came before the dead letter or after it; there is one more after a retry.
    let page = bridge.page("/dead-letters").await.body;
    let mut actions = page.split("action=\"").skip(1);
    let retry = actions
        .find_map(|rest| rest.split('"').next())
        .expect("a form");
    assert_eq!(Page::post(address, retry, &[], "").await.status, 303);
    open.hears("data: changed\n\n").await;

    bridge.signal("TERM");
    let rest = open.rest().await;
    assert!(rest.ends_with("\r\n0\r\n\r\n"), "it is cut off: {rest:?}");
    assert!(bridge.ended().await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_so_many_listen_and_whoever_leaves_makes_room() {
    let (_upstream, _phones, bridge) = running("").await;
    let address = bridge.address().await;
    let mut open = Vec::new();
    for _ in 0..32 {
        let mut one = Open::at(address, "").await;
        one.hears("retry: ").await;
        open.push(one);
    }
    let refused = bridge.page("/live").await;
    assert_eq!(
        (refused.status, refused.json()["status"].as_u64()),
        (503, Some(503))
    );
    assert_eq!(bridge.page("/").await.status, 200, "who only looks");
    drop(open.pop());
    let mut look = tokio::time::interval(std::time::Duration::from_millis(20));
    soon("a free place", async {
        loop {
            let mut one = Open::at(address, "").await;
            one.hears("HTTP/1.1 ").await;
            if one.heard.starts_with("200") {
                break;
            }
            look.tick().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_may_not_look_may_not_listen() {
    let (_upstream, _phones, bridge) = running(&format!("http.token = \"{TOKEN}\"")).await;
    let address = bridge.address().await;
    let mut stranger = Open::at(address, "Accept: text/event-stream\r\n").await;
    stranger.hears("HTTP/1.1 401").await;
    let login = Page::post(address, "/login", &[], &format!("token={TOKEN}")).await;
    let cookie = login.header("set-cookie").expect("a cookie");
    let pair = cookie.split(';').next().expect("a pair");
    let mut guest = Open::at(address, &format!("Cookie: {pair}\r\n")).await;
    guest.hears("HTTP/1.1 200").await;
    let script = Page::get(address, "/page.js", &[]).await;
    assert_eq!(script.status, 200);
    assert_eq!(
        script.header("content-type"),
        Some("text/javascript; charset=utf-8")
    );
}

//! A server that says exactly the bytes it is told to, and remembers what it heard.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// No test waits longer than this for anything.
const DEADLINE: Duration = Duration::from_secs(20);

/// The head of a healthy stream whose end is the end of the connection.
pub(super) const STREAM: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";

/// One thing that the server does with a connection, after it has read the request.
#[derive(Clone, Debug)]
pub(super) enum Act {
    /// Says this.
    Say(String),
    /// Says nothing for a while.
    Pause(Duration),
    /// Says this over and over until the other side closes.
    Flood(&'static str),
    /// Waits until the other side closes.
    AwaitClose,
    /// Breaks the connection off.
    Reset,
}

/// The server. It closes each connection at the end of its script.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    heads: mpsc::UnboundedReceiver<String>,
    closes: mpsc::UnboundedReceiver<()>,
    task: JoinHandle<()>,
}

impl Server {
    /// Treats every connection alike.
    pub(super) async fn start(script: Vec<Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (head, heads) = mpsc::unbounded_channel();
        let (close, closes) = mpsc::unbounded_channel();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(play(stream, script.clone(), head.clone(), close.clone()));
            }
        });
        Self {
            address,
            heads,
            closes,
            task,
        }
    }

    /// Says this and closes.
    pub(super) async fn say(text: impl Into<String>) -> Self {
        Self::start(vec![Act::Say(text.into())]).await
    }

    /// The address of its stream.
    pub(super) fn url(&self) -> String {
        format!("http://{}/events", self.address)
    }

    /// The next request, as far as its blank line; every byte is one character.
    pub(super) async fn head(&mut self) -> String {
        let head = tokio::time::timeout(DEADLINE, self.heads.recv()).await;
        head.expect("in time").expect("a request")
    }

    /// Whether it has heard nothing more.
    pub(super) fn has_heard_nothing(&mut self) -> bool {
        self.heads.try_recv().is_err()
    }

    /// Waits until the other side has closed a connection.
    pub(super) async fn closed(&mut self) {
        let closed = tokio::time::timeout(DEADLINE, self.closes.recv()).await;
        closed.expect("in time").expect("a close");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn play(
    mut stream: TcpStream,
    script: Vec<Act>,
    head: mpsc::UnboundedSender<String>,
    close: mpsc::UnboundedSender<()>,
) {
    // A test may have ended before its server has.
    let _heard = head.send(request(&mut stream).await);
    for act in script {
        match act {
            Act::Say(text) => {
                if stream.write_all(text.as_bytes()).await.is_err() {
                    break;
                }
            }
            Act::Pause(time) => tokio::time::sleep(time).await,
            Act::Flood(text) => while stream.write_all(text.as_bytes()).await.is_ok() {},
            Act::AwaitClose => while matches!(stream.read(&mut [0; 64]).await, Ok(1..)) {},
            Act::Reset => stream.set_zero_linger().expect("a socket option"),
        }
    }
    drop(stream);
    let _closed = close.send(());
}

async fn request(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    head.into_iter().map(char::from).collect()
}

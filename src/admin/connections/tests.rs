//! Who may stay, and who has to go.

use std::convert::Infallible;
use std::net::SocketAddr;

use axum::routing::{get, post};
use bytes::Bytes;
use futures_util::stream;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::guest::BODY_WAIT;
use super::*;

const TERMS: Terms = Terms {
    head_wait: HEAD_WAIT,
    stays: true,
};

#[tokio::test(start_paused = true)]
async fn who_takes_nothing_is_let_go_and_who_takes_a_little_is_not() {
    const SHORT: Duration = Duration::from_secs(29);
    let place = Arc::new(Semaphore::new(1));
    let held = Arc::clone(&place);
    let endless = || async move {
        let held = held.try_acquire_owned().expect("a place");
        Body::from_stream(stream::repeat_with(move || {
            assert_eq!(held.num_permits(), 1);
            Ok::<_, Infallible>(Bytes::from_static(&[b'x'; 1024]))
        }))
    };
    let router = Router::new().route("/", get(endless));
    let (mut caller, ours) = tokio::io::duplex(4096);
    let (guest, stop) = (Arc::default(), CancellationToken::new());
    let talk = tokio::spawn(talk(ours, router, guest, TERMS, stop));
    let head = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    caller.write_all(head).await.expect("is sent");
    let mut some = [0; 1024];
    for part in 0..5 {
        caller.read_exact(&mut some).await.expect("it goes on");
        // The paused clock: nobody waits for it.
        sleep(SHORT).await;
        assert!(!talk.is_finished(), "{part}");
        assert_eq!(place.available_permits(), 0, "{part}");
    }
    let began = Instant::now();
    timeout(TAKE_WAIT * 2, talk)
        .await
        .expect("it ends")
        .expect("no panic");
    assert_eq!(began.elapsed(), TAKE_WAIT - SHORT);
    assert_eq!(place.available_permits(), 1, "its place is free");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_trickles_in_is_given_up() {
    const SHORT: Duration = Duration::from_secs(3);
    let router = Router::new().route("/", post(async |body: Bytes| body));
    let (mut caller, ours) = tokio::io::duplex(4096);
    let (guest, stop) = (Arc::<Guest>::default(), CancellationToken::new());
    let talk = tokio::spawn(talk(ours, router, Arc::clone(&guest), TERMS, stop));
    let head = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n";
    caller.write_all(head).await.expect("is sent");
    let began = Instant::now();
    // The paused clock: nobody waits for it.
    while caller.write_all(b"x").await.is_ok() && !talk.is_finished() {
        sleep(SHORT).await;
    }
    assert!(
        began.elapsed() <= BODY_WAIT + SHORT,
        "{:?}",
        began.elapsed()
    );
    assert!(guest.is_silent(), "it has never said all of it");
}

/// A server, where `/` answers at once and `/live` never ends.
async fn server() -> (SocketAddr, CancellationToken) {
    let live = async || {
        let part = Bytes::from_static(&[b'x'; 1024]);
        let parts = stream::repeat_with(move || Ok::<_, Infallible>(part.clone()));
        Body::from_stream(parts)
    };
    let router = Router::new()
        .route("/", get(async || "hello").post(async |body: Bytes| body))
        .route("/live", get(live));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    let stop = CancellationToken::new();
    // So that time makes no room.
    let wait = Duration::from_secs(3_600);
    tokio::spawn(serve_for(wait, listener, router, stop.clone()));
    (address, stop)
}

async fn connection(address: SocketAddr, said: &str) -> TcpStream {
    let mut caller = TcpStream::connect(address).await.expect("a connection");
    caller.write_all(said.as_bytes()).await.expect("is sent");
    caller
}

async fn answer(address: SocketAddr, said: &str) -> String {
    let mut caller = connection(address, said).await;
    let mut answer = String::new();
    let read = caller.read_to_string(&mut answer);
    let read = timeout(Duration::from_secs(30), read).await;
    read.expect("there was a place").expect("an answer");
    answer
}

#[tokio::test]
async fn who_is_silent_makes_room_and_who_listens_stays() {
    const CLOSE: &str = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let (address, _stop) = server().await;
    let mut listeners = Vec::new();
    for _ in 0..8 {
        let mut listener =
            connection(address, "GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
        listener
            .read_exact(&mut [0; 1024])
            .await
            .expect("it begins");
        listeners.push(listener);
    }
    let mut silent = Vec::new();
    for said in [
        "",
        "GET / HT",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx",
    ] {
        for _ in 0..CONNECTIONS_MAX {
            silent.push(connection(address, said).await);
        }
        let hello = answer(address, CLOSE).await;
        assert!(hello.ends_with("hello"), "beside {said:?}");
    }
    let end = silent[0].read(&mut [0; 16]).await;
    assert!(!matches!(end, Ok(1..)), "the first one had to go: {end:?}");
    for mut listener in listeners {
        listener
            .read_exact(&mut [0; 1024])
            .await
            .expect("it goes on");
    }
}

#[tokio::test]
async fn in_a_crowd_each_connection_is_for_one_request() {
    const KEEP: &str = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let (address, _stop) = server().await;
    let mut kept = connection(address, KEEP).await;
    let mut first = [0; 256];
    let length = kept.read(&mut first).await.expect("an answer");
    assert!(!String::from_utf8_lossy(&first[..length]).contains("connection: close"));
    let mut silent = Vec::new();
    for _ in 0..CROWDED_BELOW {
        silent.push(connection(address, "").await);
    }
    // It ends by itself, since the answer is all that is read.
    assert!(answer(address, KEEP).await.contains("connection: close"));
    kept.write_all(KEEP.as_bytes()).await.expect("is sent");
    let length = kept.read(&mut first).await.expect("another answer");
    assert!(
        String::from_utf8_lossy(&first[..length]).ends_with("hello"),
        "who was there before stays"
    );
}

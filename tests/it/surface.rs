//! What callers of the status page can try who do not keep to the rules of HTTP, or come in thousands.

use std::net::SocketAddr;

use futures_util::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{Bridge, Phones, Upstream, soon, until};

const TOKEN: &str = "a-t0ken-that-nobody-guesses";

/// The type of all events that there are: whoever sees it sees more than a stranger may.
const MARK: &str = "tp_hit";

/// How many connections are served at once.
const CONNECTIONS: usize = 128;

/// How many are open at most by an account that is drawn up while some come and go.
const OPEN_MAX: usize = CONNECTIONS + 60;

/// Callers at once: far more than are served, and than wait to be accepted.
const CALLERS: u64 = 10_000;

/// Files that this process has open beside the connections of those callers.
const OTHER_FILES: u64 = 500;

/// Memory that callers may cost, in bytes. A hundred and twenty-eight of them with the longest head that is
/// read cost 4 MiB.
const OVER_IDLE_MAX: u64 = 16 << 20;

/// Requests that say nothing more after their begin.
const BEGINNINGS: [&str; 4] = [
    "",
    "GET / HTTP/1.1\r\nHost: loc",
    "POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\ntok",
    "POST /login HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\ntok",
];

struct Scene {
    upstream: Upstream,
    phones: Phones,
    bridge: Bridge,
    address: SocketAddr,
}

impl Scene {
    /// A bridge with a token that has delivered one event.
    async fn start() -> Self {
        let (upstream, phones) = (Upstream::start().await, Phones::start().await);
        let sources = format!("http.token = \"{TOKEN}\"\n{}", upstream.source());
        let mut bridge = Bridge::watched(&sources, &phones).token(TOKEN);
        bridge.start();
        let address = bridge.address().await;
        soon("the connection", upstream.handle.heard()).await;
        let scene = Self {
            upstream,
            phones,
            bridge,
            address,
        };
        scene.rings(1).await;
        scene
    }

    /// Sends an event and waits for its ring.
    async fn rings(&self, number: usize) {
        let event = format!(r#"{{"type":"{MARK}","eventId":{number},"data":{{}}}}"#);
        self.upstream.send(event).await;
        until("the alert", || self.phones.events().len() == number).await;
    }

    /// Sends bytes as they are, and reads whatever is answered until the connection ends.
    async fn asks(&self, request: &str) -> String {
        let mut socket = TcpStream::connect(self.address)
            .await
            .expect("a connection");
        // It may be refused before all of it is sent.
        let _ = socket.write_all(request.as_bytes()).await;
        let mut answer = Vec::new();
        let end = soon(
            &request[..request.len().min(60)],
            socket.read_to_end(&mut answer),
        )
        .await;
        assert!(end.is_ok() || answer.is_empty(), "{end:?}");
        String::from_utf8(answer).expect("text")
    }
}

/// How many connections to an address are accepted and not closed, by the system's account.
fn accepted(address: SocketAddr) -> usize {
    let SocketAddr::V4(address) = address else {
        panic!("{address}");
    };
    let ip = u32::from_ne_bytes(address.ip().octets());
    let local = format!("{ip:08X}:{:04X}", address.port());
    let sockets = std::fs::read_to_string("/proc/net/tcp").expect("the system's sockets");
    let is_open = |line: &&str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        // Those that wait to be accepted belong to nobody yet, and those that were closed to nobody any more.
        fields[1] == local && ["01", "08"].contains(&fields[3]) && fields[9] != "0"
    };
    sockets.lines().skip(1).filter(is_open).count()
}

fn status(answer: &str) -> u16 {
    let status = answer.get(9..12).and_then(|digits| digits.parse().ok());
    status.unwrap_or_else(|| panic!("no answer: {answer:?}"))
}

/// Lets this process open as many files as it may, and says how many connections that leaves.
fn connections() -> u64 {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).expect("up to the hard limit");
    limit
        .maximum
        .unwrap_or(u64::MAX)
        .saturating_sub(OTHER_FILES)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_that_say_nothing_are_closed_and_keep_no_alert_back() {
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    let mut bridge = Bridge::watched(&upstream.source(), &phones);
    bridge.start();
    let address = bridge.address().await;
    soon("the connection", upstream.handle.heard()).await;
    let mut silent = Vec::new();
    for number in 0..CONNECTIONS + 72 {
        let mut socket = TcpStream::connect(address).await.expect("a connection");
        let begun = match number % 3 {
            0 => "",
            1 => "GET / HTTP/1.1\r\nHost: loc",
            _ => "POST /api/v1/replay HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{",
        };
        socket.write_all(begun.as_bytes()).await.expect("sent");
        silent.push(socket);
    }
    upstream
        .send(r#"{"type":"tp_hit","eventId":1,"data":{}}"#)
        .await;
    until("the alert", || phones.events().len() == 1).await;
    // Whoever waits is served as soon as the silent ones are closed.
    let page = bridge.page("/healthz").await;
    assert_eq!(page.status, 200);
    // Whoever came before has been accepted by now, or is gone.
    let open = accepted(address);
    assert!(open <= OPEN_MAX, "{open} connections are open");
    for mut socket in silent {
        let mut rest = Vec::new();
        // A refusal, or nothing; in the end it is closed.
        let closed = soon("the end", socket.read_to_end(&mut rest)).await;
        assert!(closed.is_ok() || rest.is_empty(), "{closed:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_callers_keep_neither_an_alert_nor_another_caller_away() {
    let scene = Scene::start().await;
    let idle = scene.bridge.memory("VmRSS:");
    let held = usize::try_from(connections()).unwrap_or(usize::MAX);
    let mut callers = std::collections::VecDeque::new();
    let mut alerts = 1;
    for number in 0..CALLERS {
        let mut socket = TcpStream::connect(scene.address)
            .await
            .expect("a connection");
        let beginning = BEGINNINGS[usize::try_from(number).expect("small") % BEGINNINGS.len()];
        // Some have been sent away by then.
        let _ = socket.write_all(beginning.as_bytes()).await;
        callers.push_back(socket);
        if callers.len() > held {
            callers.pop_front();
        }
        if number % 2_000 == 1_999 {
            let health = scene.bridge.page("/healthz").await;
            assert_eq!(health.status, 200, "after {number}");
            alerts += 1;
            scene.rings(alerts).await;
            let open = accepted(scene.address);
            assert!(open <= OPEN_MAX, "{open} are open after {number}");
        }
    }
    let over = scene.bridge.peak_memory().saturating_sub(idle);
    assert!(over < OVER_IDLE_MAX, "{} KiB over idle", over >> 10);
    let ready = scene.bridge.page("/readyz").await;
    assert_eq!(ready.status, 200, "while all of them are there");
    drop(callers);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_without_an_end_is_refused_and_costs_no_memory() {
    let scene = Scene::start().await;
    let idle = scene.bridge.memory("VmRSS:");
    let long = "x".repeat(4 << 20);
    let lines = "x: y\r\n".repeat(200_000);
    for (what, request, refusals) in [
        ("a path", format!("GET /{long}"), [414, 431]),
        ("a method", long.clone(), [400, 431]),
        (
            "a header",
            format!("GET / HTTP/1.1\r\nx: {long}"),
            [431, 400],
        ),
        (
            "many headers",
            format!("GET / HTTP/1.1\r\n{lines}\r\n"),
            [431, 400],
        ),
    ] {
        let answer = scene.asks(&request).await;
        // A connection that is closed while the caller still sends may take the answer along.
        assert!(
            answer.is_empty() || refusals.contains(&status(&answer)),
            "{what}: {answer}"
        );
    }
    let some = format!("GET / HTTP/1.1\r\nx: {}", "x".repeat(300_000));
    join_all((0..100).map(|_| scene.asks(&some))).await;
    let over = scene.bridge.peak_memory().saturating_sub(idle);
    assert!(over < OVER_IDLE_MAX, "{} KiB over idle", over >> 10);
    scene.rings(2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_way_of_writing_a_path_leads_past_the_token() {
    let scene = Scene::start().await;
    let paths = [
        "/healthz/../api/v1/events",
        "/style.css/../events",
        "/login/../events",
        "/login/..%2fevents",
        "/login%2f..%2fevents",
        "//api/v1/events",
        "///events",
        "/./api/v1/events",
        "/API/v1/events",
        "/%61pi/v1/events",
        "/api%2fv1%2fevents",
        "/api/v1/events/",
        "/api/v1/events;x=/login",
        "/api/v1/events?/login",
        "/api/v1/events%00/login",
        "/api/v1/events%0d%0aX-Marked:%20yes",
        "/events%0d%0aX-Marked:%20yes",
        "/events#/login",
        "/\\events",
        "/..\\events",
        "/../../../../../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/style.css/../../config.toml",
        "http://localhost/api/v1/events",
        "http://localhost/login/../api/v1/events",
        "*",
        "localhost:80",
        "events",
        "/api/v1/\u{1F600}",
    ];
    for path in paths {
        for method in ["GET", "HEAD", "POST", "PUT", "OPTIONS", "TRACE", "CONNECT"] {
            for more in [
                "",
                "X-HTTP-Method-Override: GET\r\n",
                "X-Original-URL: /api/v1/events\r\nX-Rewrite-URL: /api/v1/events\r\n",
                "X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Host: localhost\r\nForwarded: for=127.0.0.1\r\n",
                "Authorization: Bearer\r\n",
                "Accept: text/html\r\n",
            ] {
                let answer = scene
                    .asks(&format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{more}\r\n"))
                    .await;
                let refused = [303, 400, 401, 404, 405, 421].contains(&status(&answer));
                assert!(refused, "{method} {path}: {answer}");
                for leak in [MARK, "root:"] {
                    assert!(!answer.contains(leak), "{method} {path}: {answer}");
                }
                let head = answer.split("\r\n\r\n").next().unwrap_or_default();
                for line in head.lines().map(str::to_lowercase) {
                    assert!(!line.starts_with("x-marked"), "{path}: {head}");
                    let leads = line.strip_prefix("location: ");
                    assert!(leads.is_none_or(|to| to == "/login"), "{path}: {head}");
                }
            }
        }
    }
    // The same path, written as it should be, does lead there with the token.
    let shown = scene.bridge.page("/api/v1/events").await;
    assert!(shown.body.contains(MARK), "{}", shown.body);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_cannot_carry_another_one_in_its_body() {
    let scene = Scene::start().await;
    let inner = format!(
        "GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\nConnection: close\r\n\r\n"
    );
    let (short, long) = (4, inner.len());
    for (what, head) in [
        (
            "two lengths",
            format!("Content-Length: {short}\r\nContent-Length: {long}\r\n"),
        ),
        (
            "a length and chunks",
            format!("Content-Length: {long}\r\nTransfer-Encoding: chunked\r\n"),
        ),
        (
            "chunks and a length",
            format!("Transfer-Encoding: chunked\r\nContent-Length: {long}\r\n"),
        ),
        (
            "an unknown coding",
            "Transfer-Encoding: xchunked\r\n".to_owned(),
        ),
        (
            "a coding after chunks",
            "Transfer-Encoding: chunked, identity\r\n".to_owned(),
        ),
        (
            "a space before the colon",
            format!("Content-Length : {long}\r\n"),
        ),
        ("a signed length", format!("Content-Length: +{long}\r\n")),
        (
            "a folded header",
            format!("X: y\r\n Content-Length: {long}\r\n"),
        ),
        ("a bare return", format!("X: y\rContent-Length: {long}\r\n")),
    ] {
        let answer = scene
            .asks(&format!(
                "POST /login HTTP/1.1\r\nHost: localhost\r\n{head}\r\n0\r\n\r\n{inner}"
            ))
            .await;
        // Whether it is taken for a body or for nothing: what is behind it is never a request of its own,
        // unless both sides of a proxy would agree on that.
        let answers = answer.matches("HTTP/1.1 ").count();
        let refused = status(&answer) == 400 && answers == 1;
        assert!(
            refused || !answer.contains(MARK),
            "{what}: {answers} answers: {answer}"
        );
    }
}

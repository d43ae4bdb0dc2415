//! Who asks an instance that is somebody else's, or that is no instance at all, learns what to mend.

use std::net::SocketAddr;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::harness::{Bridge, Phones, Ran, Upstream, program, ran};

/// Commands that ask the instance for something.
const LINES: [&[&str]; 5] = [
    &["queue"],
    &["queue", "show", "msg_0_1"],
    &["replay", "--since", "1h", "--yes"],
    &["send", "events"],
    &["tail"],
];

/// A ready instance that wants a token.
async fn running(token: &str) -> (Upstream, Phones, Bridge) {
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    let config = format!("http.token = \"{token}\"\n{}", upstream.source());
    let mut bridge = Bridge::watched(&config, &phones).token(token);
    bridge.start();
    let is_ready = |ready: &serde_json::Value| ready["ready"] == true;
    bridge.ready("readiness", is_ready).await;
    (upstream, phones, bridge)
}

/// Runs a command line for which the instance is somewhere else.
async fn at_address(bridge: &Bridge, line: &[&str], address: &str) -> Ran {
    let mut program = program(bridge.folder());
    program.args(line).args(["--config", "config.toml"]);
    ran(program.env("BELLWIRE_HTTP__LISTEN", address)).await
}

fn says(told: &Ran, words: &[&str]) {
    for words in words {
        assert!(told.complaint.contains(words), "lacks {words}: {told:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_the_instance_does_not_know_is_named_with_its_key() {
    let (upstream, phones, bridge) = running("right").await;
    let configure = |more: &str| {
        let other = Bridge::watched(&format!("{more}\n{}", upstream.source()), &phones);
        let text = std::fs::read_to_string(other.folder().join("config.toml"));
        bridge.configure(&text.expect("a file"));
    };
    configure("http.token = \"wr0ng\"");
    // More than the wrong ones that are looked at in a minute: what helps stays the same.
    for line in LINES.iter().chain(&LINES).chain(&LINES) {
        let told = bridge.tool(line).await;
        assert_eq!((told.status, told.out.as_str()), (Some(1), ""), "{told:?}");
        says(
            &told,
            &[
                "does not know the token",
                "`http.token`",
                "`BELLWIRE_HTTP_TOKEN`",
            ],
        );
        assert!(!told.complaint.contains("wr0ng"), "{told:?}");
    }
    let told = bridge.tool(&["queue", "--json"]).await;
    let document = told.json();
    assert!(
        document["help"].to_string().contains("BELLWIRE_HTTP_TOKEN"),
        "{told:?}"
    );
    // Whether it is ready is told to everybody.
    let told = bridge.tool(&["health"]).await;
    says(&told, &["does not know the token", "`http.token`"]);
    assert_eq!((told.status, told.out.as_str()), (Some(0), "ready\n"));
    configure("");
    for line in LINES {
        let told = bridge.tool(line).await;
        assert_eq!((told.status, told.out.as_str()), (Some(1), ""), "{told:?}");
        says(
            &told,
            &[
                "wants a token",
                "`http.token`",
                "`{ env = \"BELLWIRE_HTTP_TOKEN\" }`",
            ],
        );
    }
}

/// A web server that answers everything with the same document.
async fn other(status: &'static str, body: &'static str) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let length = body.len();
            let head = format!(
                "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
            );
            let answer = format!("{head}{body}");
            let mut asked = Vec::new();
            while !asked.ends_with(b"\r\n\r\n") {
                asked.push(socket.read_u8().await.expect("a whole head"));
            }
            // Whoever has heard enough is gone.
            drop(socket.write_all(answer.as_bytes()).await);
            drop(socket.shutdown().await);
            drop(socket.read_to_end(&mut asked).await);
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_program_at_the_address_is_no_bellwire() {
    let (upstream, _phones, bridge) = running("right").await;
    let url = url::Url::parse(&upstream.handle.base_url()).expect("an address");
    let simulator = format!("127.0.0.1:{}", url.port().expect("a port"));
    let mut others = vec![simulator];
    for (status, body) in [
        ("200 OK", "{}"),
        ("200 OK", "<html>"),
        ("404 Not Found", r#"{"detail":"no such thing"}"#),
        ("401 Unauthorized", "{}"),
        ("502 Bad Gateway", "{}"),
    ] {
        others.push(other(status, body).await.to_string());
    }
    for at in &others {
        for line in LINES.iter().chain([&["health"][..]].iter()) {
            let told = at_address(&bridge, line, at).await;
            assert_eq!((told.status, told.out.as_str()), (Some(1), ""), "{told:?}");
            says(&told, &["no bellwire", at, "`http.listen`"]);
        }
        let told = at_address(&bridge, &["health", "--json"], at).await;
        let document = told.json();
        assert_eq!(document["ready"], json!(false), "{told:?}");
        assert!(
            document["reasons"][0].to_string().contains("no bellwire"),
            "{told:?}"
        );
    }
}

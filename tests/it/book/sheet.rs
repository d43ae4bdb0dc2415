//! The program of the recipe for a Google Sheet, against a server that answers as Apps Script does: a POST by a
//! redirect to an address for one use, and what the script says there.

use std::fs;
use std::net::SocketAddr;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{environment, page, root};
use crate::harness::{Ran, program, ran, soon};

/// One request: its first line and its body.
async fn request(socket: &mut TcpStream) -> (String, String) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await.expect("a whole head"));
    }
    let head = String::from_utf8(head).expect("text").to_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let length = length.map_or(0, |length| length.parse().expect("a number"));
    let mut body = vec![0; length];
    socket.read_exact(&mut body).await.expect("a whole body");
    let line = head.lines().next().unwrap_or_default().to_owned();
    (line, String::from_utf8(body).expect("text"))
}

async fn answer(listener: &TcpListener, head: &str, body: &str) -> (String, String) {
    let (mut socket, _) = listener.accept().await.expect("a connection");
    let asked = request(&mut socket).await;
    let length = body.len();
    let text =
        format!("HTTP/1.1 {head}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    socket.write_all(text.as_bytes()).await.expect("taken");
    asked
}

/// Sends the event of the recipe by its sink to a web app at this address.
async fn sent(address: SocketAddr) -> Ran {
    let recipe = page("docs/src/recipes/sheet.md");
    let folder = TempDir::new().expect("a folder");
    let own = folder.path().display().to_string();
    let config = recipe.block("toml").replace("/etc/bellwire", &own);
    let url = format!("url = \"http://{address}/exec\"\n");
    let script = "sheet.sh";
    fs::copy(
        root().join("docs/src/recipes").join(script),
        folder.path().join(script),
    )
    .expect("copied");
    for (name, text) in [
        ("config.toml", config),
        ("event.json", recipe.block("json")),
        ("sheet.curl", url),
    ] {
        fs::write(folder.path().join(name), text).expect("written");
    }
    let mut line = program(folder.path());
    let path = std::env::var_os("PATH").unwrap_or_default();
    line.args(["send", "sheet", "--event", "event.json", "--json"])
        .envs(environment());
    ran(line.env("PATH", path).env("BELLWIRE_HTTP__LISTEN", "off")).await
}

/// What becomes of the event where the script says this.
async fn told(status: &str, says: &str) -> (Ran, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let app = async {
        let once = format!("302 Moved Temporarily\r\nLocation: http://{address}/echo?once=1");
        let (line, event) = answer(&listener, &once, "").await;
        assert_eq!(line, "post /exec http/1.1");
        let (line, body) = answer(&listener, status, says).await;
        assert_eq!(
            (line.as_str(), body.as_str()),
            ("get /echo?once=1 http/1.1", "")
        );
        event
    };
    soon("both requests", async { tokio::join!(sent(address), app) }).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_the_script_has_written_is_a_delivery_and_nothing_else_is() {
    for says in ["written", "written before"] {
        let (ran, event) = told("200 OK", says).await;
        assert_eq!(ran.status, Some(0), "{ran:?}");
        let event: Value = serde_json::from_str(&event).expect("JSON");
        assert_eq!(event["type"], "tp_hit");
        assert_eq!(event["data"]["realized_pl"], 19.84);
        assert!(
            event["webhook_id"]
                .as_str()
                .is_some_and(|id| !id.is_empty()),
            "{event}"
        );
    }
    for (status, says, answer) in [
        (
            "200 OK",
            "<html>a page about a mistake</html>",
            "not written: <html>a page about a mistake</html>",
        ),
        ("200 OK", "", "not written: "),
        ("500 Internal Server Error", "written", "500"),
    ] {
        let (ran, _) = told(status, says).await;
        assert_eq!(ran.status, Some(1), "{says}: {ran:?}");
        assert!(ran.out.contains(answer), "{ran:?}");
    }
}

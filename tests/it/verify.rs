//! `verify` in the hands of a receiver: real deliveries, captured byte for byte from a socket.

use std::fs::{self, File};
use std::path::Path;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::harness::{Bridge, Ran, SECRET, Upstream, program, ran, soon};

const TEXT_SECRET: &str = "a s3cret text of some length";

/// The next request, as it stands on the wire; it is answered with 204.
async fn captured(listener: &TcpListener) -> Vec<u8> {
    soon("a request", async {
        let (mut socket, _) = listener.accept().await.expect("a connection");
        let mut bytes = Vec::new();
        loop {
            bytes.push(socket.read_u8().await.expect("a whole request"));
            let Some(head) = bytes.windows(4).position(|it| it == b"\r\n\r\n") else {
                continue;
            };
            let text = String::from_utf8_lossy(&bytes[..head]).to_lowercase();
            let length = text
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.and_then(|it| it.parse().ok()).expect("a length");
            if bytes.len() == head + 4 + length {
                break;
            }
        }
        let answer = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
        socket.write_all(answer).await.expect("answers");
        bytes
    })
    .await
}

/// What the program says of a request.
async fn told(folder: &Path, request: &[u8], arguments: &[&str]) -> Ran {
    let file = folder.join("request.http");
    fs::write(&file, request).expect("writes");
    let mut line = program(folder);
    line.arg("verify").args(arguments);
    let told = ran(line.stdin(File::open(file).expect("opens"))).await;
    for secret in [SECRET, SECRET.trim_start_matches("whsec_"), TEXT_SECRET] {
        assert!(!told.out.contains(secret), "{told:?}");
        assert!(!told.complaint.contains(secret), "{told:?}");
    }
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_deliveries_are_genuine_and_one_thing_done_to_them_is_named() {
    let upstream = Upstream::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let sink = |scheme: &str, secret: &str| {
        format!(
            "[sinks.{scheme}]\nkind = \"webhook\"\nurl = \"http://{address}/{scheme}\"\nsignature = \"{scheme}\"\nsecret = \"{secret}\"\n"
        )
    };
    let mut bridge = Bridge::new(&format!(
        "http.listen = \"off\"\n{}{}{}{}[[rules]]\nname = \"all\"\nto = [\"standard\", \"github\", \"stripe\"]\n",
        upstream.source(),
        sink("standard", SECRET),
        sink("github", TEXT_SECRET),
        sink("stripe", TEXT_SECRET),
    ));
    bridge.start();
    soon("the connection", upstream.handle.heard()).await;
    let payload = "{\"type\": \"tp_hit\", \"eventId\": 1, \"data\": {\"symbol\": \"XAU\\u00dc\"}}";
    upstream.send(payload).await;
    let mut requests = Vec::new();
    for _ in 0..3 {
        requests.push(captured(&listener).await);
    }
    bridge.kill();
    let folder = bridge.folder();
    fs::write(folder.join("standard.secret"), format!("{SECRET}\n")).expect("writes");
    fs::write(folder.join("text.secret"), format!("{TEXT_SECRET}\r\n")).expect("writes");
    for scheme in ["standard", "github", "stripe"] {
        let path = format!("POST /{scheme} ");
        let request = requests.iter().find(|it| it.starts_with(path.as_bytes()));
        let request = request.expect("one for each sink");
        let (secret, file) = match scheme {
            "standard" => (SECRET, "standard.secret"),
            _ => (TEXT_SECRET, "text.secret"),
        };
        let genuine = format!("{scheme}: genuine, ");
        for arguments in [
            ["--secret", secret],
            ["--secret-file", file],
            ["--sink", scheme],
        ] {
            let told = told(folder, request, &arguments).await;
            assert_eq!(told.status, Some(0), "{told:?}");
            assert!(told.out.starts_with(&genuine), "{told:?}");
            assert_eq!(told.complaint, "");
        }
        let rotated = ["--secret", "d2hzZWM=", "--secret-file", file];
        let rotated = told(folder, request, &rotated).await;
        assert!(
            rotated.out.ends_with(", with secret 2 of 2\n"),
            "{rotated:?}"
        );

        let check = async |request: &[u8], more: &[&str], words: &str| {
            let arguments = [&["--sink", scheme], more].concat();
            let told = told(folder, request, &arguments).await;
            assert_eq!(told.status, Some(1), "{told:?}");
            let start = format!("{scheme}: not genuine: ");
            assert!(told.out.starts_with(&start), "{told:?}");
            assert!(told.out.contains(words), "{words}: {told:?}");
        };
        let line = [request, b"\n".as_slice()].concat();
        // The request's own length tells where the body had ended.
        check(
            &line,
            &[],
            "more stands behind the body than `content-length` says",
        )
        .await;
        let head = request.len() - payload.len();
        let compact = br#"{"type":"tp_hit","eventId":1,"data":{"symbol":"XAU\u00dc"}}"#;
        let printed = [&request[..head], compact].concat();
        check(
            &printed,
            &[],
            "re-encoded as JSON; what was signed has blanks",
        )
        .await;
        let mut foreign = request.clone();
        *foreign.last_mut().expect("a body") = b']';
        check(
            &foreign,
            &[],
            "either the secret is another one or the body was changed",
        )
        .await;
        if scheme != "github" {
            check(
                request,
                &["--at", "10m"],
                "the signature is right, but it was signed ",
            )
            .await;
            check(
                request,
                &["--at", "10m"],
                " after it was received, and 5m is the most",
            )
            .await;
            check(request, &["--at", "4102444800"], " before it was received").await;
            let patient = ["--sink", scheme, "--at", "10m", "--tolerance", "1h"];
            let patient = told(folder, request, &patient).await;
            assert_eq!(patient.status, Some(0), "{patient:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_gets_one_document() {
    let folder = TempDir::new().expect("a folder");
    let folder = folder.path();
    let head = "x-hub-signature-256: sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17\n\n";
    let options = [
        "--secret",
        "It's a Secret to Everybody",
        "--at",
        "2026-06-11T08:05:12Z",
        "--json",
    ];
    let right = told(folder, format!("{head}Hello, World!").as_bytes(), &options).await;
    assert_eq!(right.status, Some(0));
    let expected = serde_json::json!({
        "genuine": true,
        "received": "2026-06-11T08:05:12Z",
        "schemes": [{
            "scheme": "github", "genuine": true, "signed": null, "secret": 1,
            "problem": null, "reason": null,
        }],
    });
    assert_eq!(right.json(), expected);
    let wrong = told(
        folder,
        format!("{head}Hello, World!\r\n").as_bytes(),
        &options,
    )
    .await;
    assert_eq!(wrong.status, Some(1));
    assert_eq!(wrong.json()["genuine"], false);
    let scheme = &wrong.json()["schemes"][0];
    assert_eq!(scheme["problem"], "body_changed");
    let reason = "a line break was added at the end of the body; verify the bytes as they came";
    assert_eq!(scheme["reason"], reason);
    let none = told(folder, b"host: x\n\n{}", &options).await;
    assert_eq!(none.status, Some(1));
    let scheme = &none.json()["schemes"][0];
    assert_eq!(
        (&scheme["scheme"], &scheme["problem"]),
        (&serde_json::Value::Null, &"header_missing".into())
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_the_command_line_is_told_and_is_no_verdict() {
    let bridge = Bridge::new(
        "[sinks.bare]\nkind = \"webhook\"\nurl = \"http://127.0.0.1:1/\"\nsignature = \"none\"\n[sinks.phone]\nkind = \"ntfy\"\ntopic = \"t\"\n",
    );
    let folder = bridge.folder();
    fs::write(folder.join("empty"), "\n").expect("writes");
    fs::write(folder.join("large"), "x".repeat(70_000)).expect("writes");
    let request = b"webhook-id: 1\nwebhook-timestamp: 2\nwebhook-signature: v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n{}";
    let many = ["--secret", "x"].repeat(11);
    for (arguments, words) in [
        (&[][..], "required"),
        (&["--secret", ""], "the secret is empty"),
        (&["--secret-file", "empty"], "the secret is empty"),
        (&["--secret-file", "large"], "more than 64 KiB"),
        (&["--secret-file", "none"], "`none` cannot be read"),
        (
            &["--sink", "nobody"],
            "there is no sink `nobody`; webhook sinks are bare",
        ),
        (&["--sink", "phone"], "of kind ntfy, which signs nothing"),
        (&["--sink", "bare"], "has no secret"),
        (&["--secret", "x", "--at", "soon"], "`--at` is no time"),
        (&["--secret", "x", "--tolerance", "long"], "--tolerance"),
        (&many, "more than 10 secrets"),
    ] {
        let told = told(folder, request, arguments).await;
        assert_eq!((told.status, told.out.as_str()), (Some(2), ""), "{told:?}");
        assert!(told.complaint.contains(words), "{words}: {told:?}");
    }
    // A secret that the scheme of the request cannot use is such a mistake, too.
    let unusable = told(folder, request, &["--secret", "no base64!"]).await;
    assert_eq!(unusable.status, Some(2), "{unusable:?}");
    assert!(
        unusable
            .out
            .contains("no secret that was given is one for this scheme")
    );

    let whole = [b"a: b\n\n".as_slice(), &vec![b'x'; (2 << 20) - 6]].concat();
    let more = [whole.as_slice(), b"x"].concat();
    for (request, words) in [
        (
            b"no request".as_slice(),
            "standard input is no captured request: there is no empty line",
        ),
        (&more, "more than 2 MiB"),
    ] {
        let told = told(folder, request, &["--secret", "x"]).await;
        assert_eq!((told.status, told.out.as_str()), (Some(1), ""));
        assert!(
            told.complaint.contains(words),
            "{words}: {}",
            told.complaint
        );
    }
    let fits = told(folder, &whole, &["--secret", "x"]).await;
    assert!(fits.out.contains("it has no signature"), "{}", fits.out);
}

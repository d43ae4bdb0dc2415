//! What arrives, live in a terminal: what a line says, where it comes from, and how it ends.

use std::process::{Command, Stdio};

use bellwire::simulator::receivers::Kind;
use bellwire::simulator::ttmt;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::harness::{Begun, Bridge, Phones, Upstream, free_address, soon, until};

fn event(number: u32, kind: &str, symbol: &str) -> String {
    format!(
        r#"{{"type":"{kind}","eventId":{number},"timestamp":"2026-06-11T08:00:00.000Z","data":{{"symbol":"{symbol}","tp_level":1,"realized_pl":1.10,"currency":"USD"}}}}"#
    )
}

/// Two rules for take-profits, the second of them for gold and to a sink that the first has named.
fn config(listen: &str, upstream: &Upstream, phones: &Phones) -> String {
    let sinks = ["automation", "second"].map(|name| phones.sink(name, Kind::Webhook, ""));
    format!(
        r#"http.listen = "{listen}"
{}{}
[[rules]]
name = "hits"
events = ["tp_hit"]
to = ["automation", "second"]

[[rules]]
name = "gold"
events = ["tp_hit"]
when = 'data.symbol == "XAUUSD"'
to = ["second"]
"#,
        upstream.source(),
        sinks.concat()
    )
}

/// A bridge that hears its upstream.
async fn running(listen: &str) -> (Upstream, Phones, Bridge) {
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    let mut bridge = Bridge::new(&config(listen, &upstream, &phones)).env("TZ", "Europe/Berlin");
    bridge.start();
    let heard = |ready: &Value| ready["ready"] == true;
    bridge.ready("the connection", heard).await;
    (upstream, phones, bridge)
}

/// A tail that has begun to listen to a source.
async fn listening(bridge: &Bridge, options: &[&str]) -> Begun {
    let tail = bridge.begin(&[&["tail"], options].concat()).await;
    tail.says("ttmt: connected since ").await;
    tail
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_shows_each_event_with_its_rules_and_where_it_goes() {
    let (upstream, _phones, bridge) = running("127.0.0.1:0").await;
    let mut tail = listening(&bridge, &[]).await;
    upstream.send(event(1, "tp_hit", "XAUUSD")).await;
    upstream.send(event(2, "tp_hit", "EURUSD")).await;
    upstream.send(event(3, "position_update", "EURUSD")).await;
    let lines = tail.has_lines(3).await;
    let told = |words: &str| format!("2026-06-11 10:00:00  ttmt  tp_hit  {words}");
    assert_eq!(
        lines[..2],
        [
            told("TP1 hit · XAUUSD · +1.10 USD  hits → automation, second; gold"),
            told("TP1 hit · EURUSD · +1.10 USD  hits → automation, second"),
        ]
    );
    assert!(lines[2].starts_with("2026-06-11 10:00:00  ttmt  position_update  "));
    assert!(lines[2].ends_with("  no rule"), "{lines:?}");
    let told = tail.complaint();
    tail.signal("INT");
    assert_eq!(tail.ended().await, Some(0));
    assert_eq!(tail.complaint(), told, "it ends without a word");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_json_each_line_is_an_event_as_the_list_shows_it_and_more() {
    let (upstream, phones, bridge) = running("127.0.0.1:0").await;
    let tail = bridge.begin(&["tail", "--json"]).await;
    // Nothing tells that it listens, so it is told until it has heard.
    let mut number = 0;
    let mut next = tokio::time::interval(std::time::Duration::from_millis(50));
    soon("an event", async {
        while tail.lines().is_empty() {
            number += 1;
            upstream.send(event(number, "tp_hit", "XAUUSD")).await;
            next.tick().await;
        }
    })
    .await;
    upstream.send(event(0, "odd", "EURUSD")).await;
    let is_odd = |line: &String| line.contains("\"odd\"");
    until("the last one", || tail.lines().iter().any(is_odd)).await;
    let all = phones.handle.arrivals(Kind::Webhook, 2 * number as usize);
    soon("all deliveries", all).await;
    let delivered = |ready: &Value| {
        ready["sinks"]["second"]["delivered"] == number
            && ready["sinks"]["automation"]["delivered"] == number
    };
    bridge.ready("all settled", delivered).await;

    let lines = tail.lines();
    let told: Vec<Value> = lines
        .iter()
        .map(|line| serde_json::from_str(line).expect("one document a line"))
        .collect();
    let page = bridge.page("/api/v1/events?limit=2").await.json();
    let listed = page["data"].as_array().expect("a list");
    for (told, listed) in told.iter().rev().zip(listed) {
        let fields = told.as_object().expect("an object");
        let more = ["title", "rules", "data"];
        let names: Vec<_> = listed.as_object().expect("an object").keys().collect();
        let names: Vec<&str> = names.into_iter().map(String::as_str).chain(more).collect();
        assert_eq!(fields.keys().collect::<Vec<_>>(), names);
        for (name, value) in listed.as_object().expect("an object") {
            // Where a delivery stands goes on.
            if name != "deliveries" {
                assert_eq!(&told[name], value, "{name}");
            }
        }
        let ids = |event: &Value| -> Vec<Value> {
            let deliveries = event["deliveries"].as_array().expect("a list");
            deliveries.iter().map(|one| one["id"].clone()).collect()
        };
        assert_eq!(ids(told), ids(listed));
    }
    let [hit, odd] = &told[told.len() - 2..] else {
        panic!("{told:?}");
    };
    assert_eq!(hit["title"], "TP1 hit · XAUUSD · +1.10 USD");
    assert_eq!(hit["rules"], json!(["hits", "gold"]));
    assert_eq!(
        (&odd["rules"], &odd["deliveries"]),
        (&json!([]), &json!([]))
    );
    // The digits of the upstream, which no double has.
    assert!(lines[lines.len() - 1].contains(r#""realized_pl":1.10"#));
    assert_eq!(tail.complaint(), "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_source_can_be_listened_to_and_a_misspelt_one_is_refused() {
    let (upstream, phones, bridge) = running("127.0.0.1:0").await;
    let tail = listening(&bridge, &["ttmt"]).await;
    let all = listening(&bridge, &[]).await;
    upstream.send(event(1, "tp_hit", "XAUUSD")).await;
    tail.has_lines(1).await;
    // Of a file that is wrong bellwire itself has something to say.
    bridge.configure("nonsense");
    bridge.signal("HUP");
    let lines = all.has_lines(2).await;
    assert!(lines[1].contains("  bellwire  bellwire.reload_failed"));
    upstream.send(event(2, "tp_hit", "XAUUSD")).await;
    let lines = tail.has_lines(2).await;
    assert!(lines.iter().all(|line| line.contains("  ttmt  tp_hit")));
    bridge.configure(&config("127.0.0.1:0", &upstream, &phones));
    let told = bridge.tool(&["tail", "ttmtt"]).await;
    assert_eq!((told.status, told.out.as_str()), (Some(2), ""), "{told:?}");
    for words in ["`ttmtt`", "`ttmt`", "`bellwire`"] {
        assert!(told.complaint.contains(words), "{told:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_no_instance_runs_it_says_so_and_what_to_do() {
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    let bridge = Bridge::new(&config(&free_address().to_string(), &upstream, &phones));
    for options in [&["tail"][..], &["tail", "ttmt", "--json"]] {
        let told = bridge.tool(options).await;
        assert_eq!(told.status, Some(1), "{told:?}");
        match options.contains(&"--json") {
            true => assert!(told.json()["help"].to_string().contains("`bellwire run`")),
            false => assert_eq!(told.out, ""),
        }
        for words in ["no instance runs", "`bellwire run`"] {
            assert!(told.complaint.contains(words), "{told:?}");
        }
    }
    assert!(upstream.stream_requests().is_empty(), "it opens no stream");
    assert!(!bridge.folder().join("data").exists(), "and makes no queue");
    for (listen, words) in [("off", "\"off\""), ("127.0.0.1:0", "port")] {
        bridge.configure(&config(listen, &upstream, &phones));
        let told = bridge.tool(&["tail"]).await;
        assert_eq!((told.status, told.out.as_str()), (Some(1), ""), "{told:?}");
        assert!(told.complaint.contains(words), "{told:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_pipe_ends_it_quietly() {
    let (upstream, _phones, bridge) = running("127.0.0.1:0").await;
    let listen = bridge.address().await.to_string();
    let script = format!(
        "{{ '{}' tail --config config.toml; echo \"status $?\" >&2; }} | head -n 1",
        env!("CARGO_BIN_EXE_bellwire")
    );
    let mut line = Command::new("/bin/sh");
    line.args(["-c", &script])
        .current_dir(bridge.folder())
        .env("BELLWIRE_HTTP__LISTEN", listen)
        .stdin(Stdio::null());
    let piped = Begun::new(&mut line);
    piped.says("ttmt: connected").await;
    let mut number = 0;
    let mut next = tokio::time::interval(std::time::Duration::from_millis(50));
    soon("its end", async {
        while !piped.complaint().contains("status") {
            number += 1;
            upstream.send(event(number, "tp_hit", "XAUUSD")).await;
            next.tick().await;
        }
    })
    .await;
    let complaint = piped.complaint();
    let lines: Vec<&str> = complaint.lines().collect();
    assert_eq!(lines.len(), 2, "{complaint}");
    assert_eq!(lines[1], "status 0", "{complaint}");
    assert_eq!(piped.lines().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_goes_on_behind_the_last_event_when_the_instance_is_started_anew() {
    let (upstream, _phones, mut bridge) = running(&free_address().to_string()).await;
    let tail = listening(&bridge, &["ttmt"]).await;
    upstream.send(event(1, "tp_hit", "XAUUSD")).await;
    tail.has_lines(1).await;
    // While it cannot look, the instance dies, comes back, and takes in more.
    tail.signal("STOP");
    bridge.kill();
    bridge.start();
    let heard = |ready: &Value| ready["ready"] == true;
    bridge.ready("the connection", heard).await;
    upstream.send(event(2, "tp_hit", "EURUSD")).await;
    upstream.send(event(3, "tp_hit", "GBPUSD")).await;
    let two = |ready: &Value| ready["sources"]["ttmt"]["events"] == 2;
    bridge.ready("both events", two).await;
    tail.signal("CONT");
    tail.says("has gone").await;
    tail.says("it is back").await;
    upstream.send(event(4, "tp_hit", "USDJPY")).await;
    let lines = tail.has_lines(4).await;
    for (line, symbol) in lines.iter().zip(["XAUUSD", "EURUSD", "GBPUSD", "USDJPY"]) {
        assert!(line.contains(symbol), "{lines:?}");
    }
    assert_eq!(lines.len(), 4, "each once: {lines:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn colour_is_for_a_terminal_that_wants_it() {
    let (upstream, _phones, bridge) = running("127.0.0.1:0").await;
    let listen = bridge.address().await.to_string();
    let terminal = |no_colour: Option<&str>| {
        let line = format!(
            "stty cols 81 rows 24; exec '{}' tail --config config.toml",
            env!("CARGO_BIN_EXE_bellwire")
        );
        let mut script = Command::new("script");
        script
            .args(["-qec", &line, "/dev/null"])
            .current_dir(bridge.folder())
            .env("BELLWIRE_HTTP__LISTEN", &listen)
            .env("TZ", "UTC")
            .env_remove("NO_COLOR")
            .envs(no_colour.map(|value| ("NO_COLOR", value)))
            .stdin(Stdio::null());
        Begun::new(&mut script)
    };
    let (coloured, plain) = (terminal(None), terminal(Some("1")));
    let listens = |tail: &Begun| tail.lines().iter().any(|line| line.contains("connected"));
    until("both listen", || listens(&coloured) && listens(&plain)).await;
    upstream.send(event(1, "tp_hit", "XAUUSD")).await;
    let (coloured, plain) = (coloured.has_lines(2).await, plain.has_lines(2).await);
    let dim = "\u{1b}[2m2026-06-11 08:00:00\u{1b}[0m  ttmt  \u{1b}[1mtp_hit\u{1b}[0m  ";
    assert!(coloured[1].starts_with(dim), "{coloured:?}");
    // All but the title has 68 of the 81 columns.
    let expected =
        "2026-06-11 08:00:00  ttmt  tp_hit  TP1 hit · XA…  hits → automation, second; gold";
    assert_eq!(plain[1].trim_end(), expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_and_tail_ask_an_instance_whose_file_has_become_wrong_since_its_start() {
    let (upstream, _phones, mut bridge) = running("127.0.0.1:0").await;
    let address = bridge.address().await.to_string();
    let listen = format!("http.listen = \"{address}\"");
    let without = upstream.source();
    let key = format!("\"{}\"", ttmt::DEMO_KEY);
    let keyless = without.replace(&key, "{ env = \"NOWHERE\" }");
    assert_ne!(keyless, without);
    for wrong in [
        format!("bogus = 1\n{listen}\n{without}"),
        format!("{listen}\n{keyless}"),
        format!("{listen}\n{without}\n[sinks.phone]\nkind = \"ntfy\"\n"),
    ] {
        bridge.configure(&wrong);
        let told = bridge.tool(&["health"]).await;
        assert_eq!(
            (told.status, &*told.out),
            (Some(0), "ready\n"),
            "{wrong}\n{told:?}"
        );
        assert!(told.complaint.contains("`bellwire check`"), "{told:?}");
        let told = bridge.tool(&["tail", "nowhere"]).await;
        assert_eq!(told.status, Some(2), "{told:?}");
        assert!(told.complaint.contains("`nowhere`"), "{told:?}");
    }
    // What may be wrong about the address itself leaves nobody to ask.
    for (wrong, word) in [
        (format!("{listen}\nhttp.token = 5\n{without}"), "token"),
        (
            format!("{without}\n[htpp]\nlisten = \"{address}\"\n"),
            "htpp",
        ),
        (format!("{listen}\n{without}[[["), "config.toml"),
    ] {
        bridge.configure(&wrong);
        let told = bridge.output("health", &[]).await;
        assert_eq!((told.status, &*told.out), (Some(2), ""), "{told:?}");
        assert!(told.complaint.contains(word), "{told:?}");
    }
    bridge.configure(&format!("bogus = 1\n{listen}\n{without}"));
    let variables = [
        ("BELLWIRE_HTTP__LISTEN", &*address),
        ("BELLWIRE_HTTP__LISTEN__X", "1"),
    ];
    let told = bridge.output("health", &variables).await;
    assert_eq!(told.status, Some(2), "{told:?}");

    bridge.kill();
    bridge.configure(&format!("bogus = 1\n{listen}\n{without}"));
    let stranger = tokio::net::TcpListener::bind("127.0.0.1:0");
    let stranger = stranger.await.expect("a free port");
    let foreign = stranger.local_addr().expect("an address").to_string();
    tokio::spawn(async move {
        while let Ok((mut caller, _)) = stranger.accept().await {
            let _ = caller.read(&mut [0; 1024]).await;
            let answer =
                b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            let _ = caller.write_all(answer).await;
        }
    });
    for listen in [&*address, &*foreign, "off"] {
        for command in ["health", "tail"] {
            let told = bridge
                .output(command, &[("BELLWIRE_HTTP__LISTEN", listen)])
                .await;
            assert_eq!((told.status, &*told.out), (Some(2), ""), "{told:?}");
            assert!(told.complaint.contains("bogus"), "{told:?}");
        }
    }
}

//! Payloads that nobody should send: each is one event like any other, to every kind of sink, and the
//! events beside it arrive.

use bellwire::simulator::receivers::{Kind, Received};
use serde_json::Value;

use crate::harness::{Bridge, Phones, Server, until};

const SINKS: [(&str, Kind, &str); 6] = [
    ("raw", Kind::Webhook, ""),
    ("canonical", Kind::Webhook, "body = \"canonical\""),
    ("cloud", Kind::Webhook, "body = \"cloudevents\""),
    ("team", Kind::Discord, ""),
    ("desk", Kind::Slack, ""),
    ("phone", Kind::Ntfy, ""),
];

/// Payloads, as they stand behind `data: `.
fn payloads() -> Vec<Vec<u8>> {
    let nested = |open: &str, close: &str| {
        let text = format!("{}1{}", open.repeat(10_000), close.repeat(10_000));
        [
            text.clone(),
            format!("{{\"data\":{text}}}"),
            text.replace(close, ""),
        ]
    };
    let many_keys: Vec<String> = (0..20_000).map(|key| format!("\"k{key}\":{key}")).collect();
    let digits = "9".repeat(10_000);
    let mut texts: Vec<String> = nested("[", "]").to_vec();
    texts.extend(nested("{\"data\":", "}"));
    texts.extend([
        String::new(),
        "null".to_owned(),
        "{".to_owned(),
        "\0".to_owned(),
        "{\"data\":\"\0\"}".to_owned(),
        "{\"data\":\"\\u0000\\ud800\\udfff\"}".to_owned(),
        "{\"data\":{\"n\":1e999999,\"m\":-1e-999999,\"o\":-0,\"p\":NaN}}".to_owned(),
        "{\"data\":{\"n\":1e999999,\"m\":-1e-999999,\"o\":-0}}".to_owned(),
        format!("{{\"data\":{{\"n\":{digits},\"m\":0.{digits},\"o\":-{digits}e{digits}}}}}"),
        format!("{{\"type\":{digits},\"time\":{digits},\"data\":{digits}}}"),
        "{\"type\":null,\"time\":\"-009999-01-01T00:00:00Z\",\"data\":null}".to_owned(),
        "{\"type\":{\"a\":[]},\"time\":1e308,\"data\":\"\"}".to_owned(),
        format!("{{\"type\":\"{}\",\"data\":{{}}}}", "t".repeat(100_000)),
        format!(
            "{{\"type\":\"a\u{202e}b\u{7f}\\u0007\",\"data\":{{\"symbol\":\"{}\"}}}}",
            "\u{1f600}".repeat(50_000)
        ),
        format!("{{\"data\":{{{}}}}}", many_keys.join(",")),
        "{\"data\":{\"a\":1,\"a\":2},\"data\":{\"a\":3}}".to_owned(),
        "{\"data\":{\"text\":\"{{ data }}{% for x in range(9) %}@everyone <!channel> [x](y)\"}}"
            .to_owned(),
    ]);
    let mut payloads: Vec<Vec<u8>> = texts.into_iter().map(String::into_bytes).collect();
    payloads.push(b"\xff\xfe{\"data\":1}".to_vec());
    payloads.push(b"{\"data\":\"\xc3\x28 \xf0\x9f\"}".to_vec());
    payloads
}

fn neighbour(number: usize) -> String {
    format!("{{\"type\":\"neighbour\",\"data\":{{\"text\":\"neighbour {number}.\"}}}}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn feed_b7_no_payload_harms_the_events_beside_it() {
    let (server, phones) = (Server::start().await, Phones::start().await);
    let source = server.source("type = \"/type\"\ntime = \"/time\"\ndata = \"/data\"");
    let sinks: String = SINKS
        .iter()
        .map(|(name, kind, more)| {
            phones
                .sink(name, *kind, more)
                .replace("/webhook\"", &format!("/webhook/{name}\""))
        })
        .collect();
    let names = SINKS.map(|(name, _, _)| format!("\"{name}\"")).join(", ");
    let mut bridge = Bridge::new(&format!(
        r#"http.listen = "127.0.0.1:0"
{source}{sinks}
[[rules]]
name = "never"
when = "data.n > 1 and data.text|length > 5 and data.a.b.c in data"
to = ["phone"]

[[rules]]
name = "all"
when = "event.type != 'x' or data.a.b == 3"
title = "{{{{ event.type }}}} {{{{ data }}}}"
message = "{{{{ data.text }}}} {{{{ data.n }}}} {{{{ data|tojson }}}}"
to = [{names}]
"#
    ));
    bridge.start();
    let mut visit = server.stream().await;
    let payloads = payloads();
    for (number, payload) in payloads.iter().enumerate() {
        visit.send(format!("data: {}\n\n", neighbour(number))).await;
        visit
            .send([b"data: ", &payload[..], b"\n\n"].concat())
            .await;
    }
    let last = payloads.len();
    visit.send(format!("data: {}\n\n", neighbour(last))).await;
    let taken_in = |ready: &Value| ready["sources"]["feed"]["events"] == 2 * last + 1;
    bridge.ready("every event", taken_in).await;
    let at = |name: &str, kind: Kind| -> Vec<Received> {
        let all = phones.handle.received_by(kind).into_iter();
        all.filter(|one| kind != Kind::Webhook || one.path.ends_with(name))
            .collect()
    };
    for (name, kind, _) in SINKS {
        let has = |all: &[Received], number: usize| {
            let text = format!("neighbour {number}.");
            all.iter()
                .any(|one| String::from_utf8_lossy(&one.body).contains(&text))
        };
        until(&format!("every neighbour at {name}"), || {
            let all = at(name, kind);
            (0..=last).all(|number| has(&all, number))
        })
        .await;
    }
    let done = |ready: &Value| {
        let sinks = SINKS.iter().map(|(name, _, _)| &ready["sinks"][name]);
        sinks
            .map(|sink| sink["delivered"].as_u64().unwrap_or_default())
            .all(|delivered| delivered == 2 * last as u64 + 1)
    };
    let ready = bridge.ready("every event at every sink", done).await;
    assert_eq!(ready.status, 200);
    assert_eq!(bridge.page("/").await.status, 200);
    let raw = at("raw", Kind::Webhook);
    for payload in payloads
        .iter()
        .filter(|payload| std::str::from_utf8(payload).is_ok())
    {
        let arrived = raw.iter().any(|one| one.body == payload[..]);
        assert!(
            arrived,
            "byte for byte: {:.80}",
            String::from_utf8_lossy(payload)
        );
    }
}

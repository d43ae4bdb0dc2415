//! What `explain` says of living notifications: the first message is shown, and how later ones change it.

use serde_json::{Value, json};

use super::{every_kind, explained};
use crate::harness::Bridge;

/// An event about a trade.
fn event(trade: &str) -> String {
    format!(
        r#"{{"type":"tp_hit","timestamp":"2026-06-11T08:00:00.000Z","data":{{"trade_id":{trade}}}}}"#
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dc_10_later_events_of_a_key_are_told_in_one_line() {
    let config = every_kind("host.example", "nothing");
    let bridge = Bridge::new(&format!("{config}update = \"data.trade_id\"\n"));
    let lines = [event("\"a\""), event("null"), event("\"\"")].join("\n");
    let shown = explained(&bridge, &lines, &["--source", "ttmt"]).await;
    assert_eq!(shown.status, Some(0), "{shown:?}");
    let of = |trade: &str, later: &str| {
        format!("    one notification for each `data.trade_id`, {trade}: {later}")
    };
    let edit = "later events edit it by";
    let never = |kind: &str| {
        format!("    `update` changes nothing: {kind} has no notification that can be changed")
    };
    let alone = "it has a notification of its own";
    let told: Vec<&str> = shown
        .out
        .lines()
        .filter(|line| line.contains("one notification") || line.contains("`update`"))
        .collect();
    let mut expected = Vec::new();
    for (trade, discord, ntfy, telegram) in [
        (
            "here `a`",
            format!("{edit} PATCH http://host.example/api/webhooks/…/…/messages/MESSAGE_ID"),
            "later events go the same way and replace it",
            format!("{edit} POST http://host.example/bot…/editMessageText"),
        ),
        (
            "which is missing",
            alone.to_owned(),
            alone,
            alone.to_owned(),
        ),
        ("here ``", alone.to_owned(), alone, alone.to_owned()),
    ] {
        expected.extend([
            never("webhook"),
            of(trade, &discord),
            never("slack"),
            of(trade, ntfy),
            of(trade, &telegram),
            never("mqtt"),
            never("exec"),
        ]);
    }
    assert_eq!(told, expected);
    assert!(!shown.out.contains("4200000000000000042"), "{shown:?}");

    let events = explained(&bridge, &lines, &["--source", "ttmt", "--json"])
        .await
        .json();
    let update =
        |line: usize, sink: usize| -> &Value { &events[line]["deliveries"][sink]["update"] };
    let later = json!({ "method": "PATCH", "url": "http://host.example/api/webhooks/…/…/messages/MESSAGE_ID" });
    assert_eq!(
        *update(0, 1),
        json!({ "by": "data.trade_id", "key": "a", "later": later })
    );
    assert_eq!(update(0, 0)["later"], Value::Null);
    assert_eq!(
        *update(1, 1),
        json!({ "by": "data.trade_id", "key": null, "later": null })
    );
    let first = &events[0]["deliveries"][1]["request"];
    assert_eq!(first["method"], "POST", "the first one is shown");

    let script = explained(&bridge, &lines, &["--source", "ttmt", "--curl"]).await;
    let comment = "# the first one of its key, which later events change\n";
    assert_eq!(script.out.matches(comment).count(), 3, "{script:?}");

    bridge.configure(&config);
    let without = explained(&bridge, &lines, &["--source", "ttmt"]).await;
    assert!(!without.out.contains("one notification"), "{without:?}");
}

//! One delivery: what it is, in whole, and a table of its attempts.

use serde_json::Value;

use super::super::instance::Instance;
use super::super::table::{self, Table};
use super::super::{Exit, output};

pub(super) async fn run(instance: &Instance, id: &str, json: bool) -> anyhow::Result<Exit> {
    let delivery = match instance.get(&["deliveries", id], &[]).await?.granted() {
        Ok(delivery) => delivery,
        Err(exit) => return Ok(exit),
    };
    if json {
        output::line(&delivery.to_string());
        return Ok(Exit::Done);
    }
    let event = &delivery["event"];
    let backfilled = event["backfilled"].as_bool().filter(|fetched| *fetched);
    let facts = [
        ("id", text(&delivery["id"])),
        ("state", text(&delivery["state"])),
        ("reason", text(&delivery["reason"])),
        ("sink", text(&delivery["sink"])),
        ("rule", text(&delivery["rule"])),
        ("event", text(&event["type"])),
        ("source", text(&event["source"])),
        ("event id", text(&event["id"])),
        ("event time", text(&event["time"])),
        (
            "backfilled",
            backfilled.map(|_| "yes".to_owned()).unwrap_or_default(),
        ),
        ("created", text(&delivery["created"])),
        ("next attempt", text(&delivery["next_attempt"])),
        ("attempts", text(&delivery["attempts"])),
        ("replayed from", text(&delivery["replayed_from"])),
    ];
    for (name, value) in facts.iter().filter(|(_, value)| !value.is_empty()) {
        output::line(&format!("{name:<14}{}", table::printable(value)));
    }
    let tries = delivery["tries"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    if tries.is_empty() {
        return Ok(Exit::Done);
    }
    let mut rows = Table::new(&[
        ("TRY", false),
        ("AT", false),
        ("STATUS", false),
        ("MS", false),
        ("OUTCOME", false),
        ("REASON", true),
        ("ANSWER", true),
    ]);
    for one in tries {
        rows.row(&[
            &text(&one["number"]),
            &text(&one["at"]),
            &text(&one["status"]),
            &text(&one["duration_ms"]),
            &text(&one["outcome"]),
            &text(&one["reason"]),
            &text(&one["answer"]),
        ]);
    }
    output::line("");
    for line in rows.lines(table::columns()) {
        output::line(&line);
    }
    Ok(Exit::Done)
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

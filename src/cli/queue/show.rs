//! One delivery: what it is, in whole, and a table of its attempts.

use serde_json::Value;

use super::super::instance::Instance;
use super::super::table::{self, Table};
use super::super::{Exit, output};

/// Before the value of a fact.
const NAME_COLUMNS: usize = 14;

pub(super) async fn run(instance: &Instance, id: &str, json: bool) -> anyhow::Result<Exit> {
    let answer = instance.get(&["deliveries", id], &[]).await?;
    let delivery = answer.granted("id", &[])?;
    if json {
        output::document(&delivery);
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
        ("in place of", text(&delivery["instead_of"])),
        ("fallback", text(&delivery["fallback"])),
        ("with others", text(&delivery["merged"])),
    ];
    let columns = table::columns();
    for (name, value) in facts.iter().filter(|(_, value)| !value.is_empty()) {
        for line in fact(name, value, columns) {
            output::line(&line);
        }
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
    for line in rows.lines(columns) {
        output::line(&line);
    }
    Ok(Exit::Done)
}

/// One fact. On a terminal it is one line, which ends where the terminal does; but a reason, which somebody
/// has to read to its end, goes on in further ones.
fn fact(name: &str, value: &str, columns: Option<usize>) -> Vec<String> {
    let value = table::printable(value);
    let Some(columns) = columns else {
        return vec![format!("{name:<NAME_COLUMNS$}{value}")];
    };
    let room = columns.saturating_sub(NAME_COLUMNS);
    let lines = match name {
        "reason" => table::wrapped(&value, room),
        _ => vec![value],
    };
    let names = std::iter::once(name).chain(std::iter::repeat(""));
    let lines = names
        .zip(lines)
        .map(|(name, line)| table::cut(&format!("{name:<NAME_COLUMNS$}{line}"), columns));
    lines.collect()
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_a_terminal_a_fact_is_cut_and_a_reason_goes_on() {
        let kind = "x".repeat(10_000);
        let expected = format!("event         {}…", "x".repeat(25));
        assert_eq!(fact("event", &kind, Some(40)), [expected]);
        let whole = format!("event         {kind}");
        assert_eq!(fact("event", &kind, None), [whole]);
        let reason = "422 Unprocessable Entity: the field `x` is missing";
        let expected = [
            "reason        422 Unprocessable Entity:",
            "              the field `x` is missing",
        ];
        assert_eq!(fact("reason", reason, Some(40)), expected);
        assert_eq!(fact("reason", &kind, Some(10)), ["reason   …"]);
    }
}

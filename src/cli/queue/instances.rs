//! The instances that share a queue: an array as JSON, or a table.

use serde_json::Value;

use super::super::instance::Instance;
use super::super::table::{self, Table};
use super::super::{Exit, output};

/// Instances that are asked for at once; nobody has more.
const PAGE: &str = "100";

pub(super) async fn run(instance: &Instance, json: bool) -> anyhow::Result<Exit> {
    let limit = [("limit", PAGE.to_owned())];
    let answer = instance.get(&["instances"], &limit).await?;
    let answered = answer.granted("data", &[])?;
    let found = answered["data"].as_array().cloned().unwrap_or_default();
    if json {
        found.iter().for_each(output::item);
        output::end_of_items();
        return Ok(Exit::Done);
    }
    if found.is_empty() {
        output::line("the queue is not shared, or nobody works on it");
        return Ok(Exit::Done);
    }
    let mut rows = Table::new(&[
        ("ID", false),
        ("HOST", true),
        ("VERSION", false),
        ("CONFIG", false),
        ("STATE", false),
        ("DUTIES", true),
    ]);
    for one in &found {
        let text = |key: &str| one[key].as_str().unwrap_or_default();
        let is = |key: &str| one[key].as_bool().unwrap_or_default();
        let duties = one["duties"].as_array().into_iter().flatten();
        let duties: Vec<&str> = duties.filter_map(Value::as_str).collect();
        rows.row(&[
            text("id"),
            text("host"),
            text("version"),
            text("config"),
            match (is("gone"), is("differs")) {
                (true, _) => "gone",
                (false, true) => "working, differs",
                (false, false) => "working",
            },
            &duties.join(", "),
        ]);
    }
    for line in rows.lines(table::columns()) {
        output::line(&line);
    }
    Ok(Exit::Done)
}

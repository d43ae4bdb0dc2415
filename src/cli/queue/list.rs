//! The list: an array as JSON, or a table.

use serde_json::Value;

use super::super::instance::Instance;
use super::super::table::{self, Table};
use super::super::{Exit, output};
use super::Filter;
use crate::clock::Clock;

/// Rows of the table, unless told otherwise.
const ROWS: usize = 50;

/// Most deliveries that are asked for at once.
const PAGE: usize = 100;

pub(super) async fn run(instance: &Instance, filter: &Filter, json: bool) -> anyhow::Result<Exit> {
    let limit = filter.limit.map(std::num::NonZero::get);
    if json {
        let limit = limit.unwrap_or(usize::MAX);
        pages(instance, filter, limit, output::item).await?;
        output::end_of_items();
        return Ok(Exit::Done);
    }
    let now = Clock::system().now();
    let mut rows = Table::new(&[
        ("ID", false),
        ("STATE", false),
        ("SINK", true),
        ("TYPE", true),
        ("TRIES", false),
        ("AGE", false),
        ("REASON", true),
    ]);
    let mut count = 0;
    let has_more = pages(instance, filter, limit.unwrap_or(ROWS), |delivery| {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let age = delivery["created"]
            .as_str()
            .and_then(|text| text.parse().ok());
        let age = age.map(|created| now.duration_since(created).unsigned_abs());
        let kind = text(&delivery["event"]["type"]);
        let kind = match delivery["merged"].as_u64() {
            Some(others) => format!("{kind} +{others}"),
            None => kind,
        };
        rows.row(&[
            &text(&delivery["id"]),
            &text(&delivery["state"]),
            &text(&delivery["sink"]),
            &kind,
            &delivery["attempts"].to_string(),
            &age.map(rough).unwrap_or_default(),
            &text(&delivery["reason"]),
        ]);
        count += 1;
    });
    let has_more = has_more.await?;
    if count == 0 {
        output::line("no deliveries");
        return Ok(Exit::Done);
    }
    for line in rows.lines(table::columns()) {
        output::line(&line);
    }
    if has_more {
        output::complain("there are more: `--limit` shows them");
    }
    Ok(Exit::Done)
}

/// Hands on up to `limit` deliveries, page by page; answers whether there are more.
async fn pages(
    instance: &Instance,
    filter: &Filter,
    limit: usize,
    mut each: impl FnMut(&Value),
) -> anyhow::Result<bool> {
    let mut left = limit;
    let mut after = None;
    loop {
        let mut parameters = vec![("limit", left.min(PAGE).to_string())];
        parameters.extend(filter.sink.clone().map(|sink| ("sink", sink)));
        parameters.extend(filter.since.clone().map(|since| ("since", since)));
        let state = filter.state.map(|state| state.as_str().to_owned());
        parameters.extend(state.map(|state| ("state", state)));
        parameters.extend(after.take().map(|after| ("after", after)));
        let answer = instance.get(&["deliveries"], &parameters).await?;
        // A name that no sink has is a mistake of the command line.
        let page = answer.granted("data", &[400, 404])?;
        let deliveries = page["data"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        deliveries.iter().for_each(&mut each);
        left = left.saturating_sub(deliveries.len());
        after = page["next_cursor"].as_str().map(str::to_owned);
        if left == 0 || after.is_none() {
            return Ok(after.is_some());
        }
    }
}

/// An age by its largest unit.
fn rough(age: std::time::Duration) -> String {
    match age.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds @ 60..3_600 => format!("{} min", seconds / 60),
        seconds @ 3_600..172_800 => format!("{} h", seconds / 3_600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

//! What trying came to, as lines for people and as one document for scripts.
//!
//! A file of its own because it is pure. The texts in it have been cleaned where they came in.

use serde_json::{Value, json};

use super::super::failed::Failed;
use super::count;
use crate::app::{Plan, Refused, Trial, Tried, TriedSource};
use crate::sinks::Heard;
use crate::sources::ttmt_rest::TradingAccount;

/// Most accounts that are shown to people; a script gets all of them.
const ACCOUNTS_MAX: usize = 20;

/// A line for each source and each sink, and one for each account below its source.
pub(in crate::cli) fn lines(tried: &Tried) -> Vec<String> {
    let mut lines = Vec::new();
    lines.extend(tried.store.as_ref().map(|(place, heard)| {
        let (word, text) = told(heard);
        format!("store ({place}): {word}, {text}")
    }));
    for source in &tried.sources {
        let left = source.requests_left.map(|left| {
            let requests = usize::try_from(left).unwrap_or(usize::MAX);
            format!("; {} left this minute", count(requests, "request"))
        });
        lines.push(format!(
            "source {}{}",
            line(&source.trial),
            left.unwrap_or_default()
        ));
        lines.extend(source.accounts.iter().take(ACCOUNTS_MAX).map(account));
        let more = source.accounts.len().saturating_sub(ACCOUNTS_MAX);
        if more > 0 {
            lines.push(format!("  and {more} more, all of them with `--json`"));
        }
    }
    for sink in &tried.sinks {
        let sent = match sink.heard {
            Ok(_) => "; nothing was sent",
            Err(_) => "",
        };
        lines.push(format!("sink {}{sent}", line(sink)));
    }
    lines.extend(tried.heartbeat.as_ref().map(|place| {
        format!("heartbeat ({place}): not tried, since it would say that all is well")
    }));
    lines
}

fn line(trial: &Trial) -> String {
    let (word, text) = told(&trial.heard);
    format!("{} ({}): {word}, {text}", trial.name, trial.place)
}

/// A word for what was heard, and what it was.
fn told(heard: &Heard) -> (&str, &str) {
    match heard {
        Ok(fine) => ("ok", fine),
        Err(reason) => ("failed", reason),
    }
}

fn account(account: &TradingAccount) -> String {
    let known = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let id = known(&account.account_id).unwrap_or_else(|| "(no id)".to_owned());
    let label = known(&account.label).unwrap_or_else(|| "(no label)".to_owned());
    let rest = [&account.kind, &account.currency, &account.state];
    let rest: Vec<String> = rest.into_iter().filter_map(known).collect();
    match rest.is_empty() {
        true => format!("  {id}  {label}"),
        false => format!("  {id}  {label} ({})", rest.join(", ")),
    }
}

/// The same as one document.
pub(super) fn json(tried: &Tried, warnings: &[String]) -> Value {
    let sources = tried.sources.iter().map(source).collect();
    let store = tried.store.as_ref().map(|(place, heard)| {
        json!({ "place": place, "ok": heard.is_ok(), "reason": heard.as_ref().err() })
    });
    let sinks = tried.sinks.iter().map(trial).collect();
    valid(store.into(), sources, sinks, warnings)
}

/// The document when only the file was looked at.
pub(super) fn untried(plan: &Plan, warnings: &[String]) -> Value {
    let config = &plan.config;
    let store = plan
        .home
        .server()
        .map(|server| json!({ "place": server.shown(), "ok": null, "reason": null }));
    let sources = config.sources.iter().map(|source| {
        json!({
            "name": source.name.as_str(), "kind": source.kind, "ok": null, "reason": null,
            "accounts": [], "requests_left": null,
        })
    });
    let sinks = config.sinks.iter().map(
        |sink| json!({ "name": sink.name.as_str(), "kind": sink.kind, "ok": null, "reason": null }),
    );
    valid(store.into(), sources.collect(), sinks.collect(), warnings)
}

fn valid(store: Value, sources: Vec<Value>, sinks: Vec<Value>, warnings: &[String]) -> Value {
    json!({
        "valid": true, "mistakes": [], "warnings": warnings, "store": store, "sources": sources,
        "sinks": sinks,
    })
}

/// A wrong file: the same keys, and the mistakes in them.
pub(super) fn wrong(refused: Refused) -> Failed {
    let warnings = refused.warnings.iter();
    let report = std::iter::once(refused.report.clone())
        .chain(warnings.map(|text| warning(text)))
        .collect::<Vec<_>>()
        .join("\n");
    Failed::from(refused)
        .report(report)
        .with("valid", false)
        .with("store", Value::Null)
        .with("sources", json!([]))
        .with("sinks", json!([]))
}

/// A warning, as people read it.
pub(super) fn warning(warning: &str) -> String {
    format!("warning: {warning}")
}

fn source(source: &TriedSource) -> Value {
    let accounts = source.accounts.iter().map(|account| {
        json!({
            "account_id": account.account_id,
            "label": account.label,
            "type": account.kind,
            "currency": account.currency,
            "state": account.state,
        })
    });
    let mut document = trial(&source.trial);
    document["accounts"] = accounts.collect();
    document["requests_left"] = source.requests_left.into();
    document
}

fn trial(trial: &Trial) -> Value {
    json!({
        "name": trial.name.as_str(),
        "kind": trial.kind,
        "ok": trial.heard.is_ok(),
        "reason": trial.heard.as_ref().err(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Name;

    fn tried(name: &str, kind: &str, heard: Result<&str, &str>) -> Trial {
        Trial {
            name: Name::new(name).expect("a name"),
            kind: kind.to_owned(),
            place: "host".to_owned(),
            heard: heard.map(str::to_owned).map_err(str::to_owned),
        }
    }

    fn account_of(id: &str) -> TradingAccount {
        let text = |text: &str| Some(text.to_owned());
        TradingAccount {
            account_id: text(id),
            label: text("Main Live"),
            kind: text("live"),
            currency: text("USD"),
            state: text("deployed"),
        }
    }

    fn source_of(heard: Result<&str, &str>, accounts: Vec<TradingAccount>) -> TriedSource {
        TriedSource {
            trial: tried("ttmt", "ttmt", heard),
            accounts,
            requests_left: Some(29),
        }
    }

    #[test]
    fn each_source_and_sink_has_one_line_and_each_account_one_below_it() {
        let bare = TradingAccount {
            account_id: Some("2".to_owned()),
            label: Some(String::new()),
            ..TradingAccount::default()
        };
        let mut feed = source_of(Err("answered 404 Not Found"), Vec::new());
        feed.trial.name = Name::new("feed").expect("a name");
        feed.requests_left = None;
        let tried = Tried {
            store: Some((
                "db.example/alerts".to_owned(),
                Ok("PostgreSQL 15, the queue is there".to_owned()),
            )),
            sources: vec![
                source_of(Ok("the key is valid"), vec![account_of("1"), bare]),
                feed,
            ],
            sinks: vec![
                tried("phone", "ntfy", Ok("the server is healthy")),
                tried("desk", "slack", Err("connection refused")),
            ],
            heartbeat: Some("hc-ping.com #ab12".to_owned()),
        };
        assert!(!tried.is_fine());
        assert_eq!(
            lines(&tried),
            [
                "store (db.example/alerts): ok, PostgreSQL 15, the queue is there",
                "source ttmt (host): ok, the key is valid; 29 requests left this minute",
                "  1  Main Live (live, USD, deployed)",
                "  2  (no label)",
                "source feed (host): failed, answered 404 Not Found",
                "sink phone (host): ok, the server is healthy; nothing was sent",
                "sink desk (host): failed, connection refused",
                "heartbeat (hc-ping.com #ab12): not tried, since it would say that all is well",
            ]
        );
        let document = json!({
            "valid": true,
            "mistakes": [],
            "warnings": ["hardly meant"],
            "store": { "place": "db.example/alerts", "ok": true, "reason": null },
            "sources": [
                {
                    "name": "ttmt", "kind": "ttmt", "ok": true, "reason": null,
                    "accounts": [
                        {
                            "account_id": "1", "label": "Main Live", "type": "live",
                            "currency": "USD", "state": "deployed",
                        },
                        {
                            "account_id": "2", "label": "", "type": null,
                            "currency": null, "state": null,
                        },
                    ],
                    "requests_left": 29,
                },
                {
                    "name": "feed", "kind": "ttmt", "ok": false,
                    "reason": "answered 404 Not Found", "accounts": [], "requests_left": null,
                },
            ],
            "sinks": [
                { "name": "phone", "kind": "ntfy", "ok": true, "reason": null },
                { "name": "desk", "kind": "slack", "ok": false, "reason": "connection refused" },
            ],
        });
        assert_eq!(json(&tried, &["hardly meant".to_owned()]), document);
    }

    #[test]
    fn people_see_20_accounts_and_scripts_all() {
        let accounts = (0..23).map(|id| account_of(&id.to_string())).collect();
        let tried = Tried {
            store: None,
            sources: vec![source_of(Ok("the key is valid"), accounts)],
            sinks: Vec::new(),
            heartbeat: None,
        };
        let lines = lines(&tried);
        assert_eq!(lines.len(), 1 + 20 + 1);
        assert_eq!(lines[21], "  and 3 more, all of them with `--json`");
        let document = json(&tried, &[]);
        assert_eq!(
            document["sources"][0]["accounts"].as_array().map(Vec::len),
            Some(23)
        );
    }
}

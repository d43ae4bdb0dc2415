//! What would become of an event, as one JSON object.

use serde_json::{Map, Value, json};

use super::text::HIDDEN;
use crate::app::explain::{Counted, Delivery, Explained, RuleTold, Shared, Shown, Told, Update};
use crate::rules::Why;
use crate::sinks::EXAMPLE_SECRET;

pub(super) fn event(number: u64, told: &Told) -> Value {
    let (from, kind) = match told {
        Told::Event(explained) => (&explained.from, &*explained.event.kind),
        Told::Control { from, kind } => (from, *kind),
    };
    let mut document = json!({
        "line": number,
        "source": from.source.as_str(),
        "source_assumed": from.is_assumed,
        "type": kind,
        "control": matches!(told, Told::Control { .. }),
    });
    let (rules, deliveries) = match told {
        Told::Control { .. } => (Vec::new(), Vec::new()),
        Told::Event(explained) => {
            let Explained {
                event,
                rules,
                deliveries,
                ..
            } = &**explained;
            document["id"] = json!(event.id.as_deref());
            document["time"] = json!(event.time.map(super::moment));
            document["backfilled"] = json!(event.backfilled);
            let deliveries = deliveries.iter().map(delivery).collect();
            (rules.iter().map(rule).collect(), deliveries)
        }
    };
    document["rules"] = Value::Array(rules);
    document["deliveries"] = Value::Array(deliveries);
    document
}

fn rule(told: &RuleTold) -> Value {
    let word = match &told.why {
        Why::Matched => None,
        Why::Source => Some("source"),
        Why::Type => Some("type"),
        Why::Backfilled => Some("backfilled"),
        Why::Hours(_) => Some("hours"),
        Why::When { .. } => Some("when"),
        Why::Fault(_) => Some("fault"),
    };
    let mut document = json!({
        "rule": &*told.rule,
        "matches": told.why == Why::Matched,
        "why_not": word,
        "reason": told.reason,
    });
    if let Why::When { condition } = &told.why {
        document["when"] = json!(condition);
        let causes = told.causes.iter().map(|cause| {
            let seen = cause.seen.iter();
            let seen = seen.map(|seen| json!({ "name": seen.name, "value": seen.value }));
            let seen: Vec<Value> = seen.collect();
            json!({ "part": cause.part, "is": cause.holds, "values": seen })
        });
        document["causes"] = causes.collect();
    }
    document
}

fn delivery(delivery: &Delivery) -> Value {
    let mut document = json!({
        "sink": delivery.sink.as_str(),
        "kind": delivery.kind,
        "place": delivery.place,
        "rule": &*delivery.rule,
        "priority": delivery.priority,
        "expires_seconds": delivery.expires.map(|limit| limit.as_secs()),
        "expired": delivery.too_old.is_some(),
        "quiet": delivery.is_quiet,
        "bundle": delivery.bundle.as_ref().map(shared),
        "throttle": delivery.throttle.as_ref().map(counted),
        "ordered": delivery.ordered.as_ref().map(counted),
        "fallback": delivery.fallback.as_ref().map(|(sink, after)| {
            json!({ "to": sink.as_str(), "after_seconds": after.as_secs_f64() })
        }),
        "update": delivery.update.as_ref().map(|told| update(delivery, told)),
    });
    if !delivery.left_out.is_empty() {
        let left_out = delivery
            .left_out
            .iter()
            .map(|one| json!({ "button": one.button, "option": one.option, "fault": one.fault }));
        document["left_out"] = left_out.collect();
    }
    match &delivery.request {
        Ok(shown) => document["request"] = request(delivery, shown),
        Err(reason) => document["error"] = json!(reason),
    }
    document
}

fn counted(counted: &Counted) -> Value {
    let mut document = Map::new();
    if let Some((limit, per)) = counted.limit {
        document.insert("limit".to_owned(), json!(limit));
        document.insert("per_seconds".to_owned(), json!(per.as_secs_f64()));
    }
    document.insert("by".to_owned(), json!(counted.by));
    if counted.by.is_some() {
        document.insert("key".to_owned(), json!(counted.key));
    }
    if let Some(fault) = &counted.fault {
        document.insert("fault".to_owned(), json!(fault));
    }
    Value::Object(document)
}

fn shared(shared: &Shared) -> Value {
    let mut document = counted(&shared.by);
    document["closes"] = json!(shared.closes.map(|closes| format!("{closes:.3}")));
    document["digest"] = json!(shared.is_digest);
    document
}

fn update(delivery: &Delivery, update: &Update) -> Value {
    let mut document = counted(&update.by);
    document["later"] = json!(update.later.as_ref().map(|later| {
        let url = delivery.shown(&later.url, |_| HIDDEN.to_owned());
        json!({ "method": later.method, "url": url })
    }));
    document
}

fn request(delivery: &Delivery, shown: &Shown) -> Value {
    let open = |text: &str| delivery.shown(text, |_| HIDDEN.to_owned());
    let pairs = |pairs: &[(&'static str, String)]| -> Map<String, Value> {
        let pairs = pairs.iter();
        let pairs = pairs.map(|(name, value)| ((*name).to_owned(), json!(open(value))));
        pairs.collect()
    };
    match shown {
        Shown::Http {
            method,
            url,
            headers,
            is_signed,
            body,
        } => {
            let headers = headers.iter().map(|header| {
                let value = header
                    .value
                    .as_deref()
                    .map_or_else(|| HIDDEN.to_owned(), open);
                (header.name.clone(), json!(value))
            });
            let headers: Map<String, Value> = headers.collect();
            json!({
                "method": method, "url": open(url), "headers": headers, "body": open(body),
                "signed_with": is_signed.then_some(EXAMPLE_SECRET),
            })
        }
        Shown::Mqtt {
            broker,
            has_login,
            topic,
            properties,
            body,
        } => json!({
            "broker": open(broker), "login": has_login.then_some(HIDDEN), "topic": open(topic),
            "properties": pairs(properties), "body": open(body),
        }),
        Shown::Program {
            program,
            arguments,
            environment,
            body,
        } => json!({
            "program": open(program), "arguments": vec![HIDDEN; *arguments],
            "environment": pairs(environment), "body": open(body),
        }),
    }
}

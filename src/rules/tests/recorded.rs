//! The recorded events of the upstream through a set of rules, against the same questions asked in
//! plain code.

use serde_json::Value;

use super::{RuleConfig, compile, event, name, routes, rule, types};
use crate::expr::{Scope, Template};

const EVENTS: &str = include_str!("../../../tests/fixtures/events.jsonl");

/// Each recorded event as its type and its data.
fn recorded() -> impl Iterator<Item = (String, Value)> {
    EVENTS.lines().map(|line| {
        let mut whole: Value = serde_json::from_str(line).expect("the fixture is JSON");
        let kind = whole["type"].as_str().expect("has a type").to_owned();
        (kind, whole["data"].take())
    })
}

/// A rule that sends to a sink of its own.
fn to(sink: &str, patterns: &[&str], when: Option<&str>) -> RuleConfig {
    RuleConfig {
        events: types(patterns),
        when: when.map(str::to_owned),
        to: vec![name(sink)],
        ..rule(sink)
    }
}

#[test]
fn every_recorded_event_goes_where_it_should() {
    let rules = compile(vec![
        to("tp", &["tp_hit"], None),
        to(
            "gold-wins",
            &["*"],
            Some(r#"data.symbol == "XAUUSD" and data.realized_pl > 0"#),
        ),
        to("losses", &["*"], Some("data.realized_pl < 0")),
        to("not-gold", &["*"], Some(r#"data.symbol != "XAUUSD""#)),
        to("orders", &["order_*"], None),
        to("by-hand", &["position_*"], Some("data.signal is none")),
        to("first-level", &["*"], Some("data.tp_level in [1]")),
    ]);
    let mut reached = std::collections::BTreeSet::new();
    for (kind, data) in recorded() {
        let gold = data["symbol"].as_str().map(|symbol| symbol == "XAUUSD");
        let result = data["realized_pl"].as_f64();
        let expected: Vec<String> = [
            ("tp", kind == "tp_hit"),
            (
                "gold-wins",
                gold == Some(true) && result.is_some_and(|result| result > 0.0),
            ),
            ("losses", result.is_some_and(|result| result < 0.0)),
            ("not-gold", gold == Some(false)),
            ("orders", kind.starts_with("order_")),
            (
                "by-hand",
                kind.starts_with("position_") && data["signal"].is_null(),
            ),
            ("first-level", data["tp_level"].as_i64() == Some(1)),
        ]
        .iter()
        .filter(|(_, matches)| *matches)
        .map(|(sink, _)| format!("{sink}<{sink}"))
        .collect();
        let subject = event(&kind, &data.to_string());
        assert_eq!(routes(&rules, &subject), expected, "{kind}: {data}");
        assert_eq!(rules.routes(&subject).faults, []);
        reached.extend(expected);
    }
    assert_eq!(reached.len(), 7, "the fixture reaches every rule");
}

#[test]
fn every_recorded_number_prints_as_it_was_sent() {
    let template =
        Template::compile("{% for key, value in data|items %}{{ key }}={{ value }};{% endfor %}")
            .expect("right");
    for (kind, data) in recorded() {
        let text = template
            .render(&Scope::new(&event(&kind, &data.to_string())))
            .expect("renders");
        let numbers = data
            .as_object()
            .into_iter()
            .flatten()
            .filter_map(|(key, value)| Some(format!("{key}={};", value.as_number()?)));
        for number in numbers {
            assert!(text.contains(&number), "{number} in {text}");
        }
    }
}

//! What rules decide, as tables. Each file holds one part of it.

mod beyond;
mod collected;
mod mistakes;
mod recorded;
mod routing;

use bytes::Bytes;
use jiff::Timestamp;

use super::Rules;
use crate::config::{Backfilled, DigestConfig, Problems, RuleConfig};
use crate::model::{DataAt, Event, Name};

fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

/// A rule that sends everything to the sink `phone`.
fn rule(title: &str) -> RuleConfig {
    RuleConfig {
        path: "rules[0]".to_owned(),
        name: title.to_owned(),
        from: None,
        events: None,
        when: None,
        to: vec![name("phone")],
        title: None,
        message: None,
        priority: None,
        expires: None,
        throttle: None,
        coalesce: None,
        digest: None,
        update: None,
        hours: None,
        backfilled: Backfilled::Ring,
        fallback: None,
    }
}

fn digest(at: &str, zone: &str) -> DigestConfig {
    DigestConfig {
        at: at.to_owned(),
        key: "digest.at",
        zone: zone.to_owned(),
        zone_key: "digest.zone",
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn types(patterns: &[&str]) -> Option<Vec<String>> {
    Some(patterns.iter().map(|&text| text.to_owned()).collect())
}

fn compile(mut configs: Vec<RuleConfig>) -> Rules {
    for (position, config) in configs.iter_mut().enumerate() {
        config.path = format!("rules[{position}]");
    }
    let problems = Problems::default();
    let rules = Rules::compile(&configs, &problems);
    assert_eq!(problems.list(), []);
    rules
}

/// An event of the source `ttmt` whose whole payload is its data.
fn event(kind: &str, data: &str) -> Event {
    Event {
        source: name("ttmt"),
        id: None,
        kind: kind.into(),
        time: None,
        received: Timestamp::from_second(1_800_000_000).expect("in range"),
        backfilled: false,
        about: None,
        identity: None,
        payload: Bytes::copy_from_slice(data.as_bytes()),
        data: DataAt::Json {
            start: 0,
            end: data.len(),
        },
    }
}

/// Routes as `sink<rule`.
fn routes(rules: &Rules, event: &Event) -> Vec<String> {
    rules
        .routes(event)
        .routes
        .iter()
        .map(|route| format!("{}<{}", route.sink, route.rule))
        .collect()
}

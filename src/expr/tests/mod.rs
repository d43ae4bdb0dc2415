//! What the language promises, as tables. Each file holds one promise.

mod arguments;
mod explaining;
mod hostile;
mod literal;
mod names;
mod printing;
mod same_as_engine;
mod semantics;
mod traders;

use bytes::Bytes;
use jiff::Timestamp;

use super::{Expression, Fault, Mistake, Scope, Template};
use crate::model::{DataAt, Event, Name};

/// An event whose whole payload is its data.
fn event(data: &str) -> Event {
    let is_json = serde_json::from_str::<serde::de::IgnoredAny>(data).is_ok();
    Event {
        source: Name::new("ttmt").expect("a name"),
        id: Some("211".into()),
        kind: "tp_hit".into(),
        time: "2026-06-11T07:58:03.612Z".parse().ok(),
        received: Timestamp::from_second(1_800_000_000).expect("in range"),
        backfilled: false,
        about: None,
        identity: None,
        payload: Bytes::copy_from_slice(data.as_bytes()),
        data: if is_json {
            DataAt::Json {
                start: 0,
                end: data.len(),
            }
        } else {
            DataAt::Text
        },
    }
}

fn matches(source: &str, data: &str) -> Result<bool, Fault> {
    Expression::compile(source)
        .unwrap_or_else(|mistakes| panic!("{source}: {mistakes:?}"))
        .matches(&Scope::new(&event(data)))
}

/// The one mistake of a text that has one.
fn mistake<T: std::fmt::Debug>(source: &str, compiled: Result<T, Vec<Mistake>>) -> Mistake {
    let mut mistakes = compiled.expect_err(source);
    assert_eq!(mistakes.len(), 1, "{source}: {mistakes:?}");
    mistakes.remove(0)
}

fn render(source: &str, data: &str) -> Result<String, Fault> {
    Template::compile(source)
        .unwrap_or_else(|mistakes| panic!("{source}: {mistakes:?}"))
        .render(&Scope::new(&event(data)))
}

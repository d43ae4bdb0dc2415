//! What watches hear, as a table, and the mistakes in them.

use bytes::Bytes;

use super::*;
use crate::model::DataAt;

fn config(from: Option<&[&str]>, events: Option<&[&str]>) -> WatchConfig {
    let name = |text: &&str| Name::new(text).expect("a name");
    let owned = |text: &&str| (*text).to_owned();
    WatchConfig {
        path: "watches[0]".to_owned(),
        name: "it".to_owned(),
        from: from.map(|from| from.iter().map(name).collect()),
        events: events.map(|events| events.iter().map(owned).collect()),
        silent_for: Duration::from_secs(60),
        hours: None,
    }
}

fn event(source: &str, kind: &str) -> Event {
    Event {
        source: Name::new(source).expect("a name"),
        id: None,
        kind: kind.into(),
        time: None,
        received: Timestamp::UNIX_EPOCH,
        backfilled: false,
        about: None,
        identity: None,
        payload: Bytes::new(),
        data: DataAt::Missing,
    }
}

/// Which of these events a watch hears.
#[track_caller]
fn check(config: WatchConfig, events: &[(&str, &str)], expected: &[usize]) {
    let problems = Problems::default();
    let watches = Watches::compile(&[config], &problems);
    assert_eq!(problems.list(), []);
    let events: Vec<_> = events
        .iter()
        .map(|(source, kind)| (event(source, kind), Vec::new()))
        .collect();
    let heard = watches.heard(&events);
    let places: Vec<usize> = heard.into_iter().flat_map(|heard| heard.events).collect();
    assert_eq!(places, expected);
}

#[test]
fn it_hears_what_a_rule_would_hear() {
    let events = [
        ("ttmt", "position_update"),
        ("feed", "position_update"),
        ("ttmt", "tp_hit"),
        ("ttmt", "TP_HIT"),
        ("bellwire", "bellwire.gap"),
        ("bellwire", "bellwire.silence"),
        ("bellwire", "bellwire.silence_over"),
    ];
    check(config(None, None), &events, &[0, 1, 2, 3]);
    check(config(Some(&["ttmt"]), None), &events, &[0, 2, 3]);
    check(config(None, Some(&["position_*"])), &events, &[0, 1]);
    check(config(Some(&["feed"]), Some(&["tp_hit"])), &events, &[]);
    check(config(None, Some(&["tp_hit", "x"])), &events, &[2]);
    check(config(None, Some(&["bellwire.*"])), &events, &[]);
    // What bellwire says of silences is no sign of life.
    check(config(Some(&["bellwire"]), None), &events, &[4]);
}

#[test]
fn a_pattern_that_is_none_is_told_at_its_place() {
    let problems = Problems::default();
    let watches = Watches::compile(&[config(None, Some(&["tp_hit", "tp_["]))], &problems);
    assert_eq!(watches.iter().count(), 0);
    let list = problems.list();
    assert_eq!(list.len(), 1, "{list:?}");
    assert_eq!(list[0].path, "watches[0].events[1]");
}

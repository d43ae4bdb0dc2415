//! Which rules match, in which order, and why others do not.

use std::time::Duration;

use super::{Event, RuleConfig, Rules, at, compile, event, name, routes, rule, types};
use crate::config::{Backfilled, HoursConfig, ThrottleConfig};
use crate::model::Route;
use crate::rules::Why;

/// Checks one rule against one event, by routing and by explaining.
fn check(config: &RuleConfig, event: &Event, expected: &Why) {
    let rules = compile(vec![config.clone()]);
    let why = rules.explain(event).remove(0).1;
    assert_eq!(&why, expected, "{config:?}");
    let routed = rules.routes(event);
    assert_eq!(routed.routes.len() == 1, why == Why::Matched, "{config:?}");
    assert_eq!(
        routed.faults.len() == 1,
        matches!(why, Why::Fault(_)),
        "{config:?}"
    );
}

#[test]
fn an_event_type_is_matched_by_name_or_pattern() {
    for (patterns, kind, expected) in [
        (&["tp_hit"][..], "tp_hit", true),
        (&["tp_hit"], "tp_hit2", false),
        (&["tp_hit"], "TP_HIT", false),
        (&["tp_*"], "tp_hit", true),
        (&["tp_*"], "tp_", true),
        (&["tp_*"], "TP_HIT", false),
        (&["*_hit"], "tp_hit", true),
        (&["*"], "anything at all/with.dots", true),
        (&["*"], "", true),
        (&["*"], "two\nlines", true),
        (&["tp?hit"], "tp_hit", true),
        (&["tp?hit"], "tp__hit", false),
        (&["[ts][pl]_hit"], "sl_hit", true),
        (&["[ts][pl]_hit"], "xl_hit", false),
        (&["bellwire.*"], "bellwire.gap", true),
        (&["a/*"], "a/b/c", true),
        (&["sl_hit", "tp_*"], "tp_hit", true),
        (&["sl_hit", "tp_*"], "signal", false),
        (&[], "tp_hit", false),
    ] {
        let config = RuleConfig {
            events: types(patterns),
            ..rule("r")
        };
        let why = if expected { Why::Matched } else { Why::Type };
        check(&config, &event(kind, "{}"), &why);
    }
}

#[test]
fn a_rule_without_from_listens_to_every_source_but_bellwire() {
    let mut subject = event("bellwire.gap", "{}");
    check(&rule("r"), &subject, &Why::Matched);
    subject.source = name("bellwire");
    check(&rule("r"), &subject, &Why::Source);
    for (from, source, expected) in [
        (vec!["bellwire"], "bellwire", Why::Matched),
        (vec!["bellwire"], "ttmt", Why::Source),
        (vec!["ttmt", "feed"], "feed", Why::Matched),
        (vec!["ttmt", "feed"], "other", Why::Source),
        (vec![], "ttmt", Why::Source),
    ] {
        let config = RuleConfig {
            from: Some(from.into_iter().map(name).collect()),
            ..rule("r")
        };
        subject.source = name(source);
        check(&config, &subject, &expected);
    }
}

#[test]
fn a_rule_may_skip_what_was_fetched_after_a_gap() {
    let mut subject = event("tp_hit", "{}");
    for (backfilled, live, fetched) in [
        (Backfilled::Ring, Why::Matched, Why::Matched),
        (Backfilled::Quiet, Why::Matched, Why::Matched),
        (Backfilled::Skip, Why::Matched, Why::Backfilled),
    ] {
        let config = RuleConfig {
            backfilled,
            ..rule("r")
        };
        subject.backfilled = false;
        check(&config, &subject, &live);
        subject.backfilled = true;
        check(&config, &subject, &fetched);
    }
}

#[test]
fn outside_its_hours_a_rule_sleeps_or_is_quiet() {
    let hours = |quiet: bool| RuleConfig {
        hours: Some(HoursConfig {
            days: [true, true, true, true, true, false, false],
            from_minute: 7 * 60,
            to_minute: 22 * 60,
            zone: "Europe/Berlin".to_owned(),
            quiet,
        }),
        backfilled: Backfilled::Skip,
        when: Some("data.pl > 0".to_owned()),
        ..rule("r")
    };
    let beside = "Sat 03:12 in Europe/Berlin, open Mon-Fri 07:00-22:00".to_owned();
    let mut subject = event("tp_hit", r#"{"pl":1}"#);
    // What an event says about its time is nothing to hours: its arrival is.
    let (friday, saturday) = (at("2026-06-12T12:00:00Z"), at("2026-06-13T01:12:00Z"));
    for (received, time, expected) in [
        (friday, saturday, Why::Matched),
        (saturday, friday, Why::Hours(beside)),
    ] {
        subject.received = received;
        subject.time = Some(time);
        check(&hours(false), &subject, &expected);
        check(&hours(true), &subject, &Why::Matched);
        let rules = compile(vec![hours(true), hours(false)]);
        let quiet = |moment| {
            rules
                .all()
                .iter()
                .map(move |it| it.is_quiet(&event("x", "{}"), moment))
        };
        assert_eq!(quiet(saturday).collect::<Vec<_>>(), [true, false]);
        assert_eq!(quiet(friday).collect::<Vec<_>>(), [false, false]);
        assert_eq!(rules.routes_at(&subject, None).routes.len(), 1);
        let awake = rules.explain_at(&subject, None);
        assert!(awake.iter().all(|(_, why)| *why == Why::Matched));
    }
    // What is more lasting is told first.
    subject.backfilled = true;
    check(&hours(false), &subject, &Why::Backfilled);
}

#[test]
fn what_was_fetched_after_a_gap_is_quiet_in_and_out_of_hours() {
    let saturday = at("2026-06-13T01:12:00Z");
    let mut subject = event("tp_hit", "{}");
    for (backfilled, quiet) in [(Backfilled::Ring, false), (Backfilled::Quiet, true)] {
        let night = HoursConfig {
            days: [true; 7],
            from_minute: 1320,
            to_minute: 360,
            zone: "UTC".to_owned(),
            quiet: true,
        };
        let rules = compile(vec![RuleConfig {
            backfilled,
            hours: Some(night),
            ..rule("r")
        }]);
        let mut is_quiet = |fetched, moment| {
            subject.backfilled = fetched;
            rules.all()[0].is_quiet(&subject, moment)
        };
        assert!(!is_quiet(false, saturday));
        assert_eq!(is_quiet(true, saturday), quiet);
        let noon = at("2026-06-13T12:00:00Z");
        assert!(is_quiet(false, noon) && is_quiet(true, noon));
    }
}

#[test]
fn a_condition_that_cannot_be_worked_out_is_not_matched() {
    let when = |source: &str| RuleConfig {
        when: Some(source.to_owned()),
        ..rule("r")
    };
    let subject = event("tp_hit", r#"{"pl":12.5,"symbol":"XAUUSD"}"#);
    check(&when("data.pl > 0"), &subject, &Why::Matched);
    let condition = "data.pl < 0".to_owned();
    check(&when("data.pl < 0"), &subject, &Why::When { condition });
    let condition = "data.missing > 0".to_owned();
    check(
        &when("data.missing > 0"),
        &subject,
        &Why::When { condition },
    );
    let fault = "this cannot be done with these values: `data.symbol * 2.5`".to_owned();
    check(&when("data.symbol * 2.5 > 0"), &subject, &Why::Fault(fault));
}

#[test]
fn a_fault_does_not_keep_other_rules_from_matching() {
    let rules = compile(vec![
        RuleConfig {
            when: Some("1 // 0 > 1".to_owned()),
            ..rule("broken")
        },
        rule("sound"),
    ]);
    let routed = rules.routes(&event("tp_hit", "{}"));
    assert_eq!(&*routed.faults[0].rule, "broken");
    assert_eq!(&*routed.routes[0].rule, "sound");
}

#[test]
fn all_matching_rules_apply_and_each_sink_gets_the_first_ones_wording() {
    let to = |title: &str, sinks: &[&str], patterns: &[&str], when: Option<&str>| RuleConfig {
        to: sinks.iter().map(|sink| name(sink)).collect(),
        events: types(patterns),
        when: when.map(str::to_owned),
        ..rule(title)
    };
    let rules = compile(vec![
        to("losses", &["phone", "log"], &["*"], Some("data.pl < 0")),
        to(
            "gold",
            &["phone", "desk"],
            &["tp_hit"],
            Some("data.symbol == 'XAUUSD'"),
        ),
        to(
            "every",
            &["log", "phone", "team", "team"],
            &["tp_*", "tp_hit", "*"],
            None,
        ),
        RuleConfig {
            events: None,
            ..to("last", &["desk", "archive"], &[], None)
        },
    ]);
    for (kind, data, expected) in [
        (
            "tp_hit",
            r#"{"symbol":"XAUUSD","pl":5}"#,
            &[
                "phone<gold",
                "desk<gold",
                "log<every",
                "team<every",
                "archive<last",
            ][..],
        ),
        (
            "tp_hit",
            r#"{"symbol":"XAUUSD","pl":-5}"#,
            &[
                "phone<losses",
                "log<losses",
                "desk<gold",
                "team<every",
                "archive<last",
            ],
        ),
        (
            "signal",
            "{}",
            &[
                "log<every",
                "phone<every",
                "team<every",
                "desk<last",
                "archive<last",
            ],
        ),
    ] {
        assert_eq!(
            routes(&rules, &event(kind, data)),
            expected,
            "{kind} {data}"
        );
    }
}

#[test]
fn no_rules_or_no_match_is_a_normal_answer() {
    let subject = event("tp_hit", "{}");
    assert_eq!(
        Rules::default().routes(&subject),
        crate::rules::Routed::default()
    );
    let rules = compile(vec![RuleConfig {
        events: types(&["sl_hit"]),
        ..rule("r")
    }]);
    assert_eq!(rules.routes(&subject), crate::rules::Routed::default());
}

#[test]
fn of_a_thousand_rules_only_the_candidates_are_asked() {
    let rules = (0..1000)
        .map(|number| RuleConfig {
            events: types(
                &match number % 4 {
                    0 => [format!("type_{number}_*")],
                    _ => [format!("type_{number}")],
                }
                .each_ref()
                .map(String::as_str),
            ),
            when: Some("data.pl > 0".to_owned()),
            ..rule(&format!("rule {number}"))
        })
        .collect();
    let rules = compile(rules);
    for (kind, expected) in [
        ("type_501", &["rule 501"][..]),
        ("type_500", &[]),
        ("type_500_x", &["rule 500"]),
        ("type_1", &["rule 1"]),
        ("other", &[]),
    ] {
        let subject = event(kind, r#"{"pl":1}"#);
        let asked: Vec<_> = rules.candidates(&subject).map(|rule| &*rule.name).collect();
        assert_eq!(asked, expected, "{kind}");
    }
}

#[test]
fn a_rule_is_found_by_its_name() {
    let rules = compile(vec![
        RuleConfig {
            title: Some("{{ data.symbol }}".to_owned()),
            priority: Some(5),
            ..rule("gold")
        },
        rule("other"),
    ]);
    let gold = rules.rule("gold").expect("is there");
    assert_eq!(gold.priority, Some(5));
    assert_eq!(
        gold.title.as_ref().map(|title| title.source()),
        Some("{{ data.symbol }}")
    );
    assert!(rules.rule("other").is_some_and(|rule| rule.title.is_none()));
    assert!(rules.rule("none").is_none());
    assert_eq!(rules.all().len(), 2);
}

#[test]
fn a_route_carries_what_the_throttle_of_its_rule_asks() {
    let throttle = |key: Option<&str>| {
        Some(ThrottleConfig {
            limit: 3,
            per: Duration::from_secs(60),
            key: key.map(str::to_owned),
        })
    };
    let rules = compile(vec![
        RuleConfig {
            throttle: throttle(Some("data.trade_id")),
            ..rule("first")
        },
        RuleConfig {
            throttle: throttle(None),
            to: vec![name("phone"), name("team")],
            ..rule("second")
        },
    ]);
    let keys = |data: &str| {
        let routed = rules.routes(&event("tp_hit", data));
        assert_eq!(routed.faults, []);
        let key = |route: &Route| {
            let throttle = route.throttle.as_ref();
            throttle.map(|throttle| throttle.key.to_string())
        };
        routed.routes.iter().map(key).collect::<Vec<_>>()
    };
    let whole = Some(String::new());
    // The first rule has the phone, throttled or not.
    assert_eq!(
        keys(r#"{"trade_id":"a"}"#),
        [Some("a".to_owned()), whole.clone()]
    );
    assert_eq!(
        keys(r#"{"trade_id":7}"#),
        [Some("7".to_owned()), whole.clone()]
    );
    for without in [r#"{"trade_id":null}"#, "{}"] {
        assert_eq!(keys(without), [None, whole.clone()], "it passes uncounted");
    }
    let long = format!(r#"{{"trade_id":"{}"}}"#, "x".repeat(2000));
    let routed = rules.routes(&event("tp_hit", &long));
    assert_eq!(routed.routes[0].throttle, None, "a fault swallows no alert");
    assert_eq!(routed.faults.len(), 1);
}

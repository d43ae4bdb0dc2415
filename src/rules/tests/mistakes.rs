//! Mistakes in rules, each told at its key.

use std::time::Duration;

use super::{RuleConfig, Rules, name, rule, types};
use crate::config::{CoalesceConfig, HoursConfig, Problems, ThrottleConfig};

/// Every problem as `path: message`.
fn check(configs: &[RuleConfig], expected: &[&str]) {
    let problems = Problems::default();
    let rules = Rules::compile(configs, &problems);
    let found: Vec<_> = problems
        .list()
        .iter()
        .map(|problem| format!("{}: {}", problem.path, problem.message))
        .collect();
    assert_eq!(found, expected);
    assert_eq!(rules.all().len() < configs.len(), !expected.is_empty());
}

fn throttle(key: &str) -> ThrottleConfig {
    ThrottleConfig {
        limit: 1,
        per: Duration::from_secs(60),
        key: Some(key.to_owned()),
    }
}

fn coalesce(key: &str) -> CoalesceConfig {
    CoalesceConfig {
        within: Duration::from_secs(10),
        key: Some(key.to_owned()),
        max: 50,
    }
}

#[test]
fn every_mistake_of_every_rule_is_told_at_once() {
    let wrong = RuleConfig {
        events: types(&["tp_hit", "[ab", "tp_*", "{a"]),
        when: Some("dta.pl > 0".to_owned()),
        title: Some("{{ data.symbol".to_owned()),
        message: Some("{{ dta.x }}\n{{ data.symbol|uper }}".to_owned()),
        update: Some("data.trade_id ==".to_owned()),
        throttle: Some(throttle("trade_id")),
        coalesce: Some(coalesce("data.x is nope")),
        ..rule("wrong")
    };
    let also_wrong = RuleConfig {
        path: "rules[2]".to_owned(),
        when: Some("data.x == none".to_owned()),
        ..rule("also wrong")
    };
    check(
        &[wrong, rule("right"), also_wrong],
        &[
            "rules[0].events[1]: `[ab` is no pattern: unclosed character class; missing ']'",
            "rules[0].events[3]: `{a` is no pattern: unclosed alternate group; missing '}' (maybe escape '{' with '[{]'?)",
            "rules[0].when: unknown variable `dta`",
            "rules[0].title: unexpected end of input, expected end of variable block",
            "rules[0].message: unknown variable `dta` (line 1 of this text)",
            "rules[0].message: unknown filter `uper` (line 2 of this text)",
            "rules[0].update: unexpected end of input, expected expression",
            "rules[0].throttle.key: unknown variable `trade_id`",
            "rules[0].coalesce.key: unknown test `nope`",
            "rules[2].when: comparing with `none` is always false",
        ],
    );
}

#[test]
fn events_and_count_belong_to_coalesced_messages() {
    let coalesced = RuleConfig {
        message: Some(
            "{{ count }}: {{ events|map(attribute='data.symbol')|join(', ') }}".to_owned(),
        ),
        coalesce: Some(coalesce("data.trade_id")),
        to: vec![name("phone")],
        ..rule("burst")
    };
    check(std::slice::from_ref(&coalesced), &[]);
    let single = RuleConfig {
        coalesce: None,
        ..coalesced
    };
    check(
        &[single],
        &[
            "rules[0].message: unknown variable `count`",
            "rules[0].message: unknown variable `events`",
        ],
    );
}

#[test]
fn a_pattern_has_a_limit() {
    let config = RuleConfig {
        events: types(&["ok*", &"*".repeat(257)]),
        ..rule("r")
    };
    check(
        &[config],
        &["rules[0].events[1]: a pattern has at most 256 characters"],
    );
}

#[test]
fn what_later_stages_need_is_compiled() {
    let problems = Problems::default();
    let config = RuleConfig {
        throttle: Some(throttle("data.trade_id")),
        coalesce: Some(coalesce("data.symbol")),
        update: Some("data.trade_id".to_owned()),
        ..rule("r")
    };
    let rules = Rules::compile(&[config], &problems);
    assert!(problems.is_empty());
    let rule = rules.rule("r").expect("is there");
    let key = |expression: Option<&crate::expr::Expression>| {
        expression.map(|key| key.source().to_owned())
    };
    assert_eq!(
        key(rule
            .throttle
            .as_ref()
            .and_then(|throttle| throttle.key.as_ref()))
        .as_deref(),
        Some("data.trade_id")
    );
    assert_eq!(
        key(rule
            .coalesce
            .as_ref()
            .and_then(|coalesce| coalesce.key.as_ref()))
        .as_deref(),
        Some("data.symbol")
    );
    assert_eq!(key(rule.update.as_ref()).as_deref(), Some("data.trade_id"));
}

#[test]
fn a_digest_has_a_schedule_and_a_zone_that_there_are() {
    let digest = |at: &str, zone: &str| RuleConfig {
        digest: Some(super::digest(at, zone)),
        ..rule("evening")
    };
    check(
        &[
            digest("0 22 * * Mon-Fri", "Europe/Berlin"),
            digest("0 22 * *", "UTC"),
            digest("0 0 30 2 *", "UTC"),
            digest("0 22 * * *", "Europe/Berlni"),
        ],
        &[
            "rules[0].digest.at: `0 22 * *` is no schedule: it has 4 fields in place of 5",
            "rules[0].digest.at: `0 0 30 2 *` is no schedule: there is no such time",
            "rules[0].digest.zone: unknown time zone `Europe/Berlni`",
        ],
    );
}

#[test]
fn a_zone_that_hours_and_a_digest_have_in_common_is_told_once_and_two_of_them_twice() {
    let with = |of_hours: &str, of_digest: &str| RuleConfig {
        hours: Some(HoursConfig {
            days: [true; 7],
            from_minute: 0,
            to_minute: 60,
            zone: of_hours.to_owned(),
            quiet: false,
        }),
        digest: Some(super::digest("0 22 * * *", of_digest)),
        ..rule("evening")
    };
    let of_hours = "rules[0].hours.zone: unknown time zone `Europe/Berln`";
    let berlin = "Europe/Berlin";
    check(&[with("Europe/Berln", "Europe/Berln")], &[of_hours]);
    let of_digest = "rules[0].digest.zone: unknown time zone `Europe/Berlni`";
    check(&[with(berlin, "Europe/Berlni")], &[of_digest]);
    check(
        &[with("Europe/Berln", "Europe/Berlni")],
        &[of_digest, of_hours],
    );
}

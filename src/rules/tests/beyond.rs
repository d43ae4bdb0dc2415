//! What a route says beyond its sink: whose message it shares, and who steps in.

use std::time::Duration;

use jiff::Timestamp;

use super::{Event, RuleConfig, Rules, compile, event, name, rule};
use crate::config::{CoalesceConfig, FallbackConfig};

/// A sink that a route of this event may be handed on to, by the sink it goes to first.
fn fallbacks(rules: &Rules, event: &Event) -> Vec<(String, Option<String>)> {
    let routed = rules.routes(event).routes;
    let told = routed.iter().map(|route| {
        let to = route.fallback.as_ref().map(|it| it.to.to_string());
        (route.sink.to_string(), to)
    });
    told.collect()
}

#[test]
fn a_fallback_steps_in_for_the_first_sink_of_its_rule() {
    let fallback = FallbackConfig {
        to: name("sms"),
        after: Duration::from_secs(30),
    };
    let sure = RuleConfig {
        to: vec![name("phone"), name("team")],
        fallback: Some(fallback),
        ..rule("sure")
    };
    let told = |sink: &str, to: Option<&str>| (sink.to_owned(), to.map(str::to_owned));
    let event = event("tp_hit", "{}");
    assert_eq!(
        fallbacks(&compile(vec![sure.clone()]), &event),
        [told("phone", Some("sms")), told("team", None)]
    );
    // Also where an earlier rule gives the event its wording there.
    let rules = compile(vec![rule("plain"), sure.clone()]);
    let of_first = &rules.routes(&event).routes[0];
    assert_eq!(
        (&*of_first.rule, of_first.fallback.is_some()),
        ("plain", true)
    );
    // Who gets it anyway would get it twice.
    let also = RuleConfig {
        to: vec![name("sms")],
        ..rule("also")
    };
    assert_eq!(
        fallbacks(&compile(vec![sure, also]), &event),
        [told("phone", None), told("team", None), told("sms", None)]
    );
}

#[test]
fn a_rule_that_collects_says_which_bundle_an_event_joins() {
    let coalesce = CoalesceConfig {
        within: Duration::from_secs(10),
        key: Some("data.trade".to_owned()),
        max: 7,
    };
    let config = RuleConfig {
        coalesce: Some(coalesce),
        ..rule("burst")
    };
    let rules = compile(vec![config.clone()]);
    let bundle = |data: &str| {
        rules.routes(&event("tp_hit", data)).routes[0]
            .bundle
            .clone()
    };
    let joined = bundle(r#"{"trade":"a"}"#).expect("a bundle");
    assert_eq!(
        (&*joined.key, joined.max, joined.leaves_full),
        ("a", 7, true)
    );
    let received = event("tp_hit", "{}").received;
    assert_eq!(joined.closes, received + Duration::from_secs(10));
    assert_eq!(bundle("{}"), None, "without the key it goes alone");
    let digest = RuleConfig {
        coalesce: None,
        digest: Some(super::digest("0 22 * * *", "Europe/Berlin")),
        ..config
    };
    // 15 January 2027, 08:00 UTC.
    let routed = compile(vec![digest]).routes(&event("tp_hit", "{}"));
    let joined = routed.routes[0].bundle.clone().expect("a bundle");
    let closes: Timestamp = "2027-01-15T21:00:00Z".parse().expect("a moment");
    assert_eq!((joined.closes, joined.leaves_full), (closes, false));
}

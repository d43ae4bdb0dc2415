//! What deliveries of a rule have in common: a notification that they change, a message that tells of several.

use std::time::Duration;

use super::{RuleConfig, compile, digest, event, rule};
use crate::config::{CoalesceConfig, DigestConfig};

#[test]
fn a_route_carries_the_id_of_the_notification_that_it_changes_if_there_is_one() {
    let rules = compile(vec![RuleConfig {
        update: Some("data.trade_id".to_owned()),
        ..rule("trades")
    }]);
    for (data, living) in [
        (r#"{"trade_id":"42"}"#, Some("42")),
        (r#"{"trade_id":""}"#, None),
        ("{}", None),
    ] {
        let routed = rules.routes(&event("tp_hit", data));
        assert_eq!(routed.routes[0].living.as_deref(), living, "{data}");
    }
}

#[test]
fn a_rule_collects_where_it_coalesces_or_has_a_digest() {
    let coalesce = CoalesceConfig {
        within: Duration::from_secs(5),
        key: None,
        max: 10,
    };
    let digest = digest("0 22 * * *", "UTC");
    let with = |coalesce: Option<CoalesceConfig>, digest: Option<DigestConfig>| {
        let rules = compile(vec![RuleConfig {
            coalesce,
            digest,
            ..rule("trades")
        }]);
        rules.all()[0].collects()
    };
    assert!(!with(None, None));
    assert!(with(Some(coalesce), None));
    assert!(with(None, Some(digest)));
}

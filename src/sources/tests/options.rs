//! How the options of each kind are read, and what is said about wrong ones.

use std::time::Duration;

use serde_json::{Value, json};

use crate::clock::Clock;
use crate::config::{SourceConfig, sample};
use crate::model::Name;
use crate::sources::ttmt_rest::Uuid;
use crate::sources::{KINDS, Source, build};

const KEY: &str = "ttmt_live_0123456789012345678901234567890123456789012";
const ACCOUNT: &str = "a1b2c3d4-0f5e-4c7a-9b31-6d2e8f4a7c10";

/// What becomes of these options, and what is wrong with them.
fn read(kind: &str, options: Value) -> (Option<Source>, Vec<String>) {
    let table = sample::table("sources.it", &options);
    let problems = table.problems().clone();
    let config = SourceConfig {
        name: Name::new("it").expect("a name"),
        kind: kind.to_owned(),
        lost_after: Duration::from_secs(120),
        print: table.print(),
        options: table,
    };
    let source = build(&config, &Clock::system());
    let list = problems.list().into_iter();
    let problems = list.map(|problem| {
        let help = problem.help.unwrap_or_default();
        format!("{}: {} ({help})", problem.path, problem.message)
    });
    (source, problems.collect())
}

/// A source of right options.
pub(super) fn source(kind: &str, options: Value) -> Source {
    match read(kind, options) {
        (Some(source), problems) if problems.is_empty() => source,
        (_, problems) => panic!("{problems:?}"),
    }
}

/// Expects exactly one problem, and that it says this.
fn check(kind: &str, options: Value, says: &str) {
    let (_, problems) = read(kind, options.clone());
    assert!(
        problems.len() == 1 && problems[0].contains(says),
        "{options}: {problems:#?}"
    );
    assert!(!problems[0].contains("hunter2"), "{problems:?}");
}

#[test]
fn the_least_that_each_kind_needs_is_enough() {
    let ttmt = source("ttmt", json!({ "api_key": KEY }));
    assert_eq!(
        (ttmt.rest.is_some(), ttmt.lost_after),
        (true, Duration::from_secs(120))
    );
    assert_eq!(
        ttmt.display_url,
        "https://app.telegramtometatrader.com/api/v1"
    );
    let rest = ttmt.rest.expect("a REST API");
    assert_eq!(rest.base_url.as_str(), ttmt.display_url);
    assert_eq!(
        (rest.api_key.expose(), rest.account_id, rest.backfill),
        (KEY, None, true)
    );

    let sse = source("sse", json!({ "url": "https://example.org/events" }));
    assert!(sse.rest.is_none());
    assert_eq!(sse.display_url, "https://example.org/events");
}

#[test]
fn every_option_is_read() {
    let common = json!({ "idle_timeout": "1m", "max_event_size": "64KiB", "proxy": "http://proxy.test:3128" });
    let mut ttmt = json!({ "api_key": KEY, "base_url": "http://localhost:9/x/", "account_id": ACCOUNT, "backfill": false });
    let mut sse = json!({
        "url": "https://example.org/events", "headers": { "X-A": "b" },
        "type": "/type", "time": "/at", "data": "",
    });
    for options in [&mut ttmt, &mut sse] {
        let both = common.as_object().expect("an object").clone();
        options.as_object_mut().expect("an object").extend(both);
    }
    let rest = source("ttmt", ttmt).rest.expect("a REST API");
    assert_eq!(rest.base_url.as_str(), "http://localhost:9/x");
    assert_eq!(
        (rest.account_id.as_ref().map(Uuid::as_str), rest.backfill),
        (Some(ACCOUNT), false)
    );
    assert_eq!(
        rest.proxy.expect("a proxy").as_str(),
        "http://proxy.test:3128/"
    );
    source("sse", sse);
}

#[test]
fn each_mistake_is_told_with_its_key() {
    check(
        "tmt",
        json!({}),
        "sources.it.kind: `tmt` is not possible here (did you mean `ttmt`? possible are `sse`, `ttmt`)",
    );
    check("ttmt", json!({}), "sources.it: `api_key` is missing");
    check(
        "ttmt",
        json!({ "api_key": "ttmt_live_ü" }),
        "sources.it.api_key",
    );
    check(
        "ttmt",
        json!({ "api_key": KEY, "base_url": "hunter2" }),
        "this is no URL",
    );
    check(
        "ttmt",
        json!({ "api_key": KEY, "base_url": "http://x/?a=hunter2" }),
        "has no query",
    );
    check(
        "ttmt",
        json!({ "api_key": KEY, "key": "x" }),
        "unknown key `key`",
    );
    check("sse", json!({}), "sources.it: `url` is missing");
    check(
        "sse",
        json!({ "url": "ftp://hunter2@x/" }),
        "`ftp` is no scheme",
    );
    check("sse", json!({ "url": "http://" }), "this is no URL");
    check(
        "sse",
        json!({ "url": "http://x", "type": "type" }),
        "`type` is no JSON pointer",
    );
    check(
        "sse",
        json!({ "url": "http://x", "headers": { "a b": "hunter2" } }),
        "no header name",
    );
    check(
        "sse",
        json!({ "url": "http://x", "headers": { "a": "hunter2\n" } }),
        "cannot be sent",
    );
    check(
        "sse",
        json!({ "url": "http://x", "headers": { "Last-Event-ID": "7" } }),
        "set by bellwire",
    );
    check(
        "sse",
        json!({ "url": "http://x", "max_event_size": "1B" }),
        "sources.it.max_event_size",
    );
    check(
        "sse",
        json!({ "url": "http://x", "idle_timeout": "0s" }),
        "sources.it.idle_timeout",
    );
    check(
        "sse",
        json!({ "url": "http://x", "proxy": "socks5://hunter2" }),
        "`socks5` is no scheme",
    );
}

#[test]
fn a_silence_may_be_as_long_as_a_day() {
    let wait = |time: &str| json!({ "url": "http://x", "idle_timeout": time });
    source("sse", wait("1s"));
    source("sse", wait("24h"));
    check("sse", wait("25h"), "sources.it.idle_timeout");
}

#[test]
fn page_5_an_account_id_that_is_no_uuid_is_refused_here() {
    for wrong in [
        "",
        "main",
        "512904471",
        "a1b2c3d4-0f5e-4c7a-9b31-6d2e8f4a7c1",
        "g1b2c3d4-0f5e-4c7a-9b31-6d2e8f4a7c10",
        "a1b2c3d40f5e4c7a9b316d2e8f4a7c10",
    ] {
        check(
            "ttmt",
            json!({ "api_key": KEY, "account_id": wrong }),
            "is no account id",
        );
    }
}

#[test]
fn auth_7_a_key_of_odd_form_is_used_with_a_warning() {
    for (key, warning) in [
        (KEY, ""),
        ("ttmt_live_short", "15 characters"),
        ("simulated", "does not begin with"),
    ] {
        let source = source("ttmt", json!({ "api_key": key }));
        let warnings = source.warnings.join("\n");
        assert_eq!(source.rest.expect("a REST API").api_key.expose(), key);
        assert!(
            warnings.contains(warning) && warnings.is_empty() == warning.is_empty(),
            "{warnings}"
        );
        assert!(!warnings.contains(key), "{warnings}");
    }
}

#[test]
fn feed_s1_an_address_is_shown_without_its_credentials() {
    let url = "https://me:hunter2@example.org:8443/a/b?token=hunter2#x";
    let shown = source("sse", json!({ "url": url })).display_url;
    assert_eq!(shown, "https://example.org:8443/a/b");
}

#[test]
fn kinds_stand_in_the_order_of_their_names() {
    assert!(KINDS.is_sorted_by_key(|kind| kind.name));
}

//! What a good configuration comes to.

use std::time::Duration;

use serde_json::json;

use super::{SMALL, good, loaded};
use crate::config::{
    Backfilled, CoalesceConfig, FallbackConfig, HeartbeatConfig, HeartbeatForm, HoursConfig,
    LogFormat, RuleConfig, TestConfig, ThrottleConfig, WatchConfig,
};
use crate::model::{Name, Secret};

const FULL: &str = r#"
data_dir = "queue"
[log]
format = "json"
level = "debug"
[http]
listen = "0.0.0.0:80"
token = "secret"
[retention]
events = "1m"
max_disk = "16MiB"
[sources.ttmt]
kind = "ttmt"
lost_after = "30s"
api_key = "k"
[sinks.phone]
kind = "ntfy"
[sinks.sms]
kind = "webhook"
[[rules]]
name = "gold"
from = ["ttmt", "bellwire"]
events = "tp_*"
when = "data.x > 0"
to = "phone"
title = "t"
message = "m"
priority = 5
expires = "10m"
throttle = { limit = 1, per = "5m", key = "k" }
coalesce = { within = "10s", key = "c", max = 7 }
update = "u"
hours = { days = ["Mon", "Fri-Sat"], between = "22:00-06:00", zone = "Europe/Berlin", quiet = true }
backfilled = "skip"
fallback = { to = "sms", after = "30s" }
[[watches]]
name = "silence"
events = ["position_update"]
silent_for = "2h"
hours = { days = "Mon-Fri" }
[heartbeat]
url = "https://example.org/ping"
every = "5m"
form = "uptime-kuma"
[[tests]]
name = "gold rings"
source = "ttmt"
event = { type = "tp_hit", data = { pl = 12.5, at = 2024-01-02T03:04:05Z } }
expect = ["phone"]
"#;

#[test]
fn years_are_as_long_as_they_are_where_durations_are_written() {
    let rule = "[sinks.a]\nkind = \"ntfy\"\n[[rules]]\nname = \"r\"\nto = \"a\"\n";
    let config = good(
        &format!("[retention]\nevents = \"10y\"\n{rule}expires = \"1y\"\n"),
        &[],
    );
    let year = humantime::parse_duration("1y").expect("a duration");
    assert_eq!(config.retention.events, 10 * year);
    assert_eq!(config.rules[0].expires, Some(year));
}

#[test]
fn the_address_is_known_unless_what_is_wrong_may_be_about_it() {
    let port = |text: &str, environment: &[(&str, &str)]| {
        let loaded = loaded(text, environment);
        assert!(loaded.report(false).is_some(), "{text} has a mistake");
        let listen = loaded.http().map(|http| http.listen.expect("it listens"));
        listen.map(|listen| listen.port())
    };
    let known = "http.listen = \"127.0.0.1:81\"\n";
    let listen = ("BELLWIRE_HTTP__LISTEN", "127.0.0.1:82");
    for (text, environment, expected) in [
        (format!("bogus = 1\n{known}{SMALL}"), &[][..], Some(81)),
        (format!("bogus = 1\n{SMALL}"), &[listen], Some(82)),
        (format!("{SMALL}priority = 9"), &[], Some(8080)),
        // Any of these may be how it was meant.
        (
            format!("{SMALL}[htpp]\nlisten = \"127.0.0.1:81\"\n"),
            &[],
            None,
        ),
        (format!("{known}http.token = 5\n{SMALL}"), &[], None),
        (format!("http.listen = \"81\"\n{SMALL}"), &[], None),
        (
            format!("{known}{SMALL}"),
            &[listen, ("BELLWIRE_HTTP__LISTEN__X", "1")],
            None,
        ),
        (format!("{known}{SMALL}[[["), &[], None),
    ] {
        assert_eq!(port(&text, environment), expected, "{text} {environment:?}");
    }
}

#[test]
fn every_setting_arrives() {
    let mut config = good(FULL, &[]);
    assert_eq!(config.data_dir.to_str(), Some("/etc/bellwire/queue"));
    assert_eq!(config.log.format, LogFormat::Json);
    assert_eq!(config.http.listen.map(|address| address.port()), Some(80));
    assert!(config.http.token.is_some());
    assert_eq!(config.retention.events, Duration::from_secs(60));
    assert_eq!(config.retention.max_disk, 16 << 20);
    assert_eq!(config.sources[0].lost_after, Duration::from_secs(30));
    assert!(config.sources[0].options.has("api_key"));
    assert!(!config.sources[0].options.has("kind"));
    assert_eq!(config.rules, [rule()]);
    assert_eq!(config.watches, [watch()]);
    let heartbeat = HeartbeatConfig {
        url: Secret::new("https://example.org/ping".to_owned()),
        every: Duration::from_secs(300),
        form: HeartbeatForm::UptimeKuma,
    };
    assert_eq!(config.heartbeat, Some(heartbeat));
    let test = TestConfig {
        path: "tests[0]".to_owned(),
        name: "gold rings".to_owned(),
        source: Some(name("ttmt")),
        event: json!({ "type": "tp_hit", "data": { "pl": 12.5, "at": "2024-01-02T03:04:05Z" } }),
        event_path: "tests[0].event".to_owned(),
        expect: vec![name("phone")],
    };
    assert_eq!(config.tests, [test]);
}

fn rule() -> RuleConfig {
    let text = |text: &str| Some(text.to_owned());
    RuleConfig {
        path: "rules[0]".to_owned(),
        name: "gold".to_owned(),
        from: Some(vec![name("ttmt"), name("bellwire")]),
        events: Some(vec!["tp_*".to_owned()]),
        when: text("data.x > 0"),
        to: vec![name("phone")],
        title: text("t"),
        message: text("m"),
        priority: Some(5),
        expires: Some(Duration::from_secs(600)),
        throttle: Some(ThrottleConfig {
            limit: 1,
            per: Duration::from_secs(300),
            key: text("k"),
        }),
        digest: None,
        coalesce: Some(CoalesceConfig {
            within: Duration::from_secs(10),
            key: text("c"),
            max: 7,
        }),
        update: text("u"),
        hours: Some(HoursConfig {
            days: [true, false, false, false, true, true, false],
            from_minute: 22 * 60,
            to_minute: 6 * 60,
            zone: "Europe/Berlin".to_owned(),
            quiet: true,
        }),
        backfilled: Backfilled::Skip,
        fallback: Some(FallbackConfig {
            to: name("sms"),
            after: Duration::from_secs(30),
        }),
    }
}

fn watch() -> WatchConfig {
    WatchConfig {
        path: "watches[0]".to_owned(),
        name: "silence".to_owned(),
        from: None,
        events: Some(vec!["position_update".to_owned()]),
        silent_for: Duration::from_secs(2 * 3600),
        hours: Some(HoursConfig {
            days: [true, true, true, true, true, false, false],
            from_minute: 0,
            to_minute: 24 * 60,
            zone: "UTC".to_owned(),
            quiet: false,
        }),
    }
}

fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

#[test]
fn what_is_not_said_has_a_default() {
    let config = good(SMALL, &[]);
    assert_eq!(config.data_dir.to_str(), Some("/etc/bellwire/data"));
    assert_eq!(config.log.format, LogFormat::Auto);
    assert_eq!(config.log.level, "info");
    let listen = config.http.listen.map(|address| address.to_string());
    assert_eq!(listen.as_deref(), Some("127.0.0.1:8080"));
    assert_eq!(config.http.token, None);
    assert_eq!(config.retention.events, Duration::from_secs(7 * 24 * 3600));
    assert_eq!(config.retention.max_disk, 1 << 30);
    assert_eq!(config.sources[0].lost_after, Duration::from_secs(120));
    let rule = &config.rules[0];
    assert_eq!(
        (&rule.from, &rule.events, &rule.hours),
        (&None, &None, &None)
    );
    assert_eq!(rule.backfilled, Backfilled::Ring);
    assert_eq!(config.heartbeat, None);
}

#[test]
fn the_page_can_be_turned_off_or_listen_on_this_machine_without_a_token() {
    let listen = |text: &str| {
        let config = good(&format!("http.listen = '{text}'\n{SMALL}"), &[]);
        config.http.listen.map(|address| address.to_string())
    };
    assert_eq!(listen("off"), None);
    assert_eq!(listen("[::1]:0").as_deref(), Some("[::1]:0"));
    assert_eq!(listen("localhost:9").as_deref(), Some("127.0.0.1:9"));
    assert_eq!(listen("127.9.9.9:1").as_deref(), Some("127.9.9.9:1"));
}

#[test]
fn the_event_of_a_test_can_come_from_a_file_beside_the_configuration() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("tp.json"), r#"{"type": "x", "n": 1.10}"#).expect("written");
    let text = format!("{SMALL}[[tests]]\nname = 'a'\nfile = 'tp.json'\nexpect = []");
    let file = folder.path().join("config.toml");
    std::fs::write(&file, text).expect("written");
    let loaded = crate::config::load(&file, super::variables(&[]));
    assert_eq!(loaded.report(false), None);
    let config = loaded.config.expect("no mistake");
    assert_eq!(config.file, file);
    assert_eq!(config.tests[0].event_path, "tests[0].file");
    assert_eq!(
        config.tests[0].event.to_string(),
        r#"{"type":"x","n":1.10}"#
    );
}

#[test]
fn warns_of_what_is_allowed_but_hardly_meant() {
    let warnings = |text: &str| {
        let loaded = loaded(text, &[]);
        assert_eq!(loaded.report(false), None);
        loaded.warnings
    };
    let none: [&str; 0] = [];
    assert_eq!(warnings(SMALL), none);
    let text = SMALL.replace(
        "to = [\"phone\"]",
        "to = ['phone', 'phone']\nfrom = 'bellwire'",
    );
    assert_eq!(
        warnings(&format!(
            "{text}fallback = {{ to = 'phone', after = '9s' }}\nhours.days = 'Mon'\n[sinks.b]\nkind = 'x'"
        )),
        [
            "the rule `all` names the sink `phone` twice",
            "`rules[0].hours` has no `zone`, so its times are taken as UTC",
            "the rule `all` sends to its fallback `phone` anyway",
            "no rule listens to the source `ttmt`",
            "no rule sends to the sink `b`",
        ]
    );
    assert_eq!(
        warnings("[sources.a]\nkind = 'x'"),
        [
            "there is no sink; add one with `[sinks.NAME]`",
            "there is no rule; add one with `[[rules]]`",
        ]
    );
}

#[test]
fn knows_every_key_that_was_asked_for() {
    let loaded = loaded(FULL, &[]);
    let known = loaded.known_keys();
    for key in [
        "http.token",
        "rules.hours.zone",
        "sinks.phone.kind",
        "watches.from",
    ] {
        assert!(known.contains(key), "{key} in {known:?}");
    }
}

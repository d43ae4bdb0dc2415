//! Every file that can be written, read by the loader.

use std::collections::BTreeMap;

use super::super::hours;
use super::*;
use crate::app::Plan;
use crate::config;
use crate::simulator::ttmt::DEMO_KEY;

const KEY: &str = DEMO_KEY;

fn plan(text: &str) -> Plan {
    let environment = BTreeMap::from([("TTMT_API_KEY".to_owned(), KEY.to_owned())]);
    let loaded = config::load_text(Path::new("config.toml"), text.to_owned(), environment);
    Plan::make(loaded, false).unwrap_or_else(|refused| panic!("{refused}\n{text}"))
}

fn places() -> Vec<Place> {
    let secret = signing_secret();
    let answers = [
        (Kind::Ntfy, ""),
        (Kind::Ntfy, "alerts"),
        (Kind::Ntfy, "https://ntfy.example.org/below/alerts"),
        (
            Kind::Discord,
            "https://discord.com/api/webhooks/123456789012345678/a-token_of-Discord",
        ),
        (
            Kind::Slack,
            "https://hooks.slack.com/services/T0123/B0123/abcdefgh",
        ),
        (
            Kind::Telegram,
            "123456:ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghi -1001234567890",
        ),
        (
            Kind::Telegram,
            "123456:ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghi @channel",
        ),
        (
            Kind::Webhook,
            "http://homeassistant.local:8123/api/webhook/a\"b\\c",
        ),
    ];
    let places = answers.map(|(kind, answer)| {
        Place::read(kind, answer, &unguessable_topic(), &secret).expect("an answer")
    });
    places.into()
}

/// Holds the file of some answers to the loader and to the answers.
fn check(draft: &Draft) {
    let text = draft.text();
    let plan = plan(&text);
    let rules = &plan.config.rules;
    let expected = if draft.alerts == Alerts::Both { 3 } else { 2 };
    assert_eq!(rules.len(), expected, "{text}");
    let everywhere = plan.rules.all().iter().all(|rule| rule.to.len() == 1);
    assert!(everywhere, "{text}");
    let with_hours = rules.iter().filter(|rule| rule.hours.is_some()).count();
    let own = draft.hours.as_ref().map_or(0, |_| expected - 1);
    assert_eq!(with_hours, own, "the watcher rings at any hour\n{text}");
    assert_eq!(plan.sinks.len(), 1);
    assert_eq!(plan.sinks[0].name.as_str(), draft.place.name());
    let rest = plan.sources[0].rest.as_ref();
    assert_eq!(rest.map(|rest| rest.api_key.expose()), Some(KEY));
    assert!(plan.warnings.is_empty(), "{:?}\n{text}", plan.warnings);
}

#[test]
fn the_loader_accepts_every_file_that_can_be_written() {
    let quiet = ["", "22:00-07:00 Europe/Berlin", "00:00-06:00 UTC"];
    for (_, alerts) in Alerts::ALL {
        for quiet in quiet {
            // Where nothing can be silent, quiet hours are refused.
            let rings = |place: &Place| {
                quiet.is_empty() || !matches!(place, Place::Slack { .. } | Place::Webhook { .. })
            };
            for place in places().into_iter().filter(rings) {
                let mut draft = Draft {
                    key: Key::Text(KEY.to_owned()),
                    base_url: None,
                    alerts,
                    place,
                    hours: hours::read(quiet, "UTC").expect("hours"),
                };
                check(&draft);
                draft.key = Key::Variable;
                draft.base_url = Some("http://127.0.0.1:8181/api/v1".to_owned());
                check(&draft);
            }
        }
    }
}

#[test]
fn an_answer_becomes_a_place_or_is_none() {
    let read = |kind, answer| Place::read(kind, answer, "offered", "whsec_x").map(|it| sink(&it));
    let has = |kind, answer, line: &str| {
        let text = read(kind, answer).expect("an answer");
        assert!(text.lines().any(|own| own == line), "{line}: {text}");
    };
    has(Kind::Ntfy, "", "topic = \"offered\"");
    has(Kind::Ntfy, "mine", "topic = \"mine\"");
    has(Kind::Ntfy, "http://a:1/b/mine", "server = \"http://a:1/b\"");
    has(Kind::Ntfy, "http://a:1/b/mine", "topic = \"mine\"");
    has(Kind::Telegram, "1:a  -5", "chat_id = \"-5\"");
    has(
        Kind::Webhook,
        "http://a/\"\\\u{7f}",
        r#"url = "http://a/\"\\\u007f""#,
    );
    for wrong in ["", "1:a", "1:a -5 x"] {
        assert!(read(Kind::Telegram, wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn what_is_made_up_is_new_each_time_and_long_enough() {
    let (one, other) = (unguessable_topic(), unguessable_topic());
    assert_ne!(one, other);
    assert_eq!(one.len(), "bellwire-".len() + TOPIC_CHARS);
    assert_ne!(signing_secret(), signing_secret());
}

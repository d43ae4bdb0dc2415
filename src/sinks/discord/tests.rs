//! Discord against the contract: addresses, somebody else's limits, answers.

use serde_json::json;
use twilight_model::channel::message::{AllowedMentions, Embed};

use super::super::samples;
use super::super::samples::{
    PROXY_PAGE, facts, hostile, hostile_texts, id, message, now, recorded, recorded_with_id,
    refused, reply, sent, sink, verdict, with,
};
use super::super::wording::Field;
use super::super::{Facts, Sink, Wording, judge};
use super::*;
use crate::model::{Event, Living};

mod answers;
mod mentions;

fn discord(more: &Value) -> Sink {
    sink("discord", &with("discord", more))
}

fn uri(options: &Value) -> String {
    let event = recorded_with_id("215");
    let wording = Wording::of(&event);
    let id = id();
    let request = samples::request(&discord(options), &message(&id, &event, &wording));
    request.uri().to_string()
}

#[test]
fn dc_1_every_address_at_discord_becomes_version_10_that_waits_and_other_paths_stay() {
    for (pasted, expected) in [
        (
            "https://discord.com/api/webhooks/1/t",
            "https://discord.com/api/v10/webhooks/1/t?wait=true",
        ),
        (
            "https://discordapp.com/api/webhooks/1/t/",
            "https://discordapp.com/api/v10/webhooks/1/t?wait=true",
        ),
        (
            "https://ptb.discord.com/api/v6/webhooks/1/t",
            "https://ptb.discord.com/api/v10/webhooks/1/t?wait=true",
        ),
        (
            "https://canary.discord.com/api/v10/webhooks/1/t?wait=false",
            "https://canary.discord.com/api/v10/webhooks/1/t?wait=true",
        ),
        (
            "https://discord.com/api/webhooks/1/t?thread_id=5&x=y%20z",
            "https://discord.com/api/v10/webhooks/1/t?thread_id=5&x=y+z&wait=true",
        ),
        (
            "http://127.0.0.1:9/api/webhooks/1/t",
            "http://127.0.0.1:9/api/webhooks/1/t?wait=true",
        ),
        (
            "https://proxy.example/d/api/v9/webhooks/1/t",
            "https://proxy.example/d/api/v9/webhooks/1/t?wait=true",
        ),
        (
            "https://proxy.example/webhooks/1/t/",
            "https://proxy.example/webhooks/1/t/?wait=true",
        ),
        (
            "https://proxy.example/hook",
            "https://proxy.example/hook?wait=true",
        ),
    ] {
        assert_eq!(uri(&json!({ "url": pasted })), expected);
    }
    let thread =
        json!({ "url": "https://discord.com/api/webhooks/1/t?thread_id=5", "thread_id": "77" });
    assert_eq!(
        uri(&thread),
        "https://discord.com/api/v10/webhooks/1/t?wait=true&thread_id=77"
    );
    for wrong in [
        "https://discord.com/s3cret",
        "https://discord.com/api/webhooks/1/s3cret/slack",
    ] {
        refused(
            "discord",
            &with("discord", &json!({ "url": wrong })),
            "sinks.it.url",
        );
    }
}

/// Refuses what Discord refuses, and what it is only said to refuse.
fn check(body: &Value) {
    let allowed = [
        "content",
        "embeds",
        "allowed_mentions",
        "username",
        "avatar_url",
        "flags",
    ];
    for key in body.as_object().expect("an object").keys() {
        assert!(allowed.contains(&key.as_str()), "unknown key {key}");
    }
    let pings: AllowedMentions =
        serde_json::from_value(body["allowed_mentions"].clone()).expect("a list");
    assert!(pings.users.len() + pings.roles.len() <= 100);
    if let Some(content) = body.get("content") {
        let content = content.as_str().expect("a string");
        twilight_validate::message::content(content).expect("within limits");
        assert!(!content.trim().is_empty());
        assert!(Unit::Utf16.of(content) <= CONTENT_MAX);
    }
    if body.get("embeds").is_none() {
        assert!(body.get("content").is_some(), "something is said");
        return;
    }
    let mut embeds = body["embeds"].clone();
    embeds[0]["type"] = json!("rich");
    // This type reads only one of the forms of ISO 8601 that Discord does.
    let time = embeds[0]["timestamp"].as_str().expect("a time");
    embeds[0]["timestamp"] = json!(time.replace('Z', "000+00:00"));
    let embeds: Vec<Embed> = serde_json::from_value(embeds).expect("embeds");
    twilight_validate::message::embeds(&embeds).expect("within limits");
    let embed = &embeds[0];
    let title = embed.title.as_deref().unwrap_or_default();
    assert!(
        !title.trim().is_empty() && Unit::Utf16.of(title) <= TITLE_MAX,
        "{title}"
    );
    for field in &embed.fields {
        assert!(
            !field.name.trim().is_empty() && !field.value.trim().is_empty(),
            "{field:?}"
        );
        assert!(Unit::Utf16.of(&field.value) <= FIELD_VALUE_MAX);
    }
    let texts = embed
        .fields
        .iter()
        .flat_map(|field| [&field.name, &field.value]);
    let texts = texts.chain(&embed.title).chain(&embed.description);
    let footer = embed
        .footer
        .as_ref()
        .map_or(0, |footer| Unit::Utf16.of(&footer.text));
    let sum: usize = footer + texts.map(|text| Unit::Utf16.of(text)).sum::<usize>();
    assert!(sum <= EMBED_MAX, "{sum}");
}

fn check_both_forms(sink: &Sink, event: &Event, wording: &Wording) {
    for body in both_forms(sink, event, wording) {
        check(&body);
    }
}

fn both_forms(sink: &Sink, event: &Event, wording: &Wording) -> [Value; 2] {
    let id = id();
    [false, true].map(|plain| {
        let message = Message {
            plain,
            ..message(&id, event, wording)
        };
        sent(sink, &message)
    })
}

#[test]
fn dc_2_every_recorded_event_passes_somebody_elses_limits() {
    let sink = discord(&json!({ "username": "bell", "avatar_url": "https://example.org/b.png" }));
    for event in recorded() {
        check_both_forms(&sink, &event, &Wording::of(&event));
    }
}

#[test]
fn dc_3_dc_4_hostile_events_pass_them_too_and_ping_nobody() {
    let sink = discord(&json!({}));
    for (event, wording) in hostile() {
        for body in both_forms(&sink, &event, &wording) {
            check(&body);
            assert_eq!(body["allowed_mentions"], json!({ "parse": [] }));
        }
    }
    // Wording of its own keeps its fields short; here every one is at ten times its limit.
    for text in hostile_texts() {
        let event = recorded_with_id("215");
        let field = Field {
            label: text.clone(),
            value: text.clone(),
        };
        let full = Wording {
            title: text.clone(),
            note: Some(text),
            fields: vec![field; 10 * FIELDS_MAX],
            ..Wording::of(&event)
        };
        check_both_forms(&sink, &event, &full);
    }
}

#[test]
fn foreign_text_is_shown_as_it_is_written() {
    let event = samples::event(
        r#"{"type":"tp_hit","data":{"symbol":"US_30*","account_label":"[x](http://y) <@1> @everyone"}}"#,
    );
    let wording = Wording::of(&event);
    let id = id();
    let body = sent(&discord(&json!({})), &message(&id, &event, &wording));
    assert_eq!(body["embeds"][0]["title"], r"TP hit · US\_30\*");
    assert_eq!(
        body["embeds"][0]["fields"][0]["value"],
        r"\[x](http://y) \<@1\> @everyone"
    );
    let bold = wording.with(None, Some("**{{ }}** _x_".to_owned()), None);
    let body = sent(&discord(&json!({})), &message(&id, &event, &bold));
    assert_eq!(
        body["embeds"][0]["description"], "**{{ }}** _x_",
        "a template's formatting is meant"
    );
}

#[test]
fn dc_9_a_silent_message_says_so() {
    let event = recorded_with_id("215");
    let wording = Wording::of(&event);
    let id = id();
    let loud = message(&id, &event, &wording);
    let quiet = Message {
        quiet: true,
        ..loud
    };
    let ringing = discord(&json!({}));
    assert_eq!(sent(&ringing, &loud).get("flags"), None);
    assert_eq!(sent(&ringing, &quiet)["flags"], 4096);
    let silent = discord(&json!({ "silent": true }));
    assert_eq!(sent(&silent, &loud)["flags"], 4096);
    // An edit rings for nobody, and the flag is none that it may set.
    let living = Living {
        key: "trade".into(),
        message: Some("42".into()),
    };
    let edit = Message {
        living: Some(&living),
        ..quiet
    };
    assert_eq!(sent(&silent, &edit).get("flags"), None);
    assert!(loud.now == now());
}

#[test]
fn wrong_options_are_refused() {
    for (options, key) in [
        (json!({ "username": "Clyde 2" }), "username"),
        (json!({ "username": "  " }), "username"),
        (json!({ "username": "x".repeat(81) }), "username"),
        (json!({ "avatar_url": "ftp://x" }), "avatar_url"),
        (json!({ "thread_id": "general" }), "thread_id"),
        (json!({ "mentions": ["all"] }), "mentions"),
        (json!({ "mentions": "@everyone" }), "mentions"),
        (json!({ "mentions": "<@moderators>" }), "mentions"),
        (json!({ "mentions": "<@1> <@2>" }), "mentions"),
        (json!({ "mentions": "1" }), "mentions"),
        (json!({ "mentions": vec!["users"; 51] }), "mentions"),
    ] {
        refused(
            "discord",
            &with("discord", &options),
            &format!("sinks.it.{key}"),
        );
    }
}

//! Slack against the contract: somebody else's Block Kit, escapes, answers.

use serde_json::json;
use slackblocks::WebhookMessage;

use super::super::samples::{
    PROXY_PAGE, event, facts, hostile, id, message, minimal, recorded, refused, reply, sent, sink,
    try_sink, verdict,
};
use super::super::{Facts, Sink, Wording};
use super::*;
use crate::model::Event;

fn slack() -> Sink {
    sink("slack", &minimal("slack"))
}

#[test]
fn an_address_at_slack_has_the_form_of_an_incoming_webhook() {
    let with = |url: &str| json!({ "url": url });
    for right in [
        "https://hooks.slack.com/services/T0AB12/B0CD34/XyZ123",
        "https://hooks.slack-gov.com/services/T0/B0/x",
        "https://hooks.slack.com/services/E0/B0/a-b_c",
        "https://proxy.example/workflows/T0/A0/1/x",
        "http://127.0.0.1:9/anything",
        "https://mattermost.example/hooks/xyz",
    ] {
        sink("slack", &with(right));
    }
    let webhook = "this is no address of a Slack incoming webhook";
    let workflow = "this address starts a workflow, which takes no messages";
    for (wrong, message) in [
        ("https://hooks.slack.com/", webhook),
        ("https://hooks.slack.com/services/", webhook),
        ("https://hooks.slack.com/services/T0/s3cret", webhook),
        ("https://hooks.slack.com/services/T0/B0/", webhook),
        ("https://hooks.slack.com/services/T0/B0/s3cret/", webhook),
        (
            "https://hooks.slack.com/services/T0/B0/s3cret/more",
            webhook,
        ),
        ("https://hooks.slack.com/services/T…/B…/…", webhook),
        ("https://hooks.slack.com/services//B0/s3cret", webhook),
        ("https://hooks.slack.com/T0/B0/s3cret", webhook),
        ("https://HOOKS.slack.com/workflows/T0/A0/1/s3cret", workflow),
        ("https://hooks.slack.com/triggers/T0/1/s3cret", workflow),
        ("https://hooks.slack-gov.com/triggers/T0/1/s3cret", workflow),
    ] {
        refused("slack", &with(wrong), "sinks.it.url");
        let problems = try_sink("slack", &with(wrong)).expect_err(wrong);
        assert_eq!(problems[0].message, message, "{wrong}");
        let help = problems[0].help.as_deref().unwrap_or_default();
        assert!(help.contains("services/T…/B…/…"), "{help}");
    }
}

/// Refuses what Slack refuses.
fn check(body: &Value) {
    serde_json::from_value::<WebhookMessage>(body.clone())
        .unwrap_or_else(|error| panic!("{error}: {body}"));
    let allowed = ["text", "blocks", "unfurl_links", "unfurl_media", "mrkdwn"];
    for key in body.as_object().expect("an object").keys() {
        assert!(allowed.contains(&key.as_str()), "unknown key {key}");
    }
    assert!(
        body["text"]
            .as_str()
            .is_some_and(|text| !text.trim().is_empty())
    );
    for text in texts(body) {
        assert!(Unit::Utf16.of(text) <= TEXT_MAX, "{}", text.len());
        assert!(!text.contains(['<', '>']), "{text}");
        for (at, _) in text.match_indices('&') {
            let rest = &text[at..];
            let whole = ["&amp;", "&lt;", "&gt;"]
                .iter()
                .any(|entity| rest.starts_with(entity));
            assert!(whole, "a cut entity: {rest}");
        }
    }
    let Some(blocks) = body.get("blocks") else {
        return;
    };
    let header = &blocks[0]["text"];
    let title = header["text"].as_str().expect("a string");
    assert_eq!(header["type"], "plain_text");
    assert!((1..=HEADER_MAX).contains(&Unit::Utf16.of(title)), "{title}");
}

/// Every text in a value.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(entries) => entries.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

fn check_both_forms(event: &Event, wording: &Wording) {
    let id = id();
    let rich = message(&id, event, wording);
    check(&sent(&slack(), &rich));
    let plain = sent(
        &slack(),
        &Message {
            plain: true,
            ..rich
        },
    );
    assert_eq!(plain.get("blocks"), None);
    check(&plain);
}

#[test]
fn sl_1_sl_4_every_recorded_event_is_accepted_by_somebody_elses_block_kit() {
    for event in recorded() {
        check_both_forms(&event, &Wording::of(&event));
    }
}

#[test]
fn sl_2_hostile_events_are_accepted_too_and_no_entity_is_cut() {
    for (event, wording) in hostile() {
        check_both_forms(&event, &wording);
    }
}

#[test]
fn sl_3_foreign_markup_arrives_as_visible_text_escaped_once() {
    let foreign = "<!channel> & <@U1> <http://x|y>";
    let escaped = "&lt;!channel&gt; &amp; &lt;@U1&gt; &lt;http://x|y&gt;";
    let payload =
        json!({ "type": "tp_hit", "data": { "symbol": "A&B", "account_label": foreign } });
    let event = event(&payload.to_string());
    let id = id();
    let built_in = Wording::of(&event);
    let body = sent(&slack(), &message(&id, &event, &built_in));
    assert_eq!(
        body["blocks"][1]["fields"][0]["text"],
        format!("Account\n{escaped}")
    );
    assert_eq!(body["text"], format!("TP hit · A&amp;B\n{escaped}"));
    let templated = built_in.with(None, Some(format!("*bold* {foreign}")), None);
    let body = sent(&slack(), &message(&id, &event, &templated));
    let section = json!({ "type": "mrkdwn", "text": format!("*bold* {escaped}") });
    assert_eq!(body["blocks"][1]["text"], section);
}

#[test]
fn sl_5_sl_6_sl_7_the_word_decides_before_the_status() {
    let sink = slack();
    let plain = Facts {
        plain: true,
        ..facts()
    };
    for (status, body, facts, expected) in [
        (200, "ok", facts(), "delivered"),
        (200, "{\"ok\":true}", facts(), "delivered"),
        (404, "no_service", facts(), "suspend"),
        (403, "no_service", facts(), "suspend"),
        (403, "invalid_token", facts(), "suspend"),
        (403, "action_prohibited", facts(), "suspend"),
        (404, "channel_not_found", facts(), "suspend"),
        (410, "channel_is_archived", facts(), "suspend"),
        (400, "posting_to_general_channel_denied", facts(), "suspend"),
        (404, "<html>", facts(), "suspend"),
        (403, "", facts(), "suspend"),
        (400, "invalid_payload", facts(), "dead"),
        (400, "user_not_found", facts(), "dead"),
        (400, "something_new", facts(), "dead"),
        (400, "invalid_blocks\n", facts(), "plain"),
        (400, "msg_too_long", facts(), "plain"),
        (400, "invalid_blocks", plain, "dead"),
        (400, "", facts(), "slow"),
        (400, "", plain, "slow"),
        (400, PROXY_PAGE, facts(), "slow"),
        (400, "bad request", facts(), "slow"),
        (400, "refused", facts(), "slow"),
        (400, r#"{"error":"invalid_payload"}"#, facts(), "slow"),
        (500, "rollup_error", facts(), "retry"),
        (500, "s3cret", facts(), "retry"),
        (408, "", facts(), "retry"),
        (302, "", facts(), "retry"),
        (429, "rate_limited", facts(), "rest it ?"),
        (429, "{}", facts(), "rest it ?"),
    ] {
        let answer = reply(status, &[], body);
        assert_eq!(verdict(&sink, &answer, &facts), expected, "{status} {body}");
    }
    for (word, reason) in [
        ("invalid_payload", "400 Bad Request (invalid_payload)"),
        ("echo_of_a_topic", "400 Bad Request"),
    ] {
        let told = sink.translator.judge(&reply(400, &[], word), &facts());
        assert_eq!(
            told.reason(),
            Some(reason),
            "only words of Slack's are told"
        );
    }
    for (status, word, is_told) in [
        (404, "no_service", true),
        (403, "invalid_token", true),
        (410, "", true),
        (404, "channel_not_found", false),
        (410, "channel_is_archived", false),
        (403, "action_prohibited", false),
    ] {
        let verdict = sink.translator.judge(&reply(status, &[], word), &facts());
        let reason = verdict.reason().expect("a reason");
        assert_eq!(reason.contains("make a new one"), is_told, "{reason}");
    }
    let limited = reply(429, &[("retry-after", "3")], "rate_limited");
    assert_eq!(verdict(&sink, &limited, &facts()), "rest it 3");
    assert_eq!(sink.rests.first.as_secs(), 30);
}

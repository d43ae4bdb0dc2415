//! What templates make of an event on the way to its request: what stands in it, what is told of a
//! failure, and what is not rendered at all.

use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;
use serde_json::{Value, json};

use super::super::preview;
use super::*;
use crate::config::{self, Problems};
use crate::model::DataAt;
use crate::rules::Rules;
use crate::sinks;
use crate::transport::Outgoing;

/// A sink of these options, and a rule that sends everything to it and overrides what is given.
fn configured(sink: &str, rule: &str) -> (Sink, Rules) {
    let text = format!(
        "[sinks.it]\n{sink}\n[[rules]]\nname = \"all\"\nto = [\"it\"]\n{rule}\n\
         [sources.feed]\nkind = \"sse\"\nurl = \"http://127.0.0.1:9/\"\n"
    );
    let loaded = config::load_text(Path::new("config.toml"), text, BTreeMap::new());
    let config = loaded.config.expect("a configuration");
    let sink = sinks::build(&config.sinks[0]).unwrap_or_else(|| panic!("{:?}", loaded.problems));
    let rules = Rules::compile(&config.rules, &Problems::default());
    (sink, rules)
}

fn event(data: &Value) -> Event {
    let payload = Bytes::from(data.to_string());
    Event {
        source: crate::model::Name::new("feed").expect("a name"),
        id: None,
        kind: "tp_hit".into(),
        time: None,
        received: now(),
        backfilled: false,
        identity: None,
        data: DataAt::Json {
            start: 0,
            end: payload.len(),
        },
        payload,
        about: None,
    }
}

fn now() -> Timestamp {
    Timestamp::from_second(1_781_165_130).expect("in range")
}

/// The wording of some data, and the JSON that goes out.
fn sent(sink: &str, rule: &str, data: &Value) -> (Wording, Value) {
    let (sink, rules) = configured(sink, rule);
    let (rule, event) = (rules.rule("all").expect("the rule"), event(data));
    let wording = word(&sink, None, Some(rule), &Subject::one(&event), now());
    let request = preview(&sink, &sink, rule, &event, None, "msg_1", now()).expect("a request");
    let Outgoing::Http(request) = request else {
        panic!("{request:?}");
    };
    let body = serde_json::from_slice(request.body()).expect("JSON");
    (wording, body)
}

fn discord(mentions: &str, message: &str) -> String {
    format!(
        "kind = \"discord\"\nurl = \"https://discord.com/api/webhooks/1/t\"\n\
         mentions = {mentions}\nmessage = '{message}'"
    )
}

#[test]
fn dc_4_only_what_the_template_itself_spells_out_pings() {
    let every = r#"["everyone", "roles", "users", "<@&7>"]"#;
    let nobody = json!({ "parse": [] });
    let data =
        json!({ "comment": "@everyone @here <@1> <@!2> <@&7> <@&9>", "role": 7, "loss": true });
    for (message, allowed) in [
        ("{{ data.comment }}", &nobody),
        (
            "<@&{{ data.role }}> <@{{ data.role }}> @{{ \"here\" }}",
            &nobody,
        ),
        (
            "{% if not data.loss %}<@&9>{% endif %}{{ data.comment }}",
            &nobody,
        ),
        (
            "{% if data.loss %}<@&9>{% endif %}{{ data.comment }}",
            &json!({ "parse": [], "roles": ["9"] }),
        ),
        (
            "@here <@5> {{ data.comment }}",
            &json!({ "parse": ["everyone"], "users": ["5"] }),
        ),
    ] {
        let (_, body) = sent(&discord(every, message), "", &data);
        assert_eq!(&body["allowed_mentions"], allowed, "{message}");
        let content = body.get("content").and_then(Value::as_str);
        let expected = match message.starts_with("@here") {
            true => Some("@here <@5>"),
            false => (allowed != &nobody).then_some("<@&9>"),
        };
        assert_eq!(content, expected, "{message}");
    }
    // A rule's text is as good as the sink's; one that failed calls nobody.
    let rule =
        "title = '<@&7> {{ data.role }}'\nmessage = '<@&9> {{ data.role|local(data.loss) }}'";
    let (_, body) = sent(&discord(every, "<@1>"), rule, &data);
    assert_eq!(
        body["allowed_mentions"],
        json!({ "parse": [], "roles": ["7"] })
    );
}

fn ntfy(options: &str) -> String {
    format!("kind = \"ntfy\"\ntopic = \"alerts\"\n{options}")
}

#[test]
fn nt_1_click_and_icon_are_written_by_templates() {
    let options = ntfy(
        "click = 'https://example.org/chart?symbol={{ data.symbol|urlencode }}&at={{ data.price }}'\n\
         icon = 'https://example.org/{{ data.symbol|lower }}.png'",
    );
    let (wording, body) = sent(
        &options,
        "",
        &json!({ "symbol": "GER 40&x=1", "price": 1.5 }),
    );
    assert_eq!(
        body["click"],
        "https://example.org/chart?symbol=GER%2040%26x%3D1&at=1.5"
    );
    // Whatever an event brings in, it is sent as the one address that it was read as.
    assert_eq!(body["icon"], "https://example.org/ger%2040&x=1.png");
    assert_eq!(wording.note, None);
}

#[test]
fn a_template_that_makes_no_address_leaves_its_option_out_and_says_so() {
    let wrong = "its result is no address that can be opened";
    for (option, template, data, told) in [
        (
            "click",
            "{{ data.url }}",
            json!({ "url": "javascript:alert(1)" }),
            wrong,
        ),
        (
            "click",
            "{{ data.url }}",
            json!({ "url": "java\nscript:alert(1)" }),
            wrong,
        ),
        // An app's scheme is the configuration's to choose, never an event's.
        (
            "click",
            "{{ data.url }}",
            json!({ "url": "intent://x" }),
            wrong,
        ),
        (
            "click",
            "app{{ data.url }}",
            json!({ "url": "://x" }),
            wrong,
        ),
        ("click", "chart/{{ data.x }}", json!({ "x": 1 }), wrong),
        (
            "icon",
            "ftp://example.org/{{ data.x }}",
            json!({ "x": 1 }),
            wrong,
        ),
        (
            "click",
            "https://example.org/{{ data.x }}",
            json!({ "x": "y".repeat(1005) }),
            "its result is longer than 1024 bytes",
        ),
        (
            "icon",
            "https://example.org/{{ data.x|local(data.x) }}",
            json!({ "x": "nowhere" }),
            "this cannot be done with these values",
        ),
    ] {
        let options = ntfy(&format!("{option} = '{template}'"));
        let (wording, body) = sent(&options, "", &data);
        assert_eq!(body.get(option), None, "{template}");
        let note = wording.note.unwrap_or_default();
        let start = format!("the template of the {option} failed: {told}");
        assert!(note.starts_with(&start), "{note}");
        let message = body["message"].as_str().unwrap_or_default();
        assert!(message.contains(&note), "{message}");
        assert!(
            body["title"].as_str().unwrap_or_default().contains("TP"),
            "{body}"
        );
    }
    for (template, sent_as) in [
        ("{{ data.nothing }}", None),
        ("{% if data.x %}https://example.org/{% endif %}", None),
        ("app://open/{{ data.y }}", Some("app://open/1")),
    ] {
        let options = ntfy(&format!("click = '{template}'"));
        let (wording, body) = sent(&options, "", &json!({ "y": 1 }));
        let click = body.get("click").and_then(Value::as_str);
        assert_eq!((click, wording.note), (sent_as, None), "{template}");
    }
}

#[test]
fn nt_1_buttons_have_addresses_and_bodies_of_templates() {
    let key = r#"{{ data.zone|local(data.zone ~ "t0psecret") }}"#;
    let options = ntfy(&format!(
        r#"actions = [
            {{ label = 'Chart', url = 'https://example.org/{{{{ data.symbol|urlencode }}}}' }},
            {{ label = 'Close', action = 'http', url = 'http://home.example/t0psecret', body = '{{"id": {{{{ data.id|tojson }}}}, "key": "{key}"}}' }},
            {{ label = 'Docs', url = 'https://example.org/' }},
        ]"#
    ));
    let (wording, body) = sent(&options, "", &json!({ "symbol": "A B", "id": "x" }));
    let labels: Vec<&str> = body["actions"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|action| action["label"].as_str())
        .collect();
    assert_eq!(labels, ["Chart", "Docs"], "one left unfinished is left out");
    assert_eq!(body["actions"][0]["url"], "https://example.org/A%20B");
    assert_eq!(
        wording.note.as_deref(),
        Some("the template of the actions[1].body failed: this cannot be done with these values"),
        "what may hold a secret is not quoted"
    );
    let fine = options.replace(key, "k");
    let (wording, body) = sent(&fine, "", &json!({ "symbol": "A", "id": "x\"y" }));
    assert_eq!(body["actions"][1]["body"], r#"{"id": "x\"y", "key": "k"}"#);
    assert_eq!(wording.note, None);
    let alone = ntfy("actions = [{ label = 'Chart', url = '{{ data.url }}' }]");
    let (_, body) = sent(&alone, "", &json!({ "url": "file:///etc/passwd" }));
    assert_eq!(body.get("actions"), None);
}

fn webhook(options: &str) -> String {
    format!("kind = \"webhook\"\nurl = \"http://home.example/\"\nsignature = \"none\"\n{options}")
}

#[test]
fn a_body_that_is_no_json_is_a_failed_template() {
    let template = webhook("body = '{\"symbol\": {{ data.symbol }}}'\ntitle = 'Hit {{ data.x }}'");
    let (wording, body) = sent(&template, "", &json!({ "symbol": 40, "x": 1 }));
    assert_eq!(body, json!({ "symbol": 40 }));
    assert_eq!(wording.note, None);
    let (wording, body) = sent(&template, "", &json!({ "symbol": "GER40", "x": 1 }));
    let told = "the template of the body failed: its result is no JSON: expected value at line 1 column 12";
    assert_eq!(wording.note.as_deref(), Some(told));
    assert_eq!(body["title"], "Hit 1");
    assert_eq!(body["webhook_id"], "msg_1");
    assert!(
        body["message"].as_str().unwrap_or_default().ends_with(told),
        "{body}"
    );
}

#[test]
fn what_no_request_shows_is_not_rendered() {
    let failing = "title = '{{ data.x|local(data.x) }}'\nmessage = '{{ data.x|local(data.x) }}'";
    let data = json!({ "x": "nowhere" });
    for body in [
        "event",
        "canonical",
        "cloudevents",
        "{\"x\": {{ data.x|tojson }}}",
    ] {
        let options = webhook(&format!("body = '{body}'"));
        for (sink, rule) in [(format!("{options}\n{failing}"), ""), (options, failing)] {
            let (wording, _) = sent(&sink, rule, &data);
            assert_eq!(wording.note, None, "{body}");
        }
    }
    let shown = webhook(&format!("body = '{{{{ data.x }}}}'\n{failing}"));
    let (wording, _) = sent(&shown, "", &data);
    assert!(
        wording
            .note
            .is_some_and(|note| note.contains("of the body failed"))
    );
}

#[test]
fn the_time_of_an_event_without_one_is_that_of_its_arrival() {
    let options = webhook(
        "body = '{\"time\": {{ event.time|tojson }}, \"at\": \"{{ event.time|local(\"UTC\", \"%H:%M\") }}\"}'",
    );
    let (_, body) = sent(&options, "", &json!({}));
    assert_eq!(
        body,
        json!({ "time": "2026-06-11T08:05:30Z", "at": "08:05" })
    );
    let when = "when = 'event.time >= \"2026-06-11T08:05\" and event.time < \"2026-06-11T08:06\"'";
    let (_, rules) = configured(&options, when);
    assert_eq!(rules.routes(&event(&json!({}))).routes.len(), 1);
}

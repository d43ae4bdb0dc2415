//! Whom a message pings, and whom it never does.

use serde_json::json;

use super::*;

/// Texts that call everybody, as people write them and as feeds do.
const CALLS: &str =
    "@everyone <@1> <@!2> <@&3> @here <@x> <@1234567890123456789012> <@&3> @every <@4";

#[test]
fn dc_4_nobody_is_pinged_unless_it_is_configured_and_spelt_out_by_a_template() {
    let foreign = samples::event(
        r#"{"type":"tp_hit","data":{"symbol":"@everyone <@1>","account_label":"<@&3> @here"}}"#,
    );
    let called = Wording::of(&foreign)
        .with(Some("TP <@&3>".to_owned()), Some(CALLS.to_owned()), None)
        .with_literal(format!("TP <@&3>\n{CALLS}"));
    for (mentions, content, allowed) in [
        (json!([]), None, json!({ "parse": [] })),
        (
            json!("everyone"),
            Some("@everyone @here"),
            json!({ "parse": ["everyone"] }),
        ),
        (
            json!(["roles"]),
            Some("<@&3>"),
            json!({ "parse": [], "roles": ["3"] }),
        ),
        (
            json!(["users"]),
            Some("<@1> <@2>"),
            json!({ "parse": [], "users": ["1", "2"] }),
        ),
        (
            json!(["<@2>", "<@7>"]),
            Some("<@2>"),
            json!({ "parse": [], "users": ["2"] }),
        ),
        (
            json!(["<@&3>", "users", "everyone"]),
            Some("<@&3> @everyone <@1> <@2> @here"),
            json!({ "parse": ["everyone"], "roles": ["3"], "users": ["1", "2"] }),
        ),
    ] {
        let sink = discord(&json!({ "mentions": mentions }));
        for built_in in both_forms(&sink, &foreign, &Wording::of(&foreign)) {
            check(&built_in);
            assert_eq!(
                built_in["allowed_mentions"],
                json!({ "parse": [] }),
                "{mentions}"
            );
        }
        let [rich, plain] = both_forms(&sink, &foreign, &called);
        for body in [&rich, &plain] {
            check(body);
            assert_eq!(body["allowed_mentions"], allowed, "{mentions}");
        }
        assert_eq!(
            rich.get("content").and_then(Value::as_str),
            content,
            "{mentions}"
        );
        let start = content.map_or("TP".to_owned(), |content| format!("{content}\nTP"));
        let text = plain["content"].as_str().unwrap_or_default();
        assert!(text.starts_with(&start), "{mentions}: {text}");
    }
}

#[test]
fn dc_3_a_crowd_of_mentions_fits_as_well() {
    let all = json!({ "mentions": ["everyone", "roles", "users"] });
    let crowd: String = (0..1000).map(|id| format!("<@{id}><@&{id}>")).collect();
    let event = recorded_with_id("215");
    let wording = Wording::of(&event)
        .with(Some(crowd.clone()), Some(crowd.clone()), None)
        .with_literal(crowd);
    check_both_forms(&discord(&all), &event, &wording);
    for (event, wording) in hostile() {
        check_both_forms(&discord(&all), &event, &wording);
    }
}

/// What a message allows whose text is the first of these, and whose template spells out the second.
fn allowed_of(mentions: &Value, text: &str, literal: &str) -> [Value; 2] {
    let event = recorded_with_id("215");
    let wording = Wording::of(&event)
        .with(None, Some(text.to_owned()), None)
        .with_literal(literal.to_owned());
    let sink = discord(&json!({ "mentions": mentions }));
    both_forms(&sink, &event, &wording)
}

#[test]
fn dc_4_what_an_event_brings_into_a_template_pings_nobody() {
    let every = json!(["everyone", "roles", "users", "<@&7>"]);
    let nobody = json!({ "parse": [] });
    for (text, literal, allowed) in [
        // Brought in whole, or completed, also where that very one is configured.
        ("x @everyone @here <@1> <@&2> <@&7>", "x \0", &nobody),
        ("<@&7> <@12>", "<@&\0> <@1\0>", &nobody),
        ("@everyone", "@\0", &nobody),
        // Spelt out somewhere in the template, but not in this text.
        ("x", "x <@&7>", &nobody),
        (
            "<@!5> @here <@&9> <@1>",
            "<@!5> @here <@&9> \0",
            &json!({ "parse": ["everyone"], "roles": ["9"], "users": ["5"] }),
        ),
    ] {
        for body in allowed_of(&every, text, literal) {
            check(&body);
            assert_eq!(&body["allowed_mentions"], allowed, "{text}");
        }
    }
}

#[test]
fn dc_4_who_calls_everybody_here_lets_no_foreign_text_call_everybody() {
    let [rich, plain] = allowed_of(&json!("everyone"), "@here @everyone", "@here \0");
    let called = rich["content"].as_str().unwrap_or_default();
    assert_eq!(called, "@here");
    let text = plain["content"].as_str().unwrap_or_default();
    assert!(text.starts_with("@here\n"), "{text}");
    assert!(
        !text.contains("@everyone") && text.contains("everyone"),
        "{text}"
    );
}

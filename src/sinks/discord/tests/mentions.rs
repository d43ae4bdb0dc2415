//! Whom a message pings, and whom it never does.

use serde_json::json;

use super::*;

/// Texts that call everybody, as people write them and as feeds do.
const CALLS: &str =
    "@everyone <@1> <@!2> <@&3> @here <@x> <@1234567890123456789012> <@&3> @every <@4";

#[test]
fn dc_4_nobody_is_pinged_unless_it_is_configured_and_written_by_a_template() {
    let foreign = samples::event(
        r#"{"type":"tp_hit","data":{"symbol":"@everyone <@1>","account_label":"<@&3> @here"}}"#,
    );
    let called =
        Wording::of(&foreign).with(Some("TP <@&3>".to_owned()), Some(CALLS.to_owned()), None);
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
    let wording = Wording::of(&event).with(Some(crowd.clone()), Some(crowd), None);
    check_both_forms(&discord(&all), &event, &wording);
    for (event, wording) in hostile() {
        check_both_forms(&discord(&all), &event, &wording);
    }
}

//! Lines that are no events, and command lines that cannot be followed.

use serde_json::json;

use super::{HIT, every_kind, explained};
use crate::harness::Bridge;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_line_is_named_and_the_others_go_on() {
    let bridge = Bridge::new(&every_kind("127.0.0.1:9", "nothing").replacen(
        "api_key",
        "max_event_size = \"1KiB\"\napi_key",
        1,
    ));
    let large = HIT.replace("XAUUSD", &"X".repeat(2000));
    let lines = format!("{HIT}\n\n{{\"type\": tp_hit}}\n[1]\n{large}\n\"text\u{1b}\n{HIT}");
    for form in [&["--json"][..], &["--curl"], &[]] {
        let options = [&["--source", "ttmt"], form].concat();
        let told = explained(&bridge, &lines, &options).await;
        assert_eq!(told.status, Some(1), "{told:?}");
        let complaints: Vec<&str> = told.complaint.lines().collect();
        let expected = [
            "bellwire: line 3 is no JSON: expected ident at column 11",
            "bellwire: line 4 cannot be read by source `ttmt`: the payload is no JSON object",
            "bellwire: line 5 is skipped: 2112 bytes are more than `max_event_size` of source `ttmt`",
            "bellwire: line 6 is no JSON: control character (\\u0000-\\u001F) found while parsing a string at column 5",
        ];
        assert_eq!(complaints, expected, "{form:?}");
        match form {
            ["--json"] => {
                let list = told.json();
                let list = list.as_array().expect("a list");
                let bad = list.iter().filter(|one| one["error"].is_string());
                assert_eq!((list.len(), bad.count()), (2 + 4, 4), "{told:?}");
            }
            ["--curl"] => assert_eq!(told.out.matches("\ncurl ").count(), 2 * 5, "{}", told.out),
            _ => assert!(told.out.contains("\nline 7: tp_hit of ttmt, "), "{told:?}"),
        }
    }
    let nothing = explained(&bridge, " \n\n", &["--json"]).await;
    assert_eq!((nothing.status, nothing.json()), (Some(0), json!([])));
    let unmatched = explained(&bridge, r#"{"type":"bellwire.gap","data":1}"#, &[]).await;
    assert_eq!(unmatched.status, Some(0), "{unmatched:?}");
    assert!(
        unmatched.out.contains("it goes nowhere: no rule matches"),
        "{unmatched:?}"
    );
    for wrong in [
        &["--source", "nobody"][..],
        &["none.jsonl"],
        &["--json", "--curl"],
    ] {
        let told = bridge.told("explain", wrong).await;
        assert_eq!(told.status, Some(2), "{told:?}");
        assert!(told.out.is_empty() || told.json()["error"].is_string());
    }
    bridge.configure("[sinks.phone]\nkind = \"ntfy\"\ntopic = { env = \"TOPIC\" }\n");
    let told = explained(&bridge, HIT, &[]).await;
    assert_eq!((told.status, told.out.as_str()), (Some(2), ""), "{told:?}");
    assert!(told.complaint.contains("`TOPIC` is not set"), "{told:?}");
}

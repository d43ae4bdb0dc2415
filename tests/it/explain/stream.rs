//! Input in the form of a stream, types that no document says, byte order marks, and times.

use serde_json::{Value, json};

use super::{HIT, every_kind, explained};
use crate::harness::Bridge;

/// A feed whose types stand in `event:`, and one of TTMT's.
const FEEDS: &str = r#"
[sources.feed]
kind = "sse"
url = "http://127.0.0.1:1/events"
max_event_size = "1KiB"

[sources.ttmt]
kind = "ttmt"
api_key = "ttmt_live_x"

[sinks.hook]
kind = "webhook"
url = "http://127.0.0.1:1/"
signature = "none"

[[rules]]
name = "doors"
events = ["door.*"]
to = ["hook"]
"#;

/// Line, type, id and body of each event that is told.
fn told(events: &Value) -> Vec<Value> {
    let events = events.as_array().expect("an array").iter();
    let told = events.map(|event| {
        let body = &event["deliveries"][0]["request"]["body"];
        json!([event["line"], event["type"], event["id"], body])
    });
    told.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_saved_stream_has_its_types_ids_and_lines() {
    let bridge = Bridge::new(FEEDS);
    let text = "\n: connected\n\nretry: 3000\nevent: door.open\nid: 7\ndata: {\"at\":\ndata: 1}\n\n\
                : ping\n\ndata: plain text\n\nid: 8\n\nevent: door.shut\ndata: {}\nid:9\n\n";
    for end in ["\n", "\r\n", "\r"] {
        for mark in ["", "\u{feff}"] {
            let text = format!("{mark}{}", text.replace('\n', end));
            let shown = explained(&bridge, &text, &["--json"]).await;
            let heard = (shown.status, shown.complaint.as_str());
            assert_eq!(heard, (Some(0), ""), "{shown:?}");
            let expected = [
                json!([4, "door.open", "7", "{\"at\":\n1}"]),
                json!([12, "message", null, null]),
                json!([16, "door.shut", "9", "{}"]),
            ];
            assert_eq!(told(&shown.json()), expected, "{text:?}");
        }
    }
    let shown = explained(&bridge, text, &[]).await;
    assert!(
        shown
            .out
            .starts_with("line 4: door.open of feed (assumed)\n"),
        "{shown:?}"
    );
    let nothing = explained(&bridge, "event: door.open\n\n: bye\n\n", &["--json"]).await;
    assert_eq!((nothing.status, nothing.json()), (Some(0), json!([])));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_is_cut_off_is_told_with_a_word() {
    let bridge = Bridge::new(FEEDS);
    let word =
        "bellwire: the last event has no blank line behind it; a stream that ends there drops it\n";
    for end in ["", "\n", "\r\n"] {
        let text = format!("data: 1\n\nevent: door.open\ndata: {{}}{end}");
        let shown = explained(&bridge, &text, &["--json"]).await;
        let heard = (shown.status, shown.complaint.as_str());
        assert_eq!(heard, (Some(0), word), "{shown:?}");
        let expected = json!([3, "door.open", null, "{}"]);
        assert_eq!(told(&shown.json())[1], expected);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_source_cannot_read_of_a_stream_is_named_with_its_line() {
    let bridge = Bridge::new(FEEDS);
    let large = "x".repeat(1025);
    let text = format!(
        "data: {HIT}\nid: 5\n\ndata: {large}\n\ndata: {{\"type\":\"recycle\"}}\n\ndata: {{\"type\":\"bellwire.gap\"}}\n\n"
    );
    let named = explained(&bridge, &text, &["--json", "--source", "ttmt"]).await;
    let complaint = "bellwire: line 4 cannot be read by source `ttmt`: the payload is no JSON\n";
    let heard = (named.status, named.complaint.as_str());
    assert_eq!(heard, (Some(1), complaint), "{named:?}");
    let named = named.json();
    let expected = [
        json!([1, "tp_hit", "5", null]),
        json!([4, null, null, null]),
        json!([6, "recycle", null, null]),
        json!([8, "bellwire.gap", null, null]),
    ];
    assert_eq!(told(&named), expected, "the id is the frame's: {named}");
    assert_eq!(named[2]["control"], true);
    let error = "cannot be read by source `ttmt`: the payload is no JSON";
    assert_eq!(named[1], json!({ "line": 4, "error": error }));

    let assumed = explained(&bridge, &text, &["--json"]).await;
    let complaint =
        "bellwire: line 4 is skipped: 1031 bytes are more than `max_event_size` of source `feed`\n";
    let heard = (assumed.status, assumed.complaint.as_str());
    assert_eq!(heard, (Some(1), complaint), "{assumed:?}");
    let assumed = assumed.json();
    let sources: Vec<&Value> = [0, 2, 3]
        .into_iter()
        .map(|index| &assumed[index]["source"])
        .collect();
    assert_eq!(sources, ["ttmt", "ttmt", "bellwire"]);
    assert_eq!(assumed[2]["control"], true);
    let fed = explained(&bridge, &text, &["--json", "--source", "feed"]).await;
    assert_eq!(fed.json()[2]["control"], false, "a feed has no such words");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_without_an_end_is_left_at_some_point() {
    let bridge = Bridge::new(FEEDS);
    let flood = format!("data: 1\n\ndata: {}", "x".repeat(64 * 1024));
    let shown = explained(&bridge, &flood, &["--json"]).await;
    let complaint = "bellwire: the stream cannot be read on: an event is far beyond every limit\n";
    let heard = (shown.status, shown.complaint.as_str());
    assert_eq!(heard, (Some(1), complaint), "{heard:?}");
    let list = shown.json();
    assert_eq!(told(&list)[0], json!([1, "message", null, null]));
    let error = "the stream cannot be read on: an event is far beyond every limit";
    assert_eq!(
        list[1],
        json!({ "error": error }),
        "it says that it broke off"
    );
    assert_eq!(list.as_array().map(Vec::len), Some(2));

    // No JSON is told in one line, so these are quick.
    let many = "data\n\n".repeat(100_002);
    let shown = explained(&bridge, &many, &["--source", "ttmt"]).await;
    assert_eq!(shown.status, Some(1));
    let complaints: Vec<&str> = shown.complaint.lines().collect();
    assert!(complaints[99_999].starts_with("bellwire: line 199999 cannot be read by"));
    let last = "bellwire: line 200001 and what follows are too many, and not read";
    assert_eq!(complaints[100_000], last);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_type_can_be_given_to_documents_that_have_none() {
    let bridge = Bridge::new(FEEDS);
    let kind = async |line: &str, options: &[&str]| {
        let shown = explained(&bridge, line, &[&["--json"], options].concat()).await;
        assert_eq!(shown.status, Some(0), "{shown:?}");
        shown.json()[0]["type"].as_str().expect("a type").to_owned()
    };
    let given = ["--type", "door.open"];
    let ttmt = ["--type", "door.open", "--source", "ttmt"];
    assert_eq!(kind("{}", &[]).await, "message");
    assert_eq!(kind("{}", &given).await, "door.open");
    assert_eq!(kind("{\"type\":\"own\"}", &given).await, "door.open");
    assert_eq!(kind("{\"type\":\"own\"}", &ttmt).await, "own");
    assert_eq!(kind("{}", &ttmt).await, "door.open");
    let shown = explained(&bridge, "{}", &["--json", "--type", "bellwire.gap"]).await;
    assert_eq!(shown.json()[0]["source"], "bellwire");

    bridge.configure(&FEEDS.replacen("max_event", "type = \"/kind\"\nmax_event", 1));
    assert_eq!(kind("{\"kind\":\"own\"}", &given).await, "own");
    assert_eq!(kind("{}", &given).await, "door.open");

    let stream = explained(&bridge, "data: {}\n\n", &given).await;
    assert_eq!(
        (stream.status, stream.out.as_str()),
        (Some(2), ""),
        "{stream:?}"
    );
    assert!(stream.complaint.contains("`--type`"), "{stream:?}");
    let empty = explained(&bridge, "{}", &["--type", ""]).await;
    assert_eq!(
        (empty.status, empty.out.as_str()),
        (Some(2), ""),
        "{empty:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_byte_order_mark_is_no_part_of_the_first_document() {
    let bridge = Bridge::new(FEEDS);
    let options = ["--json", "--source", "ttmt"];
    let shown = explained(&bridge, &format!("\u{feff}{HIT}\n{HIT}"), &options).await;
    assert_eq!(shown.status, Some(0), "{shown:?}");
    assert_eq!(shown.json().as_array().map(Vec::len), Some(2));
    let inside = explained(&bridge, &format!("{HIT}\n\u{feff}{HIT}"), &options).await;
    assert_eq!(inside.status, Some(1), "only the first is one: {inside:?}");
    let alone = explained(&bridge, "\u{feff}", &options).await;
    assert_eq!((alone.status, alone.json()), (Some(0), json!([])));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn times_have_milliseconds_and_no_digit_is_lost() {
    let bridge = Bridge::new(&every_kind("127.0.0.1:9", "nothing"));
    for (time, shown, kept) in [
        ("08:00:00.000Z", "08:00:00.000Z", "08:00:00Z"),
        ("08:00:00Z", "08:00:00.000Z", "08:00:00Z"),
        ("10:00:00.5+02:00", "08:00:00.500Z", "08:00:00.5Z"),
        ("08:00:00.120Z", "08:00:00.120Z", "08:00:00.12Z"),
        ("08:00:00.1234Z", "08:00:00.1234Z", "08:00:00.1234Z"),
        // The queue keeps microseconds.
        (
            "08:00:00.123456789Z",
            "08:00:00.123456789Z",
            "08:00:00.123456Z",
        ),
    ] {
        let line = HIT.replace("08:00:00.000Z", time);
        let text = explained(&bridge, &line, &["--source", "ttmt"]).await;
        let head = format!("line 1: tp_hit of ttmt, 2026-06-11T{shown}\n");
        assert!(text.out.starts_with(&head), "{text:?}");
        let json = explained(&bridge, &line, &["--source", "ttmt", "--json"]).await;
        let json = json.json();
        assert_eq!(json[0]["time"], format!("2026-06-11T{shown}"));
        let body = json[0]["deliveries"][5]["request"]["body"].as_str();
        let body: Value = serde_json::from_str(body.expect("a body")).expect("JSON");
        assert_eq!(body["time"], format!("2026-06-11T{kept}"));
    }
}

//! The forms in which people have their events, and whose events they are taken for.

use super::{HIT, explained};
use crate::harness::Bridge;

/// A generic source before TTMT's by name, and a rule that listens to both.
fn both(feed: &str) -> String {
    format!(
        "[sources.zeta]\nkind = \"ttmt\"\nbase_url = \"http://127.0.0.1:9/api/v1\"\napi_key = \"ttmt_live_x\"\n\
         [sources.alpha]\nkind = \"sse\"\nurl = \"http://127.0.0.1:9/events\"\n{feed}\n\
         [sinks.phone]\nkind = \"ntfy\"\ntopic = \"alerts\"\nserver = \"http://127.0.0.1:9\"\n\
         [[rules]]\nname = \"all\"\nto = [\"phone\"]\n"
    )
}

/// The first line of what is told of each event.
async fn told(bridge: &Bridge, text: &str, options: &[&str]) -> Vec<String> {
    let told = explained(bridge, text, options).await;
    assert_eq!(told.status, Some(0), "{told:?}");
    let lines = told.out.lines().filter(|line| line.starts_with("line "));
    let head = |line: &str| line.split(',').next().unwrap_or_default().to_owned();
    lines.map(head).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_is_taken_for_that_of_the_source_that_reads_its_type() {
    let bridge = Bridge::new(&both(""));
    let lines =
        format!("{HIT}\n{{\"type\":\"engine_status\"}}\n{{\"a\":1}}\n{{\"type\":\"recycle\"}}");
    assert_eq!(
        told(&bridge, &lines, &[]).await,
        [
            "line 1: tp_hit of zeta (assumed)",
            "line 2: engine_status of zeta (assumed)",
            "line 3: message of alpha (assumed)",
            "line 4: recycle of zeta (assumed)",
        ]
    );
    bridge.configure(&both("type = \"/type\""));
    let lines = format!("{HIT}\n{{\"type\":\"engine_status\"}}");
    assert_eq!(
        told(&bridge, &lines, &[]).await,
        [
            "line 1: tp_hit of zeta (assumed)",
            "line 2: engine_status of alpha (assumed)",
        ],
        "only types that TTMT documents are its before others'"
    );
    let alone = both("").replace("to = [", "from = [\"alpha\"]\nto = [");
    bridge.configure(&alone);
    assert_eq!(
        told(&bridge, HIT, &[]).await,
        ["line 1: message of alpha (assumed)"],
        "a source that no rule listens to has no say"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn json_as_people_write_it_is_read_and_a_head_is_refused_with_what_to_do() {
    let bridge = Bridge::new(&both(""));
    let pretty = "{\n  \"type\": \"tp_hit\",\n  \"data\": {}\n}\n";
    assert_eq!(
        told(&bridge, pretty, &[]).await,
        ["line 1: tp_hit of zeta (assumed)"]
    );
    let list = "\u{feff}[\n  {\"type\": \"tp_hit\"},\n  {\"type\": \"order_fill\"}\n]\n";
    assert_eq!(
        told(&bridge, list, &[]).await,
        [
            "line 2: tp_hit of zeta (assumed)",
            "line 3: order_fill of zeta (assumed)",
        ]
    );
    let saved = format!("HTTP/2 200\r\ncontent-type: text/event-stream\r\n\r\ndata: {HIT}\n\n");
    let refused = explained(&bridge, &saved, &[]).await;
    assert_eq!(
        (refused.status, refused.out.as_str()),
        (Some(1), ""),
        "{refused:?}"
    );
    assert!(
        refused.complaint.starts_with(
            "bellwire: line 1 is the head of a server's answer; save the stream without it, with `curl` but no `-i`\n"
        ),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_type_that_changes_nothing_is_told_once() {
    let bridge = Bridge::new(&both(""));
    let unused = "bellwire: `--type` changes nothing: every event here has a type of its own\n";
    let own = format!("{HIT}\n{HIT}\n");
    let told = explained(&bridge, &own, &["--type", "order"]).await;
    assert_eq!(
        (told.status, told.complaint.as_str()),
        (Some(0), unused),
        "{told:?}"
    );
    for lines in [format!("{HIT}\n{{\"a\":1}}\n"), "{\"a\":1}".to_owned()] {
        let told = explained(&bridge, &lines, &["--type", "order"]).await;
        assert_eq!(
            (told.status, told.complaint.as_str()),
            (Some(0), ""),
            "{told:?}"
        );
        assert!(told.out.contains(": order of alpha (assumed)"), "{told:?}");
    }
}

//! A rule's throttle from end to end: what passes, what is told with it, and a restart in between.

use std::collections::BTreeSet;
use std::time::Duration;

use bellwire::simulator::receivers::Kind;
use serde_json::Value;

use crate::harness::{Bridge, Phones, Upstream, feed, soon, until};

const EVENTS: usize = 60;
const PAUSE: Duration = Duration::from_millis(50);

fn payload(number: usize, trade: Option<&str>) -> String {
    let trade = trade.map(|trade| format!(",\"trade_id\":\"{trade}\""));
    let (second, trade) = (number % 60, trade.unwrap_or_default());
    format!(
        r#"{{"type":"tp_hit","eventId":{number},"timestamp":"2026-06-11T08:00:{second:02}Z","data":{{"number":{number}{trade}}}}}"#
    )
}

fn bridge(upstream: &Upstream, phones: &Phones, per: &str) -> Bridge {
    let text = "signature = \"none\"\nbody = \"[{{ data.number }}, {{ event.suppressed }}]\"";
    let url = phones.handle.url(Kind::Webhook);
    Bridge::new(&format!(
        "http.listen = \"off\"\n{}{}[sinks.text]\nkind = \"webhook\"\nurl = \"{url}\"\nrate_limit = \"off\"\n\
         concurrency = 1\n{text}\n[[rules]]\nname = \"hits\"\nto = [\"phone\", \"text\"]\n\
         throttle = {{ limit = 1, per = \"{per}\", key = \"data.trade_id\" }}\n",
        upstream.source(),
        phones.sink("phone", Kind::Ntfy, "concurrency = 1"),
    ))
}

/// What the text sink got: the number of each event, and how many were suppressed before it.
fn texts(phones: &Phones) -> Vec<(usize, usize)> {
    let received = phones.handle.received_by(Kind::Webhook);
    let of = |body: &[u8]| {
        let [number, suppressed] = serde_json::from_slice(body).expect("two numbers");
        (number, suppressed)
    };
    received.iter().map(|one| of(&one.body)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_in_so_long_passes_and_tells_what_was_suppressed_before_it() {
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    let mut bridge = bridge(&upstream, &phones, "1s");
    bridge.start();
    soon("the first connection", upstream.handle.heard()).await;
    let payloads = (1..=EVENTS).map(|number| payload(number, Some("a")));
    feed(&upstream, payloads.collect(), PAUSE).await;
    until("a second and a third ring", || texts(&phones).len() >= 3).await;
    let texts = texts(&phones);
    assert!(texts.len() < 8, "three seconds of events: {texts:?}");
    let mut told = 0;
    for (rings, (number, suppressed)) in texts.iter().enumerate() {
        told += suppressed;
        assert_eq!(
            *number,
            rings + 1 + told,
            "nothing is lost count of: {texts:?}"
        );
    }
    let (rung, suppressed) = (texts[1].0, texts[1].1);
    let phone = || phones.handle.received_by(Kind::Ntfy);
    until("the phone", || phone().len() >= 2).await;
    let message: Value = serde_json::from_slice(&phone()[1].body).expect("JSON");
    let message = message["message"].as_str().expect("a message").to_owned();
    let line = format!("and {suppressed} more since ");
    assert!(message.contains(&line), "{rung}: {message}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_key_counts_for_itself_and_a_restart_forgets_nothing() {
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    let mut bridge = bridge(&upstream, &phones, "1h");
    bridge.start();
    soon("the first connection", upstream.handle.heard()).await;
    let numbers = || texts(&phones).iter().map(|text| text.0).collect::<Vec<_>>();
    for (number, trade) in [(1, Some("a")), (2, Some("a")), (3, Some("b")), (4, None)] {
        upstream.send(payload(number, trade)).await;
    }
    until("the first rings", || numbers() == [1, 3, 4]).await;
    bridge.kill();
    soon("the upstream to notice", upstream.handle.unheard()).await;
    bridge.start();
    soon("a connection", upstream.handle.heard()).await;
    for (number, trade) in [
        (5, Some("a")),
        (6, Some("b")),
        (7, None),
        (8, None),
        (9, Some("c")),
    ] {
        upstream.send(payload(number, trade)).await;
    }
    // A kill may repeat those whose answers were not yet on disk, and what goes out at once over several
    // connections may arrive in any order.
    let rung = || BTreeSet::from_iter(numbers());
    until("the last rings", || {
        [7, 8, 9].iter().all(|number| rung().contains(number))
    })
    .await;
    assert_eq!(rung(), BTreeSet::from([1, 3, 4, 7, 8, 9]));
}

//! What Prometheus reads of a running instance. Its own parsers judge the form, in a script.

use std::collections::BTreeSet;

use bellwire::simulator::Answer;
use bellwire::simulator::receivers::Kind;

use crate::harness::{Bridge, Page, Phones, Upstream, soon};

fn hit(number: usize) -> String {
    format!(
        r#"{{"type":"tp_hit","eventId":{number},"timestamp":"2026-06-11T08:00:{number:02}.000Z","data":{{"symbol":"XAUUSD","account_label":"L"}}}}"#
    )
}

/// A bridge whose sinks each end deliveries in another way.
fn bridge(upstream: &Upstream, phones: &Phones) -> Bridge {
    let url = phones.handle.url(Kind::Webhook);
    let sink = |name: &str, more: &str| {
        format!(
            "[sinks.{name}]\nkind = \"webhook\"\nurl = \"{url}/{name}\"\nsignature = \"none\"\nrate_limit = \"off\"\n{more}\n\
             [[rules]]\nname = \"to-{name}\"\nto = [\"{name}\"]\n"
        )
    };
    Bridge::new(&format!(
        "http.listen = \"127.0.0.1:0\"\n{}{}{}{}throttle = {{ limit = 1, per = \"24h\" }}\n\
         [[rules]]\nname = \"broken\"\nwhen = 'data.account_label|round > 1'\nto = [\"good\"]\n\
         [[rules]]\nname = \"own\"\nfrom = [\"bellwire\"]\nevents = [\"bellwire.delivery_dead\"]\nto = [\"good\"]\n{}",
        upstream.source(),
        sink("good", ""),
        sink("bad", ""),
        sink("once", ""),
        sink("late", "expires = \"10m\""),
    ))
}

/// The metrics of an instance.
async fn scrape(bridge: &Bridge) -> Page {
    bridge.page("/metrics").await
}

/// Waits until all of these lines are told, in whatever order.
async fn told(bridge: &Bridge, wanted: &[&str]) {
    let mut look = tokio::time::interval(std::time::Duration::from_millis(20));
    let mut last = String::new();
    let all = async {
        loop {
            last = scrape(bridge).await.body;
            let lines: BTreeSet<&str> = last.lines().collect();
            if wanted.iter().all(|line| lines.contains(line)) {
                return;
            }
            look.tick().await;
        }
    };
    let waited = tokio::time::timeout(crate::harness::DEADLINE, all).await;
    assert!(waited.is_ok(), "not all of {wanted:#?} in\n{last}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_way_that_events_and_deliveries_go_is_counted() {
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    phones
        .handle
        .answer_by("/webhook/bad", |_| Some(Answer::status(422)));
    let mut bridge = bridge(&upstream, &phones);
    bridge.start();
    soon("the connection", upstream.handle.heard()).await;
    upstream.send(hit(1)).await;
    upstream.send(hit(2)).await;
    // A replay is no event.
    upstream.send(hit(2)).await;
    told(
        &bridge,
        &[
            r#"bellwire_events_total{source="ttmt",type="tp_hit"} 2"#,
            r#"bellwire_events_repeated_total{source="ttmt"} 1"#,
            r#"bellwire_events_total{source="bellwire",type="bellwire.delivery_dead"} 1"#,
            r#"bellwire_source_connected{source="ttmt"} 1.0"#,
            r#"bellwire_source_connections_total{source="ttmt"} 1"#,
            // Two hits, and what bellwire says of the dead letter.
            r#"bellwire_deliveries_total{sink="good",outcome="delivered"} 3"#,
            r#"bellwire_deliveries_total{sink="bad",outcome="dead"} 2"#,
            r#"bellwire_deliveries_total{sink="bad",outcome="delivered"} 0"#,
            r#"bellwire_deliveries_total{sink="once",outcome="delivered"} 1"#,
            r#"bellwire_deliveries_total{sink="once",outcome="throttled"} 1"#,
            r#"bellwire_deliveries_total{sink="late",outcome="expired"} 2"#,
            r#"bellwire_attempts_total{sink="bad",outcome="failed"} 2"#,
            r#"bellwire_delivery_seconds_count{sink="once"} 1"#,
            r#"bellwire_delivery_seconds_bucket{sink="once",le="86400"} 0"#,
            r#"bellwire_delivery_seconds_bucket{sink="once",le="+Inf"} 1"#,
            r#"bellwire_dead_letters{sink="bad"} 2.0"#,
            r#"bellwire_queue_depth{sink="good",state="waiting"} 0.0"#,
            r#"bellwire_oldest_waiting_seconds{sink="good"} 0.0"#,
            // Rules are asked before a replay is recognised.
            r#"bellwire_expression_failures_total{rule="broken"} 3"#,
            "bellwire_store_writable 1.0",
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_for_a_suspended_sink_is_held_and_its_age_grows() {
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    phones
        .handle
        .answer_by("/webhook/good", |_| Some(Answer::status(410)));
    let mut bridge = bridge(&upstream, &phones);
    bridge.start();
    soon("the connection", upstream.handle.heard()).await;
    upstream.send(hit(1)).await;
    told(
        &bridge,
        &[
            r#"bellwire_sink_suspended{sink="good"} 1.0"#,
            r#"bellwire_queue_depth{sink="good",state="held"} 1.0"#,
            "bellwire_ready 0.0",
        ],
    )
    .await;
    let page = scrape(&bridge).await.body;
    let oldest = page
        .lines()
        .find_map(|line| line.strip_prefix(r#"bellwire_oldest_waiting_seconds{sink="good"} "#))
        .and_then(|age| age.parse::<f64>().ok());
    assert!(oldest > Some(0.0), "{oldest:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_want_the_token_and_say_what_they_are() {
    let upstream = Upstream::start().await;
    let mut bridge = Bridge::new(&format!(
        "http.listen = \"127.0.0.1:0\"\nhttp.token = \"a-token-for-a-test\"\n{}",
        upstream.source()
    ));
    bridge.start();
    let refused = scrape(&bridge).await;
    assert_eq!(refused.status, 401);
    assert!(!refused.body.contains("ttmt"), "{}", refused.body);
    let bridge = bridge.token("a-token-for-a-test");
    let page = scrape(&bridge).await;
    assert_eq!(page.status, 200);
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    assert!(page.head.contains(kind), "{}", page.head);
}

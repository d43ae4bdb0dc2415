//! A sink that is away: the others of its lane wait without being tried, its return sets all of them
//! going, and a trouble that lasts is told once.

pub(crate) mod scene;

use std::net::SocketAddr;

use bellwire::model::State;
use bellwire::simulator::Answer;
use bellwire::simulator::receivers::{self, Kind};
use bellwire::status::Status;
use bellwire::store::Store;
use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::harness::{Bridge, Phones, Upstream, free_address, soon, until};
use scene::{LOOKING, name, with_lanes};

/// A bridge whose one sink is not there.
async fn bridge(address: SocketAddr, more: &str) -> (Upstream, Bridge) {
    let upstream = Upstream::start().await;
    let config = format!(
        "http.listen = \"127.0.0.1:0\"\n{}[sinks.automation]\nkind = \"webhook\"\nurl = \"http://{address}/webhook\"\n\
         signature = \"none\"\n{more}\n[[rules]]\nname = \"all\"\nto = [\"automation\"]\n",
        upstream.source(),
    );
    let mut bridge = Bridge::new(&config);
    bridge.start();
    soon("the connection", upstream.handle.heard()).await;
    (upstream, bridge)
}

async fn send(upstream: &Upstream, count: usize) {
    for number in 1..=count {
        let payload = format!(
            r#"{{"type":"tp_hit","eventId":{number},"timestamp":"2026-06-11T08:00:00.{number:03}Z","data":{{}}}}"#
        );
        upstream.send(payload).await;
    }
}

async fn failures(bridge: &Bridge, count: usize) {
    until("attempts to fail", || {
        bridge.log().matches("not accepted").count() >= count
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_a_sink_is_away_one_delivery_at_a_time_is_tried() {
    const EVENTS: usize = 100;
    let address = free_address();
    let (upstream, mut bridge) = bridge(address, "").await;
    send(&upstream, EVENTS).await;
    failures(&bridge, 5).await;
    let page = bridge
        .ready("the sink to be away", |page| {
            !page["sinks"]["automation"]["away_since"].is_null()
        })
        .await;
    assert_eq!(page.status, 503, "an alert would not get through");
    let phones = Phones::at(address).await;
    let received = soon("all of them", phones.handle.arrivals(Kind::Webhook, EVENTS)).await;
    assert_eq!(received.len(), EVENTS);
    bridge
        .ready("the sink to be back", |page| {
            page["sinks"]["automation"]["away_since"].is_null() && page["ready"] == true
        })
        .await;
    bridge.signal("TERM");
    assert!(bridge.ended().await.success());
    let failed = bridge.log().matches("not accepted").count();
    let store = Store::open(
        &bridge.folder().join("data"),
        Status::new().0,
        Timestamp::now(),
    )
    .expect("opens");
    let deliveries = store.recent_deliveries(200).await.expect("reads");
    let untried = deliveries.iter().filter(|one| one.attempts == 1).count();
    assert!(
        untried >= EVENTS - failed && failed < 20,
        "{failed} attempts failed; the first one of {untried} was accepted"
    );
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_success_makes_everything_due_that_waited_for_the_sink() {
    let address = free_address();
    // After its second failure a delivery waits for a quarter of an hour.
    let ladder = "retry = { initial = \"1s\", factor = 100.0, max = \"1h\" }";
    let (upstream, bridge) = bridge(address, &format!("{ladder}\nconcurrency = 2")).await;
    send(&upstream, 2).await;
    failures(&bridge, 6).await;
    let phones = Phones::at(address).await;
    soon("both", phones.handle.arrivals(Kind::Webhook, 2)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sink_that_came_back_while_bellwire_was_dead_is_found_at_the_start() {
    let address = free_address();
    // After its second failure a delivery waits for minutes.
    let ladder = "retry = { initial = \"2s\", factor = 100.0, max = \"1h\" }\nordered = true";
    let (upstream, mut bridge) = bridge(address, ladder).await;
    send(&upstream, 3).await;
    failures(&bridge, 2).await;
    bridge.kill();
    let phones = Phones::at(address).await;
    bridge.start();
    soon("all three", phones.handle.arrivals(Kind::Webhook, 3)).await;
}

#[tokio::test(start_paused = true)]
async fn a_failing_sink_is_told_once_and_its_return_once() {
    let address = free_address();
    with_lanes(address, "", async |scene| {
        let start = scene.clock.now();
        scene.enqueue(scene.event("ttmt")).await;
        scene.tried().await;
        let hours = start + SignedDuration::from_hours(3);
        scene.until(|scene, _| scene.clock.now() >= hours).await;
        assert_eq!(
            scene.kinds(),
            ["bellwire.sink_failing"],
            "that it cannot be told to the sink itself is no further news"
        );
        let (_, told) = &scene.said[0];
        assert_eq!(told["sink"], "automation");
        assert_eq!(told["reason"], "connection refused");
        assert_eq!(told["waiting"], 1);
        let since: Timestamp = told["since"]
            .as_str()
            .expect("a time")
            .parse()
            .expect("one");
        assert!(since.duration_since(start).as_secs() < 5, "{since}");

        let receivers = receivers::bind(address).await.expect("the port is free");
        let handle = receivers.handle();
        let back = scene.until(|scene, depths| {
            let delivered = depths.by_sink[&name("automation")].get(State::Delivered.as_str());
            scene.said.len() == 2 && delivered == Some(&3)
        });
        tokio::select! {
            ended = receivers.run(CancellationToken::new()) => panic!("{ended:?}"),
            () = back => {}
        }
        assert_eq!(scene.kinds()[1], "bellwire.sink_recovered");
        assert_eq!(scene.said[1].1["since"], scene.said[0].1["since"]);
        assert_eq!(
            scene.said[1].1["waiting"], 2,
            "the event and what was told of the sink"
        );
        assert_eq!(handle.received().len(), 3, "the event and what was told");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_wants_something_mended_is_told_and_shown_within_a_minute() {
    let address = free_address();
    with_lanes(address, "", async |scene| {
        let receivers = receivers::bind(address).await.expect("the port is free");
        let handle = receivers.handle();
        handle.answer_by("/webhook", |_| Some(Answer::status(401)));
        let start = scene.clock.now();
        let play = async {
            scene.enqueue(scene.event("ttmt")).await;
            scene.until(|scene, _| !scene.said.is_empty()).await;
            let after = scene.clock.now().duration_since(start);
            // Its next try is five minutes away at the soonest.
            assert!(after < SignedDuration::from_mins(2), "{after}");
            assert_eq!(scene.kinds(), ["bellwire.sink_failing"]);
            assert_eq!(
                scene.said[0].1["waiting"], 1,
                "its next try is minutes away"
            );
            let shown = scene.status.snapshot();
            let reasons = shown.obstacles(scene.clock.now());
            assert!(
                reasons[0].contains("`automation` is failing: 401"),
                "{reasons:?}"
            );
            handle.answer_as_ever("/webhook");
            scene.until(|scene, _| scene.said.len() == 2).await;
            assert_eq!(scene.kinds()[1], "bellwire.sink_recovered");
            let shown = scene.status.snapshot();
            assert!(shown.obstacles(scene.clock.now()).is_empty());
        };
        tokio::select! {
            ended = receivers.run(CancellationToken::new()) => panic!("{ended:?}"),
            () = play => {}
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn failing_to_deliver_what_bellwire_says_of_itself_raises_nothing() {
    let soon_dead = "retry = { max_age = \"1h\" }";
    with_lanes(free_address(), soon_dead, async |scene| {
        scene.enqueue(scene.event("bellwire")).await;
        scene
            .until(|_, depths| {
                let states = depths.by_sink.get(&name("automation"));
                states.is_some_and(|states| states.contains_key(State::Dead.as_str()))
            })
            .await;
        assert!(scene.kinds().is_empty(), "{:?}", scene.kinds());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn one_event_alone_is_sent_without_a_wait() {
    let address = free_address();
    with_lanes(address, "rate_limit = \"off\"", async |scene| {
        let receivers = receivers::bind(address).await.expect("the port is free");
        // The lane has looked and found nothing before the event is there.
        for _ in 0..20 {
            scene.store.depths().await.expect("reads");
        }
        let sent = async {
            let (start, looking) = (scene.clock.now(), std::time::Instant::now());
            scene.enqueue(scene.event("ttmt")).await;
            loop {
                let depths = scene.store.depths().await.expect("reads");
                let states = &depths.by_sink[&name("automation")];
                if states.contains_key(State::Delivered.as_str()) {
                    return scene.clock.now().duration_since(start);
                }
                assert!(looking.elapsed() < LOOKING, "it waits: {states:?}");
            }
        };
        let waited = tokio::select! {
            ended = receivers.run(CancellationToken::new()) => panic!("{ended:?}"),
            waited = sent => waited,
        };
        assert!(waited.is_zero(), "no timer was needed: {waited:?}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_an_earlier_lane_found_suspended_is_free_and_its_return_is_told() {
    let address = free_address();
    with_lanes(address, "", async |scene| {
        let phone = name("automation");
        scene.status.sink(&phone, |sink| {
            sink.suspended = Some("410 Gone".to_owned());
        });
        // Before there is anything to send, which would find nobody.
        let receivers = receivers::bind(address).await.expect("the port is free");
        scene.enqueue(scene.event("ttmt")).await;
        let told = scene.until(|scene, _| !scene.said.is_empty());
        tokio::select! {
            ended = receivers.run(CancellationToken::new()) => panic!("{ended:?}"),
            () = told => {}
        }
        assert_eq!(scene.kinds(), ["bellwire.sink_recovered"]);
        assert_eq!(scene.said[0].1["reason"], "410 Gone");
        assert_eq!(scene.said[0].1["waiting"], 1, "the one that was accepted");
        assert_eq!(scene.status.snapshot().sinks[&phone].suspended, None);
    })
    .await;
}

//! A sink that is away: the others of its lane wait without being tried, its return sets all of them
//! going, and a trouble that lasts is told once.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bellwire::clock::Clock;
use bellwire::config::load_text;
use bellwire::dispatch;
use bellwire::model::{Batch, Event, Name, Notice, Route, State};
use bellwire::rules::Current;
use bellwire::simulator::receivers::{self, Kind};
use bellwire::status::Status;
use bellwire::store::Store;
use bellwire::transport::Client;
use bellwire::upkeep::internal_event;
use bellwire::{sinks, store::Depths};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::harness::{Bridge, Phones, Upstream, soon, until};

/// An address where nobody listens, yet.
fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("an address")
}

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

/// Longest that a test looks at lanes, by the wall clock: theirs goes on only when it is told to.
const LOOKING: Duration = Duration::from_secs(60);

/// How far time goes on at once.
const STEP: Duration = Duration::from_secs(2);

/// Lanes without a process around them, on a clock that goes on while nothing is in flight.
struct Scene {
    store: Store,
    status: Status,
    clock: Clock,
    nudge: watch::Sender<u64>,
    notices: mpsc::Receiver<Notice>,
    said: Vec<(String, serde_json::Value)>,
}

fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

impl Scene {
    /// Puts an event for the one sink into the queue.
    async fn enqueue(&self, event: Event) {
        let route = Route {
            sink: name("automation"),
            rule: "all".into(),
            priority: Route::PRIORITY,
            key: None,
            throttle: None,
            living: None,
        };
        let batch = Batch {
            source: event.source.clone(),
            events: vec![(event, vec![route])],
            checkpoint: None,
            picture: Vec::new(),
        };
        self.store.accept(batch).await.expect("accepts");
        self.nudge.send_modify(|count| *count += 1);
    }

    /// An event of `source` that says nothing.
    fn event(&self, source: &str) -> Event {
        let notice = Notice {
            kind: "bellwire.test",
            time: self.clock.now(),
            data: json!({}),
            told: None,
        };
        let mut event = internal_event(&notice, self.clock.now());
        event.source = name(source);
        event
    }

    /// Waits, while time stands still, until the lane has taken up its work and failed once.
    async fn tried(&self) {
        let looking = std::time::Instant::now();
        while self.status.snapshot().sinks[&name("automation")].failed == 0 {
            assert!(looking.elapsed() < LOOKING, "nothing was tried");
            let rest = self.store.rest_until(&name("automation")).await;
            rest.expect("reads");
        }
    }

    /// Lets time go on, and sends whatever bellwire says about itself to the same sink.
    async fn until(&mut self, over: impl Fn(&Self, &Depths) -> bool) {
        let looking = std::time::Instant::now();
        loop {
            assert!(looking.elapsed() < LOOKING, "said: {:?}", self.said);
            // Looks do not wait for what the lanes have asked of the queue before; this does.
            let rest = self.store.rest_until(&name("automation")).await;
            rest.expect("reads");
            let depths = self.store.depths().await.expect("reads");
            if over(self, &depths) {
                return;
            }
            while let Ok(notice) = self.notices.try_recv() {
                let event = internal_event(&notice, self.clock.now());
                self.said.push((notice.kind.to_owned(), notice.data));
                self.enqueue(event).await;
            }
            let waits = |states: &BTreeMap<_, _>| !states.contains_key(State::InFlight.as_str());
            if depths.by_sink.values().all(waits) {
                tokio::time::advance(STEP).await;
            }
        }
    }

    fn kinds(&self) -> Vec<&str> {
        self.said.iter().map(|(kind, _)| kind.as_str()).collect()
    }
}

/// Runs lanes for one webhook sink at an address for as long as `scene` takes.
async fn with_lanes(address: SocketAddr, more: &str, scene: impl AsyncFnOnce(&mut Scene)) {
    // The queue has a thread of its own, which the runtime does not know of: without a thread that it
    // knows of, it would let time fly while the queue works.
    let (end, ended) = std::sync::mpsc::channel::<()>();
    let _thread = tokio::task::spawn_blocking(move || ended.recv());
    let folder = TempDir::new().expect("a folder");
    let clock = Clock::runtime(Timestamp::from_second(1_760_000_000).expect("in range"));
    let text = format!(
        "[sinks.automation]\nkind = \"webhook\"\nurl = \"http://{address}/webhook\"\nsignature = \"none\"\n{more}\n"
    );
    let loaded = load_text(Path::new("config.toml"), text, BTreeMap::new());
    let config = loaded.config.expect("a configuration");
    let sink = Arc::new(sinks::build(&config.sinks[0]).expect("a sink"));
    let (status, notices) = Status::new();
    status.expect_sink(&name("automation"), true);
    let known = status.clone();
    let store = Store::open(folder.path(), status.clone(), clock.now()).expect("opens");
    let (nudge, nudged) = watch::channel(0);
    let parts = dispatch::Parts {
        store: store.clone(),
        client: Client::new(None).expect("a client"),
        rules: Current::default(),
        status,
        clock: clock.clone(),
        nudge: nudged,
        mended: dispatch::Mended::default(),
        drain: Duration::ZERO,
    };
    let mut stage = Scene {
        store,
        status: known,
        clock,
        nudge,
        notices,
        said: Vec::new(),
    };
    tokio::select! {
        () = dispatch::run(parts, watch::Sender::new(vec![sink]).subscribe(), CancellationToken::new()) => panic!("the lanes ended"),
        () = scene(&mut stage) => {}
    }
    drop(end);
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
        scene.enqueue(scene.event("ttmt")).await;
        let receivers = receivers::bind(address).await.expect("the port is free");
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

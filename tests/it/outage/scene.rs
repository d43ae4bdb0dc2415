//! Lanes on a clock of their own, so that minutes pass at once.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bellwire::clock::Clock;
use bellwire::config::load_text;
use bellwire::dispatch;
use bellwire::model::{Batch, Event, Name, Notice, Route, State};
use bellwire::rules::{Current, Rules};
use bellwire::status::Status;
use bellwire::store::Store;
use bellwire::transport::Client;
use bellwire::upkeep::internal_event;
use bellwire::{sinks, store::Depths};
use jiff::Timestamp;
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

/// Longest that a test looks at lanes, by the wall clock: theirs goes on only when it is told to.
pub(crate) const LOOKING: Duration = Duration::from_secs(60);

/// How far time goes on at once.
pub(crate) const STEP: Duration = Duration::from_secs(2);

/// Lanes without a process around them, on a clock that goes on while nothing is in flight.
pub(crate) struct Scene {
    pub(crate) store: Store,
    pub(crate) status: Status,
    pub(crate) clock: Clock,
    pub(crate) nudge: watch::Sender<u64>,
    pub(crate) notices: mpsc::Receiver<Notice>,
    pub(crate) said: Vec<(String, serde_json::Value)>,
    rules: Arc<Rules>,
}

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

impl Scene {
    /// Puts an event for the one sink into the queue.
    pub(crate) async fn enqueue(&self, event: Event) {
        let route = Route::new(name("automation"), "all".into());
        let batch = Batch {
            source: event.source.clone(),
            events: vec![(event, vec![route])],
            checkpoint: None,
            picture: Vec::new(),
            heard: Vec::new(),
        };
        self.store.accept(batch).await.expect("accepts");
        self.nudge.send_modify(|count| *count += 1);
    }

    /// Puts an event into the queue where the rules send it.
    pub(crate) async fn arrive(&self, event: Event) {
        let routes = self.rules.routes(&event).routes;
        let batch = Batch {
            source: event.source.clone(),
            events: vec![(event, routes)],
            checkpoint: None,
            picture: Vec::new(),
            heard: Vec::new(),
        };
        self.store.accept(batch).await.expect("accepts");
        self.nudge.send_modify(|count| *count += 1);
    }

    /// An event of `source` that says nothing.
    pub(crate) fn event(&self, source: &str) -> Event {
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
    pub(crate) async fn tried(&self) {
        let looking = std::time::Instant::now();
        while self.status.snapshot().sinks[&name("automation")].failed == 0 {
            assert!(looking.elapsed() < LOOKING, "nothing was tried");
            let rest = self.store.rest_until(&name("automation")).await;
            rest.expect("reads");
        }
    }

    /// Lets time go on, and sends whatever bellwire says about itself to the same sink.
    pub(crate) async fn until(&mut self, over: impl Fn(&Self, &Depths) -> bool) {
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

    pub(crate) fn kinds(&self) -> Vec<&str> {
        self.said.iter().map(|(kind, _)| kind.as_str()).collect()
    }
}

/// Runs lanes for one webhook sink at an address for as long as `scene` takes.
pub(crate) async fn with_lanes(
    address: SocketAddr,
    more: &str,
    scene: impl AsyncFnOnce(&mut Scene),
) {
    let text = format!(
        "[sinks.automation]\nkind = \"webhook\"\nurl = \"http://{address}/webhook\"\nsignature = \"none\"\n{more}\n"
    );
    let start = Timestamp::from_second(1_760_000_000).expect("in range");
    configured(text, start, scene).await;
}

/// Runs lanes for the sinks of a configuration, with its rules, from a moment on.
pub(crate) async fn configured(
    text: String,
    start: Timestamp,
    scene: impl AsyncFnOnce(&mut Scene),
) {
    // The queue has a thread of its own, which the runtime does not know of: without a thread that it
    // knows of, it would let time fly while the queue works.
    let (end, ended) = std::sync::mpsc::channel::<()>();
    let _thread = tokio::task::spawn_blocking(move || ended.recv());
    let folder = TempDir::new().expect("a folder");
    let clock = Clock::runtime(start);
    let loaded = load_text(Path::new("config.toml"), text, BTreeMap::new());
    let config = loaded.config.expect("a configuration");
    let rules = Arc::new(Rules::compile(&config.rules, &loaded.problems));
    assert_eq!(loaded.problems.list(), []);
    let built = config.sinks.iter().filter_map(sinks::build).map(Arc::new);
    let built: Vec<_> = built.collect();
    let (status, notices) = Status::new();
    for sink in &built {
        status.expect_sink(&sink.name, true);
    }
    let known = status.clone();
    let store = Store::open(folder.path(), status.clone(), clock.now()).expect("opens");
    let (nudge, _) = watch::channel(0);
    let parts = dispatch::Parts {
        store: store.clone(),
        client: Client::new(None).expect("a client"),
        rules: Current::new(Arc::clone(&rules)),
        status,
        clock: clock.clone(),
        nudge: nudge.clone(),
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
        rules,
    };
    tokio::select! {
        () = dispatch::run(parts, watch::Sender::new(built).subscribe(), CancellationToken::new()) => panic!("the lanes ended"),
        () = scene(&mut stage) => {}
    }
    drop(end);
}

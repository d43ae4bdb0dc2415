//! Silences on a clock that goes on only when it is told to, with the queue on a real file.

mod kept;

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::*;
use crate::config::load_text;
use crate::model::{DataAt, Event, Identity, Name};
use crate::rules::Watches;
use crate::store::Standing;

const HOUR: Duration = Duration::from_hours(1);
const INSTANT: Duration = Duration::from_millis(1);
const WORKDAYS: &str =
    "hours = { days = \"Mon-Fri\", between = \"07:00-22:00\", zone = \"Europe/Berlin\" }";

/// Watches at work, on a queue of their own.
struct Scene {
    folder: TempDir,
    clock: Clock,
    ears: Ears,
    /// `None` while bellwire is stopped.
    running: Option<(Store, CancellationToken, JoinHandle<()>)>,
    /// Events so far.
    count: usize,
    /// Keeps time from going on by itself: the queue works on a thread that the runtime does not know of.
    _stands_still: std::sync::mpsc::Sender<()>,
}

/// Compiles watches from their configuration.
fn watches(text: &str) -> Arc<Watches> {
    let head = "[http]\nlisten = \"off\"\n[sources.ttmt]\nkind = \"ttmt\"\napi_key = \"k\"\n[sources.other]\nkind = \"sse\"\nurl = \"http://localhost/\"\n";
    let loaded = load_text(
        Path::new("config.toml"),
        format!("{head}{text}"),
        std::collections::BTreeMap::new(),
    );
    let config = loaded.config.expect("a configuration");
    let watches = Watches::compile(&config.watches, &loaded.problems);
    assert_eq!(loaded.problems.list(), []);
    Arc::new(watches)
}

/// One watch, of what the source `ttmt` says about positions.
fn positions(silent_for: &str, more: &str) -> String {
    format!(
        "[[watches]]\nname = \"no-updates\"\nevents = [\"position_*\"]\nfrom = [\"ttmt\"]\nsilent_for = \"{silent_for}\"\n{more}\n"
    )
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

impl Scene {
    /// Starts with these watches at a moment.
    async fn start(text: &str, moment: &str) -> Self {
        let (end, ended) = std::sync::mpsc::channel::<()>();
        tokio::task::spawn_blocking(move || ended.recv());
        let mut scene = Self {
            folder: TempDir::new().expect("a folder"),
            clock: Clock::runtime(at(moment)),
            ears: Ears::default(),
            running: None,
            count: 0,
            _stands_still: end,
        };
        scene.restart(text).await;
        scene
    }

    /// Starts bellwire again, with these watches.
    async fn restart(&mut self, text: &str) {
        let (status, _) = Status::new();
        let store = Store::open(self.folder.path(), status.clone(), self.clock.now());
        let store = store.expect("opens");
        self.ears = Ears::new(watches(text));
        let silences = Silences {
            store: store.clone(),
            router: Arc::new(|_| Vec::new()),
            status,
            clock: self.clock.clone(),
            nudge: watch::Sender::new(0),
            ears: self.ears.clone(),
        };
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let task = tokio::spawn(async move { silences.run(&stopped).await });
        self.running = Some((store, stop, task));
        self.settle().await;
    }

    async fn stop(&mut self) {
        let (store, stop, task) = self.running.take().expect("it runs");
        stop.cancel();
        task.await.expect("ends");
        store.close().await;
    }

    fn store(&self) -> &Store {
        &self.running.as_ref().expect("it runs").0
    }

    /// Lets everybody do what there is to do: whoever asks the queue stands in line behind the others.
    async fn settle(&self) {
        for _ in 0..8 {
            let name = Name::new("phone").expect("a name");
            self.store().rest_until(&name).await.expect("reads");
            tokio::task::yield_now().await;
        }
    }

    async fn pass(&self, time: Duration) {
        tokio::time::advance(time).await;
        if self.running.is_some() {
            self.settle().await;
        }
    }

    /// Goes on to a moment.
    async fn reach(&self, moment: &str) {
        let left = self.clock.until(at(moment));
        assert!(!left.is_zero(), "{moment} has passed");
        self.pass(left).await;
    }

    fn batch(&mut self, source: &str, kind: &str) -> Batch {
        self.count += 1;
        let payload = format!("{{\"number\":{}}}", self.count);
        let event = Event {
            source: Name::new(source).expect("a name"),
            id: None,
            kind: kind.into(),
            time: None,
            received: self.clock.now(),
            backfilled: false,
            about: None,
            identity: Some(Identity(payload.clone().into_bytes())),
            data: DataAt::Json {
                start: 0,
                end: payload.len(),
            },
            payload: Bytes::from(payload),
        };
        Batch {
            source: event.source.clone(),
            events: vec![(event, Vec::new())],
            checkpoint: None,
            picture: Vec::new(),
            heard: Vec::new(),
        }
    }

    /// An event arrives, as an adapter of the store has it.
    async fn arrive(&mut self, source: &str, kind: &str) {
        let batch = self.batch(source, kind);
        self.take(batch).await;
    }

    async fn take(&self, mut batch: Batch) {
        self.ears.listen(&mut batch);
        let accepted = self.store().accept(batch).await.expect("accepts");
        self.ears.heard(&accepted);
        self.settle().await;
    }

    /// What was told so far: each silence as `since`, each end as `since/until`.
    async fn told(&self) -> Vec<String> {
        let own = Some(internal_source());
        let found = self.store().arrived(Standing::default(), 0, own, 100).await;
        let told = found.expect("reads").0.into_iter().map(|one| {
            let event = one.event.expect("can be read");
            let data = event.data_json().expect("data");
            let text = |key: &str| data[key].as_str().expect("text").to_owned();
            assert_eq!(text("watch"), "no-updates");
            match &*event.kind {
                "bellwire.silence" => text("since"),
                "bellwire.silence_over" => format!("{}/{}", text("since"), text("until")),
                other => panic!("{other}"),
            }
        });
        told.collect()
    }
}

#[tokio::test(start_paused = true)]
async fn a_silence_is_told_once_and_its_end_once() {
    // 2026-06-12 is a Friday.
    let mut scene = Scene::start(&positions("2h", ""), "2026-06-12T08:00:00Z").await;
    scene.pass(HOUR).await;
    scene.arrive("ttmt", "position_update").await;
    scene.pass(2 * HOUR - INSTANT).await;
    assert_eq!(scene.told().await, [""; 0]);
    scene.pass(INSTANT).await;
    let silence = "2026-06-12T09:00:00.000Z";
    assert_eq!(scene.told().await, [silence]);
    scene.pass(100 * HOUR).await;
    // None of these is what the watch listens to.
    scene.arrive("ttmt", "tp_hit").await;
    scene.arrive("other", "position_update").await;
    assert_eq!(scene.told().await, [silence]);
    scene.arrive("ttmt", "position_update").await;
    let over = format!("{silence}/2026-06-16T15:00:00.000Z");
    assert_eq!(scene.told().await, [silence, &over]);
    scene.arrive("ttmt", "position_update").await;
    scene.pass(2 * HOUR - INSTANT).await;
    assert_eq!(scene.told().await.len(), 2);
    scene.pass(INSTANT).await;
    assert_eq!(scene.told().await[2..], ["2026-06-16T15:00:00.000Z"]);
}

#[tokio::test(start_paused = true)]
async fn the_next_silence_begins_with_what_ended_the_last_one() {
    let mut scene = Scene::start(&positions("10s", ""), "2026-06-12T08:00:00Z").await;
    let silence = Duration::from_secs(10);
    for number in 1..4 {
        scene.pass(silence - INSTANT).await;
        assert_eq!(scene.told().await.len(), 2 * number - 2);
        scene.pass(INSTANT).await;
        assert_eq!(scene.told().await.len(), 2 * number - 1);
        scene.arrive("ttmt", "position_update").await;
        assert_eq!(scene.told().await.len(), 2 * number);
    }
}

#[tokio::test(start_paused = true)]
async fn only_time_within_its_hours_counts() {
    let text = positions("2h", WORKDAYS);
    // Friday, 21:00 in Berlin: one hour before the weekend, and one after it.
    let mut scene = Scene::start(&text, "2026-06-12T19:00:00Z").await;
    scene.reach("2026-06-15T05:59:59.999Z").await;
    assert_eq!(scene.told().await, [""; 0]);
    scene.reach("2026-06-15T06:00:00Z").await;
    assert_eq!(scene.told().await, ["2026-06-12T19:00:00.000Z"]);
    // What comes over the next weekend ends a silence at once.
    scene.reach("2026-06-20T12:00:00Z").await;
    scene.arrive("ttmt", "position_update").await;
    let over = "2026-06-12T19:00:00.000Z/2026-06-20T12:00:00.000Z";
    assert_eq!(scene.told().await[1..], [over]);
    scene.reach("2026-06-22T06:59:59.999Z").await;
    assert_eq!(scene.told().await.len(), 2);
    scene.reach("2026-06-22T07:00:00Z").await;
    assert_eq!(scene.told().await[2..], ["2026-06-20T12:00:00.000Z"]);
}

#[tokio::test(start_paused = true)]
async fn a_weekend_in_which_the_clock_is_changed_is_as_long_as_any() {
    // In March Berlin goes from one hour ahead of UTC to two, in October back.
    for (friday, monday) in [
        ("2026-03-27T20:00:00Z", "2026-03-30T06:00:00Z"),
        ("2026-10-23T19:00:00Z", "2026-10-26T07:00:00Z"),
    ] {
        let scene = Scene::start(&positions("2h", WORKDAYS), friday).await;
        let left = scene.clock.until(at(monday));
        scene.pass(left - INSTANT).await;
        assert_eq!(scene.told().await, [""; 0], "{monday}");
        scene.pass(INSTANT).await;
        assert_eq!(scene.told().await.len(), 1, "{monday}");
    }
}

#[tokio::test(start_paused = true)]
async fn no_silence_is_told_after_an_event_that_is_in_the_queue() {
    let mut scene = Scene::start(&positions("2h", ""), "2026-06-12T08:00:00Z").await;
    scene.pass(HOUR).await;
    // Whoever commits it is dropped before it can say so.
    let mut batch = scene.batch("ttmt", "position_update");
    scene.ears.listen(&mut batch);
    scene.store().accept(batch).await.expect("accepts");
    scene.pass(HOUR).await;
    assert_eq!(scene.told().await, [""; 0]);
    scene.pass(HOUR).await;
    assert_eq!(scene.told().await, ["2026-06-12T09:00:00.000Z"]);
}

#[tokio::test(start_paused = true)]
async fn what_was_known_already_is_no_sign_of_life() {
    let mut scene = Scene::start(&positions("2h", ""), "2026-06-12T08:00:00Z").await;
    let batch = scene.batch("ttmt", "position_update");
    scene.take(batch.clone()).await;
    scene.pass(HOUR).await;
    let mut replay = batch;
    replay.events[0].0.received = scene.clock.now();
    scene.take(replay).await;
    scene.pass(HOUR).await;
    assert_eq!(scene.told().await, ["2026-06-12T08:00:00.000Z"]);
}

#[tokio::test(start_paused = true)]
async fn a_watch_hears_what_bellwire_says_but_not_of_silences() {
    let text = "[[watches]]\nname = \"no-updates\"\nfrom = [\"bellwire\"]\nsilent_for = \"2h\"\n";
    let mut scene = Scene::start(text, "2026-06-12T08:00:00Z").await;
    scene.pass(HOUR).await;
    let mut batch = scene.batch("bellwire", "bellwire.silence_over");
    scene.ears.listen(&mut batch);
    assert_eq!(batch.heard, []);
    let mut batch = scene.batch("bellwire", "bellwire.gap");
    scene.ears.listen(&mut batch);
    assert_eq!(batch.heard.len(), 1);
}

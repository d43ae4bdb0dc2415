//! What the switch hears of a status that the test makes, on a clock that goes on while nothing happens.

use std::sync::Mutex;

use http::HeaderMap;
use jiff::Timestamp;
use tokio::task::JoinHandle;

use super::*;
use crate::config::{HeartbeatConfig, HeartbeatForm};
use crate::model::{Name, Secret};
use crate::status::{SinkStatus, SourceStatus};

const MINUTE: Duration = Duration::from_secs(60);

/// A switch that hears one bridge.
struct Scene {
    status: Status,
    clock: Clock,
    begun: Instant,
    /// What it heard: when, in seconds, and what.
    heard: Arc<Mutex<Vec<(f64, String)>>>,
    /// How it answers.
    answer: Arc<Mutex<Result<u16, Failure>>>,
    limits: Arc<Mutex<Vec<Duration>>>,
    configured: watch::Sender<Option<Arc<Switch>>>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

fn switch(form: HeartbeatForm, path: &str, every: Duration) -> Option<Arc<Switch>> {
    let config = HeartbeatConfig {
        url: Secret::new(format!("https://example.org/{path}")),
        every,
        form,
    };
    Some(Arc::new(Switch::new(&config).expect("an address")))
}

fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

impl Scene {
    fn start(form: HeartbeatForm, every: Duration) -> Self {
        let clock = Clock::runtime(Timestamp::from_second(1_760_000_000).expect("in range"));
        let (status, _) = Status::new();
        status.expect_source(&name("ttmt"), true);
        status.expect_sink(&name("phone"), true);
        let begun = Instant::now();
        let heard: Arc<Mutex<Vec<(f64, String)>>> = Arc::default();
        let answer = Arc::new(Mutex::new(Ok(200)));
        let limits: Arc<Mutex<Vec<Duration>>> = Arc::default();
        let carrier: Carrier = {
            let (heard, answer, limits) =
                (Arc::clone(&heard), Arc::clone(&answer), Arc::clone(&limits));
            Arc::new(move |request, limit| {
                let body = String::from_utf8_lossy(request.body()).into_owned();
                let words = format!("{}{body}", request.uri().path());
                let at = begun.elapsed().as_secs_f64();
                heard.lock().expect("a lock").push((at, words));
                limits.lock().expect("a lock").push(limit);
                let answer = answer.lock().expect("a lock").clone();
                Box::pin(async move {
                    if answer == Err(Failure::Timeout) {
                        tokio::time::sleep(limit).await;
                    }
                    answer.map(|status| Reply {
                        status,
                        headers: HeaderMap::new(),
                        body: Bytes::new(),
                    })
                })
            })
        };
        let (configured, configured_switch) = watch::channel(switch(form, "ping", every));
        let stop = CancellationToken::new();
        let parts = Parts {
            carrier,
            status: status.clone(),
            clock: clock.clone(),
            switch: configured_switch,
        };
        let task = tokio::spawn(run(parts, stop.clone()));
        Self {
            status,
            clock,
            begun,
            heard,
            answer,
            limits,
            configured,
            stop,
            task,
        }
    }

    /// Goes on until so many seconds after the start.
    async fn reach(&self, second: u64) {
        let moment = self.begun + Duration::from_secs(second);
        assert!(moment > Instant::now(), "{second} has passed");
        sleep_until(moment).await;
        // Who is due at the same moment comes first.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }

    fn source(&self, connected: bool) {
        let now = self.clock.now();
        self.status
            .source(&name("ttmt"), |source: &mut SourceStatus| {
                source.connected = connected;
                source.connects += u64::from(connected);
                source.since = Some(now);
            });
    }

    fn sink(&self, suspended: bool) {
        self.status.sink(&name("phone"), |sink: &mut SinkStatus| {
            sink.suspended = suspended.then(|| "gone".to_owned());
        });
    }

    fn answers(&self, answer: Result<u16, Failure>) {
        *self.answer.lock().expect("a lock") = answer;
    }

    /// What was heard since this was last asked: the second, and the path with the body.
    fn heard(&self) -> Vec<(u64, String)> {
        let heard = std::mem::take(&mut *self.heard.lock().expect("a lock"));
        let whole = |at: f64| Duration::from_secs_f64(at).as_secs();
        heard
            .into_iter()
            .map(|(at, words)| (whole(at), words))
            .collect()
    }

    #[track_caller]
    fn check(&self, expected: &[(u64, &str)]) {
        let heard = self.heard();
        let heard: Vec<(u64, &str)> = heard.iter().map(|(at, it)| (*at, &**it)).collect();
        assert_eq!(heard, expected);
    }

    fn reload(&self, switch: Option<Arc<Switch>>) {
        self.configured.send_replace(switch);
    }
}

#[tokio::test(start_paused = true)]
async fn a_plain_switch_hears_of_nothing_but_health() {
    let scene = Scene::start(HeartbeatForm::Plain, MINUTE);
    scene.reach(1000).await;
    scene.check(&[]);
    scene.source(true);
    scene.reach(1130).await;
    scene.check(&[(1000, "/ping"), (1060, "/ping"), (1120, "/ping")]);
    // No word while the sink is suspended, and the next one at once when it is back.
    scene.sink(true);
    scene.reach(1300).await;
    scene.check(&[]);
    scene.sink(false);
    scene.reach(1310).await;
    scene.check(&[(1300, "/ping")]);
    // What is back before the next one is due makes none come sooner.
    scene.sink(true);
    scene.reach(1320).await;
    scene.sink(false);
    scene.reach(1361).await;
    scene.check(&[(1360, "/ping")]);
    // A sink that fails is none that an alert gets through to.
    scene
        .status
        .sink(&name("phone"), |sink| sink.failed_in_a_row = 3);
    scene.reach(1500).await;
    scene.check(&[]);
    scene
        .status
        .sink(&name("phone"), |sink| sink.failed_in_a_row = 0);
    scene.reach(1501).await;
    scene.check(&[(1500, "/ping")]);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_is_away_silences_it_and_a_reconnect_does_not() {
    let scene = Scene::start(HeartbeatForm::Plain, MINUTE);
    scene.source(true);
    scene.reach(115).await;
    scene.check(&[(0, "/ping"), (60, "/ping")]);
    scene.source(false);
    scene.reach(121).await;
    scene.check(&[(120, "/ping")]);
    scene.reach(400).await;
    scene.check(&[]);
    scene.source(true);
    scene.reach(401).await;
    scene.check(&[(400, "/ping")]);
}

#[tokio::test(start_paused = true)]
async fn healthchecks_hears_of_the_start_and_once_of_each_failure() {
    const FAIL: &str = "/ping/failsink `phone` is suspended: gone";
    let scene = Scene::start(HeartbeatForm::Healthchecks, MINUTE);
    // Not to be connected yet is no failure: without a success the switch trips by itself.
    scene.reach(30).await;
    scene.check(&[(0, "/ping/start")]);
    scene.source(true);
    scene.reach(100).await;
    scene.check(&[(30, "/ping"), (90, "/ping")]);
    scene.sink(true);
    scene.reach(1000).await;
    scene.check(&[(100, FAIL)]);
    scene.sink(false);
    scene.reach(1010).await;
    scene.check(&[(1000, "/ping")]);
    // However it wavers, a failure is told once in `every`.
    for second in 0..20 {
        scene.sink(second % 2 == 0);
        scene.reach(1011 + second).await;
    }
    scene.check(&[(1010, FAIL), (1011, "/ping")]);
    scene.sink(true);
    scene.reach(1100).await;
    scene.check(&[(1070, FAIL)]);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_does_not_come_back_is_told_although_nothing_else_changes() {
    let scene = Scene::start(HeartbeatForm::UptimeKuma, Duration::from_secs(3600));
    scene.source(true);
    scene.reach(100).await;
    scene.check(&[(0, "/ping")]);
    scene.source(false);
    scene.reach(109).await;
    scene.check(&[]);
    scene.reach(2000).await;
    scene.check(&[(110, "/ping")]);
    scene.source(true);
    scene.reach(2001).await;
    scene.check(&[(2000, "/ping")]);
}

#[tokio::test(start_paused = true)]
async fn what_does_not_arrive_is_tried_no_sooner_and_shown() {
    let scene = Scene::start(HeartbeatForm::Healthchecks, MINUTE);
    scene.answers(Err(Failure::Refused));
    scene.source(true);
    scene.reach(70).await;
    scene.check(&[(0, "/ping/start"), (0, "/ping"), (60, "/ping")]);
    let shown = || scene.status.snapshot().heartbeat.expect("something");
    assert_eq!(shown().last_taken, None);
    assert_eq!(shown().failure.as_deref(), Some("connection refused"));
    scene.answers(Ok(404));
    scene.sink(true);
    scene.reach(140).await;
    let fail = "/ping/failsink `phone` is suspended: gone";
    scene.check(&[(70, fail), (130, fail)]);
    let status = "it answers with status 404";
    assert_eq!(shown().failure.as_deref(), Some(status));
    // A failure that did not arrive makes no success come sooner.
    scene.answers(Ok(200));
    scene.sink(false);
    scene.reach(141).await;
    scene.check(&[(140, "/ping")]);
    assert_eq!(shown().failure, None);
    assert!(shown().last_taken.is_some());
}

#[tokio::test(start_paused = true)]
async fn an_answer_has_fifteen_seconds_and_no_more_than_the_time_between_two() {
    let scene = Scene::start(HeartbeatForm::Plain, MINUTE);
    scene.answers(Err(Failure::Timeout));
    scene.source(true);
    scene.reach(130).await;
    // The time between two counts from when the first was said.
    scene.check(&[(0, "/ping"), (60, "/ping"), (120, "/ping")]);
    scene.reload(switch(HeartbeatForm::Plain, "ping", Duration::from_secs(5)));
    scene.reach(134).await;
    let limits = scene.limits.lock().expect("a lock").clone();
    assert_eq!(limits[0], Duration::from_secs(15));
    assert_eq!(limits.last(), Some(&Duration::from_secs(5)));
}

#[tokio::test(start_paused = true)]
async fn a_reload_takes_effect_at_once() {
    let hour = 60 * MINUTE;
    let form = HeartbeatForm::Healthchecks;
    let scene = Scene::start(form, hour);
    scene.source(true);
    scene.reach(100).await;
    scene.check(&[(0, "/ping/start"), (0, "/ping")]);
    // Other times are no other switch: nothing has started.
    scene.reload(switch(form, "ping", MINUTE));
    scene.reach(101).await;
    scene.check(&[(100, "/ping")]);
    scene.reload(switch(form, "other", hour));
    scene.reach(102).await;
    scene.check(&[(101, "/other/start"), (101, "/other")]);
    scene.reload(None);
    scene.reach(10_000).await;
    scene.check(&[]);
    assert_eq!(scene.status.snapshot().heartbeat, None);
    scene.reload(switch(HeartbeatForm::Plain, "other", hour));
    scene.reach(10_001).await;
    scene.check(&[(10_000, "/other")]);
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_no_answer_and_says_no_last_word() {
    let scene = Scene::start(HeartbeatForm::UptimeKuma, MINUTE);
    scene.source(true);
    scene.reach(59).await;
    scene.check(&[(0, "/ping")]);
    scene.answers(Err(Failure::Timeout));
    scene.reach(61).await;
    let before = Instant::now();
    scene.status.stopping();
    scene.stop.cancel();
    scene.task.await.expect("ends");
    assert_eq!(before.elapsed(), Duration::ZERO);
    let heard = scene.heard.lock().expect("a lock").len();
    assert_eq!(heard, 1, "what hangs");
}

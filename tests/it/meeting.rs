//! Features that meet in one rule, on a clock of their own.

use std::time::Duration;

use bellwire::model::{DataAt, Event, State};
use bellwire::simulator::Answer;
use bellwire::simulator::receivers::{Kind, Received};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::harness::Phones;
use crate::outage::scene::{LOOKING, Scene, configured, name};

/// How far time goes on at once.
const STEP: Duration = Duration::from_secs(1);

fn at(text: &str) -> Timestamp {
    text.parse().expect("a moment")
}

/// Two sinks at paths of their own, and one rule for the first.
fn two(phones: &Phones, rule: &str) -> String {
    let sink = |name: &str| {
        let url = phones.handle.url(Kind::Webhook);
        format!(
            "[sinks.{name}]\nkind = \"webhook\"\nurl = \"{url}/{name}\"\nsignature = \"none\"\nrate_limit = \"off\"\n"
        )
    };
    let (phone, sms) = (sink("phone"), sink("sms"));
    format!("{phone}{sms}[[rules]]\nname = \"it\"\nto = [\"phone\"]\n{rule}\n")
}

fn one(phones: &Phones, rule: &str) -> String {
    let phone = phones.sink("phone", Kind::Ntfy, "");
    format!("{phone}[[rules]]\nname = \"it\"\nto = [\"phone\"]\n{rule}\n")
}

/// An event that has just come about a trade.
fn hit(scene: &Scene, trade: &str) -> Event {
    let now = scene.clock.now();
    let payload =
        json!({ "type": "tp_hit", "timestamp": now.to_string(), "data": { "trade_id": trade } });
    let mut event = scene.event("ttmt");
    event.kind = "tp_hit".into();
    event.payload = payload.to_string().into();
    let start = event.payload.len() - json!({ "trade_id": trade }).to_string().len() - 1;
    event.data = DataAt::Json {
        start,
        end: event.payload.len() - 1,
    };
    event
}

/// Lets time go on to a moment, but not while something is on its way.
async fn pass(scene: &Scene, until: Timestamp) {
    let looking = std::time::Instant::now();
    while scene.clock.now() < until {
        assert!(looking.elapsed() < LOOKING, "time stands still");
        // Behind what the lanes have asked of the queue before.
        let barrier = scene.store.rest_until(&name("phone")).await;
        barrier.expect("reads");
        let depths = scene.store.depths().await.expect("reads");
        let is_busy = |states: &std::collections::BTreeMap<_, u64>| {
            states
                .get(State::InFlight.as_str())
                .is_some_and(|it| *it > 0)
        };
        if !depths.by_sink.values().any(is_busy) {
            let left = until.duration_since(scene.clock.now());
            let left = Duration::try_from(left).unwrap_or_default();
            tokio::time::advance(STEP.min(left)).await;
        }
    }
}

/// Waits for something while time stands still: what is due now comes without it.
async fn comes(scene: &Scene, what: impl Fn() -> bool) {
    let looking = std::time::Instant::now();
    while !what() {
        assert!(looking.elapsed() < LOOKING, "it does not come");
        let barrier = scene.store.rest_until(&name("phone")).await;
        barrier.expect("reads");
    }
}

/// Waits until nothing is open any more, while time stands still; answers where each delivery ended.
async fn ends(scene: &Scene) -> Vec<State> {
    let looking = std::time::Instant::now();
    loop {
        assert!(looking.elapsed() < LOOKING, "something is open still");
        let states = states(scene).await;
        let is_open = |state: &State| matches!(state, State::Waiting | State::InFlight);
        if !states.iter().any(is_open) {
            return states;
        }
    }
}

async fn pass_for(scene: &Scene, seconds: i64) {
    let until = scene.clock.now() + jiff::SignedDuration::from_secs(seconds);
    pass(scene, until).await;
}

fn body(received: &Received) -> Value {
    serde_json::from_slice(&received.body).expect("JSON")
}

/// What arrived below a path.
fn below(phones: &Phones, path: &str) -> Vec<Received> {
    let mut all = phones.handle.received();
    all.retain(|it| it.path.starts_with(path));
    all
}

async fn states(scene: &Scene) -> Vec<State> {
    let rows = scene.store.recent_deliveries(100).await.expect("reads");
    rows.iter().rev().map(|row| row.state).collect()
}

#[tokio::test(start_paused = true)]
async fn a_burst_whose_first_sink_is_down_is_handed_on_whole() {
    let phones = Phones::start().await;
    let text = two(
        &phones,
        "coalesce = { within = \"10s\" }\nfallback = { to = \"sms\", after = \"30s\" }",
    );
    phones
        .handle
        .answer_by("/webhook/phone", |_| Some(Answer::status(503)));
    configured(text, at("2026-06-11T08:00:00Z"), async |scene| {
        for trade in ["a", "b", "c"] {
            scene.arrive(hit(scene, trade)).await;
            pass_for(scene, 3).await;
        }
        pass(scene, at("2026-06-11T08:00:39Z")).await;
        assert!(
            below(&phones, "/webhook/sms").is_empty(),
            "it has 30 s from when it left"
        );
        pass(scene, at("2026-06-11T08:00:40Z")).await;
        comes(scene, || !below(&phones, "/webhook/sms").is_empty()).await;
        let helped = below(&phones, "/webhook/sms");
        assert_eq!(helped.len(), 1);
        assert_eq!(body(&helped[0])["data"]["count"], 3);
        let why = helped[0].header("bellwire-fallback");
        assert!(
            why.starts_with("phone has not accepted it within 30 s: "),
            "{why}"
        );
        phones.handle.answer_as_ever("/webhook/phone");
        pass_for(scene, 120).await;
        let ends = ends(scene).await;
        let tried = below(&phones, "/webhook/phone");
        let ids: std::collections::BTreeSet<&str> =
            tried.iter().map(|it| it.header("webhook-id")).collect();
        assert_eq!(ids.len(), 1, "one message, however often it was tried");
        assert_eq!(below(&phones, "/webhook/sms").len(), 1, "once");
        let merged = ends.iter().filter(|it| **it == State::Merged).count();
        let delivered = ends.iter().filter(|it| **it == State::Delivered).count();
        assert_eq!((merged, delivered, ends.len()), (2, 2, 4), "{ends:?}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_digest_keeps_its_time_and_its_silence_over_the_turn_of_the_clocks() {
    let phones = Phones::start().await;
    // Berlin skips 02:00 to 03:00 on 29 March 2026.
    let text = one(
        &phones,
        "hours = { between = \"07:00-22:00\", zone = \"Europe/Berlin\", quiet = true }\ndigest = \"30 2 * * *\"",
    );
    configured(text, at("2026-03-28T20:00:00Z"), async |scene| {
        scene.arrive(hit(scene, "a")).await;
        scene.arrive(hit(scene, "b")).await;
        pass(scene, at("2026-03-29T00:59:50Z")).await;
        assert!(phones.handle.received().is_empty());
        pass(scene, at("2026-03-29T01:00:10Z")).await;
        comes(scene, || !phones.handle.received().is_empty()).await;
        let first = phones.handle.received();
        assert_eq!(
            first.len(),
            1,
            "03:00 in summer is when 02:30 would have been"
        );
        assert_eq!(body(&first[0])["title"], "Digest: 2 events");
        assert_eq!(body(&first[0])["priority"], 2, "the night is silent");
        scene.arrive(hit(scene, "c")).await;
        scene.arrive(hit(scene, "d")).await;
        pass(scene, at("2026-03-30T00:29:50Z")).await;
        assert_eq!(phones.handle.received().len(), 1);
        pass(scene, at("2026-03-30T00:30:10Z")).await;
        comes(scene, || phones.handle.received().len() > 1).await;
        assert_eq!(phones.handle.received().len(), 2, "02:30 in summer");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_digest_collects_what_its_hours_let_in() {
    let phones = Phones::start().await;
    let text = one(
        &phones,
        "hours = { between = \"07:00-22:00\", zone = \"Europe/Berlin\" }\ndigest = \"0 12 * * *\"",
    );
    // 07:00 in Berlin is 06:00 UTC before the turn, and 05:00 UTC after it.
    configured(text, at("2026-03-28T05:59:00Z"), async |scene| {
        scene.arrive(hit(scene, "early")).await;
        pass(scene, at("2026-03-28T06:00:00Z")).await;
        scene.arrive(hit(scene, "a")).await;
        pass(scene, at("2026-03-29T04:59:59Z")).await;
        scene.arrive(hit(scene, "early")).await;
        pass(scene, at("2026-03-29T05:00:00Z")).await;
        scene.arrive(hit(scene, "b")).await;
        scene.arrive(hit(scene, "c")).await;
        pass(scene, at("2026-03-29T10:00:10Z")).await;
        comes(scene, || phones.handle.received().len() > 1).await;
        let titles: Vec<Value> = phones
            .handle
            .received()
            .iter()
            .map(|it| body(it)["title"].clone())
            .collect();
        assert_eq!(
            titles,
            [json!("Digest: 1 event"), json!("Digest: 2 events")],
            "12:00 of each day"
        );
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_throttle_counts_what_was_found_after_a_gap_unless_its_rule_skips_it() {
    for (backfilled, expected) in [
        (
            "ring",
            [State::Delivered, State::Throttled, State::Throttled],
        ),
        (
            "quiet",
            [State::Delivered, State::Throttled, State::Throttled],
        ),
    ] {
        let phones = Phones::start().await;
        let text = one(
            &phones,
            &format!(
                "throttle = {{ limit = 1, per = \"1h\", key = \"data.trade_id\" }}\nbackfilled = \"{backfilled}\""
            ),
        );
        configured(text, at("2026-06-11T08:00:00Z"), async |scene| {
            let mut late = hit(scene, "a");
            late.backfilled = true;
            scene.arrive(late.clone()).await;
            scene.arrive(hit(scene, "a")).await;
            scene.arrive(late).await;
            assert_eq!(ends(scene).await, expected, "{backfilled}");
            let rung = phones.handle.received();
            let priority = body(&rung[0])["priority"].as_u64();
            assert_eq!(priority == Some(2), backfilled == "quiet", "{priority:?}");
        })
        .await;
    }
    let phones = Phones::start().await;
    let text = one(
        &phones,
        "throttle = { limit = 1, per = \"1h\" }\nbackfilled = \"skip\"",
    );
    configured(text, at("2026-06-11T08:00:00Z"), async |scene| {
        let mut late = hit(scene, "a");
        late.backfilled = true;
        scene.arrive(late).await;
        scene.arrive(hit(scene, "a")).await;
        assert_eq!(
            ends(scene).await,
            [State::Delivered],
            "what is skipped does not count"
        );
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_the_first_sink_gives_up_is_handed_on_at_once() {
    let phones = Phones::start().await;
    let text = two(&phones, "fallback = { to = \"sms\", after = \"1h\" }");
    phones
        .handle
        .answer_by("/webhook/phone", |_| Some(Answer::status(422)));
    configured(text, at("2026-06-11T08:00:00Z"), async |scene| {
        scene.arrive(hit(scene, "a")).await;
        comes(scene, || !below(&phones, "/webhook/sms").is_empty()).await;
        let helped = below(&phones, "/webhook/sms");
        assert_eq!(helped.len(), 1);
        let why = helped[0].header("bellwire-fallback");
        assert!(why.starts_with("phone has given it up: 422"), "{why}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn who_steps_in_says_why_in_words_and_to_templates() {
    for (template, expected) in [
        (
            "",
            "fallback: phone has given it up: 422 Unprocessable Entity",
        ),
        (
            "message = \"why: {{ event.fallback }}\"",
            "why: phone has given it up: 422 Unprocessable Entity\nfallback: phone has given it up: 422 Unprocessable Entity",
        ),
    ] {
        let phones = Phones::start().await;
        let url = phones.handle.url(Kind::Webhook);
        let text = format!(
            "[sinks.phone]\nkind = \"webhook\"\nurl = \"{url}\"\nsignature = \"none\"\n{}\
             [[rules]]\nname = \"it\"\nto = [\"phone\"]\nfallback = {{ to = \"sms\", after = \"1h\" }}\n{template}\n",
            phones.sink("sms", Kind::Ntfy, "")
        );
        phones
            .handle
            .answer_by("/webhook", |_| Some(Answer::status(422)));
        configured(text, at("2026-06-11T08:00:00Z"), async |scene| {
            scene.arrive(hit(scene, "a")).await;
            comes(scene, || !phones.handle.received_by(Kind::Ntfy).is_empty()).await;
            let helped = phones.handle.received_by(Kind::Ntfy);
            let message = body(&helped[0])["message"].clone();
            assert!(
                message.as_str().is_some_and(|it| it.ends_with(expected)),
                "{message}"
            );
        })
        .await;
    }
}

//! Promises 1 to 3 and 6 all at once: sinks that fail each in a way of its own, and power cuts all the
//! while.
//!
//! Without a word a tenth of it is run. The whole takes some minutes:
//! `TORTURE=whole cargo test --test it torture`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bellwire::model::State;
use bellwire::simulator::receivers::{Kind, Received};
use bellwire::simulator::ttmt::Options;
use bellwire::simulator::{Answer, Manner};
use bellwire::status::Status;
use bellwire::store::{Filter, Standing, Store};
use jiff::Timestamp;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;
use tokio::time::{interval, timeout};

use crate::harness::{Bridge, Phones, Upstream, feed, soon, until};

/// The pause between two events.
const PAUSE: Duration = Duration::from_millis(10);

/// So many events are sent between two power cuts: 2 to 4.6 seconds.
const BETWEEN_KILLS: std::ops::Range<u64> = 200..460;

/// Requests that a sink without an order allows at once.
const IN_FLIGHT: usize = 4;

/// How long the backlog may take when the last event has been sent.
const DRAIN: Duration = Duration::from_secs(240);

/// The sinks, and how many requests each allows at once.
const SINKS: [(&str, usize); 4] = [
    ("errors", IN_FLIGHT),
    ("stalls", IN_FLIGHT),
    ("ordered", 1),
    ("gone", IN_FLIGHT),
];

/// What a receiver did with one request.
#[derive(Clone, Debug)]
struct Visit {
    event: u64,
    id: String,
    /// The status that it meant to give; `None` for a reset.
    status: Option<u16>,
}

type Visits = Arc<Mutex<Vec<Visit>>>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn res_1_res_6_power_cuts_and_four_faulty_sinks_lose_nothing() {
    match std::env::var_os("TORTURE") {
        None => torture(2_000, 6).await,
        Some(_) => torture(20_000, 60).await,
    }
}

async fn torture(events: u64, kills: usize) {
    let upstream = Upstream::with(Options {
        buffer: usize::try_from(events).expect("a size"),
        ..Options::default()
    })
    .await;
    let phones = Phones::start().await;
    let visits = SINKS.map(|(name, _)| receiver(&phones, name, events));
    let mut bridge = Bridge::new(&config(&upstream, &phones));
    bridge.start();
    soon("the first connection", upstream.handle.heard()).await;
    let mut random = StdRng::seed_from_u64(2026);
    let killing = async {
        let mut moment = 0;
        for _ in 0..kills {
            moment = events.min(moment + random.random_range(BETWEEN_KILLS));
            until("the next events to be sent", || {
                upstream.handle.next_id() > moment
            })
            .await;
            bridge.kill();
            soon("the upstream to notice", upstream.handle.unheard()).await;
            bridge.start();
            soon("a connection after a kill", upstream.handle.heard()).await;
        }
    };
    let payloads = (1..=events).map(payload).collect();
    tokio::join!(feed(&upstream, payloads, PAUSE), killing);
    if timeout(DRAIN, drained(&bridge, events)).await.is_err() {
        panic!("never drained: {:#}", sinks(&bridge).await);
    }
    bridge.signal("TERM");
    assert!(bridge.ended().await.success());

    let dead = dead_letters(bridge.folder()).await;
    for ((name, in_flight), visits) in SINKS.iter().zip(visits) {
        let visits = visits.lock().expect("nobody panics with it");
        judge(name, &visits, &dead[*name], events, in_flight * kills);
    }
}

fn payload(number: u64) -> String {
    format!(
        r#"{{"type":"tp_hit","eventId":{number},"timestamp":"2026-06-11T08:00:00.000Z","data":{{"number":{number}}}}}"#
    )
}

fn config(upstream: &Upstream, phones: &Phones) -> String {
    let mut config = format!(
        "http.listen = \"127.0.0.1:0\"\n{}backfill = false\n",
        upstream.source()
    );
    for (name, _) in SINKS {
        let url = format!("{}/{name}", phones.handle.url(Kind::Webhook));
        let order = match name {
            "ordered" => "ordered = true".to_owned(),
            _ => format!("concurrency = {IN_FLIGHT}"),
        };
        config += &format!(
            "[sinks.{name}]\nkind = \"webhook\"\nurl = \"{url}\"\nsecret = \"{}\"\nrate_limit = \"off\"\n\
             retry = {{ initial = \"20ms\", max = \"500ms\" }}\n{order}\n",
            crate::harness::SECRET
        );
    }
    let names = SINKS.map(|(name, _)| format!("{name:?}")).join(", ");
    config + &format!("[[rules]]\nname = \"hits\"\nevents = [\"tp_hit\"]\nto = [{names}]\n")
}

/// A receiver with its own faults, which writes down all that it is asked and means to answer.
fn receiver(phones: &Phones, name: &'static str, events: u64) -> Visits {
    let visits = Visits::default();
    let noted = Arc::clone(&visits);
    let random = Mutex::new(StdRng::seed_from_u64(events + name.len() as u64));
    let path = format!("/webhook/{name}");
    phones.handle.answer_by(&path, move |request| {
        let chance = random.lock().expect("nobody panics with it").random();
        let mut visits = noted.lock().expect("nobody panics with it");
        let answer = answer(name, chance, visits.len() as u64, events);
        visits.push(Visit {
            event: number(request),
            id: request.header("webhook-id").to_owned(),
            status: (answer.manner != Manner::Reset).then_some(answer.status),
        });
        Some(answer)
    });
    visits
}

fn answer(name: &str, chance: f64, before: u64, events: u64) -> Answer {
    let fine = Answer::status(204);
    match name {
        "errors" if chance < 0.1 => Answer::status(500),
        "errors" if chance < 0.15 => fine.sent(Manner::Reset),
        "errors" if chance < 0.16 => Answer::status(422),
        "stalls" if chance < 0.005 => fine.after(Duration::from_secs(5)),
        "ordered" if chance < 0.003 => Answer::status(429).header("Retry-After", "1"),
        "ordered" if chance < 0.02 => Answer::status(503),
        "gone" if (events / 4..events / 4 + 100).contains(&before) => Answer::status(404),
        _ => fine,
    }
}

fn number(received: &Received) -> u64 {
    let value: Value = serde_json::from_slice(&received.body).expect("JSON");
    value["eventId"].as_u64().expect("a number")
}

/// Waits until everything has ended at every sink.
async fn drained(bridge: &Bridge, events: u64) {
    let mut look = interval(Duration::from_millis(200));
    loop {
        look.tick().await;
        let sinks = sinks(bridge).await;
        let sinks = sinks["data"].as_array().expect("a list");
        let has_ended = |sink: &Value| {
            let count = |state: &str| sink["deliveries"][state].as_u64().unwrap_or_default();
            count("delivered") + count("dead") == events
        };
        if sinks.iter().all(has_ended) {
            return;
        }
    }
}

async fn sinks(bridge: &Bridge) -> Value {
    bridge.page("/api/v1/sinks").await.json()
}

/// The ids of the dead letters of each sink, from the files of a stopped instance.
async fn dead_letters(folder: &Path) -> BTreeMap<&'static str, BTreeSet<String>> {
    let store = Store::open(&folder.join("data"), Status::new().0, Timestamp::now());
    let store = store.expect("nobody else has it");
    let mut dead = BTreeMap::new();
    for (name, _) in SINKS {
        let filter = Filter {
            state: Some(State::Dead),
            sink: Some(name.to_owned()),
            ..Filter::default()
        };
        let rows = store
            .deliveries(Standing::default(), filter, u32::MAX)
            .await;
        let rows = rows.expect("reads");
        dead.insert(name, rows.iter().map(|row| row.id.to_string()).collect());
    }
    dead
}

fn judge(name: &str, visits: &[Visit], dead: &BTreeSet<String>, events: u64, repeats_max: usize) {
    let mut ids: BTreeMap<u64, &str> = BTreeMap::new();
    let mut taken: BTreeSet<&str> = BTreeSet::new();
    let mut refused: BTreeSet<&str> = BTreeSet::new();
    let mut repeats = 0;
    for visit in visits {
        let id = *ids.entry(visit.event).or_insert(&visit.id);
        assert_eq!(id, visit.id, "{name}: one event, one id");
        repeats += usize::from(taken.contains(id) || refused.contains(id));
        match visit.status {
            Some(204) => taken.insert(id),
            Some(422) => refused.insert(id),
            _ => false,
        };
    }
    let arrived: Vec<u64> = ids.keys().copied().collect();
    let sent: Vec<u64> = (1..=events).collect();
    assert_eq!(arrived, sent, "{name}: every event was tried");
    for (event, id) in &ids {
        assert!(
            taken.contains(id) || (dead.contains(*id) && refused.contains(id)),
            "{name}: event {event} was neither taken nor refused"
        );
    }
    for id in dead {
        assert!(
            refused.contains(&**id),
            "{name}: {id} is dead, and nobody refused it"
        );
    }
    assert!(
        repeats <= repeats_max,
        "{name}: {repeats} repeats, and at most {repeats_max} were in flight at a power cut"
    );
    if name == "ordered" {
        assert!(
            visits.is_sorted_by_key(|visit| visit.event),
            "each waits for the one before it"
        );
    }
}

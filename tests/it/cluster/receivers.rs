//! The receivers of a cluster: what arrived at each, and whether that is what the rules ask for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bellwire::simulator::Answer;
use bellwire::simulator::receivers::Kind;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;

use super::server::Schema;
use crate::harness::{Phones, SECRET};

/// The sinks. The last one keeps the order of each trade.
pub(super) const SINKS: [&str; 4] = ["first", "second", "third", "ordered"];

/// Requests that each sink allows at once.
pub(super) const IN_FLIGHT: usize = 8;

/// Milliseconds that an answer takes.
const ANSWERS_IN: std::ops::Range<u64> = 5..50;

/// Trades that the events are about.
const TRADES: u64 = 499;

/// Which events go to the sinks: the last one gets some that the others do not.
pub(super) const RULES: &str = "[[rules]]\nname = \"hits\"\nevents = [\"tp_hit\"]\nto = [\"first\", \"second\", \"third\", \"ordered\"]\n\
     [[rules]]\nname = \"moved\"\nevents = [\"breakeven_set\"]\nto = [\"ordered\"]\n";

/// The payload of an event.
pub(super) fn payload(number: u64) -> String {
    let (kind, trade) = (kind(number), number * number % TRADES);
    format!(
        r#"{{"type":"{kind}","eventId":{number},"timestamp":"2026-06-11T08:00:00.000Z","data":{{"number":{number},"trade":"t{trade}"}}}}"#
    )
}

const fn kind(number: u64) -> &'static str {
    match number % 5 {
        0 => "position_update",
        1 => "breakeven_set",
        _ => "tp_hit",
    }
}

/// Whether a sink is to get an event.
pub(super) fn is_for(sink: &str, number: u64) -> bool {
    match kind(number) {
        "tp_hit" => true,
        "breakeven_set" => sink == "ordered",
        _ => false,
    }
}

/// `[sinks.NAME]` for all of them.
pub(super) fn tables(phones: &Phones) -> String {
    let table = |name: &str| {
        let url = format!("{}/{name}", phones.handle.url(Kind::Webhook));
        let order = match name {
            "ordered" => "ordered = \"data.trade\"\n",
            _ => "",
        };
        format!(
            "[sinks.{name}]\nkind = \"webhook\"\nurl = \"{url}\"\nsecret = \"{SECRET}\"\nrate_limit = \"off\"\n\
             concurrency = {IN_FLIGHT}\nretry = {{ initial = \"100ms\", max = \"500ms\" }}\n{order}"
        )
    };
    SINKS.map(table).concat()
}

/// One request as it arrived.
#[derive(Clone, Debug)]
struct Visit {
    event: u64,
    trade: String,
    id: String,
}

/// What has arrived at one sink, in order.
#[derive(Clone)]
pub(super) struct Arrivals {
    pub(super) sink: &'static str,
    visits: Arc<Mutex<Vec<Visit>>>,
}

impl Arrivals {
    /// Begins to listen, and to accept everything after a moment.
    pub(super) fn at(phones: &Phones, sink: &'static str) -> Self {
        let visits = Arc::<Mutex<Vec<Visit>>>::default();
        let noted = Arc::clone(&visits);
        let random = Mutex::new(StdRng::seed_from_u64(sink.len() as u64));
        phones
            .handle
            .answer_by(&format!("/webhook/{sink}"), move |request| {
                let body: Value = serde_json::from_slice(&request.body).expect("JSON");
                let text = |value: &Value| value.as_str().expect("text").to_owned();
                noted.lock().expect("nobody panics with it").push(Visit {
                    event: body["eventId"].as_u64().expect("a number"),
                    trade: text(&body["data"]["trade"]),
                    id: request.header("webhook-id").to_owned(),
                });
                let mut random = random.lock().expect("nobody panics with it");
                let delay = Duration::from_millis(random.random_range(ANSWERS_IN));
                Some(Answer::status(204).after(delay))
            });
        Self { sink, visits }
    }

    /// How many requests have arrived.
    pub(super) fn count(&self) -> usize {
        self.visits.lock().expect("nobody panics with it").len()
    }

    /// Judges what has arrived of so many events; answers how many repeats there were.
    pub(super) async fn judge(&self, schema: &Schema, events: u64) -> usize {
        let sink = self.sink;
        let visits = self.visits.lock().expect("nobody panics with it").clone();
        let mut ids: BTreeMap<u64, &str> = BTreeMap::new();
        let mut newest: BTreeMap<&str, u64> = BTreeMap::new();
        for visit in &visits {
            let mut is_first = false;
            let id = *ids.entry(visit.event).or_insert_with(|| {
                is_first = true;
                &visit.id
            });
            assert_eq!(id, visit.id, "{sink}: one event, one id");
            if is_first && sink == "ordered" {
                let before = newest.insert(&visit.trade, visit.event);
                assert!(
                    before < Some(visit.event),
                    "{sink}: {visit:?} came after {before:?}"
                );
            }
        }
        let arrived: Vec<u64> = ids.keys().copied().collect();
        let asked: Vec<u64> = (1..=events).filter(|it| is_for(sink, *it)).collect();
        assert_eq!(arrived, asked, "{sink}: exactly what the rules ask for");
        let different: BTreeSet<&str> = ids.values().copied().collect();
        assert_eq!(different.len(), arrived.len(), "{sink}: one id, one event");
        let delivered = schema
            .count(&format!(
                "SELECT count(*) FROM deliveries WHERE sink = '{sink}' AND state = 2"
            ))
            .await;
        assert_eq!(delivered, asked.len(), "{sink}: all of it is known");
        let repeats = visits.len() - arrived.len();
        let taken_back = format!(
            "SELECT count(*) FROM attempts a JOIN deliveries d ON d.seq = a.delivery
             WHERE d.sink = '{sink}' AND a.outcome = 5"
        );
        let taken_back = schema.count(&taken_back).await;
        assert!(
            repeats <= taken_back,
            "{sink}: {repeats} repeats, and {taken_back} were taken back"
        );
        repeats
    }
}

//! The steps of an event's walk, one by one: parse, decode, rules, words, sign, accept, claim, settle.
//!
//! `cargo bench --bench parts` runs them all, and `cargo bench --bench parts -- rules` those with a name. What
//! goes to the disk does so in a folder of its own below `target`, so that a flush is a flush.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Duration;

use bellwire::app::Plan;
use bellwire::clock::Clock;
use bellwire::config;
use bellwire::expr::{Scope, Template};
use bellwire::model::{
    Attempt, Batch, Checkpoint, Claim, Cursor, DeliveryId, Ended, Event, Name, Outcome, Posted,
    Settled, Settlement, State, Trace, Wake,
};
use bellwire::sinks::{Message, Wording};
use bellwire::sources::{Frame, Recording, What};
use bellwire::status::Status;
use bellwire::store::{Flush, Store};
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use jiff::Timestamp;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// Largest event that is read.
const EVENT_BYTES_MAX: usize = 1 << 20;

/// Events of a recording.
const RECORDED: usize = 1_000;

/// Deliveries that are in flight together.
const TOGETHER: usize = 16;

fn main() {
    divan::main();
}

/// A runtime as the program has one.
fn runtime() -> Runtime {
    Runtime::new().expect("a runtime")
}

fn now() -> Timestamp {
    Timestamp::from_second(1_760_000_000).expect("in range")
}

/// 300 bytes.
fn payload(id: usize) -> String {
    let note = "x".repeat(300);
    let text = format!(
        r#"{{"id":{id},"account":"a1","symbol":"XAUUSD","realized_pl":12.50,"note":"{note}"#
    );
    format!("{}\"}}", &text[..298])
}

fn frame(id: usize) -> Frame {
    Frame {
        own_id: Some(id.to_string()),
        ..Frame::bare(Some("tp_hit"), payload(id).into(), now())
    }
}

/// What is made of a configuration with these rules.
fn plan(rules: &str) -> Plan {
    let text = format!(
        "[sources.feed]\nkind = \"sse\"\nurl = \"http://127.0.0.1:9/\"\n\
         [sinks.hook]\nkind = \"webhook\"\nurl = \"http://127.0.0.1:9/\"\nsecret = \"whsec_YmVsbHdpcmUgYmVuY2hlcyBzaWduIHRoaXM=\"\n{rules}"
    );
    let loaded = config::load_text(Path::new("config.toml"), text, BTreeMap::new());
    Plan::make(loaded, false).unwrap_or_else(|refused| panic!("{refused}"))
}

fn rule(number: usize, more: &str) -> String {
    format!("[[rules]]\nname = \"r{number}\"\n{more}\nto = [\"hook\"]\n")
}

fn event_of(plan: &Plan, id: usize) -> Event {
    match plan.sources[0].connector.read(&frame(id)) {
        What::Event(event) => event,
        other => panic!("no event: {other:?}"),
    }
}

fn event(id: usize) -> Event {
    event_of(&plan(&rule(1, "")), id)
}

/// A thousand events of a stream.
#[divan::bench]
fn parse(bencher: Bencher<'_, '_>) {
    let mut stream = Vec::new();
    for id in 0..RECORDED {
        let block = format!("id: {id}\nevent: tp_hit\ndata: {}\n\n", payload(id));
        stream.extend_from_slice(block.as_bytes());
    }
    let runtime = runtime();
    let bencher = bencher.counter(ItemsCount::new(RECORDED));
    bencher
        .with_inputs(|| stream.clone())
        .bench_values(|stream| {
            runtime.block_on(async {
                let input = Box::new(std::io::Cursor::new(stream));
                let recording = Recording::open(input, EVENT_BYTES_MAX, Clock::system()).await;
                let mut recording = recording.expect("a recording");
                let mut count = 0;
                while recording.next().await.is_ok() {
                    count += 1;
                }
                assert_eq!(count, RECORDED);
            });
        });
}

#[divan::bench]
fn decode(bencher: Bencher<'_, '_>) {
    let (plan, frame) = (plan(&rule(1, "")), frame(1));
    bencher.bench(|| plan.sources[0].connector.read(black_box(&frame)));
}

mod rules {
    use super::{Bencher, black_box, event_of, plan, rule};

    /// Asks rules about an event that so many of them want.
    fn route(bencher: Bencher<'_, '_>, rules: &str, routes: usize) {
        let plan = plan(rules);
        let event = event_of(&plan, 1);
        assert_eq!(plan.rules.routes(&event).routes.len(), routes);
        bencher.bench(|| plan.rules.routes(black_box(&event)));
    }

    #[divan::bench]
    fn one_type(bencher: Bencher<'_, '_>) {
        route(bencher, &rule(1, "events = [\"tp_hit\"]"), 1);
    }

    #[divan::bench]
    fn one_pattern(bencher: Bencher<'_, '_>) {
        route(bencher, &rule(1, "events = [\"tp_*\"]"), 1);
    }

    #[divan::bench]
    fn no_match(bencher: Bencher<'_, '_>) {
        route(bencher, &rule(1, "events = [\"sl_*\"]"), 0);
    }

    #[divan::bench]
    fn one_condition(bencher: Bencher<'_, '_>) {
        route(bencher, &rule(1, "when = 'data.realized_pl > 0'"), 1);
    }

    #[divan::bench]
    fn thousand_types(bencher: Bencher<'_, '_>) {
        let others: String = (1..1000)
            .map(|number| rule(number, &format!("events = [\"tp_hit_{number}\"]")))
            .collect();
        let rules = others + &rule(1000, "events = [\"tp_hit\"]");
        route(bencher, &rules, 1);
    }

    #[divan::bench]
    fn thousand_patterns(bencher: Bencher<'_, '_>) {
        let others: String = (1..1000)
            .map(|number| rule(number, &format!("events = [\"sl_{number}_*\"]")))
            .collect();
        let rules = others + &rule(1000, "events = [\"tp_*\"]");
        route(bencher, &rules, 1);
    }

    #[divan::bench]
    fn thousand_conditions(bencher: Bencher<'_, '_>) {
        let others: String = (1..1000)
            .map(|number| {
                rule(
                    number,
                    &format!("when = 'data.realized_pl > {}'", 1000 + number),
                )
            })
            .collect();
        let rules = others + &rule(1000, "when = 'data.realized_pl > 0'");
        route(bencher, &rules, 1);
    }
}

mod words {
    use super::{Bencher, Scope, Template, Wording, black_box, event};

    /// What every delivery says where nobody wrote a template.
    #[divan::bench]
    fn built_in(bencher: Bencher<'_, '_>) {
        let event = event(1);
        bencher.bench(|| Wording::of(black_box(&event)));
    }

    #[divan::bench]
    fn template(bencher: Bencher<'_, '_>) {
        let text = "{{ data.symbol }}: {{ data.realized_pl }}";
        let template = Template::compile(text).expect("a template");
        let event = event(1);
        bencher.bench(|| template.render(&Scope::new(black_box(&event))));
    }
}

/// The request of a webhook, with its signature.
#[divan::bench]
fn sign(bencher: Bencher<'_, '_>) {
    let plan = plan(&rule(1, ""));
    let event = event_of(&plan, 1);
    let (id, wording) = (DeliveryId::new("dlv_tag_1"), Wording::of(&event));
    let message = Message {
        id: &id,
        now: now(),
        event: &event,
        wording: &wording,
        priority: None,
        quiet: false,
        instead: None,
        living: None,
        plain: false,
        trace: Trace::of(&event),
    };
    bencher.bench(|| plan.sinks[0].translator.encode(black_box(&message)));
}

/// A queue, and events that it does not have yet.
struct Queue {
    runtime: Runtime,
    store: Store,
    plan: Plan,
    made: usize,
    _folder: TempDir,
}

impl Queue {
    fn new() -> Self {
        let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
        let store = Store::open(folder.path(), Status::new().0, now()).expect("a queue");
        Self {
            runtime: runtime(),
            store,
            plan: plan(&rule(1, "")),
            made: 0,
            _folder: folder,
        }
    }

    /// A batch of so many events that one rule wants.
    fn batch(&mut self, count: usize) -> Batch {
        let ids = self.made + 1..=self.made + count;
        self.made += count;
        let events = ids.map(|id| {
            let event = event_of(&self.plan, id);
            let routes = self.plan.rules.routes(&event).routes;
            (event, routes)
        });
        Batch {
            source: self.plan.sources[0].name.clone(),
            events: events.collect(),
            checkpoint: Some(Checkpoint {
                cursor: Cursor::At(self.made.to_string()),
                ..Checkpoint::default()
            }),
            picture: Vec::new(),
            heard: Vec::new(),
        }
    }

    fn accept(&self, batch: Batch) {
        let accepted = self.runtime.block_on(self.store.accept(batch));
        assert!(accepted.expect("accepted").deliveries > 0, "all are known");
    }

    fn claim(&self) -> Vec<Claim> {
        let limit = NonZeroUsize::new(TOGETHER).expect("more than none");
        let hook = Name::new("hook").expect("a name");
        let claims = self.store.claim(&hook, now(), limit, 0);
        let claims = self.runtime.block_on(claims).expect("claimed").claims;
        assert_eq!(claims.len(), TOGETHER);
        claims
    }

    fn settle(&self, claims: &[Claim]) {
        let hook = Name::new("hook").expect("a name");
        let group = claims.iter().map(|claim| {
            let attempt = Attempt {
                number: claim.attempt,
                at: now(),
                duration: Duration::from_millis(1),
                outcome: Outcome::Delivered,
                status: Some(204),
                reason: None,
                answer: None,
            };
            let settlement = Settlement {
                state: State::Delivered,
                due: now(),
                step: 0,
                plain: false,
                wake: Wake::Never,
                posted: Posted::Nothing,
                reason: None,
                rest_until: None,
                suspend: None,
            };
            Settled {
                row: claim.row,
                alone: claim.alone,
                ended: Ended::Tried(attempt),
                settlement,
            }
        });
        let settled = self.store.settle_all(&hook, group.collect(), Flush::Now);
        let settled = self.runtime.block_on(settled).expect("settled");
        assert!(settled.into_iter().all(|settled| settled));
    }
}

/// One commit with so many events and a delivery of each.
#[divan::bench(args = [1, 32, 256], sample_size = 1)]
fn accept(bencher: Bencher<'_, '_>, events: usize) {
    let queue = RefCell::new(Queue::new());
    let bencher = bencher.counter(ItemsCount::new(events));
    bencher
        .with_inputs(|| queue.borrow_mut().batch(events))
        .bench_local_values(|batch| queue.borrow().accept(batch));
}

/// Sixteen deliveries at once.
#[divan::bench(sample_size = 1)]
fn claim(bencher: Bencher<'_, '_>) {
    let queue = RefCell::new(Queue::new());
    let bencher = bencher.counter(ItemsCount::new(TOGETHER));
    bencher
        .with_inputs(|| {
            let batch = queue.borrow_mut().batch(TOGETHER);
            queue.borrow().accept(batch);
        })
        .bench_local_values(|()| queue.borrow().claim());
}

/// The outcomes of sixteen deliveries that ended together.
#[divan::bench(sample_size = 1)]
fn settle(bencher: Bencher<'_, '_>) {
    let queue = RefCell::new(Queue::new());
    let bencher = bencher.counter(ItemsCount::new(TOGETHER));
    bencher
        .with_inputs(|| {
            let batch = queue.borrow_mut().batch(TOGETHER);
            queue.borrow().accept(batch);
            queue.borrow().claim()
        })
        .bench_local_values(|claims| queue.borrow().settle(&claims));
}

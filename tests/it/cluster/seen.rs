//! What instances show of each other, to people and to programs, and what they tell each other.

use std::time::Duration;

use serde_json::Value;
use tokio::time::{interval, timeout};

use super::alone;
use super::receivers::{Arrivals, RULES, SINKS, is_for, payload};
use super::server::Schema;
use super::world::config;
use crate::harness::{Bridge, Phones, Upstream, soon, until};

/// Another rule than those of all.
const MORE: &str = "[[rules]]\nname = \"more\"\nevents = [\"trade_finalized\"]\nto = [\"first\"]\n";

/// How long all of the events below may take that are heard of: every look that is taken anyway is ten seconds after
/// the one before, so that not a quarter of them could be found by looking.
const HEARD: Duration = Duration::from_secs(60);

/// Two instances with pages.
struct Two {
    upstream: Upstream,
    schema: Schema,
    both: [Bridge; 2],
    config: String,
    arrivals: Vec<Arrivals>,
    _phones: Phones,
}

impl Two {
    async fn start(schema: Schema) -> Self {
        let upstream = Upstream::start().await;
        let phones = Phones::start().await;
        let arrivals = SINKS.map(|sink| Arrivals::at(&phones, sink)).to_vec();
        let config = config("127.0.0.1:0", &upstream, &phones, &schema);
        let mut both = [(); 2].map(|()| Bridge::new(&config).env("QUEUE", &schema.address));
        for bridge in &mut both {
            bridge.start();
            soon("somebody who listens", upstream.handle.heard()).await;
        }
        let two = Self {
            upstream,
            schema,
            both,
            config,
            arrivals,
            _phones: phones,
        };
        two.shared_out().await;
        two
    }

    /// Waits until both serve as many sinks.
    async fn shared_out(&self) {
        let even = "SELECT count(*) FROM (SELECT holder FROM leases WHERE duty LIKE 'sink %' AND until > clock_timestamp()
            GROUP BY holder HAVING count(*) = 2) half";
        let mut look = interval(Duration::from_millis(50));
        soon("sinks to be shared out", async {
            while self.schema.count(even).await != 2 {
                look.tick().await;
            }
        })
        .await;
    }

    /// What each instance shows of both once that is as it should be: on its API, in its readiness, and by the command.
    async fn show(&self, what: &str, wanted: impl Fn(&[Value]) -> bool) -> [Vec<Value>; 2] {
        let mut look = interval(Duration::from_millis(50));
        let mut all = [Vec::new(), Vec::new()];
        for (bridge, shown) in self.both.iter().zip(&mut all) {
            *shown = soon(what, async {
                loop {
                    look.tick().await;
                    let page = bridge.page("/api/v1/instances").await.json();
                    let shown = page["data"].as_array().expect("a list").clone();
                    if shown.len() == 2 && wanted(&shown) {
                        return shown;
                    }
                }
            })
            .await;
            let ready = bridge.page("/readyz").await.json();
            let told = bridge.tool(&["queue", "instances", "--json"]).await.json();
            for other in [&ready["instances"], &told] {
                let other = other.as_array().expect("a list");
                assert_eq!(lasting(other), lasting(shown), "{what}");
            }
        }
        all
    }

    /// Ends everything properly, and leaves nothing behind.
    async fn end(mut self) {
        for bridge in &mut self.both {
            bridge.signal("TERM");
            assert!(bridge.ended().await.success(), "a proper end");
        }
        self.schema.remove().await;
    }
}

/// Instances without what changes every second.
fn lasting(instances: &[Value]) -> Vec<Value> {
    let mut instances = instances.to_vec();
    for instance in &mut instances {
        let seen = instance.as_object_mut().expect("an object").remove("seen");
        assert!(seen.is_some(), "{instance}");
    }
    instances
}

fn own(instances: &[Value]) -> &Value {
    let own: Vec<&Value> = instances.iter().filter(|one| one["own"] == true).collect();
    assert_eq!(own.len(), 1, "{instances:#?}");
    own[0]
}

fn other(instances: &[Value]) -> &Value {
    let other = instances.iter().find(|one| one["own"] == false);
    other.expect("another one")
}

/// Whether all have said what their configuration is.
fn are_told(instances: &[Value]) -> bool {
    instances.iter().all(|one| one["config"] != "")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_with_other_rules_is_marked_and_one_with_the_same_is_not() {
    let Some(schema) = Schema::named("drift") else {
        return;
    };
    let _alone = alone().await;
    let mut two = Two::start(schema).await;
    for shown in two.show("the same configuration", are_told).await {
        assert!(
            shown.iter().all(|one| one["differs"] == false),
            "{shown:#?}"
        );
        assert_eq!(own(&shown)["config"], other(&shown)["config"]);
    }
    let text = two.both[0].tool(&["queue", "instances"]).await.out;
    assert!(!text.contains("differs"), "{text}");

    let changed = &mut two.both[1];
    changed.signal("TERM");
    assert!(changed.ended().await.success());
    changed.configure(&two.config.replacen(RULES, &format!("{RULES}{MORE}"), 1));
    changed.start();
    two.shared_out().await;
    let differ = |shown: &[Value]| other(shown)["differs"] == true;
    for shown in two.show("different configurations", differ).await {
        assert_eq!(own(&shown)["differs"], false, "{shown:#?}");
        assert_ne!(own(&shown)["config"], other(&shown)["config"]);
    }
    for bridge in &two.both {
        let is_told = || bridge.log().contains("has another configuration");
        until("a word in the log", is_told).await;
        let text = bridge.tool(&["queue", "instances"]).await.out;
        let marked = text.lines().filter(|line| line.contains("differs"));
        assert_eq!(marked.count(), 1, "the other one: {text}");
    }
    two.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_shows_every_instance_with_what_it_does() {
    let Some(schema) = Schema::named("shown") else {
        return;
    };
    let _alone = alone().await;
    let two = Two::start(schema).await;
    let held = "SELECT holder, string_agg(duty, ', ' ORDER BY duty) FROM leases
        WHERE until > clock_timestamp() GROUP BY holder";
    let held = two.schema.rows(held).await;
    assert_eq!(held.len(), 2, "{held:?}");
    let duties = held.iter().map(|row| row[1].split(", ").count());
    // A source, what is done once for all, and the sinks.
    assert_eq!(duties.sum::<usize>(), 5 + SINKS.len(), "{held:?}");
    for shown in two.show("both", are_told).await {
        for row in &held {
            let one = shown.iter().find(|one| one["id"] == *row[0]);
            let duties = one.expect("it is shown")["duties"].as_array();
            let duties = duties.expect("a list").iter();
            let duties: Vec<&str> = duties.filter_map(Value::as_str).collect();
            assert_eq!(duties.join(", "), row[1]);
        }
    }
    let whoever_listens = two.both[0].tool(&["queue", "instances"]).await;
    let the_server = two.both[0].told("queue", &["instances"]).await;
    for told in [whoever_listens, the_server] {
        assert_eq!(told.status, Some(0), "{told:?}");
        let head = told.out.lines().next().expect("a head");
        let columns = ["ID", "HOST", "VERSION", "CONFIG", "STATE", "DUTIES"];
        assert_eq!(head.split('\t').collect::<Vec<_>>(), columns);
        assert_eq!(told.out.lines().count(), 3, "{}", told.out);
        for row in &held {
            let line = told.out.lines().find(|line| line.starts_with(&row[0]));
            let line = line.expect("it is shown");
            let cells: Vec<&str> = line.split('\t').skip(4).collect();
            assert_eq!(cells, ["working", &row[1]], "{line}");
        }
    }
    two.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_takes_in_another_sends_as_soon_as_it_hears_of_it() {
    const EVENTS: u64 = 40;
    let Some(schema) = Schema::named("heard") else {
        return;
    };
    let _alone = alone().await;
    let two = Two::start(schema).await;
    let elsewhere = "SELECT substr(duty, 6) FROM leases WHERE duty LIKE 'sink %'
        AND holder <> (SELECT holder FROM leases WHERE duty = 'source ttmt') ORDER BY duty LIMIT 1";
    let sink = two.schema.value(elsewhere).await;
    let arrivals = two.arrivals.iter().find(|arrivals| arrivals.sink == sink);
    let arrivals = arrivals.expect("a sink of the other one");
    let sending = async {
        let mut expected = 0;
        for number in 1..=EVENTS {
            two.upstream.send(payload(number)).await;
            if is_for(&sink, number) {
                expected += 1;
                until("the event to be sent", || arrivals.count() == expected).await;
            }
        }
        expected
    };
    let sent = timeout(HEARD, sending)
        .await
        .expect("nobody waits for a look");
    assert!(sent >= 24, "{sent}");
    two.end().await;
}

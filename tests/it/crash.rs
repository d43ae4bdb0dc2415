//! Promises 1 to 3 with the power cut: nothing lost, nothing doubled beyond what was in flight, and
//! every repeat recognisable.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bellwire::simulator::receivers::{Kind, Received};
use bellwire::simulator::ttmt::Options;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use tokio::time::timeout;

use crate::harness::{Bridge, DEADLINE, Phones, Upstream, feed, soon, until};

/// Events in all, the pause between two, and how often the process is killed while they come.
const EVENTS: usize = 500;
const PAUSE: Duration = Duration::from_millis(6);
const KILLS: usize = 20;

/// Requests that the sink allows at once: the most that one kill may repeat.
const IN_FLIGHT: usize = 4;

fn payload(number: usize) -> String {
    // Every third event matches no rule.
    let kind = if number.is_multiple_of(3) {
        "position_update"
    } else {
        "tp_hit"
    };
    format!(
        r#"{{"type":"{kind}","eventId":{number},"timestamp":"2026-06-11T08:00:{:02}.{:03}Z","data":{{"number":{number},"price":1.10}}}}"#,
        number / 1000,
        number % 1000
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn res_1_sigkill_at_random_moments_loses_nothing_and_repeats_only_what_was_in_flight() {
    // Kills in quick succession must not outrun the replay: what the upstream has forgotten is not
    // what this is about.
    let upstream = Upstream::with(Options {
        buffer: EVENTS,
        ..Options::default()
    })
    .await;
    let phones = Phones::start().await;
    let config = format!(
        "http.listen = \"off\"\n{}{}[[rules]]\nname = \"hits\"\nevents = [\"tp_hit\"]\nto = [\"automation\"]\n",
        upstream.source(),
        phones.sink(
            "automation",
            Kind::Webhook,
            &format!("concurrency = {IN_FLIGHT}")
        ),
    );
    let mut bridge = Bridge::new(&config);
    bridge.start();
    soon("the first connection", upstream.handle.heard()).await;
    let arrived_before_kill = {
        let feeding = feed(&upstream, (1..=EVENTS).map(payload).collect(), PAUSE);
        let killing = kill_at_random(&mut bridge, &upstream, &phones);
        tokio::join!(feeding, killing).1
    };
    let expected: BTreeSet<String> = (1..=EVENTS)
        .map(payload)
        .filter(|text| text.contains("tp_hit"))
        .collect();
    let missing = || -> Vec<String> {
        let arrived: BTreeSet<String> = phones.handle.received().iter().map(body).collect();
        expected.difference(&arrived).cloned().collect()
    };
    if timeout(
        DEADLINE,
        until("every matching event to arrive", || missing().is_empty()),
    )
    .await
    .is_err()
    {
        panic!("never arrived: {:#?}", missing());
    }

    let received = phones.handle.received();
    let mut ids: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for one in &received {
        ids.entry(body(one))
            .or_default()
            .insert(one.header("webhook-id").to_owned());
    }
    assert!(
        ids.keys().eq(expected.iter()),
        "exactly the matching events, byte for byte"
    );
    for (body, ids) in &ids {
        assert_eq!(ids.len(), 1, "every repeat bears the same id: {body}");
    }
    let distinct: BTreeSet<&String> = ids.values().flatten().collect();
    assert_eq!(
        distinct.len(),
        expected.len(),
        "no two deliveries share an id"
    );
    // What was in flight at a kill waits its turn, so it may be repeated only after a later one.
    let mut repeated = 0;
    for (kill, repeats) in repeats_by_kill(&received, &arrived_before_kill) {
        repeated += repeats;
        assert!(
            repeated <= IN_FLIGHT * kill,
            "{repeated} repeats after {kill} kills with {IN_FLIGHT} in flight"
        );
    }
}

/// Kills and restarts the process whenever a random share of the events has been sent. Answers how many
/// requests had arrived at each kill.
async fn kill_at_random(bridge: &mut Bridge, upstream: &Upstream, phones: &Phones) -> Vec<usize> {
    let mut random = StdRng::seed_from_u64(20);
    let mut moments: Vec<u64> = (0..KILLS)
        .map(|_| random.random_range(1..EVENTS as u64))
        .collect();
    moments.sort_unstable();
    let mut arrived = Vec::new();
    // Before the first commit there is no cursor, and a start without one is silent about the past.
    soon("the first event", phones.handle.arrivals(Kind::Webhook, 1)).await;
    for moment in moments {
        until("the next event to be sent", || {
            upstream.handle.next_id() > moment
        })
        .await;
        bridge.kill();
        soon("the upstream to notice", upstream.handle.unheard()).await;
        arrived.push(phones.handle.received().len());
        bridge.start();
        soon("a connection after a kill", upstream.handle.heard()).await;
    }
    arrived
}

/// Repeats that arrived after each kill and before the next.
fn repeats_by_kill(received: &[Received], arrived_before_kill: &[usize]) -> BTreeMap<usize, usize> {
    let mut seen = BTreeSet::new();
    let mut repeats = BTreeMap::new();
    for (index, one) in received.iter().enumerate() {
        if !seen.insert(one.header("webhook-id")) {
            let kill = arrived_before_kill.partition_point(|arrived| *arrived <= index);
            *repeats.entry(kill).or_default() += 1;
        }
    }
    repeats
}

fn body(received: &Received) -> String {
    String::from_utf8(received.body.to_vec()).expect("text")
}

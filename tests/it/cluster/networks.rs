//! The network between an instance and the server of its queue is cut, by the kernel: what is sent then is gone, and
//! nobody says so. The upstream and the receivers stay in reach, so that nothing but its own clock keeps the instance
//! from going on.

use std::net::Ipv4Addr;
use std::process::Command;
use std::time::Duration;

use tokio::time::Instant;

use super::server::Schema;
use super::takeovers::{PAUSE, TAKEN_OVER, only_what_was_in_flight};
use super::world::{Place, World};
use super::{alone, say};
use crate::harness::until;

/// The files of namespaces for instances, one for each, with blanks between them.
const NETWORKS: &str = "BELLWIRE_TEST_NETWORKS";

/// Where the server is to be reached from there, as `BELLWIRE_TEST_POSTGRES` is from here.
const QUEUE: &str = "BELLWIRE_TEST_NETWORKS_QUEUE";

/// The address of this machine at which they are to find all else.
const OTHERS: &str = "BELLWIRE_TEST_NETWORKS_OTHERS";

/// A command that takes the way to the server away from one of them, whose number it gets as `$1`, or gives it back:
/// `$2` is `down` or `up`.
const CUT: &str = "BELLWIRE_TEST_NETWORKS_CUT";

/// Renewals of a lease are a second apart, and it ends for its holder three seconds after the last one; the rest is for
/// a busy machine.
const FENCED: Duration = Duration::from_secs(5);

/// What an instance has in hand when it is cut off it tries to write for ten seconds.
const TRIED: Duration = Duration::from_secs(12);

/// The places of instances with networks of their own, and where the others are.
fn places() -> Option<(Ipv4Addr, Vec<Place>)> {
    let Ok(networks) = std::env::var(NETWORKS) else {
        say(&format!("SKIPPED: {NETWORKS} names no networks"));
        return None;
    };
    let queue = std::env::var(QUEUE).expect("the address of the server");
    let place = |network: &str| Place {
        queue: queue.clone(),
        wrapper: vec!["nsenter".to_owned(), format!("--net={network}")],
    };
    let others = std::env::var(OTHERS).expect("an address");
    let others = others.parse().expect("an address");
    Some((others, networks.split_whitespace().map(place).collect()))
}

/// Takes the way to the server away from an instance, or gives it back.
fn set_way(instance: usize, state: &str) {
    let command = std::env::var(CUT).expect("a command");
    let number = (instance + 1).to_string();
    let told = Command::new("sh")
        .args(["-c", &command, "sh", &number, state])
        .status();
    assert!(told.expect("a shell").success(), "the way is {state}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_whose_network_to_the_queue_is_cut_is_fenced_and_comes_back() {
    const BEFORE: u64 = 300;
    const DURING: u64 = 700;
    const EVENTS: u64 = 1_000;
    let Some(schema) = Schema::named("networks") else {
        return;
    };
    let Some((others, places)) = places() else {
        return;
    };
    let _alone = alone().await;
    let world = World::start_at(others, schema, &places).await;
    world.shared_out().await;
    world.feed(1..=BEFORE, PAUSE).await;
    let leader = world.leader().await;
    let streams = world.streams().len();
    set_way(leader.at, "down");
    let since = Instant::now();
    let cutting = async {
        let in_flight = world.in_flight().await;
        (in_flight, world.opened_again(streams, since).await)
    };
    let feeding = world.feed(BEFORE + 1..=DURING, PAUSE);
    let ((in_flight, took), ()) = tokio::join!(cutting, feeding);
    let closed = world.streams()[streams - 1].closed;
    let closed = closed.expect("it is over").duration_since(since);
    say(&format!(
        "the stream was closed {closed:?} and another one open {took:?} after the network was cut"
    ));
    assert!(closed < FENCED, "it was closed after {closed:?}");
    assert!(took < TAKEN_OVER, "it took {took:?}");
    assert_eq!(world.conflicts(), 0, "the one that was cut off has stopped");
    let cut_off = &world.instances[leader.at];
    assert!(
        cut_off.log().contains("this instance cannot keep its duty"),
        "it knows by its own clock"
    );
    world.drained(DURING).await;
    let has = format!(
        "SELECT count(*) FROM leases WHERE holder = '{}' AND until > clock_timestamp()",
        leader.id
    );
    assert_eq!(world.schema.count(&has).await, 0, "others have all of it");

    // Nothing else happens now, so whatever changes is a late word of the one that was cut off: of what it has in hand.
    let before = world.digest().await;
    let streams = world.streams().len();
    set_way(leader.at, "up");
    let mended = Instant::now();
    world.serves_again(&leader).await;
    say(&format!(
        "it was back after {:?}, and served a sink {:?} later",
        mended.duration_since(since),
        mended.elapsed()
    ));
    world.shared_out().await;
    until("it to have tried for the last time", || {
        since.elapsed() >= TRIED
    })
    .await;
    let after = world.digest().await;
    assert_eq!(before, after, "what it wrote late has changed something");
    assert_eq!(world.streams().len(), streams, "the stream is where it was");

    world.feed(DURING + 1..=EVENTS, PAUSE).await;
    world.drained(EVENTS).await;
    let repeats = world.judge(EVENTS).await;
    only_what_was_in_flight(&repeats, &in_flight);
    assert_eq!(world.conflicts(), 0, "never two streams");
    world.end().await;
}

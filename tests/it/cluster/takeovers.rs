//! How soon somebody else does what an instance did that is killed, told to stop, stopped in the middle, or cut off
//! from the queue; and that whoever comes back late changes nothing.

use std::time::Duration;

use tokio::time::{Instant, interval};

use super::receivers::SINKS;
use super::server::Schema;
use super::wire::Wire;
use super::world::World;
use super::{alone, say};
use crate::harness::until;

/// The pause between two events.
pub(super) const PAUSE: Duration = Duration::from_millis(10);

/// Takes over what a dead instance did: five seconds are promised, the rest is for a busy machine.
pub(super) const TAKEN_OVER: Duration = Duration::from_secs(8);

/// A lease has at least so much left at any time: who takes over sooner has not waited for its end.
const LEFT: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_leader_is_replaced_in_time_and_one_that_is_told_to_stop_at_once() {
    let Some(schema) = Schema::named("takeover") else {
        return;
    };
    let _alone = alone().await;
    let addresses = vec![schema.address.clone(); 3];
    let mut world = World::start(schema, &addresses).await;
    world.shared_out().await;
    world.feed(1..=200, PAUSE).await;

    let leader = world.leader().await;
    let streams = world.streams().len();
    world.instances[leader.at].kill();
    let killed = Instant::now();
    let feeding = world.feed(201..=400, PAUSE);
    let ((), took) = tokio::join!(feeding, world.opened_again(streams, killed));
    say(&format!("the stream was open {took:?} after a SIGKILL"));
    assert!(took < TAKEN_OVER, "it took {took:?}");
    world.instances[leader.at].start();
    world.shared_out().await;

    let leader = world.leader().await;
    let streams = world.streams().len();
    world.instances[leader.at].signal("TERM");
    let told = Instant::now();
    let feeding = world.feed(401..=600, PAUSE);
    let ((), took) = tokio::join!(feeding, world.opened_again(streams, told));
    say(&format!("the stream was open {took:?} after a SIGTERM"));
    assert!(took < LEFT, "it took {took:?}");
    assert!(world.instances[leader.at].ended().await.success());
    world.instances[leader.at].start();

    world.drained(600).await;
    let repeats = world.judge(600).await;
    say(&format!("{repeats:?} repeats"));
    assert_eq!(world.conflicts(), 0, "never two streams");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_stopped_instance_writes_late_changes_nothing() {
    const STOPPED: Duration = Duration::from_secs(7);
    let Some(schema) = Schema::named("stopped") else {
        return;
    };
    let _alone = alone().await;
    let addresses = vec![schema.address.clone(); 2];
    let world = World::start(schema, &addresses).await;
    world.shared_out().await;
    let stopping = async {
        let next_id = || world.upstream.handle.next_id();
        until("something to be in full swing", || next_id() > 300).await;
        let leader = world.leader().await;
        let stopped = &world.instances[leader.at];
        stopped.signal("STOP");
        let since = Instant::now();
        // What comes now is read when it goes on, from a connection that is over by then. Otherwise the upstream
        // would refuse another one until then.
        until("events for a stopped reader", || next_id() > 400).await;
        let in_flight = world.in_flight().await;
        let streams = world.streams().len();
        world.upstream.handle.close_stream().await;
        let took = world.opened_again(streams, since).await;
        say(&format!("the stream was open {took:?} after a SIGSTOP"));
        until("a long stop", || since.elapsed() >= STOPPED).await;
        (leader, in_flight)
    };
    let ((leader, in_flight), ()) = tokio::join!(stopping, world.feed(1..=900, PAUSE));
    world.drained(900).await;

    // Nothing else happens now, so whatever changes is a late word of the one that was stopped.
    let before = world.digest().await;
    let stopped = &world.instances[leader.at];
    stopped.signal("CONT");
    // Where the server is slow to tell it so, it has given up by its own clock.
    let words = ["another instance has taken over", "cannot keep its duty"];
    let noticed = || words.iter().any(|words| stopped.log().contains(words));
    until("it to notice", noticed).await;
    world.serves_again(&leader).await;
    let after = world.digest().await;
    assert_eq!(before, after, "what it wrote late has changed something");

    world.feed(901..=1_000, PAUSE).await;
    world.drained(1_000).await;
    let repeats = world.judge(1_000).await;
    only_what_was_in_flight(&repeats, &in_flight);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_that_is_cut_off_from_the_queue_stops_in_time_and_comes_back() {
    const CUT: Duration = Duration::from_secs(10);
    const EVENTS: u64 = 1_500;
    let Some(schema) = Schema::named("cut") else {
        return;
    };
    let _alone = alone().await;
    let mut wires = Vec::new();
    for _ in 0..3 {
        wires.push(Wire::to(&schema.address).await);
    }
    let addresses: Vec<String> = wires.iter().map(|wire| wire.address.clone()).collect();
    let world = World::start(schema, &addresses).await;
    world.shared_out().await;
    let cutting = async {
        let next_id = || world.upstream.handle.next_id();
        until("something to be in full swing", || next_id() > 300).await;
        let leader = world.leader().await;
        let streams = world.streams().len();
        wires[leader.at].cut();
        let since = Instant::now();
        let in_flight = world.in_flight().await;
        let took = world.opened_again(streams, since).await;
        say(&format!("the stream was open {took:?} after a cut"));
        assert!(took < TAKEN_OVER, "it took {took:?}");
        assert_eq!(world.conflicts(), 0, "the one that was cut off has stopped");
        let mut look = interval(Duration::from_millis(50));
        while since.elapsed() < CUT {
            look.tick().await;
        }
        wires[leader.at].mend();
        world.serves_again(&leader).await;
        in_flight
    };
    let (in_flight, ()) = tokio::join!(cutting, world.feed(1..=EVENTS, PAUSE));
    world.drained(EVENTS).await;
    let repeats = world.judge(EVENTS).await;
    only_what_was_in_flight(&repeats, &in_flight);
    assert_eq!(world.conflicts(), 0, "never two streams");
    world.end().await;
}

/// Judges the repeats at each sink by what was in flight when its leader fell silent.
pub(super) fn only_what_was_in_flight(repeats: &[usize], in_flight: &[usize]) {
    say(&format!("{repeats:?} repeats of {in_flight:?} in flight"));
    for (sink, (repeats, in_flight)) in SINKS.iter().zip(repeats.iter().zip(in_flight)) {
        assert!(
            repeats <= in_flight,
            "{sink}: {repeats} repeats of {in_flight}"
        );
    }
}

//! Several instances with one queue on a PostgreSQL server, while they and the server come and go: nothing is lost,
//! nothing is done twice beyond what was in flight, and everything is one instance's at a time.
//!
//! Runs where `BELLWIRE_TEST_POSTGRES` names a server, as `tests/cluster.sh` does; without a word a part of it.
//! The whole takes some minutes: `CLUSTER=whole tests/cluster.sh`.

mod crashed;
mod networks;
mod pace;
mod receivers;
mod seen;
mod server;
mod takeovers;
mod wire;
mod world;

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::Instant;

use crate::harness::{Upstream, until};
use receivers::{IN_FLIGHT, SINKS};
pub(crate) use server::Schema;
use server::restart;
use world::World;

/// Instances that share the queue.
const INSTANCES: usize = 3;

/// So many events are sent between two kills: two to four seconds.
const BETWEEN_KILLS: std::ops::Range<u64> = 200..400;

/// So many before whoever was killed is started again.
const BEFORE_START: std::ops::Range<u64> = 10..150;

/// Most answers of a sink that are not yet written down: while the server is slow, or away, they are repeated, too.
const UNWRITTEN: usize = 512;

/// One test at a time: their servers, times and processes are the same.
static ALONE: Mutex<()> = Mutex::const_new(());

async fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().await
}

fn say(text: &str) {
    #[expect(clippy::print_stderr, reason = "figures, and that a test is skipped")]
    {
        eprintln!("{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_instances_that_are_killed_and_a_server_that_restarts_lose_nothing() {
    let Some(schema) = Schema::named("kills") else {
        return;
    };
    let _alone = alone().await;
    match std::env::var_os("CLUSTER") {
        None => kills(schema, 3_000, Duration::from_millis(10)).await,
        Some(_) => kills(schema, 50_000, Duration::from_millis(5)).await,
    }
}

async fn kills(schema: Schema, events: u64, pause: Duration) {
    let began = Instant::now();
    let addresses = vec![schema.address.clone(); INSTANCES];
    let mut world = World::start(schema, &addresses).await;
    world.shared_out().await;
    // Per second as many as there are, so that the time between kills is the same.
    let scale = 10 / u64::try_from(pause.as_millis()).expect("a few");
    let mut instances = std::mem::take(&mut world.instances);
    let killing = async {
        let mut random = StdRng::seed_from_u64(2026);
        let (mut kills, mut moment) = (0, 0);
        loop {
            moment += random.random_range(BETWEEN_KILLS) * scale;
            if moment >= events {
                return kills;
            }
            sent(&world.upstream, moment).await;
            let victim = random.random_range(0..INSTANCES);
            instances[victim].kill();
            kills += 1;
            moment += random.random_range(BEFORE_START) * scale;
            sent(&world.upstream, moment.min(events)).await;
            instances[victim].start();
        }
    };
    let restarting = async {
        let mut restarts = 0;
        for (moment, mode) in [(events / 3, "fast"), (events * 2 / 3, "immediate")] {
            sent(&world.upstream, moment).await;
            restarts += usize::from(restart(mode).await);
        }
        restarts
    };
    let feeding = world.feed(1..=events, pause);
    let (kills, restarts, ()) = tokio::join!(killing, restarting, feeding);
    let fed = began.elapsed();
    world.instances = instances;
    world.drained(events).await;
    let took = began.elapsed();

    let repeats = world.judge(events).await;
    let takeovers = world
        .schema
        .rows("SELECT duty, fence - 1 FROM leases ORDER BY duty")
        .await;
    let takeovers: Vec<String> = takeovers.iter().map(|row| row.join(": ")).collect();
    say(&format!(
        "{events} events, fed within {fed:?} and delivered after {took:?}; {kills} kills, {restarts} restarts; \
         {repeats:?} repeats; {} streams; changes of hands: {}",
        world.streams().len(),
        takeovers.join(", ")
    ));
    for (sink, repeats) in SINKS.iter().zip(repeats) {
        let most = (IN_FLIGHT + UNWRITTEN) * (kills + restarts);
        assert!(
            repeats <= most,
            "{sink}: {repeats} repeats, and at most {most} were in flight at a kill"
        );
    }
    assert_eq!(world.conflicts(), 0, "never two streams");
    world.end().await;
}

/// Waits until so many events have been sent; in steps, since every wait has a deadline.
async fn sent(upstream: &Upstream, events: u64) {
    let next_id = || upstream.handle.next_id();
    while next_id() <= events {
        let step = events.min(next_id() + 1_000);
        until("the next events to be sent", || next_id() > step).await;
    }
}

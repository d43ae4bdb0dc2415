//! A server that crashes before it hears of a commit, and gives the number of that transaction to another one: what was
//! in it is done anew.

use super::server::{Schema, restart};
use super::takeovers::PAUSE;
use super::wire::Wire;
use super::world::World;
use super::{alone, say};
use crate::harness::soon;

/// So many crashes. A server gives a number again only if nothing of it has reached the disk.
const CRASHES: u64 = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_server_crashes_before_is_not_taken_for_the_transaction_that_has_its_number_next() {
    let Some(schema) = Schema::named("crashed") else {
        return;
    };
    let _alone = alone().await;
    let wire = Wire::to(&schema.address).await;
    let world = World::start(schema, std::slice::from_ref(&wire.address)).await;
    world.shared_out().await;
    let mut given_again = 0;
    for number in 1..=CRASHES {
        wire.cut_at_commit_of(format!("\"eventId\":{number},"));
        world.feed(number..=number, PAUSE).await;
        soon("the commit of an event", wire.cuts()).await;
        let open = "SELECT coalesce(max(CAST(CAST(backend_xid AS TEXT) AS BIGINT)), 0)
            FROM pg_stat_activity WHERE state = 'idle in transaction'";
        let lost = world.schema.count(open).await;
        if !restart("immediate").await {
            return say("SKIPPED: nobody has told how the server is restarted");
        }
        let mut next = 0;
        while next < lost {
            let another = "SELECT pg_current_xact_id()";
            next = world.schema.count(another).await;
            given_again += usize::from(next == lost);
        }
        wire.mend();
        let events = "SELECT count(*) FROM events WHERE source = 'ttmt'";
        let all = usize::try_from(number).expect("a few");
        world.comes_to("the event to be kept", events, all).await;
        world.shared_out().await;
    }
    say(&format!(
        "{CRASHES} crashes, and {given_again} numbers given again"
    ));
    world.drained(CRASHES).await;
    world.judge(CRASHES).await;
    world.end().await;
}

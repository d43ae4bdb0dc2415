//! What one instance puts into the queue another one hears of, which need not look for that; and it hears again once
//! it could not.

use tempfile::TempDir;
use tokio::sync::watch;
use tokio::time::timeout;

use super::*;
use crate::store::ByHand;

/// Longest wait for a word. Nobody here looks by himself for an hour.
const SOON: Duration = Duration::from_secs(30);

/// A queue whose instances do not look by themselves.
async fn only_hearing(address: &str, folder: &TempDir) -> Store {
    let server = Server::at(&Secret::new(address.to_owned()), &schema(folder));
    let server = server.expect("an address").only_hearing();
    let opened = tokio::task::spawn_blocking(move || Store::connect(&server, Status::new().0));
    opened.await.expect("comes back").expect("opens")
}

/// Waits until there was this many times something to look for.
async fn comes_to(what: &str, signs: &mut watch::Receiver<u64>, count: u64) {
    let waiting = timeout(SOON, signs.wait_for(|signs| *signs >= count)).await;
    waiting.expect(what).expect("the queue is open");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_in_by_one_instance_is_heard_by_the_one_that_serves_its_sink() {
    let Some(address) = address() else {
        return;
    };
    let folder = TempDir::new().expect("a folder");
    let serving = only_hearing(&address, &folder).await;
    let taking_in = only_hearing(&address, &folder).await;
    let mut nudges = serving.nudge().subscribe();
    comes_to("the first look", &mut nudges, 1).await;
    for (number, id) in (2..).zip(["1", "2", "3"]) {
        let accepted = taking_in.accept(batch(&[id], &["phone"])).await;
        assert_eq!(accepted.expect("accepts").new, 1);
        comes_to("a word of what came in", &mut nudges, number).await;
        let claims = claim(&serving, "phone", now(), 9).await;
        assert_eq!(claims.len(), 1, "it is there when it is heard of");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_has_tried_again_by_one_instance_is_heard_by_the_others() {
    let Some(address) = address() else {
        return;
    };
    let folder = TempDir::new().expect("a folder");
    let serving = only_hearing(&address, &folder).await;
    let asked = only_hearing(&address, &folder).await;
    let mut nudges = serving.nudge().subscribe();
    comes_to("the first look", &mut nudges, 1).await;
    asked
        .accept(batch(&["1"], &["phone"]))
        .await
        .expect("accepts");
    comes_to("a word of what came in", &mut nudges, 2).await;
    let only = claim(&serving, "phone", now(), 9).await.remove(0);
    end_with(&serving, &only, settlement(State::Dead, now())).await;
    let retried = asked.retry(Standing::default(), only.id.as_str(), now());
    let retried = retried.await.expect("answers");
    assert!(matches!(retried, ByHand::Done(_)), "{retried:?}");
    comes_to("a word of what is tried again", &mut nudges, 3).await;
    assert_eq!(claim(&serving, "phone", now(), 9).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_cannot_hear_any_more_notices_at_once() {
    let Some(address) = address() else {
        return;
    };
    let folder = TempDir::new().expect("a folder");
    let store = only_hearing(&address, &folder).await;
    let client = beside(&address, &folder).await;
    let mut nudges = store.nudge().subscribe();
    comes_to("the first look", &mut nudges, 1).await;
    let end = format!(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE query = 'LISTEN \"bellwire {}\"'",
        schema(&folder)
    );
    let ended = client.query_one(&end, &[]).await.expect("ends");
    assert_eq!(ended.get::<_, i64>(0), 1);
    comes_to("a look for what was missed", &mut nudges, 2).await;
    let say = format!("NOTIFY \"bellwire {}\"", schema(&folder));
    client.batch_execute(&say).await.expect("says");
    comes_to("a word", &mut nudges, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_lost_a_sink_tells_the_one_that_serves_it_now() {
    let Some(address) = address() else {
        return;
    };
    let folder = TempDir::new().expect("a folder");
    let taking_in = only_hearing(&address, &folder).await;
    let serving = only_hearing(&address, &folder).await;
    let (lane, hold) = taken(&taking_in).await;
    let _inbox = lane.attend(&name("phone")).await.expect("attends");
    let mut nudges = serving.nudge().subscribe();
    comes_to("the first look", &mut nudges, 1).await;
    let accepted = taking_in.accept(batch(&["1"], &["phone"])).await;
    assert_eq!(accepted.expect("accepts").new, 1);
    let client = beside(&address, &folder).await;
    let lose = "DELETE FROM leases WHERE duty = 'sink phone'";
    client.batch_execute(lose).await.expect("deletes");
    let (_lane, _hold) = taken(&serving).await;
    hold.ended.cancelled().await;
    let left = lane.leave(&name("phone")).await;
    assert!(matches!(left, Err(StoreError::Fenced)), "{left:?}");
    assert_eq!(*nudges.borrow(), 1, "its own lane needed no word");
    let accepted = taking_in.accept(batch(&["2"], &["phone"])).await;
    assert_eq!(accepted.expect("accepts").new, 1);
    comes_to("a word of what came in", &mut nudges, 2).await;
}

//! A server that ends connections in mid-use loses nothing, does nothing twice, and is answered for as it should be.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures_util::future::join_all;
use rand::RngExt as _;
use tempfile::TempDir;

use super::super::depths::counted;
use super::proxy::{Cut, Proxy};
use super::*;
use crate::store::{Handed, Inbox};

/// So many connections are ended in mid-use, while so many events come in at least.
const ENDED: usize = 25;
const EVENTS: usize = 150;

/// So many times in a row nobody gets an answer: the queue has only so much patience.
const IN_A_ROW: usize = 3;

/// Ends whoever is in the middle of something in the schema of a test.
const END: &str = "SELECT count(pg_terminate_backend(pid)) FROM (
        SELECT DISTINCT pid FROM pg_locks WHERE locktype = 'relation' AND pid <> pg_backend_pid()
            AND relation IN (SELECT oid FROM pg_class WHERE relnamespace = (
                SELECT oid FROM pg_namespace WHERE nspname = current_schema()))) busy";

/// Events of these ids to both sinks. Without identities nothing but the queue itself keeps them from being
/// there twice.
fn anonymous(ids: &[&str]) -> Batch {
    let mut batch = batch(ids, &["phone", "team"]);
    for (event, _) in &mut batch.events {
        event.identity = None;
    }
    batch
}

/// All that is in an inbox.
fn drained(inbox: &mut Inbox) -> Vec<Claim> {
    let mut claims = Vec::new();
    while let Some(handed) = inbox.try_next() {
        match handed {
            Handed::New(claim) => claims.push(claim),
            Handed::Claimed(claimed) => claims.extend(claimed.claims),
        }
    }
    claims
}

/// Claims all that is due into an inbox, and takes out what is there.
async fn claimed(store: &Store, inbox: &mut Inbox) -> Vec<Claim> {
    let limit = NonZeroUsize::new(100);
    let asked = store.claim_into(&name("phone"), now(), limit, 0).await;
    asked.expect("claims");
    drained(inbox)
}

/// Delivers a claim.
async fn deliver(store: &Store, claim: &Claim) {
    assert_eq!(claim.attempt, 1, "{claim:?} was taken twice");
    let one = Settled {
        row: claim.row,
        alone: claim.alone,
        ended: Ended::Tried(attempt(claim.attempt, Outcome::Delivered)),
        settlement: settlement(State::Delivered, now()),
    };
    let flush =
        [Flush::Rides, Flush::Now, Flush::Shared][usize::try_from(claim.row % 3).expect("0 to 2")];
    let settled = store.settle_all(&claim.sink, Arc::new([one]), flush).await;
    assert_eq!(settled.expect("settles"), [true], "{claim:?}");
}

/// The number that a statement finds.
async fn number(client: &Client, sql: &str) -> i64 {
    let row = client.query_one(sql, &[]).await.expect("reads");
    row.get(0)
}

/// Checks that so many events are there once, with a delivery to each sink, of which so many wait and all
/// others were delivered at their first attempt.
async fn check(client: &Client, store: &Store, events: usize, waiting: i64) {
    let number = async |sql: &str| number(client, sql).await;
    let expected = i64::try_from(events).expect("a few");
    let found = number("SELECT count(*) FROM events").await;
    assert_eq!(found, expected);
    let ids = number("SELECT count(DISTINCT id) FROM events").await;
    assert_eq!(ids, expected, "each of them once");
    let pairs = "SELECT count(DISTINCT (event, sink)) FROM deliveries";
    for sql in [pairs, "SELECT count(*) FROM deliveries"] {
        assert_eq!(number(sql).await, 2 * expected);
    }
    let waits = number("SELECT count(*) FROM deliveries WHERE state = 0 AND attempts = 0").await;
    assert_eq!(waits, waiting);
    let other = "SELECT concat_ws(' ', seq, event, sink, state, attempts) FROM deliveries d
        WHERE NOT (state = 0 AND attempts = 0) AND NOT (state = 2 AND attempts = 1
            AND 1 = (SELECT count(*) FROM attempts a WHERE a.delivery = d.seq))";
    let other = client.query(other, &[]).await.expect("reads");
    let other: Vec<String> = other.iter().map(|row| row.get(0)).collect();
    assert!(
        other.is_empty(),
        "neither waits nor was delivered at once: {other:?}"
    );
    let depths = store.depths().await.expect("reads");
    assert_eq!(depths, counted(store).await);
}

/// A queue behind somebody who cuts its connections.
async fn behind_a_proxy(address: &str, folder: &TempDir) -> (Proxy, Store) {
    let mut server = (String::new(), 0);
    with(address, |parts| server = (parts.host.clone(), parts.port));
    let proxy = Proxy::before(server).await;
    let address = with(address, |parts| {
        "127.0.0.1".clone_into(&mut parts.host);
        parts.port = proxy.port;
    });
    (proxy, joins(&address, folder).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn whenever_an_answer_is_lost_all_is_done_once() {
    let Some(address) = address() else {
        return;
    };
    let folder = TempDir::new().expect("a folder");
    let (proxy, store) = behind_a_proxy(&address, &folder).await;
    let client = beside(&address, &folder).await;
    let mut inbox = store.attend(&name("phone")).await.expect("attends");
    let cuts = [Cut::Before, Cut::With, Cut::After].repeat(2);
    for (round, cut) in (0..).zip(&cuts) {
        proxy.set(*cut);
        let ids = [format!("{round} a"), format!("{round} b")];
        let new = anonymous(&[&ids[0], &ids[1]]);
        let accepted = store.accept(new).await.expect("accepts");
        assert_eq!((accepted.new, accepted.handed), (2, 0), "{cut:?}");
        let events = number(&client, "SELECT count(*) FROM events").await;
        assert_eq!(events, 2 * (round + 1), "{cut:?}");
        proxy.set(*cut);
        let claims = claimed(&store, &mut inbox).await;
        assert_eq!(i64::try_from(claims.len()), Ok(2 + round), "{cut:?}");
        proxy.set(*cut);
        deliver(&store, &claims[0]).await;
        proxy.set(*cut);
        let rest = claims[1..].iter().map(Claim::back).collect();
        let given = store.give_back(&name("phone"), rest).await;
        given.expect("gives back");
    }
    let rest = claimed(&store, &mut inbox).await;
    for claim in &rest {
        deliver(&store, claim).await;
    }
    // What is handed over as it comes in is handed over once.
    inbox.set_room(100);
    for (number, cut) in cuts.iter().enumerate() {
        proxy.set(*cut);
        let accepted = store.accept(anonymous(&[&number.to_string()])).await;
        accepted.expect("accepts");
        let new = drained(&mut inbox);
        let new = match new.is_empty() {
            // It came in again, when nobody knew any more whether something waits.
            true => claimed(&store, &mut inbox).await,
            false => new,
        };
        assert_eq!(new.len(), 1, "{cut:?}");
        deliver(&store, &new[0]).await;
    }
    assert_eq!(proxy.cuts(), 5 * 6, "each of them");
    check(&client, &store, 3 * 6, 3 * 6).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_knows_to_be_taken_is_given_back_once_the_server_answers() {
    let Some(address) = address() else {
        return;
    };
    let folder = TempDir::new().expect("a folder");
    let (proxy, store) = behind_a_proxy(&address, &folder).await;
    let mut inbox = store.attend(&name("phone")).await.expect("attends");
    let new = store.accept(anonymous(&["1"])).await;
    assert_eq!(new.expect("accepts").new, 1);
    proxy.set(Cut::ForGood);
    let limit = NonZeroUsize::new(9);
    let claiming = store.claim_into(&name("phone"), now(), limit, 0).await;
    let error = claiming.expect_err("nobody answers");
    assert!(matches!(error, StoreError::Away { .. }), "{error:?}");
    let client = beside(&address, &folder).await;
    let taken = "SELECT count(*) FROM deliveries WHERE state = 1";
    let taken = number(&client, taken).await;
    assert_eq!(taken, 1, "it was taken all the same");
    assert_eq!(drained(&mut inbox).len(), 0, "and nobody has it");

    // In the middle of it the connection ends once more.
    proxy.set(Cut::AtCounts);
    let again = claimed(&store, &mut inbox).await;
    assert_eq!(again.len(), 1);
    deliver(&store, &again[0]).await;
    assert_eq!(proxy.cuts(), 2);
    check(&client, &store, 1, 1).await;
}

/// What all who work on the queue at once have to know of each other.
#[derive(Default)]
struct Storm {
    ended: AtomicUsize,
    /// How often somebody got an answer.
    answers: AtomicUsize,
    events: AtomicUsize,
    is_over: AtomicBool,
}

impl Storm {
    fn goes_on(&self) -> bool {
        let [ended, events] = [&self.ended, &self.events].map(|all| all.load(Ordering::SeqCst));
        ended < ENDED || events < EVENTS
    }

    /// Ends connections, each after a while that nobody can know.
    async fn rage(&self, client: &Client) {
        let mut moment = tokio::time::interval(Duration::from_millis(3));
        let (mut answers, mut in_a_row) = (0, 0);
        while self.goes_on() {
            moment.tick().await;
            let answered = self.answers.load(Ordering::SeqCst);
            if answered != answers {
                (answers, in_a_row) = (answered, 0);
            }
            if in_a_row < IN_A_ROW && rand::rng().random_ratio(1, 8) {
                let ended = client.query_one(END, &[]).await.expect("ends");
                let ended = usize::try_from(ended.get::<_, i64>(0)).expect("a few");
                self.ended.fetch_add(ended, Ordering::SeqCst);
                in_a_row += ended;
            }
        }
    }

    /// Takes events in for as long as it lasts, some of them with an identity.
    async fn arrive(&self, store: &Store, which: usize) {
        for number in 0.. {
            if !self.goes_on() {
                break;
            }
            let ids: Vec<String> = (0..=number % 3)
                .map(|part| format!("{which} {number} {part}"))
                .collect();
            let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
            let new = match which % 2 {
                0 => anonymous(&ids),
                _ => batch(&ids, &["phone", "team"]),
            };
            let accepted = store.accept(new).await.expect("accepts");
            assert_eq!((accepted.new, accepted.repeated.len()), (ids.len(), 0));
            self.events.fetch_add(ids.len(), Ordering::SeqCst);
            self.answers.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Delivers what waits for a sink, until nothing comes any more.
    async fn take(&self, store: &Store) {
        let mut moment = tokio::time::interval(Duration::from_millis(5));
        loop {
            let is_over = self.is_over.load(Ordering::SeqCst);
            let claims = claim(store, "team", now(), 5).await;
            if claims.is_empty() && is_over {
                break;
            }
            join_all(claims.iter().map(|claim| deliver(store, claim))).await;
            self.answers.fetch_add(1, Ordering::SeqCst);
            moment.tick().await;
        }
    }

    /// The same as a lane does it.
    async fn attend(&self, store: &Store) {
        let mut moment = tokio::time::interval(Duration::from_millis(5));
        let mut inbox = store.attend(&name("phone")).await.expect("attends");
        loop {
            let is_over = self.is_over.load(Ordering::SeqCst);
            inbox.set_room(if is_over { 0 } else { 8 });
            let claims = claimed(store, &mut inbox).await;
            if claims.is_empty() && is_over {
                break;
            }
            join_all(claims.iter().map(|claim| deliver(store, claim))).await;
            if !is_over && rand::rng().random_ratio(1, 2) {
                // A lane that goes while something is on its way: nobody has that, so it is given back.
                store.leave(&name("phone")).await.expect("leaves");
                let last = drained(&mut inbox);
                join_all(last.iter().map(|claim| deliver(store, claim))).await;
                let limit = NonZeroUsize::new(3);
                let claiming = store.claim_into(&name("phone"), now(), limit, 0).await;
                claiming.expect("claims");
                inbox = store.attend(&name("phone")).await.expect("attends");
            }
            self.answers.fetch_add(1, Ordering::SeqCst);
            moment.tick().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_ended_all_the_time_lose_nothing() {
    let Some(address) = address() else {
        return;
    };
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).expect("opens");
    let client = beside(&address, &folder).await;
    let storm = Storm::default();
    let arrive = async {
        join_all((0..6).map(|which| storm.arrive(&store, which))).await;
        storm.is_over.store(true, Ordering::SeqCst);
    };
    let all = async {
        tokio::join!(
            storm.rage(&client),
            arrive,
            storm.take(&store),
            storm.take(&store),
            storm.attend(&store)
        )
    };
    let in_time = tokio::time::timeout(Duration::from_secs(240), all).await;
    in_time.expect("it comes to an end");
    let events = storm.events.load(Ordering::SeqCst);
    check(&client, &store, events, 0).await;
}

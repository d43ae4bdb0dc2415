//! The queue at both of its homes: in a real file in a folder of its own or, where the environment names one, on a
//! real PostgreSQL server in a schema of its own. What holds for one of them only is in a folder of its own.

mod arrived;
mod bad_rows;
mod bundles;
mod by_hand;
mod deaths;
mod depths;
mod file;
mod hands;
mod looks;
mod many;
mod order;
mod queue;
mod restarts;
mod server;
mod shares_of_old;
mod stand_in;
mod tags;
mod throttle;
mod told;
mod wake;

use std::num::NonZeroUsize;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use proptest::prelude::*;
use tempfile::TempDir;

use super::sql::{self, params};
use super::{Flush, Place, Server, Standing, Store, StoreError, interrupted};
use crate::model::{
    Attempt, Batch, Checkpoint, Claim, Cursor, DataAt, Ended, Event, Identity, Name, Notice,
    Outcome, PictureRow, Posted, Route, Secret, Settled, Settlement, State, Wake,
};
use crate::status::Status;

pub(super) fn now() -> Timestamp {
    Timestamp::from_second(1_760_000_000).expect("in range")
}

pub(super) fn after(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_760_000_000 + seconds).expect("in range")
}

pub(super) fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

/// Where the tests that hold for both homes of a queue find a PostgreSQL server, if they are to run there. Each
/// has a schema of its own.
const SERVER: &str = "BELLWIRE_TEST_POSTGRES";

pub(super) fn open(folder: &TempDir) -> Result<Store, StoreError> {
    open_at(folder, Status::new().0, now())
}

/// Opens the queue of a test: in its folder, or on the server in a schema of the folder's name.
pub(super) fn open_at(
    folder: &TempDir,
    status: Status,
    now: Timestamp,
) -> Result<Store, StoreError> {
    let Ok(address) = std::env::var(SERVER) else {
        return Store::open(folder.path(), status, now);
    };
    let schema = folder.path().file_name().expect("a name");
    let schema = schema.to_string_lossy().replace('.', "test_");
    let server = Server::at(&Secret::new(address), &schema).expect("an address");
    let store = Store::connect(&server, status)?;
    take_back(store.clone(), now)?;
    Ok(store)
}

/// Takes back what was in flight, as whoever comes to serve a sink on a server does. On a thread of its own,
/// since those who open a queue do not wait for anything.
fn take_back(store: Store, now: Timestamp) -> Result<(), StoreError> {
    let taken_back = async move {
        let all = store.call(move |connection, _| {
            connection.with_triggers(|| interrupted::take_back(connection, None, now))
        });
        all.await
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.expect("a runtime");
    let done = std::thread::spawn(move || runtime.block_on(taken_back));
    done.join().expect("comes back")
}

/// A queue that has taken in these events, each with a delivery to each of these sinks.
pub(super) async fn holding(folder: &TempDir, ids: &[&str], sinks: &[&str]) -> Store {
    let store = open(folder).expect("opens");
    store.accept(batch(ids, sinks)).await.expect("accepts");
    store
}

pub(super) fn event(id: &str) -> Event {
    Event {
        source: name("ttmt"),
        id: Some(id.into()),
        kind: "tp_hit".into(),
        time: Some(after(-1)),
        received: now(),
        backfilled: false,
        about: None,
        identity: Some(Identity(id.as_bytes().to_vec())),
        payload: Bytes::from_static(br#"{"type":"tp_hit","data":{"price":1.10}}"#),
        data: DataAt::Json { start: 24, end: 38 },
    }
}

pub(super) fn route(sink: &str) -> Route {
    Route::new(name(sink), "every".into())
}

pub(super) fn batch(ids: &[&str], sinks: &[&str]) -> Batch {
    let routes: Vec<Route> = sinks.iter().map(|sink| route(sink)).collect();
    Batch {
        source: name("ttmt"),
        events: ids.iter().map(|id| (event(id), routes.clone())).collect(),
        checkpoint: ids.last().map(|id| Checkpoint {
            cursor: Cursor::At((*id).to_owned()),
            epoch: 3,
            high_id: Some(u64::MAX),
            high_time: Some(now()),
        }),
        picture: Vec::new(),
        heard: Vec::new(),
    }
}

/// Claims up to `limit`, in as many parts as it takes.
pub(super) async fn claim(store: &Store, sink: &str, at: Timestamp, limit: usize) -> Vec<Claim> {
    let mut all = Vec::new();
    while let Some(left) = NonZeroUsize::new(limit - all.len()) {
        let claims = store.claim(&name(sink), at, left, 0).await;
        let claims = claims.expect("claims");
        all.extend(claims.claims);
        if !claims.more {
            break;
        }
    }
    all
}

/// Changes rows behind the back of the queue, as a person may who knows its tables; answers how many.
pub(super) async fn change(store: &Store, sql: &str) -> usize {
    let sql = sql.to_owned();
    let changed = store.call(move |connection, _| {
        connection.with_triggers(|| Ok(connection.execute(&sql, params![])?))
    });
    changed.await.expect("changes")
}

/// The numbers that a statement finds.
pub(super) async fn numbers(store: &Store, sql: &'static str) -> Vec<i64> {
    let found = store.call(move |connection, _| {
        let mut select = connection.prepare_cached(sql)?;
        Ok(select.query_all(params![], |row| row.get(0))?)
    });
    found.await.expect("reads")
}

/// Removes all that ended before a moment; answers how many events went.
pub(super) async fn prune(store: &Store, cutoff: Timestamp) -> usize {
    let (mut removed, mut from) = (0, Some(Place::START));
    while let Some(place) = from {
        let share = store.prune(cutoff, place).await.expect("prunes");
        removed += share.removed;
        from = share.next;
    }
    removed
}

pub(super) fn attempt(number: u32, outcome: Outcome) -> Attempt {
    Attempt {
        number,
        at: now(),
        duration: Duration::from_millis(12),
        outcome,
        status: Some(500),
        reason: Some("status 500".to_owned()),
        answer: Some("oops".to_owned()),
    }
}

/// What an attempt may come to.
pub(super) fn any_end() -> impl Strategy<Value = State> {
    prop_oneof![
        Just(State::Waiting),
        Just(State::Delivered),
        Just(State::Dead),
        Just(State::Expired)
    ]
}

/// So many events with a payload of this size, each with a delivery to each of these sinks.
pub(super) fn large(count: usize, bytes: usize, sinks: &[&str]) -> Batch {
    let ids: Vec<String> = (0..count).map(|id| id.to_string()).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let mut large = batch(&ids, sinks);
    for (event, _) in &mut large.events {
        event.payload = vec![b'x'; bytes].into();
    }
    large
}

impl Store {
    /// Ends one attempt, of whose delivery it is not known whether its end is nothing to others. Answers whether
    /// it was the newest.
    async fn settle(
        &self,
        row: i64,
        sink: &Name,
        attempt: Attempt,
        settlement: Settlement,
    ) -> Result<bool, StoreError> {
        let one = Settled {
            row,
            alone: false,
            ended: Ended::Tried(attempt),
            settlement,
        };
        let settled = self.settle_all(sink, [one].into(), Flush::Now).await?;
        Ok(settled == [true])
    }
}

/// Ends the failed attempt of a claim in this way.
pub(super) async fn end_with(store: &Store, claim: &Claim, settled: Settlement) {
    let one = Settled {
        row: claim.row,
        alone: claim.alone,
        ended: Ended::Tried(attempt(claim.attempt, Outcome::Retry)),
        settlement: settled,
    };
    let written = store
        .settle_all(&claim.sink, [one].into(), Flush::Now)
        .await;
    assert_eq!(written.expect("settles"), [true]);
}

/// Ends a claim for which no request was made; answers whether it was the newest.
pub(super) async fn end_untried(
    store: &Store,
    claim: &Claim,
    attempt: u32,
    settlement: Settlement,
    at: Timestamp,
) -> bool {
    let one = Settled {
        row: claim.row,
        alone: claim.alone,
        ended: Ended::Untried { attempt, at },
        settlement,
    };
    let settled = store
        .settle_all(&claim.sink, [one].into(), Flush::Now)
        .await;
    settled.expect("ends") == [true]
}

/// Ends it so that its delivery waits for this to happen, or until it is due.
pub(super) async fn wait(store: &Store, claim: &Claim, wake: Wake, due: Timestamp) {
    let settled = Settlement {
        wake,
        ..settlement(State::Waiting, due)
    };
    end_with(store, claim, settled).await;
}

pub(super) fn settlement(state: State, due: Timestamp) -> Settlement {
    Settlement {
        state,
        due,
        step: 1,
        plain: true,
        wake: Wake::Never,
        posted: Posted::Nothing,
        reason: Some("status 500".to_owned()),
        rest_until: None,
        suspend: None,
    }
}

//! How often a lane that has nothing to do asks the queue, and what it does when the queue takes nothing.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::attempt::Sender;
use super::rests::KindRests;
use super::{Mended, Parts, run};
use crate::clock::Clock;
use crate::config;
use crate::model::{Batch, DataAt, Event, Name, Route, State, Trace};
use crate::rules::Current;
use crate::sinks::{self, Sink};
use crate::status::Status;
use crate::store::Store;
use crate::transport::Client;

fn sink(more: &str) -> Arc<Sink> {
    let text = format!(
        "[sinks.phone]\nkind = \"webhook\"\nurl = \"http://127.0.0.1:9/\"\nsignature = \"none\"\n{more}\n"
    );
    let loaded = config::load_text(Path::new("config.toml"), text, BTreeMap::new());
    let config = loaded.config.expect("a configuration");
    Arc::new(sinks::build(&config.sinks[0]).expect("a sink"))
}

/// What lanes work with, on a queue in this folder.
fn parts(folder: &TempDir, start: Timestamp) -> Parts {
    let (status, _notices) = Status::new();
    let (nudge, _) = watch::channel(0);
    Parts {
        store: Store::open(folder.path(), status.clone(), start).expect("opens"),
        client: Client::new(None).expect("a client"),
        rules: Current::default(),
        status,
        clock: Clock::runtime(start),
        nudge,
        mended: Mended::default(),
        drain: Duration::ZERO,
    }
}

/// Requests that a lane makes of the queue in an hour in which nothing happens.
async fn looks_in_an_hour(more: &str) -> u64 {
    let folder = TempDir::new().expect("a folder");
    let start = Timestamp::from_second(1_760_000_000).expect("in range");
    let parts = parts(&folder, start);
    let (store, clock) = (parts.store.clone(), parts.clock.clone());
    let lanes = run(
        parts,
        watch::Sender::new(vec![sink(more)]).subscribe(),
        CancellationToken::new(),
    );
    let hour = async {
        let phone = Name::new("phone").expect("a name");
        let mut own = 0;
        // Time goes on by itself while nothing but the lane's own timer is there to wait for.
        while clock.now() < start + SignedDuration::from_hours(1) {
            store.rest_until(&phone).await.expect("reads");
            own += 1;
        }
        store.requests_made() - own
    };
    tokio::select! {
        () = lanes => panic!("the lane ended"),
        looks = hour => looks,
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_lane_looks_once_a_minute_and_not_more_often() {
    for more in ["", "rate_limit = \"30/min\"", "ordered = true"] {
        let looks = looks_in_an_hour(more).await;
        // At the start it also asks until when it rests, what has died, whether its sink is
        // missed and what was told of it.
        assert!((30..=66).contains(&looks), "{looks} looks with {more:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn answers_are_written_at_once_when_the_queue_takes_something_again() {
    const COUNT: usize = 40;
    let folder = TempDir::new().expect("a folder");
    let start = Timestamp::from_second(1_760_000_000).expect("in range");
    let parts = parts(&folder, start);
    let store = parts.store.clone();
    let phone = Name::new("phone").expect("a name");
    let event = |id: usize| Event {
        source: Name::new("feed").expect("a name"),
        id: Some(id.to_string().into()),
        kind: "tp_hit".into(),
        time: None,
        received: start,
        backfilled: false,
        identity: None,
        data: DataAt::Missing,
        payload: "{}".into(),
        about: None,
    };
    let route = Route::new(phone.clone(), "all".into());
    let batch = Batch {
        source: Name::new("feed").expect("a name"),
        events: (0..COUNT)
            .map(|id| (event(id), vec![route.clone()]))
            .collect(),
        checkpoint: None,
        picture: Vec::new(),
        heard: Vec::new(),
    };
    store.accept(batch).await.expect("accepts");
    let limit = NonZeroUsize::new(COUNT).expect("some");
    let claims = store.claim(&phone, start, limit, 0).await.expect("claims");
    let sender = Arc::new(Sender::new(parts, sink(""), KindRests::default()));
    let answers = claims.claims.into_iter();
    let answers = answers
        .map(|claim| sender.end(claim, Trace::EXAMPLE, State::Dead, "why".to_owned(), start));
    let file = rusqlite::Connection::open(folder.path().join("bellwire.db")).expect("opens");
    let refuse =
        "CREATE TRIGGER refuse BEFORE UPDATE ON deliveries BEGIN SELECT RAISE(ABORT, 'no'); END";
    file.execute_batch(refuse).expect("made");
    let before = store.requests_made();
    let begun = tokio::time::Instant::now();
    let mut writing = std::pin::pin!(Arc::clone(&sender).write(answers.collect(), false));
    let mut look = tokio::time::interval(Duration::from_millis(10));
    while store.requests_made() < before + 3 {
        tokio::select! {
            _ = &mut writing => panic!("nothing can be written"),
            _ = look.tick() => {}
        }
    }
    file.execute_batch("DROP TRIGGER refuse").expect("gone");
    assert_eq!(writing.await.len(), COUNT);
    let waited = begun.elapsed();
    assert!(
        waited < Duration::from_secs(5),
        "a wait for each of them: {waited:?}"
    );
    assert_eq!(store.undelivered(&phone).await.expect("reads"), (0, 0));
}

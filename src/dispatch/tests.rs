//! How often a lane that has nothing to do asks the queue.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{Mended, Parts, run};
use crate::clock::Clock;
use crate::config;
use crate::model::Name;
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
        // missed and what was told of it, and opens its inbox.
        assert!((30..=67).contains(&looks), "{looks} looks with {more:?}");
    }
}

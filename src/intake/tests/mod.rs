//! A scripted upstream, a queue in memory and a fake account, all on the runtime's paused clock.
//!
//! A file of its own because every test of this room follows a source through the same world. It
//! opens no socket; the real connection, queue and API have tests in their own rooms.

mod account;
mod ahead;
mod control;
mod corners;
mod disk;
mod feed;
mod gaps;
mod names;
mod pace;
mod reading;
mod recovery;
mod resume;
mod safety;
mod talk;
mod trades;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use self::account::FakeAccount;
use self::disk::Disk;
use self::feed::{Act, Beat, Feed};
use super::{Backfill, Gate, Parts, Router, run};
use crate::clock::Clock;
use crate::model::{Cursor, DataAt, Event, Identity, Name, Notice, Route};
use crate::sources::budget::Budget;
use crate::sources::policy::Kind;
use crate::sources::{Control, End, Item, Refusal, What};
use crate::status::{SourceStatus, Status};

/// Longest time on the paused clock that a condition is waited for.
const PATIENCE: Duration = Duration::from_hours(3);

/// A source in the middle of its life, and everything around it.
struct World {
    feed: Arc<Feed>,
    disk: Arc<Disk>,
    account: Arc<FakeAccount>,
    budget: Arc<Budget>,
    status: Status,
    line: mpsc::Receiver<Notice>,
    notices: Vec<Notice>,
    nudges: watch::Receiver<u64>,
    stop: CancellationToken,
    task: JoinHandle<()>,
    start: Instant,
}

/// How a world begins.
struct Setup {
    kind: Kind,
    script: Vec<Act>,
    account: Option<FakeAccount>,
    disk: Disk,
    gate: Gate,
    lost_after: Duration,
    backfill: bool,
    filtered: bool,
}

impl Setup {
    fn new(kind: Kind, script: Vec<Act>) -> Self {
        Self {
            kind,
            script,
            account: None,
            disk: Disk::default(),
            gate: Gate::default(),
            lost_after: Duration::from_mins(2),
            backfill: true,
            filtered: false,
        }
    }

    fn account(mut self, account: FakeAccount) -> Self {
        self.account = Some(account);
        self
    }

    fn disk(mut self, disk: Disk) -> Self {
        self.disk = disk;
        self
    }

    fn start(self) -> World {
        let start = Instant::now();
        let (status, line) = Status::new();
        status.expect_source(&source(), true);
        let budget = Arc::new(Budget::new());
        let mut account = self.account.unwrap_or_default();
        account.budget = Some(Arc::clone(&budget));
        let (feed, disk, account) = (
            Arc::new(Feed::new(self.script)),
            Arc::new(self.disk),
            Arc::new(account),
        );
        let (nudge, nudges) = watch::channel(0);
        let stop = CancellationToken::new();
        let ttmt = self.kind == Kind::Ttmt;
        let parts = Parts {
            name: source(),
            kind: self.kind,
            connector: Arc::clone(&feed) as _,
            account: ttmt.then(|| Arc::clone(&account) as _),
            backfill: (ttmt && self.backfill).then(|| Backfill {
                bulk: Arc::clone(&account) as _,
                urgent: Arc::clone(&account) as _,
            }),
            filtered: self.filtered,
            budget: ttmt.then(|| Arc::clone(&budget)),
            queue: Arc::clone(&disk) as _,
            router: Arc::new(Everything),
            status: status.clone(),
            clock: Clock::runtime(at(0)),
            nudge,
            lost_after: self.lost_after,
            dial: self.gate.dial("feed.example"),
            jitter: Arc::new(|| 1.0),
        };
        World {
            feed,
            disk,
            account,
            budget,
            status,
            line,
            notices: Vec::new(),
            nudges,
            task: tokio::spawn(run(parts, stop.clone())),
            stop,
            start,
        }
    }
}

impl World {
    /// Waits for a condition; the paused clock moves on as far as it has to.
    async fn until(&mut self, what: &str, condition: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !condition(self) {
            assert!(Instant::now() < deadline, "never: {what}");
            sleep(Duration::from_millis(50)).await;
            self.hear();
        }
    }

    /// Lets the paused clock move on.
    async fn pass(&mut self, time: Duration) {
        sleep(time).await;
        self.hear();
    }

    async fn attempts(&mut self, count: usize) {
        self.until("enough attempts", |world| {
            world.feed.attempts().len() >= count
        })
        .await;
    }

    /// The waits between attempts, in whole seconds.
    fn waits(&self) -> Vec<u64> {
        let attempts = self.feed.attempts();
        let pairs = attempts.windows(2);
        pairs
            .map(|pair| (pair[1].at - pair[0].at).as_secs())
            .collect()
    }

    /// What was said so far, of one kind.
    fn said(&self, kind: &str) -> Vec<&serde_json::Value> {
        let notices = self.notices.iter().filter(|notice| notice.kind == kind);
        notices.map(|notice| &notice.data).collect()
    }

    fn source(&self) -> SourceStatus {
        let snapshot = self.status.snapshot();
        snapshot.sources.get("ttmt").cloned().unwrap_or_default()
    }

    fn hear(&mut self) {
        while let Ok(notice) = self.line.try_recv() {
            self.notices.push(notice);
        }
    }
}

/// Sends every event to one sink.
struct Everything;

impl Router for Everything {
    fn routes(&self, _: &Event) -> Vec<Route> {
        vec![Route::new(
            Name::new("phone").expect("a name"),
            "all".into(),
        )]
    }
}

fn source() -> Name {
    Name::new("ttmt").expect("a name")
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_750_000_000 + second).expect("in range")
}

/// An event with an id that happened at a second.
fn event(id: u64, second: i64) -> Event {
    Event {
        source: source(),
        id: Some(id.to_string().into()),
        kind: "tp_hit".into(),
        time: Some(at(second)),
        received: at(second),
        backfilled: false,
        about: None,
        identity: Some(Identity(format!("{id} {second}").into_bytes())),
        payload: Bytes::from_static(b"{}"),
        data: DataAt::Missing,
    }
}

/// The item of that event.
fn told(id: u64, second: i64) -> Beat {
    Beat::Item(Item {
        cursor: cursor(id),
        what: What::Event(event(id, second)),
    })
}

fn beat(what: What) -> Beat {
    Beat::Item(Item { cursor: None, what })
}

fn recycle() -> Beat {
    beat(What::Control(Control::Recycle { reason: None }))
}

fn auth_revoked() -> Beat {
    beat(What::Control(Control::AuthRevoked { reason: None }))
}

#[expect(clippy::unnecessary_wraps, reason = "an item's cursor is optional")]
fn cursor(id: u64) -> Option<Cursor> {
    Some(Cursor::At(id.to_string()))
}

fn status(status: u16) -> End {
    End::Status(Refusal {
        status,
        retry_after: None,
        problem: None,
        remaining: None,
        body: String::new(),
    })
}

fn status_after(code: u16, seconds: u64) -> End {
    End::Status(Refusal {
        status: code,
        retry_after: Some(Duration::from_secs(seconds)),
        problem: None,
        remaining: None,
        body: String::new(),
    })
}

fn refuse(end: End) -> Act {
    Act::Refuse(end)
}

fn open(beats: impl IntoIterator<Item = Beat>) -> Act {
    Act::Open(beats.into_iter().collect())
}

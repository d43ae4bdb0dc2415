//! The state behind every route: the key and its access, the budget, the container, the world.
//!
//! Its own file because faults change it from one side and requests read it from the other. It answers
//! no request itself.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::super::answer::Answers;
use super::super::world::{Account, World};
use super::Options;
use super::budget::Budget;
use super::fault::Fault;
use super::feed::{Ending, Feed};
use super::message::{AUTH_REVOKED, Message, RECYCLE};
use super::requests::{Request, Requests};
use super::sample;
use crate::clock::Clock;

/// The most that one step of the world does to one account's trade.
const STEP_EVENTS: usize = 16;

/// What the key is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Granted,
    /// The key was deleted.
    Revoked,
    /// The account may not use the API for now.
    Suspended,
}

/// Everything that routes, faults and the handle share.
pub(super) struct Api {
    pub(super) key: String,
    pub(super) clock: Clock,
    pub(super) recycle_after: Duration,
    pub(super) wrapped: bool,
    pub(super) feed: Arc<Feed>,
    pub(super) requests: Requests,
    pub(super) answers: Answers<Request>,
    /// Whether the script was played to its end.
    pub(super) played: watch::Sender<bool>,
    /// Ends everything that waits.
    pub(super) stop: CancellationToken,
    accounts: Vec<Account>,
    world: Mutex<World>,
    door: Mutex<Door>,
    door_changed: Notify,
}

/// What decides whether a request is let in.
struct Door {
    access: Access,
    budget: Budget,
    away_until: Option<Instant>,
    down_until: Option<Instant>,
    paused_until: Option<Instant>,
}

impl Api {
    pub(super) fn new(options: &Options, mut world: World) -> Self {
        let clock = Clock::system();
        let past = world.past();
        let api = Self {
            key: options.key.clone(),
            clock: clock.clone(),
            recycle_after: options.recycle_after,
            wrapped: options.wrapped,
            feed: Feed::new(options.first_id, options.buffer, clock),
            requests: Requests::new(),
            answers: Answers::default(),
            played: watch::Sender::new(false),
            stop: CancellationToken::new(),
            accounts: world.accounts().to_vec(),
            world: Mutex::new(world),
            door: Mutex::new(Door {
                access: Access::Granted,
                budget: Budget::new(options.window),
                away_until: None,
                down_until: None,
                paused_until: None,
            }),
            door_changed: Notify::new(),
        };
        for happening in past {
            api.feed.remember(|id, now| happening.payload(id, now));
        }
        api
    }

    pub(super) fn access(&self) -> Access {
        self.door().access
    }

    /// Whether the container is down.
    pub(super) fn is_down(&self) -> bool {
        let until = self.door().down_until;
        until.is_some_and(|until| Instant::now() < until)
    }

    /// Whether no request gets through.
    pub(super) fn is_away(&self) -> bool {
        let until = self.door().away_until;
        until.is_some_and(|until| Instant::now() < until)
    }

    /// Requests that the key has left.
    pub(super) fn left(&self) -> usize {
        self.door().budget.left(Instant::now())
    }

    /// How long the key has to wait for its next request, if it has to.
    pub(super) fn wait(&self) -> Option<Duration> {
        self.door().budget.wait(Instant::now())
    }

    /// Spends one request.
    pub(super) fn charge(&self) {
        self.door().budget.charge(Instant::now());
    }

    /// The accounts of the key.
    pub(super) fn accounts(&self) -> &[Account] {
        &self.accounts
    }

    /// Lets the world take one step and sends what happened. Returns how much that was.
    pub(super) async fn step(&self) -> usize {
        self.feed.room(STEP_EVENTS * self.accounts.len()).await;
        // Sent before anybody else can take the next step, so that no step is told before an earlier one.
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        let happened = world.step();
        for happening in &happened {
            let write = |id, now| happening.payload(id, now);
            self.feed.publish(Some(&happening.account), write);
        }
        happened.len()
    }

    /// Sends a message, as soon as a listener that is there has room for it.
    pub(super) async fn send(&self, message: &Message) -> Option<u64> {
        self.feed.room(1).await;
        self.feed.send(message)
    }

    /// Waits while the world is paused or its container is down.
    pub(super) async fn awake(&self) {
        loop {
            let changed = self.door_changed.notified();
            let until = {
                let door = self.door();
                door.paused_until.max(door.down_until)
            };
            match until {
                Some(until) if Instant::now() < until => tokio::select! {
                    () = tokio::time::sleep_until(until) => {}
                    () = changed => {}
                },
                _ => return,
            }
        }
    }

    /// Makes something go wrong, or right again. Returns when it is done, not when it is over.
    pub(super) async fn apply(&self, fault: Fault) {
        match fault {
            Fault::Pause(time) => self.change(|door| door.paused_until = after(time)),
            Fault::Drop => self.feed.end(Ending::Cut),
            Fault::Close => self.feed.end(Ending::Close),
            Fault::Reset => self.feed.end(Ending::Reset),
            Fault::Silence => self.feed.silence(),
            Fault::Recycle => self.say(RECYCLE),
            Fault::Restart => {
                self.feed.end(Ending::Cut);
                self.feed.restart();
                self.change(|door| door.budget.reset());
            }
            Fault::Unavailable(time) => {
                self.change(|door| door.down_until = after(time));
                self.feed.end(Ending::Cut);
            }
            Fault::Available => self.change(|door| door.down_until = None),
            Fault::Away(time) => {
                self.change(|door| door.away_until = after(time));
                self.feed.end(Ending::Cut);
            }
            Fault::Back => self.change(|door| door.away_until = None),
            Fault::Revoke => {
                self.change(|door| door.access = Access::Revoked);
                self.say(AUTH_REVOKED);
            }
            Fault::Suspend => {
                self.change(|door| door.access = Access::Suspended);
                self.say(AUTH_REVOKED);
            }
            Fault::Restore => self.change(|door| door.access = Access::Granted),
            Fault::Live(steps) => {
                for _ in 0..steps {
                    self.step().await;
                    // Without a listener nothing else would let other tasks have their turn.
                    tokio::task::yield_now().await;
                }
            }
            Fault::Burst { count, kind } => self.burst(count, &kind).await,
            Fault::Overrun(count) => {
                let more = self.feed.buffer_max() as u64 + 1;
                self.burst(count.unwrap_or(more), "position_update").await;
            }
            Fault::Oversized(bytes) => {
                let write = |id, now, account: &_| sample::oversized(bytes, id, now, account);
                self.invent(write).await;
            }
            Fault::Unknown(kind) => {
                self.feed.room(1).await;
                let write = |id, now| sample::unknown(&kind, id, now);
                self.feed.publish(None, write);
            }
            Fault::Raw(bytes) => {
                self.feed.room(1).await;
                self.feed.raw(bytes);
            }
            Fault::Shred(frames) => self.feed.shred(frames),
            Fault::Answer { path, answer } => self.answers.push(&path, answer),
        }
    }

    async fn burst(&self, count: u64, kind: &str) {
        for _ in 0..count {
            self.invent(|id, now, account| sample::event(kind, id, now, account))
                .await;
        }
    }

    /// Sends an event of the first account that is no part of the world.
    async fn invent(&self, write: impl FnOnce(u64, Timestamp, &Account) -> Bytes) {
        self.feed.room(1).await;
        if let Some(account) = self.accounts.first() {
            let write = |id, now| write(id, now, account);
            self.feed.publish(Some(&account.id), write);
        }
    }

    /// Says something about the connection itself, and ends it.
    fn say(&self, payload: &'static str) {
        let payload = Bytes::from_static(payload.as_bytes());
        self.feed.send(&Message::new(payload));
    }

    fn change(&self, change: impl FnOnce(&mut Door)) {
        change(&mut self.door());
        self.door_changed.notify_waiters();
    }

    fn door(&self) -> MutexGuard<'_, Door> {
        self.door.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn after(time: Duration) -> Option<Instant> {
    Instant::now().checked_add(time)
}

//! The real queue on a real folder, the real source before it, and a lane by hand for each sink.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bellwire::model::{Attempt, Claim, Ended, Outcome, Posted, Settled, Settlement, State, Wake};
use bellwire::sources::{End, Item};
use bellwire::status::Status;
use bellwire::store::{Flush, Handed, Inbox, Store};
use jiff::Timestamp;
use tempfile::TempDir;

use super::disk;
use super::promises::{Ids, Seen, same};
use super::reference::Reference;
use super::source::{Asked, Dialled, Source, item};
use super::steps::{Answer, Sink, Step};
use super::upstream::Upstream;

/// One instance.
pub(crate) struct World {
    folder: TempDir,
    store: Store,
    source: Source,
    dialled: Option<Dialled>,
    asked: Option<Asked>,
    lanes: BTreeMap<Sink, Lane>,
    known: Known,
    /// What was looked up last, and how many commits there were then.
    seen: Option<(usize, Seen)>,
}

/// What people outside know of it, over all crashes.
#[derive(Clone, Default)]
struct Known {
    /// Claims that have ended, or died with their process.
    ended: Vec<(Sink, i64, u32)>,
    ids: Ids,
    /// How often each receiver has taken a delivery, and how often it was in flight at a crash.
    taken: BTreeMap<(Sink, u8), (u32, u32)>,
}

struct Lane {
    inbox: Inbox,
    held: Vec<(u8, Claim)>,
}

/// When events arrive, before it what is to be tried again first, and behind it when lanes claim.
fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + second).expect("in range")
}

/// The folder of a queue that nothing has come into.
pub(crate) async fn empty() -> TempDir {
    let folder = disk::folder();
    open(folder.path()).close().await;
    folder
}

impl World {
    /// Starts on a folder.
    pub(crate) async fn start(folder: TempDir, sinks: &[Sink]) -> Self {
        let store = open(folder.path());
        let mut source = Source::start(&store, sinks);
        let mut lanes = BTreeMap::new();
        for &sink in sinks {
            let inbox = store.attend(&sink.named()).await.expect("attends");
            let held = Vec::new();
            lanes.insert(sink, Lane { inbox, held });
        }
        let dialled = Some(source.started().await);
        let mut world = Self {
            folder,
            store,
            source,
            dialled,
            asked: None,
            lanes,
            known: Known::default(),
            seen: None,
        };
        world.give_room();
        world
    }

    /// Another instance, started on what a crash of this one would leave now. This one goes on.
    pub(crate) async fn crashed(&self) -> Self {
        let sinks: Vec<Sink> = self.lanes.keys().copied().collect();
        let mut crashed = Self::start(disk::copy(self.folder.path()), &sinks).await;
        crashed.known = self.known.clone();
        for (&sink, lane) in &self.lanes {
            for (event, claim) in &lane.held {
                let ended = (sink, claim.row, claim.attempt);
                crashed.known.ended.push(ended);
                crashed.known.taken.entry((sink, *event)).or_default().1 += 1;
            }
        }
        crashed
    }

    /// Ends it.
    pub(crate) async fn end(self) {
        self.source.kill().await;
        self.store.close().await;
    }

    /// Takes a step from one state to the next.
    pub(crate) async fn step(
        &mut self,
        before: &Reference,
        step: Step,
        after: &Reference,
    ) -> Result<(), String> {
        match step {
            Step::Happen if before.is_connected => {
                self.source.tell(Ok(told(&after.upstream, newest(after))));
            }
            Step::Happen => {}
            Step::HappenTwice => {
                let second = newest(after);
                self.source.tell_late(vec![told(&after.upstream, second)]);
                self.source.tell(Ok(told(&after.upstream, second - 1)));
            }
            Step::Accept => self.accept(before).await?,
            Step::Hangup | Step::Restart if before.is_connected => self.source.tell(Err(End::Eof)),
            Step::Hangup | Step::Restart => {}
            Step::Connect(replay) => {
                let dialled = self.dialled.take().expect("it waits");
                let cursor = dialled
                    .cursor
                    .header()
                    .map(|id| id.parse().expect("a number"));
                let replayed = before.upstream.replay_behind(cursor, replay);
                let items = replayed.iter().map(|event| told(&before.upstream, *event));
                self.source.let_in(dialled, items.collect());
            }
            Step::Claim(sink) => {
                let room = NonZeroUsize::new(sink.hands() - self.lanes[&sink].held.len());
                let claimed = self
                    .store
                    .claim_into(&sink.named(), at(3600), room, 0)
                    .await;
                claimed.expect("claims");
            }
            Step::Send(sink, place, answer) => self.send(sink, place, answer)?,
            Step::Settle(..) | Step::GiveBack(..) | Step::Expire(..) => {
                self.end_claim(before, step).await?;
            }
            // It has been started on what that left.
            Step::Crash => return self.receive(after),
        }
        self.follow(after).await?;
        self.receive(after)
    }

    /// Holds it to what it must be now.
    pub(crate) async fn judge(&mut self, reference: &Reference) -> Result<(), String> {
        let commits = self.commits().len();
        let (_, seen) = match self.seen.take_if(|(then, _)| *then == commits) {
            Some(seen) => self.seen.insert(seen),
            None => {
                self.late_settlements_change_nothing().await?;
                self.seen.insert((commits, Seen::of(&self.store).await?))
            }
        };
        seen.judge(reference, &mut self.known.ids)
    }

    /// Where in the log each commit ends.
    pub(crate) fn commits(&self) -> Vec<usize> {
        disk::commits(self.folder.path())
    }

    /// Holds what a crash in the middle of a step would have left to what it must be before it or after it.
    pub(crate) async fn judge_cut(
        &self,
        end: usize,
        before: &Reference,
        after: &Reference,
    ) -> Result<(), String> {
        let folder = disk::copy_until(self.folder.path(), end);
        let store = open(folder.path());
        let seen = Seen::of(&store).await;
        store.close().await;
        let seen = seen?;
        let as_before = seen.judge(&before.crashed(), &mut self.known.ids.clone());
        match seen.judge(&after.crashed(), &mut self.known.ids.clone()) {
            Ok(()) => Ok(()),
            Err(_) => as_before.map_err(|wrong| format!("after a crash within it: {wrong}")),
        }
    }

    /// What the source does next, once the queue or the upstream has done its part.
    async fn follow(&mut self, after: &Reference) -> Result<(), String> {
        if self.asked.is_none() && !after.batch.is_empty() {
            self.asked = Some(self.source.asked().await?);
        }
        let may_dial = after.batch.is_empty() && !after.is_connected;
        if self.dialled.is_none() && may_dial {
            self.dialled = Some(self.source.dialled().await?);
        }
        Ok(())
    }

    async fn accept(&mut self, before: &Reference) -> Result<(), String> {
        let asked = self.asked.take().expect("it waits");
        let time = |event: &bellwire::model::Event| Upstream::event(event.time.expect("has one"));
        let batch = asked
            .batch
            .events
            .iter()
            .map(|(event, _)| time(event))
            .collect();
        same("the batch", &batch, &before.batch)?;
        let accepted = self.store.accept(Arc::clone(&asked.batch)).await;
        asked.answer(accepted.expect("accepts"));
        Ok(())
    }

    /// Promise 3: the same id each time, and never again what was taken, unless a crash has come between that
    /// and its word on the disk.
    fn send(&mut self, sink: Sink, place: usize, answer: Answer) -> Result<(), String> {
        let (event, claim) = &self.lanes[&sink].held[place];
        same(
            "promise 3: the id",
            &claim.id,
            &self.known.ids[&(sink, *event)],
        )?;
        let (taken, crashes) = self.known.taken.entry((sink, *event)).or_default();
        *taken += u32::from(answer == Answer::Taken);
        match *taken > 1 + *crashes {
            true => Err(format!(
                "promise 3: {} has taken event {event} {taken} times after {crashes} crashes in flight",
                sink.name()
            )),
            false => Ok(()),
        }
    }

    /// Writes down what came of a claim.
    async fn end_claim(&mut self, before: &Reference, step: Step) -> Result<(), String> {
        let (Step::Settle(sink, place) | Step::GiveBack(sink, place) | Step::Expire(sink, place)) =
            step
        else {
            return Ok(());
        };
        let (_, claim) = self
            .lanes
            .get_mut(&sink)
            .expect("is there")
            .held
            .remove(place);
        let (state, outcome) = match before.lanes[&sink].held[place].answer {
            Some(Answer::Taken) => (State::Delivered, Outcome::Delivered),
            Some(Answer::Later) => (State::Waiting, Outcome::Retry),
            Some(Answer::Never) => (State::Dead, Outcome::Dead),
            None if step == Step::GiveBack(sink, place) => {
                let back = vec![claim.back()];
                self.store
                    .give_back(&sink.named(), back)
                    .await
                    .expect("goes back");
                return Ok(());
            }
            None => {
                let attempt = claim.attempt;
                let ended = Ended::Untried {
                    attempt,
                    at: at(3600),
                };
                return self
                    .settle(sink, vec![settled(claim.row, ended, State::Expired)], true)
                    .await;
            }
        };
        self.known.ended.push((sink, claim.row, claim.attempt));
        let ended = Ended::Tried(attempt(claim.attempt, outcome));
        self.settle(sink, vec![settled(claim.row, ended, state)], true)
            .await
    }

    async fn settle(&self, sink: Sink, group: Vec<Settled>, is_newest: bool) -> Result<(), String> {
        let expected = vec![is_newest; group.len()];
        let flush = match group.len() {
            1 => Flush::Rides,
            _ => Flush::Shared,
        };
        let written = self
            .store
            .settle_all(&sink.named(), group.into(), flush)
            .await;
        same(
            "whether a claim was the newest",
            &written.expect("settles"),
            &expected,
        )
    }

    /// Whoever ends a claim late, or once more, is told so, and changes nothing.
    async fn late_settlements_change_nothing(&self) -> Result<(), String> {
        for &sink in self.lanes.keys() {
            let of_it = self.known.ended.iter().filter(|(of, _, _)| *of == sink);
            let late = of_it.map(|&(_, row, number)| {
                let ended = Ended::Tried(attempt(number, Outcome::Delivered));
                settled(row, ended, State::Delivered)
            });
            self.settle(sink, late.collect(), false).await?;
        }
        Ok(())
    }

    /// Takes out of the inboxes what is there, and says how much room there is.
    fn receive(&mut self, after: &Reference) -> Result<(), String> {
        for (sink, lane) in &mut self.lanes {
            while let Some(handed) = lane.inbox.try_next() {
                let claims = match handed {
                    Handed::New(claim) => vec![claim],
                    Handed::Claimed(claims) => claims.claims,
                };
                for claim in claims {
                    let event = Upstream::event(claim.event.time.expect("every event has one"));
                    let frame = after.upstream.frame(event, at(0));
                    same("the payload", &claim.event.payload, &frame.payload)?;
                    let known = self.known.ids.entry((*sink, event));
                    known.or_insert_with(|| claim.id.clone());
                    lane.held.push((event, claim));
                }
            }
            let held: Vec<u8> = lane.held.iter().map(|(event, _)| *event).collect();
            let must_be = after.lanes[sink]
                .held
                .iter()
                .map(|held| held.event)
                .collect();
            same(
                &format!("what the lane of {} has in hand", sink.name()),
                &held,
                &must_be,
            )?;
        }
        self.give_room();
        Ok(())
    }

    fn give_room(&mut self) {
        for (sink, lane) in &mut self.lanes {
            if sink.is_handed() {
                lane.inbox.set_room(sink.hands() - lane.held.len());
            }
        }
    }
}

fn open(folder: &Path) -> Store {
    Store::open(folder, Status::new().0, at(3600)).expect("opens")
}

fn told(upstream: &Upstream, event: u8) -> Item {
    item(&upstream.frame(event, at(i64::from(event))))
}

fn newest(reference: &Reference) -> u8 {
    reference.upstream.events().end - 1
}

fn attempt(number: u32, outcome: Outcome) -> Attempt {
    Attempt {
        number,
        at: at(3600),
        duration: Duration::from_millis(12),
        outcome,
        status: None,
        reason: None,
        answer: None,
    }
}

/// What is to be tried again is due before all that was never tried.
fn settled(row: i64, ended: Ended, state: State) -> Settled {
    let settlement = Settlement {
        state,
        due: at(-3600),
        step: 0,
        plain: false,
        wake: Wake::Never,
        posted: Posted::Nothing,
        reason: (state != State::Delivered).then(|| "the receiver said so".to_owned()),
        rest_until: None,
        suspend: None,
    };
    Settled {
        row,
        alone: false,
        ended,
        settlement,
    }
}

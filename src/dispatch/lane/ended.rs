//! What an ended attempt changes for its lane, and what the lane says about it.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;

use super::super::alarm::Trouble;
use super::super::answered::Answered;
use super::super::attempt::Sender;
use super::super::obituary::Obituary;
use super::{Lane, Written};
use crate::model::{Name, Notice, Outcome, State, Wake};
use crate::store::{Deaths, ToldTrouble};

impl Lane {
    /// The same for a sink whose receiver may be another one than before: what that had asked for is void.
    pub(in super::super) fn moved(mut self, has_moved: bool) -> Self {
        self.has_moved = has_moved;
        self
    }

    /// A new lane begins afresh, suspended or not. That its sink was suspended before is kept in mind,
    /// so that its recovery is told.
    pub(super) fn take_over(&mut self) {
        let now = self.now();
        let mut suspended = None;
        self.sender.status.sink(&self.sender.sink.name, |status| {
            suspended = status.suspended.take();
            status.away_since = None;
            status.resting_until = None;
        });
        if let Some(reason) = suspended {
            self.alarm.suspended(now, &reason);
        }
    }

    /// Takes over what people have done about the sink.
    pub(super) fn hear_out(&mut self, now: Timestamp) {
        let Sender { sink, status, .. } = &*Arc::clone(&self.sender);
        if self.mended.take(&sink.name) {
            // A person has seen it accept a message.
            self.outage.forget();
            self.accepted();
            (self.wake_missed, self.wake_refused) = (true, true);
            self.rest_until = None;
            status.sink(&sink.name, |sink| sink.resting_until = None);
        }
        if self.mended.is_asked(&sink.name) {
            self.suspension.try_at(now);
        }
    }

    /// Takes over what an attempt means for the lane, as soon as that is known.
    pub(super) fn answered(&mut self, answered: Answered) {
        self.flow.answered();
        let settlement = &answered.settled.settlement;
        let delivered = answered.outcome() == Some(Outcome::Delivered);
        // The sink may be another from now on, or the delivery due again.
        self.look |= !delivered || settlement.rest_until.is_some();
        self.rest(settlement.rest_until);
        self.refused |= settlement.wake == Wake::OnSuccess;
        self.hear(&answered);
        if let Some(reason) = &settlement.suspend {
            self.suspend(reason, answered.at);
        } else if delivered {
            self.wake_refused |= std::mem::take(&mut self.refused);
            self.accepted();
        }
        self.look |= self.wake_missed || self.wake_refused;
        if settlement.state != State::Waiting {
            self.alarm.ended(answered.claim.row);
            // It waited, too, when what there is to say came about.
            for (_, trouble, _) in &mut self.to_say {
                trouble.ended += 1;
            }
        }
        self.answers.add(answered);
    }

    /// Tells of what is written down, and looks after what waited for it.
    pub(super) fn written(&mut self, written: Written) {
        self.flow.written(written.answers.len(), written.mark);
        // What was given back waits in the queue now.
        self.look |= written.answers.is_empty();
        for answered in written.answers {
            let state = answered.settled.settlement.state;
            self.look |= !answered.claim.alone || state != State::Delivered;
            if state == State::Dead {
                self.given_up.notify_one();
                if !answered.claim.event.is_internal() {
                    self.obituary.dead();
                }
            }
            self.note(&answered);
        }
    }

    /// Lets the lane rest, unless it rests as long already.
    pub(super) fn rest(&mut self, until: Option<Timestamp>) {
        if until <= self.rest_until {
            return;
        }
        self.rest_until = until;
        self.sender
            .status
            .sink(&self.sender.sink.name, |sink| sink.resting_until = until);
    }

    /// Takes over what an attempt shows of the sink.
    fn hear(&mut self, answered: &Answered) {
        let state = answered.settled.settlement.state;
        if let Some(attempt) = answered.attempt()
            && let Some(reason) = &attempt.reason
            && !answered.claim.event.is_internal()
        {
            let waits = state == State::Waiting;
            self.alarm
                .failed(attempt.at, reason, answered.claim.row, waits);
        }
        let (row, attempted) = (answered.claim.row, answered.attempt().is_some());
        let change = self
            .outage
            .heard(row, attempted, answered.sign, answered.at);
        self.wake_missed |= change.wake;
        let sink = &self.sender.sink.name;
        if change.began {
            tracing::warn!(%sink, "the sink is away; one delivery at a time is tried");
        } else if change.ended {
            tracing::info!(%sink, "the sink is back");
        }
        if change.began || change.ended {
            let since = self.outage.since();
            self.sender
                .status
                .sink(sink, |status| status.away_since = since);
        }
    }

    fn suspend(&mut self, reason: &str, now: Timestamp) {
        if !self.suspension.begin(now) {
            return;
        }
        self.outage.forget();
        let sink = &self.sender.sink.name;
        tracing::warn!(%sink, reason, "the sink is suspended; its deliveries are kept");
        self.sender.status.sink(sink, |status| {
            status.suspended = Some(reason.to_owned());
            status.away_since = None;
        });
        if let Some(trouble) = self.alarm.suspended(now, reason) {
            self.to_say
                .push(("bellwire.sink_suspended", trouble, "held"));
        }
    }

    pub(super) fn accepted(&mut self) {
        let sink = &self.sender.sink.name;
        if self.suspension.end() {
            tracing::info!(%sink, "the sink accepts deliveries again");
            self.sender
                .status
                .sink(sink, |status| status.suspended = None);
        }
        self.sender
            .status
            .sink(sink, |status| status.failing_since = None);
        if let Some(trouble) = self.alarm.accepted() {
            self.to_say
                .push(("bellwire.sink_recovered", trouble, "waiting"));
        }
    }

    /// Shows that alerts do not get through, from when it is told.
    pub(super) fn shows_failing(&self, trouble: &Trouble) {
        self.sender.status.sink(&self.sender.sink.name, |status| {
            status.failing_since = Some(trouble.since);
            status
                .last_failure
                .get_or_insert_with(|| trouble.reason.clone());
        });
    }

    /// Raises what there is to say, with how many deliveries wait; what is being tried waits as well. When a
    /// sink is back, that is how many waited for it: some are on their way already, and some may have arrived.
    pub(super) async fn say(&mut self) {
        if !self.to_say.is_empty() {
            self.write_now();
        }
        for (kind, trouble, word) in std::mem::take(&mut self.to_say) {
            let Trouble {
                since,
                reason,
                ended,
            } = trouble;
            let sink = &self.sender.sink.name;
            // A queue that cannot be read is told elsewhere; the rest is worth saying all the same.
            let undelivered = self.sender.store.undelivered(sink).await.ok();
            let waiting = undelivered.map(|(waiting, in_flight)| match kind {
                "bellwire.sink_recovered" => waiting + (self.held() + ended) as u64,
                _ => waiting + in_flight,
            });
            self.sender.status.raise(Notice {
                kind,
                time: self.now(),
                data: json!({ "sink": sink.as_str(), "reason": reason, "since": format!("{since:.3}"), word: waiting }),
                told: None,
            });
            let lasting = (kind != "bellwire.sink_recovered").then(|| ToldTrouble {
                since,
                reason,
                suspended: kind == "bellwire.sink_suspended",
            });
            if let Err(error) = self.sender.store.keep_trouble(sink, lasting).await {
                tracing::warn!(%sink, %error, "what was told of the sink could not be kept");
            }
        }
    }

    /// Speaks of dead letters, where there may be some and their time has come.
    pub(super) async fn speak_of_the_dead(&mut self) {
        let now = self.now();
        if self.obituary.due().is_some_and(|due| due <= now) {
            self.write_now();
            self.say_of_the_dead(Obituary::notice).await;
        }
    }

    /// Raises what there is to say of dead letters.
    pub(super) async fn say_of_the_dead(
        &mut self,
        words: impl FnOnce(&mut Obituary, &Name, &Deaths, Timestamp) -> Option<Notice>,
    ) {
        let now = self.now();
        let Sender { store, sink, .. } = &*self.sender;
        let Ok(deaths) = store.deaths(&sink.name).await else {
            self.obituary.unread(now);
            return;
        };
        let Some(notice) = words(&mut self.obituary, &sink.name, &deaths, now) else {
            return;
        };
        let told = notice.told.clone();
        match told.filter(|_| self.sender.status.raise(notice)) {
            Some(told) => self.obituary.spoke(&told),
            None => self.obituary.unread(now),
        }
    }

    /// Whether no other lane will serve this sink in this process or the next.
    pub(super) fn is_gone_for_good(&self) -> bool {
        let sinks = self.sinks.borrow();
        !self.stop.is_cancelled() && sinks.iter().all(|sink| sink.name != self.sender.sink.name)
    }

    fn note(&self, answered: &Answered) {
        let Answered {
            claim, settled, at, ..
        } = answered;
        let settlement = &settled.settlement;
        self.sender.status.sink(&self.sender.sink.name, |status| {
            status.dead += u64::from(settlement.state == State::Dead);
            status.expired += u64::from(settlement.state == State::Expired);
            if let Some(attempt) = answered.attempt() {
                status.last_attempt = Some(attempt.clone());
            }
            match answered.outcome() {
                Some(Outcome::Delivered) => {
                    let age = at.duration_since(claim.event.age_from());
                    status.durations.count(age.try_into().unwrap_or_default());
                    status.failed_in_a_row = 0;
                    status.delivered += 1;
                    status.last_delivered = Some(*at);
                }
                Some(_) => {
                    status.failed_in_a_row = status.failed_in_a_row.saturating_add(1);
                    status.failed += 1;
                    status.last_failure.clone_from(&settlement.reason);
                }
                None => {}
            }
        });
    }
}

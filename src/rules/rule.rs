//! One rule, compiled.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::schedule::Schedule;
use super::{Hours, Types};
use crate::config::{Backfilled, FallbackConfig};
use crate::expr::{Expression, Fault, Scope, Template};
use crate::model::{self, Bundle, Event, Name};

/// Most events in one message of a digest; what is beyond has another one at the same time.
const DIGEST_MAX: u32 = 10_000;

/// Which events go to which sinks, and how they read there.
#[derive(Debug)]
pub struct Rule {
    /// Its name, unique among rules.
    pub name: Arc<str>,
    /// Sources it listens to; `None` for every source but `bellwire`.
    pub from: Option<Vec<Name>>,
    /// Event types it listens to.
    pub types: Types,
    /// The condition.
    pub when: Option<Expression>,
    /// Sinks it sends to, in its order.
    pub to: Vec<Name>,
    /// The title, where it overrides the sink's.
    pub title: Option<Template>,
    /// The message, where it overrides the sink's.
    pub message: Option<Template>,
    /// The priority, from 1 to 5, where it overrides the sink's.
    pub priority: Option<u8>,
    /// Older than this is not worth a ring, where it overrides the sink's.
    pub expires: Option<Duration>,
    /// At most so many in so long.
    pub throttle: Option<Throttle>,
    /// One message for a burst. Its templates are rendered with [`Scope::bundle`].
    pub coalesce: Option<Coalesce>,
    /// When one message for all that has come since the last one is sent, rendered in the same way.
    pub digest: Option<Schedule>,
    /// One living notification for each value of this expression.
    pub update: Option<Expression>,
    /// When it is awake.
    pub hours: Option<Hours>,
    /// Whether what comes outside its hours is sent silently instead of not at all.
    pub quiet_outside: bool,
    /// What to do with events fetched after a gap.
    pub backfilled: Backfilled,
    /// Who gets it when the first sink does not accept it.
    pub fallback: Option<FallbackConfig>,
}

/// At most so many in so long.
#[derive(Debug)]
pub struct Throttle {
    /// At most this many.
    pub limit: u32,
    /// In this long.
    pub per: Duration,
    /// Counted apart for each value of this expression.
    pub key: Option<Expression>,
}

/// One message for a burst.
#[derive(Debug)]
pub struct Coalesce {
    /// How long the window stays open.
    pub within: Duration,
    /// One window for each value of this expression.
    pub key: Option<Expression>,
    /// Most events in one message.
    pub max: u32,
}

impl Rule {
    /// Whether it listens to the event's source.
    pub(super) fn listens_to(&self, event: &Event) -> bool {
        match &self.from {
            Some(sources) => sources.contains(&event.source),
            None => !event.is_internal(),
        }
    }

    /// Whether events fetched after a gap are none of its business.
    pub(super) fn skips(&self, event: &Event) -> bool {
        event.backfilled && self.backfilled == Backfilled::Skip
    }

    /// Whether it takes nothing at a moment.
    pub(super) fn sleeps(&self, moment: Timestamp) -> bool {
        !self.quiet_outside && self.is_outside(moment)
    }

    /// Whether an event is to be sent silently at a moment.
    #[must_use]
    pub fn is_quiet(&self, event: &Event, moment: Timestamp) -> bool {
        let is_late = event.backfilled && self.backfilled == Backfilled::Quiet;
        is_late || (self.quiet_outside && self.is_outside(moment))
    }

    fn is_outside(&self, moment: Timestamp) -> bool {
        let hours = self.hours.as_ref();
        hours.is_some_and(|hours| !hours.is_open(moment))
    }

    /// What its throttle asks of an event that it matches: nothing where the event has no key.
    pub(super) fn throttle(
        &self,
        event: &Event,
        scope: &mut Option<Scope>,
    ) -> Result<Option<model::Throttle>, Fault> {
        let Some(throttle) = &self.throttle else {
            return Ok(None);
        };
        let key = match &throttle.key {
            Some(key) => key.key(scope.get_or_insert_with(|| Scope::new(event)))?,
            None => Some(String::new()),
        };
        Ok(key.map(|key| model::Throttle {
            limit: throttle.limit,
            per: throttle.per,
            key: key.into(),
        }))
    }

    /// The key of the notification that an event changes: none where each has its own.
    pub(super) fn living(
        &self,
        event: &Event,
        scope: &mut Option<Scope>,
    ) -> Result<Option<Arc<str>>, Fault> {
        let Some(update) = &self.update else {
            return Ok(None);
        };
        let key = update.key(scope.get_or_insert_with(|| Scope::new(event)))?;
        // An empty id is no id: what has none has a notification of its own.
        Ok(key.filter(|key| !key.is_empty()).map(Arc::from))
    }

    /// Which bundle an event joins: none where it has no key, or the rule collects nothing.
    pub(super) fn bundle(
        &self,
        event: &Event,
        scope: &mut Option<Scope>,
    ) -> Result<Option<Bundle>, Fault> {
        if let Some(schedule) = &self.digest {
            return Ok(schedule.next(event.received).map(|closes| Bundle {
                key: "".into(),
                closes,
                max: DIGEST_MAX,
                leaves_full: false,
            }));
        }
        let Some(coalesce) = &self.coalesce else {
            return Ok(None);
        };
        let key = match &coalesce.key {
            Some(key) => key.key(scope.get_or_insert_with(|| Scope::new(event)))?,
            None => Some(String::new()),
        };
        Ok(key.map(|key| Bundle {
            key: key.into(),
            closes: later(event.received, coalesce.within),
            max: coalesce.max,
            leaves_full: true,
        }))
    }

    /// Whether its messages may tell several events.
    #[must_use]
    pub const fn collects(&self) -> bool {
        self.coalesce.is_some() || self.digest.is_some()
    }

    /// Whether it matches an event whose source and type it listens to, by the hours of a moment; where
    /// none is given, it is awake. The scope is made by the first rule that needs it and shared by all.
    pub(super) fn wants(
        &self,
        event: &Event,
        moment: Option<Timestamp>,
        scope: &mut Option<Scope>,
    ) -> Result<bool, Fault> {
        if self.skips(event) || moment.is_some_and(|moment| self.sleeps(moment)) {
            return Ok(false);
        }
        match &self.when {
            Some(condition) => condition.matches(scope.get_or_insert_with(|| Scope::new(event))),
            None => Ok(true),
        }
    }
}

/// A moment some time later, or the last one that there is.
fn later(moment: Timestamp, by: Duration) -> Timestamp {
    moment.checked_add(by).unwrap_or(Timestamp::MAX)
}

impl From<&FallbackConfig> for model::Fallback {
    fn from(config: &FallbackConfig) -> Self {
        Self {
            to: config.to.clone(),
            after: config.after,
            key: None,
        }
    }
}

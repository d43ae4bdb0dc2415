//! What would become of an event: which rules match, why others do not, and the requests that would go
//! out, all of it without a queue and without a socket.
//!
//! A part of its own because it uses what `run` uses (the sources' own decoders, the rules, the sinks'
//! own encoders) and starts nothing of it. It finds out and says it; the form for a terminal is made
//! above. The sinks here are examples that were never given a secret, so no request can hold one.

mod reading;
mod request;
mod words;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

pub(super) use reading::Reader;

pub use crate::dispatch::LeftOut;
pub use request::{Header, Shown};

use super::Plan;
use crate::clock::Clock;
use crate::config::SinkConfig;
use crate::dispatch;
use crate::expr::{Cause, Scope};
use crate::model::{Event, Living, Name, Route};
use crate::retry;
use crate::rules::{Rule, Rules, Why};
use crate::sinks::{self, Example, Ordered, Ring, Sink};
use crate::sources::Source;

/// What stands for the platform's id of a message: a number that no message has.
const MESSAGE: &str = "4200000000000000042";

/// The id of every delivery here. A real one is made by the queue.
pub const DELIVERY_ID: &str = "msg_example";

/// Explains events by one configuration.
pub struct Explainer {
    sources: Vec<Source>,
    sinks: Vec<Place>,
    rules: Arc<Rules>,
    clock: Clock,
}

/// A sink, and the same one without its secrets.
struct Place {
    sink: Arc<Sink>,
    example: Option<Arc<Example>>,
}

/// What a line turns out to be.
#[derive(Debug)]
pub enum Told {
    /// An event, with all that would become of it.
    Event(Box<Explained>),
    /// A word of the upstream's about its connection, which no rule ever sees.
    Control {
        /// Who says it.
        from: Origin,
        /// Its type.
        kind: &'static str,
    },
}

/// Whose decoder has read a line.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The source.
    pub source: Name,
    /// Whether nobody has named it.
    pub is_assumed: bool,
}

/// What would become of an event.
#[derive(Debug)]
pub struct Explained {
    /// Who sent it.
    pub from: Origin,
    /// The event.
    pub event: Event,
    /// Every rule, in the order of the file.
    pub rules: Vec<RuleTold>,
    /// Where it would go, in the order of the rules.
    pub deliveries: Vec<Delivery>,
}

/// What a rule says about an event.
#[derive(Debug)]
pub struct RuleTold {
    /// The rule.
    pub rule: Arc<str>,
    /// Its answer.
    pub why: Why,
    /// The parts of its condition that are false.
    pub causes: Vec<Cause>,
    /// Why it does not match, in words.
    pub reason: Option<String>,
}

/// What would go to one sink.
#[derive(Debug)]
pub struct Delivery {
    /// The sink.
    pub sink: Name,
    /// Its kind.
    pub kind: &'static str,
    /// Where it is, for people.
    pub place: String,
    /// The rule whose wording it has.
    pub rule: Arc<str>,
    /// From 1 to 5: of what waits for a sink, the highest goes first.
    pub priority: u8,
    /// After which age it is not worth a ring.
    pub expires: Option<Duration>,
    /// How old the event is now, where that is too old to be sent.
    pub too_old: Option<Duration>,
    /// Whether it would be sent silently.
    pub is_quiet: bool,
    /// Which message it shares with others, where its rule collects them.
    pub bundle: Option<Shared>,
    /// How its rule's throttle counts it.
    pub throttle: Option<Counted>,
    /// Whose order it keeps.
    pub ordered: Option<Counted>,
    /// Who steps in when it is not accepted, and after how long.
    pub fallback: Option<(Name, Duration)>,
    /// How later events change what it shows, where its rule has `update`.
    pub update: Option<Update>,
    /// The buttons that are not in it, though they are configured.
    pub left_out: Vec<LeftOut>,
    /// What would be sent, or why nothing can be.
    pub request: Result<Shown, String>,
    /// What knows the names of what is hidden in the request.
    example: Option<Arc<Example>>,
}

/// A message that tells several events.
#[derive(Debug)]
pub struct Shared {
    /// What they are collected by.
    pub by: Counted,
    /// When it leaves, if it comes now and is the first.
    pub closes: Option<Timestamp>,
    /// Whether it is a digest, which leaves at set times.
    pub is_digest: bool,
}

/// How later events change what a delivery shows.
#[derive(Debug)]
pub struct Update {
    /// Whose events they are.
    pub by: Counted,
    /// Whether the sink has a notification that can be changed.
    pub can: bool,
    /// What a later one is sent with, where there will be one and it can be shown.
    pub later: Option<Later>,
}

/// Where the request of a later event goes.
#[derive(Debug, PartialEq, Eq)]
pub struct Later {
    /// Its method.
    pub method: String,
    /// Its address.
    pub url: String,
}

/// How a throttle, an order or an update takes a delivery.
#[derive(Debug)]
pub struct Counted {
    /// At most so many in so long, of a throttle.
    pub limit: Option<(u32, Duration)>,
    /// The expression that tells deliveries apart; `None` where all count together.
    pub by: Option<String>,
    /// Its value; `None` where the event has none, and is not held up.
    pub key: Option<String>,
    /// Why the value cannot be worked out, which counts as having none.
    pub fault: Option<String>,
}

impl Explainer {
    /// Takes what is needed of a configuration.
    #[must_use]
    pub fn new(plan: Plan) -> Self {
        let place = |(sink, config): (Arc<Sink>, &SinkConfig)| Place {
            sink,
            example: sinks::example(config).map(Arc::new),
        };
        let sinks = plan.sinks.into_iter().zip(&plan.config.sinks).map(place);
        Self {
            sinks: sinks.collect(),
            sources: plan.sources,
            rules: plan.rules,
            clock: Clock::system(),
        }
    }

    /// Every sink's name.
    pub fn sinks(&self) -> impl Iterator<Item = &Name> {
        self.sinks.iter().map(|place| &place.sink.name)
    }

    fn routed(&self, from: Origin, event: Event, now: Timestamp) -> Explained {
        let scope = Scope::new(&event);
        // As if it had come when it happened.
        let moment = Some(event.time.unwrap_or(now));
        let rules = told(&self.rules, &event, moment);
        let routed = self.rules.routes_at(&event, moment);
        let deliveries = routed.routes.iter().filter_map(|route| {
            let rule = self.rules.rule(&route.rule)?;
            let place = self
                .sinks
                .iter()
                .find(|place| place.sink.name == route.sink)?;
            Some(place.delivery(route, rule, &event, &scope, now))
        });
        Explained {
            deliveries: deliveries.collect(),
            from,
            rules,
            event,
        }
    }
}

/// What every rule says about an event, in the order of the file, by the hours of a moment as
/// [`Rules::routes_at`] takes it.
pub(super) fn told(rules: &Rules, event: &Event, moment: Option<Timestamp>) -> Vec<RuleTold> {
    let scope = Scope::new(event);
    let explained = rules.explain_at(event, moment).into_iter();
    let told = explained.zip(rules.all()).map(|((_, why), rule)| {
        let when = rule
            .when
            .as_ref()
            .filter(|_| matches!(why, Why::When { .. }));
        let causes = when.map(|when| when.why_false(&scope)).unwrap_or_default();
        RuleTold {
            rule: Arc::clone(&rule.name),
            reason: words::why_not(rule, &why, &causes),
            why,
            causes,
        }
    });
    told.collect()
}

impl Place {
    fn delivery(
        &self,
        route: &Route,
        rule: &Rule,
        event: &Event,
        scope: &Scope,
        now: Timestamp,
    ) -> Delivery {
        let Self { sink, example } = self;
        let expires = rule.expires.or(sink.expires);
        // A sink that refuses what stands in for its secrets is told with all but its request.
        let preview = |message: Option<&str>| {
            let example = example
                .as_ref()
                .ok_or("its request cannot be shown without its secrets")?;
            let living = route.living.clone().map(|key| Living {
                key,
                message: message.map(Into::into),
            });
            dispatch::preview(&example.sink, sink, rule, event, living, DELIVERY_ID, now)
                .map(Shown::of)
        };
        let can = sink.translator.can_update();
        let later = || Later::of(preview(Some(MESSAGE)).ok()?);
        Delivery {
            sink: route.sink.clone(),
            kind: sink.kind,
            place: sink.display.clone(),
            rule: Arc::clone(&route.rule),
            priority: route.priority,
            expires,
            too_old: retry::expired(event, expires, now),
            is_quiet: sink.translator.ring() == Ring::Asked
                && rule.is_quiet(event, event.time.unwrap_or(now)),
            bundle: rule.collects().then(|| Shared {
                by: Counted::by(rule.coalesce.as_ref().and_then(|it| it.key.as_ref()), scope),
                closes: route.bundle.as_ref().map(|bundle| bundle.closes),
                is_digest: rule.digest.is_some(),
            }),
            fallback: route.fallback.as_ref().map(|it| (it.to.clone(), it.after)),
            throttle: rule.throttle.as_ref().map(|throttle| Counted {
                limit: Some((throttle.limit, throttle.per)),
                ..Counted::by(throttle.key.as_ref(), scope)
            }),
            ordered: match &sink.ordered {
                Ordered::No => None,
                Ordered::All => Some(Counted::by(None, scope)),
                Ordered::By(key) => Some(Counted::by(Some(key), scope)),
            },
            update: rule.update.as_ref().map(|key| Update {
                by: Counted::by(Some(key), scope),
                can,
                later: (can && route.living.is_some()).then(later).flatten(),
            }),
            left_out: dispatch::left_out(sink, rule, event, now),
            request: preview(None),
            example: example.clone(),
        }
    }
}

impl Delivery {
    /// A part of its request, with a word for each secret that stood there.
    #[must_use]
    pub fn shown(&self, text: &str, word: impl Fn(&str) -> String) -> String {
        match &self.example {
            Some(example) => example.shown(text, word),
            None => text.to_owned(),
        }
    }
}

impl Later {
    fn of(shown: Shown) -> Option<Self> {
        let Shown::Http { method, url, .. } = shown else {
            return None;
        };
        Some(Self {
            method,
            url: url.replace(MESSAGE, "MESSAGE_ID"),
        })
    }
}

impl Counted {
    fn by(key: Option<&crate::expr::Expression>, scope: &Scope) -> Self {
        let value = key.map(|key| key.key(scope));
        let (key_value, fault) = match value {
            None => (Some(String::new()), None),
            Some(Ok(value)) => (value, None),
            Some(Err(fault)) => (None, Some(fault.to_string())),
        };
        Self {
            limit: None,
            by: key.map(|key| key.source().to_owned()),
            key: key_value,
            fault,
        }
    }
}

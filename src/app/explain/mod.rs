//! What would become of an event: which rules match, why others do not, and the requests that would go
//! out, all of it without a queue and without a socket.
//!
//! A part of its own because it uses what `run` uses (the sources' own decoders, the rules, the sinks'
//! own encoders) and starts nothing of it. It finds out and says it; the form for a terminal is made
//! above. The sinks here are examples that were never given a secret, so no request can hold one.

mod request;
mod words;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::value::RawValue;

pub use request::{Header, Shown};

use super::Plan;
use crate::clock::Clock;
use crate::config::SinkConfig;
use crate::dispatch;
use crate::expr::{Cause, Scope};
use crate::model::{Event, INTERNAL_SOURCE, Name, Route};
use crate::retry;
use crate::rules::{Rule, Rules, Why};
use crate::sinks::{self, Example, Ordered, Sink};
use crate::sources::{self, Control, Source, What};

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
    /// How its rule's throttle counts it.
    pub throttle: Option<Counted>,
    /// Whose order it keeps.
    pub ordered: Option<Counted>,
    /// What would be sent, or why nothing can be.
    pub request: Result<Shown, String>,
    /// What knows the names of what is hidden in the request.
    example: Option<Arc<Example>>,
}

/// How a throttle or an order takes a delivery.
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

    /// The source of this name, if there is one.
    #[must_use]
    pub fn source(&self, name: &str) -> Option<Name> {
        let mut names = self.sources.iter().map(|source| &source.name);
        match name {
            INTERNAL_SOURCE => Some(internal()),
            _ => names.find(|known| known.as_str() == name).cloned(),
        }
    }

    /// Every source that can be named.
    #[must_use]
    pub fn sources(&self) -> Vec<Name> {
        let names = self.sources.iter().map(|source| source.name.clone());
        names.chain([internal()]).collect()
    }

    /// Explains what a source would make of a payload; without one, a source is assumed.
    ///
    /// # Errors
    /// What is wrong with the payload, in words that go behind "this".
    pub fn explain(&self, payload: Bytes, source: Option<&Name>) -> Result<Told, String> {
        let is_assumed = source.is_none();
        let head = head(&payload)?;
        let source = match source {
            Some(source) => source.clone(),
            None => self.assumed(&head)?,
        };
        let now = self.clock.now();
        let by_name = |one: &&Source| one.name == source;
        let found = self.sources.iter().find(by_name);
        let what = match found {
            Some(found) => found.connector.read(payload, now),
            None => sources::read_internal(payload, now),
        };
        let from = Origin { source, is_assumed };
        let mut event = match what {
            What::Event(event) => event,
            What::Control(control) => {
                let kind = match control {
                    Control::Recycle { .. } => "recycle",
                    Control::AuthRevoked { .. } => "auth_revoked",
                };
                return Ok(Told::Control { from, kind });
            }
            What::Skipped { bytes, .. } => {
                return Err(format!(
                    "is skipped: {bytes} bytes are more than `max_event_size` of source `{}`",
                    from.source
                ));
            }
            What::Undecodable { reason } => {
                return Err(format!(
                    "cannot be read by source `{}`: {reason}",
                    from.source
                ));
            }
            _ => return Err("is no event".to_owned()),
        };
        // What was found over REST says so in its payload, which is how receivers keep it.
        if found.is_some_and(|found| found.rest.is_some()) && head.backfilled == Some(true) {
            event.backfilled = true;
            event.about = head
                .partial
                .map(|partial| Bytes::from(serde_json::json!({ "partial": partial }).to_string()));
        }
        Ok(Told::Event(Box::new(self.routed(from, event, now))))
    }

    /// The source that a payload comes from when nobody says it.
    fn assumed(&self, head: &Head) -> Result<Name, String> {
        let own = format!("{INTERNAL_SOURCE}.");
        if head
            .kind
            .as_ref()
            .is_some_and(|kind| kind.starts_with(&own))
        {
            return Ok(internal());
        }
        let heard = |source: &&Source| {
            let rules = self.rules.all().iter();
            let mut heard = rules.map(|rule| rule.from.as_ref());
            heard.any(|from| from.is_none_or(|from| from.contains(&source.name)))
        };
        let source = match self.sources.as_slice() {
            [only] => Some(only),
            several => several.iter().find(heard).or(several.first()),
        };
        let source = source.map(|source| source.name.clone());
        source.ok_or_else(|| "comes from no source: none is configured".to_owned())
    }

    fn routed(&self, from: Origin, event: Event, now: Timestamp) -> Explained {
        let scope = Scope::new(&event);
        let told = self.rules.explain(&event).into_iter().zip(self.rules.all());
        let rules = told.map(|((_, why), rule)| {
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
        let rules = rules.collect();
        let routed = self.rules.routes(&event);
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
        let living = route.living.as_deref();
        // A sink that refuses what stands in for its secrets is told with all but its request.
        let outgoing = match example {
            Some(example) => {
                dispatch::preview(&example.sink, rule, event, living, DELIVERY_ID, now)
            }
            None => Err("its request cannot be shown without its secrets".to_owned()),
        };
        Delivery {
            sink: route.sink.clone(),
            kind: sink.kind,
            place: sink.display.clone(),
            rule: Arc::clone(&route.rule),
            priority: route.priority,
            expires,
            too_old: retry::expired(event, expires, now),
            throttle: rule.throttle.as_ref().map(|throttle| Counted {
                limit: Some((throttle.limit, throttle.per)),
                ..Counted::by(throttle.key.as_ref(), scope)
            }),
            ordered: match &sink.ordered {
                Ordered::No => None,
                Ordered::All => Some(Counted::by(None, scope)),
                Ordered::By(key) => Some(Counted::by(Some(key), scope)),
            },
            request: outgoing.map(Shown::of),
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

fn internal() -> Name {
    Name::new(INTERNAL_SOURCE).expect("a constant that is a name")
}

/// What is looked at before a source reads a payload.
#[derive(Debug, Default, serde::Deserialize)]
struct Head {
    #[serde(default, rename = "type", deserialize_with = "lenient")]
    kind: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    backfilled: Option<bool>,
    #[serde(default, deserialize_with = "lenient")]
    partial: Option<Vec<String>>,
}

/// A member of the type that is wanted, or none.
fn lenient<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: serde::de::DeserializeOwned,
{
    let raw: &RawValue = serde::Deserialize::deserialize(deserializer)?;
    Ok(serde_json::from_str(raw.get()).ok())
}

/// Reads the head of a payload, which has to be one JSON document; one that is no object has none.
fn head(payload: &[u8]) -> Result<Head, String> {
    let document: &RawValue = serde_json::from_slice(payload).map_err(|error| {
        // A payload is one line, so only the column says something.
        let text = error
            .to_string()
            .replace(" at line 1 column ", " at column ");
        format!("is no JSON: {text}")
    })?;
    Ok(serde_json::from_str(document.get()).unwrap_or_default())
}

//! A delivery in, a request out; an answer in, a verdict out: one translator for each kind of sink.
//!
//! A room of its own so that everything a platform wants (its fields, limits, signatures, refusals)
//! stands in one file of that platform, and a new kind is that file and its line in [`KINDS`]. It is
//! pure: no clock, no network, no randomness. It does not decide when to try again, and it does not
//! render templates: it carries them, compiled, to whoever does.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
#[cfg(test)]
use schemars::{Schema, SchemaGenerator};

#[cfg(test)]
use crate::config::form;
use crate::config::{SinkConfig, Table};
use crate::expr::Template;
use crate::model::{
    DeliveryId, Event, Failure, Ladder, Living, Name, Reply, Rests, Trace, Verdict,
};
use crate::transport::{Credentials, Outgoing};

mod address;
mod bundle;
mod cut;
mod discord;
mod example;
mod exec;
mod judge;
mod mqtt;
mod ntfy;
mod options;
mod question;
mod record;
mod request;
mod slack;
mod slot;
mod telegram;
mod webhook;
pub mod wording;

#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;

pub(crate) use address::{Address, parse as parse_address};
pub use bundle::{Collected, collected};
pub use example::{EXAMPLE_SECRET, Example, example};
pub use options::{Ordered, RateLimit};
pub use question::{Heard, Question};
pub use slot::{Filled, Slot};
pub use webhook::verify;
pub use wording::Wording;

/// Every kind of sink there is.
pub const KINDS: &[Kind] = &[
    webhook::KIND,
    discord::KIND,
    slack::KIND,
    ntfy::KIND,
    telegram::KIND,
    mqtt::KIND,
    exec::KIND,
];

/// Speaks one platform's language for one sink.
pub trait Translator: Send + Sync + fmt::Debug {
    /// The request that carries a delivery.
    ///
    /// # Errors
    /// [`EncodeError`] when no request can carry it: a dead letter.
    fn encode(&self, message: &Message<'_>) -> Result<Outgoing, EncodeError>;

    /// What is to be said once, before the first delivery, so that the receiver knows what will come.
    /// Nothing depends on its answer.
    fn greeting(&self) -> Option<Outgoing> {
        None
    }

    /// What can be asked of the receiver without sending it anything, in this order, each one only
    /// if the one before was answered well.
    fn questions(&self) -> Vec<Question>;

    /// The program that each delivery starts, where one does.
    fn program(&self) -> Option<&Path> {
        None
    }

    /// What is allowed in the options, but hardly meant.
    fn warnings(&self) -> &[String] {
        &[]
    }

    /// Whether a request in which these options are filled in shows a title and a message.
    fn shows_wording(&self, _filled: &Filled) -> bool {
        true
    }

    /// Whether one notification can be changed by later deliveries.
    fn can_update(&self) -> bool {
        false
    }

    /// Whether the platform rings for what it is sent.
    fn ring(&self) -> Ring {
        Ring::Never
    }

    /// What the platform calls the notification that an accepted request has made, where a later
    /// delivery needs that to change it.
    fn posted(&self, _reply: &Reply) -> Option<String> {
        None
    }

    /// What an answer means.
    fn judge(&self, reply: &Reply, facts: &Facts) -> Verdict {
        judge::by_status(reply, facts)
    }

    /// How long the sink had better rest after an answer, whatever it meant for its delivery: the
    /// budget is used up, or a gateway is struggling.
    fn rest_after(&self, reply: &Reply) -> Option<Duration> {
        judge::rest_after(reply)
    }
}

/// Whether a platform rings for what it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ring {
    /// By itself it rings for nobody; what comes after it may.
    Never,
    /// It rings unless it is told not to.
    Asked,
    /// It rings as it sees fit, and cannot be told not to.
    Always,
}

/// What there is to say, and how often it has been tried.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// The delivery, the same over all its attempts.
    pub id: &'a DeliveryId,
    /// The time of this attempt.
    pub now: Timestamp,
    /// What happened.
    pub event: &'a Event,
    /// How it reads.
    pub wording: &'a Wording,
    /// The rule's priority, from 1 to 5, before the sink's and the event type's own.
    pub priority: Option<u8>,
    /// Nothing is to ring.
    pub quiet: bool,
    /// Why it comes here and not where its rule sends it first.
    pub instead: Option<&'a str>,
    /// The notification that it changes.
    pub living: Option<&'a Living>,
    /// The rich form was refused: the barest form now.
    pub plain: bool,
    /// The attempt's place in the trace of its event, for receivers that follow traces.
    pub trace: Trace,
}

/// What a verdict depends on beside the answer.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// The time.
    pub now: Timestamp,
    /// Number of this attempt of its delivery, from 1.
    pub attempt: u32,
    /// Whether the request was the plain form.
    pub plain: bool,
    /// Whether the request was to change a notification that there was.
    pub edit: bool,
    /// Deliveries of this sink that died in a row right before this one.
    pub dead_in_row: u32,
}

/// Why no request can carry a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodeError {
    /// The reason on the dead letter.
    pub reason: String,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for EncodeError {}

/// One configured sink.
#[derive(Debug)]
pub struct Sink {
    /// Its name.
    pub name: Name,
    /// Its kind.
    pub kind: &'static str,
    /// Where it goes, for people: the host and a short hash, never the credential.
    pub display: String,
    /// Longest time that one request may take, answer included.
    pub timeout: Duration,
    /// Most requests on their way at once.
    pub concurrency: usize,
    /// Its pace; `None` for as fast as it goes.
    pub rate_limit: Option<RateLimit>,
    /// Which of its deliveries keep the order of their events.
    pub ordered: Ordered,
    /// An event older than this is not worth a ring.
    pub expires: Option<Duration>,
    /// The bounds of trying again.
    pub retry: Ladder,
    /// How long it rests when told "later" without a time.
    pub rests: Rests,
    /// Whether link-local addresses may be dialled.
    pub allow_link_local: bool,
    /// Template of the title.
    pub title: Option<Template>,
    /// Template of the message.
    pub message: Option<Template>,
    /// Other options that templates write, into [`Wording::filled`].
    pub slots: Vec<Slot>,
    /// Speaks its language.
    pub translator: Box<dyn Translator>,
    /// What its requests show and no answer may bring back.
    credentials: Credentials,
}

impl Sink {
    /// What it means that there was no answer; of one that took too long, also how long it had and what
    /// sets that.
    #[must_use]
    pub fn judge_failure(&self, failure: &Failure) -> Verdict {
        let limit = match failure {
            Failure::Timeout => format!(" (`timeout = \"{:?}\"`)", self.timeout),
            _ => String::new(),
        };
        judge::failure(failure, &limit)
    }

    /// A receiver's words without the credentials that it may have repeated.
    #[must_use]
    pub fn without_credentials(&self, text: &str) -> String {
        self.credentials.hidden_in(text)
    }
}

/// One kind of sink.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// The word for it in the configuration.
    pub name: &'static str,
    /// The pace of a sink that sets none, below what the platform allows.
    pub rate_limit: Option<RateLimit>,
    /// Rests of a sink whose receiver gives no time.
    pub rests: Rests,
    /// Reads the options of this kind.
    build: fn(&mut Table) -> Option<Parts>,
    /// Describes them.
    #[cfg(test)]
    form: form::Form,
}

/// What a kind makes of its own options.
struct Parts {
    display: String,
    slots: Vec<Slot>,
    translator: Box<dyn Translator>,
}

/// Describes the table of a sink: for each kind its own options and those of all.
#[cfg(test)]
pub fn form(generator: &mut SchemaGenerator) -> Schema {
    let kinds = KINDS.iter().map(|kind| (kind.name, kind.form));
    form::kinds(
        generator,
        SchemaGenerator::subschema_for::<options::Form>,
        kinds,
    )
}

/// Makes a sink of its configuration. `None` when something is wrong, which the table's list of
/// problems then tells, all of it at once.
#[must_use]
pub fn build(config: &SinkConfig) -> Option<Sink> {
    let mut table = config.options.clone();
    let Some(kind) = KINDS.iter().find(|kind| kind.name == config.kind) else {
        table.impossible("kind", &config.kind, KINDS.iter().map(|kind| kind.name));
        return None;
    };
    let problems = table.problems().clone();
    let before = problems.list().len();
    let common = options::read(&mut table, kind);
    let parts = (kind.build)(&mut table);
    let credentials = Credentials::of(&table.secrets_read());
    table.finish();
    if problems.list().len() > before {
        return None;
    }
    let parts = parts?;
    Some(Sink {
        name: config.name.clone(),
        kind: kind.name,
        display: parts.display,
        timeout: common.timeout,
        concurrency: common.concurrency,
        rate_limit: common.rate_limit,
        ordered: common.ordered,
        expires: common.expires,
        retry: common.retry,
        rests: kind.rests,
        allow_link_local: common.allow_link_local,
        title: common.title,
        message: common.message,
        slots: parts.slots,
        translator: parts.translator,
        credentials,
    })
}

//! One attempt of one delivery, from the claim to the settlement.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, sleep, sleep_until};

use super::Parts;
use crate::clock::Clock;
use crate::expr::Scope;
use crate::model::{Attempt, Claim, Failure, Outcome, Reply, Settlement, State, Verdict};
use crate::retry;
use crate::rules::Rules;
use crate::sinks::{Message, Sink, Wording};
use crate::status::Status;
use crate::store::Store;
use crate::transport::{Client, Reach};

/// Bytes of an answer that are kept with the attempt.
const ANSWER_BYTES_MAX: usize = 1024;

/// Wait before a settlement that could not be written is tried again.
const SETTLE_AGAIN: Duration = Duration::from_millis(500);

/// What all attempts of one lane share.
pub(super) struct Sender {
    pub(super) store: Store,
    pub(super) status: Status,
    pub(super) clock: Clock,
    pub(super) sink: Arc<Sink>,
    client: Client,
    rules: Arc<Rules>,
    give_up_at: OnceLock<Instant>,
    stopping: tokio::sync::Notify,
}

/// What an attempt came to.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) claim: Claim,
    /// Whether a request left.
    pub(super) sent: bool,
    /// The outcome of the request, if one left and its end was seen.
    pub(super) outcome: Option<Outcome>,
    pub(super) state: State,
    pub(super) reason: Option<String>,
    pub(super) status: Option<u16>,
    pub(super) answer: Option<String>,
    pub(super) rest_until: Option<Timestamp>,
    pub(super) suspend: Option<String>,
}

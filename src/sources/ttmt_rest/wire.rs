//! One request to the API and its answer: what leaves, and what an answer does to the key's budget.
//!
//! A file of its own because it is the only place in the room that sends. It follows no redirect, which
//! the transport does not either: a 3xx is an answer like any other, and the key goes nowhere else.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, HeaderValue, IF_NONE_MATCH};
use serde_json::Value;
use url::Url;

use super::answer::{self, Answer, Refused, Unsent};
use super::cache::{Cache, Known};
use super::page;
use super::query::Uuid;
use crate::clock::Clock;
use crate::model::{Failure, Reply, Secret};
use crate::sources::budget::{self, Budget, Share};
use crate::sources::{Pending, refusal};
use crate::transport::{self, Credentials, Reach};

/// The limit for one request, from dialling to the end of its answer.
const TIMEOUT: Duration = Duration::from_secs(20);

/// The rest after a 429 that does not say how long.
const RATE_REST: Duration = Duration::from_mins(1);

/// Sends a request and brings its answer.
pub trait Wire: Send + Sync {
    /// Sends one request.
    ///
    /// # Errors
    /// The [`Failure`] that kept an answer from coming.
    fn send(&self, request: http::Request<Bytes>) -> Pending<'_, Result<Reply, Failure>>;

    /// Most bytes of a body that are brought.
    fn reply_bytes_max(&self) -> usize;
}

impl Wire for transport::Client {
    fn send(&self, request: http::Request<Bytes>) -> Pending<'_, Result<Reply, Failure>> {
        // The upstream's address is the operator's own choice; what its name resolves to is not.
        Box::pin(Self::send(self, request, TIMEOUT, Reach::AsWritten))
    }

    fn reply_bytes_max(&self) -> usize {
        Self::reply_bytes_max(self)
    }
}

/// What all handles to one key's API have in common.
pub(super) struct Api {
    pub(super) wire: Arc<dyn Wire>,
    pub(super) base: Url,
    pub(super) authorization: HeaderValue,
    pub(super) account_id: Option<Uuid>,
    pub(super) budget: Arc<Budget>,
    pub(super) clock: Clock,
    pub(super) cache: Cache,
}

/// Names and values of a query, not encoded yet.
type Query<'a> = &'a [(&'static str, String)];

impl Api {
    /// Asks for what stands at `path`, and reads a good answer with `shape`.
    pub(super) async fn get<T>(
        &self,
        share: Share,
        path: &str,
        query: Query<'_>,
        shape: impl FnOnce(Value) -> Option<T>,
    ) -> Answer<T> {
        match self.exchange(share, path, query, None).await {
            Ok(reply) => self.read(&reply, shape),
            Err(answer) => answer,
        }
    }

    /// Asks for a single object, unless what is known of it is still fresh.
    pub(super) async fn object(&self, share: Share, path: &str) -> Answer<Value> {
        let stored = match self.cache.look_up(path) {
            Known::Fresh(stored) => return again(&stored.body),
            Known::Stale(stored) => Some(stored),
            Known::Nothing => None,
        };
        let etag = stored.as_ref().map(|stored| &stored.etag);
        let mut reply = match self.exchange(share, path, &[], etag).await {
            Ok(reply) => reply,
            Err(answer) => return answer,
        };
        if reply.status == 304 {
            if let Some(stored) = stored {
                let answer = again(&stored.body);
                self.cache.confirm(path, stored, &reply.headers);
                return answer;
            }
            // Nothing was said that could have stayed the same, so it is worth one more question.
            reply = match self.exchange(share, path, &[], None).await {
                Ok(reply) => reply,
                Err(answer) => return answer,
            };
        }
        let answer = self.read(&reply, page::object);
        match &answer {
            Answer::Found(_) => self.cache.keep(path, &reply.headers, &reply.body),
            Answer::Refused(Refused { status: 404, .. }) => self.cache.forget(path),
            _ => {}
        }
        answer
    }

    /// Sends one request within the budget, and lets the budget know what came back.
    async fn exchange<T>(
        &self,
        share: Share,
        path: &str,
        query: Query<'_>,
        etag: Option<&HeaderValue>,
    ) -> Result<Reply, Answer<T>> {
        let Some(request) = self.request(path, query, etag) else {
            return Err(Answer::Unsent(Unsent::Address));
        };
        if self.budget.permit_for(share).await.is_err() {
            return Err(Answer::Refused(Refused::of(401)));
        }
        let reply = self.wire.send(request).await.map_err(Answer::Failed)?;
        if let Some(requests) = budget::told(&reply.headers) {
            self.budget.remaining(requests);
        }
        match reply.status {
            401 => self.budget.close(),
            429 => {
                let wait = refusal::wait(&reply.headers, self.clock.now());
                self.budget.rest(wait.unwrap_or(RATE_REST));
            }
            _ => {}
        }
        Ok(reply)
    }

    fn read<T>(&self, reply: &Reply, shape: impl FnOnce(Value) -> Option<T>) -> Answer<T> {
        let bytes_max = self.wire.reply_bytes_max();
        let mut answer = answer::read(reply, bytes_max, self.clock.now(), shape);
        if let Answer::Refused(refused) = &mut answer {
            refused.problem.take_if(|problem| self.is_shown_by(problem));
        }
        answer
    }

    /// Whether a text holds the key, which some servers repeat.
    fn is_shown_by(&self, text: &str) -> bool {
        let key = String::from_utf8_lossy(self.authorization.as_bytes());
        let key = Secret::new(key.into_owned());
        Credentials::of([&key]).hidden_in(text) != text
    }

    fn request(
        &self,
        path: &str,
        query: Query<'_>,
        etag: Option<&HeaderValue>,
    ) -> Option<http::Request<Bytes>> {
        let mut url = self.base.clone();
        url.set_path(&format!("{}/{path}", url.path().trim_end_matches('/')));
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut request = http::Request::get(url.as_str())
            .header(AUTHORIZATION, self.authorization.clone())
            .header(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(etag) = etag {
            request = request.header(IF_NONE_MATCH, etag.clone());
        }
        request.body(Bytes::new()).ok()
    }
}

/// A stored object once more.
fn again(body: &[u8]) -> Answer<Value> {
    match answer::found(body, page::object) {
        Ok(object) => Answer::Found(object),
        Err(why) => Answer::Unreadable(why),
    }
}

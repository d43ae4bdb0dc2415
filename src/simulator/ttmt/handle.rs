//! The way into a running simulator: what it was asked, what it is to send, and what is to go wrong.
//!
//! Its own file because it is what tests hold in their hands. Everything here acts at once and in the
//! order of the calls.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::ConnectInfo;
use bytes::Bytes;
use tower::ServiceExt;

use super::super::answer::Answer;
use super::super::wire::Wire;
use super::api::Api;
use super::fault::Fault;
use super::message::Message;
use super::requests::Request;
use super::router;

/// A running simulator. Clones lead to the same one.
#[derive(Clone)]
pub struct Handle {
    pub(super) api: Arc<Api>,
    pub(super) addr: SocketAddr,
}

impl Handle {
    /// The address that it listens on.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.addr
    }

    /// The address of the API, as a source's `base_url`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}/api/v1", self.addr)
    }

    /// The latest requests to the API, oldest first.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.api.requests.list()
    }

    /// Answers one request without a socket. What only a socket can do, such as a reset, does not happen.
    pub async fn ask(&self, request: http::Request<Bytes>) -> http::Response<Body> {
        let wire = Extension(ConnectInfo(Wire::unconnected()));
        let router = router(&self.api, self.addr.ip().is_loopback()).layer(wire);
        let Ok(response) = router.oneshot(request.map(Body::from)).await;
        response
    }

    /// Waits for a request of which this is true. Also looks at those that are over.
    pub async fn request(&self, wanted: impl Fn(&Request) -> bool) -> Request {
        self.api.requests.find(wanted).await
    }

    /// Whether a stream is open and will hear what is sent.
    #[must_use]
    pub fn is_heard(&self) -> bool {
        self.api.feed.is_heard()
    }

    /// Waits for an open stream that will hear what is sent.
    pub async fn heard(&self) {
        self.api.feed.heard().await;
    }

    /// Waits until no stream is open, or none that would hear what is sent.
    pub async fn unheard(&self) {
        self.api.feed.unheard().await;
    }

    /// The id that the next event gets.
    #[must_use]
    pub fn next_id(&self) -> u64 {
        self.api.feed.next_id()
    }

    /// Waits until the script is played to its end.
    pub async fn played(&self) {
        let mut played = self.api.played.subscribe();
        // The sender lives as long as this handle does.
        let _ = played.wait_for(|played| *played).await;
    }

    /// Sends a payload byte for byte, with the id that the real API would give it. A control event is
    /// followed by the end of the connection. Returns the id, if it has one.
    pub async fn send_raw(&self, payload: impl Into<Bytes>) -> Option<u64> {
        self.send(Message::new(payload.into())).await
    }

    /// Sends a message as it is written. Returns the id, if it is a number.
    pub async fn send(&self, message: Message) -> Option<u64> {
        self.api.send(&message).await
    }

    /// Makes something go wrong, or right again.
    pub async fn simulate(&self, fault: Fault) {
        Box::pin(self.api.apply(fault)).await;
    }

    /// Prepares the answer to the next request to this path (such as `/api/v1/stream`) or below it.
    /// It is sent as it stands, with no check of the key before and no header added.
    pub fn answer(&self, path: &str, answer: Answer) {
        self.api.answers.push(path, answer);
    }

    /// Sets what to answer from now on to requests to this path or below it; where the rule gives
    /// nothing, the API answers as ever.
    pub fn answer_by(
        &self,
        path: &str,
        rule: impl Fn(&Request) -> Option<Answer> + Send + Sync + 'static,
    ) {
        self.api.answers.rule(path, Some(Arc::new(rule)));
    }

    /// Removes a rule.
    pub fn answer_as_ever(&self, path: &str) {
        self.api.answers.rule(path, None);
    }

    /// Pauses the world or the script.
    pub async fn pause(&self, time: Duration) {
        self.simulate(Fault::Pause(time)).await;
    }

    /// Cuts the open connection.
    pub async fn drop_stream(&self) {
        self.simulate(Fault::Drop).await;
    }

    /// Ends the open connection properly, without a word.
    pub async fn close_stream(&self) {
        self.simulate(Fault::Close).await;
    }

    /// Resets the open connection.
    pub async fn reset_stream(&self) {
        self.simulate(Fault::Reset).await;
    }

    /// Lets the open connection hear nothing more.
    pub async fn silence(&self) {
        self.simulate(Fault::Silence).await;
    }

    /// Recycles the open connection.
    pub async fn recycle(&self) {
        self.simulate(Fault::Recycle).await;
    }

    /// Deploys the server anew: ids from 1, nothing remembered.
    pub async fn restart(&self) {
        self.simulate(Fault::Restart).await;
    }

    /// Takes the container down for a while.
    pub async fn unavailable(&self, time: Duration) {
        self.simulate(Fault::Unavailable(time)).await;
    }

    /// Brings the container back.
    pub async fn available(&self) {
        self.simulate(Fault::Available).await;
    }

    /// Takes the network away for a while.
    pub async fn away(&self, time: Duration) {
        self.simulate(Fault::Away(time)).await;
    }

    /// Brings the network back.
    pub async fn back(&self) {
        self.simulate(Fault::Back).await;
    }

    /// Revokes the key.
    pub async fn revoke(&self) {
        self.simulate(Fault::Revoke).await;
    }

    /// Suspends the account's access.
    pub async fn suspend(&self) {
        self.simulate(Fault::Suspend).await;
    }

    /// Makes the key work again.
    pub async fn restore(&self) {
        self.simulate(Fault::Restore).await;
    }

    /// Lets the world take this many steps at once, also when a script is played or nobody listens.
    pub async fn live(&self, steps: u64) {
        self.simulate(Fault::Live(steps)).await;
    }

    /// Sends this many events of a type at once.
    pub async fn burst(&self, count: u64, kind: &str) {
        let kind = kind.to_owned();
        self.simulate(Fault::Burst { count, kind }).await;
    }

    /// Sends this many updates, or one more than the replay buffer holds.
    pub async fn overrun(&self, count: Option<u64>) {
        self.simulate(Fault::Overrun(count)).await;
    }

    /// Sends one event of this many bytes.
    pub async fn oversized(&self, bytes: usize) {
        self.simulate(Fault::Oversized(bytes)).await;
    }

    /// Sends one event of a type that nobody documented.
    pub async fn unknown(&self) {
        self.simulate(Fault::Unknown("engine_status".to_owned()))
            .await;
    }

    /// Sends the next frames of the open stream byte by byte.
    pub async fn shred(&self, frames: u64) {
        self.simulate(Fault::Shred(frames)).await;
    }

    /// Puts these bytes on the stream as they are.
    pub async fn wire(&self, bytes: impl Into<Bytes>) {
        self.simulate(Fault::Raw(bytes.into())).await;
    }
}

//! Something to do with the queue, and the end at which its answer arrives.

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::StoreError;
use super::tags::Tags;

/// Something to read or write, with somebody who waits for the answer.
pub(super) trait Work: Send {
    /// Does the work inside a transaction and keeps the result. May be called again after a rollback.
    fn apply(&mut self, connection: &Connection, tags: &Tags) -> Result<(), StoreError>;
    /// The bytes of a batch of events, which has to leave a reserve to everything else.
    fn bytes(&self) -> Option<u64>;
    /// Answers with the kept result, which is durable now, or with the failure.
    fn answer(self: Box<Self>, failure: Option<StoreError>);
}

struct Call<T, F> {
    apply: F,
    bytes: Option<u64>,
    result: Option<T>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Work for Call<T, F>
where
    T: Send,
    F: FnMut(&Connection, &Tags) -> Result<T, StoreError> + Send,
{
    fn apply(&mut self, connection: &Connection, tags: &Tags) -> Result<(), StoreError> {
        self.result = None;
        self.result = Some((self.apply)(connection, tags)?);
        Ok(())
    }

    fn bytes(&self) -> Option<u64> {
        self.bytes
    }

    fn answer(self: Box<Self>, failure: Option<StoreError>) {
        let answer = match failure {
            Some(error) => Err(error),
            None => self.result.ok_or(StoreError::Closed),
        };
        // A caller that has gone away has no use for the answer; what was done stays done.
        drop(self.reply.send(answer));
    }
}

/// Work, and the end at which its answer arrives.
pub(super) fn work<T: Send + 'static>(
    bytes: Option<u64>,
    apply: impl FnMut(&Connection, &Tags) -> Result<T, StoreError> + Send + 'static,
) -> (Box<dyn Work>, oneshot::Receiver<Result<T, StoreError>>) {
    let (reply, answer) = oneshot::channel();
    let call = Call {
        apply,
        bytes,
        result: None,
        reply,
    };
    (Box::new(call), answer)
}

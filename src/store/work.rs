//! Something to do with the queue, and the end at which its answer arrives.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::StoreError;
use super::hands::Hands;
use super::lead::Held;
use super::sql::Connection;
use super::tags::Tags;

/// Something to read or write, with somebody who waits for the answer.
pub(super) trait Work: Send {
    /// Does the work inside a transaction and keeps the result. May be called again after a rollback.
    fn apply(
        &mut self,
        connection: &Connection<'_>,
        tags: &Tags,
        hands: &mut Hands,
    ) -> Result<(), StoreError>;
    /// How it is to be done.
    fn manner(&self) -> Manner;
    /// The duty that it is done for, which must be ours still.
    fn by(&self) -> Option<&Arc<Held>>;
    /// Answers with the kept result, which is as durable as was asked for, or with the failure.
    fn answer(self: Box<Self>, failure: Option<StoreError>);
}

/// How work is to be done.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Manner {
    /// The bytes of a batch of events, which has to leave a reserve to everything else.
    pub(super) bytes: Option<u64>,
    /// When it is on the disk.
    pub(super) flush: Flush,
}

/// When work is done, and on the disk. A queue on a server flushes all that it does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flush {
    /// It is flushed at once, and answered then.
    #[default]
    Now,
    /// It is done at once, so that the end of this process cannot undo it, and answered when it is flushed, with
    /// whatever is flushed next; within 20 ms at most.
    Shared,
    /// It is done with whatever is done next, or by itself after 3 ms, and otherwise as [`Flush::Shared`].
    Rides,
    /// It is done at once and answered, and flushed with whatever is flushed next. Where the machine itself ends
    /// before that, it may not have been done.
    Later,
}

impl Flush {
    /// Whether whoever asks for it waits for what others do, and may hurry it.
    pub(super) const fn may_be_hurried(self) -> bool {
        matches!(self, Self::Shared | Self::Rides)
    }
}

struct Call<T, F> {
    apply: F,
    manner: Manner,
    by: Option<Arc<Held>>,
    result: Option<T>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Work for Call<T, F>
where
    T: Send,
    F: FnMut(&Connection<'_>, &Tags, &mut Hands) -> Result<T, StoreError> + Send,
{
    fn apply(
        &mut self,
        connection: &Connection<'_>,
        tags: &Tags,
        hands: &mut Hands,
    ) -> Result<(), StoreError> {
        self.result = None;
        self.result = Some((self.apply)(connection, tags, hands)?);
        Ok(())
    }

    fn manner(&self) -> Manner {
        self.manner
    }

    fn by(&self) -> Option<&Arc<Held>> {
        self.by.as_ref()
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
    manner: Manner,
    by: Option<Arc<Held>>,
    apply: impl FnMut(&Connection<'_>, &Tags, &mut Hands) -> Result<T, StoreError> + Send + 'static,
) -> (Box<dyn Work>, oneshot::Receiver<Result<T, StoreError>>) {
    let (reply, answer) = oneshot::channel();
    let call = Call {
        apply,
        manner,
        by,
        result: None,
        reply,
    };
    (Box::new(call), answer)
}

//! What the thread that owns the queue is asked for.

use tokio::sync::oneshot;

use super::StoreError;
use super::sql::SqlError;
use super::work::Work;

/// One request on the line.
pub(super) enum Request {
    /// Something to read or write.
    Work(Box<dyn Work>),
    /// Everything on the disk together is to stay below so many bytes.
    Limit(u64, oneshot::Sender<Result<(), StoreError>>),
    /// What rides has met nothing to ride with: it is done by itself, and flushed later.
    Alone,
    /// What waits for a flush has waited for long enough.
    Hurry,
    /// The log is too long, and nobody reads from it at this moment.
    Shorten(oneshot::Sender<()>),
    /// Whoever reads has found that the file is not at its place, or is again.
    Replaced,
    /// Whoever reads has found that the file is damaged.
    Damaged(SqlError),
    /// Nothing comes after what is on the line now.
    Close(oneshot::Sender<()>),
}

impl Request {
    /// The request to keep to a limit, and the end at which its answer arrives.
    pub(super) fn limit(bytes: u64) -> (Self, oneshot::Receiver<Result<(), StoreError>>) {
        let (reply, answer) = oneshot::channel();
        (Self::Limit(bytes, reply), answer)
    }

    /// The request to make the log short, and the end that is dropped or told once that was tried.
    pub(super) fn shorten() -> (Self, oneshot::Receiver<()>) {
        let (reply, tried) = oneshot::channel();
        (Self::Shorten(reply), tried)
    }

    /// The request to close, and the end that is dropped or told once all is closed.
    pub(super) fn close() -> (Self, oneshot::Receiver<()>) {
        let (reply, closed) = oneshot::channel();
        (Self::Close(reply), closed)
    }
}

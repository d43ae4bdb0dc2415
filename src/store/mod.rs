//! The queue on disk: events, their deliveries, every attempt, and the cursor of each source.
//!
//! A room of its own because durability is decided here and nowhere else. One thread owns the only
//! connection that writes; everybody else holds a [`Store`], a handle with a bounded line of requests.
//! Whatever has arrived on the line is carried out in one transaction, so that one disk flush serves
//! all of it; a request is answered only after that flush. Who only wants to see something, such as
//! the page, asks a second thread with a connection that cannot write, and so never keeps an event
//! waiting. The room decides nothing about rules, retries or wording: it is given routes and
//! settlements.
//!
//! The file is SQLite in WAL mode with `synchronous = FULL`. A lock beside it keeps a second instance
//! out of the folder.

mod accept;
mod alarm;
mod arrived;
mod aside;
mod backup;
mod bundle;
mod by_hand;
mod claim;
mod deaths;
mod depths;
mod error;
mod file;
mod inspect;
mod lock;
mod opening;
mod owner;
mod prune;
mod reader;
mod row;
mod schema;
mod settle;
mod shape;
mod space;
mod stand_in;
mod tags;
#[cfg(test)]
mod tests;
mod throttle;
mod trouble;
mod watches;
mod work;

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use rusqlite::Connection;
use tokio::sync::{mpsc, watch};

use crate::model::{
    Accepted, Attempt, Batch, Checkpoint, INTERNAL_SOURCE, Name, PictureRow, Settlement, Wake,
};
use crate::status::Status;

pub use arrived::Arrived;
pub use aside::Aside;
pub use backup::{BackupError, Copied, back_up};
pub use by_hand::{ByHand, Past};
pub use deaths::Deaths;
pub use depths::Depths;
pub use error::{Shortage, StoreError};
pub use inspect::Filter;
pub use owner::{Claims, Due};
pub use prune::{Place, Share};
pub use shape::{DeliveryRow, EventHead, EventRow, Standing};
pub use trouble::ToldTrouble;
pub use watches::{WatchNews, WatchRow};

/// Requests that may wait for the owner thread. Callers beyond that wait in line themselves.
const REQUESTS_MAX: usize = 1024;

/// A handle to the queue. Clones share it.
#[derive(Clone, Debug)]
pub struct Store {
    requests: mpsc::Sender<owner::Request>,
    looks: mpsc::Sender<reader::Look>,
    /// Requests made so far, for tests of who asks how often.
    #[cfg(test)]
    made: Arc<std::sync::atomic::AtomicU64>,
    fault: Arc<OnceLock<String>>,
    /// Changes whenever events have been put into the queue.
    arrivals: watch::Sender<u64>,
}

impl Store {
    /// Opens the queue in a folder, which is made if it is not there, and takes back every delivery
    /// that an earlier process left in flight. On a disk that takes nothing the queue is refused with
    /// [`StoreError::Full`] until there is room, and then opened by itself.
    ///
    /// # Errors
    /// [`StoreError`], whose variants say what a person has to do.
    pub fn open(folder: &Path, status: Status, now: Timestamp) -> Result<Self, StoreError> {
        let lock = lock::FolderLock::take(folder)?;
        let path = folder.join(schema::FILE_NAME);
        let (requests, line) = mpsc::channel(REQUESTS_MAX);
        let (looks, looked) = mpsc::channel(reader::LOOKS_MAX);
        let fault = Arc::default();
        let alarm = alarm::Alarm::new(status);
        let lines = opening::Lines {
            requests: requests.downgrade(),
            looks: looks.clone(),
            looked,
        };
        let mut opening = opening::Opening::new(path, lock, alarm, lines, Arc::clone(&fault));
        let opened = opening.open(now)?;
        std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || opening.serve(opened, line))
            .map_err(|error| StoreError::Folder {
                path: folder.to_owned(),
                error,
            })?;
        Ok(Self {
            requests,
            looks,
            fault,
            arrivals: watch::Sender::new(0),
            #[cfg(test)]
            made: Arc::default(),
        })
    }

    /// As [`Store::open`], but only where a queue is already; nothing is made where none is.
    ///
    /// # Errors
    /// [`StoreError::Missing`] where there is none, and otherwise as [`Store::open`].
    pub fn open_existing(
        folder: &Path,
        status: Status,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        schema::find(folder)?;
        Self::open(folder, status, now)
    }

    /// Keeps everything on the disk together below so many bytes from now on.
    ///
    /// Finished rows go when they have to, oldest first. When only what is not delivered is left,
    /// events are refused with [`StoreError::Full`]; everything else has a reserve.
    ///
    /// # Errors
    /// [`StoreError`] when the queue is closed or cannot be asked for its size.
    pub async fn limit(&self, max_disk: u64) -> Result<(), StoreError> {
        let (request, answer) = owner::Request::limit(max_disk);
        self.requests
            .send(request)
            .await
            .map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    /// Puts events and their deliveries into the queue and moves the cursor, all or nothing.
    ///
    /// Durable once it returns: the events, one waiting delivery for each route, the checkpoint, and
    /// what changes in the picture.
    /// An event whose identity is known already adds nothing.
    ///
    /// # Errors
    /// [`StoreError`]; nothing of the batch is then in the queue, and the cursor is where it was.
    pub async fn accept(
        &self,
        batch: impl Into<Arc<Batch>> + Send,
    ) -> Result<Accepted, StoreError> {
        let batch: Arc<Batch> = batch.into();
        // bellwire's own events have the reserve: one of them says that the disk is full.
        let bytes = (batch.source.as_str() != INTERNAL_SOURCE).then(|| accept::bytes(&batch));
        let accept = move |connection: &Connection, tags: &tags::Tags| {
            accept::accept(connection, tags, &batch)
        };
        let accepted = self.request(bytes, accept).await?;
        self.has_arrived(accepted.new);
        Ok(accepted)
    }

    /// How far a source has been followed.
    ///
    /// # Errors
    /// [`StoreError`] when the queue cannot be read.
    pub async fn checkpoint(&self, source: &Name) -> Result<Checkpoint, StoreError> {
        let source = source.clone();
        self.call(move |connection, _| accept::checkpoint(connection, &source))
            .await
    }

    /// The stored picture of a source, as it was last committed.
    ///
    /// # Errors
    /// [`StoreError`] when the queue cannot be read.
    pub async fn picture(&self, source: &Name) -> Result<Vec<PictureRow>, StoreError> {
        let source = source.clone();
        self.call(move |connection, _| accept::picture(connection, &source))
            .await
    }

    /// How many deliveries of a sink are due, counted up to `limit`. Changes nothing.
    ///
    /// # Errors
    /// [`StoreError`] when the queue cannot be read.
    pub async fn due(&self, sink: &Name, now: Timestamp, limit: usize) -> Result<Due, StoreError> {
        let sink = sink.clone();
        self.call(move |connection, _| claim::due(connection, &sink, now, limit))
            .await
    }

    /// Takes up to `limit` due deliveries of a sink: the most urgent first, what has just become due
    /// before what is older, and now and then the one that has waited longest, for which `turn` counts
    /// what its lane has taken so far. Of those with one key only the first that has not ended is ever
    /// taken. Each counts as an attempt from now on, durably, so that an event which kills the process
    /// runs out of attempts.
    ///
    /// The caller must settle or end every claim; what it forgets is taken back at the next start.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is then claimed.
    pub async fn claim(
        &self,
        sink: &Name,
        now: Timestamp,
        limit: NonZeroUsize,
        turn: u64,
    ) -> Result<Claims, StoreError> {
        let sink = sink.clone();
        self.call(move |connection, tags| claim::claim(connection, tags, &sink, now, limit, turn))
            .await
    }

    /// As [`Store::claim`], but one delivery at most, and where none is due, the one that is due next.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is then claimed.
    pub async fn probe(
        &self,
        sink: &Name,
        now: Timestamp,
        turn: u64,
    ) -> Result<Claims, StoreError> {
        let sink = sink.clone();
        self.call(move |connection, tags| claim::probe(connection, tags, &sink, now, turn))
            .await
    }

    /// Makes due, durably, some of what waits for this to happen to its sink; answers whether there may
    /// be more.
    ///
    /// # Errors
    /// [`StoreError`]; everything is then due when it was.
    pub async fn wake(&self, sink: &Name, on: Wake) -> Result<bool, StoreError> {
        let sink = sink.clone();
        let woken = self
            .call(move |connection, _| claim::wake(connection, &sink, on))
            .await?;
        Ok(woken >= claim::WAKE_MAX)
    }

    /// Whether something waits for the return of its sink: an earlier process had found it away.
    ///
    /// # Errors
    /// [`StoreError`] when the queue cannot be read.
    pub async fn is_missed(&self, sink: &Name) -> Result<bool, StoreError> {
        let sink = sink.clone();
        self.call(move |connection, _| claim::is_missed(connection, &sink))
            .await
    }

    /// Writes down an attempt and what it does to its delivery and its sink. Durable once it returns.
    ///
    /// Answers `false`, and changes nothing, when the claim is no longer the newest one.
    ///
    /// # Errors
    /// [`StoreError`]; the delivery is then still in flight and is sent again after a restart.
    pub async fn settle(
        &self,
        row: i64,
        sink: &Name,
        attempt: Attempt,
        settlement: Settlement,
    ) -> Result<bool, StoreError> {
        let sink = sink.clone();
        self.call(move |connection, _| {
            settle::settle(connection, row, &sink, &attempt, &settlement)
        })
        .await
    }

    /// Ends a claim without a request having been made: it had expired, or could not be encoded. It
    /// counts as an attempt no longer. Durable once it returns; answers as [`Store::settle`] does.
    ///
    /// # Errors
    /// [`StoreError`]; the delivery is then still in flight.
    pub async fn end(
        &self,
        row: i64,
        attempt: u32,
        settlement: Settlement,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.call(move |connection, _| settle::end(connection, row, attempt, &settlement, now))
            .await
    }

    /// Until when a sink rests because its receiver asked for it, over restarts.
    ///
    /// # Errors
    /// [`StoreError`] when the queue cannot be read.
    pub async fn rest_until(&self, sink: &Name) -> Result<Option<Timestamp>, StoreError> {
        let sink = sink.clone();
        self.call(move |connection, _| settle::rest_until(connection, &sink))
            .await
    }

    /// Removes what ended before `cutoff`, oldest first, from behind a place on. One share of it, so
    /// that nobody waits long; the answer says where the next one begins.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is then removed.
    pub async fn prune(&self, cutoff: Timestamp, from: Place) -> Result<Share, StoreError> {
        self.call(move |connection, _| prune::prune(connection, cutoff, from))
            .await
    }

    /// Carries out what is on the line, closes the file and frees the folder; all that is done once
    /// this returns. Requests of other handles fail from then on.
    pub async fn close(self) {
        let (request, closed) = owner::Request::close();
        if self.requests.send(request).await.is_ok() {
            // An owner that has ended without an answer has closed everything, too.
            drop(closed.await);
        }
    }

    /// Has the queue look after its file, which it does with all that is asked of it: one that was taken
    /// away or replaced is told.
    pub async fn look_after(&self) {
        // One that is closed has no file.
        let _ = self.call(|_, _| Ok(())).await;
    }

    /// Waits until the queue is closed, by [`Store::close`] or by a fault of ours in its thread.
    pub async fn closed(&self) {
        self.requests.closed().await;
    }

    /// How many requests have been made through this handle and its clones.
    #[cfg(test)]
    pub(crate) fn requests_made(&self) -> u64 {
        self.made.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// What ended the queue by itself, if something did: its file is damaged.
    #[must_use]
    pub fn fault(&self) -> Option<&str> {
        self.fault.get().map(String::as_str)
    }

    async fn call<T: Send + 'static>(
        &self,
        apply: impl FnMut(&Connection, &tags::Tags) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.request(None, apply).await
    }

    async fn request<T: Send + 'static>(
        &self,
        bytes: Option<u64>,
        apply: impl FnMut(&Connection, &tags::Tags) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        #[cfg(test)]
        self.made.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let (work, answer) = work::work(bytes, apply);
        self.requests
            .send(owner::Request::Work(work))
            .await
            .map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    /// Reads something for whoever wants to see it, beside all that is done meanwhile. What has been
    /// answered before is seen. To be short: what goes through much is made of several looks.
    async fn look<T: Send + 'static>(
        &self,
        apply: impl FnMut(&Connection, &tags::Tags) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (work, answer) = work::work(None, apply);
        self.looks
            .send(reader::Look::At(work))
            .await
            .map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }
}

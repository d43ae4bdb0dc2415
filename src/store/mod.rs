//! The queue on disk: events, their deliveries, every attempt, and the cursor of each source.
//!
//! A room of its own because durability is decided here and nowhere else. One thread owns the only
//! connection that writes; everybody else holds a [`Store`], a handle with a bounded line of requests.
//! Whatever has arrived on the line is carried out in one transaction, so that one disk flush serves
//! all of it. A request is answered only after that flush, but for what is as well done once more
//! where the machine itself ends. Who only wants to see something, such as the page, asks a second
//! thread with a connection that cannot write, and so never keeps an event waiting. The room decides
//! nothing about rules, retries or wording: it is given routes and settlements.
//!
//! The file is SQLite in WAL mode. A lock beside it keeps a second process out of the folder.

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
mod followed;
mod hands;
mod home;
mod inspect;
mod instances;
mod interrupted;
mod lane;
mod lead;
mod lock;
mod log;
mod measure;
mod moving;
mod opening;
mod owner;
mod prune;
mod reader;
mod request;
mod riding;
mod row;
mod schema;
mod server;
mod settle;
mod shape;
mod space;
mod sql;
mod stand_in;
mod tags;
#[cfg(test)]
mod tests;
mod throttle;
mod trouble;
mod turn;
mod watches;
mod work;

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jiff::Timestamp;
use sql::Connection;
use tokio::sync::{mpsc, oneshot, watch};

use hands::Hands;
use lead::Held;
use lock::{FolderLock, Holder};
use server::leases::Leases;
use tags::Tags;
pub use work::Flush;
use work::Manner;

use crate::model::{Accepted, Batch, Checkpoint, INTERNAL_SOURCE, Name, PictureRow};
use crate::status::Status;

pub use arrived::Arrived;
pub use aside::Aside;
pub use backup::{BackupError, Copied, back_up};
pub use by_hand::{ByHand, Past};
pub use deaths::Deaths;
pub use depths::Depths;
pub use error::{Shortage, StoreError};
pub use hands::{Handed, Inbox};
pub use home::{Home, left_behind};
pub use inspect::Filter;
pub use instances::InstanceRow;
pub use lead::Duty;
pub use moving::{MoveError, Moved, Way, carry, take_back};
pub use owner::{Claims, Due};
pub use prune::{Place, Share};
pub use server::Server;
pub use shape::{DeliveryRow, EventHead, EventRow, Standing};
pub use sql::SqlError;
pub use trouble::ToldTrouble;
pub use watches::{WatchNews, WatchRow};

/// Requests that may wait for the owner thread. Callers beyond that wait in line themselves.
const REQUESTS_MAX: usize = 1024;

/// A handle to the queue. Clones share it.
#[derive(Clone, Debug)]
pub struct Store {
    requests: mpsc::Sender<request::Request>,
    looks: mpsc::Sender<reader::Look>,
    /// Requests made so far, for tests of who asks how often.
    #[cfg(test)]
    made: Arc<std::sync::atomic::AtomicU64>,
    fault: Arc<OnceLock<String>>,
    /// Where duties are shared; `None` where there is nobody to share them with.
    leases: Option<Leases>,
    /// The duty that all is asked for.
    by: Option<Arc<Held>>,
    /// How long nobody did that before, where somebody ever has.
    idle: Option<Duration>,
    /// Changes whenever events have been put into the queue.
    arrivals: watch::Sender<u64>,
    /// Changes whenever there may be something to send.
    nudge: watch::Sender<u64>,
}

impl Store {
    /// Opens the queue in a folder, which is made if it is not there, and takes back every delivery
    /// that an earlier process left in flight. Blocks while a command works in the folder, for 5 s at most. On a
    /// disk that takes nothing the queue is refused with [`StoreError::Full`] until there is room, and then opened
    /// by itself.
    ///
    /// # Errors
    /// [`StoreError`], whose variants say what a person has to do.
    pub fn open(folder: &Path, status: Status, now: Timestamp) -> Result<Self, StoreError> {
        Self::open_for(Holder::Instance, folder, status, now)
    }

    fn open_for(
        holder: Holder,
        folder: &Path,
        status: Status,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let lock = FolderLock::take(folder, holder)?;
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
            leases: None,
            by: None,
            idle: None,
            arrivals: watch::Sender::new(0),
            nudge: watch::Sender::new(0),
            #[cfg(test)]
            made: Arc::default(),
        })
    }

    /// Opens the queue on a server, where its tables are made if they are not there. A server that is about to start is waited for.
    ///
    /// # Errors
    /// [`StoreError`], whose variants say what a person has to do.
    pub fn connect(server: &Server, status: Status) -> Result<Self, StoreError> {
        Self::reach(server, status, true)
    }

    /// As [`Store::connect`], but only where a queue is already, and without being one of the instances that
    /// work on it.
    ///
    /// # Errors
    /// [`StoreError::MissingOnServer`] where there is none, and otherwise as [`Store::connect`].
    pub fn visit(server: &Server, status: Status) -> Result<Self, StoreError> {
        Self::reach(server, status, false)
    }

    fn reach(server: &Server, status: Status, joins: bool) -> Result<Self, StoreError> {
        let (requests, line) = mpsc::channel(REQUESTS_MAX);
        let (looks, looked) = mpsc::channel(reader::LOOKS_MAX);
        let fault = Arc::default();
        let alarm = alarm::Alarm::new(status);
        let (arrivals, nudge) = (watch::Sender::new(0), watch::Sender::new(0));
        let signs = Arc::from([arrivals.clone(), nudge.clone()]);
        let lines = (line, looked);
        let leases = server::open(server, lines, alarm, Arc::clone(&fault), signs, joins)?;
        Ok(Self {
            requests,
            looks,
            fault,
            leases,
            by: None,
            idle: None,
            arrivals,
            nudge,
            #[cfg(test)]
            made: Arc::default(),
        })
    }

    /// As [`Store::open`], but for a while, and only where a queue is already; nothing is made where none is.
    ///
    /// # Errors
    /// [`StoreError::Missing`] where there is none, and otherwise as [`Store::open`].
    pub fn open_existing(
        folder: &Path,
        status: Status,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        schema::find(folder)?;
        Self::open_for(Holder::Command, folder, status, now)
    }

    /// Keeps everything on the disk together below so many bytes from now on.
    ///
    /// Finished rows go when they have to, oldest first. When only what is not delivered is left,
    /// events are refused with [`StoreError::Full`]; everything else has a reserve.
    ///
    /// # Errors
    /// [`StoreError`] when the queue is closed or cannot be asked for its size.
    pub async fn limit(&self, max_disk: u64) -> Result<(), StoreError> {
        let (request, answer) = request::Request::limit(max_disk);
        self.ask(request).await?;
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
        let manner = Manner {
            bytes,
            flush: Flush::Now,
        };
        let accepted = self
            .request(manner, move |connection, tags, hands| {
                accept::accept(connection, tags, hands, &batch)
            })
            .await?;
        self.has_arrived(accepted.new);
        Ok(accepted)
    }

    /// How far a source has been followed.
    ///
    /// # Errors
    /// [`StoreError`] when the queue cannot be read.
    pub async fn checkpoint(&self, source: &Name) -> Result<Checkpoint, StoreError> {
        let source = source.clone();
        self.call(move |connection, _| followed::checkpoint(connection, &source))
            .await
    }

    /// The stored picture of a source, as it was last committed.
    ///
    /// # Errors
    /// [`StoreError`] when the queue cannot be read.
    pub async fn picture(&self, source: &Name) -> Result<Vec<PictureRow>, StoreError> {
        let source = source.clone();
        self.call(move |connection, _| followed::picture(connection, &source))
            .await
    }

    /// Removes what ended before `cutoff`, in the order of its numbers, from behind a place on. One share of it,
    /// so that nobody waits long; the answer says where the next one begins.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is then removed.
    pub async fn prune(&self, cutoff: Timestamp, from: Place) -> Result<Share, StoreError> {
        self.call(move |connection, _| {
            connection.with_triggers(|| prune::prune(connection, cutoff, from))
        })
        .await
    }

    /// Carries out what is on the line, closes the file and frees the folder; all that is done once
    /// this returns. Requests of other handles fail from then on.
    pub async fn close(self) {
        let (request, closed) = request::Request::close();
        if self.requests.send(request).await.is_ok() {
            // An owner that has ended without an answer has closed everything, too.
            drop(closed.await);
        }
    }

    /// Has the queue look after its file, which it does with all that it carries out: one that was taken
    /// away or replaced is told.
    pub async fn look_after(&self) {
        // One that is closed has no file.
        let _ = self.call(|_, _| Ok(())).await;
    }

    /// Waits until the queue is closed, by [`Store::close`] or by a fault of ours in its thread.
    pub async fn closed(&self) {
        self.requests.closed().await;
    }

    /// What is told, by whoever puts something into the queue, that there may be something to send. Other
    /// instances that share the queue tell it, too.
    #[must_use]
    pub fn nudge(&self) -> watch::Sender<u64> {
        self.nudge.clone()
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
        mut apply: impl FnMut(&Connection<'_>, &Tags) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.request(Manner::default(), move |connection, tags, _| {
            apply(connection, tags)
        })
        .await
    }

    async fn request<T: Send + 'static>(
        &self,
        manner: Manner,
        apply: impl FnMut(&Connection<'_>, &Tags, &mut Hands) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        debug_assert!(!manner.flush.may_be_hurried(), "nobody would hurry it");
        let answer = self.put(manner, apply).await?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    /// Puts work on the line; answers with the end at which its answer arrives.
    async fn put<T: Send + 'static>(
        &self,
        manner: Manner,
        apply: impl FnMut(&Connection<'_>, &Tags, &mut Hands) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<oneshot::Receiver<Result<T, StoreError>>, StoreError> {
        #[cfg(test)]
        self.made.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let (work, answer) = work::work(manner, self.by.clone(), apply);
        self.ask(request::Request::Work(work)).await?;
        Ok(answer)
    }

    async fn ask(&self, request: request::Request) -> Result<(), StoreError> {
        self.requests
            .send(request)
            .await
            .map_err(|_| StoreError::Closed)
    }

    /// Reads something for whoever wants to see it, beside all that is done meanwhile. What has been
    /// answered before is seen. To be short: what goes through much is made of several looks.
    async fn look<T: Send + 'static>(
        &self,
        mut apply: impl FnMut(&Connection<'_>, &Tags) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let apply =
            move |connection: &Connection<'_>, tags: &Tags, _: &mut Hands| apply(connection, tags);
        let (work, answer) = work::work(Manner::default(), None, apply);
        self.looks
            .send(reader::Look::At(work))
            .await
            .map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }
}

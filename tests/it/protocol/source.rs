//! The real source between the upstream and the queue, stopped wherever it asks one of them for something.

use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use bellwire::clock::Clock;
use bellwire::config;
use bellwire::intake::{self, Gate, Parts, Queue, Router};
use bellwire::model::{Accepted, Batch, Checkpoint, Cursor, Event, Name, PictureRow, Route};
use bellwire::sources::policy::Kind;
use bellwire::sources::{self, Connect, End, Frame, Item, Items, Pending, What};
use bellwire::status::Status;
use bellwire::store::Store;
use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::steps::Sink;

/// On the paused clock: it is over at once when nothing else is to come.
const PATIENCE: Duration = Duration::from_hours(1);

/// Reads frames as a configured source does, and connects nowhere.
static READER: LazyLock<Arc<dyn Connect>> = LazyLock::new(|| {
    let text = "[sources.feed]\nkind = \"sse\"\nurl = \"http://127.0.0.1:1/\"\ntype = \"/type\"\ntime = \"/timestamp\"\ndata = \"/data\"\n";
    let loaded = config::load_text("config.toml".as_ref(), text.to_owned(), Default::default());
    let config = loaded.config.expect("a configuration");
    let source = sources::build(&config.sources[0], &Clock::system());
    source.expect("a source").connector
});

/// The name of the source.
pub(crate) fn name() -> Name {
    Name::new("feed").expect("a name")
}

/// A frame as an open connection yields it.
pub(crate) fn item(frame: &Frame) -> Item {
    Item {
        cursor: frame.own_id.clone().map(Cursor::At),
        what: READER.read(frame),
    }
}

/// What an open connection is given to yield.
pub(crate) type Line = mpsc::UnboundedSender<Result<Item, End>>;

/// A source that waits for a connection from this cursor.
pub(crate) struct Dialled {
    pub(crate) cursor: Cursor,
    reply: oneshot::Sender<Box<dyn Items>>,
}

/// A source that waits for the queue to take this batch.
pub(crate) struct Asked {
    pub(crate) batch: Arc<Batch>,
    reply: oneshot::Sender<Accepted>,
}

/// The source, and where it asks.
pub(crate) struct Source {
    task: JoinHandle<()>,
    dialled: mpsc::UnboundedReceiver<Dialled>,
    asked: mpsc::UnboundedReceiver<Asked>,
    late: Late,
    line: Option<Line>,
}

/// What a connection yields once a batch is on its way.
type Late = Arc<Mutex<Option<(Line, Vec<Item>)>>>;

impl Source {
    /// Starts it on a queue, as a process does.
    pub(crate) fn start(store: &Store, sinks: &[Sink]) -> Self {
        let (dial, dialled) = mpsc::unbounded_channel();
        let (ask, asked) = mpsc::unbounded_channel();
        let late = Late::default();
        let gate = StoppedQueue {
            store: store.clone(),
            ask,
            late: Arc::clone(&late),
        };
        let parts = Parts {
            name: name(),
            kind: Kind::Sse,
            connector: Arc::new(Dialling(dial)),
            account: None,
            backfill: None,
            budget: None,
            queue: Arc::new(gate),
            router: Arc::new(Everywhere(sinks.to_vec())),
            status: Status::new().0,
            clock: Clock::runtime(Timestamp::UNIX_EPOCH),
            nudge: watch::Sender::new(0),
            filtered: false,
            lost_after: PATIENCE,
            dial: Gate::new().dial("feed.example"),
            jitter: Arc::new(|| 0.0),
        };
        Self {
            task: tokio::spawn(intake::run(parts, CancellationToken::new())),
            dialled,
            asked,
            late,
            line: None,
        }
    }

    /// Waits until it asks for its first connection, which comes after it has read the queue.
    pub(crate) async fn started(&mut self) -> Dialled {
        self.dialled.recv().await.expect("it runs")
    }

    /// Waits until it asks for a connection.
    pub(crate) async fn dialled(&mut self) -> Result<Dialled, String> {
        let dialled = timeout(PATIENCE, self.dialled.recv()).await;
        dialled
            .ok()
            .flatten()
            .ok_or_else(|| "the source does not connect again".to_owned())
    }

    /// Waits until it asks the queue to take something.
    pub(crate) async fn asked(&mut self) -> Result<Asked, String> {
        let asked = timeout(PATIENCE, self.asked.recv()).await;
        asked
            .ok()
            .flatten()
            .ok_or_else(|| "the source has nothing for the queue".to_owned())
    }

    /// Lets it in, and yields these: the first one at once.
    pub(crate) fn let_in(&mut self, dialled: Dialled, items: Vec<Item>) {
        let (line, yielded) = mpsc::unbounded_channel();
        self.line = Some(line);
        let mut items = items.into_iter();
        if let Some(first) = items.next() {
            self.tell(Ok(first));
            self.tell_late(items.collect());
        }
        let connected = dialled.reply.send(Box::new(Yielded(yielded)));
        assert!(connected.is_ok(), "it waits for that");
    }

    /// Has its connection yield something.
    pub(crate) fn tell(&self, told: Result<Item, End>) {
        let line = self.line.as_ref().expect("it is connected");
        line.send(told).expect("it listens");
    }

    /// Has its connection yield these once the next batch is on its way.
    pub(crate) fn tell_late(&self, items: Vec<Item>) {
        let line = self.line.clone().expect("it is connected");
        *self.late.lock().expect("no panic") = Some((line, items));
    }

    /// Ends it as `kill -9` does.
    pub(crate) async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

impl Asked {
    pub(crate) fn answer(self, accepted: Accepted) {
        assert!(self.reply.send(accepted).is_ok(), "it waits for that");
    }
}

struct Dialling(mpsc::UnboundedSender<Dialled>);

impl Connect for Dialling {
    fn connect<'a>(&'a self, cursor: &'a Cursor) -> Pending<'a, Result<Box<dyn Items>, End>> {
        let (reply, answer) = oneshot::channel();
        let cursor = cursor.clone();
        let _ = self.0.send(Dialled { cursor, reply });
        Box::pin(async { Ok(answer.await.expect("somebody lets it in")) })
    }

    fn read(&self, frame: &Frame) -> What {
        READER.read(frame)
    }

    fn event_bytes_max(&self) -> usize {
        READER.event_bytes_max()
    }
}

struct Yielded(mpsc::UnboundedReceiver<Result<Item, End>>);

impl Items for Yielded {
    fn next(&mut self) -> Pending<'_, Result<Item, End>> {
        Box::pin(async { self.0.recv().await.unwrap_or(Err(End::Eof)) })
    }
}

/// The queue, which takes a batch when whoever explores says so.
struct StoppedQueue {
    store: Store,
    ask: mpsc::UnboundedSender<Asked>,
    late: Late,
}

impl Queue for StoppedQueue {
    fn accept(&self, batch: &mut Arc<Batch>) -> Pending<'_, Result<Accepted, String>> {
        let (reply, answer) = oneshot::channel();
        let batch = Arc::clone(batch);
        let _ = self.ask.send(Asked { batch, reply });
        if let Some((line, items)) = self.late.lock().expect("no panic").take() {
            for item in items {
                line.send(Ok(item)).expect("it listens");
            }
        }
        Box::pin(async { Ok(answer.await.expect("somebody answers")) })
    }

    fn checkpoint(&self, source: &Name) -> Pending<'_, Result<Checkpoint, String>> {
        let source = source.clone();
        Box::pin(async move { Ok(self.store.checkpoint(&source).await.expect("reads")) })
    }

    fn picture(&self, source: &Name) -> Pending<'_, Result<Vec<PictureRow>, String>> {
        let source = source.clone();
        Box::pin(async move { Ok(self.store.picture(&source).await.expect("reads")) })
    }
}

/// Sends every event to every sink.
struct Everywhere(Vec<Sink>);

impl Router for Everywhere {
    fn routes(&self, _: &Event) -> Vec<Route> {
        let route = |sink: &Sink| Route::new(sink.named(), "every".into());
        self.0.iter().map(route).collect()
    }
}

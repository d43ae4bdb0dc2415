//! The scripted upstream: what each attempt to connect meets, and what is counted meanwhile.
//!
//! A file of its own because it is the one fake that must keep the promises of the real connection:
//! cancel-safe reading, an end behind what announces one, and a socket that closes when it is dropped.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use crate::model::Cursor;
use crate::sources::{Connect, Control, End, Frame, Item, Items, Pending, What};

/// What every open stream says is left of the key's minute.
pub(super) const REQUESTS_LEFT: u32 = 17;

/// What an attempt meets. After the script, streams open and stay silent.
pub(super) enum Act {
    Refuse(End),
    /// Nothing answers for this long.
    Mute(Duration),
    Open(Vec<Beat>),
}

/// What an open stream does.
pub(super) enum Beat {
    Item(Item),
    Pause(Duration),
    End(End),
}

/// One attempt.
#[derive(Clone, Debug)]
pub(super) struct Attempt {
    pub(super) at: Duration,
    pub(super) cursor: Cursor,
}

pub(super) struct Feed {
    start: Instant,
    script: Mutex<VecDeque<Act>>,
    attempts: Mutex<Vec<Attempt>>,
    sockets: Arc<Sockets>,
}

/// Sockets that are open or being opened, the most there ever were, and items read from them.
#[derive(Default)]
struct Sockets {
    open: AtomicUsize,
    most: AtomicUsize,
    reads: AtomicUsize,
}

struct Socket(Arc<Sockets>);

struct Stream {
    beats: VecDeque<Beat>,
    pause: Option<Instant>,
    /// The end that was announced, which comes when the script has nothing else.
    announced: Option<End>,
    socket: Socket,
}

impl Feed {
    pub(super) fn new(script: Vec<Act>) -> Self {
        Self {
            start: Instant::now(),
            script: Mutex::new(script.into()),
            attempts: Mutex::default(),
            sockets: Arc::default(),
        }
    }

    pub(super) fn attempts(&self) -> Vec<Attempt> {
        self.attempts.lock().expect("no panic").clone()
    }

    pub(super) fn cursors(&self) -> Vec<Cursor> {
        let attempts = self.attempts();
        attempts.into_iter().map(|attempt| attempt.cursor).collect()
    }

    pub(super) fn open(&self) -> usize {
        self.sockets.open.load(Ordering::SeqCst)
    }

    pub(super) fn most_open(&self) -> usize {
        self.sockets.most.load(Ordering::SeqCst)
    }

    pub(super) fn reads(&self) -> usize {
        self.sockets.reads.load(Ordering::SeqCst)
    }
}

impl Connect for Feed {
    fn connect<'a>(&'a self, cursor: &'a Cursor) -> Pending<'a, Result<Box<dyn Items>, End>> {
        Box::pin(async move {
            let socket = Socket::new(&self.sockets);
            self.attempts.lock().expect("no panic").push(Attempt {
                at: self.start.elapsed(),
                cursor: cursor.clone(),
            });
            let act = self.script.lock().expect("no panic").pop_front();
            match act {
                Some(Act::Refuse(end)) => Err(end),
                Some(Act::Mute(time)) => {
                    sleep(time).await;
                    Err(End::NoHead)
                }
                Some(Act::Open(beats)) => Ok(Stream::open(beats, socket)),
                None => Ok(Stream::open(Vec::new(), socket)),
            }
        })
    }

    fn read(&self, _frame: &Frame) -> What {
        What::Alive
    }

    fn event_bytes_max(&self) -> usize {
        0
    }
}

impl Stream {
    fn open(beats: Vec<Beat>, socket: Socket) -> Box<dyn Items> {
        Box::new(Self {
            beats: beats.into(),
            pause: None,
            announced: None,
            socket,
        })
    }
}

impl Items for Stream {
    fn next(&mut self) -> Pending<'_, Result<Item, End>> {
        Box::pin(async move {
            loop {
                if let Some(Beat::Pause(time)) = self.beats.front() {
                    let over = *self.pause.get_or_insert(Instant::now() + *time);
                    sleep_until(over).await;
                    self.pause = None;
                    self.beats.pop_front();
                    continue;
                }
                let Some(beat) = self.beats.pop_front() else {
                    return match &self.announced {
                        Some(end) => Err(end.clone()),
                        None => std::future::pending().await,
                    };
                };
                self.socket.0.reads.fetch_add(1, Ordering::SeqCst);
                match beat {
                    Beat::Item(item) => {
                        match &item.what {
                            What::Control(Control::Recycle { .. }) => {
                                self.announced = Some(End::Recycled)
                            }
                            What::Control(Control::AuthRevoked { .. }) => {
                                self.announced = Some(End::AuthRevoked)
                            }
                            _ => {}
                        }
                        return Ok(item);
                    }
                    Beat::End(end) => return Err(end),
                    Beat::Pause(_) => {}
                }
            }
        })
    }

    fn requests_left(&self) -> Option<u32> {
        Some(REQUESTS_LEFT)
    }
}

impl Socket {
    fn new(sockets: &Arc<Sockets>) -> Self {
        let open = sockets.open.fetch_add(1, Ordering::SeqCst) + 1;
        sockets.most.fetch_max(open, Ordering::SeqCst);
        Self(Arc::clone(sockets))
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}

//! When the configuration is to be read again: at SIGHUP, and when its file has another content.
//!
//! A file of its own because a file that is mounted alone into a container raises no notification, so
//! it is looked at now and then; its content is read only when its dates or size have changed.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval};

/// How often the file is looked at. A change has to be seen at two looks, so that a file which is
/// still being written is not read by halves, and all that within 5 s.
const LOOK: Duration = Duration::from_millis(1_500);

/// Watches over one configuration file.
pub struct Watch {
    file: PathBuf,
    hang_up: Signal,
    /// What the file held when it was last read.
    read: Option<u64>,
    /// How it looked, and what it held, at the last look.
    last: Option<(Look, Option<u64>)>,
}

/// Why the configuration is to be read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Somebody sent SIGHUP.
    Asked,
    /// Its file holds something else.
    Changed,
}

impl Due {
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Asked => "SIGHUP",
            Self::Changed => "the file has changed",
        }
    }
}

/// How a file looks from outside; nothing where it cannot be seen.
type Look = Option<(Option<SystemTime>, i64, u64)>;

impl Watch {
    /// Watches a file that has just been read.
    ///
    /// # Errors
    /// What the system says when SIGHUP cannot be watched.
    pub fn new(file: PathBuf) -> std::io::Result<Self> {
        Ok(Self {
            read: std::fs::read(&file).ok().map(|content| hash(&content)),
            hang_up: signal(SignalKind::hangup())?,
            last: None,
            file,
        })
    }

    /// Waits until the configuration is to be read again; answers why.
    pub(super) async fn due(&mut self) -> Due {
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = self.hang_up.recv() => {
                    self.read = self.content().await;
                    return Due::Asked;
                }
                _ = look.tick() => {
                    if self.has_changed().await {
                        return Due::Changed;
                    }
                }
            }
        }
    }

    /// Whether the file holds something else than what was read, for the second time in a row.
    async fn has_changed(&mut self) -> bool {
        // One that is not there for a moment is being replaced. One that stays away, or that nobody may read any
        // more, would be missed by the next start, so it is read again now, which says why it cannot be.
        let seen = tokio::fs::metadata(&self.file).await.ok();
        let now = seen.map(|seen| (seen.modified().ok(), seen.ctime(), seen.len()));
        match self.last {
            Some((last, content)) if last == now => {
                let is_new = content != self.read;
                self.read = content;
                is_new
            }
            _ => {
                self.last = Some((now, self.content().await));
                false
            }
        }
    }

    async fn content(&self) -> Option<u64> {
        let content = tokio::fs::read(&self.file).await.ok()?;
        Some(hash(&content))
    }
}

fn hash(content: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    hasher.finish()
}

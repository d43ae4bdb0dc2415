//! Readiness as the heartbeat asks for it, and what became of the heartbeat.
//!
//! A file of its own because whoever waits for readiness has to know when time alone changes it.

use std::time::Duration;

use jiff::Timestamp;

use super::{RECONNECT_GRACE, SourceStatus, Status};

/// How the heartbeat is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeartbeatStatus {
    /// When the switch last took what it was told.
    pub last_taken: Option<Timestamp>,
    /// Why it did not take what it was told last, if it did not.
    pub failure: Option<String>,
}

/// Whether an alert would get through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Readiness {
    /// Why it would not; empty when it would.
    pub obstacles: Vec<String>,
    /// When to look again although nothing changes: a source is only counted as away after a while.
    pub again: Option<Timestamp>,
}

impl Status {
    /// Changes what is known about the heartbeat.
    pub fn heartbeat(&self, change: impl FnOnce(&mut Option<HeartbeatStatus>)) {
        self.change(|all| change(&mut all.heartbeat));
    }

    /// Whether an alert would get through now, without a copy of the whole snapshot.
    #[must_use]
    pub fn readiness(&self, now: Timestamp) -> Readiness {
        let all = self.lock();
        Readiness {
            obstacles: all.obstacles(now),
            again: all.sources.values().filter_map(|it| it.away_at(now)).min(),
        }
    }
}

impl SourceStatus {
    /// From when on a source that some rule uses, and that is not connected, is away, unless it is.
    fn away_at(&self, now: Timestamp) -> Option<Timestamp> {
        let is_reconnecting = self.used && !self.elsewhere && !self.connected && !self.is_away(now);
        let since = self.since.filter(|_| is_reconnecting)?;
        // The grace itself is still the ordinary life of a stream.
        since
            .checked_add(RECONNECT_GRACE + Duration::from_millis(1))
            .ok()
    }
}

//! How long a source has been away, and from when on that is a loss.

use std::time::Duration;

use tokio::time::Instant;

/// Whether a source is away.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Away {
    /// Since when; `None` while a connection has shown to be good.
    pub(super) since: Option<Instant>,
    /// Since when a stream is open that has still to show it: within seconds it does, or it ends.
    pub(super) opened: Option<Instant>,
}

impl Away {
    /// One that has been away for so long.
    pub(super) fn of(length: Duration) -> Self {
        let now = Instant::now();
        Self {
            since: Some(now.checked_sub(length).unwrap_or(now)),
            opened: None,
        }
    }

    /// When it is lost if nothing happens; `None` while that cannot be said.
    pub(super) fn lost_at(&self, lost_after: Duration) -> Option<Instant> {
        self.since
            .filter(|_| self.opened.is_none())
            .and_then(|since| since.checked_add(lost_after))
    }

    /// How long it was away, up to the connection that is open now; `None` where it was not.
    pub(super) fn length(&self) -> Option<Duration> {
        let until = self.opened.unwrap_or_else(Instant::now);
        self.since
            .map(|since| until.saturating_duration_since(since))
    }
}

//! Readiness: whether an alert would get through; and what became of the heartbeat, which asks for it.
//!
//! A file of its own because whoever waits for readiness has to know when time alone changes it.

use std::time::Duration;

use jiff::Timestamp;

use super::{Snapshot, SourceStatus, Status};

/// A reconnect within this time is the ordinary life of a stream.
const RECONNECT_GRACE: Duration = Duration::from_secs(10);

/// So many failed attempts in a row make a sink one that alerts do not get through to.
const FAILED_IN_A_ROW_MAX: u32 = 3;

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

impl Snapshot {
    /// Why an alert would not get through now; empty when it would.
    #[must_use]
    pub fn obstacles(&self, now: Timestamp) -> Vec<String> {
        let mut reasons = Vec::new();
        if self.stopping {
            reasons.push("bellwire is stopping".to_owned());
        }
        if let Some(fault) = &self.store_fault {
            reasons.push(format!("the queue cannot be written: {fault}"));
        }
        for (name, source) in self
            .sources
            .iter()
            .filter(|(_, it)| it.used && !it.elsewhere)
        {
            if let Some(fault) = &source.fault {
                reasons.push(format!("source `{name}`: {fault}"));
            } else if source.is_away(now) {
                reasons.push(format!(
                    "source `{name}` is not connected: {}",
                    source.activity
                ));
            }
        }
        for (name, sink) in self.sinks.iter().filter(|(_, it)| it.used && !it.elsewhere) {
            if let Some(reason) = &sink.suspended {
                reasons.push(format!("sink `{name}` is suspended: {reason}"));
            } else if sink.failed_in_a_row >= FAILED_IN_A_ROW_MAX || sink.failing_since.is_some() {
                let failure = sink.last_failure.as_deref().unwrap_or("no reason known");
                reasons.push(format!("sink `{name}` is failing: {failure}"));
            }
        }
        reasons
    }
}

impl SourceStatus {
    /// Whether the stream is away for longer than a reconnect takes, or was never there.
    #[must_use]
    pub fn is_away(&self, now: Timestamp) -> bool {
        if self.connected {
            return false;
        }
        let away = self.since.map_or(Duration::MAX, |since| {
            Duration::try_from(now.duration_since(since)).unwrap_or_default()
        });
        self.connects == 0 || away > RECONNECT_GRACE
    }
}

#[cfg(test)]
mod tests {
    use super::super::SinkStatus;
    use super::*;
    use crate::model::Name;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("in range")
    }

    fn snapshot() -> Snapshot {
        let mut snapshot = Snapshot::default();
        let source = SourceStatus {
            used: true,
            connected: true,
            connects: 1,
            since: Some(at(100)),
            ..SourceStatus::default()
        };
        let sink = SinkStatus {
            used: true,
            ..SinkStatus::default()
        };
        snapshot
            .sources
            .insert(Name::new("ttmt").expect("a name"), source);
        snapshot
            .sinks
            .insert(Name::new("phone").expect("a name"), sink);
        snapshot
    }

    fn check(change: impl FnOnce(&mut Snapshot), now: i64, expected: &[&str]) {
        let mut subject = snapshot();
        change(&mut subject);
        let reasons = subject.obstacles(at(now));
        assert_eq!(reasons.len(), expected.len(), "{reasons:?}");
        for (reason, word) in reasons.iter().zip(expected) {
            assert!(reason.contains(word), "{reason} lacks {word}");
        }
    }

    #[test]
    fn ready_means_that_an_alert_would_get_through_now() {
        let source = |snapshot: &mut Snapshot, change: fn(&mut SourceStatus)| {
            snapshot.sources.values_mut().for_each(change);
        };
        let sink = |snapshot: &mut Snapshot, change: fn(&mut SinkStatus)| {
            snapshot.sinks.values_mut().for_each(change);
        };
        check(|_| {}, 100, &[]);
        check(
            |all| all.store_fault = Some("the disk is full".into()),
            100,
            &["disk is full"],
        );
        check(|all| source(all, |one| one.connected = false), 110, &[]);
        check(
            |all| source(all, |one| one.connected = false),
            111,
            &["not connected"],
        );
        check(
            |all| source(all, |one| (one.connected, one.connects) = (false, 0)),
            100,
            &["not connected"],
        );
        check(
            |all| source(all, |one| one.fault = Some("key revoked".into())),
            100,
            &["key revoked"],
        );
        check(|all| sink(all, |one| one.failed_in_a_row = 2), 100, &[]);
        check(
            |all| sink(all, |one| one.failed_in_a_row = 3),
            100,
            &["failing"],
        );
        check(
            |all| sink(all, |one| one.failing_since = Some(at(40))),
            100,
            &["failing"],
        );
        check(
            |all| sink(all, |one| one.suspended = Some("gone".into())),
            100,
            &["suspended: gone"],
        );
        check(
            |all| sink(all, |one| (one.used, one.failed_in_a_row) = (false, 9)),
            100,
            &[],
        );
        check(
            |all| source(all, |one| (one.elsewhere, one.connected) = (true, false)),
            200,
            &[],
        );
        check(
            |all| sink(all, |one| (one.elsewhere, one.failed_in_a_row) = (true, 9)),
            200,
            &[],
        );
    }
}

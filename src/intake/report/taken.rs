//! What was taken in, and what could not be.

use serde_json::json;

use super::Report;
use crate::model::Accepted;

impl Report {
    /// A batch is durable.
    pub(in crate::intake) fn accepted(&self, accepted: &Accepted, any: bool) {
        let now = self.clock.now();
        self.count(accepted);
        self.show(|status| {
            status.repeated += accepted.repeated.len() as u64;
            if any {
                status.last_event = Some(now);
            }
        });
    }

    /// An event over the size limit was read away.
    pub(in crate::intake) fn skipped(&self, bytes: u64, id: Option<&str>) {
        self.show(|status| status.skipped += 1);
        let reason = format!("an event of {bytes} bytes is over the limit");
        self.missed(json!({ "reason": reason, "bytes": bytes, "id": id }));
    }

    /// An event could not be read.
    pub(in crate::intake) fn undecodable(&self, reason: &str, id: Option<&str>) {
        self.show(|status| status.undecodable += 1);
        let reason = format!("an event cannot be read: {reason}");
        self.missed(json!({ "reason": reason, "id": id }));
    }

    /// An id cannot be sent back, so the cursor stays.
    pub(in crate::intake) fn unusable_id(&self) {
        let mut is_first = false;
        self.show(|status| {
            status.unusable_ids += 1;
            is_first = status.unusable_ids == 1;
        });
        // An upstream that has one may have nothing else.
        if is_first {
            tracing::warn!(source = %self.source, "an id cannot be sent back, so the cursor stays");
        }
    }

    /// What was found over REST is durable.
    pub(in crate::intake) fn backfilled(&self, accepted: &Accepted) {
        self.count(accepted);
        self.show(|status| status.backfilled += accepted.new as u64);
    }

    fn count(&self, accepted: &Accepted) {
        self.status.accepted(accepted, false);
        self.show(|status| {
            status.events += accepted.new as u64;
            for (kind, count) in &accepted.types {
                status.types.count(kind, *count);
            }
        });
    }
}

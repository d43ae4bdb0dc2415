//! What ntfy's answers mean, by the code in their JSON.
//!
//! A file of its own because the code tells what the status does not: some refusals count towards a
//! ban of hours, some end at midnight, some only mean that the message was too long.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::super::Facts;
use super::super::judge;
use super::KIND;
use crate::model::{Reply, Verdict};

const DAY_SECONDS: i64 = 24 * 3600;

/// How often a used-up daily allowance is tried again; the server's clock may differ from ours.
const DAILY_WAIT_MAX: Duration = Duration::from_secs(3600);

/// What an answer means to whoever has credentials, or none.
pub(super) fn judge(reply: &Reply, facts: &Facts, has_credentials: bool) -> Verdict {
    // Its codes begin with the status. Others' do not, and a page of a proxy has none.
    let code = serde_json::from_slice::<Value>(&reply.body)
        .ok()
        .and_then(|json| json.get("code")?.as_u64())
        .filter(|code| code / 100 == u64::from(reply.status));
    let reason = match code {
        Some(code) => format!("{} (code {code})", judge::status(reply)),
        None => judge::status(reply),
    };
    match (reply.status, code) {
        (400, Some(40014)) | (413, _) if !facts.plain => Verdict::RetryPlain { reason },
        (413, _) | (400 | 404, Some(_)) => Verdict::Dead { reason },
        // Requests of one address that come together may be taken for strangers' by the server, which
        // notes the user by address: good credentials are refused now and then, and not twice.
        (403, _) if has_credentials && facts.attempt == 1 => Verdict::Retry {
            reason,
            slow: false,
        },
        (401 | 403, _) => Verdict::Suspend {
            reason: format!("{reason}: check `token`, or `username` and `password`"),
        },
        (429, Some(42902 | 42910)) => Verdict::Dead { reason },
        (429, Some(42909)) => Verdict::Suspend {
            reason: format!("{reason}: too many failed logins"),
        },
        (429, Some(42905 | 42908)) => judge::rest(
            format!("{reason}: the daily allowance is used up"),
            Some(until_midnight(facts.now).min(DAILY_WAIT_MAX)),
        ),
        (429, _) => {
            let asked = judge::retry_after(&reply.headers, facts.now);
            judge::rest(reason, asked.map(|wait| wait.max(KIND.rests.first)))
        }
        (507, _) => Verdict::Retry { reason, slow: true },
        _ => judge::by_status(reply, facts),
    }
}

/// Allowances of a day start anew at midnight UTC.
fn until_midnight(now: Timestamp) -> Duration {
    let left = DAY_SECONDS - now.as_second().rem_euclid(DAY_SECONDS);
    Duration::from_secs(u64::try_from(left).unwrap_or_default())
}

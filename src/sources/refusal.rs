//! Reads an answer that starts no stream: how long to stay away, and what the server says about it.
//!
//! A file of its own because an error body is as hostile as a stream and needs limits of its own.

use std::time::Duration;

use futures_util::StreamExt;
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use launchdarkly_sdk_transport::ByteStream;
use serde::Deserialize;

use super::{Refusal, budget};
use crate::transport::retry_after;

/// Most that is read of an error body, in bytes.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// Longest time that reading it may take.
const BODY_PATIENCE: Duration = Duration::from_secs(5);

/// Most of it that is kept for the log, in bytes.
const BODY_KEPT_MAX: usize = 1024;

/// Longest problem type that is kept, in bytes.
const PROBLEM_BYTES_MAX: usize = 256;

/// Limits of a wait that the server asks for.
const WAIT_MIN: Duration = Duration::from_secs(1);
const WAIT_MAX: Duration = Duration::from_secs(60 * 60);

/// Reads the start of an error body. What does not come in time, or breaks, is left out.
pub(super) async fn start_of(mut body: ByteStream) -> Vec<u8> {
    let mut start = Vec::new();
    let reading = async {
        while let Some(Ok(chunk)) = body.next().await {
            let room = BODY_BYTES_MAX - start.len();
            start.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if start.len() == BODY_BYTES_MAX {
                break;
            }
        }
    };
    // What has arrived by then is all the more worth keeping.
    let _in_time = tokio::time::timeout(BODY_PATIENCE, reading).await;
    start
}

/// Makes a refusal of what came back.
pub(super) fn read(status: StatusCode, headers: &HeaderMap, body: &str, now: Timestamp) -> Refusal {
    Refusal {
        status: status.as_u16(),
        retry_after: wait(headers, now),
        problem: problem(body.as_bytes()),
        remaining: budget::told(headers),
        body: body[..body.floor_char_boundary(BODY_KEPT_MAX)].to_owned(),
    }
}

/// The wait that an answer asks for, within our limits: none would be a storm.
pub(super) fn wait(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    retry_after(headers, now).map(|wait| wait.clamp(WAIT_MIN, WAIT_MAX))
}

/// The `type` of a problem document (RFC 9457), whatever content type the server gave it. It is the
/// one member that means something to a program.
pub(super) fn problem(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Problem {
        r#type: String,
    }
    let problem: Problem = serde_json::from_slice(body).ok()?;
    (problem.r#type.len() <= PROBLEM_BYTES_MAX).then_some(problem.r#type)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(body: &str) -> Refusal {
        let now = Timestamp::from_second(1_764_000_000).expect("in range");
        read(
            StatusCode::SERVICE_UNAVAILABLE,
            &HeaderMap::new(),
            body,
            now,
        )
    }

    #[test]
    fn err_2_a_problem_document_needs_nothing_but_its_type() {
        for (body, problem) in [
            (
                r#"{"type":"https://x/problems/conflict"}"#,
                Some("https://x/problems/conflict"),
            ),
            (r#"{"type":"new","status":503,"more":[1]}"#, Some("new")),
            (r#"{"title":"no type"}"#, None),
            (r#"{"type":7}"#, None),
        ] {
            assert_eq!(refusal(body).problem.as_deref(), problem, "{body}");
        }
    }

    #[test]
    fn err_3_any_error_body_is_accepted() {
        for body in [
            "",
            "<html>bad gateway</html>",
            r#"{"type":"cu"#,
            "[",
            "null",
        ] {
            let refusal = refusal(body);
            assert_eq!((refusal.status, refusal.problem), (503, None), "{body}");
            assert_eq!(refusal.body, body);
        }
    }

    #[test]
    fn feed_r6_only_the_start_of_the_body_is_kept() {
        let body = "ä".repeat(2_000);
        assert_eq!(refusal(&body).body, "ä".repeat(512));
        let long_type = format!(r#"{{"type":"{}"}}"#, "x".repeat(300));
        assert_eq!(refusal(&long_type).problem, None);
    }

    #[test]
    fn feed_t5_the_wait_that_the_server_asks_for_has_limits() {
        for (value, seconds) in [("0", 1), ("7", 7), ("86400", 3_600)] {
            let mut headers = HeaderMap::new();
            headers.insert("retry-after", value.parse().expect("a header value"));
            let now = Timestamp::from_second(1_764_000_000).expect("in range");
            let refusal = read(StatusCode::TOO_MANY_REQUESTS, &headers, "", now);
            assert_eq!(refusal.retry_after, Some(Duration::from_secs(seconds)));
        }
    }
}

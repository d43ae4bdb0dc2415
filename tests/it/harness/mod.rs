//! The world around the real program: a folder, an upstream, receivers, and the process itself.
//!
//! The upstream and the receivers run in the test; the bridge is the built binary, started and killed
//! as an operator or a power cut would. Waiting is always for a condition, with a deadline.

mod begun;
mod bridge;
mod eyes;
mod page;
mod program;
mod server;
mod upstream;
mod watched;

use std::future::Future;
use std::time::Duration;

use tokio::time::timeout;

pub(crate) use begun::Begun;
pub(crate) use bridge::Bridge;
pub(crate) use eyes::Eyes;
pub(crate) use page::Page;
pub(crate) use program::{Ran, program, ran, wrapped};
pub(crate) use server::{Server, Visit, free_address};
pub(crate) use upstream::{Phones, Upstream, feed};
pub(crate) use watched::shut;

/// Longest wait for anything. Far beyond what a busy machine needs, so that it decides nothing.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// A signing secret that opens nothing.
pub(crate) const SECRET: &str = "whsec_YSBzZWNyZXQgdGhhdCBvbmx5IHRoZXNlIHRlc3RzIGtub3c=";

/// Waits for a future, and says what did not happen.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let longest = DEADLINE * 2;
    timeout(longest, future)
        .await
        .unwrap_or_else(|_| panic!("{what} did not happen within {longest:?}"))
}

/// Waits until a condition holds that can only be looked at.
pub(crate) async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let mut look = tokio::time::interval(Duration::from_millis(5));
    soon(what, async {
        while !condition() {
            look.tick().await;
        }
    })
    .await;
}

/// The recorded lines of the upstream.
pub(crate) fn recorded() -> Vec<&'static str> {
    include_str!("../../fixtures/events.jsonl")
        .lines()
        .collect()
}

/// The `type` of a recorded line.
pub(crate) fn type_of(line: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(line).expect("a recorded line is JSON");
    value["type"].as_str().expect("a type").to_owned()
}

//! The simulated API as its clients meet it: over a socket, by bytes.
//!
//! Its own folder because there is one file for each side of the contract; here is what they share.

mod caching;
mod faults;
mod gate;
mod limits;
mod pages;
mod script;
mod stream;
mod truth;

use std::time::Duration;

use serde_json::Value;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::super::plain::{Exchange, Reply, ask};
use super::*;

/// A simulator that is served until the test ends.
struct Served {
    handle: Handle,
    task: JoinHandle<io::Result<()>>,
    stop: DropGuard,
}

impl Served {
    async fn start(options: Options) -> Self {
        let simulator = bind(options).await.expect("a free port");
        let handle = simulator.handle();
        let stop = CancellationToken::new();
        let task = tokio::spawn(simulator.run(stop.clone()));
        let stop = stop.drop_guard();
        Self { handle, task, stop }
    }

    /// A simulator that sends nothing by itself.
    async fn quiet() -> Self {
        Self::start(quiet()).await
    }

    async fn get(&self, path: &str) -> Reply {
        self.get_with(path, &[]).await
    }

    async fn get_with(&self, path: &str, headers: &[&str]) -> Reply {
        let headers = with_key(headers);
        ask(self.handle.addr, &format!("GET {path}"), &headers, "").await
    }

    /// Reads a path, whatever the key has spent: a deploy in between forgets that.
    async fn read(&self, path: &str) -> Reply {
        self.read_with(path, &[]).await
    }

    async fn read_with(&self, path: &str, headers: &[&str]) -> Reply {
        let reply = self.get_with(path, headers).await;
        if reply.status != 429 {
            return reply;
        }
        self.handle.restart().await;
        self.get_with(path, headers).await
    }

    /// All rows of a list, page by page.
    async fn all(&self, path: &str, limit: usize) -> Vec<Value> {
        let mark = if path.contains('?') { '&' } else { '?' };
        let first = format!("{path}{mark}limit={limit}");
        let (mut rows, mut next) = (Vec::new(), first.clone());
        loop {
            let reply = self.read(&next).await;
            assert_eq!(reply.status, 200, "{next}: {reply:?}");
            let page = reply.json();
            let data = page["data"].as_array().expect("a list");
            rows.extend(data.iter().cloned());
            let Some(cursor) = page["next_cursor"].as_str() else {
                assert_eq!(page["has_more"], false);
                return rows;
            };
            assert_eq!(
                (page["has_more"].as_bool(), data.len()),
                (Some(true), limit)
            );
            let last = std::mem::replace(&mut next, format!("{first}&after={cursor}"));
            assert_ne!(next, last, "a page that leads to itself");
        }
    }

    /// Opens the stream, and waits until it is open.
    async fn stream(&self, query: &str, headers: &[&str]) -> Exchange {
        let start = format!("GET /api/v1/stream{query}");
        let mut exchange = Exchange::begin(self.handle.addr, &start, &with_key(headers), "").await;
        assert_eq!(exchange.status().await, 200);
        exchange
    }

    /// Opens the stream again as soon as the slot is free.
    async fn stream_again(&self, headers: &[&str]) -> Exchange {
        self.freed().await;
        self.stream("", headers).await
    }

    /// Waits until every stream that was opened is over.
    async fn freed(&self) {
        let over = |request: &Request| {
            let opened = request.route() == super::gate::STREAM && request.status == Some(200);
            !opened || request.closed.is_some()
        };
        in_time(async {
            while !self.handle.requests().iter().all(over) {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    /// Sends `count` updates, whose ids are returned.
    async fn send(&self, count: usize) -> Vec<u64> {
        let first = self.handle.next_id();
        self.handle.burst(count as u64, "position_update").await;
        (first..self.handle.next_id()).collect()
    }

    async fn finish(self) {
        drop(self.stop);
        let run = in_time(self.task).await;
        run.expect("no panic").expect("no error");
    }
}

fn quiet() -> Options {
    Options {
        script: Some(Vec::new()),
        ..Options::default()
    }
}

/// The state without a server, for tests that let time pass.
fn unserved(options: &Options, pace: Pace) -> Arc<Api> {
    let world = World::new(Setup {
        accounts: Vec::new(),
        seed: 1,
        pace,
        warm_start: false,
    });
    Arc::new(Api::new(options, world))
}

fn with_key(headers: &[&str]) -> Vec<String> {
    let key = format!("Authorization: Bearer {DEMO_KEY}");
    let others = headers.iter().map(|it| (*it).to_owned());
    std::iter::once(key).chain(others).collect()
}

async fn in_time<T>(work: impl Future<Output = T>) -> T {
    let limit = Duration::from_secs(20);
    tokio::time::timeout(limit, work).await.expect("in time")
}

/// The ids on the `id:` lines of a body.
fn ids(body: &str) -> Vec<u64> {
    let lines = body.lines().filter_map(|line| line.strip_prefix("id: "));
    lines.map(|id| id.parse().expect("a number")).collect()
}

/// The payloads of a body whose every event has one line of data.
fn payloads(body: &str) -> Vec<&str> {
    let lines = body.lines();
    lines
        .filter_map(|line| line.strip_prefix("data: "))
        .collect()
}

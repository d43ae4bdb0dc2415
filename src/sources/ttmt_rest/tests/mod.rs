//! The client over a wire that answers as told.
//!
//! A folder of its own because the answers of an upstream that may say anything make long tables: what
//! is asked, what refusals mean, the allowance, what is kept, and paging.

mod allowance;
mod caching;
mod errors;
mod paging;
mod requests;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::HeaderMap;
use http::header::HeaderValue;
use url::Url;

use super::cache::Cache;
use super::client::authorization;
use super::wire::{Api, Wire};
use super::*;
use crate::clock::Clock;
use crate::model::{Failure, Reply, Secret};
use crate::sources::budget::Budget;

const KEY: &str = "ttmt_live_0123456789012345678901234567890123456789abc";
const ACCOUNT: &str = "a1b2c3d4-0f5e-4c7a-9b31-6d2e8f4a7c10";
const BASE: &str = "https://api.example/api/v1";
const BYTES_MAX: usize = 1 << 20;

/// Answers requests in turn and keeps them.
#[derive(Default)]
struct Script {
    replies: Mutex<VecDeque<Result<Reply, Failure>>>,
    requests: Mutex<Vec<http::Request<Bytes>>>,
}

impl Wire for Script {
    fn send(&self, request: http::Request<Bytes>) -> Pending<'_, Result<Reply, Failure>> {
        self.requests.lock().expect("no panic").push(request);
        let reply = self.replies.lock().expect("no panic").pop_front();
        Box::pin(async { reply.unwrap_or(Err(Failure::Timeout)) })
    }

    fn reply_bytes_max(&self) -> usize {
        BYTES_MAX
    }
}

impl Script {
    /// What was asked for, without the address of the API.
    fn asked(&self) -> Vec<String> {
        let requests = self.requests.lock().expect("no panic");
        let addresses = requests.iter().map(|request| request.uri().to_string());
        addresses
            .map(|address| match address.strip_prefix(BASE) {
                Some(path) => path.to_owned(),
                None => panic!("{address} is outside the API"),
            })
            .collect()
    }

    /// The values of this header, one for each request.
    fn headers(&self, name: &str) -> Vec<Option<String>> {
        let requests = self.requests.lock().expect("no panic");
        let values = requests.iter().map(|request| request.headers().get(name));
        values
            .map(|value| Some(value?.to_str().expect("a text").to_owned()))
            .collect()
    }
}

type Told = Result<Reply, Failure>;

fn reply(status: u16, headers: &[(&'static str, &str)], body: impl AsRef<[u8]>) -> Told {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(*name, HeaderValue::from_str(value).expect("a value"));
    }
    Ok(Reply {
        status,
        headers: map,
        body: Bytes::copy_from_slice(body.as_ref()),
    })
}

/// A good answer with this body.
fn good(body: impl AsRef<[u8]>) -> Told {
    reply(200, &[], body)
}

fn rest(account_id: Option<&str>, replies: impl IntoIterator<Item = Told>) -> (Rest, Arc<Script>) {
    let script = Arc::new(Script {
        replies: Mutex::new(replies.into_iter().collect()),
        ..Script::default()
    });
    let noon = "2026-11-23T12:00:00Z".parse().expect("a time");
    let rest = Rest::over(Api {
        wire: Arc::clone(&script) as _,
        base: Url::parse(BASE).expect("an address"),
        authorization: authorization(&Secret::new(KEY.to_owned())).expect("a key"),
        account_id: account_id.map(|id| id.parse().expect("a UUID")),
        budget: Arc::new(Budget::new()),
        clock: Clock::runtime(noon),
        cache: Cache::default(),
    });
    (rest, script)
}

async fn probed(answer: Told) -> Probe {
    rest(None, [answer]).0.probe().await
}

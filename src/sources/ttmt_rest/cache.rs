//! Trades and signals that will not change any more, kept so that they need not be sent again.
//!
//! A file of its own because HTTP's caching rules are a subject of their own. It keeps only what came
//! with a strong `ETag`, which upstream gives to objects in their final state alone, and it keeps that
//! in memory: after a restart everything is asked for again.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, ETAG, HeaderMap, HeaderValue};
use tokio::time::Instant;

/// Most objects that are kept.
const OBJECTS_MAX: usize = 256;

/// Most that they may hold together, in bytes.
const BYTES_MAX: usize = 4 << 20;

/// Longest time for which an answer can save the asking.
const LIFE_MAX: Duration = Duration::from_hours(1);

/// What is kept of the objects of one key.
#[derive(Debug, Default)]
pub(super) struct Cache(Mutex<Shelf>);

#[derive(Debug, Default)]
struct Shelf {
    /// The oldest first.
    entries: VecDeque<Entry>,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    path: String,
    stored: Stored,
    /// Until when nobody need be asked.
    fresh_until: Instant,
}

/// An object as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stored {
    /// What asks whether it is still the same.
    pub(super) etag: HeaderValue,
    /// Its body, unchanged.
    pub(super) body: Bytes,
    life: Duration,
}

/// What is known of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// Nothing.
    Nothing,
    /// What it is, without asking.
    Fresh(Stored),
    /// What it was; one question tells whether it still is.
    Stale(Stored),
}

impl Cache {
    /// What is known of the object at this path.
    pub(super) fn look_up(&self, path: &str) -> Known {
        let shelf = self.lock();
        match shelf.entries.iter().find(|entry| entry.path == path) {
            Some(entry) if Instant::now() < entry.fresh_until => Known::Fresh(entry.stored.clone()),
            Some(entry) => Known::Stale(entry.stored.clone()),
            None => Known::Nothing,
        }
    }

    /// Keeps an object that was just sent, or forgets the one before it where this one is not to be
    /// kept.
    pub(super) fn keep(&self, path: &str, headers: &HeaderMap, body: &[u8]) {
        let life = life(headers).unwrap_or(Life::Stale);
        match (strong_etag(headers), life.length()) {
            (Some(etag), Some(life)) => {
                // A copy of its own, so that it holds no larger buffer.
                let body = Bytes::copy_from_slice(body);
                self.lock().put(path, Stored { etag, body, life });
            }
            _ => self.forget(path),
        }
    }

    /// Notes that an object is still the same. What the answer does not say about its life stays as
    /// it was.
    pub(super) fn confirm(&self, path: &str, mut stored: Stored, headers: &HeaderMap) {
        let life = life(headers).unwrap_or(Life::Fresh(stored.life));
        match life.length() {
            Some(life) => {
                stored.life = life;
                self.lock().put(path, stored);
            }
            None => self.forget(path),
        }
    }

    /// Forgets an object.
    pub(super) fn forget(&self, path: &str) {
        self.lock().remove(path);
    }

    fn lock(&self) -> MutexGuard<'_, Shelf> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelf {
    fn put(&mut self, path: &str, stored: Stored) {
        self.remove(path);
        let entry = Entry {
            path: path.to_owned(),
            fresh_until: Instant::now() + stored.life,
            stored,
        };
        self.bytes += entry.size();
        self.entries.push_back(entry);
        while self.entries.len() > OBJECTS_MAX || self.bytes > BYTES_MAX {
            let Some(oldest) = self.entries.pop_front() else {
                return;
            };
            self.bytes -= oldest.size();
        }
    }

    fn remove(&mut self, path: &str) {
        let at = self.entries.iter().position(|entry| entry.path == path);
        if let Some(entry) = at.and_then(|at| self.entries.remove(at)) {
            self.bytes -= entry.size();
        }
    }
}

impl Entry {
    fn size(&self) -> usize {
        self.path.len() + self.stored.etag.len() + self.stored.body.len()
    }
}

/// What `Cache-Control` allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    /// To be used this long without asking.
    Fresh(Duration),
    /// To be kept, but never used without asking.
    Stale,
    /// Not to be kept.
    None,
}

impl Life {
    /// For how long an object may be used without asking; `None` if it is not to be kept.
    const fn length(self) -> Option<Duration> {
        match self {
            Self::Fresh(life) => Some(life),
            Self::Stale => Some(Duration::ZERO),
            Self::None => None,
        }
    }
}

/// Reads `Cache-Control`; `None` if there is none. Of directives that contradict each other the more
/// careful one counts, and one that cannot be read allows nothing.
fn life(headers: &HeaderMap) -> Option<Life> {
    let mut age: Option<Duration> = None;
    let (mut ask, mut drop) = (false, false);
    let mut values = headers.get_all(CACHE_CONTROL).iter().peekable();
    values.peek()?;
    for value in values {
        let Ok(text) = value.to_str() else {
            ask = true;
            continue;
        };
        for directive in outside_quotes(text) {
            let (name, argument) = directive.split_once('=').unwrap_or((directive, ""));
            match name.trim().to_ascii_lowercase().as_str() {
                "max-age" => {
                    let seconds = argument.trim().trim_matches('"').trim().parse();
                    let told = Duration::from_secs(seconds.unwrap_or(0)).min(LIFE_MAX);
                    age = Some(age.map_or(told, |age| age.min(told)));
                }
                "no-cache" => ask = true,
                "no-store" => drop = true,
                _ => {}
            }
        }
    }
    Some(match age {
        _ if drop => Life::None,
        Some(age) if !ask => Life::Fresh(age),
        _ => Life::Stale,
    })
}

/// The parts between commas; a comma inside quotes separates nothing.
fn outside_quotes(text: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    text.split(move |character| {
        quoted ^= character == '"';
        character == ',' && !quoted
    })
}

/// The `ETag`, if it is a strong one: of a weak one, or one without quotes, the same value does not
/// mean the same bytes.
fn strong_etag(headers: &HeaderMap) -> Option<HeaderValue> {
    let etag = headers.get(ETAG)?;
    let bytes = etag.as_bytes();
    let strong = bytes.len() >= 2 && bytes.starts_with(b"\"") && bytes.ends_with(b"\"");
    strong.then(|| etag.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in values {
            headers.append(*name, value.parse().expect("a header value"));
        }
        headers
    }

    fn life_of(values: &[&str]) -> Option<Life> {
        let values: Vec<_> = values
            .iter()
            .map(|value| ("cache-control", *value))
            .collect();
        life(&headers(&values))
    }

    #[test]
    fn cache_2_cache_control_is_read_in_every_spelling() {
        let fresh = |seconds| Some(Life::Fresh(Duration::from_secs(seconds)));
        for (values, life) in [
            (&[][..], None),
            (&["max-age=300"][..], fresh(300)),
            (&["private, Max-Age = 300 , must-revalidate"], fresh(300)),
            (&["max-age=\"300\""], fresh(300)),
            (&["private", "max-age=300"], fresh(300)),
            (&["x=\"a, max-age=9\", max-age=300"], fresh(300)),
            (&["private=\"no-cache\",max-age=300"], fresh(300)),
            (&["max-age=300, max-age=5"], fresh(5)),
            (&["max-age=99999999"], fresh(3_600)),
            (&["max-age=soon"], fresh(0)),
            (&["max-age"], fresh(0)),
            (&["max-age=-1"], fresh(0)),
            (&["s-maxage=300"], Some(Life::Stale)),
            (&["private"], Some(Life::Stale)),
            (&[""], Some(Life::Stale)),
            (&["NO-CACHE, max-age=300"], Some(Life::Stale)),
            (&["no-cache=\"a,b\",max-age=300"], Some(Life::Stale)),
            (&["max-age=300", "no-cache"], Some(Life::Stale)),
            (&["max-age=300, é"], Some(Life::Stale)),
            (&["no-store, max-age=300"], Some(Life::None)),
            (&["no-cache, No-Store"], Some(Life::None)),
        ] {
            assert_eq!(life_of(values), life, "{values:?}");
        }
    }

    #[test]
    fn cache_1_only_a_strong_etag_is_kept() {
        for (etag, kept) in [
            ("\"a\"", true),
            ("\"\"", true),
            ("W/\"a\"", false),
            ("w/\"a\"", false),
            ("a", false),
            ("\"", false),
            ("", false),
        ] {
            let cache = Cache::default();
            cache.keep("trades/1", &headers(&[("etag", etag)]), b"{}");
            let known = cache.look_up("trades/1");
            assert_eq!(matches!(known, Known::Stale(_)), kept, "{etag}");
        }
    }

    #[test]
    fn the_oldest_objects_make_room() {
        let cache = Cache::default();
        let strong = headers(&[("etag", "\"a\"")]);
        let kept = |path: &str| cache.look_up(path) != Known::Nothing;
        for number in 0..=OBJECTS_MAX {
            cache.keep(&number.to_string(), &strong, b"{}");
        }
        assert!(!kept("0") && kept("1") && kept("256"));
        cache.keep("1", &strong, b"{}");
        cache.keep("another", &strong, b"{}");
        assert!(kept("1") && !kept("2"), "the one sent anew is the newest");

        let half = vec![b'x'; BYTES_MAX / 2];
        cache.keep("half", &strong, &half);
        assert!(kept("another") && kept("half"));
        cache.keep("other half", &strong, &half);
        assert!(!kept("another") && !kept("half") && kept("other half"));
        cache.keep("whole", &strong, &vec![b'x'; BYTES_MAX]);
        assert!(!kept("whole") && !kept("other half"));
        assert_eq!(cache.lock().bytes, 0);
    }

    #[test]
    fn an_object_counts_with_its_path_and_tag_and_may_fill_all_the_room() {
        for (path, etag) in [("trades/1", "\"a\""), ("1", "\"a longer one\"")] {
            let strong = headers(&[("etag", etag)]);
            let most = BYTES_MAX - path.len() - etag.len();
            for (length, is_kept) in [(most, true), (most + 1, false)] {
                let cache = Cache::default();
                cache.keep(path, &strong, &vec![b'x'; length]);
                assert_eq!(cache.look_up(path) != Known::Nothing, is_kept, "{length}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_confirmed_is_fresh_again_as_long_as_the_answer_or_the_object_says() {
        let second = Duration::from_secs(1);
        let sent = headers(&[("etag", "\"a\""), ("cache-control", "max-age=300")]);
        for (told, life) in [
            (headers(&[]), Some(300 * second)),
            (headers(&[("cache-control", "max-age=7")]), Some(7 * second)),
            (
                headers(&[("cache-control", "no-cache")]),
                Some(Duration::ZERO),
            ),
            (headers(&[("cache-control", "no-store")]), None),
        ] {
            let cache = Cache::default();
            cache.keep("1", &sent, b"{}");
            tokio::time::advance(300 * second).await;
            let Known::Stale(stored) = cache.look_up("1") else {
                panic!("{:?}", cache.look_up("1"));
            };
            cache.confirm("1", stored, &told);
            let until = cache.lock().entries.front().map(|entry| entry.fresh_until);
            assert_eq!(until, life.map(|life| Instant::now() + life), "{told:?}");
        }
    }
}

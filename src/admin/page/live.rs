//! Tells pages that are open that something has changed, and nothing more: what it is, they read as
//! everybody does.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::super::{Refusal, Setup};
use super::Site;

/// Pages that may listen at a time.
pub(super) const LISTENERS_MAX: usize = 32;

/// How often a page is told at most.
const PACE: Duration = Duration::from_secs(1);

/// Longest silence: proxies take a longer one for the end, and who has left is noticed by it.
const SILENCE: Duration = Duration::from_secs(10);

/// The first words: a browser comes back after two seconds.
const GREETING: &str = "retry: 2000\n\n";

const CHANGED: &str = "data: changed\n\n";

const COMMENT: &str = ": nothing new\n\n";

/// What one page listens to.
struct Listener {
    status: watch::Receiver<u64>,
    nudge: watch::Receiver<u64>,
    setup: watch::Receiver<Arc<Setup>>,
    stop: CancellationToken,
    /// When it was last told something; not yet, where it has not even been greeted.
    told: Option<Instant>,
    _place: OwnedSemaphorePermit,
}

/// A stream that never ends by itself.
pub(super) async fn listen(State(site): State<Arc<Site>>) -> Result<Response, Refusal> {
    let place = Arc::clone(&site.places).try_acquire_owned().map_err(|_| {
        let detail = format!("{LISTENERS_MAX} pages listen already");
        Refusal(StatusCode::SERVICE_UNAVAILABLE, detail)
    })?;
    let listener = Listener {
        status: site.parts.status.changes(),
        nudge: site.parts.nudge.subscribe(),
        setup: site.parts.setup.clone(),
        stop: site.stop.clone(),
        told: None,
        _place: place,
    };
    let words = futures_util::stream::unfold(listener, |mut listener| async {
        let word = listener.next().await?;
        Some((Ok::<_, Infallible>(word), listener))
    });
    let headers = [
        (header::CONTENT_TYPE.as_str(), "text/event-stream"),
        // For nginx, which would otherwise keep it until there is more.
        ("x-accel-buffering", "no"),
    ];
    Ok((headers, Body::from_stream(words)).into_response())
}

impl Listener {
    /// The next words for the page; `None` when the instance stops.
    async fn next(&mut self) -> Option<&'static str> {
        let Some(told) = self.told else {
            self.told = Some(Instant::now());
            return Some(GREETING);
        };
        let word = tokio::select! {
            biased;
            () = self.stop.cancelled() => return None,
            Ok(()) = self.status.changed() => CHANGED,
            Ok(()) = self.nudge.changed() => CHANGED,
            Ok(()) = self.setup.changed() => CHANGED,
            () = sleep(SILENCE) => return Some(COMMENT),
        };
        // What happens in the meantime is told with it.
        tokio::select! {
            () = self.stop.cancelled() => return None,
            () = sleep_until(told + PACE) => {}
        }
        self.status.mark_unchanged();
        self.nudge.mark_unchanged();
        self.setup.mark_unchanged();
        self.told = Some(Instant::now());
        Some(word)
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::Semaphore;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn many_changes_are_one_word_a_second_and_silence_is_a_comment() {
        let (status, _) = crate::status::Status::new();
        let (nudge, nudged) = watch::channel(0);
        let (_configured, setup) = watch::channel(Arc::default());
        let stop = CancellationToken::new();
        let places = Arc::new(Semaphore::new(1));
        let mut listener = Listener {
            status: status.changes(),
            nudge: nudged,
            setup,
            stop: stop.clone(),
            told: None,
            _place: places.try_acquire_owned().expect("a place"),
        };
        let start = Instant::now();
        assert_eq!(listener.next().await, Some(GREETING));
        for second in 1..=3 {
            for _ in 0..100 {
                status.store(None);
                nudge.send_modify(|count| *count += 1);
            }
            assert_eq!(listener.next().await, Some(CHANGED));
            assert_eq!(start.elapsed().as_secs(), second);
        }
        assert_eq!(listener.next().await, Some(COMMENT));
        assert_eq!(start.elapsed().as_secs(), 13);
        // After a silence nobody waits.
        status.stopping();
        assert_eq!(listener.next().await, Some(CHANGED));
        assert_eq!(start.elapsed().as_secs(), 13);
        stop.cancel();
        assert_eq!(listener.next().await, None);
    }
}

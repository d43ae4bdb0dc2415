//! The one who plays: a script line by line, or the world step by step, at a given rate or as fast as
//! it happened once.
//!
//! Its own file because time is made here and nowhere else. What it plays goes out through the feed
//! and the faults like everything that a test sends by hand.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::time::Instant;

use super::api::Api;
use super::fault::shortened;
use super::script::Line;

/// The longest wait between two events.
const WAIT_MAX: Duration = Duration::from_hours(1);

/// What is played.
pub(super) enum Play {
    /// These lines, once; with a speed, at the distances of their own times.
    Script(Vec<Line>, Option<f64>),
    /// The world, for ever.
    World,
}

/// How long to wait for the next event.
pub(super) struct Tempo {
    /// The mean wait; none means as fast as the listener can take it.
    mean: Option<Duration>,
    rng: StdRng,
}

impl Tempo {
    /// Events a second on average. Nothing, less, or more than there are numbers for is as fast as
    /// possible.
    pub(super) fn new(rate: f64, seed: u64) -> Self {
        let mean = (rate > 0.0 && rate.is_finite()).then(|| {
            let wait = Duration::try_from_secs_f64(rate.recip()).unwrap_or(WAIT_MAX);
            wait.min(WAIT_MAX)
        });
        Self {
            mean: mean.filter(|wait| !wait.is_zero()),
            rng: StdRng::seed_from_u64(seed),
        }
    }

    /// Waits after this many events of the world, whose waits differ.
    async fn irregular(&mut self, events: usize) {
        let share = self.rng.random_range(0.5..1.5);
        let events = u32::try_from(events).unwrap_or(u32::MAX);
        let wait = self.mean.map(|mean| mean.saturating_mul(events));
        sleep(wait.map(|wait| wait.min(WAIT_MAX).mul_f64(share))).await;
    }

    /// Waits after one event of a script, whose waits are all the same.
    async fn regular(&self) {
        sleep(self.mean).await;
    }
}

async fn sleep(wait: Option<Duration>) {
    match wait {
        Some(wait) => tokio::time::sleep(wait).await,
        None => tokio::task::yield_now().await,
    }
}

/// Plays until there is nothing left to play.
pub(super) async fn play(api: Arc<Api>, play: Play, tempo: Tempo, hold: bool) {
    if hold {
        api.feed.heard().await;
    }
    match play {
        Play::Script(lines, speed) => {
            match speed {
                Some(speed) => replay(&api, lines, speed).await,
                None => recite(&api, lines, &tempo).await,
            }
            api.played.send_replace(true);
        }
        Play::World => live(&api, tempo).await,
    }
}

async fn recite(api: &Api, lines: Vec<Line>, tempo: &Tempo) {
    for line in lines {
        ready(api, &line).await;
        let is_event = matches!(line, Line::Message(_));
        say(api, line).await;
        if is_event {
            tempo.regular().await;
        }
    }
}

/// Plays lines as far apart as their times are, many times faster or slower.
async fn replay(api: &Api, lines: Vec<Line>, speed: f64) {
    let mut due = Instant::now();
    let mut latest: Option<Timestamp> = None;
    for line in lines {
        if let Some(time) = line.time() {
            let before = latest.unwrap_or(time);
            // A line from before the last one has no distance to wait for.
            let distance = Duration::try_from(time.duration_since(before)).unwrap_or_default();
            due = due
                .checked_add(shortened(distance, speed))
                .unwrap_or_else(|| due + WAIT_MAX);
            latest = Some(time.max(before));
            tokio::time::sleep_until(due).await;
        }
        let arrived = Instant::now();
        ready(api, &line).await;
        // What a pause or a missing listener took, the rest of the script is late.
        due += arrived.elapsed();
        let line = match line {
            Line::Fault(fault) => Line::Fault(fault.hastened(speed)),
            other => other,
        };
        say(api, line).await;
        tokio::task::yield_now().await;
    }
}

/// Waits until a line can have its effect.
async fn ready(api: &Api, line: &Line) {
    api.awake().await;
    if line.needs_listener() {
        api.feed.heard().await;
    }
}

async fn say(api: &Api, line: Line) {
    match line {
        Line::AwaitStream => {}
        Line::Fault(fault) => Box::pin(api.apply(fault)).await,
        Line::Message(message) => {
            api.send(&message).await;
        }
    }
}

async fn live(api: &Api, mut tempo: Tempo) {
    loop {
        api.awake().await;
        if tempo.mean.is_none() {
            // Without a pace and without a listener this would be nothing but heat.
            api.feed.heard().await;
        }
        let happened = api.step().await;
        tempo.irregular(happened).await;
    }
}

//! A long silence while something is open: the market may be quiet, or the stream deaf.
//!
//! A file of its own because nothing happens in a silence: it has to be told from one that was looked
//! into already.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::super::desk::Desk;
use super::super::gap::{Cause, Gap};
use crate::sources::picture::Since;

/// Without an event for this long, while something is open, REST is looked at once.
const SILENCE: Duration = Duration::from_mins(10);

/// Remembers which silence was looked into.
#[derive(Debug, Default)]
pub(super) struct Silence {
    /// The last event before it.
    looked_into: Option<Instant>,
}

impl Silence {
    /// Waits for a silence that is worth a look; each is worth one.
    pub(super) async fn looked_into(&mut self, desk: &Desk<'_>) -> Gap {
        let (mut heard, mut polling) = (desk.heard(), desk.polling());
        loop {
            let last = *heard.borrow_and_update();
            let is_polled = polling.borrow_and_update().is_some();
            let is_over = self.looked_into == Some(last) || is_polled;
            tokio::select! {
                _ = heard.changed() => {}
                _ = polling.changed() => {}
                () = sleep_until(last + SILENCE), if !is_over => {
                    self.looked_into = Some(last);
                    if desk.picture().is_some_and(|picture| picture.has_open()) {
                        let since = desk.parts.clock.now() - SILENCE;
                        return Gap::new(Cause::Silence, Since::Moment(since), SILENCE);
                    }
                }
            }
        }
    }
}

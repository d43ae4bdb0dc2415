//! Thirty requests a minute.
//!
//! Its own file because it is pure arithmetic over moments. Whether the real window is fixed or sliding
//! is not known, so both can be had.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// Requests allowed in one window.
pub(super) const LIMIT: usize = 30;

const WINDOW: Duration = Duration::from_mins(1);

/// When a spent request is given back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Window {
    /// All at once, a minute after the first of them.
    #[default]
    Fixed,
    /// Each a minute after it was made.
    Sliding,
}

/// What one key has spent.
pub(super) struct Budget {
    window: Window,
    spent: VecDeque<Instant>,
}

impl Budget {
    pub(super) const fn new(window: Window) -> Self {
        Self {
            window,
            spent: VecDeque::new(),
        }
    }

    /// Requests that are left.
    pub(super) fn left(&mut self, now: Instant) -> usize {
        self.give_back(now);
        LIMIT.saturating_sub(self.spent.len())
    }

    /// How long to wait for the next request, if none is left.
    pub(super) fn wait(&mut self, now: Instant) -> Option<Duration> {
        if self.left(now) > 0 {
            return None;
        }
        let first = self.spent.front()?;
        Some((*first + WINDOW).saturating_duration_since(now))
    }

    /// Spends one request; a key that is over its limit spends no more.
    pub(super) fn charge(&mut self, now: Instant) {
        if self.left(now) > 0 {
            self.spent.push_back(now);
        }
    }

    /// Forgets everything, as a deploy of the server does.
    pub(super) fn reset(&mut self) {
        self.spent.clear();
    }

    fn give_back(&mut self, now: Instant) {
        let over = |at: &Instant| now.saturating_duration_since(*at) >= WINDOW;
        match self.window {
            Window::Fixed if self.spent.front().is_some_and(over) => self.spent.clear(),
            Window::Fixed => {}
            Window::Sliding => self.spent.retain(|at| !over(at)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Spends requests at these seconds and looks at what is left at a later one.
    fn check(window: Window, spent: impl IntoIterator<Item = u64>, at: u64, left: usize) {
        let origin = Instant::now();
        let moment = |seconds| origin + Duration::from_secs(seconds);
        let mut budget = Budget::new(window);
        for second in spent {
            budget.charge(moment(second));
        }
        assert_eq!(budget.left(moment(at)), left, "{window:?} at {at} s");
        assert_eq!(budget.wait(moment(at)).is_some(), left == 0);
    }

    #[test]
    fn a_window_gives_back_all_at_once_or_one_by_one() {
        check(Window::Fixed, 0..30, 59, 0);
        check(Window::Fixed, 0..30, 60, 30);
        check(Window::Sliding, 0..30, 59, 0);
        check(Window::Sliding, 0..30, 60, 1);
        check(Window::Sliding, 0..30, 75, 16);
        check(Window::Fixed, 0..5, 10, 25);
        check(Window::Fixed, std::iter::repeat_n(0, 40), 1, 0);
    }
}

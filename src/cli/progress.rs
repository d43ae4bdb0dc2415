//! How far something long has come: on standard error where that is a terminal, and nowhere else.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// So few steps are over before anybody reads of them.
const STEPS_MIN: usize = 10;

/// Between two pictures of something that cannot be counted.
const TURN: Duration = Duration::from_millis(100);

/// What is shown while it lives.
pub(super) struct Progress(ProgressBar);

impl Progress {
    /// For so many steps, unless they are few or somebody wants nothing but the result.
    pub(super) fn of(steps: usize, what: &'static str, is_wanted: bool) -> Self {
        let bar = bar(is_wanted && steps > STEPS_MIN, what);
        bar.set_length(u64::try_from(steps).unwrap_or(u64::MAX));
        bar.set_style(style("{msg} {wide_bar} {pos}/{len}"));
        bar.tick();
        Self(bar)
    }

    /// For what takes as long as it takes.
    pub(super) fn uncounted(what: &'static str, is_wanted: bool) -> Self {
        let bar = bar(is_wanted, what);
        bar.set_style(style("{spinner} {msg}, {elapsed}"));
        bar.enable_steady_tick(TURN);
        Self(bar)
    }

    /// One step is done.
    pub(super) fn step(&self) {
        self.0.inc(1);
    }

    /// So many steps are done.
    pub(super) fn reach(&self, steps: usize) {
        self.0
            .set_position(u64::try_from(steps).unwrap_or(u64::MAX));
    }

    /// Does something that may write to the terminal, with nothing of this in the way.
    pub(super) fn aside<T>(&self, speak: impl FnOnce() -> T) -> T {
        self.0.suspend(speak)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

fn bar(is_wanted: bool, what: &'static str) -> ProgressBar {
    let target = match is_wanted && std::io::stderr().is_terminal() {
        true => ProgressDrawTarget::stderr(),
        false => ProgressDrawTarget::hidden(),
    };
    ProgressBar::with_draw_target(None, target).with_message(what)
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("a constant that is a template")
}

//! A small market that lives: signals become trades on every account, prices walk, targets are hit,
//! stops are moved, trades are finalised.
//!
//! Its own room because it is pure: no clock, no socket, no randomness but its seed. The same seed
//! makes the same events. It keeps what is open and nothing that is over.

mod happening;
mod market;
mod number;
mod signal;
#[cfg(test)]
mod tests;
mod trade;

use std::ops::RangeInclusive;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, RngExt, SeedableRng};

pub use happening::Happening;
pub(super) use happening::{envelope, owned};
pub use market::Account;
use market::INSTRUMENTS;
use signal::Signal;

/// Targets of a trade.
const LEVELS: usize = 3;

/// Looks at the price until a warm start hits its first target.
const WARM_LOOKS: u32 = 3;

/// How eventful the market is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pace {
    /// As on a working day: mostly updates.
    #[default]
    Calm,
    /// For a demo: a target every few looks.
    Lively,
}

impl Pace {
    const fn looks(self) -> RangeInclusive<u32> {
        match self {
            Self::Calm => 20..=50,
            Self::Lively => 3..=7,
        }
    }

    /// The chance that a look is a new signal instead.
    const fn signal_chance(self) -> f64 {
        match self {
            Self::Calm => 0.02,
            Self::Lively => 0.08,
        }
    }
}

/// How a world begins.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The accounts; every signal is traded on each. An empty list means the sample accounts.
    pub accounts: Vec<Account>,
    /// The seed of everything that is random.
    pub seed: u64,
    /// How eventful it is.
    pub pace: Pace,
    /// Whether a trade is open from the beginning whose first target is hit at the third step.
    pub warm_start: bool,
}

/// The market and what is open in it.
pub struct World {
    accounts: Vec<Account>,
    pace: Pace,
    rng: StdRng,
    ids: Ids,
    prices: [i64; INSTRUMENTS.len()],
    signals: Vec<Signal>,
    past: Vec<Happening>,
    warm_steps: u32,
}

impl World {
    /// A new world.
    #[must_use]
    pub fn new(setup: Setup) -> Self {
        let mut accounts = setup.accounts;
        if accounts.is_empty() {
            accounts = Account::samples();
        }
        let mut world = Self {
            accounts,
            pace: setup.pace,
            rng: StdRng::seed_from_u64(setup.seed),
            ids: Ids {
                broker: 512_904_470,
                message: 18_341,
            },
            prices: INSTRUMENTS.map(|instrument| instrument.start),
            signals: Vec::new(),
            past: Vec::new(),
            warm_steps: 0,
        };
        if setup.warm_start {
            world.past = world.open(0);
            world.signals.iter_mut().for_each(|it| it.warm(WARM_LOOKS));
            world.warm_steps = WARM_LOOKS;
        }
        world
    }

    /// What happens next; never nothing.
    pub fn step(&mut self) -> Vec<Happening> {
        if self.warm_steps > 0 {
            self.warm_steps -= 1;
        } else if let Some(instrument) = self.next_signal() {
            return self.open(instrument);
        }
        let index = self.rng.random_range(0..self.signals.len());
        let signal = &mut self.signals[index];
        let happened = signal.step(self.pace, &mut self.ids, &mut self.rng);
        self.prices[signal.instrument] = signal.price();
        if signal.is_over() {
            self.signals.remove(index);
        }
        happened
    }

    /// The accounts.
    #[must_use]
    pub fn accounts(&self) -> &[Account] {
        &self.accounts
    }

    /// Takes what happened before the first step: what a warm start found open.
    #[must_use]
    pub fn past(&mut self) -> Vec<Happening> {
        std::mem::take(&mut self.past)
    }

    /// The instrument of a new signal, when it is time for one. Each has one signal at most, since
    /// one price cannot take two ways.
    fn next_signal(&mut self) -> Option<usize> {
        let taken = |instrument: &usize| self.signals.iter().any(|it| it.instrument == *instrument);
        let free: Vec<usize> = (0..INSTRUMENTS.len()).filter(|it| !taken(it)).collect();
        let due = self.signals.is_empty() || self.rng.random_bool(self.pace.signal_chance());
        if due {
            free.choose(&mut self.rng).copied()
        } else {
            None
        }
    }

    fn open(&mut self, instrument: usize) -> Vec<Happening> {
        let start = INSTRUMENTS[instrument].start;
        // After years of trends a price would leave what is plausible; then it starts anew.
        let last = self.prices[instrument];
        let price = if (last - start).abs() > start / 20 {
            start
        } else {
            last
        };
        let (ids, rng) = (&mut self.ids, &mut self.rng);
        let (signal, happened) = Signal::open(instrument, price, &self.accounts, ids, rng);
        self.signals.push(signal);
        happened
    }
}

/// Where ids come from.
struct Ids {
    broker: u64,
    message: u64,
}

impl Ids {
    fn broker_id(&mut self) -> String {
        self.broker += 1;
        self.broker.to_string()
    }

    fn message_id(&mut self, rng: &mut StdRng) -> u64 {
        self.message += rng.random_range(1..=40);
        self.message
    }
}

/// A random UUID of version 4.
pub(super) fn uuid(rng: &mut StdRng) -> String {
    let bits = u128::from(rng.next_u64()) << 64 | u128::from(rng.next_u64());
    let bits = bits & !(0xf << 76 | 0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let hex = format!("{bits:032x}");
    let parts = [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ];
    parts.join("-")
}

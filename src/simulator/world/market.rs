//! What is traded, what a point is worth, and who trades it.
//!
//! Its own file because these are the constants of the world. Prices are whole points (the last digit
//! a broker shows), volumes hundredths of a lot, money hundredths of a currency. Rates between
//! currencies do not move.

use serde_json::{Value, json};

/// An account whose trades the world makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its UUID.
    pub id: String,
    /// Its name.
    pub label: String,
    /// Its kind, such as `live`.
    pub kind: String,
    /// Its currency; amounts are in it.
    pub currency: String,
}

impl Account {
    /// The two accounts of the recorded sample events.
    #[must_use]
    pub fn samples() -> Vec<Self> {
        let account = |id: &str, label: &str, kind: &str, currency: &str| Self {
            id: id.to_owned(),
            label: label.to_owned(),
            kind: kind.to_owned(),
            currency: currency.to_owned(),
        };
        vec![
            account(
                "a1b2c3d4-0f5e-4c7a-9b31-6d2e8f4a7c10",
                "Main Live",
                "live",
                "USD",
            ),
            account(
                "c90e7b52-3d14-4f86-a2cb-51f7d8e06a93",
                "Prop 50K – Phase 2",
                "prop",
                "EUR",
            ),
        ]
    }

    /// The account as `GET /accounts` shows it.
    #[must_use]
    pub fn json(&self) -> Value {
        json!({
            "account_id": self.id,
            "label": self.label,
            "type": self.kind,
            "currency": self.currency,
            "state": "deployed",
            "is_active": true,
        })
    }
}

/// Something that can be traded.
pub(super) struct Instrument {
    pub(super) symbol: &'static str,
    /// Digits behind the point of a price.
    pub(super) digits: u32,
    /// The currency of its price.
    quote: &'static str,
    /// Hundredths of that currency for one point of a hundredth of a lot.
    unit: i64,
    /// The price at the beginning.
    pub(super) start: i64,
    /// From the entry to the first target; the others lie as far behind each other.
    pub(super) target: i64,
    /// From the entry to the stop.
    pub(super) stop: i64,
    /// Points of a pip.
    pub(super) pip: i64,
}

pub(super) const INSTRUMENTS: [Instrument; 3] = [
    Instrument {
        symbol: "XAUUSD",
        digits: 2,
        quote: "USD",
        unit: 1,
        start: 334_210,
        target: 500,
        stop: 1_010,
        pip: 10,
    },
    Instrument {
        symbol: "EURUSD",
        digits: 5,
        quote: "USD",
        unit: 1,
        start: 108_420,
        target: 200,
        stop: 200,
        pip: 10,
    },
    Instrument {
        symbol: "GBPJPY",
        digits: 3,
        quote: "JPY",
        unit: 100,
        start: 196_420,
        target: 250,
        stop: 300,
        pip: 10,
    },
];

impl Instrument {
    /// What a move of this many points earns, in hundredths of an account's currency.
    pub(super) fn profit(&self, points: i64, volume: i64, currency: &str) -> i64 {
        let millionths = points * volume * self.unit * rate(self.quote, currency);
        let half = if millionths < 0 { -500_000 } else { 500_000 };
        (millionths + half) / 1_000_000
    }
}

/// Millionths of one currency that another is worth; what is not listed counts as equal.
fn rate(from: &str, to: &str) -> i64 {
    match (from, to) {
        ("USD", "EUR") => 920_700,
        ("JPY", "USD") => 6_600,
        ("JPY", "EUR") => 6_070,
        _ => 1_000_000,
    }
}

//! The table: medians, and what they are of the yardstick's.

use std::fmt;

use super::relay::Relay;

/// What was measured of everyone, one value for each round.
pub(crate) struct Samples([Vec<f64>; Relay::ALL.len()]);

impl Samples {
    pub(crate) const fn new() -> Self {
        Self([const { Vec::new() }; Relay::ALL.len()])
    }

    pub(crate) fn add(&mut self, who: Relay, value: f64) {
        self.0[who as usize].push(value);
    }

    fn median(&self, who: Relay) -> Option<f64> {
        median(self.0[who as usize].clone())
    }

    /// The median of what each round's value is of the same round's value of another.
    fn ratio(&self, who: Relay, to: Relay) -> Option<f64> {
        let pairs = self.0[who as usize].iter().zip(&self.0[to as usize]);
        median(pairs.map(|(own, other)| own / other).collect())
    }
}

/// The one in the middle.
pub(crate) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// All that was measured.
#[derive(Default)]
pub(crate) struct Table(Vec<[String; Relay::ALL.len() + 2]>);

impl Table {
    /// One row of it. How it is measured does not matter to the ratio.
    pub(crate) fn add(&mut self, what: &str, samples: &Samples) {
        let cell = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), number);
        let values = Relay::ALL.map(|who| cell(samples.median(who)));
        let ratio = samples.ratio(Relay::Bellwire, Relay::Yardstick);
        let ratio = ratio.filter(|ratio| ratio.is_finite());
        let ratio = ratio.map_or_else(|| "–".to_owned(), |ratio| format!("{ratio:.2}"));
        let [bare, yardstick, bellwire, defaults] = values;
        self.0
            .push([what.to_owned(), bare, yardstick, bellwire, defaults, ratio]);
    }

    /// A row of bellwire's alone.
    pub(crate) fn alone(&mut self, what: &str, values: Vec<f64>) {
        let mut samples = Samples::new();
        for value in values {
            samples.add(Relay::Bellwire, value);
        }
        self.add(what, &samples);
    }
}

/// Three digits, and groups of three before the point.
fn number(value: f64) -> String {
    let digits = match value.abs() {
        0.0 => 0,
        below if below < 1.0 => 3,
        below if below < 10.0 => 2,
        below if below < 100.0 => 1,
        _ => 0,
    };
    let text = format!("{value:.digits$}");
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut grouped = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) && digit.is_ascii_digit() {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + rest
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = Relay::ALL.map(Relay::name).join(" | ");
        writeln!(f, "| what | {names} | bellwire ÷ yardstick |")?;
        write!(f, "|---|{}", "--:|".repeat(Relay::ALL.len() + 1))?;
        for row in &self.0 {
            write!(f, "\n| {} |", row.join(" | "))?;
        }
        Ok(())
    }
}

//! The wording of several events in one message: how many there were of what, and what they came to.
//!
//! A file of its own because it adds up. A trade tells its result more than once, as its targets are hit,
//! as its positions close and when it is done; what it came to counts once.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};

use jiff::tz::TimeZone;

use super::super::bundle::Collected;
use super::data::{Data, moment_in};
use super::draft::Draft;
use super::{Tone, Wording, text};
use crate::model::{Decimal, Event};

/// Most lines, one for each type and symbol.
const LINES_MAX: usize = 12;

/// Longest name of a type, in code points.
const LABEL_MAX: usize = 60;

/// Types that tell a result. What others say of money is not final.
const TARGET: &str = "tp_hit";
const POSITION: &str = "position_closed";
const TRADE: &str = "trade_finalized";

/// What is counted together.
#[derive(Default)]
struct Group {
    count: usize,
    results: Results,
}

/// Results by currency, in the order of its name.
#[derive(Clone, Default)]
struct Results(BTreeMap<String, Decimal>);

/// What has been told of the result of a trade.
#[derive(Default)]
struct Trade {
    /// Of all of it, by its last word.
    whole: Results,
    /// Of each of its positions.
    positions: BTreeMap<String, Position>,
}

/// What has been told of the result of a position.
#[derive(Default)]
struct Position {
    whole: Results,
    targets: Results,
}

impl Wording {
    /// The built-in wording of several events, its times by the clocks of a zone.
    #[must_use]
    pub fn of_all(events: &[Event], why: Collected, zone: &TimeZone) -> Self {
        let mut order: Vec<(String, String)> = Vec::new();
        let mut groups: HashMap<(String, String), Group> = HashMap::new();
        let mut trades: BTreeMap<String, Trade> = BTreeMap::new();
        let mut priority = 1;
        for (number, event) in events.iter().enumerate() {
            let alone = Self::of(event);
            priority = priority.max(alone.priority);
            let json = event.data_named();
            let data = Data::new(json.as_ref(), event.received);
            let key = (label(event), data.word("symbol").unwrap_or_default());
            let group = groups.entry(key.clone()).or_insert_with(|| {
                order.push(key);
                Group::default()
            });
            group.count += 1;
            if ![TARGET, POSITION, TRADE].contains(&&*event.kind) {
                continue;
            }
            let Some(result) = data
                .word("realized_pl")
                .and_then(|text| Decimal::parse(&text))
            else {
                continue;
            };
            let currency = data.word("currency").unwrap_or_default();
            // What names neither trade nor position stands for itself.
            let alone = || format!("#{number}");
            let place = ["metaapi_position_id", "position_id", "id"];
            let place = place.iter().find_map(|key| data.word(key));
            let trade = data.word("trade_id").or(place.clone());
            let trade = trades.entry(trade.unwrap_or_else(alone)).or_default();
            let told = match &*event.kind {
                TRADE => {
                    // It may come twice; the later one holds.
                    for (currency, earlier) in std::mem::take(&mut trade.whole).0 {
                        group.results.add(&currency, &earlier.negated());
                    }
                    &mut trade.whole
                }
                kind => {
                    let position = trade.positions.entry(place.unwrap_or_else(alone));
                    let position = position.or_default();
                    match kind {
                        POSITION => &mut position.whole,
                        _ => &mut position.targets,
                    }
                }
            };
            told.add(&currency, &result);
            group.results.add(&currency, &result);
        }
        let mut net = Results::default();
        for trade in trades.values() {
            trade.add_to(&mut net);
        }
        let draft = head(events, why, &order, &net).priority(priority);
        lines(draft, events, &order, &groups, zone).finish(false, &[])
    }
}

/// The title, and how good the news is.
fn head(events: &[Event], why: Collected, order: &[(String, String)], net: &Results) -> Draft {
    let (tone, tag) = match net.sign() {
        Some(Ordering::Greater) => (Tone::Gain, "moneybag"),
        Some(Ordering::Less) => (Tone::Loss, "small_red_triangle_down"),
        Some(Ordering::Equal) | None => (Tone::Neutral, "bar_chart"),
    };
    let count = events.len();
    let events = match count {
        1 => "1 event".to_owned(),
        _ => format!("{count} events"),
    };
    let headline = match (why, order) {
        (Collected::Coalesced, [(label, _)]) => format!("{count} × {label}"),
        (Collected::Coalesced, _) => events,
        (Collected::Digest, _) => format!("Digest: {events}"),
    };
    // What is about nothing else is told with its symbol.
    let symbol = match order {
        [(_, symbol), others @ ..] => others
            .iter()
            .all(|(_, it)| it == symbol)
            .then(|| symbol.clone()),
        [] => None,
    };
    Draft::new(headline, tone, tag)
        .news(symbol.filter(|symbol| !symbol.is_empty()))
        .news(net.words())
}

/// A line for each type and symbol, those of which there are most first, and what holds for all.
fn lines(
    mut draft: Draft,
    events: &[Event],
    order: &[(String, String)],
    groups: &HashMap<(String, String), Group>,
    zone: &TimeZone,
) -> Draft {
    let mut sorted: Vec<_> = order.iter().collect();
    sorted.sort_by_key(|key| std::cmp::Reverse(groups.get(*key).map_or(0, |it| it.count)));
    for key in sorted.iter().take(LINES_MAX) {
        let Some(group) = groups.get(*key) else {
            continue;
        };
        let (label, symbol) = key;
        let label = match symbol.is_empty() {
            true => label.clone(),
            false => format!("{label} {symbol}"),
        };
        let value = match (group.count, group.results.words()) {
            (1, Some(results)) => results,
            (count, Some(results)) => format!("{count}, together {results}"),
            (count, None) => count.to_string(),
        };
        draft = draft.line().labelled(&label, value);
    }
    if sorted.len() > LINES_MAX {
        let more = (sorted.len() - LINES_MAX).to_string();
        draft = draft
            .line()
            .phrased("More", Some(more), |more| format!("and {more} more kinds"));
    }
    let backfilled = events.iter().filter(|event| event.backfilled).count();
    if backfilled > 0 {
        draft = draft.line().labelled("Backfilled", backfilled.to_string());
    }
    let times = events
        .iter()
        .map(|event| event.time.unwrap_or(event.received));
    match (times.clone().min(), times.max()) {
        (Some(first), Some(last)) => {
            let [first, last] = [first, last].map(|time| moment_in(zone, time, last));
            match first == last {
                true => draft.line().labelled("At", last),
                false => draft.line().labelled("From", format!("{first} to {last}")),
            }
        }
        _ => draft,
    }
}

/// A type for people.
fn label(event: &Event) -> String {
    let kind = event.kind.strip_prefix("bellwire.").unwrap_or(&event.kind);
    let words = match kind {
        "tp_hit" => "TP hit".to_owned(),
        "order_fill" => "order filled".to_owned(),
        "trade_executed" => "trade opened".to_owned(),
        "" => "event".to_owned(),
        other => other.replace('_', " "),
    };
    let words = text::line(&words, LABEL_MAX);
    let mut letters = words.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => "Event".to_owned(),
    }
}

impl Trade {
    /// Adds what it came to, by the word that is nearest to the whole.
    fn add_to(&self, net: &mut Results) {
        if !self.whole.0.is_empty() {
            return net.add_all(&self.whole);
        }
        for position in self.positions.values() {
            net.add_all(match position.whole.0.is_empty() {
                true => &position.targets,
                false => &position.whole,
            });
        }
    }
}

impl Results {
    fn add_all(&mut self, other: &Self) {
        for (currency, result) in &other.0 {
            self.add(currency, result);
        }
    }

    fn add(&mut self, currency: &str, result: &Decimal) {
        let sum = match self.0.get(currency) {
            Some(known) => known.plus(result),
            None => Some(result.clone()),
        };
        // What is beyond any amount is no result.
        if let Some(sum) = sum {
            self.0.insert(currency.to_owned(), sum);
        }
    }

    /// Whether money was made or lost; `None` where there is no result, or some of each.
    fn sign(&self) -> Option<Ordering> {
        let mut signs = self.0.values().map(Decimal::sign);
        let first = signs.next()?;
        signs.all(|sign| sign == first).then_some(first)
    }

    /// `+41.20 USD, -3.00 EUR`.
    fn words(&self) -> Option<String> {
        let amounts = self.0.iter().map(|(currency, sum)| {
            let amount = sum.amount();
            match currency.is_empty() {
                true => amount,
                false => format!("{amount} {currency}"),
            }
        });
        let amounts: Vec<String> = amounts.collect();
        (!amounts.is_empty()).then(|| amounts.join(", "))
    }
}

//! What can be asked of a list, in types that leave no room for the usual mistakes.
//!
//! A file of its own because it is pure: a cursor and a time cannot be confused here, a limit is always
//! within bounds, and what has to be a UUID is one. It sends nothing.

use std::fmt::{self, Write};
use std::str::FromStr;

use jiff::{RoundMode, Timestamp, TimestampRound, Unit};

use super::answer::Unsent;
use super::page::PageCursor;

/// Longest id of an object that is sent, in bytes.
const ID_BYTES_MAX: usize = 256;

/// The id of an account or a channel, as upstream spells it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Uuid(String);

/// The text is no UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no UUID")]
pub struct UuidError;

impl Uuid {
    /// Its text, unchanged.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Uuid {
    type Err = UuidError;

    /// # Errors
    /// [`UuidError`] for anything but 32 hexadecimal digits in the five usual groups.
    fn from_str(text: &str) -> Result<Self, UuidError> {
        let groups = text.split('-').map(str::len);
        let digits = |byte: u8| byte == b'-' || byte.is_ascii_hexdigit();
        if groups.eq([8, 4, 4, 4, 12]) && text.bytes().all(digits) {
            Ok(Self(text.to_owned()))
        } else {
            Err(UuidError)
        }
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How many rows a page may have, from 1 to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit(u8);

impl Limit {
    /// The largest page that upstream sends: the fewest requests for the same rows.
    pub const MAX: Self = Self(100);

    /// The allowed number of rows that is nearest to this one.
    #[must_use]
    pub fn new(rows: usize) -> Self {
        let rows = rows.clamp(1, usize::from(Self::MAX.0));
        Self(u8::try_from(rows).unwrap_or(Self::MAX.0))
    }

    /// The number of rows.
    #[must_use]
    pub fn rows(self) -> usize {
        usize::from(self.0)
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self::MAX
    }
}

/// What is embedded in each trade of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Include {
    /// The signal it was made from.
    pub signal: bool,
    /// Its positions.
    pub positions: bool,
    /// Its orders.
    pub orders: bool,
}

/// Which trades are wanted; by default all of them, in pages as large as can be. The account is not
/// part of it: that is configured for the whole source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TradeQuery {
    /// Only those with this status. Upstream refuses a word it does not know; `active` is documented.
    pub status: Option<String>,
    /// Only those of exactly this symbol, the broker's suffix included.
    pub symbol: Option<String>,
    /// Only those of this channel.
    pub channel_id: Option<Uuid>,
    /// Only those after this time, sent as the whole millisecond before it.
    pub after_date: Option<Timestamp>,
    /// Only those before this time, sent as the whole millisecond after it.
    pub before_date: Option<Timestamp>,
    /// How many rows a page may have.
    pub limit: Limit,
    /// What is embedded in each of them.
    pub include: Include,
    /// The page behind an earlier one.
    pub after: Option<PageCursor>,
}

/// Which signals are wanted; by default all of them, in pages as large as can be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SignalQuery {
    /// Only those with this status. Upstream refuses a word it does not know.
    pub status: Option<String>,
    /// Only those of this channel.
    pub channel_id: Option<Uuid>,
    /// Only those after this time, sent as the whole millisecond before it.
    pub after_date: Option<Timestamp>,
    /// Only those before this time, sent as the whole millisecond after it.
    pub before_date: Option<Timestamp>,
    /// How many rows a page may have.
    pub limit: Limit,
    /// The page behind an earlier one.
    pub after: Option<PageCursor>,
}

/// Names and values of a request's query, not encoded yet.
pub(super) type Pairs = Vec<(&'static str, String)>;

impl TradeQuery {
    pub(super) fn pairs(&self) -> Pairs {
        let include = [
            (self.include.signal, "signal"),
            (self.include.positions, "positions"),
            (self.include.orders, "orders"),
        ];
        let include: Vec<&str> = include
            .into_iter()
            .filter_map(|(wanted, word)| wanted.then_some(word))
            .collect();
        present([
            ("status", self.status.clone()),
            ("symbol", self.symbol.clone()),
            ("channel_id", self.channel_id.as_ref().map(Uuid::to_string)),
            ("after_date", self.after_date.map(floor)),
            ("before_date", self.before_date.map(ceiling)),
            ("limit", Some(self.limit.0.to_string())),
            ("include", (!include.is_empty()).then(|| include.join(","))),
            ("after", self.after.as_ref().map(PageCursor::sent)),
        ])
    }
}

impl SignalQuery {
    pub(super) fn pairs(&self) -> Pairs {
        present([
            ("status", self.status.clone()),
            ("channel_id", self.channel_id.as_ref().map(Uuid::to_string)),
            ("after_date", self.after_date.map(floor)),
            ("before_date", self.before_date.map(ceiling)),
            ("limit", Some(self.limit.0.to_string())),
            ("after", self.after.as_ref().map(PageCursor::sent)),
        ])
    }
}

/// The id of an object as one segment of a path. Ids come from upstream, so one could lead anywhere
/// below the address of the API if it were taken as it is.
pub(super) fn segment(id: &str) -> Result<String, Unsent> {
    if matches!(id, "" | "." | "..") || id.len() > ID_BYTES_MAX {
        return Err(Unsent::Id);
    }
    let mut segment = String::with_capacity(id.len());
    for byte in id.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            segment.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(segment, "%{byte:02X}");
        }
    }
    Ok(segment)
}

fn present<const N: usize>(pairs: [(&'static str, Option<String>); N]) -> Pairs {
    let pairs = pairs.into_iter();
    pairs
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
}

/// The window is made wider rather than narrower: a row seen twice is known by its id.
fn floor(time: Timestamp) -> String {
    millis(time, RoundMode::Floor)
}

fn ceiling(time: Timestamp) -> String {
    millis(time, RoundMode::Ceil)
}

fn millis(time: Timestamp, mode: RoundMode) -> String {
    let unit = TimestampRound::new().smallest(Unit::Millisecond).mode(mode);
    // Only the very last moment that can be written has none after it.
    format!("{:.3}", time.round(unit).unwrap_or(time))
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "a1b2c3d4-0f5e-4c7a-9b31-6D2E8F4A7C10";

    fn time(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[test]
    fn page_3_a_limit_is_always_from_1_to_100() {
        for (rows, sent) in [
            (0, 1),
            (1, 1),
            (50, 50),
            (100, 100),
            (101, 100),
            (257, 100),
            (usize::MAX, 100),
        ] {
            let limit = Limit::new(rows);
            assert_eq!(limit.rows(), sent, "{rows}");
            let pair = ("limit", sent.to_string());
            let (trades, signals) = (TradeQuery::default(), SignalQuery::default());
            assert!(TradeQuery { limit, ..trades }.pairs().contains(&pair));
            assert!(SignalQuery { limit, ..signals }.pairs().contains(&pair));
        }
        assert_eq!(Limit::default(), Limit::MAX);
    }

    #[test]
    fn page_4_a_cursor_is_sent_as_after_and_a_time_as_a_date() {
        let (after_date, before_date) = (
            time("2026-11-23T12:00:00.0009Z"),
            time("2026-11-23T13:00:00.0001Z"),
        );
        let query = TradeQuery {
            status: Some("active".to_owned()),
            symbol: Some("XAUUSD.r".to_owned()),
            channel_id: Some(UUID.parse().expect("a UUID")),
            after_date: Some(after_date),
            before_date: Some(before_date),
            limit: Limit::new(7),
            include: Include {
                signal: true,
                positions: false,
                orders: true,
            },
            after: Some(PageCursor::of("MjAyNg==")),
        };
        let common = [
            ("channel_id", UUID),
            ("after_date", "2026-11-23T12:00:00.000Z"),
            ("before_date", "2026-11-23T13:00:00.001Z"),
        ];
        let mut expected = vec![("status", "active"), ("symbol", "XAUUSD.r")];
        expected.extend(common);
        expected.extend([
            ("limit", "7"),
            ("include", "signal,orders"),
            ("after", "MjAyNg=="),
        ]);
        assert_eq!(borrowed(&query.pairs()), expected);

        let query = SignalQuery {
            status: Some("pending".to_owned()),
            channel_id: query.channel_id,
            after_date: query.after_date,
            before_date: query.before_date,
            limit: query.limit,
            after: query.after,
        };
        let mut expected = vec![("status", "pending")];
        expected.extend(common);
        expected.extend([("limit", "7"), ("after", "MjAyNg==")]);
        assert_eq!(borrowed(&query.pairs()), expected);
    }

    fn borrowed(pairs: &Pairs) -> Vec<(&str, &str)> {
        pairs
            .iter()
            .map(|(name, value)| (*name, &**value))
            .collect()
    }

    #[test]
    fn what_is_not_asked_for_is_not_sent() {
        let limit = vec![("limit", "100".to_owned())];
        assert_eq!(TradeQuery::default().pairs(), limit);
        assert_eq!(SignalQuery::default().pairs(), limit);
    }

    #[test]
    fn page_5_a_filter_that_is_no_uuid_cannot_be_made() {
        assert_eq!(UUID.parse::<Uuid>().expect("a UUID").as_str(), UUID);
        for wrong in [
            "",
            "main",
            "512904471",
            "a1b2c3d4-0f5e-4c7a-9b31-6d2e8f4a7c1",
            "a1b2c3d4-0f5e-4c7a-9b31-6d2e8f4a7c100",
            "g1b2c3d4-0f5e-4c7a-9b31-6d2e8f4a7c10",
            "a1b2c3d40f5e4c7a9b316d2e8f4a7c10",
            "a1b2c3d4-0f5e-4c7a-9b31-6d2e8f4a7c10-",
            " a1b2c3d4-0f5e-4c7a-9b31-6d2e8f4a7c10",
            "{a1b2c3d4-0f5e-4c7a-9b31-6d2e8f4a7c1}",
        ] {
            assert_eq!(wrong.parse::<Uuid>(), Err(UuidError), "{wrong}");
        }
    }

    #[test]
    fn an_id_stays_one_segment_whatever_it_holds() {
        for (id, sent) in [
            ("trd_4fa9-1.x~", "trd_4fa9-1.x~"),
            ("trd/../1 x", "trd%2F..%2F1%20x"),
            ("a?b#c%2e\\", "a%3Fb%23c%252e%5C"),
            (".\n.", ".%0A."),
            ("é", "%C3%A9"),
            ("...", "..."),
        ] {
            assert_eq!(segment(id).as_deref(), Ok(sent), "{id}");
        }
        for wrong in ["", ".", "..", &"x".repeat(257)] {
            assert_eq!(segment(wrong), Err(Unsent::Id), "{wrong}");
        }
        assert!(segment(&"x".repeat(256)).is_ok());
    }
}

//! The parameters of a request, checked one by one.
//!
//! Its own file because what is wrong with a parameter is told to whoever wrote it, and because a
//! fair judge is stricter than the documentation: a value out of its range is refused, never bent.
//! Parameters that a route does not ask for are not looked at.

use http::Uri;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::super::ledger::Include;
use super::page::{Cursor, Slice};
use super::problem::Problem;

const LIMIT_MAX: usize = 100;

const LIMIT_USUAL: usize = 50;

/// A query, of which the first value of each name counts.
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn of(uri: &Uri) -> Self {
        let query = uri.query().unwrap_or_default();
        let pairs = url::form_urlencoded::parse(query.as_bytes());
        Self(pairs.into_owned().collect())
    }

    /// Any text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(given, _)| given == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The `account_id`. One of no account is no mistake: it has nothing.
    pub(super) fn account(&self) -> Result<Option<&str>, Problem> {
        self.checked("account_id", is_uuid, "account_id is not a UUID.")
    }

    /// The `channel_id`.
    pub(super) fn channel(&self) -> Result<Option<&str>, Problem> {
        self.checked("channel_id", is_uuid, "channel_id is not a UUID.")
    }

    /// The `status`, out of the words that there are.
    pub(super) fn status(&self, words: &[&str]) -> Result<Option<&str>, Problem> {
        let known = |word: &str| words.contains(&word);
        self.checked("status", known, "status is not a known word.")
    }

    /// The window of time, both ends included.
    pub(super) fn window(&self) -> Result<Window, Problem> {
        let after = "after_date is not an ISO-8601 time.";
        let before = "before_date is not an ISO-8601 time.";
        Ok(Window {
            after: self.parsed("after_date", time, after)?,
            before: self.parsed("before_date", time, before)?,
        })
    }

    /// Which page, and how long it is.
    pub(super) fn slice(&self) -> Result<Slice, Problem> {
        let number = |text: &str| {
            let limit = text.parse().ok();
            limit.filter(|limit| (1..=LIMIT_MAX).contains(limit))
        };
        let limit = self.parsed("limit", number, "limit is not a number from 1 to 100.")?;
        Ok(Slice {
            limit: limit.unwrap_or(LIMIT_USUAL),
            after: self.parsed("after", Cursor::read, "after is not a cursor.")?,
        })
    }

    /// What to `include` of a trade's surroundings.
    pub(super) fn include(&self) -> Result<Include, Problem> {
        let list = |text: &str| {
            let mut include = Include::default();
            for name in text.split(',') {
                match name {
                    "signal" => include.signal = true,
                    "positions" => include.positions = true,
                    "orders" => include.orders = true,
                    _ => return None,
                }
            }
            Some(include)
        };
        let mistake = "include is not a list of signal, positions and orders.";
        Ok(self.parsed("include", list, mistake)?.unwrap_or_default())
    }

    fn checked(
        &self,
        name: &str,
        is_right: impl FnOnce(&str) -> bool,
        mistake: &'static str,
    ) -> Result<Option<&str>, Problem> {
        match self.text(name) {
            Some(text) if !is_right(text) => Err(Problem::InvalidParameter(mistake)),
            found => Ok(found),
        }
    }

    fn parsed<T>(
        &self,
        name: &str,
        parse: impl FnOnce(&str) -> Option<T>,
        mistake: &'static str,
    ) -> Result<Option<T>, Problem> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        let parsed = parse(text).ok_or(Problem::InvalidParameter(mistake))?;
        Ok(Some(parsed))
    }
}

/// A window of time.
pub(super) struct Window {
    after: Option<Timestamp>,
    before: Option<Timestamp>,
}

impl Window {
    pub(super) fn holds(&self, time: Timestamp) -> bool {
        self.after.is_none_or(|after| time >= after)
            && self.before.is_none_or(|before| time <= before)
    }
}

/// A moment, or a day for its first.
fn time(text: &str) -> Option<Timestamp> {
    let moment = text.parse().ok();
    moment.or_else(|| {
        let day: Date = text.parse().ok()?;
        TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0)).ok()
    })
}

fn is_uuid(text: &str) -> bool {
    let groups: Vec<usize> = text.split('-').map(str::len).collect();
    let hex = |it: char| it == '-' || it.is_ascii_hexdigit();
    groups == [8, 4, 4, 4, 12] && text.chars().all(hex)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str) -> Query {
        Query::of(&format!("/x?{text}").parse().expect("a path"))
    }

    #[test]
    fn times_are_moments_or_days() {
        let check = |text: &str, expected: Option<&str>| {
            let read = time(text).map(|it| it.to_string());
            assert_eq!(read.as_deref(), expected, "{text}");
        };
        check(
            "2026-06-11T08:00:00.5+02:00",
            Some("2026-06-11T06:00:00.5Z"),
        );
        check("2026-06-11", Some("2026-06-11T00:00:00Z"));
        check("2026-06-31", None);
        check("yesterday", None);
        check("1781164800", None);
        check("", None);
    }

    #[test]
    fn a_limit_is_a_number_from_1_to_100() {
        for wrong in ["0", "101", "-1", "1.0", "ten", "", "99999999999999999999"] {
            let refused = query(&format!("limit={wrong}")).slice().is_err();
            assert!(refused, "{wrong}");
        }
        let limit = |text: &str| query(text).slice().expect("a good limit").limit;
        assert_eq!(
            [limit("limit=1"), limit("limit=100"), limit("")],
            [1, 100, 50]
        );
    }

    #[test]
    fn only_what_is_known_is_included() {
        let include = |text: &str| query(text).include().ok();
        assert_eq!(
            include("include=signal,positions,orders"),
            Some(Include::ALL)
        );
        assert_eq!(include("other=1"), Some(Include::default()));
        for wrong in ["include=", "include=signal,", "include=signals"] {
            assert_eq!(include(wrong), None, "{wrong}");
        }
    }
}

//! What stands behind the question mark, read strictly: a misspelt filter must not show everything.

use std::collections::BTreeMap;

use jiff::Timestamp;
use url::form_urlencoded;

use super::super::Refusal;
use crate::clock;
use crate::model::State;

/// Items of a page, unless told otherwise, and at most.
const LIMIT: u32 = 50;
const LIMIT_MAX: u32 = 100;

/// The parameters of a request.
#[derive(Debug)]
pub(super) struct Query(BTreeMap<String, String>);

impl Query {
    /// Reads the parameters; another one than these is refused.
    pub(super) fn read(raw: Option<&str>, known: &[&str]) -> Result<Self, Refusal> {
        let mut found = BTreeMap::new();
        for (key, value) in form_urlencoded::parse(raw.unwrap_or_default().as_bytes()) {
            if !known.contains(&&*key) {
                let known = known.join("`, `");
                return Err(Refusal::bad(format!(
                    "there is no parameter `{key}`; possible are `{known}`"
                )));
            }
            if found.insert(key.to_string(), value.into_owned()).is_some() {
                return Err(Refusal::bad(format!("`{key}` is given twice")));
            }
        }
        Ok(Self(found))
    }

    /// A parameter as text.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// How many items are asked for.
    pub(super) fn limit(&self) -> Result<u32, Refusal> {
        let Some(text) = self.text("limit") else {
            return Ok(LIMIT);
        };
        let limit = text
            .parse()
            .ok()
            .filter(|limit| (1..=LIMIT_MAX).contains(limit));
        limit.ok_or_else(|| Refusal::bad(format!("`limit` is a number from 1 to {LIMIT_MAX}")))
    }

    /// Where the page before ended.
    pub(super) fn after(&self) -> Result<Option<i64>, Refusal> {
        let Some(text) = self.text("after") else {
            return Ok(None);
        };
        let after = text.parse().ok().filter(|after| *after >= 0);
        after.map(Some).ok_or_else(|| {
            Refusal::bad("`after` is the `next_cursor` of the page before, as it was given")
        })
    }

    /// The state that is asked for.
    pub(super) fn state(&self) -> Result<Option<State>, Refusal> {
        let Some(text) = self.text("state") else {
            return Ok(None);
        };
        State::of(text).map(Some).ok_or_else(|| {
            let words = State::ALL.map(State::as_str).join("`, `");
            Refusal::bad(format!("`state` is one of `{words}`"))
        })
    }

    /// Since when.
    pub(super) fn since(&self, now: Timestamp) -> Result<Option<Timestamp>, Refusal> {
        self.text("since").map(|text| since(text, now)).transpose()
    }
}

/// A moment as callers write it.
pub(super) fn since(text: &str, now: Timestamp) -> Result<Timestamp, Refusal> {
    clock::since(text, now).ok_or_else(|| {
        Refusal::bad("`since` is an age such as `2h`, or a time such as `2026-06-11T08:00:00Z`")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_understood_is_refused() {
        let read = |raw| Query::read(Some(raw), &["limit", "after", "state", "since"]);
        let limit = |raw| read(raw).and_then(|query| query.limit()).ok();
        assert_eq!(limit(""), Some(50));
        assert_eq!(limit("limit=1"), Some(1));
        assert_eq!(limit("limit=100"), Some(100));
        for wrong in [
            "limit=0",
            "limit=101",
            "limit=-1",
            "limit=x",
            "limit=",
            "limit=1&limit=2",
            "limti=1",
        ] {
            assert_eq!(limit(wrong), None, "{wrong}");
        }
        let state = |raw| read(raw).and_then(|query| query.state()).ok().flatten();
        assert_eq!(state("state=in_flight"), Some(State::InFlight));
        assert_eq!(state("state=Dead"), None);
        let after = |raw| read(raw).and_then(|query| query.after()).is_ok();
        assert!(after("after=7") && !after("after=-7") && !after("after=x"));
        assert!(
            read("since=soon")
                .and_then(|query| query.since(Timestamp::UNIX_EPOCH))
                .is_err()
        );
    }
}

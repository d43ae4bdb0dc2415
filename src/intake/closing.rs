//! What people hear of a gap: how long, how many ids, what was recovered, and what could not be.
//!
//! A file of its own because it is all wording, and pure. Whether it is said is decided elsewhere.

use serde_json::{Value, json};

use super::gap::{Cause, Gap, Tally};

/// Types of events that REST keeps no trace of.
const UNPROVABLE: &str = "position updates, failed breakevens and types that only the stream knows";

/// How far a gap could be closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// REST was read to the end, but for what is named here.
    Done(Vec<String>),
    /// REST could not be read so far, for this reason; it is tried on.
    Open(String),
    /// REST is not read at all, by configuration.
    Off,
}

impl Gap {
    /// Whether somebody should hear of it, now that it is closed. Nobody hears of a gap in which
    /// nothing is known to have been missed.
    pub(super) fn is_worth_telling(&self, tally: &Tally) -> bool {
        self.alarm || !tally.is_empty()
    }

    /// Whether somebody should hear that it cannot be closed.
    pub(super) fn is_worth_a_warning(&self) -> bool {
        !matches!(
            self.cause,
            Cause::FirstLook | Cause::Silence | Cause::Unread
        )
    }
}

/// What a notice about a gap says.
pub(super) fn notice(gap: &Gap, tally: &Tally, outcome: &Outcome) -> Value {
    let recovered: u64 = tally.values().sum();
    let lost = gap.missing.map(|missing| missing.saturating_sub(recovered));
    let left_out: &[String] = match outcome {
        Outcome::Done(left_out) => left_out,
        Outcome::Open(_) | Outcome::Off => &[],
    };
    json!({
        "reason": reason(gap, recovered, outcome),
        "cause": gap.cause.name(),
        "away_seconds": gap.away.as_secs(),
        "after": gap.after,
        "first": gap.first,
        "missing_ids": gap.missing,
        "recovered": recovered,
        "recovered_types": tally,
        "not_recovered": lost,
        "left_out": left_out,
        "closed": *outcome == Outcome::Done(Vec::new()),
    })
}

fn reason(gap: &Gap, recovered: u64, outcome: &Outcome) -> String {
    let cause = gap.cause.words();
    let missing = match gap.missing {
        Some(1) => ", 1 id is missing".to_owned(),
        Some(count) => format!(", {count} ids are missing"),
        None => String::new(),
    };
    let found = match outcome {
        Outcome::Done(left_out) => {
            let found = match recovered {
                0 => "nothing was found over REST".to_owned(),
                1 => "1 event was found over REST".to_owned(),
                count => format!("{count} events were found over REST"),
            };
            let lost = gap.missing.is_some_and(|missing| missing > recovered);
            let rest = match (left_out.as_slice(), lost) {
                ([], false) => String::new(),
                ([], true) => format!("; {UNPROVABLE} cannot be"),
                (parts, _) => format!("; not readable: {}", parts.join(", ")),
            };
            format!("{found}{rest}")
        }
        Outcome::Open(reason) => {
            format!("REST cannot be read to find what happened meanwhile ({reason}); still trying")
        }
        Outcome::Off => "events in between may be missing, and `backfill` is off".to_owned(),
    };
    format!("{cause}{missing}: {found}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::sources::picture::Since;

    fn gap() -> Gap {
        Gap {
            missing: Some(250),
            after: Some("41".to_owned()),
            first: Some("292".to_owned()),
            alarm: true,
            ..Gap::new(Cause::Ids, Since::Unknown, Duration::from_secs(600))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_notice_says_how_long_how_many_what_was_and_what_was_not_recovered() {
        let tally = Tally::from([("tp_hit", 3), ("position_closed", 4)]);
        let said = notice(&gap(), &tally, &Outcome::Done(Vec::new()));
        let expected = json!({
            "reason": "the stream goes on with a later id, 250 ids are missing: 7 events were found over REST; \
                       position updates, failed breakevens and types that only the stream knows cannot be",
            "cause": "ids",
            "away_seconds": 600,
            "after": "41",
            "first": "292",
            "missing_ids": 250,
            "recovered": 7,
            "recovered_types": { "position_closed": 4, "tp_hit": 3 },
            "not_recovered": 243,
            "left_out": [],
            "closed": true,
        });
        assert_eq!(said, expected);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_not_closed_never_reads_as_closed() {
        let empty = Tally::new();
        let open = Outcome::Open("answered 500".to_owned());
        let said = |outcome: &Outcome| notice(&gap(), &empty, outcome);
        assert_eq!(said(&open)["closed"], false);
        assert!(said(&open)["reason"].to_string().contains("answered 500"));
        assert!(
            said(&Outcome::Off)["reason"]
                .to_string()
                .contains("`backfill` is off")
        );
        let partly = Outcome::Done(vec!["open positions".to_owned()]);
        assert_eq!(said(&partly)["closed"], false);
        assert_eq!(said(&partly)["left_out"][0], "open positions");
    }

    #[tokio::test(start_paused = true)]
    async fn res_6_nobody_hears_of_a_gap_in_which_nothing_is_known_to_be_missing() {
        let found = Tally::from([("tp_hit", 1)]);
        let quiet = Gap {
            alarm: false,
            ..gap()
        };
        assert!(gap().is_worth_telling(&Tally::new()));
        assert!(
            !quiet.is_worth_telling(&Tally::new()),
            "under an account filter"
        );
        assert!(quiet.is_worth_telling(&found));
    }
}

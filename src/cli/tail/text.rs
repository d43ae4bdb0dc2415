//! An event in one line, for people.
//!
//! On a terminal no line is wider than it: the title gives way first. Anywhere else all of it is whole, but
//! for names of sources and types that are longer than any that somebody gave.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;
use unicode_width::UnicodeWidthStr;

use super::super::look::{BOLD, DIM, GREEN, Look, YELLOW};
use super::super::table::{self, printable};

/// Widest columns of sources and types. What is wider pushes the rest of its line aside.
const SOURCE_MAX: usize = 16;
const TYPE_MAX: usize = 22;

/// Widest source or type where no terminal is; on one it is half of it.
const WORD_MAX: usize = 200;

/// Narrowest terminal on which columns stand below each other.
const COLUMNS_MIN: usize = 80;

/// Narrowest title. A terminal with less room cuts what stands behind it.
const TITLE_MIN: usize = 12;

/// The lines of events, and how wide their columns are by now.
pub(super) struct Lines {
    look: Look,
    zone: TimeZone,
    source: usize,
    kind: usize,
}

impl Lines {
    /// For standard output, whatever it is.
    pub(super) fn of_terminal() -> Self {
        Self {
            look: Look::of_terminal(),
            zone: TimeZone::system(),
            source: 0,
            kind: 0,
        }
    }

    /// The line of an event.
    pub(super) fn event(&mut self, event: &Value, now: Timestamp) -> String {
        let time = moment(&event["time"]).or_else(|| moment(&event["received"]));
        let time = time.map_or_else(|| "-".to_owned(), |time| self.clock(time, now));
        let word = |key: &str| {
            let room = self.look.columns.map(|columns| (columns / 2).max(TYPE_MAX));
            table::cut(&text(&event[key]), room.unwrap_or(WORD_MAX))
        };
        let (source, kind) = (word("source"), word("type"));
        if self
            .look
            .columns
            .is_none_or(|columns| columns >= COLUMNS_MIN)
        {
            self.source = self.source.max(source.width().min(SOURCE_MAX));
            self.kind = self.kind.max(kind.width().min(TYPE_MAX));
        }
        let before = [
            (DIM, time),
            ("", padded(&source, self.source)),
            (BOLD, padded(&kind, self.kind)),
        ];
        let rules = rules(event);
        let is_late = event["backfilled"] == true;
        let mut behind = vec![match rules.is_empty() {
            true => (DIM, "no rule".to_owned()),
            false => (GREEN, rules),
        }];
        if is_late {
            behind.push((YELLOW, "backfilled".to_owned()));
        }
        let mut title = text(&event["title"]);
        if let Some(columns) = self.look.columns {
            let parts = before.iter().chain(&behind);
            let taken: usize = parts.map(|(_, part)| part.width() + 2).sum();
            title = table::cut(&title, columns.saturating_sub(taken).max(TITLE_MIN));
        }
        let parts = before.into_iter().chain([("", title)]).chain(behind);
        self.line(parts.filter(|(_, part)| !part.is_empty()))
    }

    /// Whether a source is heard.
    pub(super) fn source(&self, source: &Value, now: Timestamp) -> String {
        let name = text(&source["name"]);
        if source["connected"] != true {
            let fault = source["fault"].as_str().or(source["activity"].as_str());
            return format!("{name}: not connected: {}", printable(fault.unwrap_or("-")));
        }
        let since = moment(&source["since"]);
        let since = since.map(|since| format!(" since {}", self.clock(since, now)));
        format!("{name}: connected{}", since.unwrap_or_default())
    }

    /// The time of day, and the date where it is not today's.
    fn clock(&self, time: Timestamp, now: Timestamp) -> String {
        let local = |time: Timestamp| time.to_zoned_datetime(self.zone.clone());
        let form = match local(time).date() == local(now).date() {
            true => "%H:%M:%S",
            false => "%Y-%m-%d %H:%M:%S",
        };
        local(time).strftime(form).to_string()
    }

    /// Parts of a line beside each other, cut where it has to be.
    fn line(&self, parts: impl Iterator<Item = (&'static str, String)>) -> String {
        let mut left = self.look.columns.unwrap_or(usize::MAX);
        let mut line = String::new();
        for (style, part) in parts {
            let gap = if line.is_empty() { "" } else { "  " };
            if left <= gap.len() {
                break;
            }
            left -= gap.len();
            let part = table::cut(&part, left);
            left -= part.width();
            line.push_str(gap);
            line.push_str(&self.look.styled(style, &part));
        }
        line
    }
}

/// Each rule with the sinks that it sends to. One without any comes behind others that do.
fn rules(event: &Value) -> String {
    let list = |value: &'_ Value| value.as_array().cloned().unwrap_or_default();
    let deliveries = list(&event["deliveries"]);
    let mut rules: Vec<String> = list(&event["rules"]).iter().map(text).collect();
    // The rules may have changed since its deliveries were made.
    for delivery in &deliveries {
        let rule = text(&delivery["rule"]);
        if !rules.contains(&rule) {
            rules.push(rule);
        }
    }
    let shown = rules.iter().map(|rule| {
        let mut sinks: Vec<String> = Vec::new();
        for delivery in deliveries
            .iter()
            .filter(|delivery| text(&delivery["rule"]) == *rule)
        {
            let sink = match delivery["state"].as_str() {
                // On the way, or there: as it should be.
                Some("waiting" | "in_flight" | "delivered") | None => text(&delivery["sink"]),
                Some(state) => format!("{} ({})", text(&delivery["sink"]), printable(state)),
            };
            if !sinks.contains(&sink) {
                sinks.push(sink);
            }
        }
        match sinks.is_empty() {
            true => rule.clone(),
            false => format!("{rule} → {}", sinks.join(", ")),
        }
    });
    shown.collect::<Vec<_>>().join("; ")
}

fn moment(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

fn text(value: &Value) -> String {
    printable(value.as_str().unwrap_or_default())
}

fn padded(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(text.width())))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn lines(columns: Option<usize>, colour: bool) -> Lines {
        Lines {
            look: Look { colour, columns },
            zone: TimeZone::get("Europe/Berlin").expect("a zone"),
            source: 0,
            kind: 0,
        }
    }

    /// The evening of the day of the events here.
    fn now() -> Timestamp {
        "2026-06-11T21:59:59Z".parse().expect("a time")
    }

    fn hit() -> Value {
        json!({
            "source": "ttmt", "type": "tp_hit", "time": "2026-06-11T08:00:00.123Z",
            "received": "2026-06-11T08:00:01Z", "backfilled": false, "title": "XAUUSD 取引 +19.84 USD",
            "rules": ["gold", "also", "all"],
            "deliveries": [
                { "rule": "gold", "sink": "phone", "state": "delivered" },
                { "rule": "gold", "sink": "team", "state": "throttled" },
                { "rule": "gone", "sink": "desk", "state": "waiting" },
            ],
        })
    }

    #[test]
    fn a_line_says_when_what_and_where_it_goes() {
        let expected = "10:00:00  ttmt  tp_hit  XAUUSD 取引 +19.84 USD  \
                        gold → phone, team (throttled); also; all; gone → desk";
        assert_eq!(lines(None, false).event(&hit(), now()), expected);
        let mut late = hit();
        (late["backfilled"], late["time"]) = (json!(true), Value::Null);
        (late["rules"], late["deliveries"]) = (json!([]), json!([]));
        let expected = "10:00:01  ttmt  tp_hit  XAUUSD 取引 +19.84 USD  no rule  backfilled";
        assert_eq!(lines(None, false).event(&late, now()), expected);
        assert_eq!(lines(None, false).event(&json!({}), now()), "-  no rule");
    }

    #[test]
    fn no_line_is_wider_than_the_terminal_and_the_title_gives_way_first() {
        let line = lines(Some(92), false).event(&hit(), now());
        let expected = "10:00:00  ttmt  tp_hit  XAUUSD 取引…  \
                        gold → phone, team (throttled); also; all; gone → desk";
        assert_eq!(line, expected);
        for columns in 1..120 {
            let line = lines(Some(columns), false).event(&hit(), now());
            assert!(line.width() <= columns, "{columns}: {line}");
        }
    }

    #[test]
    fn of_another_day_the_date_is_told() {
        let told = |now: &str| {
            let line = lines(None, false).event(&hit(), now.parse().expect("a time"));
            line.split("  ").next().expect("a time").to_owned()
        };
        // The day of who looks, from midnight to midnight.
        assert_eq!(told("2026-06-10T22:00:00Z"), "10:00:00");
        assert_eq!(told("2026-06-11T21:59:59Z"), "10:00:00");
        for other in ["2026-06-10T21:59:59Z", "2026-06-11T22:00:00Z"] {
            assert_eq!(told(other), "2026-06-11 10:00:00");
        }
        let source = json!({ "name": "ttmt", "connected": true, "since": "2026-06-01T08:00:00Z" });
        let expected = "ttmt: connected since 2026-06-01 10:00:00";
        assert_eq!(lines(None, false).source(&source, now()), expected);
    }

    #[test]
    fn a_type_that_nobody_gave_leaves_room_for_the_rest() {
        let mut hostile = hit();
        hostile["type"] = json!("x".repeat(10_000));
        let line = lines(None, false).event(&hostile, now());
        let expected = format!("10:00:00  ttmt  {}…  XAUUSD", "x".repeat(199));
        assert!(line.starts_with(&expected), "{line}");
        let line = lines(Some(100), false).event(&hostile, now());
        let expected = format!("10:00:00  ttmt  {}…  XAUUSD 取引…  gold", "x".repeat(49));
        assert!(line.starts_with(&expected), "{line}");
        assert_eq!(line.width(), 100);
    }

    #[test]
    fn columns_stay_where_the_widest_so_far_has_put_them() {
        let mut look = lines(None, false);
        let wide = json!({ "source": "bellwire", "type": "bellwire.source_lost" });
        look.event(&wide, now());
        let line = look.event(&hit(), now());
        assert!(
            line.starts_with("10:00:00  ttmt      tp_hit                XAUUSD"),
            "{line}"
        );
    }

    #[test]
    fn foreign_text_cannot_steer_the_terminal() {
        let mut hostile = hit();
        for key in ["source", "type", "title"] {
            hostile[key] = json!("a\u{1b}[31m\r\nb\u{202e}");
        }
        hostile["rules"] = json!(["\u{1b}]0;x\u{7}"]);
        hostile["deliveries"][0]["sink"] = json!("\u{9b}1m");
        let line = lines(None, false).event(&hostile, now());
        assert!(!line.contains(char::is_control), "{line:?}");
        assert!(!line.contains('\u{202e}'), "{line:?}");
        let coloured = lines(None, true).event(&hit(), now());
        assert!(
            coloured.contains("\u{1b}[1mtp_hit\u{1b}[0m"),
            "{coloured:?}"
        );
    }

    #[test]
    fn a_source_is_heard_or_it_is_said_why_not() {
        let look = lines(None, false);
        let since = "2026-06-11T08:00:00.123Z";
        for (source, expected) in [
            (
                json!({ "name": "ttmt", "connected": true, "since": since }),
                "ttmt: connected since 10:00:00",
            ),
            (
                json!({ "name": "ttmt", "connected": false, "activity": "waiting 4 s", "fault": null }),
                "ttmt: not connected: waiting 4 s",
            ),
            (
                json!({ "name": "ttmt", "connected": false, "activity": "x", "fault": "the key is revoked" }),
                "ttmt: not connected: the key is revoked",
            ),
        ] {
            assert_eq!(look.source(&source, now()), expected);
        }
    }
}

//! What would become of an event, for people.
//!
//! On a terminal no line is wider than it: reasons go on in the next line, and of a request's long lines
//! the end is cut. Anywhere else everything is whole. Foreign text is shown as nothing but text.

use unicode_width::UnicodeWidthStr;

use super::super::look::{BOLD, DIM, GREEN, Look};
use super::super::table::{self, printable};
use super::facts;
use crate::app::explain::{Delivery, Explained, Origin, Shown, Told};
use crate::sinks::EXAMPLE_SECRET;

/// What is shown in place of something hidden.
pub(super) const HIDDEN: &str = "…";

/// Before everything that is about a delivery.
const INDENT: &str = "    ";

/// Widest column of rules' names.
const NAME_MAX: usize = 30;

/// Narrowest place for a reason. A terminal with less room cuts it.
const REASON_MIN: usize = 20;

impl Look {
    /// The lines of one event.
    pub(super) fn event(&self, number: u64, told: &Told) -> String {
        let mut page = Page {
            look: self,
            text: String::new(),
        };
        match told {
            Told::Event(explained) => page.explained(number, explained),
            Told::Control { from, kind } => {
                page.line(BOLD, &format!("line {number}: {kind}{}", origin(from)));
                page.line(
                    "",
                    "  speaks of the connection itself; no rule ever sees it",
                );
            }
        }
        page.text
    }
}

fn origin(from: &Origin) -> String {
    let assumed = if from.is_assumed { " (assumed)" } else { "" };
    format!(" of {}{assumed}", from.source)
}

struct Page<'a> {
    look: &'a Look,
    text: String,
}

impl Page<'_> {
    fn explained(&mut self, number: u64, explained: &Explained) {
        let event = &explained.event;
        let time = event
            .time
            .map(|time| format!(", {}", super::moment(time)))
            .unwrap_or_default();
        let fetched = if event.backfilled {
            ", fetched after a gap"
        } else {
            ""
        };
        let (kind, from) = (printable(&event.kind), origin(&explained.from));
        self.line(BOLD, &format!("line {number}: {kind}{from}{time}{fetched}"));
        let names: Vec<String> = explained
            .rules
            .iter()
            .map(|told| printable(&told.rule))
            .collect();
        let width = names
            .iter()
            .map(|name| name.width())
            .max()
            .unwrap_or_default()
            .min(NAME_MAX);
        for (told, name) in explained.rules.iter().zip(&names) {
            let name = table::cut(name, width);
            let name = format!(
                "  {name}{}  ",
                " ".repeat(width.saturating_sub(name.width()))
            );
            match &told.reason {
                None => self.line(GREEN, &format!("{name}matches")),
                Some(reason) => self.hanging(DIM, &name, &format!("no: {}", printable(reason))),
            }
        }
        if explained.rules.is_empty() {
            self.line("", "  there are no rules");
        } else if explained.deliveries.is_empty() {
            self.line("", "  it goes nowhere: no rule matches");
        }
        for delivery in &explained.deliveries {
            self.delivery(delivery);
        }
    }

    fn delivery(&mut self, delivery: &Delivery) {
        let Delivery {
            sink, kind, place, ..
        } = delivery;
        self.text.push('\n');
        let (place, rule) = (printable(place), printable(&delivery.rule));
        self.line(
            BOLD,
            &format!("  to {sink} ({kind}, {place}), worded by {rule}"),
        );
        for fact in facts::of(delivery) {
            self.hanging(DIM, INDENT, &fact);
        }
        match &delivery.request {
            Ok(shown) => self.request(delivery, shown),
            Err(reason) => self.fact(&format!("cannot be sent: {}", printable(reason))),
        }
    }

    fn request(&mut self, delivery: &Delivery, shown: &Shown) {
        let open = |text: &str| delivery.shown(text, |_| HIDDEN.to_owned());
        let body = match shown {
            Shown::Http {
                method,
                url,
                headers,
                is_signed,
                body,
            } => {
                if *is_signed {
                    self.fact(&format!("signed with an example secret: {EXAMPLE_SECRET}"));
                }
                self.row(&format!("{method} {}", open(url)));
                for header in headers {
                    let value = header
                        .value
                        .as_deref()
                        .map_or_else(|| HIDDEN.to_owned(), open);
                    self.row(&format!("{}: {value}", header.name));
                }
                body
            }
            Shown::Mqtt {
                broker,
                has_login,
                topic,
                properties,
                body,
            } => {
                let login = if *has_login { ", logged in as …" } else { "" };
                self.row(&format!("publish at {}{login}", open(broker)));
                self.row(&format!("topic: {}", open(topic)));
                for (name, value) in properties {
                    self.row(&format!("property {name}: {}", open(value)));
                }
                body
            }
            Shown::Program {
                program,
                arguments,
                environment,
                body,
            } => {
                self.row(&format!("run {}{}", open(program), " …".repeat(*arguments)));
                for (name, value) in environment {
                    self.row(&format!("environment {name}={}", open(value)));
                }
                self.row("standard input:");
                body
            }
        };
        for line in pretty(&open(body)).lines() {
            self.row(line);
        }
    }

    /// A line about a delivery that is no part of its request.
    fn fact(&mut self, text: &str) {
        self.hanging(DIM, INDENT, text);
    }

    /// A line of a request.
    fn row(&mut self, text: &str) {
        self.line("", &format!("{INDENT}{}", printable(text)));
    }

    /// A line, cut where it has to be.
    fn line(&mut self, style: &str, text: &str) {
        let text = match self.look.columns {
            Some(columns) => table::cut(text, columns),
            None => text.to_owned(),
        };
        self.text.push_str(&self.look.styled(style, &text));
        self.text.push('\n');
    }

    /// Text beside a head, over as many lines as it takes.
    fn hanging(&mut self, style: &str, head: &str, text: &str) {
        let indent = head.width();
        let room = self
            .look
            .columns
            .map(|columns| columns.saturating_sub(indent).max(REASON_MIN));
        for (index, line) in table::wrapped(text, room.unwrap_or(usize::MAX))
            .iter()
            .enumerate()
        {
            let before = if index > 0 {
                " ".repeat(indent)
            } else {
                head.to_owned()
            };
            self.line(style, &format!("{before}{line}"));
        }
    }
}

/// JSON as people read it, anything else as it is.
fn pretty(body: &str) -> String {
    let is_whole = |value: &serde_json::Value| value.is_object() || value.is_array();
    let value = serde_json::from_str::<serde_json::Value>(body)
        .ok()
        .filter(is_whole);
    let pretty = value.and_then(|value| serde_json::to_string_pretty(&value).ok());
    pretty.unwrap_or_else(|| body.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_go_on_in_the_next_line_and_long_lines_are_cut() {
        let look = Look {
            colour: false,
            columns: Some(30),
        };
        let mut page = Page {
            look: &look,
            text: String::new(),
        };
        page.hanging(DIM, "  gold  ", "no: `data.realized_pl > 0` is false");
        page.row(&"x".repeat(40));
        page.row("\u{1b}[31m");
        let expected = format!(
            "  gold  no: `data.realized_pl\n        > 0` is false\n    {}…\n    \\u{{1b}}[31m\n",
            "x".repeat(25)
        );
        assert_eq!(page.text, expected);
    }

    #[test]
    fn colour_is_only_where_it_is_wanted() {
        for (colour, expected) in [(false, "a\n"), (true, "\u{1b}[1ma\u{1b}[0m\n")] {
            let look = Look {
                colour,
                columns: None,
            };
            let mut page = Page {
                look: &look,
                text: String::new(),
            };
            page.line(BOLD, "a");
            assert_eq!(page.text, expected);
        }
    }

    #[test]
    fn a_body_that_is_json_is_laid_out_with_its_digits() {
        assert_eq!(pretty(r#"{"a":1.10}"#), "{\n  \"a\": 1.10\n}");
        assert_eq!(pretty("5 hits"), "5 hits");
    }
}

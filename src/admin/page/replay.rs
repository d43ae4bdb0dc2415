//! Past events once more: first how many deliveries it would make, then a button that makes them.
//!
//! A page of its own, which does not follow what happens: nobody types into what is loaded anew.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use maud::{Markup, html};
use serde_json::json;

use super::acts::{Sent, Told, ask};
use super::frame::{Frame, page};
use super::words::count;
use super::{Asked, Site};
use crate::clock;

const PATH: &str = "/replay";

/// What the form holds; an empty rule or sink is every one.
#[derive(Debug, Default)]
struct Wish {
    since: String,
    rule: String,
    sink: String,
}

/// The form, and what is filled in counted.
pub(super) async fn show(State(site): State<Arc<Site>>, asked: Asked) -> Response {
    let mut wish = Wish::of(&asked);
    let found = match wish.since.is_empty() {
        true => None,
        false => {
            // An age would mean another moment by the time the button is pressed.
            if let Some(since) = clock::since(&wish.since, site.parts.clock.now()) {
                wish.since = since.to_string();
            }
            Some(ask(&site.parts, Method::POST, "/replay", wish.body(true)).await)
        }
    };
    let main = html! {
        h1 { "Replay" }
        p { "Sends stored events again, by the rules of today." }
        @match &found {
            Some(Ok(told)) => (confirmation(&wish, told)),
            Some(Err(complaint)) => p.bad role="alert" #complaint { (complaint) },
            None => {},
        }
        (form(&site, &wish, &asked, matches!(found, Some(Err(_)))))
    };
    let frame = Frame {
        title: "replay",
        path: PATH,
        live: false,
    };
    page(StatusCode::OK, frame.around(&site.parts, &main))
}

/// Makes the deliveries.
pub(super) async fn send(State(site): State<Arc<Site>>, sent: Sent) -> Response {
    let wish = Wish::of(&Asked::of_form(&sent));
    let told = ask(&site.parts, Method::POST, "/replay", wish.body(false)).await;
    let text = told.map(|told| {
        let made = number(&told, "deliveries");
        format!(
            "{} put into the queue.",
            count(made, "delivery was", "deliveries were")
        )
    });
    site.answer_with("/", text)
}

fn confirmation(wish: &Wish, told: &Told) -> Markup {
    let deliveries = number(told, "deliveries");
    html! {
        section #confirmation aria-labelledby="confirmation-title" {
            h2 #confirmation-title role="status" {
                (count(number(told, "events"), "event", "events")) ", "
                (count(deliveries, "delivery", "deliveries"))
            }
            @if deliveries > 0 {
                form method="post" action=(PATH) {
                    @for (name, value) in [("since", &wish.since), ("rule", &wish.rule), ("sink", &wish.sink)] {
                        input type="hidden" name=(name) value=(value);
                    }
                    button type="submit" { "Send " (count(deliveries, "delivery", "deliveries")) }
                }
            } @else {
                p { "There is nothing to send." }
            }
        }
    }
}

fn form(site: &Site, wish: &Wish, asked: &Asked, wrong: bool) -> Markup {
    let setup = Arc::clone(&site.parts.setup.borrow());
    let rules = setup.rules.all().iter().map(|rule| &*rule.name);
    let sinks = setup.sinks.iter().map(|sink| sink.name.as_str());
    let since = asked.text("since").unwrap_or("1h");
    html! {
        form.fields method="get" action=(PATH) {
            label for="since" { "Since" }
            input #since name="since" value=(since) required
                aria-invalid=[wrong.then_some("true")]
                aria-describedby=(if wrong { "complaint since-help" } else { "since-help" });
            p.soft #since-help { "An age such as " code { "2h" } ", or a time such as " code { "2026-06-11T08:00:00Z" } "." }
            (choice("rule", "Rule", "every rule", &wish.rule, rules))
            (choice("sink", "Sink", "every sink", &wish.sink, sinks))
            button type="submit" { "Count" }
        }
    }
}

fn choice<'a>(
    name: &str,
    label: &str,
    all: &str,
    chosen: &str,
    known: impl Iterator<Item = &'a str>,
) -> Markup {
    html! {
        label for=(name) { (label) }
        select id=(name) name=(name) {
            option value="" { (all) }
            @for one in known { option value=(one) selected[one == chosen] { (one) } }
        }
    }
}

fn number(told: &Told, key: &str) -> u64 {
    told[key].as_u64().unwrap_or_default()
}

impl Wish {
    fn of(asked: &Asked) -> Self {
        let text = |key| asked.text(key).unwrap_or_default().trim().to_owned();
        Self {
            since: text("since"),
            rule: text("rule"),
            sink: text("sink"),
        }
    }

    /// The wish as the API takes it.
    fn body(&self, dry_run: bool) -> String {
        let mut body = json!({ "since": self.since, "dry_run": dry_run });
        for (key, value) in [("rule", &self.rule), ("sink", &self.sink)] {
            if !value.is_empty() {
                body[key] = json!(value);
            }
        }
        body.to_string()
    }
}

//! Events with what was decided about each, and dead letters; newest first.

use jiff::Timestamp;
use maud::{Markup, html};

use super::words::{ago, count, kind, until};
use crate::model::State as DeliveryState;
use crate::store::{DeliveryRow, EventRow};

/// Deliveries of one event in a list of events; its own page has more.
const DELIVERIES_SHOWN: usize = 6;

/// Events, each with where its deliveries stand.
pub(super) fn events(events: &[EventRow], now: Timestamp) -> Markup {
    html! {
        @if events.is_empty() {
            p.soft { "Nothing has arrived yet." }
        } @else {
            ol.rows #events { @for event in events {
                li id={ "event-" (event.seq) } { (one_event(event, now)) }
            } }
        }
    }
}

fn one_event(event: &EventRow, now: Timestamp) -> Markup {
    let more = event.deliveries.len().saturating_sub(DELIVERIES_SHOWN);
    html! {
        p.head {
            a href={ "/events/" (event.seq) } { (kind(&event.head.kind)) }
            " " span.soft {
                "from " (event.head.source) ", " (ago(Some(event.received), now))
                @if event.head.backfilled { ", found over REST" }
            }
        }
        @if event.deliveries.is_empty() {
            p.soft { "matched by no rule" }
        } @else {
            ul.lines {
                // The newest of them: a replay adds to the end.
                @for delivery in &event.deliveries[more..] { li { (line(delivery, now)) } }
                @if more > 0 { li.soft { "and " (count(more as u64, "earlier delivery", "earlier deliveries")) } }
            }
        }
    }
}

/// A delivery in one line: where it goes, where it stands, and why.
pub(super) fn line(delivery: &DeliveryRow, now: Timestamp) -> Markup {
    html! {
        span.name { (delivery.sink) } " " (badge(delivery.state)) " "
        span.soft {
            "by rule " (delivery.rule)
            @if delivery.attempts > 0 {
                ", " (count(u64::from(delivery.attempts), "attempt", "attempts"))
            }
            @if delivery.state == DeliveryState::Waiting && let Some(left) = until(delivery.due, now) {
                ", next in " (left)
            }
            @if delivery.merged > 0 {
                ", with " (count(delivery.merged, "other event", "other events"))
            }
            @if let Some(reason) = &delivery.reason { ": " (reason) }
        }
    }
}

pub(super) fn badge(state: DeliveryState) -> Markup {
    let class = match state {
        DeliveryState::Delivered => "good",
        DeliveryState::Dead
        | DeliveryState::Expired
        | DeliveryState::Held
        | DeliveryState::Orphaned => "bad",
        _ => "open",
    };
    html! { span class=(class) { (state.as_str()) } }
}

/// Dead letters, each with why, and a button.
pub(super) fn dead_letters(dead: &[DeliveryRow], now: Timestamp) -> Markup {
    html! {
        @if dead.is_empty() {
            p.soft { "None. Nothing was given up." }
        } @else {
            ul.rows #dead { @for letter in dead {
                li.split id={ "dead-" (letter.id) } {
                    div {
                        p.head {
                            a href={ "/events/" (letter.of) "#" (letter.id) } { (kind(&letter.event.kind)) }
                            " to " span.name { (letter.sink) }
                            " " span.soft { (ago(letter.last.as_ref().map(|last| last.at).or(Some(letter.created)), now)) }
                        }
                        p.reason {
                            (letter.reason.as_deref().unwrap_or("no reason known"))
                            " " span.soft { "after " (count(u64::from(letter.attempts), "attempt", "attempts")) ", by rule " (letter.rule) }
                        }
                    }
                    (retry(letter, Back::Status))
                }
            } }
        }
    }
}

/// Where a button leads back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Back {
    Status,
    Event(i64),
}

/// The button that sends a delivery once more.
pub(super) fn retry(delivery: &DeliveryRow, back: Back) -> Markup {
    button(delivery, back, "retry", "Retry")
}

/// The button that gives a delivery up.
pub(super) fn drop(delivery: &DeliveryRow, back: Back) -> Markup {
    button(delivery, back, "drop", "Drop")
}

fn button(delivery: &DeliveryRow, back: Back, act: &str, label: &str) -> Markup {
    html! {
        form method="post" action={ "/deliveries/" (delivery.id) "/" (act) } {
            @if let Back::Event(seq) = back { input type="hidden" name="event" value=(seq); }
            button type="submit" aria-label={ (label) " " (delivery.event.kind) " to " (delivery.sink) } { (label) }
        }
    }
}

/// The way to what comes behind the last of a list, where there may be more.
pub(super) fn older(path: &str, after: Option<i64>) -> Markup {
    html! {
        @if let Some(after) = after { p { a href={ (path) "?after=" (after) } { "Older" } } }
    }
}

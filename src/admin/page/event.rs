//! One event whole: what it brought, what each rule decides about it, and every attempt of every
//! delivery.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use jiff::Timestamp;
use maud::{Markup, html};

use super::super::{Refusal, standing};
use super::frame::{Frame, page};
use super::lists::{Back, drop, line, retry};
use super::state::answer;
use super::words::{ago, exactly, kind};
use super::{Asked, Site};
use crate::model::{Attempt, Event, State as DeliveryState};
use crate::rules::{Rules, Why};
use crate::store::{DeliveryRow, EventRow, Past};

/// Bytes of a payload that are shown.
const PAYLOAD_SHOWN: usize = 4 << 10;

/// Deliveries that are shown, the newest ones, and attempts of each, the last ones.
const DELIVERIES_SHOWN: usize = 50;
const ATTEMPTS_SHOWN: usize = 50;

/// The page of an event, by its place in the queue's order.
pub(super) async fn show(
    State(site): State<Arc<Site>>,
    asked: Asked,
    place: Result<Path<i64>, PathRejection>,
) -> Result<Response, Refusal> {
    let parts = &site.parts;
    let gone = || Refusal::unknown("there is no such event, or it is no longer kept");
    let Path(seq) = place.map_err(|_| gone())?;
    let standing = standing(&parts.status.snapshot());
    let found = parts.store.events(standing, seq.checked_add(1), 1).await?;
    let row = found
        .into_iter()
        .find(|row| row.seq == seq)
        .ok_or_else(gone)?;
    let past = Past {
        since: Timestamp::MIN,
        after: seq - 1,
        until: seq,
    };
    let whole = parts.store.past(past, 1).await?;
    let (_, event) = whole.into_iter().next().ok_or_else(gone)?;
    let left_out = row.deliveries.len().saturating_sub(DELIVERIES_SHOWN);
    let mut deliveries = Vec::new();
    for delivery in row.deliveries.iter().skip(left_out) {
        let attempts = parts.store.attempts(delivery.row).await?;
        deliveries.push((delivery, attempts));
    }
    let rules = Arc::clone(&parts.setup.borrow().rules);
    let now = parts.clock.now();
    let main = html! {
        (site.reply(&asked))
        h1 { (kind(&row.head.kind)) }
        (head(&row, now))
        section #deliveries aria-labelledby="deliveries-title" {
            h2 #deliveries-title { "Deliveries" }
            @if deliveries.is_empty() { p.soft { "Matched by no rule when it arrived." } }
            @if left_out > 0 { p.soft { (left_out) " earlier ones are not shown." } }
            @for (delivery, attempts) in &deliveries { (one_delivery(delivery, attempts, now)) }
        }
        (decided(&rules, &event))
        (payload(&event))
    };
    let frame = Frame {
        title: "event",
        path: "",
        live: true,
    };
    Ok(page(StatusCode::OK, frame.around(parts, &main)))
}

fn head(row: &EventRow, now: Timestamp) -> Markup {
    html! {
        dl.facts {
            div { dt { "Source" } dd { (row.head.source) } }
            @if let Some(id) = &row.head.id { div { dt { "Id" } dd { (id) } } }
            @if row.head.time.is_some() { div { dt { "Happened" } dd { (ago(row.head.time, now)) } } }
            div { dt { "Arrived" } dd { (ago(Some(row.received), now)) } }
            @if row.head.backfilled { div { dt { "Found" } dd { "over REST, after a gap" } } }
        }
    }
}

fn one_delivery(delivery: &DeliveryRow, attempts: &[Attempt], now: Timestamp) -> Markup {
    let left_out = attempts.len().saturating_sub(ATTEMPTS_SHOWN);
    let back = Back::Event(delivery.of);
    let waits = matches!(
        delivery.state,
        DeliveryState::Waiting | DeliveryState::Held | DeliveryState::Orphaned
    );
    let tries = !matches!(
        delivery.state,
        DeliveryState::InFlight | DeliveryState::Orphaned
    );
    html! {
        article id=(delivery.id) aria-label={ "Delivery to " (delivery.sink) } {
            p { (line(delivery, now)) }
            p.soft {
                code { (delivery.id) } ", since " (ago(Some(delivery.created), now))
                @if let Some(from) = &delivery.replayed_from { ", a replay of " code { (from) } }
                @if let Some(of) = &delivery.instead_of { ", in place of " code { (of) } }
                @if let Some(fallback) = &delivery.fallback { "; " code { (fallback) } " has stepped in" }
            }
            @if left_out > 0 { p.soft { (left_out) " earlier attempts are not shown." } }
            @if !attempts.is_empty() {
                ol.lines start=(left_out + 1) { @for attempt in attempts.iter().skip(left_out) {
                    li { (one_attempt(attempt, now)) }
                } }
            }
            div.buttons {
                @if tries { (retry(delivery, back)) }
                @if waits { (drop(delivery, back)) }
            }
        }
    }
}

fn one_attempt(attempt: &Attempt, now: Timestamp) -> Markup {
    html! {
        (attempt.outcome.as_str()) ": " (answer(attempt)) " in " (exactly(attempt.duration))
        ", " (ago(Some(attempt.at), now))
        @if let (Some(_), Some(reason)) = (attempt.status, &attempt.reason) { " " span.soft { (reason) } }
        @if let Some(text) = attempt.answer.as_deref().filter(|text| !text.is_empty()) {
            pre tabindex="0" aria-label="Start of the answer" { (text) }
        }
    }
}

/// What the rules of today make of it. They may have been others when it arrived.
fn decided(rules: &Rules, event: &Event) -> Markup {
    html! {
        section #rules aria-labelledby="rules-title" {
            h2 #rules-title { "Rules, as they are now" }
            ul.lines { @for (rule, why) in rules.explain(event) {
                li {
                    span.name { (rule) } " "
                    @match why {
                        Why::Matched => span.good { "matches" },
                        Why::Source => span.soft { "does not listen to this source" },
                        Why::Type => span.soft { "does not listen to this type" },
                        Why::Backfilled => span.soft { "skips what was found over REST" },
                        Why::Hours(beside) => span.soft { "is outside its hours: " (beside) },
                        Why::When { condition } => span.soft { "its condition is not true: " code { (condition) } },
                        Why::Fault(fault) => span.bad { "its condition could not be worked out: " (fault) },
                    }
                }
            } }
        }
    }
}

fn payload(event: &Event) -> Markup {
    let shown = &event.payload[..event.payload.len().min(PAYLOAD_SHOWN)];
    html! {
        section #payload aria-labelledby="payload-title" {
            h2 #payload-title { "Payload" }
            // Whoever cannot point can scroll it all the same.
            pre tabindex="0" aria-labelledby="payload-title" { (String::from_utf8_lossy(shown)) }
            @if shown.len() < event.payload.len() {
                p.soft { "The first " (shown.len()) " of " (event.payload.len()) " bytes." }
            }
        }
    }
}

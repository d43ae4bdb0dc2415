//! The page at `/`: is it listening, did my alert go out, and if not, why. Readable without scripts,
//! with no resource from elsewhere; everything foreign is escaped by the template.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use maud::{DOCTYPE, Markup, html};

use super::{Parts, problem, standing};
use crate::model::State as DeliveryState;
use crate::status::{SinkStatus, Snapshot, SourceStatus};
use crate::store::{DeliveryRow, Depths, EventRow};

/// Events on the page.
const EVENTS_SHOWN: u32 = 50;

pub(super) async fn show(State(parts): State<Arc<Parts>>) -> Response {
    let now = parts.clock.now();
    let snapshot = parts.status.snapshot();
    let (events, depths) = match tokio::try_join!(
        parts.store.events(standing(&snapshot), None, EVENTS_SHOWN),
        parts.store.depths()
    ) {
        Ok(read) => read,
        Err(error) => return problem(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()),
    };
    let page = whole(&snapshot, &depths, &events, now);
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, page.into_string()).into_response()
}

fn whole(snapshot: &Snapshot, depths: &Depths, events: &[EventRow], now: Timestamp) -> Markup {
    let reasons = snapshot.obstacles(now);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="refresh" content="5";
                title { @if reasons.is_empty() { "bellwire" } @else { "bellwire: not ready" } }
                link rel="stylesheet" href="/style.css";
            }
            body {
                h1 { "bellwire" }
                @if reasons.is_empty() {
                    p { span.good { "Ready." } " An alert would get through now." }
                } @else {
                    p { span.bad { "Not ready." } " An alert would not get through now:" }
                    ul { @for reason in &reasons { li { (reason) } } }
                }
                (sources(snapshot, now))
                (sinks(snapshot, depths, now))
                (timeline(events, now))
            }
        }
    }
}

fn sources(snapshot: &Snapshot, now: Timestamp) -> Markup {
    html! {
        h2 { "Sources" }
        div.wide { table {
            thead { tr { th { "Source" } th { "State" } th { "Last event" } th { "Events" } th { "Last connection ended" } } }
            tbody { @for (name, source) in &snapshot.sources { tr {
                td { (name) }
                td { (source_state(source, now)) }
                td { (ago(source.last_event, now)) }
                td { (source.events) }
                td.soft { (source.last_end.as_deref().unwrap_or("–")) }
            } } }
        } }
    }
}

fn source_state(source: &SourceStatus, now: Timestamp) -> Markup {
    html! {
        @if let Some(fault) = &source.fault {
            span.bad { (fault) }
        } @else if source.connected {
            span.good { "listening" } " " span.soft { "for " (lasted(source.since, now)) }
        } @else {
            span.bad { "away" } " " (source.activity)
        }
        @if let Some(poll) = &source.poll { br; span.soft { (poll) } }
        @if let Some(gap) = &source.last_gap { br; span.soft { "last gap: " (gap) } }
    }
}

fn sinks(snapshot: &Snapshot, depths: &Depths, now: Timestamp) -> Markup {
    let standing = standing(snapshot);
    let known = snapshot.sinks.iter().map(|(name, sink)| (name, Some(sink)));
    let gone = depths.orphaned(&standing).map(|(name, _)| (name, None));
    html! {
        h2 { "Sinks" }
        div.wide { table {
            thead { tr { th { "Sink" } th { "State" } th { "Waiting" } th { "Oldest" } th { "Delivered" } th { "Dead" } th { "Last delivered" } } }
            tbody { @for (name, sink) in known.chain(gone) {
                @let counts = depths.by_sink.get(name);
                @let count = |state: DeliveryState| counts.and_then(|counts| counts.get(state.as_str())).copied().unwrap_or(0);
                tr {
                    td { (name) }
                    td { (sink_state(sink, now)) }
                    td { (count(DeliveryState::Waiting) + count(DeliveryState::InFlight)) }
                    td { (ago(depths.oldest_waiting.get(name).copied(), now)) }
                    td { (count(DeliveryState::Delivered)) }
                    td { (count(DeliveryState::Dead)) }
                    td { (ago(sink.and_then(|sink| sink.last_delivered), now)) }
                }
            } }
        } }
    }
}

fn sink_state(sink: Option<&SinkStatus>, now: Timestamp) -> Markup {
    let Some(sink) = sink else {
        return html! { span.bad { "not configured" } " " span.soft { "what waits is orphaned" } };
    };
    html! {
        @if let Some(reason) = &sink.suspended {
            span.bad { "suspended" } " " (reason)
        } @else if let Some(until) = sink.resting_until.filter(|until| *until > now) {
            "resting for " (length(until.duration_since(now).unsigned_abs()))
        } @else if let Some(since) = sink.away_since {
            span.bad { "away" } " for " (length(now.duration_since(since).unsigned_abs())) ": " (sink.last_failure.as_deref().unwrap_or_default())
        } @else if sink.failed_in_a_row > 0 {
            span.bad { "failing" } " " (sink.last_failure.as_deref().unwrap_or_default())
        } @else {
            span.good { "fine" }
        }
    }
}

fn timeline(events: &[EventRow], now: Timestamp) -> Markup {
    html! {
        h2 { "Recent events" }
        @if events.is_empty() {
            p.soft { "Nothing has arrived yet." }
        } @else {
            div.wide { table {
                thead { tr { th { "Arrived" } th { "Source" } th { "Type" } th { "Deliveries" } } }
                tbody { @for event in events { tr {
                    td { (ago(Some(event.received), now)) }
                    td { (event.head.source) }
                    td { (event.head.kind) }
                    td {
                        @if event.deliveries.is_empty() { span.soft { "no rule matched" } }
                        @for delivery in &event.deliveries { (one_delivery(delivery)) }
                    }
                } } }
            } }
        }
    }
}

fn one_delivery(delivery: &DeliveryRow) -> Markup {
    let class = match delivery.state {
        DeliveryState::Delivered => "good",
        DeliveryState::Dead | DeliveryState::Expired => "bad",
        _ => "soft",
    };
    html! {
        div title=(delivery.id) {
            (delivery.sink) " " span class=(class) { (delivery.state.as_str()) }
            @if let Some(reason) = &delivery.reason { " " span.soft { (reason) } }
        }
    }
}

fn ago(moment: Option<Timestamp>, now: Timestamp) -> String {
    match moment {
        None => "–".to_owned(),
        Some(moment) => match Duration::try_from(now.duration_since(moment)) {
            Ok(age) if age >= Duration::from_secs(1) => format!("{} ago", length(age)),
            _ => "now".to_owned(),
        },
    }
}

fn lasted(since: Option<Timestamp>, now: Timestamp) -> String {
    let age = since.and_then(|since| Duration::try_from(now.duration_since(since)).ok());
    length(age.unwrap_or_default())
}

/// A duration by its largest unit, which is all that a glance needs.
fn length(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

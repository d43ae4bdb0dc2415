//! The first things on the page: whether an alert would get through, the sources, and the sinks.

use jiff::Timestamp;
use maud::{Markup, html};

use super::super::standing;
use super::words::{ago, count, exactly, lasted, until};
use crate::model::{Attempt, Name, State as DeliveryState};
use crate::status::{SinkStatus, Snapshot, SourceStatus};
use crate::store::{Depths, InstanceRow};

/// The answers to the three questions at a glance: whether it is ready, whether the last alert went
/// out, and why not.
pub(super) fn verdict(
    reasons: &[String],
    snapshot: &Snapshot,
    dead: u64,
    now: Timestamp,
) -> Markup {
    let accepted = snapshot.sinks.iter();
    let accepted = accepted.filter_map(|(name, sink)| Some((sink.last_delivered?, name)));
    html! {
        section #verdict {
            // Only the sentence is read out when it changes: reasons count seconds.
            h1 role="status" {
                @if reasons.is_empty() {
                    span.good { "Ready." } " An alert would get through now."
                } @else {
                    span.bad { "Not ready." } " An alert would not get through now."
                }
            }
            @if !reasons.is_empty() { ul { @for reason in reasons { li { (reason) } } } }
            p {
                @match accepted.max() {
                    Some((at, name)) => { a href="#timeline" { "Last alert" } " accepted " (ago(Some(at), now)) " by " (name) "." },
                    None => { a href="#timeline" { "No alert" } " accepted yet." },
                }
                @if dead > 0 { " " a href="#dead-letters" { (count(dead, "dead letter", "dead letters")) } "." }
            }
        }
    }
}

pub(super) fn sources(snapshot: &Snapshot, now: Timestamp) -> Markup {
    html! {
        section #sources aria-labelledby="sources-title" {
            h2 #sources-title { "Sources" }
            @if snapshot.sources.is_empty() {
                p.soft { "No source is configured." }
            }
            ul.cards { @for (name, source) in &snapshot.sources {
                li id={ "source-" (name) } { (one_source(name, source, now)) }
            } }
        }
    }
}

fn one_source(name: &Name, source: &SourceStatus, now: Timestamp) -> Markup {
    html! {
        h3 { (name) }
        p { (source_state(source, now)) }
        @if !source.used { p.soft { "No rule listens to it." } }
        @if let Some(poll) = &source.poll { p.soft { (poll) } }
        dl {
            (fact("Last event", html! { (ago(source.last_event, now)) }))
            (fact("Events", html! { (source.events) }))
            @if let Some(left) = source.requests_left {
                (fact("Requests left", html! { (left) " in this minute" }))
            }
            (fact("Last gap", html! { (source.last_gap.as_deref().unwrap_or("none")) }))
            @if let Some(end) = &source.last_end {
                (fact("Last disconnect", html! { (end) }))
            }
        }
    }
}

fn source_state(source: &SourceStatus, now: Timestamp) -> Markup {
    html! {
        @if source.elsewhere {
            span.open { "standing by" } ": another instance follows it"
        } @else if let Some(fault) = &source.fault {
            span.bad { "needs a person" } ": " (fault)
        } @else if source.connected {
            span.good { "connected" }
            @if let Some(since) = source.since { " for " (lasted(since, now)) }
        } @else {
            // Streams are recycled now and then, which is nothing to worry about.
            @if source.is_away(now) { span.bad { "away" } } @else { span.open { "reconnecting" } }
            @if let Some(since) = source.since { " for " (lasted(since, now)) }
            @if !source.activity.is_empty() { ": " (source.activity) }
        }
    }
}

pub(super) fn sinks(snapshot: &Snapshot, depths: &Depths, now: Timestamp) -> Markup {
    let standing = standing(snapshot);
    let known = snapshot.sinks.iter().map(|(name, sink)| (name, Some(sink)));
    let gone = depths.orphaned(&standing).map(|(name, _)| (name, None));
    let all: Vec<_> = known.chain(gone).collect();
    html! {
        section #sinks aria-labelledby="sinks-title" {
            h2 #sinks-title { "Sinks" }
            @if all.is_empty() { p.soft { "No sink is configured." } }
            ul.cards { @for (name, sink) in all {
                li id={ "sink-" (name) } {
                    h3 { (name) }
                    @match sink {
                        Some(sink) => (one_sink(name, sink, depths, now)),
                        None => (gone_sink(name, depths, now)),
                    }
                }
            } }
        }
    }
}

fn one_sink(name: &Name, sink: &SinkStatus, depths: &Depths, now: Timestamp) -> Markup {
    html! {
        p { (sink_state(sink, now)) }
        @if !sink.used { p.soft { "No rule sends to it." } }
        dl {
            (waiting(name, depths, now))
            (fact("Accepted", html! { (success(sink)) }))
            (fact("Event to accepted", html! {
                @match sink.durations.quantiles([50, 99]) {
                    Some([half, most]) => { span.keep { "p50 " (exactly(half)) "," } " " span.keep { "p99 " (exactly(most)) } },
                    None => "–",
                }
            }))
            (fact("Last answer", html! { (last_answer(sink.last_attempt.as_ref(), now)) }))
            (fact("Dead letters", html! { (in_state(name, depths, DeliveryState::Dead)) }))
        }
        form method="post" action={ "/sinks/" (name) "/test" } {
            button type="submit" aria-label={ "Test " (name) } { "Test" }
        }
    }
}

/// Who works on a queue that is shared.
pub(super) fn instances(instances: &[InstanceRow], now: Timestamp) -> Markup {
    html! {
        section #instances aria-labelledby="instances-title" {
            h2 #instances-title { "Instances" }
            ul.cards { @for instance in instances {
                li id={ "instance-" (instance.id) } {
                    h3 { (instance.host) @if instance.is_own { " (this one)" } }
                    p {
                        @if instance.is_gone { span.bad { "gone" } ", last seen " (ago(Some(instance.seen), now)) }
                        @else { span.good { "working" } " for " (lasted(instance.started, now)) }
                    }
                    @if instance.differs { p.bad { "Its configuration is another one than here." } }
                    dl {
                        (fact("Does", html! { @if instance.duties.is_empty() { "nothing, it stands by" } @else { (instance.duties.join(", ")) } }))
                        (fact("Version", html! { (instance.version) }))
                        (fact("Configuration", html! { (instance.config) }))
                    }
                }
            } }
        }
    }
}

fn gone_sink(name: &Name, depths: &Depths, now: Timestamp) -> Markup {
    html! {
        p { span.bad { "not configured" } " What waits for it is orphaned." }
        dl { (waiting(name, depths, now)) }
    }
}

fn sink_state(sink: &SinkStatus, now: Timestamp) -> Markup {
    let failure = sink.last_failure.as_deref().unwrap_or("no reason known");
    html! {
        @if sink.elsewhere {
            span.open { "standing by" } ": another instance serves it"
        } @else if let Some(reason) = &sink.suspended {
            span.bad { "suspended" } ": " (reason)
        } @else if let Some(left) = sink.resting_until.and_then(|until_when| until(until_when, now)) {
            span.bad { "resting" } " for " (left) ", as its receiver asked"
        } @else if let Some(since) = sink.away_since {
            span.bad { "away" } " for " (lasted(since, now)) ": " (failure)
        } @else if sink.failed_in_a_row > 0 {
            span.bad { "failing" } ": " (failure)
        } @else if sink.last_attempt.is_none() {
            span.soft { "nothing sent since the start" }
        } @else {
            span.good { "fine" }
        }
    }
}

/// How much has not ended, and how long the first of it waits.
fn waiting(name: &Name, depths: &Depths, now: Timestamp) -> Markup {
    let open = in_state(name, depths, DeliveryState::Waiting)
        + in_state(name, depths, DeliveryState::InFlight);
    html! {
        (fact("Waiting", html! { (open) }))
        @if let Some(oldest) = depths.oldest_waiting.get(name).filter(|oldest| **oldest <= now) {
            (fact("Oldest waiting", html! { "for " (lasted(*oldest, now)) }))
        }
    }
}

/// What share of the requests was accepted, since the start.
fn success(sink: &SinkStatus) -> String {
    let made = sink.delivered + sink.failed;
    match made {
        0 => "–".to_owned(),
        // A hundred of a hundred is said only where it is so.
        made => format!(
            "{} % of {}",
            sink.delivered * 100 / made,
            count(made, "request", "requests")
        ),
    }
}

fn last_answer(attempt: Option<&Attempt>, now: Timestamp) -> Markup {
    let Some(attempt) = attempt else {
        return html! { "–" };
    };
    html! {
        (answer(attempt)) " in " (exactly(attempt.duration)) ", " (ago(Some(attempt.at), now))
    }
}

/// What came back: a status, or why there is none.
pub(super) fn answer(attempt: &Attempt) -> String {
    match (attempt.status, &attempt.reason) {
        (Some(status), _) => status.to_string(),
        (None, Some(reason)) => reason.clone(),
        (None, None) => attempt.outcome.as_str().to_owned(),
    }
}

fn in_state(name: &Name, depths: &Depths, state: DeliveryState) -> u64 {
    let counts = depths.by_sink.get(name);
    let count = counts.and_then(|counts| counts.get(state.as_str()));
    count.copied().unwrap_or_default()
}

fn fact(name: &str, value: Markup) -> Markup {
    html! { div { dt { (name) } dd { (value) } } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_that_was_accepted_is_never_rounded_up_to_all() {
        let check = |delivered, failed, text: &str| {
            let sink = SinkStatus {
                delivered,
                failed,
                ..SinkStatus::default()
            };
            assert_eq!(success(&sink), text);
        };
        check(0, 0, "–");
        check(1, 0, "100 % of 1 request");
        check(999, 1, "99 % of 1000 requests");
        check(0, 3, "0 % of 3 requests");
    }
}

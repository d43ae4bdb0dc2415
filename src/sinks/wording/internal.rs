//! The wording of events about bellwire itself.
//!
//! A file of its own because they are few, ours, and read by somebody who was just woken up: the title
//! alone says what is wrong and with whom, the message says why, and then what a person can do. What
//! there is nothing to do about says that, too.

use serde_json::Value;

use super::Tone;
use super::data::{Data, joined, scalar};
use super::draft::Draft;
use super::other;

/// Label of the line that says what a person can do.
const TO_DO: &str = "What to do";

/// Longest reason, in code points. Some name every mistake in a file.
const REASON_MAX: usize = 500;

/// What is known of an event type: its name and its wording.
type Known = (&'static str, fn(&Data<'_>) -> Draft);

const KNOWN: &[Known] = &[
    ("bellwire.source_lost", source_lost),
    ("bellwire.source_recovered", source_recovered),
    ("bellwire.auth_revoked", auth_revoked),
    ("bellwire.gap", gap),
    ("bellwire.event_skipped", event_skipped),
    ("bellwire.epoch", epoch),
    ("bellwire.silence", silence),
    ("bellwire.silence_over", silence_over),
    ("bellwire.sink_failing", sink_failing),
    ("bellwire.sink_suspended", sink_suspended),
    ("bellwire.sink_recovered", sink_recovered),
    ("bellwire.delivery_dead", delivery_dead),
    ("bellwire.disk_full", disk_full),
    ("bellwire.reload_failed", reload_failed),
    ("bellwire.started", started),
    ("bellwire.test", test),
];

/// Keys that name whom it is about, nearest first.
const SUBJECTS: [&str; 5] = ["sink", "source", "watch", "name", "rule"];

/// The event types that are known here.
pub(super) fn types() -> impl Iterator<Item = &'static str> {
    KNOWN.iter().map(|known| known.0)
}

/// The wording of an internal event type.
pub(super) fn draft(kind: &str, data: &Data<'_>) -> Draft {
    let known = KNOWN.iter().find(|known| known.0 == kind);
    known.map_or_else(|| unknown(kind, data), |(_, make)| make(data))
}

fn source_lost(data: &Data<'_>) -> Draft {
    told("Source lost", "rotating_light", 5, data)
        .phrased("Away since", data.moment("since"), since)
        .line()
        .detail(
            TO_DO,
            says("nothing of it rings until it is back; bellwire goes on trying"),
        )
}

fn source_recovered(data: &Data<'_>) -> Draft {
    let away = data.span("away_seconds");
    let reason = reason(data).filter(|_| away.is_none());
    good("Source is back", data)
        .phrased("Away for", away, |span| format!("was away for {span}"))
        .detail("Reason", reason)
}

fn auth_revoked(data: &Data<'_>) -> Draft {
    let headline = match data.word("cause").as_deref() {
        Some("access_disabled") => "Access disabled",
        _ => "Key refused",
    };
    // The reason says what to do.
    told(headline, "closed_lock_with_key", 5, data)
}

fn gap(data: &Data<'_>) -> Draft {
    let lost = data.count("not_recovered").filter(|count| *count > 0);
    let recovered = data.count("recovered");
    let is_closed = data.get("closed").and_then(Value::as_bool) == Some(true);
    let to_do = match is_closed && lost.is_none() {
        true => "nothing is to be done: it is closed",
        false => "look at your open trades: what is missing did not ring",
    };
    warning("Gap in the stream", "warning", 4)
        .news(subject(data))
        .news(recovered.map(|count| format!("{count} recovered")))
        .news(lost.map(|count| format!("{count} missing")))
        .detail("Reason", reason(data))
        .line()
        .phrased("Away for", data.span("away_seconds"), |span| {
            format!("was away for {span}")
        })
        .line()
        .detail(TO_DO, says(to_do))
}

fn event_skipped(data: &Data<'_>) -> Draft {
    let to_do = match data.get("bytes") {
        Some(_) => "it rang nobody; raise `max_event_size` if such events matter",
        None => "it rang nobody; look at the source what it was",
    };
    let headline = many(data, "Event skipped", |count| {
        format!("{count} events skipped")
    });
    told(&headline, "warning", 3, data)
        .phrased("Event id", data.label("id"), |id| format!("event id {id}"))
        .line()
        .detail(TO_DO, says(to_do))
}

fn epoch(data: &Data<'_>) -> Draft {
    let headline = many(data, "Ids started over", |count| {
        format!("Ids started over {count} times")
    });
    Draft::new(headline, Tone::Neutral, "arrows_counterclockwise")
        .priority(2)
        .news(subject(data))
        .detail("Reason", reason(data))
        .line()
        .detail(
            TO_DO,
            says("nothing is to be done: bellwire goes on with the new ids"),
        )
}

fn silence(data: &Data<'_>) -> Draft {
    let span = data.label("silent_for").or(data.span("silent_seconds"));
    let draft = warning("Silence", "mute", 4)
        .news(subject(data))
        .news(span.map(|span| format!("nothing for {span}")))
        .detail("Reason", reason(data))
        .phrased("Silent since", data.moment("since"), since)
        .line()
        .detail(
            TO_DO,
            says("see whether the market is closed, else look at who sends these events"),
        )
        .line();
    other::remaining(draft, data, &USED_BY_SILENCE)
}

fn silence_over(data: &Data<'_>) -> Draft {
    let span = data.label("silent_for").or(data.span("silent_seconds"));
    let draft = good("Silence over", data)
        .news(span.map(|span| format!("after {span}")))
        .detail("Reason", reason(data))
        .phrased("Silent since", data.moment("since"), since)
        .line();
    other::remaining(draft, data, &USED_BY_SILENCE)
}

const USED_BY_SILENCE: [&str; 5] = ["watch", "reason", "since", "silent_for", "silent_seconds"];

fn sink_failing(data: &Data<'_>) -> Draft {
    waiting(told("Sink failing", "warning", 5, data), data, "waiting")
        .phrased("Failing since", data.moment("since"), since)
        .line()
        .detail(
            TO_DO,
            says("look at the receiver; what waits is tried again by itself"),
        )
}

fn sink_suspended(data: &Data<'_>) -> Draft {
    let again = match data.label("sink") {
        Some(sink) => format!("`bellwire send {sink}`"),
        None => "`bellwire send`".to_owned(),
    };
    waiting(told("Sink suspended", "no_entry", 5, data), data, "held")
        .line()
        .detail(
            TO_DO,
            Some(format!(
                "it rings no more; mend its address or credentials, then {again}"
            )),
        )
}

fn sink_recovered(data: &Data<'_>) -> Draft {
    waiting(good("Sink is back", data), data, "waiting")
        .phrased("Away since", data.moment("since"), |time| {
            format!("was away since {time}")
        })
        .detail("Reason", reason(data))
}

fn delivery_dead(data: &Data<'_>) -> Draft {
    let headline = many(data, "Delivery dead", |count| {
        format!("{count} deliveries dead")
    });
    let is_one = data.count("count").is_none_or(|count| count < 2);
    let to_do = match (data.label("id"), data.label("sink")) {
        (Some(id), _) if is_one => {
            format!("it rang nobody there; `bellwire queue retry {id}` tries again")
        }
        (_, Some(sink)) => format!(
            "they rang nobody there; `bellwire queue list --state dead --sink {sink}` shows them, `bellwire queue retry ID` tries again"
        ),
        _ => "`bellwire queue list --state dead` shows what did not arrive".to_owned(),
    };
    let kind = event_type(data);
    let last = kind.clone().filter(|_| !is_one);
    warning(headline, "skull", 4)
        .news(subject(data))
        .news(kind.filter(|_| is_one))
        .detail("Reason", reason(data))
        .line()
        .phrased("Last event", last, |kind| format!("last event {kind}"))
        .phrased("Rule", data.label("rule"), |rule| format!("rule {rule}"))
        .phrased("Attempts", data.word("attempts"), |count| {
            format!("attempts: {count}")
        })
        .line()
        .detail(TO_DO, Some(to_do))
}

fn disk_full(data: &Data<'_>) -> Draft {
    // The reason says what to do.
    warning("Disk full", "floppy_disk", 5)
        .news(says("new events wait at the source"))
        .detail("Reason", reason(data))
}

fn reload_failed(data: &Data<'_>) -> Draft {
    let mistakes = reason(data).map(|reason| match reason.split_once(" stays in force: ") {
        Some((_, mistakes)) => mistakes.to_owned(),
        None => reason,
    });
    warning("Configuration refused", "warning", 4)
        .news(says("the one before stays in force"))
        .detail("Reason", mistakes)
        .line()
        .detail(
            TO_DO,
            says("mend the file; `bellwire check` shows every mistake with its line"),
        )
}

fn started(data: &Data<'_>) -> Draft {
    Draft::new("bellwire started", Tone::Neutral, "bell")
        .priority(2)
        .news(
            data.word("version")
                .map(|version| format!("version {version}")),
        )
        .detail(
            TO_DO,
            says("if nobody restarted it, look in its log why it had ended"),
        )
}

fn test(data: &Data<'_>) -> Draft {
    Draft::new("Test message", Tone::Neutral, "bell")
        .news(subject(data))
        .detail("Message", data.sentence("message"))
}

/// A type that nobody described: whom it is about, and whatever it says.
fn unknown(kind: &str, data: &Data<'_>) -> Draft {
    let word = kind.strip_prefix("bellwire.").unwrap_or(kind);
    let mut used = vec!["reason", "state"];
    used.extend(subject_key(data));
    let draft = Draft::new(other::spoken(word), Tone::Neutral, "bell")
        .news(subject(data))
        .news(event_type(data))
        .detail("Reason", reason(data))
        .line();
    other::remaining(draft, data, &used)
}

fn warning(headline: impl Into<String>, tag: &'static str, priority: u8) -> Draft {
    Draft::new(headline, Tone::Warning, tag).priority(priority)
}

/// A warning with whom it is about, and why.
fn told(headline: &str, tag: &'static str, priority: u8, data: &Data<'_>) -> Draft {
    warning(headline, tag, priority)
        .news(subject(data))
        .detail("Reason", reason(data))
        .line()
}

/// The end of a trouble.
fn good(headline: &str, data: &Data<'_>) -> Draft {
    Draft::new(headline, Tone::Neutral, "white_check_mark").news(subject(data))
}

/// Adds to the title how many deliveries are affected.
fn waiting(draft: Draft, data: &Data<'_>, key: &'static str) -> Draft {
    let count = data.count(key).filter(|count| *count > 0);
    draft.news(count.map(|count| format!("{count} {key}")))
}

fn many(data: &Data<'_>, one: &str, more: fn(u64) -> String) -> String {
    match data.count("count").filter(|count| *count > 1) {
        Some(count) => more(count),
        None => one.to_owned(),
    }
}

fn says(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn since(time: &str) -> String {
    format!("since {time}")
}

fn reason(data: &Data<'_>) -> Option<String> {
    data.get("reason")
        .and_then(|value| scalar(value, REASON_MAX))
}

fn subject_key(data: &Data<'_>) -> Option<&'static str> {
    SUBJECTS.into_iter().find(|key| data.word(key).is_some())
}

fn subject(data: &Data<'_>) -> Option<String> {
    data.label(subject_key(data)?)
}

/// The type of the event that a delivery was about.
fn event_type(data: &Data<'_>) -> Option<String> {
    joined(
        [data
            .get("event")?
            .get("type")
            .and_then(|kind| scalar(kind, 64))],
        "",
    )
}

//! What `verify` found, in words and as JSON.
//!
//! A file of its own because every fault is told with what to do about it, and the words have to be right
//! for people who see them once, in trouble.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::sinks::verify::{Change, Clock, Fault, Finding, Misread, OtherContent};

/// The line for a person about one scheme.
pub(super) fn line(
    finding: &Finding,
    secrets: usize,
    received: Timestamp,
    tolerance: Duration,
) -> String {
    let scheme = finding.scheme.map(|scheme| format!("{}: ", scheme.name()));
    let told = match &finding.outcome {
        Ok(place) => {
            let when = finding.signed.map(|signed| distance(signed, received));
            let when = when.unwrap_or_else(|| "the scheme has no time".to_owned());
            let which = match secrets {
                0 | 1 => String::new(),
                _ => format!(", with secret {} of {secrets}", place + 1),
            };
            format!("genuine, {when}{which}")
        }
        Err(fault) => {
            let besides = finding
                .clock
                .map(|clock| format!("; besides, it was signed {}", off(clock, tolerance)));
            let besides = besides.unwrap_or_default();
            format!("not genuine: {}{besides}", reason(fault, tolerance))
        }
    };
    format!("{}{told}", scheme.unwrap_or_default())
}

/// All of it for a program.
pub(super) fn json(findings: &[Finding], received: Timestamp, tolerance: Duration) -> Value {
    let schemes: Vec<Value> = findings
        .iter()
        .map(|finding| {
            let fault = finding.outcome.as_ref().err();
            json!({
                "scheme": finding.scheme.map(|scheme| scheme.name()),
                "genuine": finding.is_genuine(),
                "signed": finding.signed.map(|signed| signed.to_string()),
                "secret": finding.outcome.as_ref().ok().map(|place| place + 1),
                "problem": fault.map(problem),
                "reason": fault.map(|fault| reason(fault, tolerance)),
            })
        })
        .collect();
    json!({
        "genuine": findings.iter().all(Finding::is_genuine),
        "received": received.to_string(),
        "schemes": schemes,
    })
}

/// A word for a program.
const fn problem(fault: &Fault) -> &'static str {
    match fault {
        Fault::Missing(_) => "header_missing",
        Fault::Malformed { .. } => "header_malformed",
        Fault::Clock(_) => "clock",
        Fault::Changed(_) => "body_changed",
        Fault::Misread(_) => "secret_misread",
        Fault::OtherContent(_) => "other_content",
        Fault::NoKey => "secret_unusable",
        Fault::Unknown { .. } => "unknown",
    }
}

fn reason(fault: &Fault, tolerance: Duration) -> String {
    match fault {
        Fault::Missing(names) => missing(names),
        Fault::Malformed { header, why } => format!("`{header}` cannot be read: {why}"),
        Fault::Clock(clock) => {
            let cure = match clock.is_ahead {
                true => "the receiver's clock is behind, or the sender's is ahead",
                false => {
                    "it was delayed or repeated, or the sender's clock is behind; of an older capture say with `--at` when it was received"
                }
            };
            format!(
                "the signature is right, but it was signed {}: {cure}",
                off(*clock, tolerance)
            )
        }
        Fault::Changed(change) => format!("{}; verify the bytes as they came", changed(*change)),
        Fault::Misread(misread) => format!("the sender has another key: {}", misread_as(*misread)),
        Fault::OtherContent(content) => other(*content).to_owned(),
        Fault::NoKey => {
            "no secret that was given is one for this scheme: expected `whsec_` and base64"
                .to_owned()
        }
        Fault::Unknown { length } => {
            let Some((told, there)) = length else {
                return "either the secret is another one or the body was changed; nothing tried fits"
                    .to_owned();
            };
            format!(
                "the body was changed on the way, since `content-length` is {told} and it has {there} bytes: printed again as JSON, perhaps, which drops zeros at the end of prices; verify the bytes as they came"
            )
        }
    }
}

fn missing(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.as_slice() {
        [one] => format!("{one} is missing: a proxy has dropped it, or it was never sent"),
        [one, two] => format!(
            "{one} and {two} are missing: a proxy has dropped them, or they were never sent"
        ),
        _ => format!(
            "it has no signature: neither of {} is there",
            quoted.join(", ")
        ),
    }
}

/// What was changed, as a sentence about what had been signed.
const fn changed(change: Change) -> &'static str {
    match change {
        Change::LineBreakAdded => "a line break was added at the end of the body",
        Change::LineBreakLost => "the line break at the end of the body was taken off",
        Change::LineEndsLong => "the line ends in the body were changed to CRLF",
        Change::LineEndsShort => "the line ends in the body were changed from CRLF to LF",
        Change::MarkAdded => "a byte order mark was put before the body",
        Change::MarkLost => "the byte order mark before the body was taken off",
        Change::Longer => "more stands behind the body than `content-length` says",
        Change::Chunked => "the body is still in the chunks of its transfer encoding",
        Change::Base64 => "the body was encoded as base64",
        Change::Latin1 => "the body's UTF-8 was read as Latin-1",
        Change::JsonCompact => "the body was re-encoded as JSON; what was signed is compact",
        Change::JsonSpaced => {
            "the body was re-encoded as JSON; what was signed has blanks behind `,` and `:`"
        }
        Change::JsonIndented => {
            "the body was re-encoded as JSON; what was signed is laid out on several lines"
        }
    }
}

const fn misread_as(misread: Misread) -> &'static str {
    match misread {
        Misread::Text => {
            "the text of this secret, `whsec_` included, where the scheme takes the bytes that its base64 stands for"
        }
        Misread::TextWithoutPrefix => "the text of this secret behind `whsec_`, not decoded",
        Misread::TextWithPrefix => "the text of this secret with `whsec_` before it",
        Misread::Base64 => {
            "the bytes that the base64 of this secret stands for, as Standard Webhooks takes it, where the scheme takes the whole text"
        }
        Misread::Base64OfAddresses => {
            "the bytes that this secret stands for in the base64 of addresses (`-` and `_`)"
        }
        Misread::Hexadecimal => "the bytes that the hexadecimal digits of this secret stand for",
        Misread::WithLineBreak => "this secret with a line break behind it, such as `echo` writes",
        Misread::Trimmed => "this secret without the blanks or line breaks around it",
    }
}

const fn other(content: OtherContent) -> &'static str {
    match content {
        OtherContent::Exchanged => {
            "id and time are exchanged, in the headers or in what was signed"
        }
        OtherContent::WithoutId => "time and body were signed, without the id",
        OtherContent::BodyAlone => "the body alone was signed, without the time",
    }
}

fn off(clock: Clock, tolerance: Duration) -> String {
    let side = if clock.is_ahead { "after" } else { "before" };
    format!(
        "{} {side} it was received, and {} is the most",
        whole_seconds(clock.off),
        whole_seconds(tolerance)
    )
}

fn distance(signed: Timestamp, received: Timestamp) -> String {
    let apart = received.duration_since(signed);
    let side = if apart.is_negative() {
        "after"
    } else {
        "before"
    };
    format!(
        "signed {} {side} it was received",
        whole_seconds(apart.unsigned_abs())
    )
}

fn whole_seconds(duration: Duration) -> humantime::FormattedDuration {
    humantime::format_duration(Duration::from_secs(duration.as_secs()))
}

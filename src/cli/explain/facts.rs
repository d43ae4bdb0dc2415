//! What is true of a delivery beside its request: its priority, its limits, its order, its updates.
//!
//! A file of its own because these are sentences, and where they stand on a page is another matter.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::table::printable;
use super::text::HIDDEN;
use crate::app::explain::{Counted, Delivery, Later, LeftOut, Shown, Update};
use crate::model::Route;

/// Longest key that is shown.
const KEY_CHARS_MAX: usize = 80;

/// A line for each.
pub(super) fn of(delivery: &Delivery) -> Vec<String> {
    let mut facts = Vec::new();
    if delivery.priority != Route::PRIORITY {
        facts.push(format!("priority {}", delivery.priority));
    }
    if delivery.is_quiet {
        facts.push("sent silently".to_owned());
    }
    if let Some(expires) = delivery.expires {
        let expires = humantime::format_duration(expires);
        facts.push(match delivery.too_old {
            None => format!("expires after {expires}"),
            Some(age) => format!(
                "expires after {expires}: it is {} old, and would end as expired if it came now",
                rough(age)
            ),
        });
    }
    if let Some(shared) = &delivery.bundle {
        let alone = "it has a message of its own";
        let whom = each(&shared.by, alone);
        facts.push(match (shared.is_digest, shared.closes) {
            (true, Some(closes)) => format!("in the digest of {closes:.3}, shown with this event alone"),
            (_, Some(closes)) => format!(
                "one message for several{whom}: it leaves at {closes:.3} at the latest, and is shown with this event alone"
            ),
            (_, None) => format!("one message for several{whom}"),
        });
    }
    if let Some(counted) = &delivery.throttle
        && let Some((limit, per)) = counted.limit
    {
        let per = humantime::format_duration(per);
        let whom = each(counted, "it passes uncounted");
        facts.push(format!("throttled to {limit} in {per}{whom}"));
    }
    if let Some(counted) = &delivery.ordered {
        let whom = each(counted, "it waits for no other");
        facts.push(format!("in the order of the queue{whom}"));
    }
    if let Some((sink, after)) = &delivery.fallback {
        let after = humantime::format_duration(*after);
        facts.push(format!(
            "{sink} steps in when it is not accepted within {after}"
        ));
    }
    if let Some(update) = &delivery.update {
        facts.push(changed(delivery, update));
    }
    for LeftOut {
        button,
        option,
        fault,
    } in &delivery.left_out
    {
        let button = printable(button);
        let why = match fault {
            Some(fault) => format!("failed ({})", printable(fault)),
            None => "printed nothing".to_owned(),
        };
        facts.push(format!(
            "without the button `{button}`: the template of `{option}` {why}"
        ));
    }
    facts
}

/// For whom something counts, and what it comes to for one that has no key.
fn each(counted: &Counted, keyless: &str) -> String {
    let Some(by) = &counted.by else {
        return String::new();
    };
    let by = printable(by);
    match (&counted.key, &counted.fault) {
        (Some(key), _) => {
            let key = printable(&key.chars().take(KEY_CHARS_MAX).collect::<String>());
            format!(" for each `{by}`, here `{key}`")
        }
        (None, Some(fault)) => format!(" for each `{by}`, which fails ({fault}): {keyless}"),
        (None, None) => format!(" for each `{by}`, which is missing: {keyless}"),
    }
}

/// What becomes of a delivery's notification later.
fn changed(delivery: &Delivery, update: &Update) -> String {
    if !update.can {
        let kind = delivery.kind;
        return format!("`update` changes nothing: {kind} has no notification that can be changed");
    }
    let alone = "it has a notification of its own";
    let whom = each(&update.by, alone);
    match (&update.later, &update.by.key, &delivery.request) {
        (Some(later), _, Ok(Shown::Http { method, url, .. }))
            if (&later.method, &later.url) == (method, url) =>
        {
            format!("one notification{whom}: later events go the same way and replace it")
        }
        (Some(Later { method, url }), ..) => {
            let url = delivery.shown(url, |_| HIDDEN.to_owned());
            let url = printable(&url);
            format!("one notification{whom}: later events edit it by {method} {url}")
        }
        // An empty key is none.
        (None, Some(key), _) if key.is_empty() => format!("one notification{whom}: {alone}"),
        (None, Some(_), _) => format!("one notification{whom}: later events edit it"),
        (None, None, _) => format!("one notification{whom}"),
    }
}

/// An age in its largest unit.
fn rough(age: Duration) -> String {
    let units = BTreeMap::from([(1, "s"), (60, "min"), (3600, "h"), (86_400, "d")]);
    let seconds = age.as_secs();
    let unit = units.iter().rfind(|(length, _)| seconds >= **length);
    let (length, unit) = unit.unwrap_or((&1, &"s"));
    format!("{} {unit}", seconds / length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_told_in_its_largest_unit() {
        for (seconds, expected) in [
            (0, "0 s"),
            (59, "59 s"),
            (3599, "59 min"),
            (7200, "2 h"),
            (400_000, "4 d"),
        ] {
            assert_eq!(rough(Duration::from_secs(seconds)), expected);
        }
    }
}

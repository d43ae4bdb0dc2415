//! The templates of sinks' options, tried with sample events before the first real one comes.
//!
//! A part of its own because whether a template makes what fits its place shows only with an event, and the
//! events that are here without any source are the simulator's.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::expr::Scope;
use crate::model::Event;
use crate::rules::Rules;
use crate::simulator::world::{Pace, Setup, World};
use crate::sinks::Sink;
use crate::sources::{Frame, Source, What};

/// After so many steps every type has happened that happens at all.
const STEPS: usize = 400;

/// Events of one type that are tried, since not all have the same fields.
const OF_A_TYPE: usize = 4;

/// Says of each such option what it makes nothing of, among the events that rules send to its sink.
pub(super) fn rehearse(
    sources: &[Source],
    rules: &Rules,
    sinks: &[Arc<Sink>],
    now: Timestamp,
) -> Vec<String> {
    if sinks.iter().all(|sink| sink.slots.is_empty()) {
        return Vec::new();
    }
    let mut wrong = BTreeMap::new();
    for event in sources.iter().flat_map(|source| samples(source, now)) {
        let scope = Scope::new(&event).at(now);
        // Whatever the time is now.
        for route in rules.routes_at(&event, None).routes {
            let found = sinks.iter().find(|sink| sink.name == route.sink);
            for slot in found.iter().flat_map(|sink| &sink.slots) {
                if let Err(reason) = slot.take(slot.template.render(&scope)) {
                    wrong
                        .entry((route.sink.clone(), slot.name.as_str()))
                        .or_insert_with(|| (Arc::clone(&event.kind), reason));
                }
            }
        }
    }
    let told = wrong.into_iter().map(|((sink, option), (kind, reason))| {
        format!("`{option}` of sink `{sink}` fails for a sample `{kind}`: {reason}")
    });
    told.collect()
}

/// A few events of each type, as a source reads them. Only the types of TTMT are known beforehand.
fn samples(source: &Source, now: Timestamp) -> Vec<Event> {
    if source.rest.is_none() {
        return Vec::new();
    }
    let mut world = World::new(Setup {
        accounts: Vec::new(),
        seed: 1,
        pace: Pace::Lively,
        warm_start: false,
    });
    let mut seen = BTreeMap::new();
    let mut happened = Vec::new();
    for _ in 0..STEPS {
        for happening in world.step() {
            let count = seen.entry(happening.kind).or_insert(0);
            if *count < OF_A_TYPE {
                *count += 1;
                happened.push(happening);
            }
        }
    }
    let read = (1..).zip(happened).filter_map(|(id, happening)| {
        let frame = Frame::bare(None, happening.payload(id, now), now);
        match source.connector.read(&frame) {
            What::Event(event) => Some(event),
            _ => None,
        }
    });
    read.collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::Plan;
    use super::*;
    use crate::config;

    fn plan(sinks: &str) -> Plan {
        let text = format!(
            "[sources.ttmt]\nkind = \"ttmt\"\napi_key = \"{}\"\n{sinks}\n\
             [[rules]]\nname = \"all\"\nevents = [\"tp_hit\"]\nto = [\"it\"]\n",
            format_args!("ttmt_live_{}", "x".repeat(43))
        );
        let loaded = config::load_text("config.toml".as_ref(), text, BTreeMap::new());
        Plan::make(loaded, false).unwrap_or_else(|report| panic!("{report}"))
    }

    fn webhook(body: &str) -> Vec<String> {
        let url = "url = \"http://home.example/\"\nsignature = \"none\"";
        plan(&format!(
            "[sinks.it]\nkind = \"webhook\"\n{url}\nbody = '{body}'"
        ))
        .warnings
    }

    #[test]
    fn every_type_of_the_simulator_is_among_the_samples() {
        let plan = plan("[sinks.it]\nkind = \"ntfy\"\ntopic = \"alerts\"");
        let samples = samples(&plan.sources[0], Timestamp::UNIX_EPOCH);
        let kinds: BTreeSet<&str> = samples.iter().map(|event| &*event.kind).collect();
        for kind in [
            "tp_hit",
            "trade_finalized",
            "position_update",
            "position_closed",
            "breakeven_set",
        ] {
            assert!(kinds.contains(kind), "{kind} is not among {kinds:?}");
        }
        assert!(samples.len() <= kinds.len() * OF_A_TYPE);
    }

    #[test]
    fn a_body_that_makes_no_json_of_what_its_rules_send_is_told() {
        let fine = r#"{"symbol": {{ data.symbol|tojson }}, "id": {{ data.missing|tojson }}}"#;
        assert_eq!(webhook(fine), [""; 0]);
        let told = webhook(r#"{"symbol": {{ data.symbol }}}"#);
        assert_eq!(
            told,
            [
                "`body` of sink `it` fails for a sample `tp_hit`: its result is no JSON: expected value at line 1 column 12"
            ]
        );
        // Types that no rule sends there are nobody's business.
        let own = r#"{% if event.type == "position_update" %}no JSON{% else %}{}{% endif %}"#;
        assert_eq!(webhook(own), [""; 0]);
    }
}

//! Patterns of the event type that no event of a rule's or a watch's sources can fit, so that nothing rings
//! for them; and watches whose silence nobody hears of.
//!
//! A part of its own because it needs the sources, the rules and the types that have a wording at once. It
//! speaks only of sources whose types are known: TTMT's, which are documented, and bellwire's own.

use crate::config::nearest;
use crate::model::{INTERNAL_SOURCE, Name};
use crate::rules::{Rule, Rules, Watch, Watches};
use crate::sinks::wording;
use crate::sources::Source;

/// What a watch raises.
const SILENCE: &str = "bellwire.silence";

/// What listens to events.
enum Listener<'a> {
    Rule(&'a Rule),
    Watch(&'a Watch),
}

/// Says of each such pattern what was most likely meant, and of each such watch what is missing.
pub(super) fn unheard(sources: &[Source], rules: &Rules, watches: &Watches) -> Vec<String> {
    let mut told: Vec<String> = rules
        .all()
        .iter()
        .map(Listener::Rule)
        .chain(watches.iter().map(Listener::Watch))
        .flat_map(|listener| listener.unheard(sources))
        .collect();
    let is_told = rules.all().iter().any(|rule| {
        let types = [SILENCE];
        let events = rule.types.events().map_or(1, |events| events.len());
        is_bellwire_among(rule.from.as_ref()) && rule.types.fitting_none(&types).len() < events
    });
    if !is_told {
        told.extend(watches.iter().map(|watch| {
            format!(
                "nothing rings for watch `{}`: no rule listens to `{SILENCE}` (`from = [\"{INTERNAL_SOURCE}\"]`, `events = [\"{SILENCE}*\"]`)",
                watch.name
            )
        }));
    }
    told
}

impl<'a> Listener<'a> {
    fn from(&self) -> Option<&'a Vec<Name>> {
        match self {
            Self::Rule(rule) => rule.from.as_ref(),
            Self::Watch(watch) => watch.from.as_ref(),
        }
    }

    /// Its patterns that fit none of these types.
    fn fitting_none(&self, types: &[&str]) -> Vec<&'a str> {
        match self {
            Self::Rule(rule) => rule.types.fitting_none(types),
            Self::Watch(watch) => watch.types.fitting_none(types),
        }
    }

    fn unheard(&self, sources: &[Source]) -> Vec<String> {
        let (own, documented): (Vec<&str>, Vec<&str>) =
            wording::types().partition(|kind| is_own(kind));
        let Some(Heard { ttmt, bellwire }) = Heard::by(self.from(), sources) else {
            return Vec::new();
        };
        let mut known = Vec::new();
        if ttmt {
            known.extend(&documented);
        }
        if bellwire {
            known.extend(&own);
        }
        let told = self.fitting_none(&known).into_iter().map(|pattern| {
            let fits = |types: &[&str]| !self.fitting_none(types).contains(&pattern);
            let help = if fits(&own) {
                format!("add `{INTERNAL_SOURCE}` to `from`")
            } else if fits(&documented) {
                "add a source of kind `ttmt` to `from`".to_owned()
            } else {
                nearest(pattern, known.iter().copied())
            };
            let case = match pattern.contains(char::is_uppercase) {
                true => " (upper and lower case differ)",
                false => "",
            };
            let what = match self {
                Self::Rule(rule) => format!("rule `{}`", rule.name),
                Self::Watch(watch) => format!("watch `{}`", watch.name),
            };
            format!(
                "`events` of {what}: `{pattern}` fits no event type that is known of its sources{case}; {help}"
            )
        });
        told.collect()
    }
}

/// What a rule or a watch listens to.
struct Heard {
    ttmt: bool,
    bellwire: bool,
}

impl Heard {
    /// `None` where there is a source among them that may send anything.
    fn by(from: Option<&Vec<Name>>, sources: &[Source]) -> Option<Self> {
        let is_heard = |source: &&Source| from.is_none_or(|from| from.contains(&source.name));
        let mut heard = Self {
            ttmt: false,
            bellwire: is_bellwire_among(from),
        };
        for source in sources.iter().filter(is_heard) {
            source.rest.as_ref()?;
            heard.ttmt = true;
        }
        (heard.ttmt || heard.bellwire).then_some(heard)
    }
}

fn is_bellwire_among(from: Option<&Vec<Name>>) -> bool {
    from.into_iter()
        .flatten()
        .any(|name| name.as_str() == INTERNAL_SOURCE)
}

fn is_own(kind: &str) -> bool {
    kind.strip_prefix(INTERNAL_SOURCE)
        .is_some_and(|rest| rest.starts_with('.'))
}

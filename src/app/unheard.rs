//! Patterns of the event type that no event of a rule's sources can fit, so that nothing rings for them.
//!
//! A part of its own because it needs the sources, the rules and the types that have a wording at once. It
//! speaks only of sources whose types are known: TTMT's, which are documented, and bellwire's own.

use crate::config::nearest;
use crate::model::INTERNAL_SOURCE;
use crate::rules::{Rule, Rules};
use crate::sinks::wording;
use crate::sources::Source;

/// Says of each such pattern what was most likely meant.
pub(super) fn unheard(sources: &[Source], rules: &Rules) -> Vec<String> {
    let (own, documented): (Vec<&str>, Vec<&str>) = wording::types().partition(|kind| is_own(kind));
    let mut told = Vec::new();
    for rule in rules.all() {
        let Some(Heard { ttmt, bellwire }) = Heard::by(rule, sources) else {
            continue;
        };
        let mut known = Vec::new();
        if ttmt {
            known.extend(&documented);
        }
        if bellwire {
            known.extend(&own);
        }
        for pattern in rule.fitting_none(&known) {
            let fits = |types: &[&str]| !rule.fitting_none(types).contains(&pattern);
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
            told.push(format!(
                "`events` of rule `{}`: `{pattern}` fits no event type that is known of its sources{case}; {help}",
                rule.name
            ));
        }
    }
    told
}

/// What a rule listens to.
struct Heard {
    ttmt: bool,
    bellwire: bool,
}

impl Heard {
    /// `None` where there is a source among them that may send anything.
    fn by(rule: &Rule, sources: &[Source]) -> Option<Self> {
        let is_heard = |source: &&Source| {
            let from = rule.from.as_ref();
            from.is_none_or(|from| from.contains(&source.name))
        };
        let mut heard = Self {
            ttmt: false,
            bellwire: rule
                .from
                .iter()
                .flatten()
                .any(|name| name.as_str() == INTERNAL_SOURCE),
        };
        for source in sources.iter().filter(is_heard) {
            source.rest.as_ref()?;
            heard.ttmt = true;
        }
        (heard.ttmt || heard.bellwire).then_some(heard)
    }
}

fn is_own(kind: &str) -> bool {
    kind.strip_prefix(INTERNAL_SOURCE)
        .is_some_and(|rest| rest.starts_with('.'))
}

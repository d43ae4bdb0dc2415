//! Who may be pinged: nobody, unless the configuration says so.
//!
//! A file of its own because a wrong ping wakes a whole server. Only what a template spells out itself
//! may ping, never what an event has brought into its text or completed there. Discord pings for what
//! stands in `content` and never for an embed, so who is called is put there; and each message allows
//! exactly what it pings, so that foreign text stays harmless whatever is configured.

use std::num::NonZeroU64;

#[cfg(test)]
use schemars::json_schema;
use serde_json::{Value, json};

use super::super::wording::{Author, Wording};
use crate::config::Table;
#[cfg(test)]
use crate::config::form;

const HELP: &str =
    "`everyone`, `roles`, `users`, or one of them as Discord writes it: `<@USER>`, `<@&ROLE>`";

/// Most entries of the option, and most pings of one message. Discord takes a hundred ids.
const ENTRIES_MAX: usize = 50;
const PINGS_MAX: usize = 20;

/// Most bytes of a mention behind its `@`.
const ID_BYTES_MAX: usize = 24;

/// What may be pinged.
#[derive(Clone, Debug, Default)]
pub(super) struct Mentions(Vec<Allowed>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Allowed {
    Everyone,
    Roles,
    Users,
    One(Ping),
}

/// One mention in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ping {
    Everyone,
    Here,
    Role(NonZeroU64),
    User(NonZeroU64),
}

#[cfg(test)]
form::value! {
    pub(super) Form = {
        let one = form::text_like("^(everyone|roles|users|<@&?[1-9][0-9]{0,19}>)$");
        json_schema!({ "anyOf": [one, { "type": "array", "items": one, "maxItems": ENTRIES_MAX }] })
    }
}

/// Reads `mentions`.
pub(super) fn read(options: &mut Table) -> Mentions {
    let entries = options.strings("mentions").unwrap_or_default();
    if entries.len() > ENTRIES_MAX {
        let message = format!("{} entries are too many", entries.len());
        options.wrong("mentions", message, format!("at most {ENTRIES_MAX}"));
    }
    let read = entries.iter().filter_map(|entry| {
        let allowed = Allowed::read(entry);
        if allowed.is_none() {
            options.wrong(
                "mentions",
                format!("`{entry}` is nobody to be mentioned"),
                HELP,
            );
        }
        allowed
    });
    Mentions(read.collect())
}

impl Allowed {
    fn read(entry: &str) -> Option<Self> {
        match entry {
            "everyone" => Some(Self::Everyone),
            "roles" => Some(Self::Roles),
            "users" => Some(Self::Users),
            entry => match pings(entry).as_slice() {
                [one] if one.text() == entry && entry.starts_with('<') => Some(Self::One(*one)),
                _ => None,
            },
        }
    }

    fn covers(&self, ping: &Ping) -> bool {
        match (self, ping) {
            (Self::Everyone, Ping::Everyone | Ping::Here)
            | (Self::Roles, Ping::Role(_))
            | (Self::Users, Ping::User(_)) => true,
            (Self::One(one), ping) => one == ping,
            _ => false,
        }
    }
}

impl Mentions {
    /// The mentions that may ping, each once: what the templates of a wording spell out and what has
    /// come into their texts.
    pub(super) fn of(&self, wording: &Wording) -> Vec<Ping> {
        let mut found = Vec::new();
        if self.0.is_empty() || wording.literal.is_empty() {
            return found;
        }
        let spelt = pings(&wording.literal);
        for ping in written(wording).flat_map(pings) {
            let is_allowed = self.0.iter().any(|allowed| allowed.covers(&ping));
            let is_meant = is_allowed && spelt.contains(&ping);
            if is_meant && !found.contains(&ping) && found.len() < PINGS_MAX {
                found.push(ping);
            }
        }
        found
    }
}

impl Ping {
    /// As Discord reads it.
    fn text(&self) -> String {
        match self {
            Self::Everyone => "@everyone".to_owned(),
            Self::Here => "@here".to_owned(),
            Self::Role(id) => format!("<@&{id}>"),
            Self::User(id) => format!("<@{id}>"),
        }
    }
}

/// The texts that templates wrote.
fn written(wording: &Wording) -> impl Iterator<Item = &str> {
    let title = (&wording.title, wording.title_by);
    let message = (&wording.message, wording.message_by);
    let texts = [title, message].into_iter();
    texts.filter_map(|(text, by)| (by == Author::Template).then_some(text.as_str()))
}

/// The pings as text that pings.
pub(super) fn text(pings: &[Ping]) -> String {
    pings.iter().map(Ping::text).collect::<Vec<_>>().join(" ")
}

/// What a message allows: these and nobody else.
pub(super) fn allowed(pings: &[Ping]) -> Value {
    let everyone = pings
        .iter()
        .any(|ping| matches!(ping, Ping::Everyone | Ping::Here));
    let mut allowed = match everyone {
        true => json!({ "parse": ["everyone"] }),
        false => json!({ "parse": [] }),
    };
    let roles = pings.iter().filter_map(|ping| match ping {
        Ping::Role(id) => Some(id.to_string()),
        _ => None,
    });
    let users = pings.iter().filter_map(|ping| match ping {
        Ping::User(id) => Some(id.to_string()),
        _ => None,
    });
    let (roles, users): (Vec<_>, Vec<_>) = (roles.collect(), users.collect());
    if !roles.is_empty() {
        allowed["roles"] = json!(roles);
    }
    if !users.is_empty() {
        allowed["users"] = json!(users);
    }
    allowed
}

/// Every mention in a text, in its order.
fn pings(text: &str) -> Vec<Ping> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices('@') {
        let (before, rest) = (&text[..at], &text[at + 1..]);
        if before.ends_with('<') {
            found.extend(by_id(rest));
        } else if rest.starts_with("everyone") {
            found.push(Ping::Everyone);
        } else if rest.starts_with("here") {
            found.push(Ping::Here);
        }
    }
    found
}

/// What stands between `<@` and `>`.
fn by_id(rest: &str) -> Option<Ping> {
    // No id is longer, and a text of nothing but openings is read once and not once for each.
    let (inside, _) = rest[..rest.floor_char_boundary(ID_BYTES_MAX)].split_once('>')?;
    let (is_role, id) = match inside.strip_prefix('&') {
        Some(id) => (true, id),
        // The mark for a nickname means the same user.
        None => (false, inside.strip_prefix('!').unwrap_or(inside)),
    };
    let is_plain = id.bytes().all(|byte| byte.is_ascii_digit());
    let id: NonZeroU64 = id.parse().ok().filter(|_| is_plain)?;
    Some(if is_role {
        Ping::Role(id)
    } else {
        Ping::User(id)
    })
}

//! The configuration that the answers make.
//!
//! A file of its own because it is pure, so that a test can have every file that can ever be written read
//! by the loader.

use std::fmt::Write;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rand::RngExt;

use super::hours::Hours;

/// How long an offered topic is behind its first word: 80 bits, as good as a password.
const TOPIC_CHARS: usize = 16;

/// Bytes of a signing secret, as Standard Webhooks recommends it.
const SECRET_BYTES: usize = 32;

/// What is worth a ring, whatever else is.
const WATCHED: &str = r#"["bellwire.source_lost", "bellwire.auth_revoked", "bellwire.delivery_dead", "bellwire.sink_suspended", "bellwire.sink_failing", "bellwire.sink_recovered", "bellwire.gap", "bellwire.disk_full", "bellwire.reload_failed"]"#;

/// Every answer.
pub(super) struct Draft {
    pub(super) key: Key,
    pub(super) base_url: Option<String>,
    pub(super) alerts: Alerts,
    pub(super) place: Place,
    pub(super) hours: Option<Hours>,
}

/// Where the API key is.
pub(super) enum Key {
    /// In the file.
    Text(String),
    /// In the environment.
    Variable,
}

/// Which events ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alerts {
    TakeProfits,
    StopLosses,
    Both,
    Trades,
    Everything,
}

/// Kinds of places that can be asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Ntfy,
    Discord,
    Slack,
    Telegram,
    Webhook,
}

/// Where to.
pub(super) enum Place {
    Ntfy {
        server: Option<String>,
        topic: String,
    },
    Discord {
        url: String,
    },
    Slack {
        url: String,
    },
    Telegram {
        token: String,
        chat: String,
    },
    Webhook {
        url: String,
        secret: String,
    },
}

impl Alerts {
    pub(super) const ALL: [(&'static str, Self); 5] = [
        ("take-profits", Self::TakeProfits),
        ("stop-losses", Self::StopLosses),
        ("both", Self::Both),
        ("trades", Self::Trades),
        ("everything", Self::Everything),
    ];

    /// The rules: what they are for, their name, and what they match.
    fn rules(self) -> &'static [(&'static str, &'static str, &'static str)] {
        const TAKE_PROFITS: (&str, &str, &str) = (
            "A take-profit was hit.",
            "take-profits",
            "events = [\"tp_hit\"]\n",
        );
        const STOP_LOSSES: (&str, &str, &str) = (
            "A stop-loss was hit, one that trails the price included.",
            "stop-losses",
            "events = [\"position_closed\"]\nwhen = 'data.close_reason == \"sl\" or data.close_reason == \"trailing_stop\"'\n",
        );
        const TRADES: (&str, &str, &str) = (
            "Whatever happens to a trade, but no news of its price.",
            "trades",
            "events = [\"tp_hit\", \"position_closed\", \"order_*\", \"trade_*\", \"breakeven_*\"]\n",
        );
        const EVERYTHING: (&str, &str, &str) = (
            "Everything, each update of a position included. `events = [\"tp_hit\"]` makes it less.",
            "everything",
            "",
        );
        match self {
            Self::TakeProfits => &[TAKE_PROFITS],
            Self::StopLosses => &[STOP_LOSSES],
            Self::Both => &[TAKE_PROFITS, STOP_LOSSES],
            Self::Trades => &[TRADES],
            Self::Everything => &[EVERYTHING],
        }
    }
}

impl Kind {
    pub(super) const ALL: [(&'static str, Self); 5] = [
        ("ntfy", Self::Ntfy),
        ("discord", Self::Discord),
        ("slack", Self::Slack),
        ("telegram", Self::Telegram),
        ("webhook", Self::Webhook),
    ];
}

impl Place {
    /// What an answer says; an empty one is the topic that was offered.
    pub(super) fn read(
        kind: Kind,
        answer: &str,
        topic: &str,
        secret: &str,
    ) -> Result<Self, &'static str> {
        let url = answer.to_owned();
        Ok(match kind {
            Kind::Ntfy if answer.is_empty() => Self::Ntfy {
                server: None,
                topic: topic.to_owned(),
            },
            Kind::Ntfy => match answer.rsplit_once('/') {
                Some((server, topic)) => Self::Ntfy {
                    server: Some(server.to_owned()),
                    topic: topic.to_owned(),
                },
                None => Self::Ntfy {
                    server: None,
                    topic: url,
                },
            },
            Kind::Discord => Self::Discord { url },
            Kind::Slack => Self::Slack { url },
            Kind::Telegram => {
                let mut words = answer.split_whitespace();
                let (Some(token), Some(chat), None) = (words.next(), words.next(), words.next())
                else {
                    return Err("give the token and the chat, with a blank between them");
                };
                Self::Telegram {
                    token: token.to_owned(),
                    chat: chat.to_owned(),
                }
            }
            Kind::Webhook => Self::Webhook {
                url,
                secret: secret.to_owned(),
            },
        })
    }

    /// The name of its sink.
    const fn name(&self) -> &'static str {
        match self {
            Self::Ntfy { .. } => "phone",
            Self::Discord { .. } => "discord",
            Self::Slack { .. } => "slack",
            Self::Telegram { .. } => "telegram",
            Self::Webhook { .. } => "webhook",
        }
    }
}

impl Draft {
    /// The whole file.
    pub(super) fn text(&self) -> String {
        let mut text = "\
# Written by `bellwire init`. There are secrets in here: let nobody else read it.
# Everything else that can be set is in config.example.toml and docs/; `bellwire check` finds mistakes.

"
        .to_owned();
        text.push_str(&source(&self.key, self.base_url.as_deref()));
        text.push('\n');
        text.push_str(&sink(&self.place));
        let to = self.place.name();
        for (what, name, matched) in self.alerts.rules() {
            // Writing to a text cannot fail.
            let _ = write!(
                text,
                "\n# {what}\n[[rules]]\nname = \"{name}\"\n{matched}to = [\"{to}\"]\n"
            );
            if let Some(hours) = &self.hours {
                let _ = write!(
                    text,
                    "# Outside of these it comes without a sound.\n{}",
                    hours.line()
                );
            }
        }
        let _ = write!(
            text,
            "\n# What bellwire cannot do is worth a ring at any hour.\n[[rules]]\nname = \"watch-the-watcher\"\nfrom = [\"bellwire\"]\nevents = {WATCHED}\nto = [\"{to}\"]\n"
        );
        text
    }

    /// What was done, and what is to be done now.
    pub(super) fn farewell(&self, file: &Path, is_named: bool) -> String {
        let shown = file.display();
        let option = if is_named {
            format!(" --config {shown}")
        } else {
            String::new()
        };
        let mut text =
            format!("\nWrote {shown}, which only you can read, since secrets are in it.\n");
        match &self.place {
            Place::Ntfy { server, topic } => {
                let server = server.as_deref().unwrap_or("https://ntfy.sh");
                let _ = writeln!(text, "Subscribe to it in the ntfy app: {server}/{topic}");
            }
            Place::Webhook { .. } => text.push_str(
                "Requests are signed with `secret` of `[sinks.webhook]`, which is new: the receiver needs it to verify them.\n",
            ),
            _ => {}
        }
        let name = self.place.name();
        let _ = write!(
            text,
            "\nNext:\n  bellwire send {name}{option}\n  bellwire run{option}\n"
        );
        text
    }
}

/// `[sources.ttmt]`.
pub(super) fn source(key: &Key, base_url: Option<&str>) -> String {
    let key = match key {
        Key::Text(text) => quoted(text),
        Key::Variable => format!("{{ env = \"{}\" }}", super::KEY_VARIABLE),
    };
    let base_url = base_url.map(|url| format!("base_url = {}\n", quoted(url)));
    format!(
        "# Where events come from.\n[sources.ttmt]\nkind = \"ttmt\"\napi_key = {key}\n{}",
        base_url.unwrap_or_default()
    )
}

/// `[sinks.NAME]`.
pub(super) fn sink(place: &Place) -> String {
    let (kind, comment, options) = match place {
        Place::Ntfy { server, topic } => {
            let server = server
                .as_deref()
                .map(|server| format!("server = {}\n", quoted(server)));
            let server = server.unwrap_or_default();
            let topic = format!("topic = {}\n", quoted(topic));
            (
                "ntfy",
                "Whoever knows the topic can read it.",
                format!("{server}{topic}"),
            )
        }
        Place::Discord { url } => (
            "discord",
            "Whoever knows the address can write to the channel.",
            format!("url = {}\n", quoted(url)),
        ),
        Place::Slack { url } => (
            "slack",
            "Whoever knows the address can write to the channel.",
            format!("url = {}\n", quoted(url)),
        ),
        Place::Telegram { token, chat } => (
            "telegram",
            "Write to the bot first, or it may not write to you.",
            format!("token = {}\nchat_id = {}\n", quoted(token), quoted(chat)),
        ),
        Place::Webhook { url, secret } => (
            "webhook",
            "Each request is signed with the secret, as Standard Webhooks has it.",
            format!("url = {}\nsecret = {}\n", quoted(url), quoted(secret)),
        ),
    };
    format!(
        "# {comment}\n[sinks.{}]\nkind = \"{kind}\"\n{options}",
        place.name()
    )
}

/// A text as TOML has it. An answer has no control characters but, perhaps, a deletion.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text)
        .to_string()
        .replace('\u{7f}', "\\u007f")
}

/// A topic that nobody guesses.
pub(super) fn unguessable_topic() -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut random = rand::rng();
    let letters =
        (0..TOPIC_CHARS).map(|_| char::from(LETTERS[random.random_range(0..LETTERS.len())]));
    format!("bellwire-{}", letters.collect::<String>())
}

/// A new signing secret.
pub(super) fn signing_secret() -> String {
    let bytes: [u8; SECRET_BYTES] = rand::random();
    format!("whsec_{}", STANDARD.encode(bytes))
}

#[cfg(test)]
mod tests;

//! Discord webhooks: one embed, its colour the outcome, its mentions harmless.
//!
//! A room of its own, in files for the address and for the answers. A living notification is a message
//! that is edited, which rings no more. Discord counts code points; text is cut in UTF-16 units, which is never more than that.

use std::time::Duration;

use http::header::USER_AGENT;
use http::{HeaderValue, Method};
#[cfg(test)]
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::address::Address;
use super::cut::{Unit, cut, cut_escaped};
use super::options::RateLimit;
use super::wording::{Author, Tone};
use super::{
    EncodeError, Facts, Kind, Message, Parts, Question, Ring, Translator, address, request,
};
use crate::config::Table;
#[cfg(test)]
use crate::config::form;
use crate::model::{Reply, Rests, Verdict};
use crate::transport::Outgoing;

mod answer;
mod look;
mod mentions;
mod place;

use mentions::Mentions;

#[cfg(test)]
mod edits;
#[cfg(test)]
mod tests;

pub(super) const KIND: Kind = Kind {
    name: "discord",
    rate_limit: Some(RateLimit {
        count: 25,
        per: Duration::from_secs(60),
        burst: 4,
    }),
    // An address that was turned away by Cloudflare is let in again after a minute at the earliest.
    rests: Rests {
        first: Duration::from_secs(60),
        max: Duration::from_secs(15 * 60),
    },
    build,
    #[cfg(test)]
    form: SchemaGenerator::subschema_for::<Form>,
};

/// Discord lets in what says `DiscordBot` and names an address and a version; more may follow.
const AGENT: &str = concat!(
    "DiscordBot (https://bellwire.example, ",
    env!("CARGO_PKG_VERSION"),
    ") bellwire/",
    env!("CARGO_PKG_VERSION")
);

const USERNAME_MAX: usize = 80;
const AVATAR_MAX: usize = 2048;
const CONTENT_MAX: usize = 2000;
const TITLE_MAX: usize = 256;
const DESCRIPTION_MAX: usize = 4096;
const FIELDS_MAX: usize = 25;
const FIELD_NAME_MAX: usize = 256;
const FIELD_VALUE_MAX: usize = 1024;
const FOOTER_MAX: usize = 2048;

/// All texts of a message's embeds together.
const EMBED_MAX: usize = 6000;

/// A field up to this long may stand beside another.
const INLINE_MAX: usize = 40;

/// `SUPPRESS_NOTIFICATIONS`: the message comes without a sound.
const FLAG_SILENT: u32 = 4096;

#[derive(Debug)]
struct Discord {
    address: Address,
    username: Option<String>,
    avatar_url: Option<String>,
    silent: bool,
    mentions: Mentions,
}

/// Its options, as the schema of the configuration shows them.
#[cfg(test)]
#[derive(JsonSchema)]
#[expect(dead_code, reason = "described and never made")]
#[schemars(deny_unknown_fields)]
struct Form {
    /// The webhook's address, as Discord shows it.
    url: form::Address,
    /// The digits of a thread, in quotes.
    #[schemars(regex(pattern = "^[0-9]{1,20}$"))]
    thread_id: Option<String>,
    /// The name that messages come under, 1 to 80 characters. Default: the webhook's own.
    #[schemars(regex(pattern = r"\S"))]
    username: Option<String>,
    /// The address of a picture. Default: the webhook's own.
    #[schemars(length(max = AVATAR_MAX), regex(pattern = r"^\s*[Hh][Tt][Tt][Pp][Ss]?:"))]
    avatar_url: Option<String>,
    /// Whether every message comes without a sound. Default: false.
    #[schemars(extend("default" = false))]
    silent: Option<bool>,
    /// Whom templates may ping: `everyone`, `roles`, `users`, or one as Discord writes it. Default:
    /// nobody.
    mentions: Option<mentions::Form>,
}

fn build(options: &mut Table) -> Option<Parts> {
    let address = place::read(options);
    let username = read_username(options);
    let avatar_url = read_avatar(options);
    let silent = options.boolean("silent").unwrap_or(false);
    let mentions = mentions::read(options);
    let address = address?;
    Some(Parts {
        display: address.shown.clone(),
        slots: Vec::new(),
        translator: Box::new(Discord {
            address,
            username,
            avatar_url,
            silent,
            mentions,
        }),
    })
}

fn read_username(options: &mut Table) -> Option<String> {
    let name = options.string("username")?;
    let lower = name.to_lowercase();
    let refused = ["clyde", "discord"]
        .into_iter()
        .find(|word| lower.contains(word));
    if let Some(word) = refused {
        options.wrong(
            "username",
            format!("Discord refuses names with `{word}`"),
            "choose another name, or leave it out",
        );
    } else if !(1..=USERNAME_MAX).contains(&Unit::Utf16.of(name.trim())) {
        options.wrong(
            "username",
            "this name is empty or too long",
            format!("1 to {USERNAME_MAX} characters"),
        );
    }
    Some(name)
}

fn read_avatar(options: &mut Table) -> Option<String> {
    let url = options.string("avatar_url")?;
    if url.len() > AVATAR_MAX || address::parse(&url).is_err() {
        options.wrong(
            "avatar_url",
            "this is no address of a picture",
            format!("an `https` address of at most {AVATAR_MAX} characters"),
        );
    }
    Some(url)
}

impl Translator for Discord {
    fn encode(&self, message: &Message<'_>) -> Result<Outgoing, EncodeError> {
        let pings = self.mentions.of(message.wording);
        let called = mentions::text(&pings);
        let mut body = if message.plain {
            json!({ "content": content(message, &called) })
        } else {
            json!({ "embeds": [embed(message)] })
        };
        if !message.plain && !called.is_empty() {
            body["content"] = json!(called);
        }
        // Without this list, whoever is mentioned in a trade's comment is pinged.
        body["allowed_mentions"] = mentions::allowed(&pings);
        let edited = message.living.and_then(|living| living.message.as_deref());
        if edited.is_some() {
            // What an edit leaves out stays as it is, and the form may be another one now.
            if message.plain {
                body["embeds"] = json!([]);
            } else if called.is_empty() {
                body["content"] = json!("");
            }
        } else {
            self.dress(&mut body, message.quiet);
        }
        let mut request = request::json(&self.address, message, &body)?;
        if let Some(id) = edited {
            *request.method_mut() = Method::PATCH;
            *request.uri_mut() = place::of_message(request.uri(), id);
        }
        request
            .headers_mut()
            .insert(USER_AGENT, HeaderValue::from_static(AGENT));
        Ok(request.into())
    }

    fn can_update(&self) -> bool {
        true
    }

    fn ring(&self) -> Ring {
        Ring::Asked
    }

    fn posted(&self, reply: &Reply) -> Option<String> {
        answer::message_id(reply)
    }

    fn questions(&self) -> Vec<Question> {
        vec![look::question(&self.address)]
    }

    fn judge(&self, reply: &Reply, facts: &Facts) -> Verdict {
        answer::judge(reply, facts)
    }

    fn rest_after(&self, reply: &Reply) -> Option<Duration> {
        answer::rest_after(reply)
    }
}

impl Discord {
    /// What only a new message has.
    fn dress(&self, body: &mut Value, quiet: bool) {
        if let Some(username) = &self.username {
            body["username"] = json!(username);
        }
        if let Some(avatar_url) = &self.avatar_url {
            body["avatar_url"] = json!(avatar_url);
        }
        if self.silent || quiet {
            body["flags"] = json!(FLAG_SILENT);
        }
    }
}

/// The bare form: everything in one text, behind those whom it calls.
fn content(message: &Message<'_>, called: &str) -> String {
    let whole = message.wording.whole();
    if called.is_empty() {
        return cut_escaped(&whole, CONTENT_MAX, Unit::Utf16, escape);
    }
    let room = CONTENT_MAX.saturating_sub(Unit::Utf16.of(called) + 1);
    let whole = cut_escaped(&whole, room, Unit::Utf16, escape_beside_calls);
    format!("{called}\n{whole}")
}

/// The rich form. Texts are laid in while there is room, most important first.
fn embed(message: &Message<'_>) -> Value {
    let wording = message.wording;
    let mut room = EMBED_MAX;
    let mut embed = Map::new();
    let title = fit(&wording.title, TITLE_MAX, wording.title_by, &mut room);
    embed.insert("title".to_owned(), json!(title));
    let description = match (wording.fields.is_empty(), &wording.note) {
        (true, _) => wording.details(),
        (false, note) => note.clone().unwrap_or_default(),
    };
    let description = fit(&description, DESCRIPTION_MAX, wording.message_by, &mut room);
    if !description.trim().is_empty() {
        embed.insert("description".to_owned(), json!(description));
    }
    embed.insert("color".to_owned(), json!(colour(wording.tone)));
    let source = message.event.source.as_str();
    let footer = cut(source, FOOTER_MAX.min(room), Unit::Utf16);
    room -= Unit::Utf16.of(&footer);
    let fields = fields(message, &mut room);
    if !fields.is_empty() {
        embed.insert("fields".to_owned(), Value::Array(fields));
    }
    embed.insert("footer".to_owned(), json!({ "text": footer }));
    let time = message.event.time.unwrap_or(message.event.received);
    embed.insert("timestamp".to_owned(), json!(format!("{time:.3}")));
    Value::Object(embed)
}

fn fields(message: &Message<'_>, room: &mut usize) -> Vec<Value> {
    let mut fields = Vec::new();
    for field in message.wording.fields.iter().take(FIELDS_MAX) {
        let name = fit(&field.label, FIELD_NAME_MAX, Author::BuiltIn, room);
        let value = fit(&field.value, FIELD_VALUE_MAX, Author::BuiltIn, room);
        if name.trim().is_empty() || value.trim().is_empty() {
            continue;
        }
        let inline = Unit::Utf16.of(&value) <= INLINE_MAX;
        fields.push(json!({ "name": name, "value": value, "inline": inline }));
    }
    fields
}

/// A text within its own limit and what is left of the common one, which it uses up.
fn fit(text: &str, limit: usize, author: Author, room: &mut usize) -> String {
    let limit = limit.min(*room);
    let text = match author {
        Author::BuiltIn => cut_escaped(text, limit, Unit::Utf16, escape),
        Author::Template => cut(text, limit, Unit::Utf16),
    };
    *room -= Unit::Utf16.of(&text);
    text
}

/// What Discord reads as formatting is shown as it is written.
fn escape(character: char, out: &mut String) {
    if matches!(
        character,
        '\\' | '*' | '_' | '~' | '`' | '|' | '>' | '#' | '<' | '['
    ) {
        out.push('\\');
    }
    out.push(character);
}

/// Whoever may call everybody here may call everybody online too, so that nothing in foreign text may
/// look like either: a space of no width keeps it from being a mention.
fn escape_beside_calls(character: char, out: &mut String) {
    escape(character, out);
    if character == '@' {
        out.push('\u{200b}');
    }
}

fn colour(tone: Tone) -> u32 {
    match tone {
        Tone::Gain => 0x2e_cc71,
        Tone::Loss => 0xe7_4c3c,
        Tone::Neutral => 0x34_98db,
        Tone::Warning => 0xf3_9c12,
    }
}

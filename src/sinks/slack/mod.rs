//! Slack incoming webhooks: a headline, a table of details, and the same as text for notifications.
//!
//! A room of its own. Foreign text stands in `plain_text`, because formatting in Slack's own markup
//! cannot be escaped; only what a template wrote is read as markup. No id comes back, so nothing can be
//! edited. Limits hold on the text as sent, after escaping, and are counted in UTF-16 units.

use std::time::Duration;

#[cfg(test)]
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Value, json};
use url::Url;

use super::address::{self, Address};
use super::cut::{Unit, cut_escaped};
use super::options::RateLimit;
use super::wording::{Author, Field};
use super::{EncodeError, Facts, Kind, Message, Parts, Question, Ring, Translator, judge, request};
use crate::config::Table;
#[cfg(test)]
use crate::config::form;
use crate::model::{Reply, Rests, Verdict};
use crate::transport::Outgoing;

#[cfg(test)]
mod tests;

pub(super) const KIND: Kind = Kind {
    name: "slack",
    rate_limit: Some(RateLimit {
        count: 1,
        per: Duration::from_secs(1),
        burst: 3,
    }),
    rests: Rests {
        first: Duration::from_secs(30),
        max: Duration::from_secs(15 * 60),
    },
    build,
    #[cfg(test)]
    form: SchemaGenerator::subschema_for::<Form>,
};

const URL_HELP: &str =
    "an incoming webhook's address as Slack shows it: `https://hooks.slack.com/services/T…/B…/…`";

/// What a person does about a webhook that is no more.
const DELETED: &str = "the webhook was deleted or turned off; make a new one in the Slack app's settings under Incoming Webhooks and put its address into `url`";

/// Slack splits longer text into several messages.
const TEXT_MAX: usize = 4000;
const HEADER_MAX: usize = 150;
const SECTION_MAX: usize = 3000;
const FIELDS_MAX: usize = 10;
const FIELD_MAX: usize = 2000;
const CONTEXT_MAX: usize = 2000;

#[derive(Debug)]
struct Slack {
    address: Address,
}

/// Its options, as the schema of the configuration shows them.
#[cfg(test)]
#[derive(JsonSchema)]
#[expect(dead_code, reason = "described and never made")]
#[schemars(deny_unknown_fields)]
struct Form {
    /// The address of an incoming webhook, as Slack shows it.
    url: form::Address,
}

fn build(options: &mut Table) -> Option<Parts> {
    let url = address::url(options, "url", URL_HELP)?;
    // Discord takes Slack's form at this one address.
    let takes_ours = url.path().trim_end_matches('/').ends_with("/slack");
    if address::is_at(&url, &address::DISCORD_HOSTS) && !takes_ours {
        options.warn(format!(
            "`{}` is an address of Discord, which does not understand kind `slack`; set `kind = \"discord\"`",
            options.path_of("url")
        ));
    }
    let address = checked(&url)
        .and_then(|()| Address::new(url.clone(), url.as_str()))
        .map_err(|message| options.wrong("url", message, URL_HELP))
        .ok()?;
    Some(Parts {
        display: address.shown.clone(),
        slots: Vec::new(),
        translator: Box::new(Slack { address }),
    })
}

/// Refuses what Slack's own servers take no message at. Other servers have paths of their own.
fn checked(url: &Url) -> Result<(), &'static str> {
    if !address::is_at(url, &address::SLACK_HOSTS) {
        return Ok(());
    }
    let segments: Vec<&str> = url.path_segments().into_iter().flatten().collect();
    // What `T…` and `B…` are made of is Slack's to change, that there are three parts is the form.
    let is_part = |text: &&str| {
        let is_ours = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        !text.is_empty() && text.bytes().all(is_ours)
    };
    match segments.as_slice() {
        ["services", parts @ ..] if parts.len() == 3 && parts.iter().all(is_part) => Ok(()),
        ["workflows" | "triggers", ..] => {
            Err("this address starts a workflow, which takes no messages")
        }
        _ => Err("this is no address of a Slack incoming webhook"),
    }
}

impl Translator for Slack {
    fn encode(&self, message: &Message<'_>) -> Result<Outgoing, EncodeError> {
        let mut body = json!({
            "text": cut(&message.wording.whole(), TEXT_MAX),
            "unfurl_links": false,
            "unfurl_media": false,
        });
        if message.plain {
            body["mrkdwn"] = json!(false);
        } else {
            body["blocks"] = Value::Array(blocks(message));
        }
        Ok(request::json(&self.address, message, &body)?.into())
    }

    fn ring(&self) -> Ring {
        Ring::Always
    }

    fn questions(&self) -> Vec<Question> {
        // Slack has no way to look a webhook up, and a post that it would refuse is a post all the
        // same to the servers that only speak like it.
        vec![Question::reach(&self.address)]
    }

    fn judge(&self, reply: &Reply, facts: &Facts) -> Verdict {
        if (200..=299).contains(&reply.status) {
            return Verdict::Delivered;
        }
        let word = word(reply);
        let known = word.and_then(meaning);
        // Any other word may be one that was sent, a credential for one.
        let reason = match word.filter(|_| known.is_some()) {
            Some(word) => format!("{} ({word})", judge::status(reply)),
            None => judge::status(reply),
        };
        match known.unwrap_or_else(|| meaning_of_status(word, reply.status)) {
            Meaning::Gone if is_deleted(word, reply.status) => Verdict::Suspend {
                reason: format!("{reason}: {DELETED}"),
            },
            Meaning::Gone => Verdict::Suspend { reason },
            Meaning::Form if !facts.plain => Verdict::RetryPlain { reason },
            Meaning::Form | Meaning::Refused => Verdict::Dead { reason },
            Meaning::Fault => Verdict::Retry {
                reason,
                slow: false,
            },
            Meaning::Later => judge::rest(reason, judge::retry_after(&reply.headers, facts.now)),
            Meaning::ByStatus => judge::by_status(reply, facts),
        }
    }
}

fn blocks(message: &Message<'_>) -> Vec<Value> {
    let wording = message.wording;
    let mut blocks = vec![json!({
        "type": "header",
        "text": plain(&wording.title, HEADER_MAX, wording.title_by),
    })];
    if wording.fields.is_empty() {
        let details = cut(&wording.message, SECTION_MAX);
        if !details.trim().is_empty() {
            let text = match wording.message_by {
                Author::Template => json!({ "type": "mrkdwn", "text": details }),
                Author::BuiltIn => plain(&wording.message, SECTION_MAX, Author::BuiltIn),
            };
            blocks.push(json!({ "type": "section", "text": text }));
        }
    }
    blocks.extend(wording.fields.chunks(FIELDS_MAX).map(|fields| {
        let fields: Vec<Value> = fields.iter().map(field).collect();
        json!({ "type": "section", "fields": fields })
    }));
    let time = message.event.time.unwrap_or(message.event.received);
    let place = format!("{} · {time:.0}", message.event.source);
    let context: Vec<Value> = wording
        .note
        .iter()
        .chain([&place])
        .map(|text| plain(text, CONTEXT_MAX, Author::BuiltIn))
        .collect();
    blocks.push(json!({ "type": "context", "elements": context }));
    blocks
}

fn field(field: &Field) -> Value {
    let text = format!("{}\n{}", field.label, field.value);
    plain(&text, FIELD_MAX, Author::BuiltIn)
}

/// A text without formatting. Emoji codes are turned into emoji only where a template wrote them.
fn plain(text: &str, limit: usize, author: Author) -> Value {
    json!({
        "type": "plain_text",
        "text": cut(text, limit),
        "emoji": author == Author::Template,
    })
}

fn cut(text: &str, limit: usize) -> String {
    cut_escaped(text, limit, Unit::Utf16, escape)
}

/// Slack's three characters, and no others. It is also what makes `<!channel>` harmless.
fn escape(character: char, out: &mut String) {
    match character {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        other => out.push(other),
    }
}

/// What a word of Slack's comes down to.
enum Meaning {
    /// The webhook is removed, disabled or shut.
    Gone,
    /// This form of the message is refused; another may pass.
    Form,
    /// This message is refused.
    Refused,
    /// A fault on their side.
    Fault,
    /// Too fast.
    Later,
    /// Not a word that says more than the status.
    ByStatus,
}

/// Word first, status second: the words are documented better than the statuses they come with.
fn meaning(word: &str) -> Option<Meaning> {
    Some(match word {
        "action_prohibited"
        | "channel_is_archived"
        | "channel_not_found"
        | "invalid_token"
        | "no_active_hooks"
        | "no_service"
        | "no_service_id"
        | "no_team"
        | "posting_to_general_channel_denied"
        | "team_disabled" => Meaning::Gone,
        "invalid_attachments"
        | "invalid_blocks"
        | "invalid_blocks_format"
        | "missing_text_or_fallback_or_attachments"
        | "msg_too_long"
        | "no_text"
        | "too_many_attachments" => Meaning::Form,
        "invalid_payload" | "user_not_found" => Meaning::Refused,
        "rollup_error" => Meaning::Fault,
        "rate_limited" | "ratelimited" => Meaning::Later,
        _ => return None,
    })
}

fn meaning_of_status(word: Option<&str>, status: u16) -> Meaning {
    match status {
        403 | 404 | 410 => Meaning::Gone,
        // A new word has the form of the others; what a proxy says has not, and is mended by a person.
        400 if word.is_some_and(|word| word.contains('_')) => Meaning::Refused,
        _ => Meaning::ByStatus,
    }
}

/// Whether it is the webhook that is gone, and not what stands behind it.
fn is_deleted(word: Option<&str>, status: u16) -> bool {
    let of_webhook = [
        "invalid_token",
        "no_active_hooks",
        "no_service",
        "no_service_id",
    ];
    match word {
        Some(word) => of_webhook.contains(&word),
        None => status == 410,
    }
}

/// The one word that Slack answers with, if the body is one.
fn word(reply: &Reply) -> Option<&str> {
    let text = std::str::from_utf8(&reply.body).ok()?.trim();
    let is_word = (1..=48).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    is_word.then_some(text)
}

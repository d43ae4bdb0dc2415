//! Telegram: a bot's message, its first line bold.
//!
//! A file of its own, as every kind's. The bold part is marked by its place and not by signs in the
//! text, so that nothing in a foreign text can be taken for formatting and nothing has to be escaped.
//! Telegram counts UTF-16 units.

use std::time::Duration;

use http::Uri;
#[cfg(test)]
use schemars::{JsonSchema, SchemaGenerator, json_schema};
use serde_json::{Value, json};
use url::Url;

use super::address::{self, Address};
use super::cut::{Unit, cut};
use super::options::RateLimit;
use super::question::{Heard, odd};
use super::{EncodeError, Facts, Kind, Message, Parts, Question, Ring, Translator, judge, request};
use crate::config::Table;
#[cfg(test)]
use crate::config::form;
use crate::model::{Reply, Rests, Secret, Verdict};
use crate::transport::{self, Outgoing};

pub(super) const KIND: Kind = Kind {
    name: "telegram",
    // A group takes 20 messages a minute, a person one a second.
    rate_limit: Some(RateLimit {
        count: 20,
        per: Duration::from_secs(60),
        burst: 3,
    }),
    rests: Rests {
        first: Duration::from_secs(5),
        max: Duration::from_secs(15 * 60),
    },
    build,
    #[cfg(test)]
    form: SchemaGenerator::subschema_for::<Form>,
};

const SERVER: &str = "https://api.telegram.org";
const SERVER_HELP: &str = "the Bot API server's address, such as `https://api.telegram.org`";
const TOKEN_HELP: &str =
    "the bot's token as BotFather shows it: digits, a colon, letters and digits";
const CHAT_HELP: &str = "the number of a chat, such as `-1001234567890`, or `@name` of a channel";

const TEXT_MAX: usize = 4096;
const TITLE_MAX: usize = 256;

#[derive(Debug)]
struct Telegram {
    address: Address,
    /// Where a message is changed.
    edit: Address,
    /// Where the bot is looked up.
    me: Address,
    /// Where the chat is looked up.
    chat: Address,
    chat_id: Value,
    thread_id: Option<i64>,
    silent: bool,
}

/// Its options, as the schema of the configuration shows them.
#[cfg(test)]
#[derive(JsonSchema)]
#[expect(dead_code, reason = "described and never made")]
#[schemars(deny_unknown_fields)]
struct Form {
    /// The bot's token, as BotFather shows it.
    token: Token,
    /// The number of a chat, or `@name` of a channel.
    #[schemars(extend("examples" = [-1_001_234_567_890_i64, "@my_channel"]))]
    chat_id: Chat,
    /// A topic of a group that has topics.
    #[schemars(range(min = 1))]
    thread_id: Option<i64>,
    /// Whether every message comes without a sound. Default: false.
    #[schemars(extend("default" = false))]
    silent: Option<bool>,
    /// The Bot API server. Default: `https://api.telegram.org`.
    #[schemars(extend("default" = SERVER))]
    server: Option<form::Address>,
}

#[cfg(test)]
form::value! { Token = form::secret_like("^[0-9]+:[A-Za-z0-9_-]{20,128}$") }

#[cfg(test)]
form::value! {
    Chat = json_schema!({
        "type": ["integer", "string"],
        "pattern": r"^\s*([+-]?[0-9]+|@[A-Za-z0-9_]{1,64})\s*$",
    })
}

fn build(options: &mut Table) -> Option<Parts> {
    let token = read_token(options);
    let chat_id = read_chat(options);
    let thread_id = options.integer("thread_id", 1..=i64::MAX);
    let silent = options.boolean("silent").unwrap_or(false);
    let server = read_server(options);
    let (token, chat_id, server) = (token?, chat_id?, server?);
    let method = |name: &str| {
        let mut url = server.clone();
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{path}/bot{}/{name}", token.expose()));
        Address::new(url, token.expose())
            .map_err(|message| options.wrong("server", message, SERVER_HELP))
            .ok()
    };
    let address = method("sendMessage")?;
    let edit = method("editMessageText")?;
    let me = method("getMe")?;
    let mut chat = method("getChat")?;
    chat.uri = chat_uri(chat.uri, &chat_id);
    Some(Parts {
        display: address.shown.clone(),
        slots: Vec::new(),
        translator: Box::new(Telegram {
            address,
            edit,
            me,
            chat,
            chat_id,
            thread_id,
            silent,
        }),
    })
}

fn read_token(options: &mut Table) -> Option<Secret> {
    let token = options.required_secret("token", TOKEN_HELP)?;
    let fits = token.expose().split_once(':').is_some_and(|(id, key)| {
        let of_key = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        !id.is_empty()
            && id.bytes().all(|byte| byte.is_ascii_digit())
            && (20..=128).contains(&key.len())
            && key.bytes().all(of_key)
    });
    if !fits {
        options.wrong("token", "this is no token of a bot", TOKEN_HELP);
    }
    Some(token)
}

fn read_chat(options: &mut Table) -> Option<Value> {
    if !options.has("chat_id") {
        options.missing("chat_id", CHAT_HELP);
        return None;
    }
    let chat = match options.json("chat_id")? {
        Value::Number(number) if number.is_i64() => Some(Value::Number(number)),
        Value::String(text) => match text.trim().parse::<i64>() {
            Ok(number) => Some(json!(number)),
            Err(_) => is_channel(text.trim()).then(|| json!(text.trim())),
        },
        _ => None,
    };
    if chat.is_none() {
        options.wrong("chat_id", "this is no chat", CHAT_HELP);
    }
    chat
}

fn is_channel(text: &str) -> bool {
    text.strip_prefix('@').is_some_and(|name| {
        (1..=64).contains(&name.len())
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    })
}

fn read_server(options: &mut Table) -> Option<Url> {
    let text = match options.has("server") {
        true => options.secret("server")?,
        false => Secret::new(SERVER.to_owned()),
    };
    let checked = address::parse(text.expose()).and_then(|url| match url.query() {
        Some(_) => Err("the server's address has a query"),
        None => Ok(url),
    });
    checked
        .map_err(|message| options.wrong("server", message, SERVER_HELP))
        .ok()
}

fn chat_uri(uri: Uri, chat_id: &Value) -> Uri {
    let name = chat_id
        .as_str()
        .map_or_else(|| chat_id.to_string(), str::to_owned);
    let path = format!("{}?chat_id={}", uri.path(), name.replace('@', "%40"));
    let mut parts = uri.into_parts();
    parts.path_and_query = Some(path.parse().expect("a path with a number or a word is one"));
    Uri::from_parts(parts).expect("an address with another path is one")
}

impl Translator for Telegram {
    fn encode(&self, message: &Message<'_>) -> Result<Outgoing, EncodeError> {
        let title = cut(&message.wording.title, TITLE_MAX, Unit::Utf16);
        let details = message.wording.details();
        let whole = match details.trim().is_empty() {
            true => title.clone(),
            false => format!("{title}\n{details}"),
        };
        let mut body = json!({
            "chat_id": self.chat_id,
            "text": cut(&whole, TEXT_MAX, Unit::Utf16),
            "link_preview_options": { "is_disabled": true },
        });
        if !message.plain {
            let length = Unit::Utf16.of(&title);
            body["entities"] = json!([{ "type": "bold", "offset": 0, "length": length }]);
        }
        let edited = message.living.and_then(|living| living.message.as_deref());
        if let Some(id) = edited.and_then(|id| id.parse::<i64>().ok()) {
            body["message_id"] = json!(id);
            return Ok(request::json(&self.edit, message, &body)?.into());
        }
        if let Some(thread_id) = self.thread_id {
            body["message_thread_id"] = json!(thread_id);
        }
        if self.silent || message.quiet {
            body["disable_notification"] = json!(true);
        }
        Ok(request::json(&self.address, message, &body)?.into())
    }

    fn can_update(&self) -> bool {
        true
    }

    fn ring(&self) -> Ring {
        Ring::Asked
    }

    fn posted(&self, reply: &Reply) -> Option<String> {
        let id = Answer::of(reply).result["message_id"].as_i64()?;
        Some(id.to_string())
    }

    fn questions(&self) -> Vec<Question> {
        vec![
            Question::get(self.me.uri.clone(), read_me),
            Question::get(self.chat.uri.clone(), read_chat_answer),
        ]
    }

    fn judge(&self, reply: &Reply, facts: &Facts) -> Verdict {
        let answer = Answer::of(reply);
        let reason = judge::status(reply);
        match reply.status {
            // A page of somebody in between is no message in a chat.
            200..=299 if answer.ok != Some(true) => Verdict::Retry {
                reason: format!("{reason}, but not from a Bot API server"),
                slow: false,
            },
            // Twice the same text is no fault.
            400 if facts.edit && answer.says("message is not modified") => Verdict::Delivered,
            400 if facts.edit && answer.says("message to edit not found") => {
                Verdict::RetryAnew { reason }
            }
            400 if facts.edit && answer.says("message can't be edited") => {
                Verdict::RetryAnew { reason }
            }
            400 if answer.is_refusal() => refused(&answer, reason, facts.plain),
            401 | 404 => Verdict::Suspend {
                reason: format!("{reason}: the bot's token is not valid"),
            },
            403 => Verdict::Suspend {
                reason: format!("{reason}: the bot may not write there"),
            },
            429 => {
                let told = answer.retry_after.map(bounded);
                judge::rest(
                    reason,
                    told.or_else(|| judge::retry_after(&reply.headers, facts.now)),
                )
            }
            _ => judge::by_status(reply, facts),
        }
    }
}

/// What Telegram says in the body of an answer.
#[derive(Debug, Default)]
struct Answer {
    ok: Option<bool>,
    description: String,
    retry_after: Option<Duration>,
    new_chat: Option<i64>,
    result: Value,
}

impl Answer {
    fn says(&self, words: &str) -> bool {
        self.description.contains(words)
    }

    /// Whether it is a Bot API server that refuses. What somebody in between answers is no word about
    /// the message, and is mended by a person.
    fn is_refusal(&self) -> bool {
        self.ok == Some(false) && (!self.description.is_empty() || self.new_chat.is_some())
    }

    fn of(reply: &Reply) -> Self {
        let Ok(json) = serde_json::from_slice::<Value>(&reply.body) else {
            return Self::default();
        };
        let parameter = |name: &str| json.get("parameters")?.get(name).cloned();
        Self {
            ok: json.get("ok").and_then(Value::as_bool),
            description: json["description"]
                .as_str()
                .unwrap_or_default()
                .to_lowercase(),
            retry_after: parameter("retry_after")
                .and_then(|wait| transport::seconds(&wait.to_string())),
            new_chat: parameter("migrate_to_chat_id").and_then(|id| id.as_i64()),
            result: json.get("result").cloned().unwrap_or_default(),
        }
    }
}

/// A refused message. Words first: the status is the same for a wrong chat and a wrong text.
fn refused(answer: &Answer, reason: String, plain: bool) -> Verdict {
    let says = |words: &str| answer.says(words);
    if let Some(chat) = answer.new_chat {
        return Verdict::Suspend {
            reason: format!("{reason}: the group has a new number, set `chat_id = {chat}`"),
        };
    }
    if says("chat not found") || says("peer_id_invalid") {
        return Verdict::Suspend {
            reason: format!(
                "{reason}: chat not found, check `chat_id` and that the bot was started"
            ),
        };
    }
    if says("thread not found") || says("topic") {
        return Verdict::Suspend {
            reason: format!("{reason}: topic not found or closed, check `thread_id`"),
        };
    }
    if says("entit") && !plain {
        return Verdict::RetryPlain { reason };
    }
    Verdict::Dead { reason }
}

fn bounded(wait: Duration) -> Duration {
    wait.clamp(judge::WAIT_MIN, judge::WAIT_MAX)
}

fn read_me(reply: &Reply) -> Heard {
    match (reply.status, Answer::of(reply).result["username"].as_str()) {
        (200, Some(name)) => Ok(format!("the bot is `@{name}`")),
        (200, None) => Err("answered, but not as a Bot API server; check `server`".to_owned()),
        (401 | 404, _) => Err(format!(
            "the token is refused ({}); check `token`",
            judge::status(reply)
        )),
        _ => Err(odd(reply)),
    }
}

fn read_chat_answer(reply: &Reply) -> Heard {
    let answer = Answer::of(reply);
    let name = ["title", "username", "first_name"]
        .into_iter()
        .find_map(|key| answer.result[key].as_str());
    match (reply.status, name) {
        (200, Some(name)) => Ok(format!("it knows the chat `{name}`")),
        (200, None) => Ok("it knows the chat".to_owned()),
        (400 | 403, _) => Err(format!(
            "the bot does not know the chat ({}); check `chat_id`, and write to the bot first",
            judge::status(reply)
        )),
        _ => Err(odd(reply)),
    }
}

#[cfg(test)]
mod tests;

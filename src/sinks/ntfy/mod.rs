//! ntfy: a push message with title, priority and tags, published as JSON to the server's root.
//!
//! A room of its own, with files for the answers, for addresses and for the buttons below a message.
//! Everything is counted in bytes, because ntfy does: a message of 4,096 bytes is an attachment to some
//! servers and an error to others. A living notification is a sequence of messages, of which phones show the last.

use std::time::Duration;

use http::HeaderValue;
#[cfg(test)]
use schemars::{JsonSchema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use url::Url;

use super::address::{self, Address};
use super::cut::{Unit, cut};
use super::options::RateLimit;
use super::{EncodeError, Facts, Kind, Message, Parts, Question, Ring, Translator, request};
use crate::config::Table;
#[cfg(test)]
use crate::config::form;
use crate::model::{Reply, Rests, Secret, Verdict};
use crate::transport::Outgoing;

mod actions;
mod answer;
mod link;
mod look;

use actions::Actions;
use link::Schemes;

#[cfg(test)]
mod tests;

pub(super) const KIND: Kind = Kind {
    name: "ntfy",
    rate_limit: Some(RateLimit {
        count: 10,
        per: Duration::from_secs(60),
        burst: 20,
    }),
    // ntfy never says how long to wait, and bans who asks again too soon.
    rests: Rests {
        first: Duration::from_secs(10),
        max: Duration::from_secs(300),
    },
    build,
    #[cfg(test)]
    form: SchemaGenerator::subschema_for::<Form>,
};

const SERVER: &str = "https://ntfy.sh";
const SERVER_HELP: &str = "the server's address without the topic, such as `https://ntfy.sh`";
const TOPIC_HELP: &str = "1 to 64 letters, digits, `-` or `_`; whoever knows it can read it";

/// Words that ntfy keeps for itself.
const RESERVED: [&str; 10] = [
    "docs", "static", "file", "app", "metrics", "account", "settings", "signup", "login", "v1",
];

const TOPIC_MAX: usize = 64;
const SEQUENCE_ID_MAX: usize = 64;
const TAGS_MAX: usize = 10;
const TAG_BYTES_MAX: usize = 64;
const TITLE_BYTES_MAX: usize = 249;
const MESSAGE_BYTES_MAX: usize = 4095;

/// The whole body. The server's own limit is 8,192.
const BODY_BYTES_MAX: usize = 7 * 1024 - 1;

/// Title and message once the server has refused the message as too large.
const SHORT_TITLE_BYTES_MAX: usize = 100;
const SHORT_MESSAGE_BYTES_MAX: usize = 1000;

/// The highest priority that makes no sound.
const QUIET: u8 = 2;

#[derive(Debug)]
struct Ntfy {
    address: Address,
    topic: Secret,
    priority: Option<u8>,
    tags: Option<Vec<String>>,
    click: Option<String>,
    icon: Option<String>,
    actions: Option<Actions>,
}

/// Its options, as the schema of the configuration shows them.
#[cfg(test)]
#[derive(JsonSchema)]
#[expect(dead_code, reason = "described and never made")]
#[schemars(deny_unknown_fields, extend("dependentRequired" = pairs(), "not" = token_and_user()))]
struct Form {
    /// The topic: whoever knows it can read it.
    topic: Topic,
    /// The server, without the topic. Default: `https://ntfy.sh`.
    #[schemars(extend("default" = SERVER))]
    server: Option<form::Address>,
    /// An access token, in place of `username` and `password`.
    token: Option<form::Secret>,
    /// A user of the server.
    username: Option<String>,
    /// The user's password.
    password: Option<form::Secret>,
    /// From 1 (no sound) to 5 (rings on). Default: by the type of the event.
    #[schemars(range(min = 1, max = 5))]
    priority: Option<u8>,
    /// Up to 10 tags; those that name an emoji show it. Default: by the type of the event.
    tags: Option<Tags>,
    /// The address that a tap opens.
    click: Option<String>,
    /// The address of a picture, `http` or `https`.
    #[schemars(regex(pattern = "^\\s*[Hh][Tt][Tt][Pp][Ss]?:"))]
    icon: Option<String>,
    /// Up to three buttons.
    #[schemars(length(max = actions::ACTIONS_MAX))]
    actions: Option<Vec<actions::Form>>,
}

#[cfg(test)]
fn token_and_user() -> Value {
    json!({ "required": ["token", "username"] })
}

#[cfg(test)]
fn pairs() -> Value {
    json!({ "username": ["password"], "password": ["username"] })
}

#[cfg(test)]
form::value! { Topic = form::secret_like(&format!("^[A-Za-z0-9_-]{{1,{TOPIC_MAX}}}$")) }

#[cfg(test)]
form::value! {
    Tags = {
        let tag = form::text_like(r"^[^,]*[^,\s][^,]*$");
        json_schema!({ "anyOf": [tag, { "type": "array", "items": tag, "maxItems": TAGS_MAX }] })
    }
}

fn build(options: &mut Table) -> Option<Parts> {
    let topic = read_topic(options);
    let authorization = read_authorization(options);
    let priority = options
        .integer("priority", 1..=5)
        .and_then(|priority| u8::try_from(priority).ok());
    let tags = read_tags(options);
    let mut slots = Vec::new();
    let click = link::read(options, "click", Schemes::Harmless, &mut slots);
    let icon = link::read(options, "icon", Schemes::Web, &mut slots);
    let actions = actions::read(options, &mut slots);
    let server = read_server(options, topic.as_ref());
    let (topic, server) = (topic?, server?);
    // The topic is what has to be known to read along, so it is what the hash tells apart.
    let mut address = Address::new(server, topic.expose())
        .map_err(|message| options.wrong("server", message, SERVER_HELP))
        .ok()?;
    address.authorization = authorization;
    Some(Parts {
        display: address.shown.clone(),
        slots,
        translator: Box::new(Ntfy {
            address,
            topic,
            priority,
            tags,
            click,
            icon,
            actions,
        }),
    })
}

fn read_topic(options: &mut Table) -> Option<Secret> {
    let topic = options.required_secret("topic", TOPIC_HELP)?;
    let text = topic.expose();
    let fits = (1..=TOPIC_MAX).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    if !fits {
        options.wrong("topic", "this is no topic", TOPIC_HELP);
    } else if RESERVED.contains(&text) {
        options.wrong(
            "topic",
            format!("`{text}` is a word that ntfy keeps for itself"),
            "choose another topic",
        );
    }
    Some(topic)
}

/// The root that messages are published to, with the path under which a proxy may have put it.
fn read_server(options: &mut Table, topic: Option<&Secret>) -> Option<Url> {
    // Read as a secret, because people paste the address with the topic or a user in it.
    let text = match options.has("server") {
        true => options.secret("server")?,
        false => Secret::new(SERVER.to_owned()),
    };
    let checked = address::parse(text.expose()).and_then(|mut url| {
        if url.query().is_some() {
            return Err("the server's address has a query");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("the server's address has a user in it: use `username` and `password`");
        }
        let path = url.path().trim_end_matches('/').to_owned();
        let last = path.rsplit('/').next().unwrap_or_default();
        if !last.is_empty() && topic.is_some_and(|topic| topic.expose() == last) {
            return Err("the server's address ends with the topic");
        }
        url.set_path(&format!("{path}/"));
        Ok(url)
    });
    checked
        .map_err(|message| options.wrong("server", message, SERVER_HELP))
        .ok()
}

fn read_authorization(options: &mut Table) -> Option<HeaderValue> {
    let token = options.secret("token");
    let username = options.string("username");
    let password = options.secret("password");
    match (token, username, password) {
        (None, None, None) => None,
        (Some(token), None, None) => {
            let value = address::sensitive(&format!("Bearer {}", token.expose()));
            if value.is_none() {
                options.wrong(
                    "token",
                    "this value fits no header",
                    "visible characters in one line, such as `tk_…`",
                );
            }
            value
        }
        (None, Some(username), Some(password)) => {
            Some(address::basic(&username, password.expose()))
        }
        (Some(_), _, _) => {
            options.wrong(
                "token",
                "a token goes without `username` and `password`",
                "keep one of the two",
            );
            None
        }
        (None, Some(_), None) => {
            options.missing("password", "`username` and `password` go together");
            None
        }
        (None, None, Some(_)) => {
            options.missing("username", "`username` and `password` go together");
            None
        }
    }
}

fn read_tags(options: &mut Table) -> Option<Vec<String>> {
    let tags = options.strings("tags")?;
    let fits =
        |tag: &String| !tag.trim().is_empty() && tag.len() <= TAG_BYTES_MAX && !tag.contains(',');
    if tags.len() > TAGS_MAX || !tags.iter().all(fits) {
        options.wrong(
            "tags",
            "these are no tags",
            format!("at most {TAGS_MAX} words of at most {TAG_BYTES_MAX} bytes, without commas"),
        );
    }
    Some(tags)
}

impl Translator for Ntfy {
    fn encode(&self, message: &Message<'_>) -> Result<Outgoing, EncodeError> {
        Ok(request::json(&self.address, message, &self.body(message))?.into())
    }

    fn can_update(&self) -> bool {
        true
    }

    fn ring(&self) -> Ring {
        Ring::Asked
    }

    fn questions(&self) -> Vec<Question> {
        look::questions(&self.address)
    }

    fn judge(&self, reply: &Reply, facts: &Facts) -> Verdict {
        answer::judge(reply, facts, self.address.authorization.is_some())
    }
}

impl Ntfy {
    fn body(&self, message: &Message<'_>) -> Value {
        let (title_max, message_max) = if message.plain {
            (SHORT_TITLE_BYTES_MAX, SHORT_MESSAGE_BYTES_MAX)
        } else {
            (TITLE_BYTES_MAX, MESSAGE_BYTES_MAX)
        };
        let wording = message.wording;
        let mut body = Map::new();
        let mut set = |key: &str, value: Value| body.insert(key.to_owned(), value);
        set("topic", json!(self.topic.expose()));
        set("title", json!(cut(&wording.title, title_max, Unit::Bytes)));
        set("message", json!(""));
        set("priority", json!(self.priority(message)));
        match &self.tags {
            Some(tags) => set("tags", json!(tags)),
            None => set("tags", json!(wording.tags)),
        };
        if let Some(living) = message.living {
            set("sequence_id", json!(sequence_id(&living.key)));
        }
        for (key, written) in [("click", &self.click), ("icon", &self.icon)] {
            if let Some(address) = written.as_ref().or(wording.filled.get(key)) {
                set(key, json!(address));
            }
        }
        if let Some(actions) = self
            .actions
            .as_ref()
            .and_then(|it| it.json(&wording.filled))
        {
            set("actions", actions);
        }
        let frame = json!(body).to_string().len();
        body["message"] = json!(text(
            message,
            message_max,
            BODY_BYTES_MAX.saturating_sub(frame)
        ));
        Value::Object(body)
    }

    /// The rule's priority, else the sink's, else the event type's; never loud when all is to be quiet.
    fn priority(&self, message: &Message<'_>) -> u8 {
        let priority = message
            .priority
            .or(self.priority)
            .unwrap_or(message.wording.priority)
            .clamp(1, 5);
        if message.quiet {
            priority.min(QUIET)
        } else {
            priority
        }
    }
}

/// A key in the letters that ntfy takes, the same one for the same key.
fn sequence_id(key: &str) -> String {
    let fits = (1..=SEQUENCE_ID_MAX).contains(&key.len())
        && key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    if fits {
        return key.to_owned();
    }
    let hash = Sha256::digest(key.as_bytes());
    hash.iter()
        .take(SEQUENCE_ID_MAX / 4)
        .fold(String::new(), |id, byte| format!("{id}{byte:02x}"))
}

/// The message within both limits. An empty one would be shown as `triggered`.
fn text(message: &Message<'_>, bytes: usize, json_bytes: usize) -> String {
    let details = message.wording.details();
    let details = if details.trim().is_empty() {
        message.wording.title.clone()
    } else {
        details
    };
    let fitting = cut(&details, bytes, Unit::Bytes);
    cut(&fitting, json_bytes, Unit::JsonBytes)
}

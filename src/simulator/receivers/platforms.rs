//! What each platform answers when nothing is prepared.
//!
//! Its own file because these are other people's contracts, as far as a bridge depends on them: the
//! success, the id that comes back, and the refusals that a wrong request or address earns.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use serde_json::{Map, Value, json};

use super::super::answer::Answer;
use super::{Kind, Received};

/// Messages that Discord and ntfy remember.
const MESSAGES_MAX: usize = 1_000;

/// The largest JSON that ntfy takes.
const NTFY_BODY_MAX: usize = 8_192;

/// Topic names that ntfy keeps for itself.
const NTFY_RESERVED: [&str; 10] = [
    "docs", "static", "file", "app", "metrics", "account", "settings", "signup", "login", "v1",
];

/// What the platforms remember.
#[derive(Default)]
pub(super) struct Platforms {
    messages: Mutex<Messages>,
}

#[derive(Default)]
struct Messages {
    count: u64,
    discord: VecDeque<u64>,
}

impl Platforms {
    /// The usual answer.
    pub(super) fn answer(&self, request: &Received) -> Answer {
        match request.kind {
            Kind::Webhook => webhook(request),
            Kind::Discord => self.discord(request),
            Kind::Slack => slack(request),
            Kind::Ntfy => self.ntfy(request),
        }
    }

    fn discord(&self, request: &Received) -> Answer {
        let path: Vec<&str> = request.path.split('/').skip(3).collect();
        let path = match path.as_slice() {
            [version, rest @ ..] if version.starts_with('v') => rest,
            rest => rest,
        };
        match path {
            ["webhooks", "1", "token", rest @ ..] => self.discord_webhook(request, rest),
            ["webhooks", "1", ..] => discord_error(401, 50_027, "Invalid Webhook Token"),
            _ => discord_error(404, 10_015, "Unknown Webhook"),
        }
    }

    fn discord_webhook(&self, request: &Received, rest: &[&str]) -> Answer {
        match (request.method.as_str(), rest) {
            ("GET", []) => Answer::json(
                200,
                &json!({"id": "1", "type": 1, "name": "receiver", "channel_id": "2", "guild_id": "3"}),
            ),
            ("POST", []) => {
                let message = match discord_message(request) {
                    Ok(message) => message,
                    Err(refusal) => return refusal,
                };
                let id = self.new_discord_message();
                let mut pairs = url::form_urlencoded::parse(request.query.as_bytes());
                if pairs.any(|(name, value)| name == "wait" && value == "true") {
                    Answer::json(200, &posted(id, message))
                } else {
                    Answer::status(204)
                }
            }
            ("PATCH" | "DELETE" | "GET", ["messages", id]) => {
                let id = id.parse().unwrap_or_default();
                if !self.lock().discord.contains(&id) {
                    return discord_error(404, 10_008, "Unknown Message");
                }
                match request.method.as_str() {
                    "DELETE" => Answer::status(204),
                    "GET" => Answer::json(200, &posted(id, Map::new())),
                    _ => discord_message(request).map_or_else(
                        |refusal| refusal,
                        |message| Answer::json(200, &posted(id, message)),
                    ),
                }
            }
            _ => discord_error(405, 0, "405: Method Not Allowed"),
        }
    }

    fn new_discord_message(&self) -> u64 {
        let mut messages = self.lock();
        messages.count += 1;
        let id = 1_100_000_000_000_000_000 + messages.count;
        if messages.discord.len() == MESSAGES_MAX {
            messages.discord.pop_front();
        }
        messages.discord.push_back(id);
        id
    }

    fn ntfy(&self, request: &Received) -> Answer {
        let path: Vec<&str> = request.path.split('/').skip(2).collect();
        let path: Vec<&str> = path.into_iter().filter(|part| !part.is_empty()).collect();
        match (request.method.as_str(), path.as_slice()) {
            ("GET", ["v1", "health"]) => Answer::json(200, &json!({"healthy": true})),
            // A server without accounts takes everybody for nobody, whatever they show.
            ("GET", ["v1", "account"]) => {
                Answer::json(200, &json!({"username": "*", "role": "anonymous"}))
            }
            ("GET", [_topic, "auth"]) => Answer::json(200, &json!({"success": true})),
            ("POST" | "PUT", []) => self.ntfy_json(request),
            ("POST" | "PUT", [topic] | [topic, _]) => {
                let text = String::from_utf8_lossy(&request.body).into_owned();
                self.ntfy_message(topic, Map::from_iter([("message".to_owned(), text.into())]))
            }
            ("PUT", [topic, _, "clear"]) => self.ntfy_message(topic, Map::new()),
            ("DELETE", [topic, _]) => self.ntfy_message(topic, Map::new()),
            _ => ntfy_error(404, 40_401, "page not found"),
        }
    }

    fn ntfy_json(&self, request: &Received) -> Answer {
        if request.body.len() > NTFY_BODY_MAX {
            let text = "JSON body too large: the message must be shorter";
            return ntfy_error(413, 41_303, text);
        }
        let Some(mut message) = object(request) else {
            return ntfy_error(
                400,
                40_024,
                "invalid request: request body must be valid JSON",
            );
        };
        match message.shift_remove("topic") {
            Some(Value::String(topic)) => self.ntfy_message(&topic, message),
            _ => ntfy_error(400, 40_009, "invalid request: topic invalid"),
        }
    }

    fn ntfy_message(&self, topic: &str, mut message: Map<String, Value>) -> Answer {
        let allowed = |it: char| it.is_ascii_alphanumeric() || it == '-' || it == '_';
        if topic.is_empty() || topic.len() > 64 || !topic.chars().all(allowed) {
            return ntfy_error(400, 40_009, "invalid request: topic invalid");
        }
        if NTFY_RESERVED.contains(&topic) {
            return ntfy_error(400, 40_010, "invalid request: topic name is not allowed");
        }
        let mut messages = self.lock();
        messages.count += 1;
        let count = messages.count;
        drop(messages);
        let mut answer = Map::new();
        answer.insert("id".to_owned(), format!("m{count:011}").into());
        answer.insert("event".to_owned(), "message".into());
        answer.insert("topic".to_owned(), topic.into());
        answer.append(&mut message);
        Answer::json(200, &Value::Object(answer))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Messages> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn webhook(request: &Received) -> Answer {
    Answer::status(if request.method == "POST" { 204 } else { 405 })
}

fn slack(request: &Received) -> Answer {
    let word = |status, word: &'static str| {
        Answer::status(status)
            .header("Content-Type", "text/html")
            .body(word)
    };
    if request.path != "/slack/services/T/B/X" {
        return word(404, "no_service");
    }
    if request.method != "POST" {
        return word(405, "method_not_allowed");
    }
    let Some(message) = object(request) else {
        return word(400, "invalid_payload");
    };
    if is_empty(message.get("text")) && is_empty(message.get("blocks")) {
        return word(400, "no_text");
    }
    word(200, "ok")
}

fn discord_message(request: &Received) -> Result<Map<String, Value>, Answer> {
    let invalid = || {
        let text = "The request body contains invalid JSON.";
        discord_error(400, 50_109, text)
    };
    let message = object(request).ok_or_else(invalid)?;
    let said = ["content", "embeds", "components", "poll"];
    if said.iter().all(|name| is_empty(message.get(*name))) {
        return Err(discord_error(400, 50_006, "Cannot send an empty message"));
    }
    Ok(message)
}

fn posted(id: u64, mut message: Map<String, Value>) -> Value {
    let mut posted = Map::new();
    posted.insert("id".to_owned(), id.to_string().into());
    posted.insert("type".to_owned(), 0.into());
    posted.insert("channel_id".to_owned(), "2".into());
    posted.insert("webhook_id".to_owned(), "1".into());
    posted.append(&mut message);
    Value::Object(posted)
}

fn discord_error(status: u16, code: u32, message: &str) -> Answer {
    Answer::json(status, &json!({"message": message, "code": code}))
}

fn ntfy_error(status: u16, code: u32, error: &str) -> Answer {
    Answer::json(
        status,
        &json!({"code": code, "http": status, "error": error}),
    )
}

fn object(request: &Received) -> Option<Map<String, Value>> {
    serde_json::from_slice(&request.body).ok()
}

fn is_empty(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.is_empty(),
        Some(Value::Array(list)) => list.is_empty(),
        Some(_) => false,
    }
}

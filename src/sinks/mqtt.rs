//! MQTT 5: a delivery is one message for a broker, and in Home Assistant an event entity that appears by
//! itself.
//!
//! A file of its own, as every kind's. A broker answers with a reason code, which is what a verdict is
//! made of. Home Assistant answers nothing: it drops an event whose type it was not told of before, so
//! every type that has a wording is announced, and any other goes out as `other`.

use std::time::Duration;

use bytes::Bytes;
#[cfg(test)]
use schemars::{JsonSchema, SchemaGenerator, json_schema};
use serde_json::json;
use url::Url;

use super::address::Address;
use super::question::Heard;
use super::{EncodeError, Facts, Kind, Message, Parts, Question, Translator, record, wording};
use crate::config::Table;
#[cfg(test)]
use crate::config::form;
use crate::model::{Reply, Rests, Secret, Verdict};
use crate::transport::Outgoing;
use crate::transport::mqtt::{self, Broker, Post, Publication, Trust};

pub(super) const KIND: Kind = Kind {
    name: "mqtt",
    rate_limit: None,
    rests: Rests {
        first: Duration::from_secs(10),
        max: Duration::from_secs(15 * 60),
    },
    build,
    #[cfg(test)]
    form: SchemaGenerator::subschema_for::<Form>,
};

const URL_HELP: &str =
    "the broker's address, such as `mqtt://homeassistant.local` or `mqtts://host:8883`";
const TOPIC_HELP: &str = "the topic to publish to, such as `bellwire/phone`, without `#` and `+`";
const CA_HELP: &str = "certificates as PEM, such as `{ file = \"/etc/mosquitto/ca.crt\" }`";

const PORT: u16 = 1883;
const PORT_TLS: u16 = 8883;

const TOPIC_BYTES_MAX: usize = 1024;

/// Where Home Assistant looks for announcements, unless it was told otherwise.
const DISCOVERY: &str = "homeassistant";

/// The type of an event that was not announced.
const OTHER: &str = "other";

#[derive(Debug)]
struct Mqtt {
    broker: Broker,
    topic: String,
    /// What announces the entity; `None` when nobody is to hear of it.
    announcement: Option<Post>,
    /// Tells this sink's connections from those of others.
    hash: String,
}

/// Its options, as the schema of the configuration shows them.
#[cfg(test)]
#[derive(JsonSchema)]
#[expect(dead_code, reason = "described and never made")]
#[schemars(deny_unknown_fields, extend("dependentRequired" = json!({ "password": ["username"] })))]
struct Form {
    /// The broker: `mqtt://HOST`, or `mqtts://HOST` where the connection is encrypted.
    url: BrokerAddress,
    /// The topic to publish to, without `#` and `+`.
    topic: Topic,
    /// A user of the broker.
    username: Option<String>,
    /// The user's password.
    password: Option<form::Secret>,
    /// Home Assistant's prefix of announcements; with `false` nothing is announced. Default:
    /// `homeassistant`.
    #[schemars(extend("default" = DISCOVERY))]
    discovery: Option<Prefix>,
    /// The certificates, as PEM, that the broker's has to lead to. Default: those the system trusts.
    ca: Option<form::Secret>,
}

#[cfg(test)]
form::value! { BrokerAddress = form::secret_like(r"^\s*[Mm][Qq][Tt][Tt][Ss]?:") }

#[cfg(test)]
form::value! {
    Topic = form::text_like(r"^[^$#+\u0000][^#+\u0000]*$")
}

#[cfg(test)]
form::value! {
    Prefix = json_schema!({ "type": ["boolean", "string"], "pattern": r"^[^#+\u0000]+$" })
}

fn build(options: &mut Table) -> Option<Parts> {
    let url = read_url(options);
    let topic = read_topic(options);
    let prefix = read_discovery(options);
    let username = options.string("username");
    let password = options.secret("password");
    if password.is_some() && username.is_none() {
        options.missing("username", "`username` and `password` go together");
    }
    let trust = read_trust(options, url.as_ref());
    let (url, topic) = (url?, topic?);
    let marked = format!("{url}\0{topic}");
    // Only its name for people is needed, which is made like every other.
    let shown = Address::new(shown_as(&url), &marked).ok()?.shown;
    let hash = Secret::new(marked).short_hash();
    let tls = (url.scheme() == "mqtts").then_some(trust);
    let broker = Broker {
        host: bare(url.host_str()?),
        port: url
            .port()
            .unwrap_or(if tls.is_some() { PORT_TLS } else { PORT }),
        tls,
        username,
        password,
    };
    let announcement = prefix.map(|prefix| announcement(&prefix, &topic, &hash));
    Some(Parts {
        display: shown,
        slots: Vec::new(),
        translator: Box::new(Mqtt {
            broker,
            topic,
            announcement,
            hash,
        }),
    })
}

fn read_url(options: &mut Table) -> Option<Url> {
    // Read as a secret, because people paste addresses with a user in them.
    let text = options.required_secret("url", URL_HELP)?;
    let checked = match Url::parse(text.expose().trim()) {
        Err(_) => Err("this is no address"),
        Ok(url) if !matches!(url.scheme(), "mqtt" | "mqtts") => {
            Err("this address is neither `mqtt` nor `mqtts`")
        }
        Ok(url) if !url.has_host() => Err("this address has no host"),
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            Err("the address has a user in it: use `username` and `password`")
        }
        Ok(url) if !matches!(url.path(), "" | "/") || url.query().is_some() => {
            Err("the address has a path: the topic goes into `topic`")
        }
        Ok(url) => Ok(url),
    };
    checked
        .map_err(|message| options.wrong("url", message, URL_HELP))
        .ok()
}

fn read_topic(options: &mut Table) -> Option<String> {
    if !options.has("topic") {
        options.missing("topic", TOPIC_HELP);
        return None;
    }
    let topic = options.string("topic")?;
    let fits = (1..=TOPIC_BYTES_MAX).contains(&topic.len())
        && !topic.starts_with('$')
        && !topic.contains(['#', '+', '\0']);
    if !fits {
        options.wrong(
            "topic",
            "nothing can be published to this topic",
            TOPIC_HELP,
        );
    }
    Some(topic)
}

/// The prefix of announcements: Home Assistant's own unless the configuration names another.
fn read_discovery(options: &mut Table) -> Option<String> {
    use serde_json::Value;
    match options.json("discovery") {
        None | Some(Value::Bool(true)) => Some(DISCOVERY.to_owned()),
        Some(Value::Bool(false)) => None,
        Some(Value::String(prefix)) if !prefix.is_empty() && !prefix.contains(['#', '+', '\0']) => {
            Some(prefix)
        }
        Some(_) => {
            options.wrong(
                "discovery",
                "this is no prefix of topics",
                "`true`, `false`, or Home Assistant's discovery prefix where it is not `homeassistant`",
            );
            None
        }
    }
}

fn read_trust(options: &mut Table, url: Option<&Url>) -> Trust {
    if !options.has("ca") {
        return Trust::System;
    }
    let Some(pem) = options.secret("ca") else {
        return Trust::System;
    };
    if let Err(reason) = mqtt::check_certificates(&pem) {
        options.wrong(
            "ca",
            format!("these are no certificates: {reason}"),
            CA_HELP,
        );
    } else if url.is_some_and(|url| url.scheme() != "mqtts") {
        options.wrong(
            "ca",
            "this connection is not encrypted",
            "`url = \"mqtts://…\"`",
        );
    }
    Trust::Only(pem)
}

/// The address in a form that every kind's display is made of.
fn shown_as(url: &Url) -> Url {
    let port = url
        .port()
        .map(|port| format!(":{port}"))
        .unwrap_or_default();
    let host = url.host_str().unwrap_or_default();
    Url::parse(&format!("http://{host}{port}/")).expect("a host makes an address")
}

/// An address in brackets without them.
fn bare(host: &str) -> String {
    host.trim_start_matches('[')
        .trim_end_matches(']')
        .to_owned()
}

/// A retained message that makes Home Assistant show the topic as an event entity.
fn announcement(prefix: &str, topic: &str, hash: &str) -> Post {
    let id = format!("bellwire_{hash}");
    let types: Vec<&str> = wording::types().chain([OTHER]).collect();
    let body = json!({
        "name": "Event",
        "unique_id": id,
        "state_topic": topic,
        "event_types": types,
        "icon": "mdi:bell-ring",
        "device": { "identifiers": [id], "name": format!("bellwire {topic}"), "manufacturer": "bellwire" },
        "origin": { "name": "bellwire", "sw_version": env!("CARGO_PKG_VERSION") },
    });
    Post {
        topic: format!("{prefix}/event/{id}/config"),
        payload: Bytes::from(body.to_string()),
        retain: true,
        // Whoever may not write there still gets every event.
        optional: true,
        properties: Vec::new(),
    }
}

impl Mqtt {
    fn publication(&self, client: &str, messages: Vec<Post>) -> Outgoing {
        Outgoing::Mqtt(Publication {
            broker: self.broker.clone(),
            client_id: format!("bellwire-{}-{client}", self.hash),
            messages,
        })
    }
}

impl Translator for Mqtt {
    fn encode(&self, message: &Message<'_>) -> Result<Outgoing, EncodeError> {
        let kind = &*message.event.kind;
        let known = wording::types().any(|known| known == kind);
        let post = Post {
            topic: self.topic.clone(),
            payload: record::bytes(message, Some(if known { kind } else { OTHER })),
            retain: false,
            optional: false,
            properties: vec![("webhook-id", message.id.to_string())],
        };
        Ok(self.publication(message.id.as_str(), vec![post]))
    }

    fn greeting(&self) -> Option<Outgoing> {
        let announcement = self.announcement.clone()?;
        Some(self.publication("hello", vec![announcement]))
    }

    fn questions(&self) -> Vec<Question> {
        vec![Question {
            request: self.publication("check", Vec::new()),
            read: read_hello,
        }]
    }

    fn judge(&self, reply: &Reply, _facts: &Facts) -> Verdict {
        let reason = reason(reply.status);
        match reply.status {
            0..128 => Verdict::Delivered,
            mqtt::UNSUPPORTED_VERSION | 133 | 144 => Verdict::Retry { reason, slow: true },
            134 | 135 | 138 | 140 => Verdict::Suspend { reason },
            mqtt::PACKET_TOO_LARGE | 153 => Verdict::Dead { reason },
            137 | 151 | 159 => Verdict::RetryAfter {
                reason,
                wait: None,
                kind_wide: false,
            },
            _ => Verdict::Retry {
                reason,
                slow: false,
            },
        }
    }

    fn rest_after(&self, _reply: &Reply) -> Option<Duration> {
        None
    }
}

fn read_hello(reply: &Reply) -> Heard {
    match reply.status {
        0 => Ok("the broker lets us in".to_owned()),
        code => Err(format!("the broker refuses us: {}", reason(code))),
    }
}

/// A reason code in words, and what to look at.
fn reason(code: u16) -> String {
    let words = match code {
        mqtt::UNSUPPORTED_VERSION => "the broker does not speak MQTT 5",
        133 => "client identifier refused",
        134 => "bad user name or password",
        135 => "not authorized: check `username`, `password` and the broker's access list",
        136 => "server unavailable",
        137 => "server busy",
        138 => "banned",
        139 => "the broker is shutting down",
        140 => "bad authentication method",
        144 => "topic name refused, check `topic`",
        mqtt::PACKET_TOO_LARGE => "message too large for this broker",
        151 => "quota exceeded",
        153 => "payload format refused",
        159 => "too many connections in a short time",
        _ => return format!("reason code {code}"),
    };
    format!("{words} ({code})")
}

#[cfg(test)]
mod tests;

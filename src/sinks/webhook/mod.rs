//! Signed webhooks: Standard Webhooks, the schemes of GitHub and Stripe, or several of them, to any receiver.
//!
//! A room of its own, in files for the signature and for the bodies. The upstream's bytes go out
//! unchanged unless the configuration wants another body; nothing is ever cut here. Receivers differ
//! wildly in what they answer, so few answers are final: see [`judge`].

use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};

#[cfg(test)]
use schemars::{JsonSchema, SchemaGenerator, json_schema};

use super::address::{self, Address};
use super::request::{AGENT, WEBHOOK_ID, identity};
use super::slot::{self, Filled, Slot};
use super::{EncodeError, Facts, Kind, Message, Parts, Question, Translator, judge};
use crate::config::Table;
#[cfg(test)]
use crate::config::form;
use crate::model::{Reply, Rests, Verdict};
use crate::transport::Outgoing;

mod body;
mod canonical;
mod signature;
pub mod verify;

#[cfg(test)]
mod tests;

use body::Body;
use signature::Signatures;

pub(super) const KIND: Kind = Kind {
    name: "webhook",
    rate_limit: None,
    rests: Rests {
        first: Duration::from_secs(30),
        max: Duration::from_secs(15 * 60),
    },
    build,
    #[cfg(test)]
    form: SchemaGenerator::subschema_for::<Form>,
};

const URL_HELP: &str = "the receiver's address, such as `https://example.org/hook`";

/// Longest text of ours in a header, in characters.
const HEADER_CHARS_MAX: usize = 300;

/// Most extra headers.
const HEADERS_MAX: usize = 32;

/// Headers that are ours, or the connection's, to set.
const RESERVED: [&str; 13] = [
    "bellwire-fallback",
    "connection",
    "content-length",
    "host",
    "stripe-signature",
    "te",
    "traceparent",
    "transfer-encoding",
    "upgrade",
    "webhook-id",
    "webhook-signature",
    "webhook-timestamp",
    "x-hub-signature-256",
];

/// Time of the attempt, in whole seconds.
const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");

/// The attempt's place in the trace of its event, as W3C Trace Context has it.
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Why the delivery comes here and not where its rule sends it first.
const BELLWIRE_FALLBACK: HeaderName = HeaderName::from_static("bellwire-fallback");

/// A text as a header value: what no header can have becomes a question mark.
fn visible(text: &str) -> HeaderValue {
    let shown = |character| match character {
        ' '..='~' => character,
        _ => '?',
    };
    let text: String = text.chars().take(HEADER_CHARS_MAX).map(shown).collect();
    HeaderValue::try_from(text).expect("visible characters")
}

#[derive(Debug)]
struct Webhook {
    address: Address,
    method: Method,
    signature: Signatures,
    body: Body,
    headers: HeaderMap,
}

/// Its options, as the schema of the configuration shows them.
#[cfg(test)]
#[derive(JsonSchema)]
#[expect(dead_code, reason = "described and never made")]
#[schemars(deny_unknown_fields, extend("anyOf" = signed_or_not()))]
struct Form {
    /// The receiver's address.
    url: form::Address,
    /// The method of the request. Default: `POST`.
    #[schemars(extend("default" = "POST"))]
    method: Option<Word>,
    /// `whsec_…` for `standard`, any text for `github` and `stripe`; a list while rotating, newest first.
    secret: Option<form::Secrets>,
    /// How requests are signed: a scheme, a list of schemes beside each other, or `none`. Default:
    /// `standard`.
    #[schemars(extend("default" = "standard"))]
    signature: Option<signature::Form>,
    /// `event`: the upstream's bytes, unchanged; `canonical`: re-encoded, with `webhook_id` added;
    /// `cloudevents`; or a template. Default: `event`.
    #[schemars(extend("default" = "event"))]
    body: Option<BodyForm>,
    /// More headers, up to 32; each value may be a secret.
    #[schemars(extend("maxProperties" = HEADERS_MAX))]
    headers: Option<form::Headers>,
}

#[cfg(test)]
#[derive(JsonSchema)]
#[expect(dead_code, reason = "described and never made")]
#[schemars(rename_all = "UPPERCASE")]
enum Word {
    Post,
    Put,
    Patch,
}

#[cfg(test)]
form::value! {
    BodyForm = json_schema!({
        "anyOf": [
            { "enum": ["event", "canonical", "cloudevents"] },
            { "type": "string", "pattern": r"\{\{|\{%" },
        ]
    })
}

#[cfg(test)]
fn signed_or_not() -> serde_json::Value {
    serde_json::json!([
        { "required": ["secret"] },
        {
            "required": ["signature"],
            "properties": { "signature": { "enum": ["none", ["none"]] } },
        },
    ])
}

fn build(options: &mut Table) -> Option<Parts> {
    let url = address::url(options, "url", URL_HELP);
    let method = options.choice(
        "method",
        &[
            ("POST", Method::POST),
            ("PUT", Method::PUT),
            ("PATCH", Method::PATCH),
        ],
    );
    let signature = signature::read(options);
    let (body, slot) = read_body(options);
    let headers = read_headers(options);
    let url = url?;
    let address = Address::new(url.clone(), url.as_str())
        .map_err(|message| options.wrong("url", message, URL_HELP))
        .ok()?;
    Some(Parts {
        display: address.shown.clone(),
        slots: slot.into_iter().collect(),
        translator: Box::new(Webhook {
            address,
            method: method.unwrap_or(Method::POST),
            signature: signature?,
            body,
            headers,
        }),
    })
}

fn read_body(options: &mut Table) -> (Body, Option<Slot>) {
    let Some(text) = options.string("body") else {
        return (Body::Event, None);
    };
    let words = ["event", "canonical", "cloudevents"];
    let body = match text.as_str() {
        "event" => Body::Event,
        "canonical" => Body::Canonical,
        "cloudevents" => Body::CloudEvents,
        text if slot::is_template(text) => {
            let slot = slot::open(options, body::SLOT, text, usize::MAX, body::json);
            return (Body::Template, slot);
        }
        text => {
            options.impossible(
                "body",
                text,
                words.into_iter().chain(["a template with `{{ … }}`"]),
            );
            Body::Event
        }
    };
    (body, None)
}

fn read_headers(options: &mut Table) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let entries = options.secret_map("headers");
    if entries.len() > HEADERS_MAX {
        options.wrong(
            "headers",
            format!("{} headers are too many", entries.len()),
            format!("at most {HEADERS_MAX}"),
        );
        return headers;
    }
    for (name, secret) in entries {
        let key = format!("headers.{name}");
        match (
            HeaderName::try_from(name.as_str()),
            address::sensitive(secret.expose()),
        ) {
            (Ok(name), _) if RESERVED.contains(&name.as_str()) => options.wrong(
                &key,
                format!("`{name}` is not yours to set"),
                "leave it out: it is set on every request",
            ),
            (Ok(name), Some(value)) => {
                headers.insert(name, value);
            }
            (Err(_), _) => options.wrong(
                &key,
                "this is no name of a header",
                "letters, digits and `-`, such as `X-Api-Key`",
            ),
            (_, None) => options.wrong(
                &key,
                "this value fits no header",
                "visible characters in one line",
            ),
        }
    }
    headers
}

impl Translator for Webhook {
    fn encode(&self, message: &Message<'_>) -> Result<Outgoing, EncodeError> {
        let body = self.body.bytes(message);
        let mut request = Request::new(body);
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.address.uri.clone();
        let mut headers = HeaderMap::new();
        if let Some(authorization) = &self.address.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static(self.body.content_type(message.event)),
        );
        headers.insert(WEBHOOK_ID, identity(message)?);
        let trace = HeaderValue::try_from(message.trace.to_string());
        headers.insert(TRACEPARENT, trace.expect("letters, digits and hyphens"));
        headers.insert(
            WEBHOOK_TIMESTAMP,
            HeaderValue::from(message.now.as_second()),
        );
        if let Some(instead) = message.instead {
            headers.insert(BELLWIRE_FALLBACK, visible(instead));
        }
        // What the configuration sets goes before what we would have set.
        for (name, value) in &self.headers {
            headers.insert(name, value.clone());
        }
        self.signature.sign(&mut headers, message, request.body());
        *request.headers_mut() = headers;
        Ok(request.into())
    }

    fn shows_wording(&self, filled: &Filled) -> bool {
        self.body.shows_wording(filled)
    }

    fn questions(&self) -> Vec<Question> {
        vec![Question::reach(&self.address)]
    }

    fn warnings(&self) -> &[String] {
        &self.signature.warnings
    }

    fn judge(&self, reply: &Reply, facts: &Facts) -> Verdict {
        let aborted = reply
            .headers
            .get("webhook-delivery")
            .is_some_and(|word| word == "abort-message");
        if aborted && !(200..=299).contains(&reply.status) {
            return Verdict::Dead {
                reason: format!("{}: the receiver wants no retry", judge::status(reply)),
            };
        }
        match judge::by_status(reply, facts) {
            // The commonest faults look alike to a receiver, so say what to look at.
            Verdict::Retry { reason, slow }
                if matches!(reply.status, 400 | 401 | 403) && self.signature.has_time() =>
            {
                Verdict::Retry {
                    reason: format!(
                        "{reason}: check the secret, and that both clocks agree within 5 minutes"
                    ),
                    slow,
                }
            }
            verdict => verdict,
        }
    }
}

//! What would go to a receiver, in parts that can be shown.
//!
//! A file of its own because each carrier has parts of its own. Header values that were marked as
//! sensitive are left out here, whatever is in them.

use http::header::HOST;

use crate::transport::Outgoing;

/// Headers that hold a signature.
const SIGNATURES: [&str; 3] = [
    "webhook-signature",
    "x-hub-signature-256",
    "stripe-signature",
];

/// A header.
#[derive(Debug)]
pub struct Header {
    /// Its name, in lower case.
    pub name: String,
    /// Its value; `None` where that is hidden.
    pub value: Option<String>,
}

/// What would be sent. Texts hold words of the sink's example where secrets stand.
#[derive(Debug)]
pub enum Shown {
    /// An HTTP request.
    Http {
        /// The method.
        method: String,
        /// The address.
        url: String,
        /// The headers, but for those that only the connection knows.
        headers: Vec<Header>,
        /// Whether it is signed, with the secret of examples.
        is_signed: bool,
        /// The body.
        body: String,
    },
    /// A publish over MQTT.
    Mqtt {
        /// The broker's address.
        broker: String,
        /// Whether somebody logs in.
        has_login: bool,
        /// The topic.
        topic: String,
        /// What travels beside the payload.
        properties: Vec<(&'static str, String)>,
        /// The payload.
        body: String,
    },
    /// A program that is started.
    Program {
        /// The program.
        program: String,
        /// How many arguments it gets.
        arguments: usize,
        /// Its environment, beside the few variables that it inherits.
        environment: Vec<(&'static str, String)>,
        /// What it reads.
        body: String,
    },
}

impl Shown {
    pub(super) fn of(outgoing: Outgoing) -> Self {
        match outgoing {
            Outgoing::Http(request) => {
                let (head, body) = request.into_parts();
                let headers = head.headers.iter().filter(|(name, _)| *name != HOST);
                let headers = headers.map(|(name, value)| Header {
                    name: name.to_string(),
                    value: (!value.is_sensitive())
                        .then(|| String::from_utf8_lossy(value.as_bytes()).into_owned()),
                });
                let is_signed = SIGNATURES
                    .iter()
                    .any(|name| head.headers.contains_key(*name));
                Self::Http {
                    is_signed,
                    method: head.method.to_string(),
                    url: head.uri.to_string(),
                    headers: headers.collect(),
                    body: text(&body),
                }
            }
            Outgoing::Mqtt(publication) => {
                let broker = publication.broker;
                let scheme = if broker.tls.is_some() {
                    "mqtts"
                } else {
                    "mqtt"
                };
                let host = match broker.host.contains(':') {
                    true => format!("[{}]", broker.host),
                    false => broker.host,
                };
                // A delivery is one message.
                let post = publication.messages.into_iter().next();
                let (topic, properties, body) = post
                    .map(|post| (post.topic, post.properties, text(&post.payload)))
                    .unwrap_or_default();
                Self::Mqtt {
                    broker: format!("{scheme}://{host}:{}", broker.port),
                    has_login: broker.username.is_some(),
                    topic,
                    properties,
                    body,
                }
            }
            Outgoing::Program(call) => Self::Program {
                program: call.program.display().to_string(),
                arguments: call.arguments.len(),
                environment: call.environment,
                body: text(&call.input),
            },
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

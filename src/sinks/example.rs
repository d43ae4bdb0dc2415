//! A sink as it is configured, but with something else in the place of each secret.
//!
//! A file of its own because a request that is shown to people must hold no secret, and the surest way
//! is to make it by a translator that was never given one. What stands in for a secret is a word that
//! occurs nowhere else, so that whoever shows the request can put dots there, or the name of a variable.
//! Signing secrets are replaced by one that says what it is.

use std::sync::{Arc, Mutex, PoisonError};

use url::Url;

use super::{Sink, build, slot};
use crate::config::SinkConfig;

/// The secret that examples are signed with: "an example, which is no secret".
pub const EXAMPLE_SECRET: &str = "whsec_YW4gZXhhbXBsZSwgd2hpY2ggaXMgbm8gc2VjcmV0";

/// Parts of a path that say what is there and never who may: everything else may be a credential.
const WORDS: [&str; 11] = [
    "api",
    "discord",
    "hook",
    "hooks",
    "ntfy",
    "services",
    "slack",
    "webhook",
    "webhooks",
    "workflows",
    "triggers",
];

/// Parameters that say how a request is to be treated.
const PARAMETERS: [&str; 2] = ["thread_id", "wait"];

/// A sink that knows no secret.
#[derive(Debug)]
pub struct Example {
    /// The sink. What its requests say is what the real one's would.
    pub sink: Sink,
    hidden: Vec<Hidden>,
}

/// What stands in for one secret, or for one part of an address.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Hidden {
    /// The text that occurs nowhere else.
    mark: String,
    /// What it stands for, in capitals, such as `TOPIC` or `URL_2`.
    name: String,
}

/// Makes an example of a sink. `None` where the sink itself cannot be made either.
#[must_use]
pub fn example(config: &SinkConfig) -> Option<Example> {
    let marks = Arc::new(Mutex::new(Vec::new()));
    let prefix = format!("{}.", config.options.path());
    let stand_in = {
        let marks = Arc::clone(&marks);
        move |at: &str, secret: &str| {
            let key = at.strip_prefix(&prefix).unwrap_or(at);
            let mut marks = marks.lock().unwrap_or_else(PoisonError::into_inner);
            stand_in(&mut marks, key, secret)
        }
    };
    let sink = build(&SinkConfig {
        options: config.options.standing_in(Arc::new(stand_in)),
        ..config.clone()
    })?;
    let hidden = marks.lock().unwrap_or_else(PoisonError::into_inner).clone();
    Some(Example { sink, hidden })
}

impl Example {
    /// A part of one of its requests, with a word for each secret that stood there. The word is made of
    /// what the secret is, in capitals.
    #[must_use]
    pub fn shown(&self, text: &str, word: impl Fn(&str) -> String) -> String {
        let mut shown = text.to_owned();
        for Hidden { mark, name } in &self.hidden {
            if shown.contains(mark.as_str()) {
                shown = shown.replace(mark.as_str(), &word(name));
            }
        }
        shown
    }
}

/// What stands in for the secret of a key, in a form that the sink takes in its place.
fn stand_in(marks: &mut Vec<Hidden>, key: &str, secret: &str) -> String {
    let name = |key: &str| -> String {
        let of_a_variable = |character: char| match character.is_ascii_alphanumeric() {
            true => character.to_ascii_uppercase(),
            false => '_',
        };
        key.chars().map(of_a_variable).collect()
    };
    match key {
        "command" | "command[0]" => secret.to_owned(),
        // Certificates are public, and no part of a request.
        "ca" => secret.to_owned(),
        "secret" => EXAMPLE_SECRET.to_owned(),
        _ if key.starts_with("secret[") => EXAMPLE_SECRET.to_owned(),
        // Bots' tokens begin with a number; other tokens may.
        "token" => mark(marks, name(key), "0:"),
        "url" | "server" => {
            address(marks, &name(key), secret).unwrap_or_else(|| mark(marks, name(key), ""))
        }
        // A button may open an app by a scheme of its own; one that makes a request never does.
        _ if key.ends_with(".url") => {
            let scheme = match secret.starts_with("http") {
                true => "https://",
                false => "app://",
            };
            let shown = address(marks, &name(key), secret)
                .unwrap_or_else(|| mark(marks, name(key), scheme));
            in_kind(secret, shown)
        }
        _ if key.starts_with("actions[") && key.ends_with(".body") => {
            let shown = mark(marks, name(key), "");
            in_kind(secret, shown)
        }
        _ => mark(marks, name(key), ""),
    }
}

/// What stands in for a template is one, too: what the template makes decides whether there is a button.
fn in_kind(secret: &str, shown: String) -> String {
    match slot::is_template(secret) {
        true => format!("{shown}{{{{ '' }}}}"),
        false => shown,
    }
}

/// A new mark. It fits wherever letters, digits and `-` do: a topic, a header, an address, a token.
fn mark(marks: &mut Vec<Hidden>, name: String, before: &str) -> String {
    let mark = format!("{before}hidden-{}-by-bellwire-explain", marks.len());
    marks.push(Hidden {
        mark: mark.clone(),
        name,
    });
    mark
}

/// An address with the same host and form, in which everything that may be a credential is marked.
fn address(marks: &mut Vec<Hidden>, name: &str, secret: &str) -> Option<String> {
    let url = Url::parse(secret.trim()).ok()?;
    let mut shown = format!("{}://", url.scheme());
    if !url.username().is_empty() || url.password().is_some() {
        let [user, password] =
            ["USER", "PASSWORD"].map(|part| mark(marks, format!("{name}_{part}"), ""));
        shown.push_str(&format!("{user}:{password}@"));
    }
    let mut count = 0;
    let mut hide = || {
        count += 1;
        mark(marks, format!("{name}_{count}"), "")
    };
    shown.push_str(url.host_str()?);
    if let Some(port) = url.port() {
        shown.push_str(&format!(":{port}"));
    }
    for (index, segment) in url.path().split('/').enumerate() {
        shown.push_str(if index > 0 { "/" } else { "" });
        match segment.is_empty() || WORDS.contains(&segment) || is_version(segment) {
            true => shown.push_str(segment),
            false => shown.push_str(&hide()),
        }
    }
    let pairs = url.query().unwrap_or_default().split('&');
    for (index, pair) in pairs.filter(|pair| !pair.is_empty()).enumerate() {
        shown.push(if index > 0 { '&' } else { '?' });
        match pair.split_once('=') {
            Some((name, _)) if PARAMETERS.contains(&name) => {
                shown.push_str(&format!("{name}={}", hide()));
            }
            Some(_) => shown.push_str(&format!("{}={}", hide(), hide())),
            None => shown.push_str(&hide()),
        }
    }
    Some(shown)
}

/// `v10` and the like.
fn is_version(segment: &str) -> bool {
    segment
        .strip_prefix('v')
        .is_some_and(|number| number.len() < 4 && number.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::samples::{
        SECRET, body, id, message, minimal, recorded, request, sink, with,
    };
    use super::super::{KINDS, Wording};
    use super::*;
    use crate::config::sample;
    use crate::model::Name;
    use crate::transport::Outgoing;

    fn example_of(kind: &str, options: &Value) -> Example {
        let options = sample::table("sinks.it", options);
        let config = SinkConfig {
            name: Name::new("it").expect("a name"),
            kind: kind.to_owned(),
            print: options.print(),
            options,
        };
        let example = example(&config).expect("an example");
        assert!(
            config.options.secrets_read().is_empty(),
            "none was handed out"
        );
        example
    }

    fn dots(example: &Example, text: &str) -> String {
        example.shown(text, |_| "…".to_owned())
    }

    #[test]
    fn every_kind_has_an_example_that_says_the_same_and_knows_no_secret() {
        for kind in KINDS {
            let options = minimal(kind.name);
            let (example, real) = (example_of(kind.name, &options), sink(kind.name, &options));
            for event in recorded() {
                let wording = Wording::of(&event);
                let (id, sent) = (id(), body(&real, &message(&id(), &event, &wording)));
                let message = message(&id, &event, &wording);
                let sent = String::from_utf8(sent.to_vec()).expect("text");
                let shown =
                    String::from_utf8(body(&example.sink, &message).to_vec()).expect("text");
                let sent = sent.replace("\"s3cret\"", "\"…\"");
                assert_eq!(dots(&example, &shown), sent, "{}", kind.name);
                let all = match example.sink.translator.encode(&message).expect("sent") {
                    Outgoing::Http(request) => {
                        let headers: Vec<_> = request.headers().values().collect();
                        let headers = headers.iter().map(|value| value.as_bytes().to_vec());
                        let headers = headers.flatten().collect::<Vec<u8>>();
                        format!("{} {}", request.uri(), String::from_utf8_lossy(&headers))
                    }
                    Outgoing::Mqtt(publication) => {
                        let password = publication.broker.password.clone().expect("a password");
                        format!("{publication:?} {}", password.expose())
                    }
                    Outgoing::Program(call) => {
                        let arguments = call.arguments.iter().map(|one| one.expose().to_owned());
                        arguments.collect()
                    }
                };
                assert!(!all.contains("s3cret"), "{all}");
            }
        }
    }

    #[test]
    fn an_address_keeps_its_host_and_its_form() {
        for (kind, options, expected) in [
            (
                "webhook",
                json!({ "url": "http://me:pw@home.example:8123/api/webhook/x?key=1&y" }),
                "http://home.example:8123/api/webhook/…?…=…&…",
            ),
            (
                "webhook",
                json!({ "url": "https://[::1]" }),
                "https://[::1]/",
            ),
            (
                "discord",
                json!({ "url": "https://discord.com/api/webhooks/1/s3cret?wait=no", "thread_id": "7" }),
                "https://discord.com/api/v10/webhooks/…/…?wait=true&thread_id=7",
            ),
            (
                "discord",
                json!({ "url": "https://host/p/webhooks/1/s3cret?thread_id=8" }),
                "https://host/…/webhooks/…/…?thread_id=…&wait=true",
            ),
            ("slack", json!({}), "https://hooks.slack.com/services/…/…/…"),
            (
                "ntfy",
                json!({ "server": "http://host/push" }),
                "http://host/…/",
            ),
            (
                "telegram",
                json!({}),
                "https://api.telegram.org/bot…/sendMessage",
            ),
        ] {
            let example = example_of(kind, &with(kind, &options));
            let event = &recorded()[0];
            let wording = Wording::of(event);
            let request = request(&example.sink, &message(&id(), event, &wording));
            assert_eq!(dots(&example, &request.uri().to_string()), expected);
        }
    }

    #[test]
    fn a_word_for_a_secret_says_which_it_is() {
        let example = example_of(
            "webhook",
            &with("webhook", &json!({ "url": "http://host/a/b" })),
        );
        let event = &recorded()[0];
        let wording = Wording::of(event);
        let request = request(&example.sink, &message(&id(), event, &wording));
        let shown = example.shown(&request.uri().to_string(), |name| format!("${name}"));
        assert_eq!(shown, "http://host/$URL_1/$URL_2");
    }
    #[test]
    fn every_secret_of_a_rotation_is_the_example() {
        let secrets = json!({ "secret": [SECRET, SECRET] });
        let example = example_of("webhook", &with("webhook", &secrets));
        let of_one = example_of(
            "webhook",
            &with("webhook", &json!({ "secret": EXAMPLE_SECRET })),
        );
        let event = &recorded()[0];
        let wording = Wording::of(event);
        let signature = |example: &Example| {
            let request = request(&example.sink, &message(&id(), event, &wording));
            let signature = &request.headers()["webhook-signature"];
            signature.to_str().expect("text").to_owned()
        };
        let one = signature(&of_one);
        assert_eq!(signature(&example), format!("{one} {one}"));
        let real = sink(
            "webhook",
            &with("webhook", &json!({ "secret": EXAMPLE_SECRET })),
        );
        let real = request(&real, &message(&id(), event, &wording));
        assert_eq!(real.headers()["webhook-signature"], one.as_str());
    }
}

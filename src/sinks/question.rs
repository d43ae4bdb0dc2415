//! What can be asked of a receiver without sending it anything, and what its answers say.
//!
//! A file of its own because the rule is one for all kinds: a question carries no event, no delivery's
//! id and no signature, and reaches no address at which a request alone starts something. It is for a
//! person who wants to know whether a sink is set up well, and changes nothing about the sink.

use std::fmt;

use bytes::Bytes;
use http::header::USER_AGENT;
use http::{HeaderValue, Method, Request, Uri};

use super::address::Address;
use super::judge;
use super::request::AGENT;
use crate::model::Reply;
use crate::transport::Outgoing;

/// What an answer says: what is fine, or what is wrong. It may quote the receiver.
pub type Heard = Result<String, String>;

/// A request that nobody can take for an event, and the reading of its answer.
pub struct Question {
    /// What is sent.
    pub request: Outgoing,
    /// What an answer to it says: what is fine, or what is wrong.
    pub read: fn(&Reply) -> Heard,
}

impl fmt::Debug for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The address of a request may be a credential.
        f.debug_struct("Question").finish_non_exhaustive()
    }
}

impl Question {
    /// A `GET` of this address without any credential but what stands in it.
    pub(super) fn get(uri: Uri, read: fn(&Reply) -> Heard) -> Self {
        Self::of(Method::GET, uri, read)
    }

    /// The same with one more header.
    pub(super) fn header(mut self, name: http::HeaderName, value: HeaderValue) -> Self {
        if let Outgoing::Http(request) = &mut self.request {
            request.headers_mut().insert(name, value);
        }
        self
    }

    /// Whether anybody is there at all. It goes to the root of the server, never to the receiver
    /// itself: some start their flow at any request, whatever its method. So nothing of the
    /// sink's credentials goes along either, and every answer is a good one.
    pub(super) fn reach(address: &Address) -> Self {
        let mut parts = address.uri.clone().into_parts();
        parts.path_and_query = Some(http::uri::PathAndQuery::from_static("/"));
        let root = Uri::from_parts(parts).expect("an address with another path is one");
        Self::of(Method::OPTIONS, root, reached)
    }

    fn of(method: Method, uri: Uri, read: fn(&Reply) -> Heard) -> Self {
        let mut request = Request::new(Bytes::new());
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        let agent = HeaderValue::from_static(AGENT);
        request.headers_mut().insert(USER_AGENT, agent);
        Self {
            request: request.into(),
            read,
        }
    }
}

fn reached(reply: &Reply) -> Heard {
    Ok(match reply.status {
        // A gateway that finds nobody behind it is worth a word, and no proof of anything.
        500..=599 => format!(
            "only the address was reached, it answers {}",
            judge::status(reply)
        ),
        _ => "only the address was reached".to_owned(),
    })
}

/// What an answer says that no question expects.
pub(super) fn odd(reply: &Reply) -> String {
    format!("answered {}", judge::status(reply))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::samples::{every_sink, reply, sink, with};
    use super::*;

    /// Headers that only a delivery may have.
    const OF_DELIVERIES: [&str; 7] = [
        "webhook-id",
        "webhook-timestamp",
        "webhook-signature",
        "x-hub-signature-256",
        "stripe-signature",
        "content-type",
        "x-api-key",
    ];

    #[test]
    fn no_question_of_any_kind_can_be_taken_for_an_event() {
        let mut sinks = every_sink();
        let url = "https://me:pass@example.org/hook/s3cret?key=s3cret";
        let options = json!({ "url": url, "headers": { "X-Api-Key": "s3cret" } });
        sinks.push(sink("webhook", &with("webhook", &options)));
        sinks.push(sink("slack", &with("slack", &json!({ "url": url }))));
        sinks.push(sink("discord", &with("discord", &json!({ "url": url }))));
        for sink in sinks {
            let questions = sink.translator.questions();
            // A program is started by asking.
            assert_eq!(questions.is_empty(), sink.kind == "exec", "{}", sink.kind);
            for question in questions {
                let told = format!("{question:?}");
                assert!(!told.contains("s3cret"), "{told}");
                let request = match question.request {
                    Outgoing::Http(request) => request,
                    Outgoing::Mqtt(publication) => {
                        assert!(publication.messages.is_empty(), "{publication:?}");
                        continue;
                    }
                    Outgoing::Program(call) => panic!("{call:?}"),
                };
                assert!(request.body().is_empty(), "{}", sink.kind);
                for name in OF_DELIVERIES {
                    assert!(!request.headers().contains_key(name), "{name}: {request:?}");
                }
                match *request.method() {
                    // Whatever it reaches, it shows no credential and no place that may act on it.
                    Method::OPTIONS => {
                        assert_eq!(request.uri().path_and_query().expect("a path"), "/");
                        assert!(!request.headers().contains_key("authorization"));
                    }
                    Method::GET => {}
                    _ => panic!("{request:?}"),
                }
            }
        }
    }

    fn http(question: &Question) -> &Request<Bytes> {
        match &question.request {
            Outgoing::Http(request) => request,
            other => panic!("{other:?}"),
        }
    }

    /// Method and path of each question, and whether it shows credentials.
    fn asked(kind: &str, options: &serde_json::Value) -> Vec<(String, bool)> {
        let sink = sink(kind, &with(kind, options));
        let questions = sink.translator.questions();
        let asked = questions.iter().map(|question| {
            let request = http(question);
            let line = format!("{} {}", request.method(), request.uri());
            (line, request.headers().contains_key("authorization"))
        });
        asked.collect()
    }

    #[test]
    fn each_kind_asks_what_its_platform_documents_and_shows_credentials_where_they_go_anyway() {
        let check = |kind: &str, options: serde_json::Value, expected: &[(&str, bool)]| {
            let asked = asked(kind, &options);
            let asked: Vec<_> = asked
                .iter()
                .map(|(line, shown)| (&**line, *shown))
                .collect();
            assert_eq!(asked, expected, "{kind} {options}");
        };
        let hook = json!({ "url": "http://me:pass@host:81/a/b?c" });
        check(
            "webhook",
            hook.clone(),
            &[("OPTIONS http://host:81/", false)],
        );
        check("slack", hook.clone(), &[("OPTIONS http://host:81/", false)]);
        // A `GET` of an unknown path might start something.
        check("discord", hook, &[("OPTIONS http://host:81/", false)]);
        let own = json!({ "url": "http://host/webhooks/1/token" });
        check("discord", own, &[("OPTIONS http://host/", false)]);
        for path in [
            "x/api/webhooks/1/token",
            "api/webhooks/1/token/",
            "api/v9/webhooks/1/token",
        ] {
            check(
                "discord",
                json!({ "url": format!("http://me:pass@host/{path}?thread_id=4") }),
                &[(
                    &format!("GET http://host/{path}?thread_id=4&wait=true"),
                    true,
                )],
            );
        }
        check(
            "ntfy",
            json!({ "server": "http://host/ntfy" }),
            &[
                ("GET http://host/ntfy/v1/health", false),
                ("GET http://host/ntfy/v1/account", true),
            ],
        );
        let nobody = sink("ntfy", &json!({ "topic": "alerts" }));
        assert_eq!(nobody.translator.questions().len(), 1, "no credentials");
        let agent = sink("discord", &with("discord", &json!({})));
        let agent = http(&agent.translator.questions()[0]).headers()["user-agent"].clone();
        assert!(agent.to_str().expect("text").starts_with("DiscordBot"));
    }

    #[test]
    fn dc_7_nt_4_each_answer_says_what_to_do() {
        let check = |kind: &str, index: usize, status: u16, body: &str, heard: Heard| {
            let sink = sink(kind, &with(kind, &json!({})));
            let question = &sink.translator.questions()[index];
            let told = (question.read)(&reply(status, &[], body));
            assert_eq!(told, heard, "{kind} {status} {body}");
        };
        let fine = |text: &str| Ok(text.to_owned());
        let wrong = |text: &str| Err(text.to_owned());
        for kind in ["webhook", "slack"] {
            for status in [200, 302, 401, 404, 405] {
                check(kind, 0, status, "", fine("only the address was reached"));
            }
            let gateway = "only the address was reached, it answers 502 Bad Gateway";
            check(kind, 0, 502, "", fine(gateway));
        }
        let webhook = r#"{"name": "Gold", "token": "s3cret"}"#;
        check(
            "discord",
            0,
            200,
            webhook,
            fine("the webhook `Gold` is there"),
        );
        check("discord", 0, 200, "{}", fine("the webhook is there"));
        let other = "answered, but with no webhook; check `url`";
        check("discord", 0, 200, "<html>", wrong(other));
        let gone = "the webhook is gone; make a new one and configure its `url`";
        let unknown = r#"{"message": "Unknown Webhook", "code": 10015}"#;
        check(
            "discord",
            0,
            404,
            unknown,
            wrong(&format!("{gone} (404 Not Found)")),
        );
        check(
            "discord",
            0,
            401,
            "",
            wrong(&format!("{gone} (401 Unauthorized)")),
        );
        let blocked = "answered 403 Forbidden: this address is blocked for now";
        check("discord", 0, 403, "<html>", wrong(blocked));
        check("discord", 0, 403, "{}", wrong("answered 403 Forbidden"));
        check(
            "discord",
            0,
            429,
            "{}",
            wrong("answered 429 Too Many Requests"),
        );
        check(
            "ntfy",
            0,
            200,
            r#"{"healthy":true}"#,
            fine("the server is healthy"),
        );
        let ill = "the server says that it is not healthy";
        check("ntfy", 0, 200, r#"{"healthy":false}"#, wrong(ill));
        let other = "answered, but not as an ntfy server; check `server`";
        check("ntfy", 0, 200, "ok", wrong(other));
        let nobody = "there is no ntfy server at this address; check `server`";
        check("ntfy", 0, 404, "", wrong(nobody));
        check("ntfy", 0, 502, "", wrong("answered 502 Bad Gateway"));
        let account = r#"{"username":"me","tokens":[{"token":"tk_s3cret"}]}"#;
        check(
            "ntfy",
            1,
            200,
            account,
            fine("the credentials are accepted"),
        );
        check(
            "ntfy",
            1,
            404,
            "",
            fine("it cannot be asked about credentials"),
        );
        for (status, title) in [(401, "Unauthorized"), (403, "Forbidden")] {
            let refused = format!(
                "the credentials are refused ({status} {title}); check `token`, or `username` and `password`"
            );
            check("ntfy", 1, status, "", wrong(&refused));
        }
    }
}

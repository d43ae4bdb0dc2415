//! A bridge whose every word can be heard: what sources say arrives at one path, what bellwire says
//! about itself at another.

use bellwire::simulator::Answer;
use bellwire::simulator::receivers::{Kind, Received};
use serde_json::Value;

use super::{Bridge, Phones, Upstream, soon};

/// Where events arrive.
const EVENTS: &str = "/events";

/// Where bellwire's own events arrive.
const OWN: &str = "/own";

impl Bridge {
    /// A bridge between some sources and these receivers.
    pub(crate) fn watched(sources: &str, phones: &Phones) -> Self {
        let url = phones.handle.url(Kind::Webhook);
        let sink = |name: &str, path: &str| {
            format!(
                "[sinks.{name}]\nkind = \"webhook\"\nurl = \"{url}{path}\"\nsignature = \"none\"\n\
                 concurrency = 1\nrate_limit = \"off\"\nretry = {{ initial = \"100ms\", factor = 1.0 }}\n"
            )
        };
        let rule = |name: &str, from: &str| {
            format!("[[rules]]\nname = \"{name}\"\n{from}\nto = [\"{name}\"]\n")
        };
        Self::new(&format!(
            "http.listen = \"127.0.0.1:0\"\n{sources}\n{}{}{}{}",
            sink("events", EVENTS),
            sink("own", OWN),
            rule("events", ""),
            rule("own", "from = [\"bellwire\"]"),
        ))
    }
}

impl Phones {
    /// Events that have arrived at a watched bridge's receiver.
    pub(crate) fn events(&self) -> Vec<String> {
        self.bodies(EVENTS)
    }

    /// What bellwire has said about itself, by type, without its start.
    pub(crate) fn own(&self) -> Vec<(String, Value)> {
        let bodies = self.bodies(OWN);
        let values = bodies
            .iter()
            .map(|body| serde_json::from_str::<Value>(body).expect("JSON"));
        values
            .map(|value| {
                let kind = value["type"].as_str().expect("a type").to_owned();
                (kind, value["data"].clone())
            })
            .filter(|(kind, _)| kind != "bellwire.started")
            .collect()
    }

    fn bodies(&self, path: &str) -> Vec<String> {
        let received = self.handle.received_by(Kind::Webhook);
        let body = |one: Received| String::from_utf8(one.body.to_vec()).expect("text");
        received
            .into_iter()
            .filter(|one| one.path.ends_with(path))
            .map(body)
            .collect()
    }
}

/// A watched bridge that runs and whose sink for events is gone.
pub(crate) async fn shut() -> (Upstream, Phones, Bridge) {
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    phones
        .handle
        .answer_by(&format!("/webhook{EVENTS}"), |_| Some(Answer::status(410)));
    let mut bridge = Bridge::watched(&upstream.source(), &phones);
    bridge.start();
    soon("the connection", upstream.handle.heard()).await;
    (upstream, phones, bridge)
}

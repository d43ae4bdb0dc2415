//! A payload that nobody ought to send, through all that an event meets: decoding, rules, words, and the request of
//! each kind of sink. Nothing breaks, and a body that claims to be JSON is.
#![no_main]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;

use bellwire::app::Plan;
use bellwire::config;
use bellwire::model::{DeliveryId, Trace};
use bellwire::sinks::{Message, Wording};
use bellwire::sources::{Frame, What};
use bellwire::transport::Outgoing;
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;

const CONFIG: &str = r#"
[sources.ttmt]
kind = "ttmt"
api_key = "ttmt_fuzz"
[sources.feed]
kind = "sse"
url = "http://127.0.0.1:9/"
type = "/kind"
time = "/at"
data = "/data"
[sinks.hook]
kind = "webhook"
url = "http://127.0.0.1:9/"
secret = "whsec_YmVsbHdpcmUgZnV6eiB0YXJnZXRzIHNpZ24gd2l0aCB0aGlzIQ=="
signature = ["standard", "github", "stripe"]
[sinks.discord]
kind = "discord"
url = "https://discord.com/api/webhooks/1/fuzz"
[sinks.slack]
kind = "slack"
url = "https://hooks.slack.com/services/T0/B0/fuzz"
[sinks.ntfy]
kind = "ntfy"
topic = "fuzz"
[sinks.telegram]
kind = "telegram"
token = "123456789:AAFuzzFuzzFuzzFuzzFuzzFuzzFuzzFuzzFuz"
chat_id = 1
[[rules]]
name = "all"
from = ["ttmt", "feed"]
to = ["hook", "discord", "slack", "ntfy", "telegram"]
title = "{{ event.type }} {{ data.symbol }}"
message = "{{ data.realized_pl|money(data.currency) }} {{ data }}"
when = "data.volume > 0 or data.symbol != 'x'"
"#;

fn plan() -> &'static Plan {
    static PLAN: OnceLock<Plan> = OnceLock::new();
    PLAN.get_or_init(|| {
        let loaded = config::load_text(Path::new("c.toml"), CONFIG.to_owned(), BTreeMap::new());
        Plan::make(loaded, false).unwrap_or_else(|refused| panic!("{refused}"))
    })
}

fuzz_target!(|payload: &[u8]| {
    let now = Timestamp::from_second(1_760_000_000).expect("in range");
    let frame = Frame {
        own_id: Some("7".to_owned()),
        ..Frame::bare(None, payload.to_vec().into(), now)
    };
    let (plan, id) = (plan(), DeliveryId::new("dlv_fuzz_1"));
    for source in &plan.sources {
        let What::Event(event) = source.connector.read(&frame) else {
            continue;
        };
        let _ = plan.rules.routes(&event);
        let wording = Wording::of(&event);
        for (sink, plain) in plan
            .sinks
            .iter()
            .flat_map(|sink| [(sink, false), (sink, true)])
        {
            let message = Message {
                id: &id,
                now,
                event: &event,
                wording: &wording,
                priority: None,
                quiet: false,
                instead: None,
                living: None,
                plain,
                trace: Trace::of(&event),
            };
            let Ok(Outgoing::Http(request)) = sink.translator.encode(&message) else {
                continue;
            };
            let kind = request.headers().get("content-type");
            if kind.is_some_and(|kind| kind == "application/json") {
                serde_json::from_slice::<serde_json::Value>(request.body()).expect("JSON");
            }
        }
    }
});

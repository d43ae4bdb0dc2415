//! One event, followed from its arrival to its receivers: by the header that they get, and by the log.

use bellwire::simulator::Answer;
use bellwire::simulator::receivers::{Kind, Received};
use serde_json::Value;

use crate::harness::{Bridge, Phones, Upstream, soon, until};

fn hit(number: usize) -> String {
    format!(
        r#"{{"type":"tp_hit","eventId":{number},"timestamp":"2026-06-11T08:00:0{number}.000Z","data":{{"symbol":"XAUUSD"}}}}"#
    )
}

/// The trace and the step that a request says it is.
fn parts(request: &Received) -> (String, String) {
    let header = request.header("traceparent");
    let parts: Vec<&str> = header.split('-').collect();
    let [version, trace, step, flags] = parts[..] else {
        panic!("{header}")
    };
    let is_id = |text: &str, digits: usize| {
        let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        text.len() == digits && text.bytes().all(hex) && text.bytes().any(|byte| byte != b'0')
    };
    assert!(
        version == "00" && flags == "01" && is_id(trace, 32) && is_id(step, 16),
        "{header}"
    );
    (trace.to_owned(), step.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_attempt_is_a_step_in_the_trace_of_its_event_over_a_restart_and_in_the_log() {
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    let url = phones.handle.url(Kind::Webhook);
    let sink = |name: &str| {
        format!(
            "[sinks.{name}]\nkind = \"webhook\"\nurl = \"{url}/{name}\"\nsignature = \"none\"\nretry = {{ initial = \"50ms\", factor = 1.0 }}\n"
        )
    };
    let mut bridge = Bridge::new(&format!(
        "http.listen = \"off\"\n{}{}{}[[rules]]\nname = \"all\"\nto = [\"one\", \"two\"]\n",
        upstream.source(),
        sink("one"),
        sink("two"),
    ));
    phones
        .handle
        .answer_by("/webhook/two", |_| Some(Answer::status(500)));
    bridge.start();
    soon("the connection", upstream.handle.heard()).await;
    upstream.send(hit(1)).await;
    soon("both and a retry", phones.handle.arrivals(Kind::Webhook, 3)).await;
    bridge.kill();
    soon("the end", upstream.handle.unheard()).await;
    phones.handle.answer_as_ever("/webhook/two");
    let before = phones.handle.received_by(Kind::Webhook).len();
    bridge.start();
    let after = soon(
        "another try",
        phones.handle.arrivals(Kind::Webhook, before + 1),
    )
    .await;
    let steps: Vec<_> = after.iter().map(parts).collect();
    let (trace, _) = &steps[0];
    assert!(steps.iter().all(|(other, _)| other == trace), "{steps:?}");
    let mut own: Vec<_> = steps.iter().map(|(_, step)| step).collect();
    own.sort_unstable();
    own.dedup();
    assert_eq!(
        own.len(),
        steps.len(),
        "each attempt is a step of its own: {steps:?}"
    );

    soon("the next connection", upstream.handle.heard()).await;
    upstream.send(hit(2)).await;
    let of_the_other = || {
        let mut received = phones.handle.received_by(Kind::Webhook);
        received.retain(|one| *one.body == *hit(2).as_bytes());
        received
    };
    until("the other event", || of_the_other().len() == 2).await;
    assert!(of_the_other().iter().all(|one| parts(one).0 != *trace));

    let log = bridge.log();
    let failed = log
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find(|line| line["status"] == 500)
        .expect("the failure is told");
    let span = &failed["span"];
    assert_eq!(span["name"], "attempt", "{failed}");
    assert_eq!(span["trace.id"], **trace);
    assert_eq!(span["sink"], "two");
    assert_eq!(span["rule"], "all");
    assert_eq!(span["event.type"], "tp_hit");
    assert!(
        own.iter().any(|step| span["trace.step"] == ***step),
        "{failed}"
    );
}

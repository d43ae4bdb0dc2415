//! Several events in one message, and one sink for another, through the real program.

use std::time::Duration;

use bellwire::simulator::Answer;
use bellwire::simulator::receivers::{Kind, Received};
use serde_json::Value;

use crate::harness::{Bridge, Phones, Upstream, soon, until};

fn hit(number: usize, trade: &str) -> String {
    format!(
        r#"{{"type":"tp_hit","eventId":{number},"timestamp":"2026-06-11T08:00:{number:02}.000Z","data":{{"trade_id":"{trade}","symbol":"XAUUSD","realized_pl":1.10,"currency":"USD"}}}}"#
    )
}

fn bridge(upstream: &Upstream, phones: &Phones, rule: &str) -> Bridge {
    let url = phones.handle.url(Kind::Webhook);
    Bridge::new(&format!(
        "http.listen = \"127.0.0.1:0\"\n{}{}\
         [sinks.hook]\nkind = \"webhook\"\nurl = \"{url}\"\nsignature = \"none\"\nrate_limit = \"off\"\n\
         [[rules]]\nname = \"hits\"\nevents = [\"tp_hit\"]\n{rule}\n",
        upstream.source(),
        phones.sink("phone", Kind::Ntfy, ""),
    ))
}

fn json(received: &Received) -> Value {
    serde_json::from_slice(&received.body).expect("JSON")
}

/// Every delivery, newest first.
async fn deliveries(bridge: &Bridge) -> Vec<Value> {
    let listed = bridge
        .tool(&["queue", "list", "--json", "--limit", "100"])
        .await;
    listed.json().as_array().expect("a list").clone()
}

/// Every delivery, once none of them is open any more.
async fn all_ended(bridge: &Bridge) -> Vec<Value> {
    let mut look = tokio::time::interval(Duration::from_millis(50));
    let ended = async {
        loop {
            let is_open = |it: &Value| it["state"] == "waiting" || it["state"] == "in_flight";
            let listed = deliveries(bridge).await;
            if !listed.iter().any(is_open) {
                return listed;
            }
            look.tick().await;
        }
    };
    soon("the ends", ended).await
}

async fn started(bridge: &mut Bridge, upstream: &Upstream) {
    bridge.start();
    soon("the connection", upstream.handle.heard()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_becomes_one_message_also_when_the_process_dies_inside_its_window() {
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    let rule =
        "to = [\"phone\", \"hook\"]\ncoalesce = { within = \"5s\", key = \"data.trade_id\" }";
    let mut bridge = bridge(&upstream, &phones, rule);
    started(&mut bridge, &upstream).await;
    for number in [1, 2, 3] {
        upstream.send(hit(number, "a")).await;
    }
    upstream.send(hit(4, "b")).await;
    // Three of one trade, of which two are merged, and one of another, for two sinks.
    let mut look = tokio::time::interval(Duration::from_millis(50));
    let queued = async {
        while deliveries(&bridge).await.len() < 8 {
            look.tick().await;
        }
    };
    soon("all of them to be in the queue", queued).await;
    bridge.kill();
    assert_eq!(phones.handle.received_by(Kind::Ntfy).len(), 0, "still open");
    soon("the upstream to notice", upstream.handle.unheard()).await;
    started(&mut bridge, &upstream).await;
    let at = |kind| phones.handle.received_by(kind);
    until("both messages at both sinks", || {
        at(Kind::Ntfy).len() >= 2 && at(Kind::Webhook).len() >= 2
    })
    .await;
    let listed = all_ended(&bridge).await;
    let in_state = |state: &str| listed.iter().filter(|it| it["state"] == state).count();
    assert_eq!(
        (in_state("delivered"), in_state("merged")),
        (4, 4),
        "{listed:#?}"
    );
    assert_eq!((at(Kind::Ntfy).len(), at(Kind::Webhook).len()), (2, 2));
    let titles: Vec<Value> = at(Kind::Ntfy)
        .iter()
        .map(|it| json(it)["title"].clone())
        .collect();
    assert!(
        titles.contains(&"3 × TP hit · XAUUSD · +3.30 USD".into()),
        "{titles:?}"
    );
    let bodies: Vec<Value> = at(Kind::Webhook).iter().map(json).collect();
    let several = bodies.iter().find(|it| it["type"] == "bellwire.coalesced");
    let several = &several.expect("a message about several")["data"];
    assert_eq!(several["count"], 3);
    assert_eq!(several["events"][2]["eventId"], 3);
    let single = at(Kind::Webhook)
        .into_iter()
        .find(|it| *it.body == *hit(4, "b").as_bytes());
    assert!(single.is_some(), "one alone goes out as it came");
    let merged = listed
        .iter()
        .find(|it| it["state"] == "merged")
        .expect("one");
    let leader = merged["reason"]
        .as_str()
        .expect("a reason")
        .trim_start_matches("in one message with ");
    assert!(
        listed
            .iter()
            .any(|it| it["id"] == leader && it["state"] == "delivered")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_digest_is_sent_at_its_time() {
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    let rule = "to = [\"phone\"]\ndigest = { at = \"* * * * *\", zone = \"UTC\" }\nmessage = \"{{ count }}: {{ events|map(attribute='data.trade_id')|join(' ') }}\"";
    let mut bridge = bridge(&upstream, &phones, rule);
    // So that the minute does not turn between the two.
    until("a minute with some time left", || {
        jiff::Timestamp::now().as_second() % 60 <= 56
    })
    .await;
    started(&mut bridge, &upstream).await;
    upstream.send(hit(1, "a")).await;
    upstream.send(hit(2, "b")).await;
    let minute = jiff::Timestamp::now().as_second() / 60;
    let received = || phones.handle.received_by(Kind::Ntfy);
    let came = phones.handle.arrivals(Kind::Ntfy, 1);
    let came = tokio::time::timeout(Duration::from_secs(90), came).await;
    assert!(came.is_ok(), "no digest within a minute: {}", bridge.log());
    assert!(
        jiff::Timestamp::now().as_second() / 60 > minute,
        "before its time"
    );
    let digest = json(&received()[0]);
    assert_eq!(digest["title"], "Digest: 2 events · XAUUSD · +2.20 USD");
    assert_eq!(digest["message"], "2: a b");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_sink_steps_in_for_one_that_does_not_accept_or_gives_up() {
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    let rule = "to = [\"phone\"]\nfallback = { to = \"hook\", after = \"2s\" }";
    let mut bridge = bridge(&upstream, &phones, rule);
    phones
        .handle
        .answer_by("/ntfy", |_| Some(Answer::status(503)));
    started(&mut bridge, &upstream).await;
    upstream.send(hit(1, "a")).await;
    let hook = || phones.handle.received_by(Kind::Webhook);
    until("the other sink", || hook().len() == 1).await;
    assert_eq!(*hook()[0].body, *hit(1, "a").as_bytes());
    let why = hook()[0].header("bellwire-fallback").to_owned();
    assert!(
        why.starts_with("phone has not accepted it within 2 s: "),
        "{why}"
    );
    assert!(why.contains("503"), "{why}");
    // What its platform refuses for good is handed on at once.
    phones
        .handle
        .answer_by("/ntfy", |_| Some(Answer::status(413)));
    upstream.send(hit(2, "a")).await;
    until("the next one", || hook().len() == 2).await;
    let why = hook()[1].header("bellwire-fallback").to_owned();
    assert!(why.starts_with("phone has given it up: "), "{why}");
    phones.handle.answer_as_ever("/ntfy");
    upstream.send(hit(3, "a")).await;
    let listed = all_ended(&bridge).await;
    assert_eq!(listed.len(), 5, "{listed:#?}");
    let helped: Vec<&Value> = listed
        .iter()
        .filter(|it| it["instead_of"].is_string())
        .collect();
    assert_eq!(helped.len(), 2, "once each");
    let is_done = |it: &Value| it["sink"] == "hook" && it["state"] == "delivered";
    assert!(helped.iter().all(|it| is_done(it)), "{helped:#?}");
}

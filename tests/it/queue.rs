//! The queue by hand, on a running instance and on the files of a stopped one.

use bellwire::simulator::receivers::Kind;
use bellwire::simulator::{Answer, Manner};
use serde_json::{Value, json};

use crate::harness::{Bridge, Phones, Ran, Upstream, soon, until};

/// The fields of a delivery, in the order of the product's page.
const FIELDS: [&str; 10] = [
    "id",
    "event",
    "sink",
    "rule",
    "state",
    "attempts",
    "created",
    "next_attempt",
    "reason",
    "last",
];

fn hit(number: u32) -> String {
    format!(
        r#"{{"type":"tp_hit","eventId":{number},"timestamp":"2026-06-11T08:00:00.000Z","data":{{"symbol":"XAUUSD"}}}}"#
    )
}

/// One webhook sink that waits long after a failure, and one rule.
fn config(upstream: &Upstream, phones: &Phones, sink: &str) -> String {
    let more = "retry = { initial = \"1h\" }";
    format!(
        "http.listen = \"127.0.0.1:0\"\n{}{}[[rules]]\nname = \"hits\"\nto = [\"{sink}\"]\n",
        upstream.source(),
        phones.sink(sink, Kind::Webhook, more)
    )
}

/// A running bridge whose receiver gives this answer, and one event sent to it.
async fn answered(answer: Answer) -> (Upstream, Phones, Bridge) {
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    phones
        .handle
        .answer_by("/webhook", move |_| Some(answer.clone()));
    let mut bridge = Bridge::new(&config(&upstream, &phones, "automation"));
    bridge.start();
    soon("the connection", upstream.handle.heard()).await;
    upstream.send(hit(1)).await;
    soon("an attempt", phones.handle.arrivals(Kind::Webhook, 1)).await;
    (upstream, phones, bridge)
}

/// Waits until the list with these filters has so many deliveries, and returns it.
async fn listed(bridge: &Bridge, filters: &[&str], count: usize) -> Vec<Value> {
    let arguments = [&["queue", "list", "--json"], filters].concat();
    let mut look = tokio::time::interval(std::time::Duration::from_millis(20));
    soon("the list", async {
        loop {
            let told = bridge.tool(&arguments).await;
            assert_eq!(told.status, Some(0), "{told:?}");
            let list = told.json().as_array().expect("an array").clone();
            if list.len() == count {
                return list;
            }
            look.tick().await;
        }
    })
    .await
}

fn id_of(delivery: &Value) -> String {
    delivery["id"].as_str().expect("an id").to_owned()
}

fn names(value: &Value) -> Vec<&str> {
    let members = value.as_object().expect("an object");
    members.keys().map(String::as_str).collect()
}

fn failed_with(told: &Ran, words: &str) {
    assert_eq!((told.status, told.out.as_str()), (Some(1), ""), "{told:?}");
    assert!(told.complaint.contains(words), "{told:?}");
}

async fn stopped(bridge: &mut Bridge) {
    bridge.signal("TERM");
    assert!(bridge.ended().await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_letter_is_listed_shown_and_retried_with_its_id() {
    let refusal = Answer::status(422).body("no \u{1b}[31m such field");
    let (_upstream, phones, bridge) = answered(refusal).await;
    let dead = listed(&bridge, &["--state", "dead"], 1).await.remove(0);
    assert_eq!(names(&dead), FIELDS);
    assert_eq!(
        names(&dead["event"]),
        ["source", "id", "type", "time", "backfilled"]
    );
    assert_eq!(
        names(&dead["last"]),
        ["at", "status", "duration_ms", "answer"]
    );
    assert_eq!(dead["event"]["type"], "tp_hit");
    assert_eq!(dead["event"]["time"], "2026-06-11T08:00:00.000Z");
    assert_eq!(
        (&dead["sink"], &dead["rule"]),
        (&json!("automation"), &json!("hits"))
    );
    assert_eq!(
        (&dead["attempts"], &dead["next_attempt"]),
        (&json!(1), &Value::Null)
    );
    assert_eq!(dead["last"]["status"], 422);
    let id = id_of(&dead);

    let shown = bridge.tool(&["queue", "show", &id, "--json"]).await.json();
    let mut with_tries = FIELDS.to_vec();
    with_tries.push("tries");
    assert_eq!(names(&shown), with_tries);
    assert_eq!(shown["tries"][0]["answer"], dead["last"]["answer"]);
    for arguments in [&["queue"][..], &["queue", "list"], &["queue", "show", &id]] {
        let told = bridge.tool(arguments).await;
        assert_eq!(told.status, Some(0), "{told:?}");
        assert!(told.out.contains(&id), "{told:?}");
        for line in told.out.lines() {
            // A table has tabs where no terminal is, and nothing of what the receiver said.
            let obeyed = |character: char| character.is_control() && character != '\t';
            assert!(!line.contains(obeyed), "{line:?}");
        }
    }

    phones.handle.answer_as_ever("/webhook");
    let told = bridge.tool(&["queue", "retry", &id]).await;
    assert_eq!(told.status, Some(0), "{told:?}");
    assert!(told.out.contains("waiting, due now"), "{told:?}");
    let delivered = listed(&bridge, &["--state", "delivered"], 1)
        .await
        .remove(0);
    assert_eq!(
        (id_of(&delivered), &delivered["attempts"]),
        (id.clone(), &json!(2))
    );
    let received = phones.handle.received_by(Kind::Webhook);
    let ids: Vec<_> = received
        .iter()
        .map(|one| one.header("webhook-id"))
        .collect();
    assert_eq!(ids, [&id, &id]);
    let told = bridge.tool(&["queue", "drop", &id]).await;
    failed_with(&told, "ended already: delivered");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_works_on_the_files_of_a_stopped_instance() {
    let (upstream, phones, mut bridge) = answered(Answer::status(422)).await;
    let id = id_of(&listed(&bridge, &["--state", "dead"], 1).await[0]);
    stopped(&mut bridge).await;
    let shown = bridge.tool(&["queue", "show", &id, "--json"]).await.json();
    assert_eq!(
        (&shown["state"], &shown["attempts"]),
        (&json!("dead"), &json!(1))
    );
    phones.handle.answer_as_ever("/webhook");
    let told = bridge.tool(&["queue", "retry", &id]).await;
    assert!(told.out.contains("due when bellwire runs"), "{told:?}");
    assert_eq!(listed(&bridge, &["--state", "waiting"], 1).await.len(), 1);
    assert_eq!(
        phones.handle.received_by(Kind::Webhook).len(),
        1,
        "nothing is sent"
    );
    bridge.start();
    let received = soon("the delivery", phones.handle.arrivals(Kind::Webhook, 2)).await;
    assert_eq!(received[1].header("webhook-id"), id);
    drop(upstream);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_is_dropped_and_what_is_on_its_way_is_left_alone() {
    let (upstream, phones, bridge) = answered(Answer::status(500)).await;
    let waiting = listed(&bridge, &["--state", "waiting"], 1).await.remove(0);
    assert!(waiting["next_attempt"].is_string(), "{waiting}");
    let id = id_of(&waiting);
    let told = bridge.tool(&["queue", "drop", &id, "--json"]).await;
    assert_eq!(told.status, Some(0), "{told:?}");
    let dropped = told.json();
    assert_eq!(dropped[0]["state"], "dead");
    assert_eq!(dropped[0]["reason"], "dropped by hand");
    failed_with(
        &bridge.tool(&["queue", "drop", &id]).await,
        "ended already: dead",
    );

    let hangs = Answer {
        manner: Manner::Hang,
        ..Answer::status(200)
    };
    phones
        .handle
        .answer_by("/webhook", move |_| Some(hangs.clone()));
    upstream.send(hit(2)).await;
    let flying = id_of(&listed(&bridge, &["--state", "in_flight"], 1).await[0]);
    for verb in ["retry", "drop"] {
        let told = bridge.tool(&["queue", verb, &flying]).await;
        failed_with(&told, "an attempt is on its way");
    }
    let told = bridge.tool(&["queue", "retry", "msg_0_1", &id]).await;
    assert_eq!(told.status, Some(1), "one of two is unknown");
    assert!(told.complaint.contains("no delivery `msg_0_1`"), "{told:?}");
    assert!(told.out.contains(&id), "the other one is retried: {told:?}");
    for id in ["msg_0_1", "../x", "a b?c#d", "%2e"] {
        failed_with(&bridge.tool(&["queue", "show", id]).await, "there is no");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delivery_whose_sink_is_gone_is_orphaned_and_can_be_dropped() {
    let (upstream, phones, mut bridge) = answered(Answer::status(500)).await;
    listed(&bridge, &["--state", "waiting"], 1).await;
    stopped(&mut bridge).await;
    bridge.configure(&config(&upstream, &phones, "other"));
    let id = id_of(&listed(&bridge, &["--state", "orphaned"], 1).await[0]);
    bridge.start();
    bridge
        .ready("the start", |ready| ready["ready"] == true)
        .await;
    let orphan = listed(&bridge, &["--sink", "automation"], 1)
        .await
        .remove(0);
    assert_eq!(
        (&orphan["state"], id_of(&orphan)),
        (&json!("orphaned"), id.clone())
    );
    assert_eq!(orphan["next_attempt"], Value::Null);
    listed(&bridge, &["--state", "waiting"], 0).await;
    let ready = bridge.page("/readyz").await;
    assert_eq!(ready.status, 200, "it keeps no alert back: {ready:?}");
    assert_eq!(ready.json()["orphaned"], json!({ "automation": 1 }));
    assert_eq!(ready.json()["sinks"]["automation"], Value::Null);
    let sinks = bridge.page("/api/v1/sinks").await.json();
    assert_eq!(
        (&sinks["data"][0]["name"], &sinks["data"][0]["configured"]),
        (&json!("other"), &json!(true))
    );
    let gone = &sinks["data"][1];
    assert_eq!(names(gone), names(&sinks["data"][0]));
    assert_eq!(
        (&gone["name"], &gone["configured"], &gone["deliveries"]),
        (
            &json!("automation"),
            &json!(false),
            &json!({ "orphaned": 1 })
        )
    );
    let page = bridge.page("/").await.body;
    assert!(
        page.contains("<h3>automation</h3>") && page.contains("not configured"),
        "{page}"
    );
    let told = bridge.tool(&["queue", "retry", &id]).await;
    failed_with(&told, "`automation` is no longer configured");
    assert!(told.complaint.contains("configure it again"), "{told:?}");
    let told = bridge.tool(&["queue", "drop", &id]).await;
    assert_eq!(told.status, Some(0), "{told:?}");
    listed(&bridge, &["--state", "orphaned"], 0).await;
    let ready = bridge.page("/readyz").await.json();
    assert_eq!(ready["orphaned"], json!({}));
    let sinks = bridge.page("/api/v1/sinks").await.json();
    assert_eq!(sinks["data"].as_array().map(Vec::len), Some(1), "{sinks}");
    let page = bridge.page("/").await.body;
    assert!(!page.contains("not configured"), "{page}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retried_delivery_is_tried_as_long_as_a_new_one() {
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    phones
        .handle
        .answer_by("/webhook", |_| Some(Answer::status(500)));
    let short = "retry = { initial = \"100ms\", factor = 1.0, max_age = \"2s\" }";
    let long = "retry = { initial = \"1h\" }";
    let mut bridge = Bridge::new(&config(&upstream, &phones, "automation").replace(long, short));
    bridge.start();
    soon("the connection", upstream.handle.heard()).await;
    upstream.send(hit(1)).await;
    let first = listed(&bridge, &["--state", "dead"], 1).await.remove(0);
    let tried = |delivery: &Value| delivery["attempts"].as_u64().expect("a number");
    let told = bridge.tool(&["queue", "retry", &id_of(&first)]).await;
    assert_eq!(told.status, Some(0), "{told:?}");
    let second = listed(&bridge, &["--state", "dead"], 1).await.remove(0);
    assert!(tried(&second) > tried(&first) + 1, "{first}\n{second}");
    assert_eq!(second["created"], first["created"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn filters_narrow_the_list_and_a_wrong_one_exits_2() {
    let (upstream, phones, bridge) = answered(Answer::status(200)).await;
    for number in 2..=120 {
        upstream.send(hit(number)).await;
    }
    soon("all", phones.handle.arrivals(Kind::Webhook, 120)).await;
    let all = listed(&bridge, &["--state", "delivered"], 120).await;
    let ids: Vec<_> = all.iter().map(|one| one["event"]["id"].clone()).collect();
    let newest_first: Vec<_> = (1..=120)
        .rev()
        .map(|number| json!(number.to_string()))
        .collect();
    assert_eq!(ids, newest_first, "over more than one page");
    listed(&bridge, &["--limit", "3"], 3).await;
    listed(&bridge, &["--sink", "automation", "--since", "1h"], 120).await;
    listed(&bridge, &["--since", "2999-01-01T00:00:00Z"], 0).await;
    let told = bridge.tool(&["queue"]).await;
    assert_eq!(told.out.lines().count(), 51, "a head and fifty rows");
    assert!(told.complaint.contains("there are more"), "{told:?}");
    for wrong in [
        &["queue", "--state", "ded"][..],
        &["queue", "--since", "soon"],
        &["queue", "--limit", "0"],
        &["queue", "shwo", "x"],
        &["queue", "show"],
        &["queue", "retry"],
        &["queue", "--state", "dead", "show", "x"],
    ] {
        let told = bridge.tool(wrong).await;
        assert_eq!((told.status, told.out.as_str()), (Some(2), ""), "{wrong:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_instance_that_does_not_listen_cannot_be_asked() {
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    let config = config(&upstream, &phones, "automation").replace("127.0.0.1:0", "off");
    let mut bridge = Bridge::new(&config);
    bridge.start();
    until("the start", || bridge.log().contains("started")).await;
    let told = bridge.output("queue", &[]).await;
    failed_with(&told, "`http.listen` is \"off\"");
    assert!(told.complaint.contains("in use by process"), "{told:?}");
    stopped(&mut bridge).await;
    let told = bridge.output("queue", &[]).await;
    assert_eq!(
        (told.status, told.out.as_str()),
        (Some(0), "no deliveries\n")
    );
    let wrong = [("BELLWIRE_HTTP__LISTEN", "nowhere")];
    assert_eq!(bridge.output("queue", &wrong).await.status, Some(2));
}

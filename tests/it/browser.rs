//! The pages in a real browser, with scripts and without. `tests/browser.sh` brings the browser along;
//! where there is none these tests say so and do nothing.

use bellwire::simulator::Answer;
use serde_json::{Value, json};

use crate::cluster::Schema;
use crate::harness::{Bridge, Eyes, Phones, Upstream, shut, soon, until};

const TOKEN: &str = "a-t0ken";

/// What is said of a source that another instance follows.
const STANDS_BY: &str = "standing by: another instance follows it";

/// What would be noticed if it were ever read as markup.
const MARKUP: &str = "<script>window.hurt = 1</script><img src=x onerror='window.hurt = 1'>";

fn event(kind: &str, number: u32) -> String {
    let data = json!({ "symbol": MARKUP, "realized_pl": 12.5 });
    let event = json!({
        "type": kind, "eventId": number, "timestamp": "2026-06-11T08:00:00.000Z", "data": data,
    });
    event.to_string()
}

/// Checks that nothing that came from outside has become a part of the page. Its policy would keep such a part
/// from doing anything, which is no reason to have one.
async fn check_unhurt(eyes: &Eyes, page: &str) {
    let strange = "document.querySelectorAll('img, script:not([src=\"/page.js\"])').length";
    assert_eq!(eyes.value(strange).await, 0, "{page}");
    assert_eq!(
        eyes.value("typeof window.hurt").await,
        "undefined",
        "{page}"
    );
}

async fn eyes() -> Option<Eyes> {
    let eyes = Eyes::open().await;
    if eyes.is_none() {
        #[expect(clippy::print_stderr, reason = "tests explain themselves there")]
        {
            eprintln!("SKIPPED: the environment names no browser");
        }
    }
    eyes
}

/// A running bridge with a token, and the address of its first page.
async fn running() -> (Upstream, Phones, Bridge, String) {
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    let sources = format!("http.token = \"{TOKEN}\"\n{}", upstream.source());
    let mut bridge = Bridge::watched(&sources, &phones).token(TOKEN);
    bridge.start();
    soon("the connection", upstream.handle.heard()).await;
    let page = format!("http://{}/", bridge.address().await);
    (upstream, phones, bridge, page)
}

async fn log_in(eyes: &Eyes, page: &str) {
    eyes.goto(page).await;
    eyes.types("#token", TOKEN).await;
    eyes.press("form.login button").await;
    eyes.sees("#verdict").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_logs_in_sees_events_arrive_and_retries_a_dead_letter() {
    let Some(eyes) = eyes().await else { return };
    let (upstream, phones, _bridge, page) = running().await;
    eyes.goto(&page).await;
    eyes.types("#token", "a-t0keN").await;
    eyes.press("form.login button").await;
    eyes.reads("This is not the token.").await;
    eyes.judges("login").await;
    log_in(&eyes, &page).await;
    eyes.judges("quiet").await;

    // What is on the page stays the same page: a mark of ours survives, and so does the focus.
    eyes.value("(window.mark = 'here', document.querySelector('#sink-events button').focus())")
        .await;
    upstream.send(event("tp_hit", 1)).await;
    eyes.reads("tp_hit").await;
    eyes.reads("100 % of 1 request").await;
    let focused = "document.activeElement.getAttribute('aria-label')";
    assert_eq!(eyes.value(focused).await, "Test events");
    assert_eq!(eyes.value("window.mark").await, "here");

    phones.handle.answer_by("/webhook/events", |_| {
        Some(Answer::status(422).body(MARKUP))
    });
    upstream.send(event("trade_finalized", 2)).await;
    upstream.send(event(MARKUP, 3)).await;
    eyes.reads("Dead letters (2)").await;
    eyes.reads(MARKUP).await;
    assert_eq!(eyes.value("window.mark").await, "here");
    eyes.judges("busy").await;
    eyes.press("#dead a").await;
    eyes.reads("Payload").await;
    eyes.reads("422").await;
    eyes.judges("event").await;
    check_unhurt(&eyes, "event").await;
    for list in ["", "events", "dead-letters"] {
        eyes.goto(&format!("{page}{list}")).await;
        eyes.reads("<script>").await;
        check_unhurt(&eyes, list).await;
    }

    phones.handle.answer_as_ever("/webhook/events");
    eyes.goto(&page).await;
    for left in ["Dead letters (1)", "None. Nothing was given up."] {
        eyes.press("#dead button").await;
        eyes.reads("It is tried again now.").await;
        eyes.reads(left).await;
    }
    until("all three", || phones.events().len() == 5).await;
    eyes.goto(&format!("{page}dead-letters")).await;
    eyes.judges("none-dead").await;
    eyes.goto(&format!("{page}replay?since=1h")).await;
    eyes.reads("3 events, 3 deliveries").await;
    eyes.judges("replay").await;
    eyes.press("#confirmation button").await;
    eyes.reads("3 deliveries were put into the queue.").await;
    eyes.judges("reply").await;
    let complaints = eyes.complaints().await;
    // It says of the refused login that it was one.
    let others: Vec<_> = complaints
        .iter()
        .filter(|line| !line.contains("/login") && !line.contains("/favicon.ico"))
        .collect();
    assert!(others.is_empty(), "{others:#?}");
    eyes.press("header button").await;
    eyes.sees("#token").await;
    eyes.goto(&page).await;
    eyes.sees("#token").await;
    eyes.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_scripts_everything_can_be_done_as_well() {
    let Some(eyes) = eyes().await else { return };
    let (upstream, phones, bridge, page) = running().await;
    eyes.scripts(false).await;
    log_in(&eyes, &page).await;
    phones
        .handle
        .answer_by("/webhook/events", |_| Some(Answer::status(422)));
    upstream.send(event("tp_hit", 1)).await;
    let dead = |ready: &Value| ready["sinks"]["events"]["dead"] == 1;
    bridge.ready("the dead letter", dead).await;
    eyes.goto(&page).await;
    eyes.reads("Dead letters (1)").await;
    eyes.press("#sink-own form button").await;
    eyes.reads("`own` accepted the test").await;
    phones.handle.answer_as_ever("/webhook/events");
    eyes.press("#dead button").await;
    eyes.reads("It is tried again now.").await;
    until("the delivery", || phones.events().len() == 2).await;
    eyes.goto(&format!("{page}replay")).await;
    eyes.press("form.fields button").await;
    eyes.press("#confirmation button").await;
    eyes.reads("1 delivery was put into the queue.").await;
    eyes.press("header button").await;
    eyes.sees("#token").await;
    eyes.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_instance_is_as_easy_to_read() {
    let Some(eyes) = eyes().await else { return };
    let (upstream, _phones, mut bridge) = shut().await;
    for number in 1..=8 {
        upstream.send(event("tp_hit", number)).await;
    }
    let page = format!("http://{}/", bridge.address().await);
    eyes.goto(&page).await;
    eyes.reads("sink `events` is suspended").await;
    eyes.reads("held").await;
    let refusal = |_: &_| Some(Answer::status(401));
    upstream.handle.answer_by("/api/v1/stream", refusal);
    upstream.handle.drop_stream().await;
    eyes.reads("needs a person").await;
    eyes.judges("broken").await;
    // Whoever looks on is told that there is nothing to look at.
    bridge.kill();
    eyes.reads("Not connected. What you see is of").await;
    eyes.judges("gone").await;
    eyes.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn instances_that_share_a_queue_show_who_does_what_and_who_stands_by() {
    let Some(eyes) = eyes().await else { return };
    let Some(schema) = Schema::named("browser") else {
        eyes.close().await;
        return;
    };
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    let store = format!(
        "[store]\nurl = {{ env = \"QUEUE\" }}\nschema = \"{}\"\n",
        schema.name
    );
    let config = format!("{}{store}", upstream.source());
    let mut both = [(); 2].map(|()| {
        let bridge = Bridge::watched(&config, &phones);
        bridge.env("QUEUE", &schema.address)
    });
    for bridge in &mut both {
        bridge.start();
        soon("the connection", upstream.handle.heard()).await;
    }
    let is_even = |ready: &Value| {
        let sinks = ready["sinks"].as_object().expect("sinks").values();
        sinks.filter(|sink| sink["elsewhere"] == true).count() == 1
    };
    // The one that came first follows the source, and each serves one of the two sinks.
    for (bridge, source) in both.iter().zip(["connected for", STANDS_BY]) {
        let ready = bridge.ready("a sink for each", is_even).await.json();
        eyes.goto(&format!("http://{}/", bridge.address().await))
            .await;
        eyes.sees("section#instances").await;
        let text = async |selector: &str| {
            let text = format!("document.querySelector('{selector}').textContent");
            let text = eyes.value(&text).await;
            text.as_str().expect("a text").to_owned()
        };
        assert_eq!(
            text("section#instances > h2#instances-title").await,
            "Instances"
        );
        let shown = text("#source-ttmt > p").await;
        assert!(shown.starts_with(source), "{shown}");
        for sink in ["events", "own"] {
            let shown = text(&format!("#sink-{sink} > p")).await;
            let stands_by = shown == "standing by: another instance serves it";
            assert_eq!(
                ready["sinks"][sink]["elsewhere"], stands_by,
                "{sink}: {shown}"
            );
        }
        for instance in ready["instances"].as_array().expect("both") {
            let card = format!("#instance-{} ", instance["id"].as_str().expect("an id"));
            let title = text(&format!("{card}h3")).await;
            assert_eq!(
                title.ends_with(" (this one)"),
                instance["own"] == true,
                "{title}"
            );
            let does = text(&format!("{card}dl")).await;
            for duty in instance["duties"].as_array().expect("duties") {
                assert!(
                    does.contains(duty.as_str().expect("a text")),
                    "{duty} in {does}"
                );
            }
            let follows = (source != STANDS_BY) == (instance["own"] == true);
            assert_eq!(does.contains("source ttmt"), follows, "{does}");
        }
        let cards = "document.querySelectorAll('section#instances > ul.cards > li').length";
        assert_eq!(eyes.value(cards).await, 2);
        eyes.judges("instances").await;
    }
    eyes.close().await;
    drop(both);
    schema.remove().await;
}

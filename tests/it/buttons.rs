//! The pages and their buttons, as a browser without scripts uses them.

use bellwire::simulator::Answer;
use serde_json::Value;

use crate::harness::{Bridge, Page, Phones, Upstream, shut, soon, until};

const MARKUP: &str = "<script>alert('x')</script>";

fn hit(number: u32) -> String {
    format!(
        r#"{{"type":"tp_hit","eventId":{number},"timestamp":"2026-06-11T08:00:00.000Z","data":{{"symbol":"XAUUSD"}}}}"#
    )
}

/// A running bridge that has heard of so many events, whose receiver for them answers like this.
async fn running(answer: Option<Answer>, count: u32) -> (Upstream, Phones, Bridge) {
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    if let Some(answer) = answer {
        phones
            .handle
            .answer_by("/webhook/events", move |_| Some(answer.clone()));
    }
    let mut bridge = Bridge::watched(&upstream.source(), &phones);
    bridge.start();
    soon("the connection", upstream.handle.heard()).await;
    for number in 1..=count {
        upstream.send(hit(number)).await;
    }
    (upstream, phones, bridge)
}

/// Presses the button of a form, and looks at the page that it leads to.
async fn press(bridge: &Bridge, action: &str, fields: &str) -> Page {
    let address = bridge.address().await;
    let origin = [format!("Origin: http://{address}")];
    let sent = Page::post(address, action, &origin, fields).await;
    assert_eq!(sent.status, 303, "{sent:?}");
    let to = sent.header("location").expect("a place");
    let page = bridge.page(to.split('#').next().expect("a path")).await;
    assert_eq!(page.status, 200, "{page:?}");
    page
}

/// The first action of a form on a page that ends like this.
fn action(page: &str, end: &str) -> String {
    let mut actions = page.split("action=\"").skip(1);
    let found = actions.find_map(|rest| {
        let action = rest.split('"').next()?;
        action.ends_with(end).then(|| action.to_owned())
    });
    found.unwrap_or_else(|| panic!("no form {end}: {page}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_with_nothing_says_so() {
    let upstream = Upstream::start().await;
    let listen = "http.listen = \"127.0.0.1:0\"";
    let mut bridge = Bridge::new(&format!("{listen}\n{}", upstream.source()));
    bridge.start();
    let page = bridge.shows("/", "bellwire.started").await;
    for text in [
        "No rule listens to it.",
        "No alert</a> accepted yet.",
        "No sink is configured.",
        "None. Nothing was given up.",
        "matched by no rule",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    let letters = bridge.page("/dead-letters").await;
    assert!(letters.body.contains("None. Nothing was given up."));
    assert_eq!(bridge.page("/replay").await.status, 200);
    for nothing in [
        "/events/99",
        "/events/x",
        "/events/-1",
        "/events/9223372036854775807",
    ] {
        let page = bridge.page(nothing).await;
        assert_eq!(page.status, 404, "{nothing}");
        assert!(page.body.contains("there is no such event"), "{page:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_letter_is_shown_with_its_reason_and_retry_delivers_it() {
    let refusal = Answer::status(422).body(MARKUP);
    let (_upstream, phones, bridge) = running(Some(refusal), 1).await;
    let page = bridge.shows("/", "Dead letters (1)").await;
    for text in ["422", "1 dead letter</a>"] {
        assert!(page.contains(text), "{text}: {page}");
    }
    bridge.shows("/", "</time> by own.").await;
    let letters = bridge.page("/dead-letters").await.body;
    let retry = action(&letters, "/retry");
    // Every attempt and what was answered, on the event's own page.
    let event = letters
        .split("href=\"")
        .find(|rest| rest.starts_with("/events/"));
    let event = event
        .and_then(|rest| rest.split(['#', '"']).next())
        .expect("a link");
    let whole = bridge.page(event).await.body;
    let escaped = MARKUP.replace('<', "&lt;").replace('>', "&gt;");
    for text in [
        "422 in ",
        &escaped,
        "XAUUSD",
        "does not listen to this source",
        ">matches<",
    ] {
        assert!(whole.contains(text), "{text}: {whole}");
    }
    for page in [&page, &letters, &whole] {
        assert!(!page.contains(MARKUP), "{page}");
    }
    // A dead letter has nothing more to be given up.
    assert!(!whole.contains("/drop\""), "{whole}");

    phones.handle.answer_as_ever("/webhook/events");
    let told = press(&bridge, &retry, "").await;
    assert!(
        told.body.contains("It is tried again now."),
        "{}",
        told.body
    );
    let page = bridge.shows("/", "50 % of 2 requests").await;
    assert!(page.contains("None. Nothing was given up."), "{page}");
    let again = press(&bridge, "/deliveries/msg_1_1/retry", "event=2").await;
    assert!(
        again.body.contains("there is no delivery"),
        "{}",
        again.body
    );
    for nothing in [
        "/deliveries/..%2fsinks%2fown/retry",
        "/sinks/own%3f/test",
        "/sinks/%ff/test",
    ] {
        let told = press(&bridge, nothing, "").await;
        assert!(told.body.contains("role=\"alert\""), "{}", told.body);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_instance_says_what_is_wrong_and_lets_what_waits_be_dropped() {
    let (upstream, _phones, bridge) = shut().await;
    upstream.send(hit(1)).await;
    // Written down a moment after it is suspended.
    let page = bridge.shows("/", ">held<").await;
    for text in ["Not ready.", "sink `events` is suspended", "410"] {
        assert!(page.contains(text), "{text}: {page}");
    }
    let event = page.split("href=\"").find(|rest| {
        let mut parts = rest.split(['"', '>', '<']);
        rest.starts_with("/events/") && parts.nth(2) == Some("tp_hit")
    });
    let event = event
        .and_then(|rest| rest.split('"').next())
        .expect("a link");
    let whole = bridge.page(event).await.body;
    let (retry, drop) = (action(&whole, "/retry"), action(&whole, "/drop"));
    let seq = event.rsplit('/').next().expect("a place");
    let told = press(&bridge, &retry, &format!("event={seq}")).await;
    assert!(
        told.body.contains("once its sink is resumed"),
        "{}",
        told.body
    );
    assert!(told.body.contains("XAUUSD"), "back on the event's page");
    let told = press(&bridge, &drop, &format!("event={seq}")).await;
    assert!(
        told.body.contains("It is a dead letter now."),
        "{}",
        told.body
    );
    assert!(told.body.contains("dropped by hand"), "{}", told.body);
    let told = press(&bridge, &drop, "event=//example.org").await;
    assert!(told.body.contains("it has ended already"), "{}", told.body);
    assert!(
        told.body.contains("id=\"verdict\""),
        "back on the first page"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_test_says_what_the_receiver_answered() {
    let (_upstream, phones, bridge) = running(None, 0).await;
    let page = bridge.shows("/", "id=\"sink-events\"").await;
    let test = action(&page, "/events/test");
    let told = press(&bridge, &test, "").await;
    assert!(
        told.body.contains("`events` accepted the test: 204"),
        "{}",
        told.body
    );
    phones
        .handle
        .answer("/webhook/events", Answer::status(503).body(MARKUP));
    let told = press(&bridge, &test, "").await;
    assert!(
        told.body.contains("`events` did not accept the test: 503"),
        "{}",
        told.body
    );
    assert!(told.body.contains("&lt;script&gt;"), "{}", told.body);
    assert!(!told.body.contains(MARKUP), "{}", told.body);
    // What came of a button is told whoever it belongs to, and to nobody else.
    assert!(!bridge.page("/").await.body.contains("did not accept"));
    assert!(
        !bridge
            .page("/?reply=1")
            .await
            .body
            .contains("did not accept")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_is_counted_first_and_sent_when_it_is_confirmed() {
    let (_upstream, phones, bridge) = running(None, 3).await;
    let delivered = |ready: &Value| ready["sinks"]["events"]["delivered"] == 3;
    bridge.ready("all", delivered).await;
    let form = bridge.page("/replay").await.body;
    assert!(
        form.contains("<option value=\"events\">events</option>"),
        "{form}"
    );
    assert!(!form.contains("id=\"confirmation\""), "{form}");
    let counted = bridge.page("/replay?since=1h&rule=events&sink=").await.body;
    assert!(counted.contains("3 events, 3 deliveries"), "{counted}");
    assert!(counted.contains("Send 3 deliveries"), "{counted}");
    assert_eq!(phones.events().len(), 3, "counting sends nothing");
    let since = counted.split("name=\"since\" value=\"").nth(1);
    let since = since
        .and_then(|rest| rest.split('"').next())
        .expect("a moment");
    let told = press(
        &bridge,
        "/replay",
        &format!("since={since}&rule=events&sink="),
    )
    .await;
    assert!(
        told.body.contains("3 deliveries were put into the queue."),
        "{}",
        told.body
    );
    until("all again", || phones.events().len() == 6).await;

    let nothing = bridge
        .page("/replay?since=1h&sink=own&rule=events")
        .await
        .body;
    assert!(nothing.contains("There is nothing to send."), "{nothing}");
    for (asked, complaint) in [
        ("since=soon", "`since` is an age"),
        ("since=1h&rule=evnts", "there is no rule `evnts`"),
        ("since=%3Cscript%3E", "&lt;script&gt;"),
    ] {
        let page = bridge.page(&format!("/replay?{asked}")).await.body;
        assert!(page.contains(complaint), "{page}");
        assert!(
            page.contains("role=\"alert\"") && !page.contains("<script>"),
            "{page}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lists_are_bounded_and_lead_on() {
    let (_upstream, phones, bridge) = running(None, 60).await;
    until("all", || phones.events().len() == 60).await;
    let first = bridge.shows("/", "href=\"/events?after=").await;
    assert_eq!(first.matches("id=\"event-").count(), 25);
    let listed = bridge.page("/events").await.body;
    assert_eq!(listed.matches("id=\"event-").count(), 50);
    let older = listed
        .split("href=\"/events?after=")
        .nth(1)
        .and_then(|rest| rest.split('"').next());
    let older = bridge
        .page(&format!("/events?after={}", older.expect("a place")))
        .await
        .body;
    assert_eq!(older.matches("id=\"event-").count(), 11, "60 and the start");
    assert!(!older.contains(">Older<"), "{older}");
    // Of an event that was replayed often, the newest deliveries are shown.
    let delivered = |ready: &Value| ready["sinks"]["events"]["delivered"] == 60;
    bridge.ready("all", delivered).await;
    for round in 2..=9 {
        press(&bridge, "/replay", "since=1h&rule=&sink=events").await;
        until("all again", || phones.events().len() == 60 * round).await;
        let delivered = |ready: &Value| ready["sinks"]["events"]["delivered"] == 60 * round;
        bridge.ready("all again", delivered).await;
    }
    let first = bridge.page("/").await.body;
    assert_eq!(first.matches("and 3 earlier deliveries").count(), 25);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_payload_is_shown_by_its_start() {
    let (upstream, _phones, bridge) = running(None, 0).await;
    let long = "x".repeat(10_000);
    let payload = format!(r#"{{"type":"long","eventId":1,"data":{{"text":"{long}"}}}}"#);
    let length = payload.len();
    // What bellwire says of its start is the first event, then.
    bridge.shows("/", ">bellwire.started</a>").await;
    upstream.send(payload).await;
    bridge.shows("/", ">long</a>").await;
    let whole = bridge.page("/events/2").await.body;
    let cut = format!("The first 4096 of {length} bytes.");
    assert!(whole.contains(&cut), "{whole}");
    let shown = whole.matches('x').count();
    assert!((4_000..4_200).contains(&shown), "{shown}");
}

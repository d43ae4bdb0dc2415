//! What the running instance shows: whether an alert would get through, why not, and what happened.

use bellwire::simulator::Answer;
use bellwire::simulator::receivers::Kind;
use serde_json::{Value, json};

use crate::harness::{Bridge, Page, Phones, Server, Upstream, soon, until};

const HIT: &str = r#"{"type":"tp_hit","eventId":1,"timestamp":"2026-06-11T08:00:00.000Z","data":{"symbol":"XAUUSD"}}"#;

/// A running bridge, with more lines before its sources.
async fn running(more: &str) -> (Upstream, Phones, Bridge) {
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    let sources = format!("{more}\n{}", upstream.source());
    let mut bridge = Bridge::watched(&sources, &phones);
    bridge.start();
    (upstream, phones, bridge)
}

fn is_ready(ready: &Value) -> bool {
    ready["ready"] == json!(true)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readiness_is_200_when_all_is_well_and_names_the_sink_that_fails() {
    let (upstream, phones, bridge) = running("").await;
    let ready = bridge.ready("readiness", is_ready).await;
    assert_eq!(ready.status, 200);
    assert!(ready.head.contains("application/json"), "{}", ready.head);
    assert_eq!(ready.json()["reasons"], json!([]));
    assert_eq!(ready.json()["store"]["writable"], true);
    assert_eq!(bridge.page("/healthz").await.status, 200);

    phones
        .handle
        .answer_by("/webhook/events", |_| Some(Answer::status(500)));
    soon("the connection", upstream.handle.heard()).await;
    upstream.send(HIT).await;
    let failing = |ready: &Value| ready["sinks"]["events"]["failed_in_a_row"].as_u64() >= Some(3);
    let ready = bridge.ready("three failures", failing).await;
    assert_eq!(ready.status, 503);
    let reasons = ready.json()["reasons"].to_string();
    assert!(
        reasons.contains("sink `events` is failing: 500"),
        "{reasons}"
    );
    assert_eq!(
        bridge.page("/healthz").await.status,
        200,
        "alive all the same"
    );

    phones.handle.answer_as_ever("/webhook/events");
    assert_eq!(bridge.ready("recovery", is_ready).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_shows_events_and_deliveries_and_nothing_foreign_as_markup() {
    const MARKUP: &str = "<script>alert('x')</script>";
    let (upstream, phones, bridge) = running("").await;
    soon("the connection", upstream.handle.heard()).await;
    upstream.send(HIT).await;
    upstream
        .send(format!(
            r#"{{"type":"{MARKUP}","eventId":2,"data":{{"symbol":"{MARKUP}"}}}}"#
        ))
        .await;
    until("both", || phones.events().len() == 2).await;
    // While the container is down, the page shows the newest row of the REST API.
    let rows = json!({ "data": [{ "id": "t1", "symbol": MARKUP }], "has_more": false });
    upstream
        .handle
        .answer_by("/api/v1/trades", move |_| Some(Answer::json(200, &rows)));
    let refusal = |_: &_| Some(Answer::status(503).body(MARKUP));
    upstream.handle.answer_by("/api/v1/stream", refusal);
    upstream.handle.drop_stream().await;
    let polled = |ready: &Value| {
        let shown = ready["sources"]["ttmt"]["poll"].as_str();
        shown.is_some_and(|shown| shown.contains(MARKUP))
    };
    bridge.ready("a poll", polled).await;
    let delivered = |ready: &Value| ready["sinks"]["events"]["delivered"] == 2;
    bridge.ready("the deliveries", delivered).await;

    let escaped = MARKUP.replace('<', "&lt;").replace('>', "&gt;");
    // Whether what bellwire says of its start is before it in the queue, nobody knows.
    let list = bridge.page("/events").await.body;
    let (before, _) = list
        .split_once(&format!("\">{escaped}</a>"))
        .expect("a link");
    let own = before.rsplit('"').next().expect("an address");
    // The first page has the type, and the symbol of the trade; the event's own page has the type as
    // its name and on its button, and both in the payload.
    for (path, times) in [("/", 2), ("/events", 1), (own, 4)] {
        let page = bridge.page(path).await;
        assert_eq!(page.status, 200);
        let shown = page.body.matches(&escaped).count();
        assert_eq!(shown, times, "{path}\n{}", page.body);
        assert!(!page.body.contains(MARKUP), "{}", page.body);
        assert!(page.body.contains("delivered"), "{}", page.body);
    }
    let page = bridge.page("/").await;
    assert!(page.body.contains(">tp_hit</a>"), "{}", page.body);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_token_only_the_bare_state_is_open() {
    let (_upstream, _phones, bridge) = running("http.token = \"a-t0ken\"").await;
    let bridge = bridge.token("a-t0ken");
    let ready = bridge.ready("readiness", is_ready).await;
    assert!(ready.json()["sources"]["ttmt"].is_object());
    let address = bridge.address().await;
    let wrong = [
        vec![],
        vec!["Authorization: Bearer a-t0keN".to_owned()],
        vec!["Authorization: Basic a-t0ken".to_owned()],
        vec!["Cookie: token=a-t0ken".to_owned()],
    ];
    for headers in &wrong {
        for path in ["/", "/events/1", "/?token=a-t0ken"] {
            let page = Page::get(address, path, headers).await;
            assert_eq!(page.status, 401, "{path} {headers:?}");
            assert!(page.head.contains("application/problem+json"), "{page:?}");
            assert_eq!(page.json()["status"], 401);
        }
        let bare = Page::get(address, "/readyz", headers).await;
        assert_eq!((bare.status, bare.json()), (200, json!({ "ready": true })));
        assert_eq!(Page::get(address, "/healthz", headers).await.status, 200);
    }
    assert_eq!(bridge.page("/").await.status, 200);
    let nothing = bridge.page("/nothing").await;
    assert_eq!(
        (nothing.status, nothing.json()["status"].as_u64()),
        (404, Some(404))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_shown_is_a_page_to_a_browser_and_a_problem_to_a_program() {
    const BROWSER: &str = "Accept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8";
    const HERE: &str = "Host: localhost";
    const ELSEWHERE: &str = "Host: example.org";
    let (_upstream, _phones, bridge) = running("").await;
    let address = bridge.address().await;
    let get = async |path: &str, headers: &[&str]| {
        let headers: Vec<String> = headers.iter().map(|&header| header.to_owned()).collect();
        Page::get(address, path, &headers).await
    };
    let no_place = "this is no place in the list";
    for (path, host, status, words, link) in [
        ("/nope", HERE, 404, "there is nothing at this path", "/"),
        ("/events/99", HERE, 404, "there is no such event", "/"),
        ("/events?after=zzz", HERE, 400, no_place, "/events"),
        ("/events?after=-1", HERE, 400, no_place, "/events"),
        ("/events?after=", HERE, 400, no_place, "/events"),
        (
            "/dead-letters?after=x",
            HERE,
            400,
            no_place,
            "/dead-letters",
        ),
        ("/logout", HERE, 405, "does not take that method", "/"),
        (
            "/deliveries/x/retry",
            HERE,
            405,
            "does not take that method",
            "/",
        ),
        ("/events", ELSEWHERE, 421, "http.token", "/"),
    ] {
        let told = get(path, &[host]).await;
        let shown = get(path, &[host, BROWSER]).await;
        assert_eq!((told.status, shown.status), (status, status), "{path}");
        assert_eq!(
            told.header("content-type"),
            Some("application/problem+json")
        );
        assert_eq!(told.json()["status"], status);
        assert_eq!(
            shown.header("content-type"),
            Some("text/html; charset=utf-8")
        );
        let length = shown.body.len().to_string();
        assert_eq!(shown.header("content-length"), Some(&*length), "{shown:?}");
        assert_eq!(shown.header("allow"), told.header("allow"));
        assert_eq!(shown.header("allow").is_some(), status == 405, "{shown:?}");
        let main = shown.body.split("<main").nth(1).expect("a page");
        assert!(shown.body.contains("<nav "), "{shown:?}");
        assert!(main.contains(words), "{shown:?}");
        assert!(main.contains(&format!("href=\"{link}\"")), "{shown:?}");
        assert_eq!(main.contains("first page"), status == 400, "{shown:?}");
    }
    // The API is for programs, whoever asks.
    for path in ["/api/v1/nope", "/api/v1/events?after=zzz", "/api/v1/replay"] {
        let told = get(path, &[BROWSER]).await;
        assert_eq!(
            told.header("content-type"),
            Some("application/problem+json")
        );
    }
    for path in ["/events?after=0", "/dead-letters?after=7"] {
        assert_eq!(get(path, &[BROWSER]).await.status, 200, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_shows_nothing_by_itself_is_shown_in_texts_and_in_attributes() {
    let codes = (0..0x20).chain(0x7f..0xa0);
    let codes = codes.chain(0x202a..=0x202e).chain(0x2066..=0x2069);
    let unseen: Vec<char> = codes.filter_map(char::from_u32).collect();
    assert_eq!(unseen.len(), 32 + 33 + 9);
    let is_space = |one: char| matches!(one, '\n' | '\t');
    let shown = |text: &[char]| -> String {
        let one = |one: &char| match (*one, u32::from(*one)) {
            (space, _) if is_space(space) => space.to_string(),
            ('\u{7f}', _) => "␡".to_owned(),
            (_, code @ 0..0x20) => char::from_u32(0x2400 + code)
                .expect("a picture")
                .to_string(),
            (_, code) => format!("\\u{code:04x}"),
        };
        text.iter().map(one).collect()
    };
    let (server, phones) = (Server::start().await, Phones::start().await);
    let mut bridge = Bridge::new(&format!(
        "http.listen = \"127.0.0.1:0\"\n{}{}[[rules]]\nname = \"all\"\nto = [\"automation\"]\n",
        server.source("type = \"/type\""),
        phones.sink("automation", Kind::Webhook, "signature = \"none\""),
    ));
    bridge.start();
    let mut visit = server.stream().await;
    // What bellwire says of its start is the first event, then.
    bridge.shows("/events", ">bellwire.started<").await;
    let escapes: String = unseen
        .iter()
        .map(|one| format!("\\u{:04x}", u32::from(*one)))
        .collect();
    visit
        .send(format!(
            "data: {{\"type\":\"[{escapes}]\",\"data\":{{}}}}\n\n"
        ))
        .await;
    // A line of the stream has no line ends in it.
    let in_line = |one: &char| !matches!(one, '\n' | '\r');
    let in_line: Vec<char> = unseen.iter().copied().filter(in_line).collect();
    let raw: String = in_line.iter().collect();
    visit.send(format!("data: [{raw}]\n\n")).await;
    let both = |ready: &Value| ready["sinks"]["automation"]["delivered"] == 2;
    bridge.ready("both", both).await;
    let kind = format!("[{}]", shown(&unseen));
    let payload = format!("[{}]", shown(&in_line));
    for (path, text) in [
        ("/", format!(">{kind}</a>")),
        ("/events", format!(">{kind}</a>")),
        (
            "/events/2",
            format!("aria-label=\"Retry {kind} to automation\""),
        ),
        ("/events/3", format!(">{payload}</pre>")),
    ] {
        let page = bridge.page(path).await;
        assert_eq!(page.status, 200);
        assert!(page.body.contains(&text), "{path}: {text}\n{}", page.body);
        let left = page
            .body
            .find(|one| unseen.contains(&one) && !is_space(one));
        assert_eq!(left, None, "{path}\n{:?}", page.body);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_exits_0_when_ready_1_when_not_and_2_for_a_wrong_configuration() {
    let (upstream, phones, mut bridge) = running("").await;
    bridge.ready("readiness", is_ready).await;
    let address = bridge.address().await.to_string();
    let here = [("BELLWIRE_HTTP__LISTEN", address.as_str())];
    let told = bridge.output("health", &here).await;
    assert_eq!(told.status, Some(0), "{told:?}");
    assert_eq!(told.out, "ready\n");
    let told = bridge.tool(&["health", "--json"]).await;
    assert_eq!(
        (told.status, &told.json()["ready"]),
        (Some(0), &json!(true))
    );

    phones
        .handle
        .answer_by("/webhook/events", |_| Some(Answer::status(500)));
    soon("the connection", upstream.handle.heard()).await;
    upstream.send(HIT).await;
    let failing = |ready: &Value| !is_ready(ready);
    bridge.ready("trouble", failing).await;
    let told = bridge.output("health", &here).await;
    assert_eq!(told.status, Some(1), "{told:?}");
    let (head, reason) = told.out.split_once('\n').expect("more than a line");
    assert_eq!(head, "not ready");
    assert!(reason.starts_with("sink `events` is failing"), "{told:?}");
    let told = bridge.tool(&["health", "--json"]).await;
    assert_eq!(
        (told.status, &told.json()["ready"]),
        (Some(1), &json!(false))
    );
    assert_eq!(told.json()["reasons"][0], reason.trim_end());

    bridge.kill();
    let told = bridge.output("health", &here).await;
    assert_eq!(told.status, Some(1), "{told:?}");
    assert!(told.complaint.contains("nothing answers"), "{told:?}");
    assert_eq!(told.out, "");
    let told = bridge.told("health", &["--json"]).await;
    assert_eq!(
        (told.status, &told.json()["ready"]),
        (Some(1), &json!(false))
    );
    let off = [("BELLWIRE_HTTP__LISTEN", "off")];
    let told = bridge.output("health", &off).await;
    assert_eq!((told.status, told.out.as_str()), (Some(1), ""), "{told:?}");
    bridge.configure(&format!("http.listen = \"off\"\n{}", upstream.source()));
    let told = bridge.tool(&["health", "--json"]).await;
    assert_eq!(
        (told.status, &told.json()["ready"]),
        (Some(1), &Value::Null)
    );
    assert_eq!(told.json()["reasons"][0], told.complaint.trim_end());
    let told = bridge
        .output("health", &[("BELLWIRE_HTTP__LISTEN", "nowhere")])
        .await;
    assert_eq!(told.status, Some(2), "{told:?}");
}

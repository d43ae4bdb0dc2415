//! The API as it is described: every route, every parameter, every answer.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use bellwire::simulator::receivers::Received;
use bellwire::simulator::{Answer, Manner};
use jsonschema::Validator;
use serde_json::Value;

use crate::harness::{Bridge, Page, Phones, Upstream, soon, until};

const TOKEN: &str = "a-t0ken";

/// What is asked: method, path as described, path as asked, more headers, body.
type Asked<'a> = (&'a str, &'a str, String, Vec<String>, String);

fn committed() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/openapi.json");
    let text = fs::read_to_string(path).expect("it is committed");
    serde_json::from_str(&text).expect("JSON")
}

/// Every operation of the description, by method and path.
fn operations(description: &Value) -> BTreeMap<(String, String), Value> {
    let paths = description["paths"].as_object().expect("paths");
    let of_path = |(path, item): (&String, &Value)| {
        let path = path.clone();
        let methods = item.as_object().expect("methods").clone();
        methods
            .into_iter()
            .map(move |(method, operation)| ((method, path.clone()), operation))
    };
    paths.iter().flat_map(of_path).collect()
}

/// Whether its answer has no end, so that it is tested where it is read as it comes.
fn is_endless(operation: &Value) -> bool {
    operation["responses"]["200"]["content"]["text/event-stream"].is_object()
}

fn hit(number: u32) -> String {
    format!(
        r#"{{"type":"tp_hit","eventId":{number},"timestamp":"2026-06-11T08:00:00.000Z","data":{{"symbol":"XAUUSD"}}}}"#
    )
}

/// A running bridge with a token and so many events delivered.
async fn running(count: u32) -> (Upstream, Phones, Bridge) {
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    let token = format!("http.token = \"{TOKEN}\"\n{}", upstream.source());
    let mut bridge = Bridge::watched(&token, &phones).token(TOKEN);
    bridge.start();
    soon("the connection", upstream.handle.heard()).await;
    for number in 1..=count {
        upstream.send(hit(number)).await;
    }
    let all = |ready: &Value| ready["sinks"]["events"]["delivered"] == count;
    bridge.ready("all", all).await;
    (upstream, phones, bridge)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_instance_serves_what_lies_in_deploy() {
    let (_upstream, _phones, bridge) = running(0).await;
    let served = bridge.page("/api/v1/openapi.json").await;
    assert_eq!(served.status, 200, "{served:?}");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/openapi.json");
    let committed = fs::read_to_string(path).expect("it is committed");
    assert!(served.body == committed, "it serves another one");
}

#[test]
fn every_route_of_the_api_is_described_and_no_other() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let source = fs::read_to_string(root.join("src/admin/api/mod.rs")).expect("the routes");
    let source: String = source.split_whitespace().collect();
    let mut routes: BTreeSet<(String, String)> = ["/healthz", "/readyz", "/metrics"]
        .map(|path| ("get".to_owned(), path.to_owned()))
        .into();
    for route in source.split(".route(\"").skip(1) {
        let (path, handlers) = route.split_once("\",").expect("a path");
        let (methods, _) = handlers.split_once("))").expect("handlers");
        for method in ["get", "post", "put", "patch", "delete"] {
            if methods.contains(&format!("{method}(")) {
                routes.insert((method.to_owned(), format!("/api/v1{path}")));
            }
        }
    }
    assert!(routes.len() > 10, "the routes were not found");
    let described: BTreeSet<_> = operations(&committed()).into_keys().collect();
    assert_eq!(described, routes);
}

#[test]
fn every_operation_has_a_name_of_its_own_and_says_what_it_does() {
    let mut names = BTreeSet::new();
    for (at, operation) in operations(&committed()) {
        let name = operation["operationId"].as_str().expect("a name");
        assert!(
            names.insert(name.to_owned()),
            "{at:?}: `{name}` is there twice"
        );
        assert!(operation["summary"].is_string(), "{at:?} says nothing");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_takes_the_parameters_that_are_described_and_no_other() {
    let (_upstream, _phones, bridge) = running(2).await;
    let examples = BTreeMap::from([
        ("limit", "1"),
        ("after", "1"),
        ("state", "dead"),
        ("sink", "events"),
        ("since", "2h"),
    ]);
    let mut lists = 0;
    for ((_, path), operation) in operations(&committed()) {
        let parameters = operation["parameters"].as_array();
        let of_query = |parameter: &&Value| parameter["in"] == "query";
        let described: Vec<_> = parameters.into_iter().flatten().filter(of_query).collect();
        if described.is_empty() || is_endless(&operation) {
            continue;
        }
        lists += 1;
        let refused = bridge.page(&format!("{path}?nonsense=1")).await;
        assert_eq!(refused.status, 400, "{refused:?}");
        let detail = refused.json()["detail"].as_str().expect("words").to_owned();
        let possible: BTreeSet<&str> = detail.split('`').skip(3).step_by(2).collect();
        let names = described.iter().map(|one| one["name"].as_str());
        let names: BTreeSet<&str> = names.map(|name| name.expect("a name")).collect();
        assert_eq!(possible, names, "{path}: {detail}");
        for name in names {
            let taken = bridge
                .page(&format!("{path}?{name}={}", examples[name]))
                .await;
            assert_eq!(taken.status, 200, "{path}?{name}: {taken:?}");
        }
    }
    assert_eq!(lists, 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_method_than_those_described_is_a_problem_that_names_them() {
    let (_upstream, _phones, bridge) = running(0).await;
    let address = bridge.address().await;
    let token = [format!("Authorization: Bearer {TOKEN}")];
    let described = operations(&committed());
    for (method, path) in described.keys() {
        let path = path.replace("{id}", "x").replace("{name}", "events");
        let (page, allowed) = match method.as_str() {
            "get" => (Page::post(address, &path, &token, "").await, "get"),
            _ => (Page::get(address, &path, &token).await, "post"),
        };
        assert_eq!(page.status, 405, "{page:?}");
        let head = page.head.to_lowercase();
        assert!(head.contains(&format!("allow: {allowed}")), "{page:?}");
        assert!(head.contains("application/problem+json"), "{page:?}");
        assert_eq!(page.json()["status"], 405, "{page:?}");
    }
}

/// Holds an answer to the description: its status, the type of its content and its form.
fn is_as_described(description: &Value, (method, path, ..): &Asked<'_>, page: &Page) {
    let at = format!("{method} {path}: {page:?}");
    let responses = &description["paths"][*path][*method]["responses"];
    let response = &responses[page.status.to_string()];
    let content = response["content"].as_object();
    let content = content.unwrap_or_else(|| panic!("not described: {at}"));
    let head = page.head.to_lowercase();
    let (_, rest) = head.split_once("content-type: ").expect("a type");
    let kind = rest.split([';', '\r']).next().unwrap_or_default();
    let described = content.get(kind);
    let described = described.unwrap_or_else(|| panic!("not of a described type: {at}"));
    if !kind.ends_with("json") {
        return;
    }
    // References count from the root of a schema.
    let mut schema = described["schema"].clone();
    schema["components"] = description["components"].clone();
    let validator: Validator = jsonschema::draft202012::options()
        .should_validate_formats(true)
        .build(&schema)
        .expect("a schema");
    if let Err(error) = validator.validate(&page.json()) {
        panic!("{error} at {}\n{at}", error.instance_path());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_described_answer_comes_and_has_its_form() {
    let description = committed();
    let (upstream, phones, bridge) = running(3).await;
    let address = bridge.address().await;
    let token = || vec![format!("Authorization: Bearer {TOKEN}")];
    let ready: Asked<'_> = (
        "get",
        "/readyz",
        "/readyz".to_owned(),
        token(),
        String::new(),
    );
    let page = Page::get(address, "/readyz", &token()).await;
    assert_eq!(page.status, 200);
    is_as_described(&description, &ready, &page);

    // One that was refused and waits, so that there are attempts and reasons to show, and one whose
    // receiver says nothing, which is on its way.
    let refusing = |_: &Received| Some(Answer::status(410).body("gone"));
    phones.handle.answer_by("/webhook/events", refusing);
    phones.handle.answer_by("/webhook/own", |received| {
        let body = String::from_utf8_lossy(&received.body);
        let manner = Manner::Hang;
        let silent = Answer {
            manner,
            ..Answer::status(200)
        };
        body.contains("bellwire.sink_suspended").then_some(silent)
    });
    upstream.send(hit(4)).await;
    let told = || {
        phones
            .own()
            .iter()
            .any(|(kind, _)| kind == "bellwire.sink_suspended")
    };
    until("the one on its way", told).await;
    bridge
        .ready("the refusal", |ready| {
            ready["sinks"]["events"]["suspended"].is_string()
        })
        .await;
    let listed = bridge.page("/api/v1/deliveries?sink=events").await.json();
    let id = |index: usize| {
        let id = listed["data"][index]["id"].as_str();
        id.expect("an id").to_owned()
    };
    let (held, delivered) = (id(0), id(1));
    let flying = bridge
        .page("/api/v1/deliveries?state=in_flight")
        .await
        .json();
    let flying = flying["data"][0]["id"].as_str().expect("an id");
    let mut asked: Vec<Asked<'_>> = Vec::new();
    let mut described = operations(&description);
    described.retain(|_, operation| !is_endless(operation));
    let placed = |path: &str| path.replace("{id}", &delivered).replace("{name}", "events");
    for (method, path) in described.keys() {
        let whole = placed(path);
        let body = match path.ends_with("/replay") {
            true => r#"{"since":"1h","dry_run":true}"#,
            false => "",
        };
        asked.push((method, path, whole.clone(), token(), body.to_owned()));
        asked.push((method, path, whole.clone(), Vec::new(), body.to_owned()));
        if method == "post" {
            let mut headers = token();
            headers.push("Origin: https://example.org".to_owned());
            asked.push((method, path, whole.clone(), headers, body.to_owned()));
        }
        if path.contains('{') {
            for unknown in ["nothing", "%ff"] {
                let path_asked = path.replace("{id}", unknown).replace("{name}", unknown);
                asked.push((method, path, path_asked, token(), String::new()));
            }
        } else {
            asked.push((
                method,
                path,
                format!("{path}?limit=0"),
                token(),
                String::new(),
            ));
        }
    }
    let of = |path: &'static str, whole: String, body: &str| -> Asked<'static> {
        ("post", path, whole, token(), body.to_owned())
    };
    let replay = "/api/v1/replay";
    let test = "/api/v1/sinks/{name}/test";
    let large = format!(r#"{{"since":"{}"}}"#, "x".repeat(3 << 20));
    asked.extend([
        of(replay, replay.to_owned(), r#"{"since":"1h"}"#),
        of(
            replay,
            replay.to_owned(),
            r#"{"since":"1h","sink":"nobody"}"#,
        ),
        of(replay, replay.to_owned(), &large),
        of(test, placed(test), &large),
        of(
            test,
            "/api/v1/sinks/own/test".to_owned(),
            r#"{"event":{"type":"x","data":1}}"#,
        ),
        of(
            "/api/v1/deliveries/{id}/drop",
            format!("/api/v1/deliveries/{held}/drop"),
            "",
        ),
        of(
            "/api/v1/deliveries/{id}/drop",
            format!("/api/v1/deliveries/{held}/drop"),
            "",
        ),
        of(
            "/api/v1/deliveries/{id}/retry",
            format!("/api/v1/deliveries/{held}/retry"),
            "",
        ),
    ]);
    asked.push(of(
        "/api/v1/deliveries/{id}/retry",
        format!("/api/v1/deliveries/{flying}/retry"),
        "",
    ));
    let list = "/api/v1/deliveries";
    let of_nobody = format!("{list}?sink=nobody");
    asked.push(("get", list, of_nobody, token(), String::new()));
    asked.push((
        "get",
        "/api/v1/deliveries/{id}",
        format!("/api/v1/deliveries/{held}"),
        token(),
        String::new(),
    ));

    let mut seen: BTreeSet<(String, String, String)> = BTreeSet::new();
    seen.insert(("get".to_owned(), "/readyz".to_owned(), "200".to_owned()));
    for one in &asked {
        let (method, path, whole, headers, body) = one;
        let page = match *method {
            "get" => Page::get(address, whole, headers).await,
            _ => Page::post(address, whole, headers, body).await,
        };
        is_as_described(&description, one, &page);
        seen.insert((
            (*method).to_owned(),
            (*path).to_owned(),
            page.status.to_string(),
        ));
    }
    let mut unseen = Vec::new();
    for ((method, path), operation) in &described {
        for status in operation["responses"].as_object().expect("answers").keys() {
            // No test of the whole program can take the queue away from under it; guesses have one of
            // their own.
            let is_seen = seen.contains(&(method.clone(), path.clone(), status.clone()));
            if !is_seen && !["429", "503"].contains(&&**status) {
                unseen.push(format!("{method} {path} {status}"));
            }
        }
    }
    assert_eq!(unseen, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_guesses_at_the_token_is_answered_as_described() {
    let description = committed();
    let (_upstream, _phones, bridge) = running(0).await;
    let address = bridge.address().await;
    let wrong = || vec!["Authorization: Bearer guess".to_owned()];
    for _ in 0..10 {
        let refused = Page::get(address, "/metrics", &wrong()).await;
        assert_eq!(refused.status, 401);
    }
    for ((method, path), operation) in operations(&description) {
        let placed = path.replace("{id}", "x").replace("{name}", "events");
        let page = match method.as_str() {
            "get" => Page::get(address, &placed, &wrong()).await,
            _ => Page::post(address, &placed, &wrong(), "").await,
        };
        let is_open = ["/healthz", "/readyz"].contains(&&*path);
        assert_eq!(page.status == 429, !is_open, "{path}: {page:?}");
        let described = &operation["responses"]["429"];
        assert_eq!(described.is_object(), !is_open, "{path}");
        is_as_described(
            &description,
            &(&method, &path, placed, wrong(), String::new()),
            &page,
        );
        let wait = &described["headers"]["Retry-After"];
        assert_eq!(wait.is_object(), page.header("retry-after").is_some());
    }
}

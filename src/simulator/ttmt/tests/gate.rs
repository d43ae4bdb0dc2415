//! Who is let in, and who is not.

use super::*;

fn check(reply: &Reply, status: u16, slug: &str) {
    assert_eq!(reply.status, status, "{reply:?}");
    let kind = reply.header("content-type");
    assert_eq!(kind, Some("application/problem+json"));
    assert!(reply.header("x-ratelimit-remaining").is_some());
    let problem = reply.json();
    let expected = format!("https://telegramtometatrader.com/problems/{slug}");
    assert_eq!(problem["type"], expected);
    assert_eq!(problem["status"], status);
}

#[tokio::test]
async fn auth_1_the_key_counts_in_its_header_only() {
    let served = Served::quiet().await;
    let addr = served.handle.addr;
    for header in [
        "X-Nothing: 1".to_owned(),
        "Authorization: Bearer ttmt_live_another".to_owned(),
        format!("Authorization: Basic {DEMO_KEY}"),
        format!("Authorization: {DEMO_KEY}"),
    ] {
        for path in ["accounts", "stream", "nowhere"] {
            let start = format!("GET /api/v1/{path}?key={DEMO_KEY}");
            let reply = ask(addr, &start, std::slice::from_ref(&header), "").await;
            check(&reply, 401, "unauthorized");
        }
    }
    let lower = format!("authorization: bearer {DEMO_KEY}");
    let reply = ask(addr, "GET /api/v1/accounts", &[lower], "").await;
    assert_eq!(reply.status, 200);
    served.finish().await;
}

#[tokio::test]
async fn auth_3_only_get_is_accepted_on_every_route() {
    let served = Served::quiet().await;
    let routes = [
        "accounts",
        "signals",
        "signals/7",
        "trades",
        "trades/7",
        "trades/7/positions",
        "trades/7/orders",
        "positions",
        "stream",
        "nowhere",
    ];
    for method in ["HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"] {
        for route in routes {
            let start = format!("{method} /api/v1/{route}");
            let reply = ask(served.handle.addr, &start, &with_key(&[]), "").await;
            assert_eq!(reply.status, 405, "{start}");
            assert_eq!(reply.header("allow"), Some("GET"), "{start}");
            assert!(reply.header("x-ratelimit-remaining").is_some());
            if method != "HEAD" {
                check(&reply, 405, "method-not-allowed");
            }
        }
    }
    served.finish().await;
}

#[tokio::test]
async fn auth_4_and_5_a_revoked_key_and_suspended_access_differ() {
    let served = Served::quiet().await;
    served.handle.suspend().await;
    check(&served.get("/api/v1/accounts").await, 403, "forbidden");
    check(&served.get("/api/v1/stream").await, 403, "forbidden");
    served.handle.restore().await;
    assert_eq!(served.get("/api/v1/accounts").await.status, 200);
    served.handle.revoke().await;
    check(&served.get("/api/v1/accounts").await, 401, "unauthorized");
    served.finish().await;
}

#[tokio::test]
async fn accounts_and_positions_show_the_world() {
    let served = Served::start(Options {
        warm_start: true,
        ..quiet()
    })
    .await;
    let accounts = served.get("/api/v1/accounts").await.json();
    let first = &accounts["data"][0];
    assert_eq!(first["label"], "Main Live");
    assert_eq!(first["state"], "deployed");
    let all = served.get("/api/v1/positions").await.json();
    assert_eq!(all["data"].as_array().map(Vec::len), Some(6));
    let id = first["account_id"].as_str().expect("an id");
    let path = format!("/api/v1/positions?account_id={id}");
    let some = served.get(&path).await.json();
    assert_eq!(some["data"].as_array().map(Vec::len), Some(3));
    for route in ["positions", "stream"] {
        let path = format!("/api/v1/{route}?account_id=512904471");
        check(&served.get(&path).await, 400, "invalid-parameter");
    }
    check(&served.get("/api/v1/nowhere").await, 404, "not-found");
    served.finish().await;
}

#[tokio::test]
async fn every_request_is_noted() {
    let served = Served::quiet().await;
    served.get("/api/v1/accounts").await;
    served
        .get_with("/api/v1/nowhere?a=b", &["Last-Event-ID: 7"])
        .await;
    let none = ask(served.handle.addr, "POST /api/v1/stream", &[], "").await;
    assert_eq!(none.status, 405);
    let noted = served.handle.requests();
    let told: Vec<(&str, &str, Option<u16>, Authorization)> = noted
        .iter()
        .map(|it| {
            (
                it.method.as_str(),
                it.path.as_str(),
                it.status,
                it.authorization,
            )
        })
        .collect();
    let right = Authorization::Right;
    let expected = [
        ("GET", "/api/v1/accounts", Some(200), right),
        ("GET", "/api/v1/nowhere?a=b", Some(404), right),
        ("POST", "/api/v1/stream", Some(405), Authorization::Missing),
    ];
    assert_eq!(told, expected);
    assert_eq!(noted[1].last_event_id.as_deref(), Some("7"));
    let found = in_time(served.handle.request(|it| it.status == Some(405))).await;
    assert_eq!(found.number, 3);
    let json = ask(served.handle.addr, "GET /simulate/requests", &[], "").await;
    assert_eq!(json.json()["data"][2]["authorization"], "missing");
    assert!(!json.body.contains(DEMO_KEY));
    served.finish().await;
}

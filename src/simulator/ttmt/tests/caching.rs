//! Single objects: their tags, their wrapping, and what is not there.
//!
//! Its own file because here headers matter more than bodies.

use super::*;

const GOLD: &str = "7c4f9e12-a6b3-4d58-8e07-2f91c5d3b640";
const GOLD_SIGNAL: &str = "5f0c2a7e-8b1d-4e39-9a64-c7d3f1b20e85";

/// A simulator that has told the recorded events up to this line.
async fn recorded(lines: usize, wrapped: bool) -> Served {
    let served = Served::start(Options { wrapped, ..quiet() }).await;
    let recorded = script::RECORDED.lines().take(lines);
    for line in recorded.filter(|line| line.contains("eventId")) {
        served.handle.send_raw(line).await;
    }
    served
}

fn cached(reply: &Reply) -> (Option<&str>, Option<&str>) {
    (reply.header("etag"), reply.header("cache-control"))
}

#[tokio::test]
async fn cache_1_a_strong_tag_that_is_known_is_answered_with_304_and_nothing_else() {
    let served = recorded(64, false).await;
    for path in [
        format!("/api/v1/trades/{GOLD}"),
        format!("/api/v1/signals/{GOLD_SIGNAL}"),
    ] {
        let whole = served.read(&path).await;
        assert_eq!(whole.status, 200);
        assert_eq!(whole.header("content-type"), Some("application/json"));
        let tag = whole.header("etag").expect("a tag");
        assert!(
            tag.starts_with('"') && tag.ends_with('"') && tag.len() > 2,
            "strong"
        );
        let check = async |given: &str, status: u16| {
            let header = format!("If-None-Match: {given}");
            let reply = served.read_with(&path, &[&header]).await;
            assert_eq!(reply.status, status, "{given}");
            assert_eq!(cached(&reply), (Some(tag), Some("max-age=300")), "{given}");
            let body = if status == 304 {
                ""
            } else {
                whole.body.as_str()
            };
            assert_eq!(reply.body, body, "{given}");
        };
        check(tag, 304).await;
        check(&format!("\"other\", {tag}"), 304).await;
        check("*", 304).await;
        check(&format!("W/{tag}"), 200).await;
        check("\"other\"", 200).await;
    }
    served.handle.restart().await;
    let path = format!("/api/v1/trades/{GOLD}");
    let known = served.get_with(&path, &["If-None-Match: *"]).await;
    assert_eq!(known.status, 304);
    let left = known.header("x-ratelimit-remaining");
    assert_eq!(left, Some("29"), "it is charged");
    served.finish().await;
}

#[tokio::test]
async fn cache_2_what_is_finished_keeps_for_300_s_and_what_is_active_has_no_tag() {
    let active = recorded(16, false).await;
    let paths = [
        format!("/api/v1/trades/{GOLD}"),
        format!("/api/v1/signals/{GOLD_SIGNAL}"),
    ];
    for path in &paths {
        let reply = active.get_with(path, &["If-None-Match: *"]).await;
        assert_eq!(reply.status, 200);
        assert_eq!(cached(&reply), (None, Some("no-cache")));
    }
    active.finish().await;
    let over = recorded(64, false).await;
    for path in &paths {
        assert_eq!(
            over.get(path).await.header("cache-control"),
            Some("max-age=300")
        );
    }
    let (path, header) = (&paths[0], "etag");
    let before = over.get(path).await.header(header).map(str::to_owned);
    over.handle.send_raw(format!(r#"{{"type":"trade_finalized","timestamp":"2026-06-12T08:00:00Z","data":{{"trade_id":"{GOLD}","status":"closed_loss","account_id":"a"}}}}"#)).await;
    let after = over.get(path).await.header(header).map(str::to_owned);
    assert_ne!(before, after, "another end has another tag");
    over.finish().await;
}

#[tokio::test]
async fn an_unfinished_end_is_not_to_be_kept() {
    let line = |id: &str| script::RECORDED.lines().position(|it| it.contains(id));
    let recovering = line("\"eventId\":256").expect("recorded") + 1;
    let served = recorded(recovering, false).await;
    let path = "/api/v1/trades/b05d3c81-7f9a-4264-9ed1-14e6a8f7c2d3";
    let reply = served.get(path).await;
    assert_eq!(reply.json()["status"], "needs_recovery");
    assert_eq!(cached(&reply), (None, Some("no-cache")));
    served.finish().await;
}

#[tokio::test]
async fn tol_9_single_objects_come_bare_or_inside_data() {
    let (bare, wrapped) = (recorded(64, false).await, recorded(64, true).await);
    for path in [
        format!("/api/v1/trades/{GOLD}"),
        format!("/api/v1/signals/{GOLD_SIGNAL}"),
    ] {
        let (bare, wrapped) = (bare.get(&path).await, wrapped.get(&path).await);
        let expected = format!(r#"{{"data":{}}}"#, bare.body);
        assert_eq!(wrapped.body, expected);
        assert!(wrapped.header("etag").is_some());
    }
    let lists = wrapped.get("/api/v1/trades").await.json();
    assert!(lists["data"].is_array(), "a list is wrapped once");
    bare.finish().await;
    wrapped.finish().await;
}

#[tokio::test]
async fn tol_6_and_7_digits_and_large_ids_are_kept() {
    let served = recorded(64, false).await;
    let gold = served.get(&format!("/api/v1/trades/{GOLD}")).await.body;
    for text in [
        r#""take_profits":[3347.0,3352.0,3360.0]"#,
        r#""realized_pl":39.6,"#,
        r#""entry_price":3342.1,"#,
    ] {
        assert!(gold.contains(text), "{text}");
    }
    let signals = served.get("/api/v1/signals").await.body;
    assert!(signals.contains(r#""telegram_message_id":2147483713,"#));
    let text = served
        .get(&format!("/api/v1/signals/{GOLD_SIGNAL}"))
        .await
        .json();
    let text = text["text"].as_str().expect("a text");
    assert!(
        text.starts_with("🔔 XAUUSD BUY") && text.contains('\n'),
        "{text}"
    );
    served.finish().await;
}

#[tokio::test]
async fn err_2_what_is_not_there_has_no_detail() {
    let served = recorded(64, false).await;
    for path in [
        "trades/7c4f9e12",
        "trades/7c4f9e12/positions",
        "trades/7c4f9e12/orders",
        &format!("trades/{GOLD}/signal"),
        &format!("trades/{GOLD_SIGNAL}"),
        &format!("signals/{GOLD}"),
        "signals/",
        "positions/512904471",
        "nowhere",
    ] {
        let reply = served.get(&format!("/api/v1/{path}")).await;
        assert_eq!(reply.status, 404, "{path}");
        let expected = serde_json::json!({
            "type": "https://telegramtometatrader.com/problems/not-found",
            "title": "Not Found",
            "status": 404,
        });
        assert_eq!(reply.json(), expected, "{path}");
        assert_eq!(
            reply.header("content-type"),
            Some("application/problem+json")
        );
    }
    served.finish().await;
}

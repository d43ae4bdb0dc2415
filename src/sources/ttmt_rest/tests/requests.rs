//! What leaves, and what becomes of a good answer.

use http::header::{ACCEPT, AUTHORIZATION};
use serde_json::json;

use super::*;

#[tokio::test]
async fn auth_1_auth_3_requests_are_gets_with_the_key_in_their_header_only() {
    let (rest, script) = rest(Some(ACCOUNT), []);
    rest.probe().await;
    rest.accounts().await;
    rest.positions().await;
    let limit = Limit::new(7);
    let query = TradeQuery::default();
    rest.trades(&TradeQuery { limit, ..query }).await;
    let query = SignalQuery::default();
    rest.signals(&SignalQuery { limit, ..query }).await;
    rest.trade("trd/../1 x").await;
    rest.trade_positions("trd_1").await;
    rest.trade_orders("trd_1").await;
    rest.signal("7").await;
    assert_eq!(
        script.asked(),
        [
            "/accounts",
            "/accounts",
            &format!("/positions?account_id={ACCOUNT}"),
            &format!("/trades?limit=7&account_id={ACCOUNT}"),
            &format!("/signals?limit=7&account_id={ACCOUNT}"),
            "/trades/trd%2F..%2F1%20x",
            "/trades/trd_1/positions",
            "/trades/trd_1/orders",
            "/signals/7",
        ]
    );
    for request in script.requests.lock().expect("no panic").iter() {
        assert_eq!(request.method(), http::Method::GET);
        assert_eq!(request.headers()[ACCEPT], "application/json");
        let authorization = &request.headers()[AUTHORIZATION];
        assert_eq!(authorization, &format!("Bearer {KEY}"));
        assert!(authorization.is_sensitive());
        assert!(request.body().is_empty());
    }
}

#[test]
fn auth_2_the_key_shows_nowhere() {
    let (rest, _) = rest(None, []);
    assert!(!format!("{rest:?} {:?}", rest.api.authorization).contains("ttmt_live_0123"));
}

#[test]
fn a_key_that_no_header_can_carry_is_refused() {
    let key = Secret::new("a\nb".to_owned());
    assert_eq!(authorization(&key).err(), Some(KeyError));
}

#[tokio::test]
async fn page_4_what_is_asked_for_arrives_as_it_was_meant() {
    let query = TradeQuery {
        symbol: Some("A&B #1+é".to_owned()),
        after_date: Some("2026-11-23T13:00:00+01:00".parse().expect("a time")),
        include: Include {
            signal: true,
            positions: true,
            orders: true,
        },
        after: Some(PageCursor::of("a+/b=&c%20")),
        ..TradeQuery::default()
    };
    let (rest, script) = rest(None, []);
    rest.trades(&query).await;
    let address = Url::parse(&format!("{BASE}{}", script.asked()[0])).expect("an address");
    let pairs: Vec<(String, String)> = address.query_pairs().into_owned().collect();
    let pairs: Vec<(&str, &str)> = pairs
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    assert_eq!(
        pairs,
        [
            ("symbol", "A&B #1+é"),
            ("after_date", "2026-11-23T12:00:00.000Z"),
            ("limit", "100"),
            ("include", "signal,positions,orders"),
            ("after", "a+/b=&c%20"),
        ]
    );
}

#[tokio::test]
async fn what_cannot_be_asked_for_is_refused_before_anything_leaves() {
    let (rest, script) = rest(None, []);
    for id in ["", ".", "..", &"x".repeat(257)] {
        let refused = Answer::Unsent(Unsent::Id);
        assert_eq!(rest.trade(id).await, refused, "{id}");
        assert_eq!(rest.signal(id).await, refused, "{id}");
        let refused = Answer::Unsent(Unsent::Id);
        assert_eq!(rest.trade_positions(id).await, refused, "{id}");
        assert_eq!(rest.trade_orders(id).await, refused, "{id}");
    }
    let query = TradeQuery {
        after: Some(PageCursor::of(&"x".repeat(1 << 16))),
        ..TradeQuery::default()
    };
    let answer = rest.trades(&query).await;
    assert_eq!(answer, Answer::Unsent(Unsent::Address));
    assert!(answer.is_final());
    assert_eq!(script.asked(), [""; 0]);
}

#[tokio::test]
async fn a_200_shows_that_the_key_is_good_whatever_it_holds() {
    for body in [r#"{"data":[]}"#, "", "<html>"] {
        assert_eq!(probed(good(body)).await, Probe::Valid, "{body}");
    }
    let unknown = Probe::Unknown("no answer within the limit".to_owned());
    assert_eq!(probed(Err(Failure::Timeout)).await, unknown);
}

#[tokio::test]
async fn tol_9_single_objects_are_accepted_bare_and_inside_data() {
    let expected = json!({"id": "trd_1", "price": 1});
    for body in [
        r#"{"id":"trd_1","price":1}"#,
        r#"{"data":{"id":"trd_1","price":1}}"#,
        r#"{"data":{"id":"trd_1","price":1},"more":true}"#,
    ] {
        let (rest, _) = rest(None, [good(body)]);
        assert_eq!(rest.trade("trd_1").await, Answer::Found(expected.clone()));
    }
    let body = r#"{"id":"trd_1","data":null}"#;
    let (rest, _) = rest(None, [good(body)]);
    let bare = json!({"id": "trd_1", "data": null});
    assert_eq!(rest.signal("trd_1").await, Answer::Found(bare));
}

#[tokio::test]
async fn lists_are_read_with_and_without_paging() {
    let page = |has_more, next_cursor: Option<&str>| {
        Answer::Found(Page {
            rows: vec![json!({"id": "1"})],
            has_more,
            next_cursor: next_cursor.map(PageCursor::of),
        })
    };
    for (body, expected) in [
        (
            r#"{"data":[{"id":"1"}],"has_more":true,"next_cursor":"eA"}"#,
            page(true, Some("eA")),
        ),
        (
            r#"{"data":[{"id":"1"}],"has_more":false,"next_cursor":null}"#,
            page(false, None),
        ),
        (r#"{"data":[{"id":"1"}]}"#, page(false, None)),
        (r#"[{"id":"1"}]"#, page(false, None)),
    ] {
        let (rest, _) = rest(None, [good(body)]);
        assert_eq!(rest.positions().await, expected, "{body}");
    }
    for body in [r#"{"data":{}}"#, "7", "{}", "<html>"] {
        let (rest, _) = rest(None, [good(body)]);
        let answer = rest.positions().await;
        assert!(
            matches!(answer, Answer::Unreadable(_)),
            "{body}: {answer:?}"
        );
    }
}

#[tokio::test]
async fn numbers_keep_their_digits_and_unknown_members_stay() {
    let body = r#"{"id":"trd_1","price":2650.10,"big":12345678901234567890.5,"new":{"x":[null]}}"#;
    let (rest, _) = rest(None, [good(body), good(format!("[{body}]"))]);
    let Answer::Found(trade) = rest.trade("trd_1").await else {
        panic!("there is an answer");
    };
    assert_eq!(trade.to_string(), body);
    let Answer::Found(page) = rest.accounts().await else {
        panic!("there is an answer");
    };
    assert_eq!(page.rows[0].to_string(), body);
}

//! Lists of many pages, well behaved and not.

use super::*;

/// A page of rows with these ids; no cursor where there is none.
fn page(ids: &[&str], has_more: bool, cursor: Option<&str>) -> Told {
    let rows: Vec<Value> = ids
        .iter()
        .map(|id| serde_json::json!({ "id": id }))
        .collect();
    let body = serde_json::json!({ "data": rows, "has_more": has_more, "next_cursor": cursor });
    good(body.to_string())
}

/// The ids of every page, and why there was no further one.
async fn read(mut pages: Pages<'_>) -> (Vec<Vec<String>>, Option<Stop>) {
    let mut all = Vec::new();
    while let Some(answer) = pages.next().await {
        if let Answer::Found(page) = answer {
            let ids = page.rows.iter().map(|row| row["id"].to_string());
            all.push(ids.collect());
        }
    }
    (all, pages.stop())
}

/// What was asked for and why it ended, for trades in at most ten requests.
async fn asked(replies: impl IntoIterator<Item = Told>) -> (Vec<String>, Option<Stop>) {
    let (rest, script) = rest(None, replies);
    let (_, stop) = read(Pages::trades(&rest, TradeQuery::default(), 10)).await;
    (script.asked(), stop)
}

#[tokio::test]
async fn page_1_a_cursor_is_sent_back_byte_for_byte() {
    for cursor in ["MjAyNg==", "a b+c/d?&#%41", "{\"é\":1}\n", " "] {
        let (asked, _) = asked([page(&["1"], true, Some(cursor)), page(&["2"], false, None)]).await;
        let address = Url::parse(&format!("{BASE}{}", asked[1])).expect("an address");
        let sent = address.query_pairs().find(|(name, _)| name == "after");
        assert_eq!(sent.expect("a cursor").1, cursor);
    }
}

#[tokio::test]
async fn page_2_paging_stops_where_upstream_says_and_where_it_goes_in_circles() {
    use Stop::{Circle, Complete, Enough, NoCursor};
    let more = |cursor| page(&[], true, Some(cursor));
    let endless: Vec<String> = (0..20).map(|number| number.to_string()).collect();
    for (replies, requests, stop) in [
        (vec![page(&[], false, None)], 1, Complete),
        (vec![page(&[], false, Some("a"))], 1, Complete),
        (
            vec![more("a"), more("b"), page(&[], false, None)],
            3,
            Complete,
        ),
        (vec![page(&[], true, None)], 1, NoCursor),
        (vec![page(&[], true, Some(""))], 1, NoCursor),
        (vec![good(r#"{"data":[],"has_more":true}"#)], 1, NoCursor),
        (vec![good("[]")], 1, Complete),
        (vec![more("a"), more("a")], 2, Circle),
        (vec![more("a"), more("b"), more("a")], 3, Circle),
        (endless.iter().map(|text| more(text)).collect(), 10, Enough),
        (vec![], 10, Enough),
    ] {
        let (asked, why) = asked(replies).await;
        assert_eq!((asked.len(), why), (requests, Some(stop)), "{asked:?}");
    }
    let (rest, script) = rest(None, [more("a"), more("a")]);
    let query = SignalQuery {
        after: Some(PageCursor::of("a")),
        ..SignalQuery::default()
    };
    let (_, stop) = read(Pages::signals(&rest, query, 10)).await;
    assert_eq!((script.asked().len(), stop), (1, Some(Circle)));
    assert_eq!(script.asked(), ["/signals?limit=100&after=a"]);
}

#[tokio::test]
async fn page_7_rows_that_come_twice_are_yielded_once() {
    let (rest, _) = rest(
        None,
        [
            page(&["4", "3", "3"], true, Some("a")),
            good(
                r#"{"data":[{"id":"3"},{"id":2},{"x":1},{"x":1}],"has_more":true,"next_cursor":"b"}"#,
            ),
            page(&["2", "1"], false, None),
        ],
    );
    let (rows, stop) = read(Pages::trades(&rest, TradeQuery::default(), 10)).await;
    let expected = [
        vec!["\"4\"", "\"3\""],
        vec!["2", "null", "null"],
        vec!["\"1\""],
    ];
    assert_eq!(rows, expected);
    assert_eq!(stop, Some(Stop::Complete));
}

#[tokio::test]
async fn page_1_a_cursor_that_is_refused_leads_back_to_the_newest_row() {
    let (rest, script) = rest(
        None,
        [
            page(&["9", "8"], true, Some("old")),
            reply(400, &[], ""),
            page(&["10", "9", "8"], true, Some("new")),
            page(&["7"], false, None),
        ],
    );
    let mut pages = Pages::trades(&rest, TradeQuery::default(), 10);
    assert!(matches!(pages.next().await, Some(Answer::Found(_))));
    assert_eq!(pages.stop(), None);
    let refused = Some(Answer::Refused(Refused::of(400)));
    assert_eq!(pages.next().await, refused);
    assert_eq!(pages.stop(), Some(Stop::CursorRefused));
    assert_eq!(pages.next().await, None);
    pages.restart();
    let (rows, stop) = read(pages).await;
    assert_eq!(rows, [["\"10\""], ["\"7\""]]);
    assert_eq!(stop, Some(Stop::Complete));
    let base = "/trades?limit=100";
    let expected = ["", "&after=old", "", "&after=new"].map(|after| format!("{base}{after}"));
    assert_eq!(script.asked(), expected);
}

#[tokio::test]
async fn err_4_a_refused_list_is_not_asked_for_again_and_a_failure_is() {
    for status in [400, 404, 405] {
        let (asked, stop) = asked([reply(status, &[], "")]).await;
        assert_eq!((asked.len(), stop), (1, Some(Stop::Refused)), "{status}");
    }
    let (asked, stop) = asked([
        page(&["2"], true, Some("a")),
        reply(500, &[], ""),
        page(&["1"], false, None),
    ])
    .await;
    assert_eq!(asked[1], asked[2], "the same page again");
    assert_eq!((asked.len(), stop), (3, Some(Stop::Complete)));
}

#[tokio::test(start_paused = true)]
async fn err_5_pages_and_retries_go_together() {
    let down = || reply(503, &[], "");
    let (rest, script) = rest(
        None,
        [
            down(),
            page(&["2"], true, Some("a")),
            down(),
            down(),
            page(&["1"], false, None),
        ],
    );
    let mut pages = Pages::trades(&rest, TradeQuery::default(), 10);
    let mut retries = Retries::new(3, || 1.0);
    let mut rows = 0;
    while let Some(answer) = pages.next().await {
        if let Some(wait) = retries.wait(&answer) {
            tokio::time::sleep(wait).await;
        } else if let Answer::Found(page) = answer {
            rows += page.rows.len();
        }
    }
    assert_eq!((rows, script.asked().len()), (2, 5));
    assert_eq!(pages.stop(), Some(Stop::Complete));
}

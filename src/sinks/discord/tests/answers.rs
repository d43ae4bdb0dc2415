//! What Discord's answers mean.

use super::*;

#[test]
fn dc_5_dc_6_waits_are_taken_from_where_they_are_told_best() {
    let sink = discord(&json!({}));
    for (headers, body, expected) in [
        (
            &[("retry-after", "1")][..],
            r#"{"retry_after":0.5,"global":false}"#,
            "rest it 1",
        ),
        (
            &[("retry-after", "1")],
            r#"{"retry_after":2.25,"global":false}"#,
            "rest it 2.25",
        ),
        (
            &[("retry-after", "3"), ("x-ratelimit-scope", "user")],
            "{}",
            "rest it 3",
        ),
        (&[("x-ratelimit-reset-after", "4.5")], "{}", "rest it 4.5"),
        (
            &[("x-ratelimit-scope", "global")],
            r#"{"retry_after":5}"#,
            "rest all 5",
        ),
        (&[], r#"{"retry_after":5,"global":true}"#, "rest all 5"),
        (
            &[],
            r#"{"code":0,"message":"You are being blocked"}"#,
            "rest all ?",
        ),
        (&[], "<html>error 1015</html>", "rest all ?"),
        (
            &[("retry-after", "90")],
            "<html>error 1015</html>",
            "rest all 90",
        ),
        (&[], r#"{"retry_after":-1}"#, "rest all ?"),
        (&[], r#"{"retry_after":1e99}"#, "rest all ?"),
    ] {
        let answer = reply(429, headers, body);
        assert_eq!(
            verdict(&sink, &answer, &facts()),
            expected,
            "{headers:?} {body}"
        );
    }
    assert!(sink.rests.first.as_secs() >= 60);
}

#[test]
fn dc_7_only_what_is_gone_suspends() {
    let sink = discord(&json!({}));
    let plain = Facts {
        plain: true,
        ..facts()
    };
    let third = Facts {
        dead_in_row: 2,
        ..facts()
    };
    for (status, body, facts, expected) in [
        (204, "", facts(), "delivered"),
        (404, r#"{"code":10015}"#, facts(), "suspend"),
        (401, r#"{"code":50027}"#, facts(), "suspend"),
        (403, r#"{"code":50013}"#, facts(), "suspend"),
        (403, "<html>", facts(), "rest all ?"),
        (404, r#"{"code":10003}"#, facts(), "dead"),
        (404, r#"{"code":10003}"#, third, "suspend"),
        (400, r#"{"code":50035,"errors":{}}"#, facts(), "plain"),
        (400, r#"{"code":50035}"#, plain, "dead"),
        (
            400,
            r#"{"code":0,"message":"400: Bad Request"}"#,
            facts(),
            "plain",
        ),
        (400, r#"{"embeds":["0"]}"#, facts(), "plain"),
        (
            400,
            r#"{"content":["Must be 2000 or fewer in length."]}"#,
            plain,
            "dead",
        ),
        (400, "", facts(), "slow"),
        (400, "", plain, "slow"),
        (400, PROXY_PAGE, facts(), "slow"),
        (
            400,
            r#"{"code":400,"message":"bad request"}"#,
            facts(),
            "slow",
        ),
        (400, r#"{"code":220001}"#, facts(), "dead"),
        (400, r#"{"code":160005}"#, facts(), "dead"),
        (400, r#"{"code":240000}"#, facts(), "dead"),
        (
            405,
            r#"{"code":0,"message":"405: Method Not Allowed"}"#,
            facts(),
            "dead",
        ),
        (405, "", facts(), "slow"),
        (405, "<html>", facts(), "slow"),
        (413, r#"{"code":40005}"#, facts(), "dead"),
        (500, r#"{"code":130000}"#, facts(), "retry"),
        (502, "", facts(), "retry"),
        (301, "", facts(), "retry"),
    ] {
        let answer = reply(status, &[], body);
        assert_eq!(verdict(&sink, &answer, &facts), expected, "{status} {body}");
    }
    for (status, body, is_told) in [
        (404, r#"{"code":10015}"#, true),
        (401, r#"{"code":50027}"#, true),
        (404, "", false),
        (403, r#"{"code":50013}"#, false),
    ] {
        let verdict = sink.translator.judge(&reply(status, &[], body), &facts());
        let reason = verdict.reason().expect("a reason");
        let told = "the webhook was deleted; make a new one";
        assert_eq!(reason.contains(told), is_told, "{reason}");
    }
    let forum = sink
        .translator
        .judge(&reply(400, &[], r#"{"code":220003}"#), &facts());
    assert!(
        forum
            .reason()
            .is_some_and(|reason| reason.contains("`thread_id`"))
    );
}

#[test]
fn dc_8_a_used_up_budget_is_waited_for() {
    let sink = discord(&json!({}));
    let rest = |remaining: &str, after: &str| {
        let headers = [
            ("x-ratelimit-remaining", remaining),
            ("x-ratelimit-reset-after", after),
        ];
        sink.translator.rest_after(&reply(200, &headers, ""))
    };
    assert_eq!(rest("0", "1.5"), Some(Duration::from_millis(1500)));
    assert_eq!(rest("1", "1.5"), None);
    assert_eq!(rest("0", "soon"), None);
    assert_eq!(rest("0", "1e9"), None);
    assert_eq!(rest("0", "999999999"), Some(judge::WAIT_MAX));
}

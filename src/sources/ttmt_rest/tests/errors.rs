//! What refusals and unreadable answers mean.

use super::*;

#[tokio::test]
async fn err_1_err_2_only_status_and_type_count() {
    for body in [
        r#"{"type":"https://telegramtometatrader.com/problems/forbidden","title":"Forbidden","status":403}"#,
        r#"{"type":"https://telegramtometatrader.com/problems/forbidden","title":"Unauthorized","detail":"key revoked","status":401}"#,
        r#"{"type":"urn:never-heard-of","extra":{"members":[1]}}"#,
        r#"{"type":7}"#,
    ] {
        assert_eq!(
            probed(reply(403, &[], body)).await,
            Probe::Suspended,
            "{body}"
        );
    }
    let told = Refused {
        status: 404,
        problem: Some("urn:p".to_owned()),
        retry_after: None,
    };
    assert_eq!(told.to_string(), "answered 404 (urn:p)");
    let (rest, _) = rest(None, [reply(404, &[], r#"{"type":"urn:p","detail":"x"}"#)]);
    assert_eq!(rest.trade("1").await, Answer::Refused(told));
}

#[tokio::test]
async fn err_2_a_problem_that_repeats_the_key_is_not_told() {
    let escaped = KEY.replace('_', "\\u005f");
    for kind in [KEY, &format!("urn:{KEY}:bad"), &escaped] {
        let body = format!(r#"{{"type":"{kind}"}}"#);
        let (rest, _) = rest(None, [reply(401, &[], body)]);
        assert_eq!(rest.trade("1").await, Answer::Refused(Refused::of(401)));
    }
}

#[tokio::test]
async fn an_answer_of_more_values_than_are_read_is_told_as_such() {
    for (items, is_read) in [(40_000, true), (60_000, false)] {
        let body = format!(
            r#"{{"data":{{"id":"1","more":[{}]}}}}"#,
            vec!["1"; items].join(",")
        );
        let (rest, _) = rest(None, [reply(200, &[], body)]);
        let answer = rest.trade("1").await;
        match is_read {
            true => assert!(matches!(answer, Answer::Found(_)), "{items}"),
            false => assert_eq!(answer, Answer::Unreadable(Unreadable::TooMany), "{items}"),
        }
    }
}

#[tokio::test]
async fn err_3_any_error_body_leads_to_the_action_for_its_status() {
    for body in [
        "",
        "<html>",
        "{\"type\":\"https://tele",
        "null",
        "[]",
        "\u{0}",
    ] {
        assert_eq!(
            probed(reply(401, &[], body)).await,
            Probe::Revoked,
            "{body}"
        );
        assert_eq!(
            probed(reply(403, &[], body)).await,
            Probe::Suspended,
            "{body}"
        );
        for status in [204, 302, 304, 409, 429, 500, 503] {
            let answer = probed(reply(status, &[], body)).await;
            assert!(matches!(answer, Probe::Unknown(_)), "{answer:?}");
        }
    }
}

/// What each way of asking makes of an answer, whatever the problem was called.
async fn meanings(status: u16, body: &str) -> (Probe, Answer<Value>, bool, bool) {
    let probe = probed(reply(status, &[], body)).await;
    let (rest, _) = rest(None, [reply(status, &[], body)]);
    let trade = rest.trade("trd_1").await;
    let (is_final, is_passing) = (trade.is_final(), trade.is_passing());
    (probe, trade, is_final, is_passing)
}

#[tokio::test]
async fn err_1_other_words_change_nothing() {
    for status in [400, 401, 403, 404, 405, 409, 429, 500, 503] {
        let plain = meanings(status, r#"{"type":"urn:p"}"#).await;
        for words in [
            r#""title":"Unauthorized","detail":"key revoked""#,
            r#""title":"Not Found","detail":null,"status":404"#,
            r#""title":"OK","detail":"rate limit exceeded, retry in 5 s","status":"200""#,
        ] {
            let body = format!(r#"{{"type":"urn:p",{words}}}"#);
            assert_eq!(meanings(status, &body).await, plain, "{status} {words}");
        }
    }
}

#[tokio::test]
async fn err_4_what_will_never_be_answered_says_so() {
    for status in (201..600).filter(|status| *status != 304) {
        let (_, _, is_final, is_passing) = meanings(status, "").await;
        assert_eq!(is_final, [400, 404, 405].contains(&status), "{status}");
        let passing = status >= 500 || [408, 425, 429].contains(&status);
        assert_eq!(is_passing, passing, "{status}");
    }
}

#[tokio::test]
async fn err_3_a_good_status_with_a_bad_body_is_told_as_such() {
    let deep = "[".repeat(10_000);
    let closed = format!("{deep}{}", "]".repeat(10_000));
    let huge = "[".to_owned() + &"1,".repeat(BYTES_MAX / 2);
    let cut = &huge[..BYTES_MAX];
    let number = "1".repeat(BYTES_MAX);
    let full = format!("[{}]", " ".repeat(BYTES_MAX - 2));
    for (body, why) in [
        ("", Some(Unreadable::NotJson)),
        ("<html>", Some(Unreadable::NotJson)),
        (r#"{"data":[{"id":"#, Some(Unreadable::NotJson)),
        (&deep, Some(Unreadable::NotJson)),
        (&closed, Some(Unreadable::NotJson)),
        (r#"{"data":{}}"#, Some(Unreadable::Shape)),
        ("7", Some(Unreadable::Shape)),
        (cut, Some(Unreadable::TooLarge(BYTES_MAX))),
        (&number, Some(Unreadable::TooLarge(BYTES_MAX))),
        (&full, None),
    ] {
        let (rest, _) = rest(None, [good(body)]);
        let expected = match why {
            Some(why) => Answer::Unreadable(why),
            None => Answer::Found(Page::default()),
        };
        let start = &body[..body.len().min(20)];
        assert_eq!(rest.accounts().await, expected, "{start}");
    }
    let words = Unreadable::TooLarge(8 << 20).to_string();
    assert_eq!(words, "the answer is larger than 8388608 bytes");
}

#[tokio::test]
async fn err_3_no_depth_of_an_error_body_is_too_much() {
    let deep = "[".repeat(10_000);
    for body in [deep.clone(), format!(r#"{{"type":"urn:p","x":{deep}"#)] {
        let (rest, _) = rest(None, [reply(404, &[], body)]);
        assert_eq!(rest.trade("1").await, Answer::Refused(Refused::of(404)));
    }
}

#[tokio::test]
async fn auth_6_a_redirect_is_an_answer() {
    for status in [301, 302, 303, 307, 308] {
        let location = [("location", "https://elsewhere.example/")];
        let (rest, script) = rest(None, [reply(status, &location, "")]);
        let answer = rest.trade("1").await;
        assert_eq!(answer, Answer::Refused(Refused::of(status)));
        assert_eq!(script.asked(), ["/trades/1"]);
    }
}

#[tokio::test]
async fn auth_4_after_a_401_no_further_request_leaves() {
    let (rest, script) = rest(None, [reply(401, &[], "")]);
    let refused = Answer::Refused(Refused::of(401));
    assert_eq!(rest.positions().await, refused);
    assert_eq!(rest.probe().await, Probe::Revoked);
    assert_eq!(rest.accounts().await, refused);
    assert_eq!(script.requests.lock().expect("no panic").len(), 1);
}

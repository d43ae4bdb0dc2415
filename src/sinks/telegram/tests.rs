//! Requests for the Bot API, and the reading of its answers.

use serde_json::json;

use super::super::samples::{
    self, PROXY_PAGE, facts, hostile, id, message, recorded_with_id, refused, reply, sent, sink,
    verdict, with,
};
use super::super::{Sink, Wording};
use super::*;

fn telegram(more: &Value) -> Sink {
    sink("telegram", &with("telegram", more))
}

#[test]
fn the_title_is_bold_by_its_place_and_nothing_is_markup() {
    let event = recorded_with_id("215");
    let wording = Wording::of(&event);
    let id = id();
    let sink = telegram(&json!({ "thread_id": 7 }));
    let body = sent(&sink, &message(&id, &event, &wording));
    let text = body["text"].as_str().expect("a text");
    let length = Unit::Utf16.of(&wording.title);
    assert_eq!(text, wording.whole());
    assert_eq!(
        body["entities"],
        json!([{ "type": "bold", "offset": 0, "length": length }])
    );
    assert_eq!(body["chat_id"], -1_001_234);
    assert_eq!(body["message_thread_id"], 7);
    assert!(body.get("parse_mode").is_none() && body.get("disable_notification").is_none());

    let quiet = Message {
        quiet: true,
        plain: true,
        ..message(&id, &event, &wording)
    };
    let body = sent(&sink, &quiet);
    assert!(body.get("entities").is_none(), "the plain form");
    assert_eq!(body["disable_notification"], true);
}

#[test]
fn the_address_holds_the_token_and_the_display_does_not() {
    let event = recorded_with_id("215");
    let wording = Wording::of(&event);
    let sink = telegram(&json!({ "server": "http://bots.example:8081/x/" }));
    let request = samples::request(&sink, &message(&id(), &event, &wording));
    assert_eq!(
        request.uri(),
        "http://bots.example:8081/x/bot110201543:s3cret_AAHdqTcvCH1vGWJxfSeo/sendMessage"
    );
    assert!(
        sink.display.starts_with("bots.example:8081 #"),
        "{}",
        sink.display
    );
}

#[test]
fn hostile_texts_fit_and_are_sent_as_they_are() {
    let id = id();
    let sink = telegram(&json!({}));
    for (event, wording) in hostile() {
        let body = sent(&sink, &message(&id, &event, &wording));
        let text = body["text"].as_str().expect("a text");
        assert!(Unit::Utf16.of(text) <= TEXT_MAX && !text.trim().is_empty());
        let bold = body["entities"][0]["length"].as_u64().expect("a length");
        let title: Vec<u16> = text
            .encode_utf16()
            .take(usize::try_from(bold).expect("short"))
            .collect();
        let title = String::from_utf16(&title).expect("cut between characters");
        assert!(
            bold as usize <= TITLE_MAX && wording.title.starts_with(title.trim_end_matches('…'))
        );
    }
}

#[test]
fn answers_are_read_by_their_words() {
    let sink = telegram(&json!({}));
    let check = |status: u16, body: &str, expected: &str| {
        assert_eq!(
            verdict(&sink, &reply(status, &[], body), &facts()),
            expected,
            "{body}"
        );
    };
    let refusal =
        |words: &str| json!({ "ok": false, "error_code": 400, "description": words }).to_string();
    check(200, r#"{"ok":true,"result":{"message_id":1}}"#, "delivered");
    check(200, "", "retry");
    check(200, "<html>", "retry");
    check(200, "{}", "retry");
    check(200, r#"{"ok":false}"#, "retry");
    check(400, &refusal("Bad Request: chat not found"), "suspend");
    check(
        400,
        &refusal("Bad Request: message thread not found"),
        "suspend",
    );
    check(
        400,
        &refusal("Bad Request: can't parse entities: x"),
        "plain",
    );
    check(400, &refusal("Bad Request: message is too long"), "dead");
    check(400, "", "slow");
    check(400, PROXY_PAGE, "slow");
    check(400, r#"{"ok":false}"#, "slow");
    check(400, r#"{"description":"chat not found"}"#, "slow");
    check(401, &refusal("Unauthorized"), "suspend");
    check(
        403,
        &refusal("Forbidden: bot was blocked by the user"),
        "suspend",
    );
    check(404, &refusal("Not Found"), "suspend");
    check(500, "", "retry");
    check(502, "<html>", "retry");
    let wait = json!({ "ok": false, "parameters": { "retry_after": 35 } }).to_string();
    check(429, &wait, "rest it 35");
    check(429, "", "rest it ?");
    let moved =
        json!({ "ok": false, "parameters": { "migrate_to_chat_id": -100_777 } }).to_string();
    let told = sink.translator.judge(&reply(400, &[], &moved), &facts());
    let Verdict::Suspend { reason } = told else {
        panic!("{told:?}");
    };
    assert!(reason.ends_with("set `chat_id = -100777`"), "{reason}");
    let plain = Facts {
        plain: true,
        ..facts()
    };
    let again = sink
        .translator
        .judge(&reply(400, &[], &refusal("entities")), &plain);
    assert!(matches!(again, Verdict::Dead { .. }), "{again:?}");
}

#[test]
fn wrong_options_are_refused_without_showing_the_token() {
    for (key, value) in [
        ("token", json!("s3cret")),
        ("token", json!("12:s3cret/../../x")),
        ("chat_id", json!("somebody")),
        ("chat_id", json!(1.5)),
        ("chat_id", json!("@na me")),
        ("thread_id", json!(0)),
        ("server", json!("ftp://s3cret")),
        ("server", json!("https://api.telegram.org/?x=s3cret")),
    ] {
        refused(
            "telegram",
            &with("telegram", &json!({ (key): value })),
            &format!("sinks.it.{key}"),
        );
    }
    for (chat, expected) in [("-100123", json!(-100_123)), ("@gold", json!("@gold"))] {
        let event = recorded_with_id("215");
        let wording = Wording::of(&event);
        let sink = telegram(&json!({ "chat_id": chat }));
        assert_eq!(
            sent(&sink, &message(&id(), &event, &wording))["chat_id"],
            expected
        );
    }
}

#[test]
fn it_asks_for_the_bot_and_for_the_chat() {
    let sink = telegram(&json!({ "chat_id": "@gold" }));
    let questions = sink.translator.questions();
    let asked: Vec<String> = questions
        .iter()
        .map(|question| match &question.request {
            Outgoing::Http(request) => request.uri().path_and_query().expect("a path").to_string(),
            other => panic!("{other:?}"),
        })
        .collect();
    let bot = "/bot110201543:s3cret_AAHdqTcvCH1vGWJxfSeo";
    assert_eq!(
        asked,
        [
            format!("{bot}/getMe"),
            format!("{bot}/getChat?chat_id=%40gold")
        ]
    );
    let read =
        |index: usize, status: u16, body: &str| (questions[index].read)(&reply(status, &[], body));
    let me = r#"{"ok":true,"result":{"username":"gold_bot"}}"#;
    assert_eq!(read(0, 200, me), Ok("the bot is `@gold_bot`".to_owned()));
    assert!(read(0, 401, "").expect_err("refused").contains("`token`"));
    assert!(
        read(0, 200, "<html>")
            .expect_err("no API")
            .contains("`server`")
    );
    let chat = r#"{"ok":true,"result":{"title":"Gold"}}"#;
    assert_eq!(
        read(1, 200, chat),
        Ok("it knows the chat `Gold`".to_owned())
    );
    assert!(
        read(1, 400, "{}")
            .expect_err("unknown")
            .contains("`chat_id`")
    );
}

#[test]
fn a_living_notification_is_a_message_that_is_changed() {
    let event = recorded_with_id("215");
    let wording = Wording::of(&event);
    let id = id();
    let sink = telegram(&json!({ "silent": true, "thread_id": 7 }));
    let living = crate::model::Living {
        key: "a".into(),
        message: Some("99".into()),
    };
    let edit = Message {
        living: Some(&living),
        quiet: true,
        ..message(&id, &event, &wording)
    };
    let request = samples::request(&sink, &edit);
    assert!(request.uri().path().ends_with("/editMessageText"));
    let body: Value = serde_json::from_slice(request.body()).expect("JSON");
    assert_eq!(body["message_id"], 99);
    assert_eq!(body["chat_id"], -1_001_234);
    assert!(body.get("disable_notification").is_none() && body.get("message_thread_id").is_none());
    let posted = reply(200, &[], r#"{"ok":true,"result":{"message_id":99}}"#);
    assert_eq!(sink.translator.posted(&posted).as_deref(), Some("99"));
    let edited = Facts {
        edit: true,
        ..facts()
    };
    for (words, expected) in [
        ("Bad Request: message is not modified: …", "delivered"),
        ("Bad Request: message to edit not found", "anew"),
        ("Bad Request: message can't be edited", "anew"),
        ("Bad Request: chat not found", "suspend"),
    ] {
        let body = json!({ "ok": false, "description": words }).to_string();
        assert_eq!(
            verdict(&sink, &reply(400, &[], &body), &edited),
            expected,
            "{words}"
        );
    }
}

//! Webhooks against the contract: vectors, somebody else's verifier, bodies, answers.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use standardwebhooks::Webhook as Verifier;

use bytes::Bytes;

use super::super::samples;
use super::super::samples::{
    SECRET, event, facts, hostile, id, message, now, recorded, recorded_with_id, refused, reply,
    sink, verdict, with,
};
use super::super::{Sink, Wording};
use super::signature::{self, Key, decoded_key, text_key};
use super::*;
use crate::model::{Event, Secret};

mod bodies;
mod secrets;

const OLD_SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

fn webhook(more: &serde_json::Value) -> Sink {
    sink("webhook", &with("webhook", more))
}

fn request_at(sink: &Sink, event: &Event, second: i64) -> Request<Bytes> {
    let id = id();
    let wording = Wording::of(event);
    let message = Message {
        now: jiff::Timestamp::from_second(second).expect("in range"),
        ..message(&id, event, &wording)
    };
    samples::request(sink, &message)
}

fn request(sink: &Sink, event: &Event) -> Request<Bytes> {
    request_at(sink, event, now().as_second())
}

fn body(sink: &Sink, event: &Event) -> String {
    String::from_utf8(request(sink, event).body().to_vec()).expect("UTF-8")
}

fn header<'a>(request: &'a Request<Bytes>, name: &str) -> &'a str {
    request.headers()[name].to_str().expect("visible")
}

#[test]
fn wh_1_the_published_vectors_come_out_exactly() {
    let key = |text: &str| decoded_key(&Secret::new(text.to_owned())).expect("a secret");
    let text = |text: &str| text_key(&Secret::new(text.to_owned())).expect("a secret");
    let body = br#"{"test": 2432232314}"#;
    assert_eq!(
        signature::standard(
            &key(SECRET),
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "1614265330",
            body
        ),
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    );
    let body = br#"{"email":"test@example.com","username":"test_user"}"#;
    assert_eq!(
        signature::standard(
            &key(OLD_SECRET),
            "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
            "1649367553",
            body
        ),
        "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw="
    );
    assert_eq!(
        signature::github(&text("It's a Secret to Everybody"), b"Hello, World!"),
        "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    );
    assert_eq!(
        signature::stripe(&text("whsec_test"), "1700000000", br#"{"a":1}"#),
        "v1=38877139021993b830af32feea6e18a8da83eb2f6e49ee50bd9e4cf4ca4d3789"
    );
    // Slack's scheme for requests of its own is not offered; its vector checks the same code.
    assert_eq!(
        text("whsec_test").hex(&[b"v0:", b"1700000000", b":", br#"{"a":1}"#]),
        "f04bd9e0c5d03edbe596ab3f50a86f81064aec89f1902e9938b740e7a60acfeb"
    );
}

#[test]
fn wh_2_the_id_stays_and_the_time_and_the_signature_are_new() {
    let sink = webhook(&json!({}));
    let event = recorded_with_id("215");
    let first = request_at(&sink, &event, 1_781_165_130);
    let second = request_at(&sink, &event, 1_781_165_135);
    assert_eq!(header(&first, "webhook-id"), header(&second, "webhook-id"));
    assert!(!header(&first, "webhook-id").contains('.'));
    assert_eq!(header(&second, "webhook-timestamp"), "1781165135");
    assert_ne!(
        header(&first, "webhook-signature"),
        header(&second, "webhook-signature")
    );
}

#[test]
fn wh_3_the_body_is_what_was_signed_and_the_same_on_every_attempt() {
    let key = decoded_key(&Secret::new(SECRET.to_owned())).expect("a secret");
    for choice in ["event", "canonical", "cloudevents", "{{ event.type }}"] {
        let sink = webhook(&json!({ "body": choice }));
        for event in recorded() {
            let first = request_at(&sink, &event, 1_781_165_130);
            let second = request_at(&sink, &event, 1_781_168_730);
            assert_eq!(first.body(), second.body(), "{choice}");
            let expected = signature::standard(
                &key,
                header(&first, "webhook-id"),
                header(&first, "webhook-timestamp"),
                first.body(),
            );
            assert_eq!(header(&first, "webhook-signature"), expected);
        }
    }
}

#[test]
fn wh_4_wh_5_somebody_elses_verifier_accepts_either_secret_and_no_changed_byte() {
    let sink = webhook(&json!({ "secret": [SECRET, OLD_SECRET] }));
    // The verifier looks at the clock, so this one test takes the time from it, too.
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("after 1970")
        .as_secs();
    let second = i64::try_from(now).expect("in range");
    for event in recorded() {
        let request = request_at(&sink, &event, second);
        let signatures: Vec<&str> = header(&request, "webhook-signature").split(' ').collect();
        assert_eq!(signatures.len(), 2);
        assert!(signatures.iter().all(|one| one.starts_with("v1,")));
        for (secret, signature) in [(SECRET, signatures[0]), (OLD_SECRET, signatures[1])] {
            let verifier = Verifier::new(secret).expect("a secret");
            let alone = verifier.sign(header(&request, "webhook-id"), second, request.body());
            assert_eq!(alone.expect("UTF-8"), signature, "newest first");
            verifier
                .verify(request.body(), request.headers())
                .expect("accepted");
            let mut changed = request.body().to_vec();
            changed[10] ^= 1;
            assert!(verifier.verify(&changed, request.headers()).is_err());
        }
        let foreign = Verifier::new("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA").expect("a secret");
        assert!(foreign.verify(request.body(), request.headers()).is_err());
    }
}

#[test]
fn wh_6_a_secret_that_is_none_is_a_mistake_in_the_configuration() {
    let of = |bytes: usize| format!("whsec_{}", STANDARD.encode(vec![7; bytes]));
    for wrong in [
        "whsec_",
        "s3cret",
        "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "whsec_not base64 at all!!!!!!!!!!!!!!!!!!",
        "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oDAA",
        &of(23),
        &of(65),
    ] {
        refused(
            "webhook",
            &with("webhook", &json!({ "secret": wrong })),
            "sinks.it.secret",
        );
        let list = json!({ "secret": [SECRET, wrong] });
        refused("webhook", &with("webhook", &list), "sinks.it.secret[1]");
    }
    for right in [of(24), of(32), of(64)] {
        webhook(&json!({ "secret": right }));
    }
    refused(
        "webhook",
        &json!({ "url": "https://example.org/s3cret" }),
        "sinks.it",
    );
    refused(
        "webhook",
        &with("webhook", &json!({ "secret": [] })),
        "sinks.it",
    );
}

#[test]
fn wh_7_other_schemes_sign_as_their_vendors_do() {
    let event = recorded_with_id("215");
    let secrets = json!({ "signature": "github", "secret": ["new s3cret", "old"] });
    let github = request(&webhook(&secrets), &event);
    let expected = signature::github(&Key::new(b"new s3cret"), github.body());
    assert_eq!(
        header(&github, "x-hub-signature-256"),
        expected,
        "one value only"
    );
    assert_eq!(header(&github, "x-github-event"), "tp_hit");
    assert_eq!(header(&github, "x-github-delivery"), id().as_str());
    assert!(!github.headers().contains_key("webhook-signature"));

    let secrets = json!({ "signature": "stripe", "secret": ["new", "old"] });
    let stripe = request(&webhook(&secrets), &event);
    let time = now().as_second().to_string();
    let signed = |key: &[u8]| signature::stripe(&Key::new(key), &time, stripe.body());
    let expected = format!("t={time},{},{}", signed(b"new"), signed(b"old"));
    assert_eq!(header(&stripe, "stripe-signature"), expected);

    let bare = json!({ "url": "https://example.org/", "signature": "none" });
    let none = request(&sink("webhook", &bare), &event);
    for name in [
        "webhook-signature",
        "x-hub-signature-256",
        "stripe-signature",
    ] {
        assert!(!none.headers().contains_key(name), "{name}");
    }
    assert_eq!(header(&none, "webhook-id"), id().as_str());
}

#[test]
fn wh_4_wh_7_several_schemes_go_beside_each_other_with_the_same_secrets() {
    let event = recorded_with_id("215");
    let options = |signature: serde_json::Value| json!({ "signature": signature, "secret": [SECRET, OLD_SECRET] });
    let alone = |scheme: &str| request(&webhook(&options(json!(scheme))), &event);
    let (standard, github, stripe) = (alone("standard"), alone("github"), alone("stripe"));
    for (schemes, headers) in [
        (json!(["standard"]), vec![(&standard, "webhook-signature")]),
        (
            json!(["github", "standard"]),
            vec![
                (&standard, "webhook-signature"),
                (&github, "x-hub-signature-256"),
                (&github, "x-github-event"),
                (&github, "x-github-delivery"),
            ],
        ),
        (
            json!(["stripe", "standard", "github"]),
            vec![
                (&standard, "webhook-signature"),
                (&github, "x-hub-signature-256"),
                (&stripe, "stripe-signature"),
            ],
        ),
    ] {
        let sink = webhook(&options(schemes.clone()));
        let both = request(&sink, &event);
        for (one, name) in &headers {
            assert_eq!(header(&both, name), header(one, name), "{schemes}");
        }
        let signatures = [
            "webhook-signature",
            "x-hub-signature-256",
            "stripe-signature",
        ];
        let there = signatures
            .iter()
            .filter(|name| both.headers().contains_key(**name));
        let wanted = schemes.as_array().map(Vec::len);
        assert_eq!(Some(there.count()), wanted, "{schemes}: and no other");
        let refused = sink.translator.judge(&reply(401, &[], ""), &facts());
        let reason = refused.reason().unwrap_or_default();
        assert!(reason.contains("clocks"), "{reason}");
    }
}

#[test]
fn nonsense_among_the_schemes_is_a_mistake_with_help() {
    for (schemes, key, help) in [
        (
            json!(["standard", "standard"]),
            "signature[1]",
            "each scheme once",
        ),
        (
            json!(["none", "none"]),
            "signature[0]",
            "leave it out to sign",
        ),
        (
            json!(["none", "github"]),
            "signature[0]",
            "leave it out to sign",
        ),
        (
            json!(["github", "none"]),
            "signature[1]",
            "leave it out to sign",
        ),
        (
            json!(["github", "strpe"]),
            "signature[1]",
            "did you mean `stripe`",
        ),
        (json!("githb"), "signature", "did you mean `github`"),
        (json!([]), "signature", "`signature = \"none\"`"),
    ] {
        let options = with("webhook", &json!({ "signature": schemes }));
        let problems = samples::try_sink("webhook", &options).expect_err("wrong");
        let problem = problems.first().expect("a problem");
        assert_eq!(problem.path, format!("sinks.it.{key}"), "{schemes}");
        let told = problem.help.as_deref().unwrap_or_default();
        assert!(told.contains(help), "{schemes}: {told}");
    }
    // A secret that only one of the schemes can use is a mistake of that one.
    let text = with(
        "webhook",
        &json!({ "signature": ["github", "standard"], "secret": "a text" }),
    );
    refused("webhook", &text, "sinks.it.secret");
}

#[test]
fn wh_8_few_answers_are_final() {
    let sink = webhook(&json!({}));
    for (status, expected) in [
        (200, "delivered"),
        (202, "delivered"),
        (301, "retry"),
        (307, "retry"),
        (400, "slow"),
        (401, "slow"),
        (403, "slow"),
        (404, "slow"),
        (405, "slow"),
        (409, "slow"),
        (410, "suspend"),
        (413, "dead"),
        (415, "dead"),
        (422, "dead"),
        (431, "dead"),
        (429, "rest it ?"),
        (500, "retry"),
        (503, "retry"),
        (599, "retry"),
    ] {
        let answer = reply(status, &[], "s3cret");
        assert_eq!(verdict(&sink, &answer, &facts()), expected, "{status}");
    }
    let abort = reply(500, &[("webhook-delivery", "abort-message")], "");
    assert_eq!(verdict(&sink, &abort, &facts()), "dead");
    let soon = reply(404, &[("retry-after", "9")], "");
    assert_eq!(verdict(&sink, &soon, &facts()), "rest it 9");
    let refused = sink.translator.judge(&reply(401, &[], ""), &facts());
    let reason = refused.reason().unwrap_or_default();
    assert!(reason.contains("clocks"), "{reason}");
}

#[test]
fn headers_and_user_info_reach_the_receiver_and_nobody_else() {
    let sink = webhook(&json!({
        "url": "http://me:s3cret@example.org:8123/x?y=s3cret#z",
        "method": "PUT",
        "headers": { "X-Api-Key": "s3cret", "Content-Type": "application/vnd.x+json" },
    }));
    assert!(!format!("{sink:?}").contains("s3cret"));
    let request = request(&sink, &recorded_with_id("215"));
    assert_eq!(request.method(), "PUT");
    assert_eq!(request.uri(), "http://example.org:8123/x?y=s3cret");
    assert_eq!(header(&request, "authorization"), "Basic bWU6czNjcmV0");
    assert_eq!(header(&request, "x-api-key"), "s3cret");
    assert_eq!(header(&request, "content-type"), "application/vnd.x+json");
    assert!(!format!("{:?}", request.headers()).contains("s3cret"));
}

#[test]
fn wrong_options_are_refused() {
    for (options, key) in [
        (json!({ "signature": "sha1" }), "signature"),
        (json!({ "body": "evnt" }), "body"),
        (json!({ "method": "GET" }), "method"),
        (
            json!({ "headers": { "Webhook-Id": "1" } }),
            "headers.Webhook-Id",
        ),
        (json!({ "headers": { "a b": "1" } }), "headers.\"a b\""),
        (json!({ "headers": { "a": "s3cret\n" } }), "headers.a"),
    ] {
        refused(
            "webhook",
            &with("webhook", &options),
            &format!("sinks.it.{key}"),
        );
    }
}

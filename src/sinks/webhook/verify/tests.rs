//! Captured requests against the verdicts that their makers would expect.
//!
//! What is to be accepted is signed by the sink itself or by somebody else's library; what is to be
//! refused is such a request with one thing done to it.

use serde_json::json;
use standardwebhooks::Webhook as Signer;

use super::super::signature::{Key, github, standard, stripe};
use super::*;
use crate::sinks::Wording;
use crate::sinks::samples::{self, SECRET, id, message, now, recorded_with_id, sink, with};

mod faults;

const OLD_SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

/// A body that every change shows in: a key that JavaScript leaves where it is, digits, an umlaut, a slash.
const BODY: &str = r#"{"type":"tp_hit","data":{"label":"Größe 1/2","n":[1,2.50,{}]}}"#;

fn secrets(texts: &[&str]) -> Vec<Secret> {
    texts
        .iter()
        .map(|text| Secret::new((*text).to_owned()))
        .collect()
}

/// A capture with these headers and this body.
fn capture(headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Vec<u8> {
    let lines = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"));
    let head: String = lines.collect();
    [
        b"POST /hook HTTP/1.1\r\n",
        head.as_bytes(),
        b"\r\n",
        body.as_ref(),
    ]
    .concat()
}

/// A capture that is signed by these bytes in the way of Standard Webhooks.
fn signed_standard(key: &[u8], signed: &[u8], body: impl AsRef<[u8]>) -> Vec<u8> {
    let time = now().as_second().to_string();
    let signature = standard(&Key::new(key), "msg_1", &time, signed);
    let headers = [
        ("Webhook-Id", "msg_1"),
        ("Webhook-Timestamp", time.as_str()),
        ("Webhook-Signature", signature.as_str()),
    ];
    capture(&headers, body)
}

fn key_bytes() -> Vec<u8> {
    use base64::Engine;
    let encoded = SECRET.trim_start_matches("whsec_");
    base64::engine::general_purpose::STANDARD
        .decode(encoded)
        .expect("base64")
}

fn findings(capture: &[u8], secrets_given: &[&str], received: Timestamp) -> Vec<Finding> {
    let captured = Captured::read(capture).expect("a request");
    verify(&captured, &secrets(secrets_given), received, TOLERANCE)
}

/// What becomes of the one scheme of a request that has just been signed.
fn outcome(capture: &[u8], secrets_given: &[&str]) -> Result<usize, Fault> {
    let mut findings = findings(capture, secrets_given, now());
    assert_eq!(findings.len(), 1, "{findings:?}");
    let finding = findings.remove(0);
    assert_eq!(finding.clock, None, "it was signed just now");
    finding.outcome
}

/// What the sink itself would send, as it would be captured.
fn sent(options: &serde_json::Value) -> Vec<u8> {
    let event = recorded_with_id("215");
    let (id, wording) = (id(), Wording::of(&event));
    let request = samples::request(
        &sink("webhook", &with("webhook", options)),
        &message(&id, &event, &wording),
    );
    let headers = request.headers().iter();
    let headers: Vec<_> = headers
        .map(|(name, value)| (name.as_str(), value.to_str().expect("visible")))
        .collect();
    capture(&headers, request.body())
}

#[test]
fn what_the_sink_sends_is_genuine_in_every_scheme_and_body() {
    for scheme in ["standard", "github", "stripe"] {
        for body in [
            "event",
            "canonical",
            "cloudevents",
            r#"{"a": {{ data|tojson }} }"#,
        ] {
            let options =
                json!({ "signature": scheme, "body": body, "secret": [SECRET, OLD_SECRET] });
            let capture = sent(&options);
            let found = findings(&capture, &["whsec_Zm9yZWlnbg==", SECRET], now());
            assert_eq!(found.len(), 1, "{scheme}");
            assert_eq!(found[0].scheme.map(Scheme::name), Some(scheme));
            assert_eq!(found[0].outcome, Ok(1), "{scheme}, {body}");
            let time = (scheme != "github").then(now);
            assert_eq!(
                found[0].signed.map(Timestamp::as_second),
                time.map(Timestamp::as_second)
            );
            // GitHub's header has room for the newest alone.
            let old = outcome(&capture, &[OLD_SECRET]);
            match scheme {
                "github" => assert_eq!(old, Err(Fault::Unknown { length: None })),
                _ => assert_eq!(old, Ok(0), "{scheme}"),
            }
        }
    }
}

#[test]
fn every_scheme_beside_the_others_has_a_finding_of_its_own() {
    let options =
        json!({ "signature": ["standard", "github", "stripe"], "secret": [SECRET, OLD_SECRET] });
    let found = findings(&sent(&options), &[OLD_SECRET], now());
    let told: Vec<_> = found
        .iter()
        .map(|finding| (finding.scheme.map(Scheme::name), finding.is_genuine()))
        .collect();
    let expected = [("standard", true), ("github", false), ("stripe", true)];
    assert_eq!(told, expected.map(|(name, genuine)| (Some(name), genuine)));
}

#[test]
fn what_somebody_elses_library_signs_is_genuine_also_under_older_names() {
    let second = now().as_second();
    let time = second.to_string();
    let signature = Signer::new(SECRET)
        .and_then(|signer| signer.sign("msg_2", second, BODY.as_bytes()))
        .expect("signs");
    for prefix in ["webhook", "svix", "WEBHOOK"] {
        let names = ["id", "timestamp", "signature"].map(|name| format!("{prefix}-{name}"));
        let headers = [
            (names[0].as_str(), "msg_2"),
            (names[1].as_str(), time.as_str()),
            (names[2].as_str(), signature.as_str()),
        ];
        // Libraries take a secret without its prefix, too.
        for secret in [SECRET, SECRET.trim_start_matches("whsec_")] {
            assert_eq!(
                outcome(&capture(&headers, BODY), &[secret]),
                Ok(0),
                "{prefix}"
            );
        }
        let mut changed = BODY.as_bytes().to_vec();
        changed[10] ^= 1;
        let fault = outcome(&capture(&headers, changed), &[SECRET]);
        assert_eq!(fault, Err(Fault::Unknown { length: None }), "{prefix}");
    }
}

// The vectors that the vendors publish, or that their own libraries give.
#[test]
fn published_requests_are_genuine() {
    let hello = [(
        "X-Hub-Signature-256",
        "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
    )];
    let secret = "It's a Secret to Everybody";
    assert_eq!(outcome(&capture(&hello, "Hello, World!"), &[secret]), Ok(0));
    let signature =
        "t=1700000000,v0=00,v1=38877139021993b830af32feea6e18a8da83eb2f6e49ee50bd9e4cf4ca4d3789";
    let found = findings(
        &capture(&[("Stripe-Signature", signature)], r#"{"a":1}"#),
        &["whsec_test"],
        Timestamp::from_second(1_700_000_000).expect("in range"),
    );
    assert_eq!(found[0].outcome, Ok(0));
    let headers = [
        ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
        ("webhook-timestamp", "1614265330"),
        (
            "webhook-signature",
            "v1a,xxxx v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE= v1,bm90IHRoaXM=",
        ),
    ];
    let found = findings(
        &capture(&headers, r#"{"test": 2432232314}"#),
        &[SECRET],
        Timestamp::from_second(1_614_265_330).expect("in range"),
    );
    assert_eq!(found[0].outcome, Ok(0));
}

#[test]
fn five_minutes_are_in_time_on_either_side_and_a_second_more_is_not() {
    let at = now().as_second();
    for scheme in ["standard", "stripe"] {
        let capture = sent(&json!({ "signature": scheme, "secret": SECRET }));
        for (received, off) in [
            (300, None),
            (-300, None),
            (301, Some(false)),
            (-301, Some(true)),
        ] {
            let received = Timestamp::from_second(at + received).expect("in range");
            let found = &findings(&capture, &[SECRET], received)[0];
            let expected = off.map(|is_ahead| {
                let off = Duration::from_secs(301);
                Fault::Clock(Clock { off, is_ahead })
            });
            assert_eq!(found.outcome.clone().err(), expected, "{scheme} {received}");
            assert_eq!(found.clock, None, "it is the fault itself");
        }
        // A signature that does not fit is the fault, and the clock is told besides.
        let received = Timestamp::from_second(at + 400).expect("in range");
        let found = &findings(&capture, &[OLD_SECRET], received)[0];
        assert_eq!(found.outcome, Err(Fault::Unknown { length: None }));
        assert_eq!(found.clock.map(|clock| clock.off.as_secs()), Some(400));
    }
}

#[test]
fn a_capture_is_read_with_either_line_end_with_a_request_line_or_without() {
    let time = now().as_second().to_string();
    let key = key_bytes();
    // The body has an empty line of its own, and no line end at its end.
    let body = "a\r\n\r\nb\n";
    let signature = standard(&Key::new(&key), "msg_1", &time, body.as_bytes());
    for start in [
        "",
        "POST / HTTP/1.1\n",
        "POST http://x/y HTTP/1.1\n",
        ":method: POST\n:path: /\n",
        "\u{feff}",
    ] {
        for end in ["\n", "\r\n"] {
            let head = format!(
                "{start}Host: x\nwebhook-id:msg_1\nWEBHOOK-TIMESTAMP:  {time} \nwebhook-signature: {signature}\n\n"
            );
            let capture = format!("{}{body}", head.replace('\n', end));
            assert_eq!(outcome(capture.as_bytes(), &[SECRET]), Ok(0), "{capture:?}");
        }
    }
    for (text, told) in [
        ("", "no empty line"),
        ("a: b\n", "no empty line"),
        (
            "POST / HTTP/1.1\na: b\nsome words\n\n",
            "line 3 is no header",
        ),
        ("{\"log\": 1}\n\n", "line 1 is no header"),
        ("a: b\nPOST / HTTP/1.1\n\n", "line 2 is no header"),
    ] {
        let error = Captured::read(text.as_bytes()).err().expect("no request");
        assert!(error.contains(told), "{text:?}: {error}");
        assert!(!error.contains("words"), "nothing of it is repeated");
    }
}

//! What each form of a switch is told, by its documentation.

use http::HeaderMap;

use super::*;
use crate::model::Secret;

fn switch(form: HeartbeatForm, url: &str) -> Switch {
    let config = HeartbeatConfig {
        url: Secret::new(url.to_owned()),
        every: Duration::from_secs(60),
        form,
    };
    Switch::new(&config).expect("an address")
}

fn down() -> Word {
    Word::Down(vec![
        "sink `phone` is failing: 5 & 6".to_owned(),
        "source `ttmt` is away".to_owned(),
    ])
}

/// The request as `METHOD address body`.
fn told(switch: &Switch, word: &Word) -> String {
    let request = switch.request(word).expect("a request");
    let body = std::str::from_utf8(request.body()).expect("text");
    let told = format!("{} {} {body}", request.method(), request.uri());
    told.trim_end().to_owned()
}

#[track_caller]
fn check(form: HeartbeatForm, url: &str, expected: [&str; 3]) {
    let switch = switch(form, url);
    let words = [Word::Start, Word::Up, down()];
    let all: Vec<String> = words.iter().map(|word| told(&switch, word)).collect();
    assert_eq!(all, expected, "{url}");
}

#[test]
fn a_plain_switch_is_only_asked_for() {
    let switch = switch(HeartbeatForm::Plain, "https://example.org/ping?a=b%20c");
    assert_eq!(
        told(&switch, &Word::Up),
        "GET https://example.org/ping?a=b%20c"
    );
    assert!(!switch.hears_starts());
    assert!(!switch.hears_failures());
}

#[test]
fn healthchecks_has_addresses_below_that_of_the_check() {
    let reasons = "sink `phone` is failing: 5 & 6\nsource `ttmt` is away";
    check(
        HeartbeatForm::Healthchecks,
        "https://hc-ping.com/5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278",
        [
            "GET https://hc-ping.com/5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278/start",
            "GET https://hc-ping.com/5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278",
            &format!(
                "POST https://hc-ping.com/5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278/fail {reasons}"
            ),
        ],
    );
    check(
        HeartbeatForm::Healthchecks,
        "https://hc.example.org/ping/key/bridge/?create=1",
        [
            "GET https://hc.example.org/ping/key/bridge/start?create=1",
            "GET https://hc.example.org/ping/key/bridge/?create=1",
            &format!("POST https://hc.example.org/ping/key/bridge/fail?create=1 {reasons}"),
        ],
    );
}

#[test]
fn uptime_kuma_takes_all_of_it_in_the_query() {
    let reasons = "sink+%60phone%60+is+failing%3A+5+%26+6%3B+source+%60ttmt%60+is+away";
    let (up, base) = (
        "status=up&msg=OK&ping=",
        "http://kuma.local:3001/api/push/t0ken",
    );
    let down = format!("GET {base}?status=down&msg={reasons}&ping=");
    let up = format!("GET {base}?{up}");
    // As Uptime Kuma shows it, and without what it adds.
    for url in [format!("{base}?status=up&msg=OK&ping="), base.to_owned()] {
        check(HeartbeatForm::UptimeKuma, &url, [&up, &up, &down]);
    }
    let up = format!("GET {base}?via=a%26b&msg=Fine&status=up&ping=");
    check(
        HeartbeatForm::UptimeKuma,
        &format!("{base}?via=a%26b&msg=Fine"),
        [
            &up,
            &up,
            &format!("GET {base}?via=a%26b&status=down&msg={reasons}&ping="),
        ],
    );
}

#[test]
fn reasons_are_cut_in_whole_characters() {
    let word = Word::Down(vec!["ä".repeat(50_000)]);
    let address = "https://example.org/x";
    let healthchecks = switch(HeartbeatForm::Healthchecks, address).request(&word);
    let body = healthchecks.expect("a request").into_body();
    assert_eq!(body.len(), BODY_BYTES_MAX);
    assert!(std::str::from_utf8(&body).is_ok());
    let kuma = switch(HeartbeatForm::UptimeKuma, address).request(&word);
    let kuma = kuma.expect("a request");
    let query = kuma.uri().query().expect("a query");
    assert!(query.len() < 3 * QUERY_BYTES_MAX + 50, "{}", query.len());
    assert!(query.contains(&"%C3%A4".repeat(QUERY_BYTES_MAX / 2)));
}

#[test]
fn the_address_is_a_credential() {
    let secret = switch(
        HeartbeatForm::Plain,
        "https://me:p%40ss@example.org/s3cret?token=t0ken#part",
    );
    let request = secret.request(&Word::Up).expect("a request");
    assert_eq!(
        request.uri().to_string(),
        "https://example.org/s3cret?token=t0ken"
    );
    // `me:p@ss` in base64.
    assert_eq!(request.headers()[AUTHORIZATION], "Basic bWU6cEBzcw==");
    let shown = format!("{secret:?} {}", secret.place);
    assert!(secret.place.starts_with("example.org #"), "{shown}");
    for part in ["s3cret", "t0ken", "p@ss", "p%40ss"] {
        assert!(!shown.contains(part), "{shown}");
    }
    let blocked = |url| switch(HeartbeatForm::Plain, url).is_blocked();
    assert!(blocked("http://169.254.169.254/ping"));
    assert!(!blocked("http://192.168.1.2/ping"));
}

#[test]
fn only_what_was_taken_counts() {
    let judge = |form, status, body: &str| {
        let reply = Reply {
            status,
            headers: HeaderMap::new(),
            body: Bytes::copy_from_slice(body.as_bytes()),
        };
        switch(form, "https://example.org/x").judge(&reply)
    };
    let forms = [
        HeartbeatForm::Plain,
        HeartbeatForm::Healthchecks,
        HeartbeatForm::UptimeKuma,
    ];
    for form in forms {
        assert_eq!(judge(form, 200, "OK"), Ok(()));
        assert_eq!(judge(form, 201, ""), Ok(()), "a check that it has made");
        for status in [199, 301, 404, 500] {
            let expected = Err(format!("it answers with status {status}"));
            assert_eq!(judge(form, status, "t0ken"), expected);
        }
    }
    let healthchecks = |body| judge(HeartbeatForm::Healthchecks, 200, body);
    assert!(healthchecks("OK (not found)").is_err());
    assert!(healthchecks("OK (rate limited)").is_err());
    assert_eq!(judge(HeartbeatForm::Plain, 200, "OK (not found)"), Ok(()));
}

//! One thing done to a request at a time, and the one cause that is named.

use super::*;

#[test]
fn what_happened_to_the_body_is_named_when_a_signature_proves_it() {
    let compact = BODY;
    let spaced = r#"{"type": "tp_hit", "data": {"label": "Größe 1/2", "n": [1, 2.50, {}]}}"#;
    let escaped =
        r#"{"type": "tp_hit", "data": {"label": "Gr\u00f6\u00dfe 1/2", "n": [1, 2.50, {}]}}"#;
    let slashed = r#"{"type":"tp_hit","data":{"label":"Gr\u00f6\u00dfe 1\/2","n":[1,2.50,{}]}}"#;
    let two = "{\n  \"type\": \"tp_hit\",\n  \"data\": {\n    \"label\": \"Größe 1/2\",\n    \"n\": [\n      1,\n      2.50,\n      {}\n    ]\n  }\n}";
    let four = two.replace("  ", "    ");
    let as_script = r#"{"a":2.5,"b":1e+21}"#;
    let chunked = format!("{:x};x=y\r\n{BODY}\r\n0\r\n\r\n", BODY.len());
    let latin: String = BODY.bytes().map(char::from).collect();
    let base64 = {
        use base64::Engine;
        base64::engine::general_purpose::STANDARD.encode(BODY)
    };
    let line = format!("{compact}\n");
    let lines = "a\nb\n";
    for (signed, arrived, change) in [
        (compact, format!("{compact}\n"), Change::LineBreakAdded),
        (compact, format!("{compact}\r\n"), Change::LineBreakAdded),
        (&line, format!("{line}\n"), Change::LineBreakAdded),
        (&line, format!("{line}\r\n"), Change::LineBreakAdded),
        (compact, format!("{compact}\n\n\n"), Change::LineBreakAdded),
        (&line, compact.to_owned(), Change::LineBreakLost),
        (
            &format!("{compact}\r\n"),
            compact.to_owned(),
            Change::LineBreakLost,
        ),
        (lines, lines.replace('\n', "\r\n"), Change::LineEndsLong),
        (
            &lines.replace('\n', "\r\n"),
            lines.to_owned(),
            Change::LineEndsShort,
        ),
        (compact, format!("\u{feff}{compact}"), Change::MarkAdded),
        (
            &format!("\u{feff}{compact}"),
            compact.to_owned(),
            Change::MarkLost,
        ),
        (compact, chunked, Change::Chunked),
        (compact, base64, Change::Base64),
        (compact, latin, Change::Latin1),
        (compact, spaced.to_owned(), Change::JsonCompact),
        (slashed, compact.to_owned(), Change::JsonCompact),
        (
            as_script,
            r#"{"a": 2.50, "b": 1E21}"#.to_owned(),
            Change::JsonCompact,
        ),
        (&line, spaced.to_owned(), Change::JsonCompact),
        (spaced, compact.to_owned(), Change::JsonSpaced),
        (escaped, compact.to_owned(), Change::JsonSpaced),
        (two, compact.to_owned(), Change::JsonIndented),
        (&four, spaced.to_owned(), Change::JsonIndented),
        (
            &format!("{two}\n"),
            format!("\u{feff}{spaced}"),
            Change::JsonIndented,
        ),
    ] {
        let capture = signed_standard(&key_bytes(), signed.as_bytes(), &arrived);
        let found = outcome(&capture, &[OLD_SECRET, SECRET]);
        assert_eq!(
            found,
            Err(Fault::Changed(change)),
            "{signed:?} became {arrived:?}"
        );
        // Without the secret nothing is proven, and nothing is claimed.
        let found = outcome(&capture, &[OLD_SECRET]);
        assert_eq!(found, Err(Fault::Unknown { length: None }), "{change:?}");
    }
}

#[test]
fn the_other_schemes_prove_what_happened_to_a_body_as_well() {
    let time = now().as_second().to_string();
    let secret = "s3cret";
    let key = Key::new(secret.as_bytes());
    let arrived = format!("{BODY}\n");
    let github = github(&key, BODY.as_bytes());
    let stripe = format!("t={time},{}", stripe(&key, &time, BODY.as_bytes()));
    for header in [
        ("x-hub-signature-256", github.as_str()),
        ("stripe-signature", &stripe),
    ] {
        let found = outcome(&capture(&[header], &arrived), &[secret]);
        assert_eq!(
            found,
            Err(Fault::Changed(Change::LineBreakAdded)),
            "{}",
            header.0
        );
    }
}

#[test]
fn a_body_of_another_length_than_was_sent_is_told() {
    let time = now().as_second().to_string();
    let signature = standard(&Key::new(&key_bytes()), "msg_1", &time, BODY.as_bytes());
    let length = BODY.len().to_string();
    let headers = [
        ("webhook-id", "msg_1"),
        ("webhook-timestamp", time.as_str()),
        ("webhook-signature", signature.as_str()),
        ("content-length", length.as_str()),
    ];
    let longer = capture(&headers, format!("{BODY}POST / HTTP/1.1"));
    assert_eq!(
        outcome(&longer, &[SECRET]),
        Err(Fault::Changed(Change::Longer))
    );
    let shorter = capture(&headers, &BODY[..20]);
    let length = Some((BODY.len(), 20));
    assert_eq!(outcome(&shorter, &[SECRET]), Err(Fault::Unknown { length }));
}

#[test]
fn how_a_secret_was_misread_is_named_when_a_signature_proves_it() {
    let bare = SECRET.trim_start_matches("whsec_");
    let hexadecimal: String = key_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let of_addresses = "whsec_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-w";
    let bytes_of_addresses = {
        use base64::Engine;
        let text = of_addresses.trim_start_matches("whsec_");
        base64::engine::general_purpose::URL_SAFE_NO_PAD
            .decode(text)
            .expect("base64")
    };
    let line = format!("{SECRET}\n");
    for (given, key, misread) in [
        (SECRET, SECRET.as_bytes(), Misread::Text),
        (SECRET, bare.as_bytes(), Misread::TextWithoutPrefix),
        (bare, SECRET.as_bytes(), Misread::TextWithPrefix),
        (SECRET, line.as_bytes(), Misread::WithLineBreak),
        (line.as_str(), &key_bytes(), Misread::Trimmed),
        (
            of_addresses,
            &bytes_of_addresses,
            Misread::Base64OfAddresses,
        ),
        (hexadecimal.as_str(), &key_bytes(), Misread::Hexadecimal),
    ] {
        let capture = signed_standard(key, BODY.as_bytes(), BODY);
        let found = outcome(&capture, &[given]);
        assert_eq!(found, Err(Fault::Misread(misread)), "standard");
    }
    for (given, key, misread) in [
        (SECRET, key_bytes(), Misread::Base64),
        (SECRET, bare.into(), Misread::TextWithoutPrefix),
        (bare, SECRET.into(), Misread::TextWithPrefix),
        (SECRET, line.clone().into(), Misread::WithLineBreak),
        (line.as_str(), SECRET.into(), Misread::Trimmed),
        (hexadecimal.as_str(), key_bytes(), Misread::Hexadecimal),
    ] {
        let signature = github(&Key::new(&key), BODY.as_bytes());
        let capture = capture(&[("x-hub-signature-256", &signature)], BODY);
        assert_eq!(
            outcome(&capture, &[given]),
            Err(Fault::Misread(misread)),
            "github"
        );
    }
}

#[test]
fn a_secret_that_the_scheme_cannot_use_is_told_where_it_is_the_only_one() {
    let capture = signed_standard(&key_bytes(), BODY.as_bytes(), BODY);
    assert_eq!(outcome(&capture, &["no base64!"]), Err(Fault::NoKey));
    assert_eq!(outcome(&capture, &["no base64!", SECRET]), Ok(1));
    let both = outcome(&capture, &["no base64!", OLD_SECRET]);
    assert_eq!(both, Err(Fault::Unknown { length: None }));
}

#[test]
fn something_else_than_the_scheme_says_was_signed() {
    let time = now().as_second().to_string();
    let key = Key::new(&key_bytes());
    let code = |parts: &[&[u8]]| {
        use base64::Engine;
        let code = key.code(parts);
        format!(
            "v1,{}",
            base64::engine::general_purpose::STANDARD.encode(code)
        )
    };
    let (id, at, body) = (b"msg_1".as_slice(), time.as_bytes(), BODY.as_bytes());
    let right = code(&[id, b".", at, b".", body]);
    let exchanged = code(&[at, b".", id, b".", body]);
    let without_id = code(&[at, b".", body]);
    let alone = code(&[body]);
    for (id, time, signature, other) in [
        (time.as_str(), "msg_1", &right, OtherContent::Exchanged),
        ("msg_1", time.as_str(), &exchanged, OtherContent::Exchanged),
        ("msg_1", time.as_str(), &without_id, OtherContent::WithoutId),
        ("msg_1", time.as_str(), &alone, OtherContent::BodyAlone),
    ] {
        let headers = [
            ("webhook-id", id),
            ("webhook-timestamp", time),
            ("webhook-signature", signature),
        ];
        let found = outcome(&capture(&headers, BODY), &[SECRET]);
        assert_eq!(found, Err(Fault::OtherContent(other)));
    }
    let alone = format!("t={time},v1={}", Key::new(b"s").hex(&[body]));
    let found = outcome(&capture(&[("stripe-signature", &alone)], BODY), &["s"]);
    assert_eq!(found, Err(Fault::OtherContent(OtherContent::BodyAlone)));
}

#[test]
fn a_header_that_is_missing_is_named() {
    let (id, time) = (("webhook-id", "msg_1"), ("webhook-timestamp", "1700000000"));
    let signature = (
        "webhook-signature",
        "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    );
    let svix = ("svix-signature", signature.1);
    let every = [
        "webhook-signature",
        "x-hub-signature-256",
        "stripe-signature",
    ];
    let standard = Some(Scheme::Standard);
    let of_github = [id, time, ("X-GitHub-Event", "ping")];
    for (headers, scheme, missing) in [
        (&[time, signature][..], standard, &["webhook-id"][..]),
        (&[id, signature], standard, &["webhook-timestamp"]),
        (&[signature], standard, &["webhook-id", "webhook-timestamp"]),
        (&[id, time, svix], standard, &["svix-id", "svix-timestamp"]),
        (&[id, time], standard, &["webhook-signature"]),
        (&of_github, Some(Scheme::GitHub), &["x-hub-signature-256"]),
        (
            &[("x-hub-signature", "sha1=00")],
            Some(Scheme::GitHub),
            &["x-hub-signature-256"],
        ),
        (&[("host", "x")], None, &every),
    ] {
        let found = &findings(&capture(headers, BODY), &[SECRET], now())[0];
        assert_eq!(found.outcome, Err(Fault::Missing(missing.to_vec())));
        assert_eq!(found.scheme, scheme, "{missing:?}");
    }
}

#[test]
fn a_header_that_is_no_such_header_is_named_with_what_is_wrong() {
    let code = "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let digits = "0".repeat(64);
    let large = digits.replace("00", "AA");
    let v1 = |rest: &str| format!("t=1700000000,v1={rest}");
    let hub = |rest: &str| vec![("x-hub-signature-256", rest.to_owned())];
    let of_stripe = |rest: String| vec![("stripe-signature", rest)];
    let standard = |id: &str, time: &str, signature: &str| {
        vec![
            ("webhook-id", id.to_owned()),
            ("webhook-timestamp", time.to_owned()),
            ("webhook-signature", signature.to_owned()),
        ]
    };
    let twice = [
        standard("a", "1700000000", code),
        standard("b", "1700000000", code),
    ]
    .concat();
    for (headers, name, told) in [
        (
            standard("a", "1700000000", "nothing"),
            "webhook-signature",
            "32 bytes",
        ),
        (
            standard("a", "1700000000", "v1,AAAA"),
            "webhook-signature",
            "32 bytes",
        ),
        (
            standard("a", "1700000000", &code.replace("v1", "v2")),
            "webhook-signature",
            "32 bytes",
        ),
        (
            standard("a", "1700000000", ""),
            "webhook-signature",
            "is empty",
        ),
        (standard("", "1700000000", code), "webhook-id", "is empty"),
        (
            standard("a", "soon", code),
            "webhook-timestamp",
            "no number",
        ),
        (standard("a", "-5", code), "webhook-timestamp", "no number"),
        (
            standard("a", "1700000000000", code),
            "webhook-timestamp",
            "milliseconds",
        ),
        (
            standard("a", "99999999999999999999", code),
            "webhook-timestamp",
            "no number",
        ),
        (twice, "webhook-id", "more than once"),
        (hub(&digits), "x-hub-signature-256", "sha256="),
        (
            hub(&format!("sha256={large}")),
            "x-hub-signature-256",
            "small letters",
        ),
        (
            hub(&format!("sha256={}", &digits[1..])),
            "x-hub-signature-256",
            "64",
        ),
        (of_stripe(v1("00")), "stripe-signature", "64"),
        (of_stripe(v1(&large)), "stripe-signature", "small letters"),
        (
            of_stripe(format!("v1={digits}")),
            "stripe-signature",
            "`t=` is missing",
        ),
        (
            of_stripe(format!("t=x,v1={digits}")),
            "stripe-signature",
            "no number",
        ),
    ] {
        let headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| (*name, &**value))
            .collect();
        let Err(Fault::Malformed { header, why }) = outcome(&capture(&headers, BODY), &[SECRET])
        else {
            panic!("{headers:?}");
        };
        assert_eq!(header, name, "{headers:?}");
        assert!(why.contains(told), "{headers:?}: {why}");
    }
}

#[test]
fn a_small_document_that_would_be_printed_as_a_large_one_is_not() {
    let deep = format!(
        "{}{}1{}",
        "[".repeat(100),
        "1,".repeat(100_000),
        "]".repeat(100)
    );
    let value = serde_json::from_str(&deep).expect("JSON");
    let style = |indent| print::Style {
        item: ",",
        key: ":",
        indent,
        ascii: false,
        slashes: false,
    };
    assert_eq!(print::text(&value, &style(None)), Some(deep.clone()));
    assert_eq!(
        print::text(&value, &style(Some(4))),
        None,
        "40 MB of blanks"
    );
    let found = outcome(&signed_standard(b"another", b"", &deep), &[SECRET]);
    assert_eq!(found, Err(Fault::Unknown { length: None }));
}

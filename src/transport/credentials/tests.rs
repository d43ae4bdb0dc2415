//! Whatever a receiver makes of a credential, it is not shown.

use std::fmt::Write;

use proptest::prelude::*;

use super::*;

fn check(secret: &str, answer: &str, shown: &str) {
    let credentials = Credentials::of(&[Secret::new(secret.to_owned())]);
    assert_eq!(credentials.hidden_in(answer), shown, "{secret}");
}

#[test]
fn an_answer_is_shown_without_what_was_configured_as_a_secret() {
    check("tk_1234567", "no tk_1234567 here", "no … here");
    check("Bearer tk_123", "no `tk_123` here", "no `…` here");
    check("gold", "no gold here", "no … here");
    check("whsec_c2VjcmV0", "no c2VjcmV0 here", "no … here");
    check(
        "ttmt_live_abc_def",
        "live_abc_def, abc_def or def",
        "…, … or def",
    );
    check(
        "Token k3y-k3y",
        "azN5LWszeQ==, 6b33792d6b3379, 6B33792D6B3379",
        "…==, …, …",
    );
    let url = "https://me:p%40ssword@host/hooks/T0/abcdefghijkl?key=k3y-k3y&x=1";
    check(url, "no /hooks/T0/abcdefghijkl", "no /…");
    check(url, "no abcdefghijkl of T0", "no … of T0");
    check(url, "p@ssword or p%40ssword", "… or …");
    check(url, "key=k3y-k3y&x=1, k3y-k3y", "…, …");
    check(url, "Basic bWU6cEBzc3dvcmQ=, Basic", "Basic …, Basic");
    check(url, "bWU6cEBzc3dvcmQ=", "…");
    check("a", r#""Basic x\/y+z=""#, r#""Basic …""#);
    check(
        "https://host/hook/s3cret?x=1",
        "the hook s3cret",
        "the hook …",
    );
}

#[test]
fn what_stands_in_any_answer_by_chance_is_shown() {
    let answer = r#"{"ok":true,"webhook":"a hook","x":100}"#;
    check("ok", answer, answer);
    check("hoo", answer, answer);
    check("%68oo", answer, answer);
    check("https://a:b@h/webhook/ok?ok=true&x=100", answer, answer);
}

#[test]
fn what_a_receiver_escapes_is_hidden_too() {
    let secret = r#"k/"y\<a>&'é="#;
    for (answer, shown) in [
        (r#"{"x":"k\/\"y\\<a>&'é="}"#, r#"{"x":"…"}"#),
        (
            r#"{"x":"k\u002f\u0022y\u005C\u003ca\u003E\u0026\u0027\u00e9="}"#,
            r#"{"x":"…"}"#,
        ),
        (r"'k/\x22y\\<a>&\'é='", "'…'"),
        ("<p>k/&quot;y\\&lt;a&gt;&amp;&#39;é=</p>", "<p>…</p>"),
        (
            "<p>k&#47;&#x22;y\\&lt;a&gt;&amp;&#X027;&#233;=</p>",
            "<p>…</p>",
        ),
        ("?x=k%2F%22y%5C%3Ca%3E%26%27%C3%A9%3D&y", "?x=…&y"),
        ("?x=k/%22y%5c%3ca%3e%26'%c3%a9=&y", "?x=…&y"),
    ] {
        check(secret, answer, shown);
    }
    check("k%2fy%2Bz", "k/y+z, k%2Fy%2bz, k%252Fy%252bz", "…, …, …");
    check("{{ x }}k/y-k/y{{ y }}", r#""k\/y-k\/y1""#, r#""…1""#);
}

/// A text with each character written in some way.
fn written(text: &str, write: impl Fn(&mut String, char)) -> String {
    text.chars().fold(String::new(), |mut all, character| {
        write(&mut all, character);
        all
    })
}

/// A text as a receiver may write it.
fn escaped(text: &str, way: u8) -> String {
    let percent = |text: &str, is_kept: fn(u8) -> bool, is_upper: bool| {
        text.bytes().fold(String::new(), |mut all, byte| {
            match (is_kept(byte), is_upper) {
                (true, _) => all.push(char::from(byte)),
                (false, true) => write!(all, "%{byte:02X}").expect("written"),
                (false, false) => write!(all, "%{byte:02x}").expect("written"),
            }
            all
        })
    };
    let of_json = |text: &str| {
        let quoted = serde_json::to_string(text).expect("JSON");
        quoted[1..quoted.len() - 1].to_owned()
    };
    match way {
        0 => of_json(text),
        1 => of_json(text).replace('/', "\\/"),
        2 => written(text, |all, character| {
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(all, "\\u{unit:04x}").expect("written");
            }
        }),
        3 => of_json(text)
            .replace('&', "\\u0026")
            .replace('<', "\\u003C"),
        4 => written(text, |all, character| match character {
            '&' => all.push_str("&amp;"),
            '<' => all.push_str("&lt;"),
            '>' => all.push_str("&gt;"),
            '"' => all.push_str("&quot;"),
            '\'' => all.push_str("&#39;"),
            other => all.push(other),
        }),
        5 => written(text, |all, character| {
            write!(all, "&#x{:X};", u32::from(character)).expect("written");
        }),
        6 => percent(text, |byte| byte.is_ascii_alphanumeric(), true),
        7 => percent(
            text,
            |byte| byte.is_ascii_alphanumeric() || b"/&'+=;".contains(&byte),
            false,
        ),
        8 => {
            let words = text.split(' ');
            let words = words.map(|word| percent(word, |byte| byte.is_ascii_alphanumeric(), true));
            words.collect::<Vec<_>>().join("+")
        }
        _ => text.to_owned(),
    }
}

proptest! {
    #[test]
    fn no_escape_brings_a_secret_back(
        secret in r#"[-_a-cnu0-9A-D\\"'/&;#<>%+ =.é😀]{4,24}"#,
        ways in proptest::collection::vec(0_u8..10, 0..=3),
        is_decoded in any::<bool>(),
    ) {
        let told = match is_decoded {
            true => percent_decoded(&secret),
            false => secret.clone(),
        };
        prop_assume!(told.chars().count() >= CHARS_MIN);
        let told = ways.iter().fold(told, |told, way| escaped(&told, *way));
        let credentials = Credentials::of(&[Secret::new(secret)]);
        let answer = format!("[[{told}]]");
        prop_assert_eq!(credentials.hidden_in(&answer), "[[…]]", "{}", answer);
    }

    #[test]
    fn no_answer_is_too_odd_to_be_read(answer in r#"([\\&%]|u[0-9a-f]{4}|#x?[0-9]{1,9};|amp;|[0-9A-F]{2}|[é"s])*"#) {
        let credentials = Credentials::of(&[Secret::new("s3cret".to_owned())]);
        prop_assert_eq!(credentials.hidden_in(&answer), answer);
    }
}

#[test]
fn a_long_answer_of_escapes_in_escapes_is_read() {
    let credentials = Credentials::of(&[Secret::new("aaaaaaaa".to_owned())]);
    for text in ["a", "\\", "%25", "&amp;", "\\u0026amp;", "%5c%5c&#38;a"] {
        let answer = text.repeat(64 * 1024 / text.len());
        let shown = credentials.hidden_in(&answer);
        assert_eq!(shown.contains('…'), text == "a", "{text}");
    }
}

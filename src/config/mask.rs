//! The text of a file with everything hidden that may be a secret.
//!
//! A file of its own because a report prints lines of the file, and the rule for it is the strict
//! one: a value is shown only once a reader has taken it as something that may be shown. What was
//! read as a secret, what nobody read (an unknown key, an entry of an unknown kind), and every
//! comment are hidden. The masked text has the length of the original, so places stay right.

use std::ops::Range;

use super::context::{Marks, Showing};
use super::document::Places;
use super::keypath;
use super::secret::is_variable_name;

/// How secrets begin that services hand out, and how many bytes of each there are at least behind that. Of what is
/// shorter, a name may begin so.
const SECRETS: [(&str, usize); 7] = [
    ("whsec_", 24),
    ("ttmt_live_", 30),
    ("tk_", 20),
    ("webhook/", 20),
    ("webhooks/", 20),
    ("services/", 20),
    ("workflows/", 20),
];

/// Fewest digits before the colon of a Telegram bot's token, and fewest bytes behind it.
const BOT_DIGITS_MIN: usize = 6;
const BOT_KEY_BYTES_MIN: usize = 30;

/// The text with every value hidden that may be a secret.
pub(super) fn text(text: &str, places: &Places, marks: &Marks) -> String {
    let mut shown = text.as_bytes().to_vec();
    blank_comments(&mut shown, places);
    for (path, place) in places.iter() {
        let (Some(span), None) = (place.value.clone(), place.size) else {
            continue;
        };
        match marks.showing(path) {
            Showing::Open => hide_credentials(&mut shown, span),
            Showing::Secret if is_reference(path, places, marks, &text[span.clone()]) => {}
            Showing::Secret | Showing::Unread => hide(&mut shown[span]),
        }
    }
    hide_secrets(&mut shown);
    String::from_utf8_lossy(&shown).into_owned()
}

/// A message without what looks like a secret.
pub(super) fn words(text: &str) -> String {
    let mut shown = text.as_bytes().to_vec();
    hide_secrets(&mut shown);
    String::from_utf8_lossy(&shown).into_owned()
}

/// A line of a text that is no TOML, so that nothing is known about its parts. Only what is surely a
/// key stays: small letters before the first `=`. A line inside a long secret has none.
pub(super) fn broken_line(line: &str) -> String {
    let key_end = line.find('=').unwrap_or(0);
    let is_key = line[..key_end]
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'_' | b'.' | b' ' | b'\t'));
    let shown = if is_key { key_end } else { 0 };
    let mut bytes = line.as_bytes().to_vec();
    hide_words(&mut bytes[shown..]);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Replaces comments by spaces: an old secret may have been left in one.
fn blank_comments(shown: &mut [u8], places: &Places) {
    let mut taken: Vec<Range<usize>> = places
        .iter()
        .flat_map(|(_, place)| {
            let value = place.value.clone().filter(|_| place.size.is_none());
            [place.key.clone(), value]
        })
        .flatten()
        .collect();
    taken.sort_by_key(|range| range.start);
    let mut at = 0;
    for range in taken {
        if at < range.start {
            blank_comments_in(&mut shown[at..range.start]);
        }
        at = at.max(range.end);
    }
    blank_comments_in(&mut shown[at..]);
}

/// Replaces comments in a part of the text that has no keys and no values.
fn blank_comments_in(gap: &mut [u8]) {
    let mut comment = false;
    for byte in gap {
        match *byte {
            b'\n' | b'\r' => comment = false,
            b'#' => comment = true,
            _ => {}
        }
        if comment {
            *byte = b' ';
        }
    }
}

/// Whether a part of a secret only says where to look: the name in `{ env = … }` or `{ file = … }`.
/// A header that happens to be called `file` is none: there, the table around it is no secret.
fn is_reference(path: &str, places: &Places, marks: &Marks, value: &str) -> bool {
    let Some(table) = keypath::outward(path).nth(1) else {
        return false;
    };
    let alone = marks.showing(table) == Showing::Secret
        && places.get(table).is_some_and(|place| place.size == Some(1));
    let name = value.trim_matches(['"', '\'']);
    match path.strip_prefix(table) {
        Some(".env") => alone && is_variable_name(name),
        Some(".file") => alone,
        _ => false,
    }
}

/// Hides what looks like a secret wherever it stands, but for its beginning, by which it is recognised.
fn hide_secrets(shown: &mut [u8]) {
    for (begin, least) in SECRETS {
        let mut at = 0;
        while let Some(found) = find(&shown[at..], begin.as_bytes()) {
            let start = at + found + begin.len();
            at = start + length(&shown[start..], is_of_secret);
            let before = shown[..start - begin.len()].last();
            let is_begun = before.is_some_and(|before| is_of_word(*before));
            if !is_begun && at - start >= least {
                hide(&mut shown[start..at]);
            }
        }
    }
    // The token of a Telegram bot is its number and a key.
    let mut at = 0;
    while let Some(found) = find(&shown[at..], b":") {
        let colon = at + found;
        let number = shown[..colon].iter().rev();
        let digits = number.take_while(|byte| byte.is_ascii_digit()).count();
        at = colon + 1 + length(&shown[colon + 1..], is_of_secret);
        if digits >= BOT_DIGITS_MIN && at - colon > BOT_KEY_BYTES_MIN {
            hide(&mut shown[colon + 1..at]);
        }
    }
}

const fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

const fn is_of_secret(byte: u8) -> bool {
    is_of_word(byte) || matches!(byte, b'-' | b'/' | b'+' | b'=')
}

/// Hides user info and query of the addresses in a value.
fn hide_credentials(shown: &mut [u8], span: Range<usize>) {
    let value = &mut shown[span];
    let mut at = 0;
    while let Some(found) = find(&value[at..], b"://") {
        let start = at + found + 3;
        let end = start + length(&value[start..], |byte| !ends_address(byte));
        let authority = start + length(&value[start..end], |byte| !b"/?#".contains(&byte));
        if let Some(user) = value[start..authority]
            .iter()
            .rposition(|byte| *byte == b'@')
        {
            hide(&mut value[start..start + user]);
        }
        if let Some(query) = value[authority..end].iter().position(|byte| *byte == b'?') {
            hide(&mut value[authority + query + 1..end]);
        }
        at = end;
    }
}

fn ends_address(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == b'"' || byte == b'\''
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|window| window == wanted)
}

fn length(bytes: &[u8], accepted: impl Fn(u8) -> bool) -> usize {
    bytes.iter().take_while(|byte| accepted(**byte)).count()
}

/// Hides everything but line ends, which keep the lines countable.
fn hide(bytes: &mut [u8]) {
    for byte in bytes {
        if !matches!(*byte, b'\n' | b'\r') {
            *byte = b'*';
        }
    }
}

/// Hides everything but spaces and the signs that TOML is made of.
fn hide_words(bytes: &mut [u8]) {
    for byte in bytes {
        if !b" \t\r\n=[]{},\"'".contains(byte) {
            *byte = b'*';
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::context::Context;
    use super::super::document;
    use super::*;

    /// Masks a text of which `open` was read as harmless and `secret` as a secret.
    fn check(toml: &str, open: &[&str], secret: &[&str], expected: &str) {
        let context = Context::default();
        for path in open {
            context.open((*path).to_owned());
        }
        for path in secret {
            context.secret((*path).to_owned());
        }
        let places = document::parse(toml).expect("valid TOML").places;
        assert_eq!(text(toml, &places, &context.marks()), expected);
    }

    #[test]
    fn shows_only_what_was_read_as_harmless() {
        check("a = 1\nb = 'x'", &["a"], &[], "a = 1\nb = ***");
        check("a = ['x', 'y']", &["a"], &["a"], "a = [***, ***]");
        check(
            "a = { b = 1, c = 2 }",
            &["a.b"],
            &[],
            "a = { b = 1, c = * }",
        );
        check(
            "a = \"ä\nß\"".replace('\n', " ").as_str(),
            &[],
            &[],
            "a = *******",
        );
        check("a = '''x\r\ny'''", &[], &[], "a = ****\r\n****");
    }

    #[test]
    fn hides_comments() {
        check(
            "a = 1 # was hunter2\n[b] # hunter2\n\"c#d\" = '#'",
            &["a", r#"b."c#d""#],
            &[],
            "a = 1              \n[b]          \n\"c#d\" = '#'",
        );
    }

    #[test]
    fn shows_where_a_secret_is_looked_up() {
        check(
            "a = { env = 'NAME_2' }",
            &[],
            &["a"],
            "a = { env = 'NAME_2' }",
        );
        check(
            "a = { env = 'hunter2' }",
            &[],
            &["a"],
            "a = { env = ********* }",
        );
        check(
            "a = [{ file = '/x' }]",
            &[],
            &["a"],
            "a = [{ file = '/x' }]",
        );
        check(
            "a = { file = 'x', b = 1 }",
            &[],
            &["a"],
            "a = { file = ***, b = * }",
        );
        check("a = { env = 'NAME' }", &[], &[], "a = { env = ****** }");
        check(
            "a = { env = 'NAME' }",
            &[],
            &["a.env"],
            "a = { env = ****** }",
        );
    }

    #[test]
    fn hides_credentials_in_addresses() {
        check(
            "a = 'https://me:pw@host/x?key=1#f see http://b/?q and ftp://c'",
            &["a"],
            &[],
            "a = 'https://*****@host/x?******* see http://b/?* and ftp://c'",
        );
    }

    #[test]
    fn hides_what_looks_like_a_secret_where_none_belongs() {
        let (key, stars) = ("0123456789-abcdefghij_ABCDEFGHIJ", "*".repeat(32));
        for begin in [
            "whsec_",
            "ttmt_live_",
            "tk_",
            "123456:",
            "https://Hooks.Slack.com/services/",
            "https://hooks.slack.com/workflows/",
            "https://discord.com/api/v10/webhooks/",
            "http://ha.local:8123/api/webhook/",
        ] {
            let (said, shown) = (format!("{begin}{key}"), format!("{begin}{stars}"));
            assert_eq!(words(&format!("no `{said}`ß")), format!("no `{shown}`ß"));
            check(
                &format!("a = '{said}'"),
                &["a"],
                &[],
                &format!("a = '{shown}'"),
            );
        }
        for name in [
            "stk_0123456789abcdefghijkl",
            "source `ttmt_live_eu`",
            "/run/secrets/ttmt_live_key",
            "/run/secrets/whsec_automation",
            "https://discord.com/api/webhooks/ID/TOKEN",
            "2026-06-11T12:30:00",
        ] {
            assert_eq!(words(name), name);
        }
    }

    #[test]
    fn shows_only_the_key_of_a_line_that_is_no_toml() {
        assert_eq!(broken_line("token = hunter2"), "token = *******");
        assert_eq!(
            broken_line("  sinks.a_b = \"x # y"),
            "  sinks.a_b = \"* * *"
        );
        assert_eq!(
            broken_line("whsec_C2FVsBQIhrscChlQ="),
            "**********************="
        );
        assert_eq!(broken_line("hunter2\","), "*******\",");
    }
}

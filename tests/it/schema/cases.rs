//! Small files, each with what is to become of it.

/// What is to become of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Schema and loader take it.
    Good,
    /// Schema and loader refuse it.
    Bad,
    /// The schema takes it and the loader refuses it, because no schema can say what is wrong: the reason.
    Reader(&'static str),
}

/// Why a schema cannot say what is wrong, by the word for it.
const REASONS: [(&str, &str); 8] = [
    (
        "range",
        "a pattern has no idea of how long a duration or how large a size is",
    ),
    (
        "names",
        "a name that is defined elsewhere in the file, or nowhere",
    ),
    ("language", "an expression or a template has to be compiled"),
    ("relation", "two values that do not go together"),
    ("elsewhere", "what a variable or a file holds"),
    ("inside", "a text with a grammar of its own"),
    ("headers", "the names of headers have many spellings"),
    (
        "whole-numbers",
        "a number without a fraction is a whole one in JSON",
    ),
];

/// A file without a mistake.
pub(super) const SMALL: &str = r#"
[sources.ttmt]
kind = "ttmt"
api_key = "k"

[sinks.phone]
kind = "ntfy"
topic = "t"

[[rules]]
name = "all"
to = ["phone"]
"#;

/// What a table of this kind has to have, and nothing else.
pub(crate) fn minimal(kind: &str) -> &'static str {
    match kind {
        "webhook" => "kind = \"webhook\"\nurl = \"https://example.org/\"\nsignature = \"none\"",
        "discord" => "kind = \"discord\"\nurl = \"https://discord.com/api/webhooks/1/token\"",
        "slack" => "kind = \"slack\"\nurl = \"https://hooks.slack.com/services/T0/B0/token\"",
        "ntfy" => "kind = \"ntfy\"\ntopic = \"t\"",
        "telegram" => {
            "kind = \"telegram\"\ntoken = \"110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5\"\nchat_id = 1"
        }
        "mqtt" => "kind = \"mqtt\"\nurl = \"mqtts://broker.example\"\ntopic = \"bellwire\"",
        "exec" => "kind = \"exec\"\ncommand = [\"/bin/true\"]\nallow_exec = true",
        "sse" => "kind = \"sse\"\nurl = \"https://example.org/events\"",
        "ttmt" => "kind = \"ttmt\"\napi_key = \"key\"",
        other => panic!("no options for `{other}`"),
    }
}

/// Every small file with its verdict.
pub(super) fn all() -> Vec<(String, Verdict)> {
    let text = include_str!("../../fixtures/configurations.txt");
    text.split("\n--- ").skip(1).map(one).collect()
}

fn one(case: &str) -> (String, Verdict) {
    let (head, lines) = case.split_once('\n').unwrap_or((case, ""));
    let (word, place) = head.split_once(' ').expect("a word and a place");
    let verdict = match word {
        "good" => Verdict::Good,
        "bad" => Verdict::Bad,
        word => {
            let reason = REASONS.iter().find(|(known, _)| *known == word);
            Verdict::Reader(reason.unwrap_or_else(|| panic!("`{word}`")).1)
        }
    };
    let file = match place.split_once(' ').unwrap_or((place, "")) {
        ("file", _) => lines.to_owned(),
        ("head", _) => format!("{lines}\n{SMALL}"),
        (ends @ ("sink" | "source"), kind) => {
            format!("[{ends}s.it]\n{}\n{lines}", minimal(kind))
        }
        ("rule", _) => format!("{SMALL}[[rules]]\nname = \"it\"\nto = [\"phone\"]\n{lines}"),
        ("table", name) => format!("{SMALL}[[{name}]]\n{lines}"),
        (place, _) => panic!("`{place}`"),
    };
    (file, verdict)
}

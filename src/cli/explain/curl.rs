//! What would go out, as command lines for a POSIX shell.
//!
//! A file of its own because what an event says ends up in a shell: it stands between single quotes or
//! in digits, and comments hold only letters. Secrets are variables that whoever pastes the line has
//! to set.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::super::table;
use crate::app::explain::{Delivery, Explained, Header, Shown, Told};
use crate::model::Name;

/// What the variables of each sink begin with.
pub(super) struct Variables(BTreeMap<Name, String>);

/// The requests of an event, each under a comment.
pub(super) fn event(number: u64, told: &Told, variables: &Variables) -> String {
    let mut text = String::new();
    let explained = match told {
        Told::Event(explained) => explained,
        Told::Control { kind, .. } => {
            return format!("# line {number}: {kind} speaks of the connection and goes nowhere\n");
        }
    };
    if explained.deliveries.is_empty() {
        text = format!("# line {number}: {} matches no rule\n", about(explained));
    }
    for delivery in &explained.deliveries {
        let about = format!(
            "# line {number}: {} to {} ({}), worded by {}",
            about(explained),
            delivery.sink,
            delivery.kind,
            harmless(&delivery.rule)
        );
        // A text cannot refuse what is written to it.
        let _ = match &delivery.request {
            Err(reason) => writeln!(text, "{about}\n# cannot be sent: {}", harmless(reason)),
            Ok(shown) => write!(text, "{about}\n{}", line(delivery, shown, variables)),
        };
    }
    text
}

fn about(explained: &Explained) -> String {
    let assumed = if explained.from.is_assumed {
        " assumed"
    } else {
        ""
    };
    let kind = harmless(&explained.event.kind);
    format!("{kind} of {}{assumed}", explained.from.source)
}

fn line(delivery: &Delivery, shown: &Shown, variables: &Variables) -> String {
    let Shown::Http {
        method,
        url,
        headers,
        is_signed,
        body,
    } = shown
    else {
        return format!("# no HTTP, so no curl ({})\n", delivery.kind);
    };
    let mut text = String::new();
    if *is_signed {
        text.push_str("# signed with an example secret, so a receiver that verifies refuses it\n");
    }
    if delivery
        .update
        .as_ref()
        .is_some_and(|update| update.later.is_some())
    {
        text.push_str("# the first one of its key, which later events change\n");
    }
    let open = |quoted: &str| variables.put(delivery, quoted);
    let (pipe, data) = match needs_printf(body) {
        true => (
            format!("printf {} | ", open(&quoted(&format_of(body)))),
            "--data-binary @-".to_owned(),
        ),
        // The data as it is, where `--data` would take a file's name behind an `@`.
        false => (String::new(), format!("--data-raw {}", open(&quoted(body)))),
    };
    let _ = write!(text, "{pipe}curl -X {method} {}", open(&quoted(url)));
    for header in headers {
        let header = header_line(delivery, header, variables);
        let _ = write!(text, " \\\n  -H {header}");
    }
    let _ = writeln!(text, " \\\n  {data}");
    text
}

fn header_line(delivery: &Delivery, header: &Header, variables: &Variables) -> String {
    match &header.value {
        Some(value) => variables.put(delivery, &quoted(&format!("{}: {value}", header.name))),
        None => {
            let variable = variables.variable(&delivery.sink, &header.name);
            format!("\"{}: ${variable}\"", header.name)
        }
    }
}

impl Variables {
    /// For these sinks. Names that are the same in capitals are numbered in the order of all names,
    /// so that a sink's variables are called the same whatever events there are.
    pub(super) fn of<'a>(sinks: impl Iterator<Item = &'a Name>) -> Self {
        let mut sinks: Vec<&Name> = sinks.collect();
        sinks.sort();
        let plain: Vec<String> = sinks.iter().map(|sink| of_a_shell(sink.as_str())).collect();
        let mut starts: BTreeMap<Name, String> = BTreeMap::new();
        for (sink, start) in sinks.into_iter().zip(&plain) {
            let is_taken = |start: &String| starts.values().any(|taken| taken == start);
            let is_free = |start: &String| !is_taken(start) && !plain.contains(start);
            let start = match is_taken(start) {
                false => start.clone(),
                true => (2..)
                    .map(|number| format!("{start}_{number}"))
                    .find(is_free)
                    .expect("there are more numbers than sinks"),
            };
            starts.insert(sink.clone(), start);
        }
        Self(starts)
    }

    /// Puts variables where something is hidden in a text between single quotes.
    fn put(&self, delivery: &Delivery, quoted: &str) -> String {
        let outside = |name: &str| format!("'\"${}\"'", self.variable(&delivery.sink, name));
        delivery.shown(quoted, outside)
    }

    /// The name of a variable: the sink's, and what of it is hidden.
    fn variable(&self, sink: &Name, what: &str) -> String {
        let start = self.0.get(sink).map_or(sink.as_str(), String::as_str);
        of_a_shell(&format!("{start}_{what}"))
    }
}

/// A text as the name of a variable.
fn of_a_shell(text: &str) -> String {
    let letters = text
        .chars()
        .map(|character| match character.is_ascii_alphanumeric() {
            true => character.to_ascii_uppercase(),
            false => '_',
        });
    let name: String = letters.collect();
    match name.starts_with(|first: char| first.is_ascii_digit()) {
        true => format!("_{name}"),
        false => name,
    }
}

/// One word to a shell, whatever is in it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Whether a text has something that a terminal would obey, or that no command line can carry.
fn needs_printf(text: &str) -> bool {
    text.lines().any(|line| table::printable(line) != line) || text.contains('\r')
}

/// A text as the format of `printf`.
fn format_of(text: &str) -> String {
    let mut format = String::with_capacity(text.len());
    for (index, character) in text.chars().enumerate() {
        let one = character.encode_utf8(&mut [0; 4]).to_owned();
        match character {
            '\\' => format.push_str(r"\\"),
            '%' => format.push_str("%%"),
            '\n' => format.push('\n'),
            // An option begins with it.
            '-' if index == 0 => format.push_str(r"\055"),
            _ if table::printable(&one) == one => format.push(character),
            _ => {
                for byte in one.bytes() {
                    let _ = write!(format, "\\{byte:03o}");
                }
            }
        }
    }
    format
}

/// A text for a comment. Not every shell takes a comment for one, so nothing that means something stays.
fn harmless(text: &str) -> String {
    let harmless =
        |character: char| character.is_ascii_alphanumeric() || "_-.:, ".contains(character);
    let harmless = text
        .chars()
        .take(80)
        .map(|one| if harmless(one) { one } else { '?' });
    harmless.collect()
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    const HOSTILE: [&str; 9] = [
        "it's",
        "'; touch /tmp/x; '",
        "$(id) `id` $HOME ${HOME} \\ \\n %s %",
        "-n -e",
        "@/etc/passwd",
        "line\nbreak\n",
        "\u{1b}[31m\u{7}\t\r\n%d \\101 'q'",
        "nul \0 and \u{202e}turned ä",
        "",
    ];

    fn shell(script: &str) -> String {
        let run = Command::new("/bin/sh")
            .args(["-c", script])
            .stdin(Stdio::null())
            .output()
            .expect("a shell");
        String::from_utf8(run.stdout).expect("text")
    }

    #[test]
    fn a_shell_reads_a_text_as_what_it_is() {
        for text in HOSTILE.iter().filter(|text| !text.contains('\0')) {
            assert_eq!(shell(&format!("printf %s {}", quoted(text))), **text);
        }
        for text in HOSTILE {
            let format = quoted(&format_of(text));
            assert_eq!(shell(&format!("printf {format}")), text, "{format}");
            let obeyed = |character: char| character.is_control() && character != '\n';
            assert!(!format.contains(obeyed), "{format:?}");
        }
        assert!(!needs_printf("{\"a\":\"ä'\\u001b\"}\nb\n"));
        assert!(HOSTILE[6..8].iter().all(|text| needs_printf(text)));
    }

    #[test]
    fn no_two_sinks_have_a_variable_in_common() {
        let names = ["a-b", "a_b", "A_b", "a_b_2", "1x", "_1x", "phone"];
        let names = names.map(|name| Name::new(name).expect("a name"));
        let variables = Variables::of(names.iter());
        let named = names
            .each_ref()
            .map(|name| variables.variable(name, "url-1"));
        let expected = ["A_B_3", "A_B_4", "A_B", "A_B_2", "_1X", "_1X_2", "PHONE"];
        assert_eq!(named, expected.map(|start| format!("{start}_URL_1")));
    }

    #[test]
    fn a_comment_holds_nothing_that_means_something() {
        assert_eq!(harmless("tp_hit; `id`\n$(x)"), "tp_hit? ?id????x?");
    }
}

//! What would go out, as command lines for a POSIX shell.
//!
//! A file of its own because what an event says ends up in a shell: it stands between single quotes or
//! in digits, and comments hold only letters. Secrets are variables that whoever pastes the line has
//! to set.

use std::fmt::Write;

use super::super::table;
use crate::app::explain::{Delivery, Explained, Header, Shown, Told};

/// The requests of an event, each under a comment.
pub(super) fn event(number: usize, told: &Told) -> String {
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
            Ok(shown) => write!(text, "{about}\n{}", line(delivery, shown)),
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

fn line(delivery: &Delivery, shown: &Shown) -> String {
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
    let (pipe, data) = match needs_printf(body) {
        true => (
            format!(
                "printf {} | ",
                variables(delivery, &quoted(&format_of(body)))
            ),
            "--data-binary @-".to_owned(),
        ),
        // The data as it is, where `--data` would take a file's name behind an `@`.
        false => (
            String::new(),
            format!("--data-raw {}", variables(delivery, &quoted(body))),
        ),
    };
    let _ = write!(
        text,
        "{pipe}curl -X {method} {}",
        variables(delivery, &quoted(url))
    );
    for header in headers {
        let _ = write!(text, " \\\n  -H {}", header_line(delivery, header));
    }
    let _ = writeln!(text, " \\\n  {data}");
    text
}

fn header_line(delivery: &Delivery, header: &Header) -> String {
    match &header.value {
        Some(value) => variables(delivery, &quoted(&format!("{}: {value}", header.name))),
        None => format!("\"{}: ${}\"", header.name, variable(delivery, &header.name)),
    }
}

/// Puts variables where something is hidden in a text between single quotes.
fn variables(delivery: &Delivery, quoted: &str) -> String {
    let outside = |name: &str| format!("'\"${}\"'", variable(delivery, name));
    delivery.shown(quoted, outside)
}

/// The name of a variable: the sink's, and what of it is hidden.
fn variable(delivery: &Delivery, what: &str) -> String {
    let name = format!("{}_{what}", delivery.sink);
    let letters = name
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
    fn a_comment_holds_nothing_that_means_something() {
        assert_eq!(harmless("tp_hit; `id`\n$(x)"), "tp_hit? ?id????x?");
    }
}

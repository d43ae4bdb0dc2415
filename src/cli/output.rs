//! The one place that writes to the terminal, and that knows what of a JSON document is written.
//!
//! With `--json` there is exactly one document, whatever comes of the command: its own, or the one that
//! says why there is none. A list that breaks off says it in its last item. What `tail` prints is no
//! document but a stream of them, so its error is one more.

use std::ffi::OsStr;
use std::io::{ErrorKind, Write};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use super::failed::Failed;

/// What of the document is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Written {
    Nothing,
    /// A list that is not at its end, with so many items as it has by now.
    Items(usize),
    Whole,
}

static DOCUMENT: Mutex<Written> = Mutex::new(Written::Nothing);

/// Writes a line of a command's result. A reader that has gone away ends the process quietly.
pub(super) fn line(line: &str) {
    text(&format!("{line}\n"));
}

/// Writes a part of a command's result. A reader that has gone away ends the process quietly; a result
/// that cannot be written ends it as failed.
pub(super) fn text(text: &str) {
    let mut out = std::io::stdout().lock();
    let Err(error) = out.write_all(text.as_bytes()).and_then(|()| out.flush()) else {
        return;
    };
    if error.kind() == ErrorKind::BrokenPipe {
        std::process::exit(0);
    }
    complain(&format!("bellwire: the result cannot be written: {error}"));
    std::process::exit(1);
}

/// Writes the document of a command that was asked for one.
pub(super) fn document(document: &Value) {
    line(&document.to_string());
    became(|_| Written::Whole);
}

/// Writes one item of a document that is a list, as soon as it is known.
pub(super) fn item(item: &Value) {
    let before = match became(Written::item) {
        Written::Items(1) => "[",
        _ => ",\n",
    };
    text(&format!("{before}{item}"));
}

/// Writes the end of a list.
pub(super) fn end_of_items() {
    let is_empty = written() == Written::Nothing;
    line(if is_empty { "[]" } else { "]" });
    became(|_| Written::Whole);
}

/// Writes a complaint.
pub(super) fn complain(text: &str) {
    // With standard error gone there is nobody left to tell.
    drop(writeln!(std::io::stderr().lock(), "{text}"));
}

/// Writes why a command failed, once for people and once for programs.
pub(super) fn failed(failed: &Failed, is_json: bool) -> ExitCode {
    complain(&failed.to_string());
    if is_json {
        tell(failed);
    }
    failed.exit().into()
}

/// Writes why a command failed, where no whole document is written already.
pub(super) fn tell(failed: &Failed) {
    match written() {
        Written::Nothing => document(&failed.document()),
        Written::Items(_) => {
            item(&failed.document());
            end_of_items();
        }
        Written::Whole => {}
    }
}

/// Whether the words of a command line ask for JSON, also where they are wrong.
pub(super) fn wants_json(words: impl IntoIterator<Item = impl AsRef<OsStr>>) -> bool {
    let mut options = words.into_iter().take_while(|word| word.as_ref() != "--");
    options.any(|word| word.as_ref() == "--json")
}

fn written() -> Written {
    *DOCUMENT.lock().unwrap_or_else(PoisonError::into_inner)
}

fn became(next: impl FnOnce(Written) -> Written) -> Written {
    let mut document = DOCUMENT.lock().unwrap_or_else(PoisonError::into_inner);
    *document = next(*document);
    *document
}

impl Written {
    const fn item(self) -> Self {
        match self {
            Self::Items(count) => Self::Items(count + 1),
            Self::Nothing | Self::Whole => Self::Items(1),
        }
    }
}

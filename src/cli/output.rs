//! The one place that writes to the terminal.

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use super::Exit;

/// Writes a line of a command's result. A reader that has gone away ends the process quietly.
pub(super) fn line(line: &str) {
    text(&format!("{line}\n"));
}

/// Writes a part of a command's result. A reader that has gone away ends the process quietly.
pub(super) fn text(text: &str) {
    if let Err(error) = std::io::stdout().lock().write_all(text.as_bytes())
        && error.kind() == ErrorKind::BrokenPipe
    {
        std::process::exit(0);
    }
}

/// Writes a complaint.
pub(super) fn complain(text: &str) {
    // With standard error gone there is nobody left to tell.
    drop(writeln!(std::io::stderr().lock(), "{text}"));
}

/// Writes an error with its causes, once.
pub(super) fn failed(error: &anyhow::Error) -> ExitCode {
    complain(&format!("bellwire: {error:#}"));
    Exit::Failed.into()
}

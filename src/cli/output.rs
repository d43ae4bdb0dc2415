//! The one place that writes to the terminal.

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use super::Exit;

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

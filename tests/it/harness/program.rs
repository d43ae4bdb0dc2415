//! The real program, run to its end.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::until;

/// What one run of the program came to.
#[derive(Debug)]
pub(crate) struct Ran {
    /// The exit status, unless a signal ended it.
    pub(crate) status: Option<i32>,
    /// What it wrote to standard output.
    pub(crate) out: String,
    /// What it wrote to standard error.
    pub(crate) complaint: String,
}

impl Ran {
    /// The one JSON document that it wrote to standard output.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// The program in a folder, with an empty environment and nothing to read.
pub(crate) fn program(folder: &Path) -> Command {
    wrapped(folder, &[])
}

/// The same behind the words of a wrapper, if there are any.
pub(crate) fn wrapped(folder: &Path, wrapper: &[String]) -> Command {
    let binary = env!("CARGO_BIN_EXE_bellwire");
    let mut line = match wrapper {
        [] => Command::new(binary),
        [first, rest @ ..] => {
            let mut line = Command::new(first);
            line.args(rest).arg(binary);
            line
        }
    };
    line.current_dir(folder).env_clear().stdin(Stdio::null());
    line
}

/// Runs a command line to its end. One that does not end is killed with the test.
pub(crate) async fn ran(line: &mut Command) -> Ran {
    let folder = TempDir::new().expect("a folder");
    let (out, complaint) = (folder.path().join("out"), folder.path().join("complaint"));
    let child = line
        .stdout(File::create(&out).expect("a file"))
        .stderr(File::create(&complaint).expect("a file"))
        .spawn()
        .expect("starts");
    let mut child = Killed(child);
    let mut status = None;
    until("the end of the process", || {
        status = child.0.try_wait().expect("a child");
        status.is_some()
    })
    .await;
    Ran {
        status: status.and_then(|status| status.code()),
        out: fs::read_to_string(out).expect("text"),
        complaint: fs::read_to_string(complaint).expect("text"),
    }
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // Both fail only for one that has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

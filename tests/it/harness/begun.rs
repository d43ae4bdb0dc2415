//! A command line that goes on until it is told to end.

use std::fs::{self, File};
use std::process::{Child, Command};

use tempfile::TempDir;

use super::until;

/// The process, and what it has written so far.
pub(crate) struct Begun {
    child: Child,
    folder: TempDir,
}

impl Begun {
    /// Starts a command line.
    pub(crate) fn new(line: &mut Command) -> Self {
        let folder = TempDir::new().expect("a folder");
        let file = |name: &str| File::create(folder.path().join(name)).expect("a file");
        let child = line.stdout(file("out")).stderr(file("complaint")).spawn();
        Self {
            child: child.expect("starts"),
            folder,
        }
    }

    /// The lines on its standard output so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        let text = self.read("out");
        // The last one may still be on its way.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(str::to_owned).collect()
    }

    /// What it has written to standard error so far.
    pub(crate) fn complaint(&self) -> String {
        self.read("complaint")
    }

    /// Waits until there are so many lines, and returns them.
    pub(crate) async fn has_lines(&self, count: usize) -> Vec<String> {
        until("its lines", || self.lines().len() >= count).await;
        self.lines()
    }

    /// Waits until standard error has these words.
    pub(crate) async fn says(&self, words: &str) {
        until(words, || self.complaint().contains(words)).await;
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status();
        assert!(sent.expect("kill is there").success());
    }

    /// Waits for the end; answers the exit status, unless a signal ended it.
    pub(crate) async fn ended(&mut self) -> Option<i32> {
        let mut status = None;
        until("the end of the process", || {
            status = self.child.try_wait().expect("a child");
            status.is_some()
        })
        .await;
        status.and_then(|status| status.code())
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).expect("text")
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        // Both fail only for one that has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

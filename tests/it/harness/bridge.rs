//! The real program in a folder of its own.

use std::fs::{self, File, OpenOptions};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::{Begun, Page, Ran, ran, soon, until, wrapped};

/// A folder with a configuration, and the process that runs on it, while there is one.
pub(crate) struct Bridge {
    folder: TempDir,
    child: Option<Child>,
    environment: Vec<(String, String)>,
    token: Option<String>,
    starts: usize,
    wrapper: Vec<String>,
}

impl Bridge {
    /// A folder with this configuration. Nothing runs yet.
    pub(crate) fn new(config: &str) -> Self {
        let folder = TempDir::new().expect("a folder");
        fs::write(folder.path().join("config.toml"), config).expect("writes");
        Self {
            folder,
            child: None,
            environment: Vec::new(),
            token: None,
            starts: 0,
            wrapper: Vec::new(),
        }
    }

    /// The same with a variable in its environment.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same, with a token to show to its pages.
    pub(crate) fn token(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    /// The same, started through a command line that ends in the program's own.
    pub(crate) fn wrapped(mut self, wrapper: &[&str]) -> Self {
        self.wrapper = wrapper.iter().map(|&word| word.to_owned()).collect();
        self
    }

    /// The id of the process.
    pub(crate) fn id(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts `run`.
    pub(crate) fn start(&mut self) {
        assert!(self.child.is_none(), "it runs already");
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.log_path())
            .expect("a log");
        let child = self
            .command("run")
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("starts");
        self.child = Some(child);
        self.starts += 1;
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("SIGKILL");
            child.wait().expect("ends");
        }
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status();
        assert!(sent.expect("kill is there").success());
    }

    /// Waits for the end of the process.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("it runs");
        let mut status = None;
        until("the end of the process", || {
            status = child.try_wait().expect("a child");
            status.is_some()
        })
        .await;
        status.expect("it has ended")
    }

    /// Runs a command to its end, with more variables in its environment.
    pub(crate) async fn output(&self, command: &str, more: &[(&str, &str)]) -> Ran {
        ran(self.command(command).envs(more.iter().copied())).await
    }

    /// Runs a command with these options to its end.
    pub(crate) async fn told(&self, command: &str, options: &[&str]) -> Ran {
        ran(self.command(command).args(options)).await
    }

    /// Runs a command line to its end; it is told where the instance listens, while one runs.
    pub(crate) async fn tool(&self, arguments: &[&str]) -> Ran {
        ran(&mut self.line(arguments).await).await
    }

    /// Starts a command line that goes on until it is told to end; otherwise as [`Bridge::tool`].
    pub(crate) async fn begin(&self, arguments: &[&str]) -> Begun {
        Begun::new(&mut self.line(arguments).await)
    }

    async fn line(&self, arguments: &[&str]) -> Command {
        let mut line = self.command(arguments[0]);
        line.args(&arguments[1..]);
        if self.child.is_some() {
            line.env("BELLWIRE_HTTP__LISTEN", self.address().await.to_string());
        }
        line
    }

    /// Another configuration, for the next start.
    pub(crate) fn configure(&self, config: &str) {
        fs::write(self.folder.path().join("config.toml"), config).expect("writes");
    }

    /// Where the status page is. For a configuration that listens on port 0.
    pub(crate) async fn address(&self) -> SocketAddr {
        let mut address = None;
        until("the address of the page", || {
            // An earlier start has told where it was, too.
            let pages = self.logged("page");
            address = pages.get(self.starts - 1).and_then(|page| {
                let bare = page.strip_prefix("http://")?.strip_suffix('/')?;
                bare.parse().ok()
            });
            address.is_some()
        })
        .await;
        address.expect("it was found")
    }

    /// Asks the running instance for a path.
    pub(crate) async fn page(&self, path: &str) -> Page {
        let token = self.token.iter();
        let headers: Vec<String> = token
            .map(|token| format!("Authorization: Bearer {token}"))
            .collect();
        Page::get(self.address().await, path, &headers).await
    }

    /// Waits until a page shows a text, and returns it.
    pub(crate) async fn shows(&self, path: &str, text: &str) -> String {
        let mut look = tokio::time::interval(Duration::from_millis(20));
        soon(text, async {
            loop {
                let page = self.page(path).await;
                assert_eq!(page.status, 200, "{page:?}");
                if page.body.contains(text) {
                    return page.body;
                }
                look.tick().await;
            }
        })
        .await
    }

    /// Waits until `/readyz` shows something, and returns it.
    pub(crate) async fn ready(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Page {
        let mut look = tokio::time::interval(Duration::from_millis(20));
        soon(what, async {
            loop {
                let page = self.page("/readyz").await;
                if wanted(&page.json()) {
                    return page;
                }
                look.tick().await;
            }
        })
        .await
    }

    /// A field of every log line that has it, as text.
    fn logged(&self, field: &str) -> Vec<String> {
        let lines = self.log();
        let lines = lines.lines().map(serde_json::from_str::<Value>);
        lines
            .filter_map(|line| Some(line.ok()?.get(field)?.as_str()?.to_owned()))
            .collect()
    }

    /// Everything that has been logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    /// The most memory it has had, in bytes, by the system's account.
    pub(crate) fn peak_memory(&self) -> u64 {
        self.memory("VmHWM:")
    }

    /// A line of the system's account of its memory, in bytes.
    pub(crate) fn memory(&self, what: &str) -> u64 {
        let id = self.id();
        let status = fs::read_to_string(format!("/proc/{id}/status")).expect("an account");
        let line = status
            .lines()
            .find(|line| line.starts_with(what))
            .expect("that line");
        let kilobytes: u64 = line
            .split_whitespace()
            .nth(1)
            .and_then(|text| text.parse().ok())
            .expect("a number");
        kilobytes * 1024
    }

    fn command(&self, command: &str) -> Command {
        let mut line = wrapped(self.folder.path(), &self.wrapper);
        line.arg(command)
            .arg("--config")
            .arg(self.folder.path().join("config.toml"))
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        line
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join("bellwire.log")
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            // The log is what explains a failed test.
            let log = File::open(self.log_path())
                .map(|_| self.log())
                .unwrap_or_default();
            #[expect(clippy::print_stderr, reason = "tests explain themselves there")]
            {
                eprintln!("--- the bridge said\n{log}");
            }
        }
    }
}

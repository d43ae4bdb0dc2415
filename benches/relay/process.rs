//! A process that was started here: what it is told, what it says, what it uses.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdout, Command, Stdio};

/// Ticks in a second of the times in `/proc`, the same on every Linux that programs see.
pub(crate) const TICKS: f64 = 100.0;

/// A process, killed when it is dropped.
pub(crate) struct Process(Child);

impl Process {
    pub(crate) fn start(command: &mut Command) -> Self {
        Self(command.spawn().expect("a program that starts"))
    }

    /// Ends it as `kill -9` does.
    pub(crate) fn kill(&mut self) {
        self.0.kill().expect("a process");
        self.0.wait().expect("its end");
    }

    /// Asks it to end, as a service manager does, and waits until it has; answers its exit code.
    pub(crate) fn stop(&mut self) -> Option<i32> {
        let own = rustix::process::Pid::from_child(&self.0);
        rustix::process::kill_process(own, rustix::process::Signal::TERM).expect("a process");
        self.0.wait().expect("its end").code()
    }

    /// Seconds that it has had a core, for itself and in the system.
    pub(crate) fn cpu(&self) -> f64 {
        let stat = self.read("stat");
        // The name of the program stands in brackets, and may hold anything.
        let (_, fields) = stat.rsplit_once(") ").expect("a name in brackets");
        let fields = fields.split(' ').skip(11).take(2);
        let ticks = fields.map(|field| field.parse::<f64>().expect("a number"));
        ticks.sum::<f64>() / TICKS
    }

    /// A line of its memory, such as `VmRSS`, in MB.
    pub(crate) fn memory(&self, name: &str) -> f64 {
        let status = self.read("status");
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let number = line.and_then(|line| line.split_whitespace().nth(1));
        let kibibytes: f64 = number.and_then(|number| number.parse().ok()).expect(name);
        kibibytes * 1024.0 / 1e6
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(format!("/proc/{}/{name}", self.0.id())).expect("a process that runs")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A role of this program, which takes a line and answers one.
pub(crate) struct Role {
    process: Process,
    said: Lines<BufReader<ChildStdout>>,
    /// The address it listens at.
    pub(crate) address: String,
}

impl Role {
    pub(crate) fn start(role: &str, options: &[String]) -> Self {
        let mut command = myself(role);
        command
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut process = Process::start(&mut command);
        let stdout = process.0.stdout.take().expect("a pipe");
        let mut role = Self {
            process,
            said: BufReader::new(stdout).lines(),
            address: String::new(),
        };
        let port = role.hear("port");
        role.address = format!("http://127.0.0.1:{port}/");
        role
    }

    pub(crate) fn tell(&mut self, line: &str) {
        let stdin = self.process.0.stdin.as_mut().expect("a pipe");
        writeln!(stdin, "{line}").expect("a role that listens");
    }

    /// Waits for a line that begins with a word; answers the rest of it.
    pub(crate) fn hear(&mut self, word: &str) -> String {
        loop {
            let line = self.said.next().expect("a role that speaks").expect("text");
            if let Some(rest) = line.strip_prefix(word) {
                return rest.trim().to_owned();
            }
        }
    }

    /// Has it wait until so many different deliveries have arrived, but not for ever.
    pub(crate) fn wait(&mut self, count: u64, seconds: u64) -> Report {
        self.tell(&format!("wait {count} {seconds}"));
        self.report()
    }

    /// What has arrived so far, with the times of what has arrived since this was last asked.
    pub(crate) fn lap(&mut self) -> Report {
        self.tell("lap");
        self.report()
    }

    fn report(&mut self) -> Report {
        let report = self.hear("report");
        let fields = report.split(' ').filter_map(|field| field.split_once('='));
        let fields =
            fields.map(|(name, value)| (name.to_owned(), value.parse().expect("a number")));
        Report(fields.collect())
    }
}

/// What a receiver has counted.
pub(crate) struct Report(HashMap<String, u64>);

impl Report {
    pub(crate) fn get(&self, name: &str) -> u64 {
        self.0[name]
    }

    /// A number of nanoseconds in seconds.
    #[expect(clippy::cast_precision_loss, reason = "a fraction of a microsecond")]
    pub(crate) fn seconds(&self, name: &str) -> f64 {
        self.get(name) as f64 / 1e9
    }
}

/// The command that starts this program in a role.
pub(crate) fn myself(role: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("a path"));
    command.arg(role);
    command
}

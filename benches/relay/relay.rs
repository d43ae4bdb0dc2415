//! Who is measured, and how each of them is started.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};

use super::process::{Process, myself};
use super::server::Schema;
use super::slow;
use super::trial::Load;
use super::wire::SECRET;

/// The program itself.
pub(crate) const BELLWIRE: &str = env!("CARGO_BIN_EXE_bellwire");

/// The type of the events that are to be delivered.
pub(crate) const KIND: &str = "tp_hit";

/// The type of the events of the loud source.
pub(crate) const LOUD: &str = "loud";

/// Who relays.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Relay {
    /// Reads, signs, sends; stores nothing.
    Bare,
    /// The shortest one that loses nothing.
    Yardstick,
    /// bellwire with what a person sets who wants speed.
    Bellwire,
    /// bellwire with nothing set.
    Defaults,
}

impl Relay {
    pub(crate) const ALL: [Self; 4] = [Self::Bare, Self::Yardstick, Self::Bellwire, Self::Defaults];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Yardstick => "yardstick",
            Self::Bellwire => "bellwire",
            Self::Defaults => "bellwire, defaults",
        }
    }
}

/// The rules that bellwire gets. Each set sends every event of [`KIND`] to all sinks once.
#[derive(Clone, Copy)]
pub(crate) enum Rules {
    /// One rule for the type.
    One,
    /// So many rules, each for another type.
    Types(usize),
    /// So many rules for the type, each with a condition; the last alone holds.
    Conditions(usize),
}

/// From where to where.
pub(crate) struct Way<'a> {
    pub(crate) feed: &'a str,
    /// The receiver's address.
    pub(crate) receiver: &'a str,
    /// The address of the receiver for what the loud source sends, if any of it is wanted.
    pub(crate) aside: Option<&'a str>,
    pub(crate) load: &'a Load,
    /// A last event of the type `marker` goes to a sink of its own, and no sink gives up a request soon.
    pub(crate) marker: bool,
    /// Where the queue is, if not in the folder.
    pub(crate) schema: Option<&'a Schema>,
}

impl Way<'_> {
    fn addresses(&self) -> impl Iterator<Item = String> {
        (0..self.load.sinks).map(|sink| format!("{}{sink}", self.receiver))
    }

    /// The sources by name. Where there are many, the first is the loud one.
    fn sources(&self) -> impl Iterator<Item = (String, String)> {
        (0..self.load.sources).map(|number| match (self.load.sources, number) {
            (1, _) => ("feed".to_owned(), self.feed.to_owned()),
            (_, 0) => (LOUD.to_owned(), format!("{}{LOUD}", self.feed)),
            _ => (format!("q{number}"), format!("{}{number}", self.feed)),
        })
    }
}

/// Starts a relay in a folder.
pub(crate) fn start(relay: Relay, folder: &Path, way: &Way<'_>) -> Process {
    let mut command = match relay {
        Relay::Bare => myself("bare"),
        Relay::Yardstick => myself("yardstick"),
        Relay::Bellwire | Relay::Defaults => {
            let file = folder.join("config.toml");
            fs::write(&file, configuration(relay, folder, way)).expect("written");
            let mut command = Command::new(BELLWIRE);
            command.args(["run", "--config"]).arg(file);
            command
        }
    };
    if matches!(relay, Relay::Bare | Relay::Yardstick) {
        command
            .arg(format!("feed={}", way.feed))
            .arg(format!("kind={KIND}"));
        command.arg(format!("folder={}", folder.display()));
        command.args(way.addresses().map(|address| format!("sink={address}")));
    }
    if way.load.slow {
        command.env(slow::LOADED_FIRST, slow::library());
    }
    let log = File::options()
        .create(true)
        .append(true)
        .open(folder.join("log"))
        .expect("a log");
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log);
    Process::start(&mut command)
}

fn configuration(relay: Relay, folder: &Path, way: &Way<'_>) -> String {
    let mut text = format!(
        "data_dir = \"{}\"\n[http]\nlisten = \"127.0.0.1:0\"\n[retention]\nmax_disk = \"16GiB\"\nevents = \"{}\"\n",
        folder.join("data").display(),
        way.load.keep
    );
    if let Some(schema) = way.schema {
        let (server, schema) = (&schema.server, &schema.name);
        write!(text, "[store]\nurl = \"{server}\"\nschema = \"{schema}\"\n").expect("room");
    }
    for (name, address) in way.sources() {
        let table = format!("[sources.{name}]\nkind = \"sse\"\nurl = \"{address}\"\n");
        text.push_str(&table);
    }
    let mut sink = |name: &str, address: &str| {
        let table = format!(
            "[sinks.{name}]\nkind = \"webhook\"\nurl = \"{address}\"\nsecret = \"{SECRET}\"\n"
        );
        text.push_str(&table);
        if relay == Relay::Bellwire {
            text.push_str("concurrency = 16\nrate_limit = \"off\"\n");
        }
        if way.marker {
            text.push_str("timeout = \"5m\"\n");
        }
    };
    for (number, address) in way.addresses().enumerate() {
        sink(&format!("s{number}"), &address);
    }
    if way.marker {
        sink(
            "marker",
            &format!("{}{}", way.receiver, super::receiver::MARKER),
        );
    }
    if let Some(address) = way.aside {
        sink(LOUD, &format!("{address}0"));
    }
    let to: Vec<String> = (0..way.load.sinks)
        .map(|number| format!("\"s{number}\""))
        .collect();
    let to = to.join(", ");
    let mut rule = |name: usize, kind: &str, when: &str, to: &str| {
        let rule =
            format!("[[rules]]\nname = \"r{name}\"\nevents = [\"{kind}\"]\n{when}to = [{to}]\n");
        text.push_str(&rule);
    };
    match way.load.rules {
        Rules::One => rule(1, KIND, "", &to),
        Rules::Types(count) => {
            for number in 1..count {
                rule(number, &format!("{KIND}_{number}"), "", &to);
            }
            rule(count, KIND, "", &to);
        }
        Rules::Conditions(count) => {
            for number in 1..count {
                let when = format!("when = 'data.realized_pl > {}'\n", 1000 + number);
                rule(number, KIND, &when, &to);
            }
            rule(count, KIND, "when = 'data.realized_pl > 0'\n", &to);
        }
    }
    for name in [way.marker.then_some("marker"), way.aside.map(|_| LOUD)] {
        let Some(name) = name else { continue };
        write!(
            text,
            "[[rules]]\nname = \"{name}\"\nevents = [\"{name}\"]\nto = [\"{name}\"]\n"
        )
        .expect("room");
    }
    text
}
